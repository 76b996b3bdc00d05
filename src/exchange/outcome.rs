//! How a trial may end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The end of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An answer.
    Ok,
    /// The model refused. That is behaviour, and is scored.
    Refused,
    /// The answer was cut at the token limit. That is behaviour, and is scored.
    Truncated,
    /// A content filter cut or withheld the answer. That is behaviour, and is scored.
    Filtered,
    /// No answer within the time limit.
    Timeout,
    /// The endpoint had no room for us, up to the last attempt.
    RateLimited,
    /// The endpoint failed or could not be reached.
    ProviderError,
    /// What came back could not be read.
    Unparseable,
    /// The run was interrupted before this trial.
    Cancelled,
    /// The run gave this trial up: its budget or time was spent, or the endpoint was down.
    Skipped,
}

impl Outcome {
    /// All of them, in the order of reports.
    pub const ALL: &[Self] = &[
        Self::Ok,
        Self::Refused,
        Self::Truncated,
        Self::Filtered,
        Self::Timeout,
        Self::RateLimited,
        Self::ProviderError,
        Self::Unparseable,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// Whether the model behaved in a way that can be scored. The others are missing, and stay in the denominator.
    pub fn is_measured(self) -> bool {
        matches!(
            self,
            Self::Ok | Self::Refused | Self::Truncated | Self::Filtered
        )
    }

    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate-limited",
            Self::ProviderError => "provider-error",
            Self::Unparseable => "unparseable",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
