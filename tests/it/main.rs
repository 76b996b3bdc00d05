//! The integration tests: the real binary, run on small workspaces against model endpoints on loopback.

mod docs;
mod endpoint;
mod endpoint_test;
mod example;
mod project;
mod project_test;
mod tidy;
