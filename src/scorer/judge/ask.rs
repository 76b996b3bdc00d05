//! A judge at work: what it asks about an answer, and what it makes of the replies.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::super::asking::{Asks, Hearing, Judged, Outlook, Question, Replies, Told};
use super::super::{OrMissing, Reading, Rule, Subject, Turn, Values, stand_in};
use super::build::Source;
use super::fence::{Fence, disarmed};
use super::task::{Form, Pick, Said, Task, record};
use super::verdict;
use crate::exchange::task::Task as Kind;
use crate::exchange::{Call, Message, OutputSchema, Params, Request};
use crate::prompt::Prompt;
use crate::stats::reduce::Reducer;
use crate::workspace::model::Model;

/// Parts that one call decides on, at most.
const MOST_PARTS: usize = 200;
/// Who it is that gives no answer.
const WHOM: &str = "the judge";

/// What an answer is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    Baseline,
    Expected,
}

/// A judge with its options.
#[derive(Debug)]
pub(in super::super) struct Judge {
    pub(super) alias: String,
    pub(super) model: Model,
    pub(super) prompt: Prompt,
    /// Whether the prompt is the one inside the program.
    pub(super) is_built_in: bool,
    pub(super) params: Params,
    pub(super) votes: u32,
    pub(super) reducer: Reducer,
    pub(super) structured: bool,
    /// The columns of the input; empty: all but the context and the labels.
    pub(super) input: Vec<String>,
    /// The columns with what people say of the answers, which the judge does not see.
    pub(super) labels: Vec<String>,
    pub(super) context: String,
    /// The column of the expected value, where it is no reserved one.
    pub(super) column: Option<String>,
    pub(super) rival: Rival,
    pub(super) criterion: String,
    pub(super) steps: Vec<String>,
    /// The prompt that asks for steps, where none were given.
    pub(super) asks_steps: Option<Prompt>,
    /// What is parted, where parts are decided on.
    pub(super) parted: Option<Source>,
    pub(super) threshold: Option<f64>,
    pub(super) task: Task,
}

/// A call with the texts that it has judged.
struct Asked {
    call: Arc<Call>,
    /// Whether the two answers change places.
    swapped: bool,
}

/// The texts of a case that a prompt may take.
struct Texts {
    /// By the name of the input; all of them foreign.
    foreign: Vec<(&'static str, String)>,
    parts: usize,
}

impl Rule for Judge {
    fn values(&self) -> Values {
        match self.task {
            Task::YesNo if self.reducer != Reducer::Mean => Values::Binary,
            Task::YesNo => Values::Graded { decides: false },
            _ => Values::Graded {
                decides: self.threshold.is_some(),
            },
        }
    }

    fn read(&self, _: &Subject<'_>) -> OrMissing<Reading> {
        Err(format!("the judge on `{}` was not asked", self.alias))
    }

    fn consult(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> Turn {
        let steps = match self.steps(hearing) {
            Ok(steps) => steps,
            Err(turn) => return *turn,
        };
        let texts = match self.texts(subject, hearing) {
            Ok(texts) => texts,
            Err(error) => return Turn::missing(error),
        };
        let calls = match self.calls(&texts, &steps) {
            Ok(calls) => calls,
            Err(error) => return Turn::missing(error),
        };
        let first = (hearing.repeat - 1).saturating_mul(self.votes);
        let mut questions = Vec::new();
        let mut told = Vec::new();
        for vote in 1..=self.votes {
            for asked in &calls {
                let question = Question::new(asked.call.clone(), first + vote);
                match hearing.replies.get(question.address()) {
                    Some(reply) => told.push((question, asked.swapped, reply)),
                    None => questions.push(question),
                }
            }
        }
        if !questions.is_empty() {
            return Turn::Ask(questions);
        }
        self.conclude(&told, calls.len(), &texts)
    }

    fn asks(&self) -> Option<Asks<'_>> {
        Some(Asks {
            alias: &self.alias,
            model: &self.model,
            prompt: Some(&self.prompt),
            is_built_in: self.is_built_in,
            labels: &self.labels,
        })
    }

    fn sample(&self) -> Option<Request> {
        let text = String::new();
        let messages = vec![
            Message::System { text: text.clone() },
            Message::User {
                text,
                media: Vec::new(),
            },
        ];
        Some(self.request(&self.prompt, messages, self.task.form(1).schema))
    }

    fn foresee(&self, subject: &Subject<'_>) -> Outlook {
        let hearing = Hearing {
            repeat: 1,
            rival: Some(subject.text),
            replies: &Replies::default(),
        };
        let (once, steps) = match self.steps(&hearing) {
            Ok(steps) => (Vec::new(), steps),
            // What it will be told is as long as its replies may be.
            Err(turn) => match *turn {
                Turn::Ask(asked) => {
                    let calls = asked.into_iter().map(|question| question.call);
                    (calls.collect(), stand_in(self.params.max_tokens))
                }
                Turn::Done(..) => return Outlook::default(),
            },
        };
        let calls = self
            .texts(subject, &hearing)
            .and_then(|texts| self.calls(&texts, &steps));
        Outlook {
            once,
            each: calls
                .unwrap_or_default()
                .into_iter()
                .map(|asked| asked.call)
                .collect(),
            votes: self.votes,
        }
    }

    fn compares(&self) -> bool {
        matches!(self.task, Task::Pair) && self.rival == Rival::Baseline
    }

    fn identity(&self, written: Value) -> Value {
        json!({
            "options": written,
            "provider": self.model.host.format,
            "model": self.model.model,
            "form": self.model.form,
            "params": self.params,
            "prompt": self.prompt.digest,
        })
    }
}

impl Judge {
    fn request(&self, prompt: &Prompt, messages: Vec<Message>, schema: Value) -> Request {
        let schema = self.structured.then(|| OutputSchema {
            name: "verdict".to_owned(),
            description: None,
            schema,
        });
        Request {
            provider: self.model.host.format,
            alias: self.alias.clone(),
            model: self.model.model.clone(),
            task: Kind::Chat,
            messages,
            tools: prompt.tools.clone(),
            tool_choice: prompt.tool_choice.clone(),
            schema,
            params: self.params.clone(),
            form: self.model.form.clone(),
        }
    }

    /// The steps of the criterion: those that were given, or those that the model was asked for.
    fn steps(&self, hearing: &Hearing<'_>) -> Result<String, Box<Turn>> {
        let Some(prompt) = &self.asks_steps else {
            return Ok(numbered(self.steps.iter().map(String::as_str)));
        };
        let mut vars = Map::new();
        vars.insert("criterion".to_owned(), json!(self.criterion));
        let list = json!({"type": "array", "items": {"type": "string"}});
        let form = Form {
            schema: record(vec![("steps", list)]),
            example: "{\"steps\": [\"the first step\", \"the second step\", …]}".to_owned(),
        };
        let messages = prompt
            .render("the criterion", &vars)
            .map(|messages| demanding(messages, None, &form))
            .map_err(|error| Box::new(Turn::missing(error.to_string())))?;
        let call = Call::new(self.request(prompt, messages, form.schema));
        let question = Question::new(Arc::new(call), 1);
        let Some(told) = hearing.replies.get(question.address()) else {
            return Err(Box::new(Turn::Ask(vec![question])));
        };
        let steps = told.response(WHOM).and_then(|response| {
            let found = verdict::find(response, &[]).map_err(|error| unparseable(&error))?;
            verdict::only(&found, &["steps"]).map_err(|error| unparseable(&error))?;
            let steps = found.get("steps").and_then(Value::as_array);
            let steps: Option<Vec<&str>> = steps.and_then(|steps| {
                let texts = steps.iter().map(Value::as_str);
                texts.collect::<Option<Vec<&str>>>()
            });
            steps
                .filter(|steps| !steps.is_empty())
                .map(|steps| numbered(steps.into_iter()))
                .ok_or_else(|| unparseable("the judge gave no steps"))
        });
        steps.map_err(|error| Box::new(Turn::missing(error)))
    }

    /// The texts that the prompt may take, each whole.
    fn texts(&self, subject: &Subject<'_>, hearing: &Hearing<'_>) -> OrMissing<Texts> {
        let wants = |name: &str| self.prompt.inputs.iter().any(|(input, _)| input == name);
        let mut foreign = vec![("answer", subject.text.to_owned())];
        if wants("input") {
            foreign.push(("input", self.input_of(subject)?));
        }
        if wants("expected") || self.parted == Some(Source::Expected) {
            foreign.push(("expected", self.expected_of(subject)?));
        }
        let mut context = Vec::new();
        if wants("context") || self.parted == Some(Source::Context) {
            context = self.context_of(subject)?;
            foreign.push(("context", numbered(context.iter().map(String::as_str))));
        }
        let parts = match self.parted {
            None => Vec::new(),
            Some(Source::Context) => context,
            Some(Source::Answer) => sentences(subject.text),
            Some(Source::Expected) => sentences(&self.expected_of(subject)?),
        };
        if self.parted.is_some() {
            if parts.is_empty() {
                return Err("there is no sentence to decide on".to_owned());
            }
            if parts.len() > MOST_PARTS {
                return Err(format!(
                    "there are more than {MOST_PARTS} parts to decide on"
                ));
            }
            foreign.push(("statements", numbered(parts.iter().map(String::as_str))));
        }
        if matches!(self.task, Task::Pair) {
            let other = match self.rival {
                Rival::Expected => self.expected_of(subject)?,
                Rival::Baseline => hearing
                    .rival
                    .ok_or("the baseline has no answer to compare with")?
                    .to_owned(),
            };
            foreign.push(("other", other));
        }
        Ok(Texts {
            foreign,
            parts: parts.len(),
        })
    }

    fn input_of(&self, subject: &Subject<'_>) -> OrMissing<String> {
        let vars = subject.target.vars;
        if let [column] = self.input.as_slice() {
            let value = vars.get(column);
            return value
                .map(text_of)
                .ok_or_else(|| format!("the case has no column `{column}`"));
        }
        let is_shown = |name: &String| {
            let own = [Some(&self.context), self.column.as_ref()];
            !own.contains(&Some(name)) && !self.labels.contains(name)
        };
        let names: Vec<&String> = if self.input.is_empty() {
            vars.keys().filter(|name| is_shown(name)).collect()
        } else {
            self.input.iter().collect()
        };
        let lines: OrMissing<Vec<String>> = names
            .into_iter()
            .map(|name| match vars.get(name) {
                Some(value) => Ok(format!("{name}: {}", text_of(value))),
                None => Err(format!("the case has no column `{name}`")),
            })
            .collect();
        Ok(lines?.join("\n"))
    }

    fn expected_of(&self, subject: &Subject<'_>) -> OrMissing<String> {
        let given = subject.wanted.value();
        let value = match &self.column {
            _ if !given.is_null() => Some(given),
            Some(column) => subject.target.vars.get(column),
            None => subject.target.expected,
        };
        let text = value
            .filter(|value| !value.is_null())
            .map(|value| match value {
                Value::Array(items) => {
                    let items: Vec<String> = items.iter().map(text_of).collect();
                    items.join("\nor: ")
                }
                value => text_of(value),
            });
        text.filter(|text| !text.trim().is_empty())
            .ok_or_else(|| "the case has no expected value".to_owned())
    }

    fn context_of(&self, subject: &Subject<'_>) -> OrMissing<Vec<String>> {
        let column = &self.context;
        let parts: Vec<String> = match subject.target.vars.get(column) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(parts)) => parts.iter().map(text_of).collect(),
            Some(value) => vec![text_of(value)],
        };
        if parts.iter().all(|part| part.trim().is_empty()) {
            return Err(format!("the case has no context in the column `{column}`"));
        }
        Ok(parts)
    }

    /// The calls of one vote: one, or one for each order of two answers.
    fn calls(&self, texts: &Texts, steps: &str) -> OrMissing<Vec<Asked>> {
        let orders: &[bool] = if matches!(self.task, Task::Pair) {
            &[false, true]
        } else {
            &[false]
        };
        let form = self.task.form(texts.parts);
        let fence = Fence::around(texts.foreign.iter().map(|(_, text)| text.as_str()));
        let call = |swapped: &bool| {
            let mut vars = Map::new();
            vars.insert("criteria".to_owned(), json!(self.task.criteria()));
            vars.insert("criterion".to_owned(), json!(self.criterion));
            vars.insert("steps".to_owned(), json!(steps));
            for (name, text) in &texts.foreign {
                let name = match (*name, self.task.is_pair(), swapped) {
                    ("answer", true, false) | ("other", true, true) => "first",
                    ("answer", true, true) | ("other", true, false) => "second",
                    (name, ..) => name,
                };
                vars.insert(name.to_owned(), json!(fence.put(name, text)));
            }
            let messages = self
                .prompt
                .render("of a judge", &vars)
                .map_err(|error| error.to_string())?;
            let messages = demanding(messages, Some(&fence), &form);
            let request = self.request(&self.prompt, messages, form.schema.clone());
            Ok(Asked {
                call: Arc::new(Call::new(request)),
                swapped: *swapped,
            })
        };
        orders.iter().map(call).collect()
    }

    /// The score that the replies give, vote by vote of so many calls each.
    fn conclude(&self, told: &[(Question, bool, &Told)], each: usize, texts: &Texts) -> Turn {
        let mut judged = Judged::default();
        let (mut votes, mut notes) = (Vec::new(), Vec::new());
        let mut problem = None;
        for vote in told.chunks(each) {
            let (mut values, mut picks, mut note) = (Vec::new(), Vec::new(), None);
            for (question, swapped, reply) in vote {
                judged.note(question, reply);
                match self.said(reply, texts) {
                    Ok(said) => {
                        judged.first += u32::from(said.pick == Pick::First);
                        judged.second += u32::from(said.pick == Pick::Second);
                        picks.push(said.pick);
                        values.push(if *swapped {
                            1.0 - said.value
                        } else {
                            said.value
                        });
                        note.get_or_insert(said.note);
                    }
                    Err((error, is_reply)) => {
                        judged.unparseable += u32::from(is_reply);
                        problem.get_or_insert(error);
                    }
                }
            }
            if let [one, other] = *picks {
                judged.pairs += 1;
                judged.both_first += u32::from([one, other] == [Pick::First; 2]);
                judged.both_second += u32::from([one, other] == [Pick::Second; 2]);
            }
            if values.len() == each {
                votes.push(self.vote(&values));
                notes.push(note.unwrap_or_default());
            }
        }
        let asked = told.len() / each;
        let reading = match self.reducer.of(&votes).filter(|_| 2 * votes.len() > asked) {
            Some(value) => {
                // The vote that says most nearly what all of them say together has the note that explains it.
                let distance = |(vote, _): &(&f64, &String)| (*vote - value).abs();
                let told = votes.iter().zip(&notes);
                let nearest = told.min_by(|one, other| distance(one).total_cmp(&distance(other)));
                let note = nearest.map_or_else(String::new, |(_, note)| note.clone());
                Ok(self.reading(value, note))
            }
            None => Err(problem.unwrap_or_else(|| "the judge was not asked".to_owned())),
        };
        Turn::Done(reading, Some(judged))
    }

    /// One vote; two orders must agree to be more than a tie.
    fn vote(&self, values: &[f64]) -> f64 {
        match values {
            [one, other] if self.task.is_pair() => {
                if (one - other).abs() < f64::EPSILON {
                    *one
                } else {
                    0.5
                }
            }
            values => values.first().copied().unwrap_or_default(),
        }
    }

    fn reading(&self, value: f64, note: String) -> Reading {
        let holds = match (&self.task, self.threshold) {
            (Task::YesNo, _) if self.reducer != Reducer::Mean => Some(value > 0.5),
            (_, threshold) => threshold.map(|threshold| value >= threshold),
        };
        Reading {
            value,
            holds,
            note: Some(note).filter(|note| !note.is_empty()),
            cells: Vec::new(),
        }
    }

    /// What a reply says, or why it says nothing and whether there was one.
    fn said(&self, told: &Told, texts: &Texts) -> Result<Said, (String, bool)> {
        let response = told.response(WHOM).map_err(|error| (error, false))?;
        // A verdict may be copied from a text as it is, or as it was shown.
        let shown: Vec<String> = texts
            .foreign
            .iter()
            .map(|(_, text)| disarmed(text))
            .collect();
        let judged: Vec<&str> = texts
            .foreign
            .iter()
            .map(|(_, text)| text.as_str())
            .chain(shown.iter().map(String::as_str))
            .collect();
        verdict::find(response, &judged)
            .and_then(|found| self.task.read(&found, texts.parts))
            .map_err(|error| (unparseable(&error), true))
    }
}

fn unparseable(error: &str) -> String {
    format!("unparseable: {error}")
}

/// The conversation with the demand for a verdict behind it, and with what the fence is.
fn demanding(mut messages: Vec<Message>, fence: Option<&Fence>, form: &Form) -> Vec<Message> {
    let notice = fence.map(Fence::notice).unwrap_or_default();
    let demand = format!(
        "Reply with one JSON object of this form and nothing else:\n{}",
        form.example
    );
    let has_system = matches!(messages.first(), Some(Message::System { .. }));
    if let Some(Message::System { text }) = messages.first_mut() {
        text.push_str("\n\n");
        text.push_str(&notice);
        text.truncate(text.trim_end().len());
    }
    let last = messages
        .iter_mut()
        .rev()
        .find(|message| matches!(message, Message::User { .. }));
    if let Some(Message::User { text, .. }) = last {
        let before = if has_system { String::new() } else { notice };
        let tail = format!("{before}\n\n{demand}");
        *text = format!("{text}\n\n{}", tail.trim_start());
    }
    messages
}

/// Texts by number, one a paragraph.
fn numbered<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let lines = texts
        .enumerate()
        .map(|(index, text)| format!("{}. {}", index + 1, text.trim()));
    lines.collect::<Vec<_>>().join("\n")
}

/// The sentences of a text that say something.
fn sentences(text: &str) -> Vec<String> {
    let sentences = text.unicode_sentences().map(str::trim);
    sentences
        .filter(|sentence| !sentence.is_empty())
        .map(str::to_owned)
        .collect()
}

fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}
