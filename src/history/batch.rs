//! A batch of calls, as the history keeps it from before it is submitted until nothing more can come of it.

use crate::digest::Digest;

/// A batch of calls to one model for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Our name for it, which no other batch has.
    pub id: String,
    /// The run.
    pub run: String,
    /// The alias of the model.
    pub alias: String,
    /// When it was about to be submitted: milliseconds since 1970, UTC.
    pub noted_at: i64,
    /// The endpoint's name for it; `None` where we were never told.
    pub remote: Option<String>,
    /// The addresses of its calls.
    pub addresses: Vec<Digest>,
}

impl Batch {
    /// What its call at an address is named in it: 64 hexadecimal digits, the most that an endpoint takes. The name is
    /// that of this batch alone, so that no result of another one can be taken for ours.
    pub fn call_id(&self, address: &Digest) -> String {
        Digest::of_bytes(format!("{}:{address}", self.id).as_bytes()).to_string()
    }
}
