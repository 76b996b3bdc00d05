//! Regauge answers one question about an LLM feature: did this change of prompt, model or endpoint make it worse,
//! how sure are we, and what exactly changed?

pub mod digest;
pub mod error;
pub mod exchange;
pub mod provider;
pub mod secret;
pub mod units;
