//! How likely the tokens of an answer were.

use serde::{Deserialize, Serialize};
use serde_json::Number;

/// A token of an answer with how likely the model held it to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenLogprob {
    /// The token as text.
    pub token: String,
    /// The natural logarithm of its probability.
    pub logprob: Number,
}
