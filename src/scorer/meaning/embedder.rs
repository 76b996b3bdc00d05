//! What makes vectors of texts: a model that is asked for them.

use serde_json::Value;

use super::super::asking::{Asks, Hearing, Judged, Question, Told};
use super::super::entry::Entry;
use super::super::service::Service;
use super::super::{OrMissing, Turn};
use crate::error::Result;
use crate::exchange::Request;
use crate::exchange::task::Task;

/// Texts that are asked for in one call, at most: what the strictest endpoints take.
const TOGETHER: usize = 64;

/// A model that makes vectors.
#[derive(Debug)]
pub(super) struct Embedder(Service);

/// Texts whose vectors an answer is compared with.
#[derive(Debug)]
pub(super) struct Prepared(Vec<Question>);

/// The vectors that were asked for.
#[derive(Debug)]
pub(super) struct Vectors<'h> {
    /// That of the answer.
    pub(super) own: &'h [f32],
    /// Those that it is compared with, in the order of their texts.
    pub(super) others: Vec<&'h [f32]>,
    /// What was asked for them.
    pub(super) judged: Judged,
}

impl Embedder {
    /// As the options of an entry say.
    pub(super) fn read(entry: &Entry<'_>) -> Result<Self> {
        Service::read(entry, Task::Embed).map(Self)
    }

    /// Makes ready to ask for the vectors of these texts.
    pub(super) fn prepare(&self, texts: &[String]) -> Prepared {
        let batches = texts.chunks(TOGETHER);
        // Equal texts have equal vectors: one question for all trials.
        let question = |batch: &[String]| self.0.question(batch.iter().cloned(), 1);
        Prepared(batches.map(question).collect())
    }

    /// The vectors of an answer and of what it is compared with; or the turn with what has to be asked first, or why
    /// there are none.
    pub(super) fn vectors<'h>(
        &self,
        answer: &str,
        prepared: &Prepared,
        hearing: &Hearing<'h>,
    ) -> std::result::Result<Vectors<'h>, Turn> {
        let mut questions = vec![self.0.question([answer.to_owned()], 1)];
        questions.extend(prepared.0.iter().cloned());
        let (heard, judged) = hearing.hear(&questions).map_err(Turn::Ask)?;
        match self.found(&questions, &heard, hearing) {
            Ok((own, others)) => Ok(Vectors {
                own,
                others,
                judged,
            }),
            Err(error) => Err(Turn::Done(Err(error), Some(judged))),
        }
    }

    /// The vector of the first question's text, and those of the others.
    fn found<'h>(
        &self,
        questions: &[Question],
        heard: &[&Told],
        hearing: &Hearing<'h>,
    ) -> OrMissing<(&'h [f32], Vec<&'h [f32]>)> {
        let mut all = Vec::new();
        for (question, told) in questions.iter().zip(heard) {
            told.response(&self.0.whom())?;
            let vectors = hearing.replies.vectors(question.address());
            // A recording may have been written by anyone.
            if vectors.len() != question.call.request.messages.len() {
                return Err(format!("{} gave another number of vectors", self.0.whom()));
            }
            all.extend(vectors.iter().map(Vec::as_slice));
        }
        let own = all.remove(0);
        Ok((own, all))
    }

    /// Whom it asks.
    pub(super) fn asks(&self) -> Asks<'_> {
        self.0.asks()
    }

    /// A request as it makes them.
    pub(super) fn sample(&self) -> Request {
        self.0.request([String::new()])
    }

    /// Its part of a fingerprint.
    pub(super) fn identity(&self) -> Value {
        self.0.identity()
    }
}
