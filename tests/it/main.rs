//! The integration tests: the real binary, run on small workspaces against model endpoints on loopback.

mod broken;
mod docs;
mod endpoint;
mod endpoint_test;
mod faults;
mod gate_test;
mod history_test;
mod project;
mod project_test;
mod resume;
mod run_test;
mod secrets;
mod summary;
mod tidy;
