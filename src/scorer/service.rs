//! What scorers ask a model for besides an answer: vectors of texts, a judgement of a filter, a score.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Turn;
use super::asking::{Asks, Hearing, Judged, Question, Told};
use super::entry::Entry;
use crate::error::Result;
use crate::exchange::task::Task;
use crate::exchange::{Call, Message, Request};
use crate::workspace::model::Model;

/// A model that is asked for something about texts.
#[derive(Debug)]
pub(super) struct Service {
    alias: String,
    model: Model,
    task: Task,
}

impl Service {
    /// The model that the option `model` names, for this task.
    pub(super) fn read(entry: &Entry<'_>, task: Task) -> Result<Self> {
        let (alias, model) = entry.model()?;
        Ok(Self { alias, model, task })
    }

    /// How an error names it.
    pub(super) fn whom(&self) -> String {
        format!("`{}`", self.alias)
    }

    /// The question about these texts, put for the `repeat`-th time.
    pub(super) fn question(
        &self,
        texts: impl IntoIterator<Item = String>,
        repeat: u32,
    ) -> Question {
        Question::new(Arc::new(Call::new(self.request(texts))), repeat)
    }

    /// What came of questions, with the record of it; or the turn that puts those which are still open.
    pub(super) fn hear<'h>(
        &self,
        questions: &[Question],
        hearing: &Hearing<'h>,
    ) -> std::result::Result<(Vec<&'h Told>, Judged), Turn> {
        let told = |question: &Question| hearing.replies.get(question.address());
        let open = questions.iter().filter(|question| told(question).is_none());
        let open: Vec<Question> = open.cloned().collect();
        if !open.is_empty() {
            return Err(Turn::Ask(open));
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

    pub(super) fn asks(&self) -> Asks<'_> {
        Asks {
            alias: &self.alias,
            model: &self.model,
            prompt: None,
            is_built_in: false,
        }
    }

    /// A request about these texts.
    pub(super) fn request(&self, texts: impl IntoIterator<Item = String>) -> Request {
        let message = |text| Message::User {
            text,
            media: Vec::new(),
        };
        Request {
            provider: self.model.host.format,
            alias: self.alias.clone(),
            model: self.model.model.clone(),
            task: self.task,
            messages: texts.into_iter().map(message).collect(),
            tools: Vec::new(),
            tool_choice: None,
            schema: None,
            params: self.model.params.clone(),
            form: self.model.form.clone(),
        }
    }

    /// Its part of a fingerprint.
    pub(super) fn identity(&self) -> Value {
        json!({
            "provider": self.model.host.format,
            "model": self.model.model,
            "form": self.model.form,
            "params": self.model.params,
        })
    }
}
