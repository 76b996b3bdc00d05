//! The integration tests: the real binary, run on small workspaces against model endpoints on loopback.
#![expect(
    clippy::unwrap_used,
    reason = "what a helper cannot do fails the test that called it"
)]

mod baseline_test;
mod broken;
mod cause_test;
mod ci_test;
mod database;
mod docs;
mod endpoint;
mod endpoint_test;
mod example;
mod faults;
mod gate_test;
mod history_test;
mod import_test;
mod limits_test;
mod looks_test;
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
mod summary;
mod team_test;
mod telemetry_test;
mod tidy;
mod timeline_test;
