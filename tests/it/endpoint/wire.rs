//! Completions and errors as the two wire formats write them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::Behaviour;
use super::answer::{Completion, Finish};
use super::fault::Fault;
use super::http::{self, Delivery, Request, Response};

/// A wire format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Openai,
    Anthropic,
}

impl Format {
    /// The format that is spoken at a place such as `POST /v1/messages`.
    pub(crate) fn at(line: &str) -> Option<Self> {
        match line {
            "POST /v1/chat/completions" => Some(Self::Openai),
            "POST /v1/messages" => Some(Self::Anthropic),
            _ => None,
        }
    }

    /// A response with this completion of the request with this id.
    pub(crate) fn completed(self, id: &str, completion: &Completion, by: &Served<'_>) -> Vec<u8> {
        let body = match self {
            Self::Openai => openai(id, completion, by),
            Self::Anthropic => anthropic(id, completion, by),
        };
        let id = format!("req_{id}");
        http::bytes(200, &self.headers(&id), body.to_string().as_bytes())
    }

    /// The same, written while the client reads.
    pub(crate) fn streamed(self, id: &str, completion: &Completion, by: &Served<'_>) -> Vec<u8> {
        let events = match self {
            Self::Openai => openai_events(&openai(id, completion, by)),
            Self::Anthropic => anthropic_events(&anthropic(id, completion, by)),
        };
        let headers = [("content-type", "text/event-stream")];
        http::bytes(200, &headers, events.as_bytes())
    }

    /// A response with this failure of the request with this id.
    pub(crate) fn failed(self, id: &str, fault: &Fault, request: &Request<'_>) -> Response {
        let completion = || Response {
            bytes: self.completed(id, &Completion::text("cut"), &Served::default()),
            answers: false,
            delivery: Delivery::Whole,
        };
        match fault {
            Fault::RateLimited { retry_after } => self.rate_limited(id, retry_after.as_deref()),
            Fault::Status(status) => self.error(id, *status, &words_of(*status)),
            Fault::EchoesKey(status) => self.error(id, *status, &words_with_key(request)),
            Fault::Html(status) => Response::new(*status, &[("content-type", "text/html")], PAGE),
            Fault::EmptyBody => Response::new(200, &self.headers(id), ""),
            Fault::CutBody => completion().halved(Delivery::Cut),
            Fault::StalledBody => completion().halved(Delivery::Stalled),
            Fault::Dropped => Response::none(Delivery::Dropped),
            Fault::Reset => Response::none(Delivery::Reset),
            Fault::Hang => Response::none(Delivery::Hang),
            Fault::NotHttp => Response {
                bytes: b"220 ready when you are\r\n".to_vec(),
                ..Response::none(Delivery::Cut)
            },
            Fault::Reply {
                status,
                headers,
                body,
            } => {
                let headers: Vec<_> = headers.iter().map(|(n, v)| (&**n, &**v)).collect();
                Response::new(*status, &headers, body)
            }
        }
    }

    /// An error of this status in the words given.
    pub(crate) fn error(self, id: &str, status: u16, message: &str) -> Response {
        let body = self.error_body(id, status, message).to_string();
        Response::new(status, &self.headers(&format!("req_{id}")), &body)
    }

    fn rate_limited(self, id: &str, retry_after: Option<&str>) -> Response {
        let id = format!("req_{id}");
        let body = self.error_body(&id, 429, &words_of(429)).to_string();
        let mut headers = self.headers(&id).to_vec();
        headers.extend(retry_after.map(|value| ("retry-after", value)));
        Response::new(429, &headers, &body)
    }

    fn error_body(self, id: &str, status: u16, message: &str) -> Value {
        match self {
            Self::Openai => {
                let (kind, code) = match status {
                    401 => ("invalid_request_error", Some("invalid_api_key")),
                    429 => ("requests", Some("rate_limit_exceeded")),
                    ..500 => ("invalid_request_error", None),
                    _ => ("server_error", None),
                };
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Anthropic => {
                let kind = match status {
                    401 => "authentication_error",
                    429 => "rate_limit_error",
                    529 => "overloaded_error",
                    ..500 => "invalid_request_error",
                    _ => "api_error",
                };
                json!({
                    "type": "error",
                    "error": {"type": kind, "message": message},
                    "request_id": id,
                })
            }
        }
    }

    fn headers(self, id: &str) -> [(&'static str, &str); 2] {
        let name = match self {
            Self::Openai => "x-request-id",
            Self::Anthropic => "request-id",
        };
        [("content-type", "application/json"), (name, id)]
    }
}

/// What served a request.
#[derive(Default)]
pub(crate) struct Served<'a> {
    /// The model, as the endpoint names it.
    pub(crate) model: &'a str,
    /// OpenAI's fingerprint.
    pub(crate) fingerprint: Option<&'a str>,
}

impl<'a> Served<'a> {
    /// What serves a request for this model.
    pub(crate) fn by(behaviour: &'a Behaviour, asked: &'a str) -> Self {
        Self {
            model: behaviour.served_model.as_deref().unwrap_or(asked),
            fingerprint: behaviour.fingerprint.as_deref(),
        }
    }
}

fn openai(id: &str, completion: &Completion, by: &Served<'_>) -> Value {
    let refused = completion.finish == Finish::Refusal;
    let finish = match completion.finish {
        Finish::Stop | Finish::Refusal => "stop",
        Finish::Length => "length",
        Finish::ToolCalls => "tool_calls",
        Finish::Filter => "content_filter",
    };
    let mut message = json!({"role": "assistant", "content": completion.text, "refusal": null});
    if refused {
        message["content"] = Value::Null;
        message["refusal"] = json!(completion.text);
    }
    let calls = completion.tool_calls.iter().enumerate();
    let calls: Vec<_> = calls
        .map(|(index, (name, arguments))| {
            let function = json!({"name": name, "arguments": arguments});
            json!({"id": format!("call_{id}_{index}"), "type": "function", "function": function})
        })
        .collect();
    if !calls.is_empty() {
        message["tool_calls"] = json!(calls);
    }
    let mut body = json!({
        "id": format!("chatcmpl-{id}"),
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": by.model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": null}],
        "system_fingerprint": by.fingerprint,
    });
    if let Some(usage) = completion.usage {
        body["usage"] = json!({
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
        });
    }
    body
}

fn anthropic(id: &str, completion: &Completion, by: &Served<'_>) -> Value {
    let stop = match completion.finish {
        Finish::Stop => "end_turn",
        Finish::Length => "max_tokens",
        Finish::ToolCalls => "tool_use",
        Finish::Refusal | Finish::Filter => "refusal",
    };
    let mut content = vec![json!({"type": "text", "text": completion.text})];
    let calls = completion.tool_calls.iter().enumerate();
    content.extend(calls.map(|(index, (name, arguments))| {
        // This format has arguments as a value; text that is none would not be possible here.
        let input: Value = serde_json::from_str(arguments).expect("arguments are JSON");
        json!({"type": "tool_use", "id": format!("toolu_{id}_{index}"), "name": name, "input": input})
    }));
    let mut body = json!({
        "id": format!("msg_{id}"),
        "type": "message",
        "role": "assistant",
        "model": by.model,
        "content": content,
        "stop_reason": stop,
        "stop_sequence": null,
    });
    if let Some(usage) = completion.usage {
        body["usage"] = json!({"input_tokens": usage.input, "output_tokens": usage.output});
    }
    body
}

/// A completion in two pieces, with its counts in an event of their own.
fn openai_events(whole: &Value) -> String {
    let message = &whole["choices"][0]["message"];
    let chunk = |delta: Value, finish: &Value| {
        json!({
            "id": whole["id"], "object": "chat.completion.chunk", "model": whole["model"],
            "system_fingerprint": whole["system_fingerprint"],
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        })
    };
    let mut events = vec![chunk(
        json!({"role": "assistant", "content": ""}),
        &Value::Null,
    )];
    for piece in halves(message["content"].as_str().unwrap_or_default()) {
        events.push(chunk(json!({"content": piece}), &Value::Null));
    }
    let rest = json!({"refusal": message["refusal"], "tool_calls": message["tool_calls"]});
    events.push(chunk(rest, &whole["choices"][0]["finish_reason"]));
    events.push(json!({"choices": [], "usage": whole["usage"]}));
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.chain(["data: [DONE]\n\n".to_owned()]).collect()
}

/// A message of one text in two pieces.
fn anthropic_events(whole: &Value) -> String {
    let mut start = whole.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    let mut events = vec![
        json!({"type": "message_start", "message": start}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    for piece in halves(whole["content"][0]["text"].as_str().unwrap_or_default()) {
        let delta = json!({"type": "text_delta", "text": piece});
        events.push(json!({"type": "content_block_delta", "index": 0, "delta": delta}));
    }
    let delta = json!({"stop_reason": whole["stop_reason"]});
    events.push(json!({"type": "message_delta", "delta": delta, "usage": whole["usage"]}));
    events.push(json!({"type": "message_stop"}));
    events.iter().fold(String::new(), |mut written, event| {
        let name = event["type"].as_str().unwrap_or_default();
        written.extend(["event: ", name, "\ndata: ", &event.to_string(), "\n\n"]);
        written
    })
}

fn halves(text: &str) -> [&str; 2] {
    let middle = (0..=text.len() / 2).rfind(|at| text.is_char_boundary(*at));
    let (one, other) = text.split_at(middle.unwrap_or(0));
    [one, other]
}

fn words_of(status: u16) -> String {
    match status {
        429 => "Rate limit reached for requests".to_owned(),
        500.. => "The server had an error while processing your request".to_owned(),
        _ => format!("The request was refused with status {status}"),
    }
}

fn words_with_key(request: &Request<'_>) -> String {
    let key = request.key().unwrap_or_default();
    format!(
        "Incorrect API key provided: {key} (as base64 {}, in a URL {})",
        BASE64.encode(key),
        utf8_percent_encode(key, NON_ALPHANUMERIC),
    )
}

const PAGE: &str = "<!doctype html>\n<html><head><title>Bad gateway</title></head>\n<body><h1>Bad gateway</h1></body></html>\n";
