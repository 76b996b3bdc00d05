//! What scorers ask a model for besides an answer: vectors of texts, a judgement of a filter, a score.

use std::sync::Arc;

use serde_json::{Value, json};

use super::asking::{Asks, Question};
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

    /// Whom it asks.
    pub(super) fn asks(&self) -> Asks<'_> {
        Asks {
            alias: &self.alias,
            model: &self.model,
            prompt: None,
            is_built_in: false,
            labels: &[],
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
