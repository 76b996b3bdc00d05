//! Ollama's own chat interface.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, append, list, take_over};
use super::{Codec, Path, blank, count_at, embedding, logprobs, openai, set, text_at, turns};
use crate::exchange::feature::Feature;
use crate::exchange::media::MediaSource;
use crate::exchange::{Finish, Message, Request, Response, ToolCall, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[
        Feature::ForbiddenTools,
        Feature::RequiredTool,
        Feature::NamedTool,
        Feature::OneToolAtATime,
        Feature::StrictTools,
        Feature::RemoteImages,
        Feature::Documents,
    ],
    unsupported,
    path: |_| Path {
        version: "/api",
        rest: "/chat".to_owned(),
        query: None,
    },
    body,
    response,
    streaming: Some(Streaming {
        framing: Framing::Lines,
        add,
    }),
};

pub(super) const EMBEDDING: Codec = Codec {
    lacks: Feature::ALL,
    unsupported: |_| Vec::new(),
    path: |_| Path {
        version: "/api",
        rest: "/embed".to_owned(),
        query: None,
    },
    body: |request, _| {
        let mut body = Map::new();
        set(&mut body, "model", Some(request.model.as_str()));
        set(&mut body, "input", Some(embedding::texts(request)));
        body
    },
    response: vectors,
    streaming: None,
};

fn vectors(body: &Value) -> Result<Response, &'static str> {
    let items = body.get("embeddings").and_then(Value::as_array);
    let items = items.ok_or("JSON without `embeddings`")?.iter();
    let vectors: Result<_, _> = items.map(|item| embedding::vector(Some(item))).collect();
    Ok(Response {
        vectors: vectors?,
        usage: Usage {
            input: count_at(body, "/prompt_eval_count"),
            output: Some(0),
            ..Usage::default()
        },
        model: text_at(body, "/model"),
        ..blank(Finish::Stop, None)
    })
}

fn unsupported(request: &Request) -> Vec<String> {
    let mut problems: Vec<String> = turns::unreadable_arguments(&request.messages).collect();
    problems.extend(turns::unmatched_results(&request.messages));
    problems
}

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let messages: Vec<Value> = request
        .messages
        .iter()
        .map(|each| message(each, &request.messages))
        .collect();
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "messages", Some(messages));
    // Here the default is true.
    set(&mut body, "stream", Some(request.streams()));
    let schema = request.schema.as_ref().map(turns::described);
    set(&mut body, "format", schema);
    let options = options(request, repeat);
    let options = Some(options).filter(|options| !options.is_empty());
    set(&mut body, "options", options);
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(openai::tool).collect();
        set(&mut body, "tools", Some(tools));
    }
    let asks = request.params.logprobs.filter(|asked| *asked);
    set(&mut body, "logprobs", asks);
    let effort = request.params.reasoning_effort.as_deref();
    set(&mut body, "think", effort.map(think));
    body
}

fn options(request: &Request, repeat: u32) -> Map<String, Value> {
    let params = &request.params;
    let mut options = Map::new();
    set(&mut options, "temperature", params.temperature);
    set(&mut options, "top_p", params.top_p);
    set(&mut options, "top_k", params.top_k);
    set(&mut options, "num_predict", params.max_tokens);
    set(&mut options, "seed", request.seed(repeat));
    let stop = Some(params.stop.clone()).filter(|stop| !stop.is_empty());
    set(&mut options, "stop", stop);
    set(&mut options, "frequency_penalty", params.frequency_penalty);
    set(&mut options, "presence_penalty", params.presence_penalty);
    options
}

/// Some models think or do not, others take a level.
fn think(effort: &str) -> Value {
    match effort {
        "true" => true.into(),
        "false" | "none" => false.into(),
        level => level.into(),
    }
}

fn message(message: &Message, messages: &[Message]) -> Value {
    match message {
        Message::Assistant { text, tool_calls } if !tool_calls.is_empty() => {
            let calls: Vec<Value> = tool_calls.iter().map(call).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Message::User { text, media } if !media.is_empty() => {
            let images = media.iter().filter_map(|media| match &media.source {
                MediaSource::Data(data) => Some(data.as_str()),
                MediaSource::Url(_) => None,
            });
            let images: Vec<&str> = images.collect();
            json!({"role": "user", "content": text, "images": images})
        }
        Message::Tool { call_id, text } => json!({
            "role": "tool",
            "content": text,
            "tool_name": turns::name_of(messages, call_id),
            "tool_call_id": call_id,
        }),
        _ => json!({"role": message.role(), "content": message.text()}),
    }
}

fn call(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": turns::arguments(call)});
    json!({"id": call.id, "function": function})
}

/// Adds a line of a stream, which has the form of a whole body, to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let names = ["model", "done_reason", "prompt_eval_count", "eval_count"];
    take_over(body, event, &names);
    if let Some(tokens) = event.get("logprobs").and_then(Value::as_array) {
        list(body, "logprobs").extend(tokens.iter().cloned());
    }
    let mut step = Step::saying(false);
    if let Some(message) = event.get("message").filter(|message| message.is_object()) {
        let ours = &mut body["message"];
        for name in ["content", "thinking"] {
            let text = message.get(name).and_then(Value::as_str);
            step.said |= append(ours, name, text);
        }
        if let Some(calls) = message.get("tool_calls").and_then(Value::as_array) {
            list(ours, "tool_calls").extend(calls.iter().cloned());
            step.said |= !calls.is_empty();
        }
    }
    step.whole = event.get("done") == Some(&Value::Bool(true));
    if step.whole {
        body["done"] = true.into();
    } else if event.get("message").is_none() {
        return Err("a line without `message`");
    }
    Ok(step)
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let message = body.get("message").filter(|message| message.is_object());
    let message = message.ok_or("JSON without `message`")?;
    // A stream that is read as one body would be a first piece.
    if body.get("done") != Some(&Value::Bool(true)) {
        return Err("an answer that is not at its end");
    }
    let text = message.get("content").and_then(Value::as_str);
    let tool_calls = openai::tool_calls(message)?;
    let finish_raw = text_at(body, "/done_reason");
    let finish = match finish_raw.as_deref() {
        Some("stop") if !tool_calls.is_empty() => Finish::ToolCalls,
        Some("stop") => Finish::Stop,
        Some("length") => Finish::Length,
        _ => Finish::Other,
    };
    Ok(Response {
        text: text.unwrap_or_default().to_owned(),
        tool_calls,
        reasoning: text_at(message, "/thinking"),
        logprobs: logprobs(body.get("logprobs"), "token", "logprob"),
        usage: Usage {
            input: count_at(body, "/prompt_eval_count"),
            output: count_at(body, "/eval_count"),
            ..Usage::default()
        },
        model: text_at(body, "/model"),
        ..blank(finish, finish_raw)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, recorded, request as neutral_request, sent, with_drawn_seed,
    };
    use super::super::{encode, unsupported as problems};
    use super::*;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "ollama".into();
        neutral["model"] = "llama3.2".into();
        neutral_request(neutral)
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str, body: &Value) -> Request {
        request(match name {
            "chat" => json!({
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {
                    "temperature": 0, "seed": 7, "max_tokens": 16, "top_p": 1, "top_k": 40, "stop": ["\n"],
                    "extra": {"options": {"num_ctx": 4096}, "keep_alive": "5m"}
                }
            }),
            "json-schema" => json!({
                "messages": [
                    {"role": "user", "text": "Maria moved to Lisbon in 2014. Give city and year."}
                ],
                "schema": {"name": "move", "schema": body["format"]}
            }),
            "tools" => json!({
                "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
                "tools": [body["tools"][0]["function"]],
                "params": {"reasoning_effort": "none"}
            }),
            other => panic!("no neutral form of {other}"),
        })
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("ollama", ".request.json") {
            let request = neutral(&name, &file["body"]);
            let base = "http://127.0.0.1:11434";
            let url = encode(&request, 1).url(base);
            assert_eq!(url.strip_prefix(base), file["path"].as_str(), "{name}");
            assert_eq!(
                normal(&sent(&request)),
                normal(&with_drawn_seed(&request, &file["body"])),
                "{name}"
            );
            assert_eq!(problems(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn calls_and_results_of_tools_name_the_tool() {
        let body = sent(&request(json!({
            "messages": [
                {"role": "user", "text": "a"},
                {"role": "assistant", "text": "", "tool_calls": [
                    {"id": "c", "name": "f", "arguments": "{\"x\": 1}"}
                ]},
                {"role": "tool", "call_id": "c", "text": "4"}
            ],
            "params": {"reasoning_effort": "high"}
        })));
        insta::assert_snapshot!(body.to_string(), @r#"{"model":"llama3.2","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f","arguments":{"x":1}}}]},{"role":"tool","content":"4","tool_name":"f","tool_call_id":"c"}],"stream":false,"think":"high"}"#);
    }

    #[test]
    fn what_the_format_cannot_carry_is_named_before_the_first_call() {
        let with = |choice: Value| {
            problems(&request(json!({
                "messages": [{"role": "user", "text": "a"}],
                "tools": [{"name": "f", "parameters": {}}],
                "tool_choice": choice,
            })))
        };
        assert_eq!(with(json!("auto")), [""; 0]);
        assert_eq!(
            with(json!("none")),
            ["the format ollama has no `tool_choice: none`"]
        );
        assert_eq!(
            with(json!({"named": "f"})),
            ["the format ollama has no `tool_choice` of one tool"]
        );
    }
}
