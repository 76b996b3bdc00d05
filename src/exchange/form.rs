//! What a wire format leaves open and the entry of a model says: part of a request, since it can change the answer.

use serde::{Deserialize, Serialize};

/// What a wire format leaves open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The dated version of Azure's interface.
    ApiVersion(String),
}
