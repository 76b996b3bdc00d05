//! Compares a run with its baseline.

pub mod summary;
