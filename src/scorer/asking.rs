//! What scorers ask of models, what they were told, and how a grading that has to ask goes on.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Score;
use crate::digest::Digest;
use crate::exchange::{Answered, Call};
use crate::units::Cost;

/// A call that a scorer needs before it can say anything.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked.
    pub call: Arc<Call>,
    /// Which repeat of it, counted from 1.
    pub repeat: u32,
}

impl Question {
    /// The address of the exchange that answers it.
    pub fn address(&self) -> Digest {
        self.call.address(self.repeat)
    }
}

/// What came of a question.
#[derive(Debug, Clone)]
pub enum Told {
    /// A reply, and whether this run called for it.
    Answered {
        /// The reply.
        answer: Box<Answered>,
        /// Whether this run called for it.
        live: bool,
    },
    /// No call was made, and why.
    GivenUp(Arc<str>),
}

/// What came of the questions so far, by address.
#[derive(Debug, Default)]
pub struct Replies(HashMap<Digest, Told>);

impl Replies {
    /// What came of the question at this address; `None` where it was not asked yet.
    pub fn get(&self, address: Digest) -> Option<&Told> {
        self.0.get(&address)
    }

    /// Keeps what came of a question; the first word stands.
    pub fn tell(&mut self, address: Digest, told: Told) {
        self.0.entry(address).or_insert(told);
    }
}

/// What a scorer may know besides the answer and its target.
#[derive(Debug, Clone, Copy)]
pub struct Hearing<'a> {
    /// Which trial of the case is graded, counted from 1: each is judged once, afresh.
    pub repeat: u32,
    /// The answer of the baseline to the same case, where there is one.
    pub rival: Option<&'a str>,
    /// What came of the questions so far.
    pub replies: &'a Replies,
}

/// What a scorer will ask about an answer that is not there yet.
#[derive(Debug, Default)]
pub struct Outlook {
    /// What it asks once, whatever the answers are.
    pub once: Option<Arc<Call>>,
    /// What it asks about an answer.
    pub each: Vec<Arc<Call>>,
    /// How often it asks each of these.
    pub votes: u32,
}

/// How far a grading came.
#[derive(Debug)]
pub enum Step {
    /// To its end.
    Done(Assessed),
    /// To questions; with their replies it goes on.
    Ask(Vec<Question>),
}

/// The end of a grading.
#[derive(Debug)]
pub struct Assessed {
    /// The score, or why there is none.
    pub result: Result<Score, String>,
    /// What a model was asked for it.
    pub judged: Option<Judged>,
}

/// What a model was asked for a score.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// The calls, in the order in which they count.
    pub calls: Vec<JudgeCall>,
    /// Replies that were no verdict.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unparseable: u32,
    /// Comparisons that the answer shown first won.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first: u32,
    /// Comparisons that the answer shown second won.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub second: u32,
    /// Pairs of answers with a verdict in both orders.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pairs: u32,
    /// Pairs of which the answer shown first won in both orders: the judge followed the position.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub both_first: u32,
    /// Pairs of which the answer shown second won in both orders.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub both_second: u32,
}

/// One call of a judge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeCall {
    /// The address of its exchange.
    pub address: Digest,
    /// What it cost, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Whether the run called for it; else it was known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub live: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to the field"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}
