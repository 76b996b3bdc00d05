//! The integration tests: the real binary, run on small workspaces against model endpoints on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "what a helper cannot do fails the test that called it"
)]

mod acceptance_test;
mod baseline_test;
mod batch_test;
mod bedrock_test;
mod broken;
mod calibration_test;
mod cause_test;
mod ci_test;
mod command_test;
mod database;
mod derived_test;
mod docs;
mod endpoint;
mod endpoint_test;
mod example;
mod eyes_off_test;
mod faults;
mod fuzz_test;
mod gate_test;
mod history_test;
mod import_test;
mod injection_test;
mod judge_kinds_test;
mod judge_test;
mod judges;
mod labels_test;
mod limits_test;
mod looks_test;
mod matrix_test;
mod meaning_test;
mod media_test;
mod own_test;
mod page;
mod page_test;
mod pairwise_test;
mod probe_test;
mod process;
mod project;
mod project_test;
mod resume;
mod review_test;
mod run_test;
mod scorers_test;
mod secrets;
mod store_test;
mod stream_test;
mod summary;
mod team_test;
mod telemetry_test;
mod tidy;
mod timeline_test;
