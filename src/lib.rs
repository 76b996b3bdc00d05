//! Regauge answers one question about an LLM feature: did this change of prompt, model or endpoint make it worse,
//! how sure are we, and what exactly changed?

pub mod calibration;
pub mod cli;
pub mod compare;
pub mod digest;
pub mod document;
pub mod engine;
pub mod error;
pub mod exchange;
pub mod execute;
pub mod files;
pub mod git;
pub mod golden;
pub mod history;
pub mod plan;
pub mod prompt;
pub mod provider;
pub mod report;
pub mod review;
pub mod scorer;
pub mod secret;
pub mod shape;
pub mod stats;
pub mod suite;
pub mod text;
pub mod timeline;
pub mod units;
pub mod workspace;
