//! What scorers ask of models, what they were told, and how a grading that has to ask goes on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Score;
use crate::digest::Digest;
use crate::exchange::task::Vector;
use crate::exchange::{Answered, Call, Reply, Response};
use crate::prompt::Prompt;
use crate::text::excerpt;
use crate::units::Cost;
use crate::workspace::model::Model;

/// Characters of a failure that an error shows.
const SHOWN: usize = 120;

/// Whom a scorer asks.
#[derive(Debug)]
pub struct Asks<'a> {
    /// The alias of the model.
    pub alias: &'a str,
    /// What stands behind it.
    pub model: &'a Model,
    /// The prompt of a judge; `None` where something else is asked for than an answer.
    pub prompt: Option<&'a Prompt>,
    /// Whether the prompt is the one inside the program.
    pub is_built_in: bool,
    /// The columns with what people say of the answers.
    pub labels: &'a [String],
}

/// A call that a scorer needs before it can say anything.
#[derive(Debug, Clone)]
pub struct Question {
    /// What is asked.
    pub call: Arc<Call>,
    /// Which repeat of it, counted from 1.
    pub repeat: u32,
    address: Digest,
}

impl Question {
    /// The question that is asked by this call for the `repeat`-th time.
    pub fn new(call: Arc<Call>, repeat: u32) -> Self {
        Self {
            address: call.address(repeat),
            call,
            repeat,
        }
    }

    /// The address of the exchange that answers it.
    pub fn address(&self) -> Digest {
        self.address
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

impl Told {
    /// The response, or why `whom` gave none.
    pub(super) fn response(&self, whom: &str) -> Result<&Response, String> {
        match self {
            Self::GivenUp(reason) => Err(format!("{whom} was not asked: {reason}")),
            Self::Answered { answer, .. } => match &answer.reply {
                Reply::Response(response) => Ok(response),
                Reply::Failure(failure) => {
                    let failure = failure.to_string();
                    let failure = excerpt(&failure, SHOWN);
                    Err(format!("{whom} gave no answer: {failure}"))
                }
            },
        }
    }

    /// Whether this run called for it.
    pub(super) fn is_live(&self) -> bool {
        matches!(self, Self::Answered { live: true, .. })
    }
}

/// What came of the questions so far, by address.
#[derive(Debug, Default)]
pub struct Replies {
    told: HashMap<Digest, Told>,
    /// The numbers of vectors, which are read once and compared many times.
    vectors: HashMap<Digest, Vec<Vec<f32>>>,
}

impl Replies {
    /// What came of the question at this address; `None` where it was not asked yet.
    pub fn get(&self, address: Digest) -> Option<&Told> {
        self.told.get(&address)
    }

    /// The vectors of the reply at this address, one for each text; none where there is no such reply.
    pub fn vectors(&self, address: Digest) -> &[Vec<f32>] {
        self.vectors.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Keeps what came of a question; the first word stands.
    pub fn tell(&mut self, address: Digest, told: Told) {
        let Entry::Vacant(entry) = self.told.entry(address) else {
            return;
        };
        if let Told::Answered { answer, .. } = entry.insert(told)
            && let Some(response) = answer.reply.response()
            && !response.vectors.is_empty()
        {
            let numbers = response.vectors.iter().map(Vector::numbers);
            self.vectors.insert(address, numbers.collect());
        }
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

/// What came of some questions, in their order, with the record of it.
pub(super) type Heard<'a> = (Vec<&'a Told>, Judged);

impl<'a> Hearing<'a> {
    /// What came of these questions; those that are still open, where there are such.
    pub(super) fn hear(&self, questions: &[Question]) -> Result<Heard<'a>, Vec<Question>> {
        let told = |question: &Question| self.replies.get(question.address());
        let is_open = |question: &&Question| told(question).is_none();
        let open: Vec<Question> = questions.iter().filter(is_open).cloned().collect();
        if !open.is_empty() {
            return Err(open);
        }
        let mut judged = Judged::default();
        let heard = questions.iter().filter_map(|question| {
            let told = told(question)?;
            judged.note(question, told);
            Some(told)
        });
        let heard = heard.collect();
        Ok((heard, judged))
    }
}

/// What a scorer will ask about an answer that is not there yet.
#[derive(Debug, Default)]
pub struct Outlook {
    /// What it asks once, whatever the answers are.
    pub once: Vec<Arc<Call>>,
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

impl Judged {
    /// Adds a question that was answered or given up.
    pub(super) fn note(&mut self, question: &Question, told: &Told) {
        self.calls.push(JudgeCall {
            address: question.address(),
            cost: None,
            live: told.is_live(),
        });
    }
}

/// One call of a scorer.
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
