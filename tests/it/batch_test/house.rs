//! An endpoint on loopback that takes batches, as OpenAI and Anthropic do, and remembers them.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Delivery, Endpoint, Fault};

/// A wire format in which batches are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Openai,
    Anthropic,
}

/// Makes the lines of results of the calls.
type MakesResults = dyn Fn(&Results<'_>) -> Vec<String> + Send;

/// What the house does with its batches.
pub(crate) struct Conduct {
    /// Looks at a batch, after which it has ended.
    pub(crate) looks: usize,
    /// The word for its end; Anthropic has one only.
    pub(crate) end: &'static str,
    /// The errors of a batch of OpenAI.
    pub(crate) errors: Value,
    /// Its results.
    pub(crate) results: Box<MakesResults>,
    /// What becomes of the first requests whose lines begin so, before anything else happens; each once.
    pub(crate) faults: Vec<(&'static str, Fault)>,
    /// Whether the next submission is taken, and never answered.
    pub(crate) swallows: bool,
    /// Whether the next results break off half-way, with the connection open.
    pub(crate) stalls: bool,
    /// Where Anthropic's results are said to be.
    pub(crate) results_url: Option<String>,
}

impl Default for Conduct {
    /// Has answered all calls at the second look, in another order than theirs, each with what the user says.
    fn default() -> Self {
        Self {
            looks: 2,
            end: "completed",
            errors: Value::Null,
            results: Box::new(|results| {
                let calls = results.calls.iter().rev();
                calls.map(|call| results.echo(call)).collect()
            }),
            faults: Vec::new(),
            swallows: false,
            stalls: false,
            results_url: None,
        }
    }
}

/// The calls of a batch whose results are asked for.
pub(crate) struct Results<'a> {
    pub(crate) format: Format,
    pub(crate) calls: &'a [Value],
}

impl Results<'_> {
    /// The line that answers a call with what the user says.
    pub(crate) fn echo(&self, call: &Value) -> String {
        self.answer(call, &said_in(call))
    }

    /// The line that answers a call with this text.
    pub(crate) fn answer(&self, call: &Value, text: &str) -> String {
        let id = &call["custom_id"];
        match self.format {
            Format::Openai => {
                let message = json!({"role": "assistant", "content": text, "refusal": null});
                let body = json!({
                    "id": "chatcmpl-1", "object": "chat.completion", "model": call["body"]["model"],
                    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": 40, "completion_tokens": 10, "total_tokens": 50},
                });
                reply(id, 200, &body)
            }
            Format::Anthropic => {
                let message = json!({
                    "id": "msg_1", "type": "message", "role": "assistant", "model": call["params"]["model"],
                    "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                    "stop_sequence": null, "usage": {"input_tokens": 40, "output_tokens": 10},
                });
                let result = json!({"type": "succeeded", "message": message});
                json!({"custom_id": id, "result": result}).to_string()
            }
        }
    }
}

/// The line of OpenAI with this reply to a call.
pub(crate) fn reply(id: &Value, status: u16, body: &Value) -> String {
    let response = json!({"status_code": status, "request_id": "req_1", "body": body});
    json!({"id": "batch_req_1", "custom_id": id, "response": response, "error": null}).to_string()
}

/// What the user says in a call.
pub(crate) fn said_in(call: &Value) -> String {
    let body = if call["body"].is_object() {
        &call["body"]
    } else {
        &call["params"]
    };
    let turns = body["messages"].as_array().expect("a call has messages");
    let last = turns.last().expect("somebody says something");
    last["content"].as_str().expect("it is a text").to_owned()
}

/// A batch that was taken.
struct Taken {
    id: String,
    name: Value,
    calls: Vec<Value>,
    looks: usize,
}

struct State {
    conduct: Conduct,
    files: Vec<Vec<Value>>,
    batches: Vec<Taken>,
}

/// The running endpoint.
pub(crate) struct House {
    pub(crate) endpoint: Endpoint,
    state: Arc<Mutex<State>>,
    taken: Arc<Condvar>,
}

impl House {
    pub(crate) fn open(conduct: Conduct) -> Self {
        let state = Arc::new(Mutex::new(State {
            conduct,
            files: Vec::new(),
            batches: Vec::new(),
        }));
        let taken = Arc::new(Condvar::new());
        let (ours, told) = (Arc::clone(&state), Arc::clone(&taken));
        let answers = Answers::raw(move |line, body| {
            let mut state = ours.lock().expect("no request makes it panic");
            let reply = state.serve(line, body);
            told.notify_all();
            reply
        });
        let endpoint = Endpoint::start(Behaviour {
            answers,
            ..Behaviour::default()
        });
        Self {
            endpoint,
            state,
            taken,
        }
    }

    /// Does otherwise from now on, with the batches that it has.
    pub(crate) fn conduct(&self, conduct: Conduct) {
        self.state().conduct = conduct;
    }

    /// The calls of each batch that was taken.
    pub(crate) fn batches(&self) -> Vec<Vec<Value>> {
        let state = self.state();
        let batches = state.batches.iter();
        batches.map(|batch| batch.calls.clone()).collect()
    }

    /// Blocks until it has taken a batch.
    pub(crate) fn wait_for_a_batch(&self) {
        let is_none = |state: &mut State| state.batches.is_empty();
        let patience = Duration::from_mins(1);
        let waited = self
            .taken
            .wait_timeout_while(self.state(), patience, is_none);
        let waited = waited.expect("no request makes it panic");
        assert!(!waited.1.timed_out(), "no batch came");
    }

    /// A batch of somebody else with as many calls as the first one, and newer.
    pub(crate) fn take_of_another(&self, calls: Vec<Value>) {
        let mut state = self.state();
        state.take(Value::Null, calls);
    }

    /// How often something was asked whose line begins so.
    pub(crate) fn asked(&self, line: &str) -> usize {
        let requests = self.endpoint.requests();
        let same = requests.iter().filter(|one| one.line.starts_with(line));
        same.count()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no request makes it panic")
    }
}

impl State {
    fn serve(&mut self, line: &str, body: &[u8]) -> (Fault, Option<Delivery>) {
        let faults = &mut self.conduct.faults;
        if let Some(at) = faults.iter().position(|(start, _)| line.starts_with(start)) {
            return (faults.remove(at).1, None);
        }
        let (method, place) = line.split_once(' ').expect("a line has a method");
        let place = place.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = place.trim_start_matches('/').split('/').collect();
        let reply = match (method, parts.as_slice()) {
            ("POST", ["v1", "files"]) => {
                self.files.push(lines_of_form(body));
                json!({"id": format!("file-{}", self.files.len()), "object": "file"})
            }
            ("POST", ["v1", "batches"]) => {
                let asked: Value = serde_json::from_slice(body).expect("it is JSON");
                let file = asked["input_file_id"].as_str().expect("it names a file");
                let number: usize = file.trim_start_matches("file-").parse().expect("a number");
                let calls = self.files[number - 1].clone();
                let index = self.take(asked["metadata"]["regauge"].clone(), calls);
                self.openai(index)
            }
            ("POST", ["v1", "messages", "batches"]) => {
                let asked: Value = serde_json::from_slice(body).expect("it is JSON");
                let calls = asked["requests"].as_array().expect("it has calls").clone();
                let index = self.take(Value::Null, calls);
                self.anthropic(index)
            }
            ("GET", ["v1", "batches"]) => self.list(line, Self::openai),
            ("GET", ["v1", "messages", "batches"]) => self.list(line, Self::anthropic),
            ("GET", ["v1", "batches", id]) => {
                let index = self.look(id);
                self.openai(index)
            }
            ("GET", ["v1", "messages", "batches", id]) => {
                let index = self.look(id);
                self.anthropic(index)
            }
            ("GET", ["v1", "files", file, "content"]) => {
                return self.results(file.trim_start_matches("out-"), Format::Openai);
            }
            ("GET", ["v1", "messages", "batches", id, "results"]) => {
                return self.results(id, Format::Anthropic);
            }
            _ => return (Fault::Status(404), None),
        };
        if method == "POST" && place.ends_with("batches") && self.conduct.swallows {
            self.conduct.swallows = false;
            return (Fault::Hang, None);
        }
        (Fault::json(reply.to_string()), None)
    }

    fn take(&mut self, name: Value, calls: Vec<Value>) -> usize {
        self.batches.push(Taken {
            id: format!("batch_{}", self.batches.len() + 1),
            name,
            calls,
            looks: 0,
        });
        self.batches.len() - 1
    }

    fn index(&self, id: &str) -> usize {
        let mut batches = self.batches.iter();
        batches
            .position(|batch| batch.id == id)
            .expect("it is there")
    }

    fn look(&mut self, id: &str) -> usize {
        let index = self.index(id);
        self.batches[index].looks += 1;
        index
    }

    fn has_ended(&self, batch: &Taken) -> bool {
        batch.looks >= self.conduct.looks
    }

    /// The newest first, each on a page of its own.
    fn list(&self, line: &str, state: fn(&Self, usize) -> Value) -> Value {
        let after = line.split(['=', '&']).next_back().unwrap_or_default();
        let batches = self.batches.iter();
        let end = batches.clone().position(|batch| batch.id == after);
        let end = end.unwrap_or(batches.len());
        let data: Vec<Value> = end
            .checked_sub(1)
            .map(|at| state(self, at))
            .into_iter()
            .collect();
        json!({"data": data, "has_more": end > 1})
    }

    fn openai(&self, index: usize) -> Value {
        let batch = &self.batches[index];
        let ended = self.has_ended(batch);
        let word = if ended {
            self.conduct.end
        } else {
            "in_progress"
        };
        let output = (ended && self.conduct.end != "failed").then(|| format!("out-{}", batch.id));
        json!({
            "id": batch.id, "object": "batch", "status": word, "errors": self.conduct.errors,
            "output_file_id": output, "error_file_id": null, "created_at": now(),
            "request_counts": {"total": batch.calls.len(), "completed": 0, "failed": 0},
            "metadata": {"regauge": batch.name},
        })
    }

    fn anthropic(&self, index: usize) -> Value {
        let batch = &self.batches[index];
        let ended = self.has_ended(batch);
        let (word, processing) = if ended {
            ("ended", 0)
        } else {
            ("in_progress", batch.calls.len())
        };
        let url = self.conduct.results_url.as_deref().filter(|_| ended);
        json!({
            "id": batch.id, "type": "message_batch", "processing_status": word,
            "request_counts": {
                "processing": processing, "succeeded": batch.calls.len() - processing,
                "errored": 0, "canceled": 0, "expired": 0,
            },
            "created_at": jiff::Timestamp::now().to_string(), "results_url": url,
        })
    }

    fn results(&mut self, id: &str, format: Format) -> (Fault, Option<Delivery>) {
        let batch = &self.batches[self.index(id)];
        let lines = (self.conduct.results)(&Results {
            format,
            calls: &batch.calls,
        });
        let body = lines.join("\n").into_bytes();
        let reply = Fault::Reply {
            status: 200,
            headers: Vec::new(),
            body,
        };
        let stalls = std::mem::take(&mut self.conduct.stalls);
        (reply, stalls.then_some(Delivery::Stalled))
    }
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The JSON lines of the file in a form.
fn lines_of_form(body: &[u8]) -> Vec<Value> {
    let body = str::from_utf8(body).expect("the form is text");
    let lines = body.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(serde_json::from_str);
    lines.map(|line| line.expect("each is JSON")).collect()
}
