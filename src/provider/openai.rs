//! OpenAI chat completions, as OpenAI, llama.cpp, vLLM and most gateways speak them.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, append, list, part, take_over};
use super::{Codec, Path, blank, count_at, logprobs, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::media::Media;
use crate::exchange::{
    Finish, Message, OutputSchema, Request, Response, Tool, ToolCall, ToolChoice, Usage,
};

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::RemoteDocuments],
    unsupported: |_| Vec::new(),
    path: |_| Path {
        rest: PATH.to_owned(),
        ..Path::default()
    },
    body,
    response,
    streaming: STREAMING,
};

pub(super) const STREAMING: Option<Streaming> = Some(Streaming {
    framing: Framing::Sse,
    add,
});

/// Behind a base URL that ends in `/v1`.
pub(super) const PATH: &str = "/chat/completions";

/// The two names of the output limit.
const LIMIT_NAMES: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// The body of the request.
pub(super) fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let params = &request.params;
    let messages: Vec<Value> = request.messages.iter().map(message).collect();
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "messages", Some(messages));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        set(&mut body, "tools", Some(tools));
        set(
            &mut body,
            "tool_choice",
            request.tool_choice.as_ref().map(choice),
        );
        // Endpoints refuse this one where no tools are given, and it belongs to a model, not to a prompt.
        set(&mut body, "parallel_tool_calls", params.parallel_tool_calls);
    }
    set(
        &mut body,
        "response_format",
        request.schema.as_ref().map(response_format),
    );
    set(&mut body, "temperature", params.temperature);
    set(&mut body, "top_p", params.top_p);
    set(&mut body, "top_k", params.top_k);
    if !LIMIT_NAMES
        .iter()
        .any(|name| params.extra.contains_key(*name))
    {
        set(&mut body, limit_name(&request.model), params.max_tokens);
    }
    set(&mut body, "seed", request.seed(repeat));
    set(
        &mut body,
        "stop",
        Some(params.stop.clone()).filter(|stop| !stop.is_empty()),
    );
    set(&mut body, "frequency_penalty", params.frequency_penalty);
    set(&mut body, "presence_penalty", params.presence_penalty);
    set(
        &mut body,
        "reasoning_effort",
        params.reasoning_effort.as_deref(),
    );
    set(
        &mut body,
        "logprobs",
        params.logprobs.filter(|asked| *asked),
    );
    if request.streams() {
        set(&mut body, "stream", Some(true));
        // Without it a stream has no counts.
        set(
            &mut body,
            "stream_options",
            Some(json!({"include_usage": true})),
        );
    }
    body
}

/// The name under which a model takes its output limit.
///
/// OpenAI's own reasoning models refuse the old name `max_tokens`, and say so. Servers that know only the old name
/// ignore the new one in silence and write without limit. So the new name goes to the models that are OpenAI's by
/// their id; for one that hides behind another name, `extra` takes either.
fn limit_name(model: &str) -> &'static str {
    let id = model.rsplit('/').next().unwrap_or(model);
    let id = id.strip_prefix("ft:").unwrap_or(id);
    let numbered = |family: &str| {
        id.strip_prefix(family)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    if numbered("gpt-") || numbered("o") || id.starts_with("chatgpt-") {
        LIMIT_NAMES[0]
    } else {
        LIMIT_NAMES[1]
    }
}

pub(super) fn message(message: &Message) -> Value {
    match message {
        Message::User { text, media } if !media.is_empty() => {
            let text = (!text.is_empty()).then(|| json!({"type": "text", "text": text}));
            let parts = text.into_iter().chain(media.iter().map(part_of));
            json!({"role": "user", "content": parts.collect::<Value>()})
        }
        Message::System { text } | Message::User { text, .. } => {
            json!({"role": message.role(), "content": text})
        }
        Message::Assistant { text, tool_calls } if tool_calls.is_empty() => {
            json!({"role": "assistant", "content": text})
        }
        Message::Assistant { text, tool_calls } => {
            let content = Some(text).filter(|text| !text.is_empty());
            let calls: Vec<Value> = tool_calls.iter().map(call).collect();
            json!({"role": "assistant", "content": content, "tool_calls": calls})
        }
        Message::Tool { call_id, text } => {
            json!({"role": "tool", "tool_call_id": call_id, "content": text})
        }
    }
}

fn part_of(media: &Media) -> Value {
    if media.is_image() {
        json!({"type": "image_url", "image_url": {"url": media.url()}})
    } else {
        let file = json!({"filename": media.name, "file_data": media.url()});
        json!({"type": "file", "file": file})
    }
}

fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

pub(super) fn tool(tool: &Tool) -> Value {
    let mut function = Map::new();
    set(&mut function, "name", Some(tool.name.as_str()));
    set(&mut function, "description", tool.description.as_deref());
    set(&mut function, "parameters", Some(tool.parameters.clone()));
    set(&mut function, "strict", tool.strict.then_some(true));
    json!({"type": "function", "function": function})
}

pub(super) fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "function": {"name": name}}),
    }
}

fn response_format(schema: &OutputSchema) -> Value {
    let mut inner = Map::new();
    set(&mut inner, "name", Some(schema.name.as_str()));
    set(&mut inner, "description", schema.description.as_deref());
    // Without it the schema is a wish.
    set(&mut inner, "strict", Some(true));
    set(&mut inner, "schema", Some(schema.schema.clone()));
    json!({"type": "json_schema", "json_schema": inner})
}

/// What a successful body says, or why it says nothing.
pub(super) fn response(body: &Value) -> Result<Response, &'static str> {
    let choice = body.pointer("/choices/0").ok_or("JSON without `choices`")?;
    let message = choice
        .get("message")
        .filter(|message| message.is_object())
        .ok_or("a choice without `message`")?;
    let finish_raw = text_at(choice, "/finish_reason");
    if !says_something(message) && finish_raw.is_none() {
        return Err("a message without `content`");
    }
    let text = content(message)?;
    let tool_calls = tool_calls(message)?;
    let refusal = text_at(message, "/refusal");
    let finish = finish(choice, !tool_calls.is_empty(), refusal.is_some());
    Ok(Response {
        text,
        tool_calls,
        refusal,
        reasoning: text_at(message, "/reasoning_content")
            .or_else(|| text_at(message, "/reasoning")),
        logprobs: logprobs(choice.pointer("/logprobs/content"), "token", "logprob"),
        usage: usage(body),
        model: text_at(body, "/model"),
        fingerprint: text_at(body, "/system_fingerprint"),
        ..blank(finish, finish_raw)
    })
}

/// Adds an event of a stream to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let names = ["id", "model", "system_fingerprint", "usage"];
    take_over(body, event, &names);
    let choices = event.get("choices").and_then(Value::as_array);
    let is_first = |choice: &&Value| choice.get("index").is_none_or(|index| *index == 0);
    let Some(choice) = choices.into_iter().flatten().find(is_first) else {
        return Ok(Step::QUIET);
    };
    let ours = part(list(body, "choices"), None)?;
    take_over(ours, choice, &["finish_reason", "stop_reason"]);
    let tokens = choice
        .pointer("/logprobs/content")
        .and_then(Value::as_array);
    if let Some(tokens) = tokens {
        list(&mut ours["logprobs"], "content").extend(tokens.iter().cloned());
    }
    let mut step = Step::saying(false);
    if let Some(delta) = choice.get("delta").filter(|delta| delta.is_object()) {
        step = Step::saying(add_delta(&mut ours["message"], delta)?);
    }
    step.whole = ours.get("finish_reason").is_some();
    Ok(step)
}

/// Adds the news of an event to the message; whether there were any.
fn add_delta(message: &mut Value, delta: &Value) -> Result<bool, &'static str> {
    let mut said = false;
    for name in ["content", "refusal", "reasoning_content", "reasoning"] {
        let text = delta.get(name).and_then(Value::as_str);
        said |= append(message, name, text);
    }
    if let Some(parts) = delta.get("content").and_then(Value::as_array) {
        let before = message.get("content").and_then(Value::as_str);
        let before = before.map(|text| json!({"type": "text", "text": text}));
        let content = list(message, "content");
        content.extend(before);
        content.extend(parts.iter().cloned());
        said |= !parts.is_empty();
    }
    let calls = delta.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let ours = part(list(message, "tool_calls"), call.get("index"))?;
        take_over(ours, call, &["id"]);
        let function = call.get("function").unwrap_or(&Value::Null);
        take_over(&mut ours["function"], function, &["name"]);
        let arguments = function.get("arguments").and_then(Value::as_str);
        append(&mut ours["function"], "arguments", arguments);
        said = true;
    }
    Ok(said)
}

/// Whether there is a field that can hold an answer. A filter may take all of them out; then the finish reason says so.
fn says_something(message: &Value) -> bool {
    ["content", "tool_calls", "refusal"]
        .iter()
        .any(|field| message.get(field).is_some())
}

/// The answer as text; some servers send it in parts.
fn content(message: &Value) -> Result<String, &'static str> {
    match message.get("content") {
        None | Some(Value::Null) => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => Ok(parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str))
            .collect()),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
            Err("`content` that is no text")
        }
    }
}

pub(super) fn tool_calls(message: &Value) -> Result<Vec<ToolCall>, &'static str> {
    match message.get("tool_calls") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(calls)) => calls.iter().map(tool_call).collect(),
        Some(_) => Err("`tool_calls` that is no list"),
    }
}

fn tool_call(call: &Value) -> Result<ToolCall, &'static str> {
    let name = text_at(call, "/function/name").ok_or("a tool call without a name")?;
    let arguments = match call.pointer("/function/arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        // Not what the format says, but some servers do it, and the meaning is plain.
        Some(other) => other.to_string(),
    };
    Ok(ToolCall {
        id: text_at(call, "/id").unwrap_or_default(),
        name,
        arguments,
    })
}

/// Why the answer ended. The bare `stop` is also said where a named tool was called, where the model refused, and by
/// vLLM where a stop text was written; these are told apart, so that both formats use the words alike.
fn finish(choice: &Value, calls: bool, refuses: bool) -> Finish {
    let stop_text = choice.get("stop_reason").is_some_and(Value::is_string);
    match choice.get("finish_reason").and_then(Value::as_str) {
        Some("stop") if calls => Finish::ToolCalls,
        Some("stop") if refuses => Finish::Refusal,
        Some("stop") if stop_text => Finish::StopSequence,
        Some("stop") => Finish::Stop,
        Some("length" | "model_length") => Finish::Length,
        Some("tool_calls" | "function_call") => Finish::ToolCalls,
        Some("content_filter") => Finish::Filter,
        _ => Finish::Other,
    }
}

fn usage(body: &Value) -> Usage {
    Usage {
        input: count_at(body, "/usage/prompt_tokens"),
        cache_read: count_at(body, "/usage/prompt_tokens_details/cached_tokens"),
        cache_write: count_at(body, "/usage/prompt_tokens_details/cache_write_tokens"),
        output: count_at(body, "/usage/completion_tokens"),
        reasoning: count_at(body, "/usage/completion_tokens_details/reasoning_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::encode;
    use super::super::testing::{
        normal, received, recorded, request, sent, strict_weather, with_drawn_seed,
    };
    use super::*;
    use crate::exchange::{Outcome, WireFormat};

    fn move_schema() -> Value {
        json!({
            "type": "object",
            "properties": {"city": {"type": "string"}, "year": {"type": "integer"}},
            "required": ["city", "year"],
            "additionalProperties": false
        })
    }

    fn tool_result() -> Value {
        json!({
            "model": "gpt-4o-mini",
            "messages": [
                {"role": "user", "text": "What is the weather in Oslo and in Bergen?"},
                {"role": "assistant", "text": "", "tool_calls": [
                    {"id": "call_o1", "name": "get_weather",
                     "arguments": "{\"city\":\"Oslo\",\"unit\":\"celsius\"}"},
                    {"id": "call_b2", "name": "get_weather",
                     "arguments": "{\"city\":\"Bergen\",\"unit\":\"celsius\"}"}
                ]},
                {"role": "tool", "call_id": "call_o1", "text": "{\"temp\":-3}"},
                {"role": "tool", "call_id": "call_b2", "text": "{\"temp\":4}"}
            ],
            "tools": strict_weather(), "tool_choice": {"named": "get_weather"}
        })
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str) -> Request {
        request(match name {
            "text" => json!({
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {
                    "temperature": 0, "top_p": 1, "seed": 7, "max_tokens": 16, "stop": ["\n"],
                    "frequency_penalty": 0, "presence_penalty": 0,
                    "logprobs": true,
                    "extra": {
                        "n": 1, "top_logprobs": 2, "user": "suite-run-1", "store": false
                    }
                }
            }),
            "json-schema" => json!({
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "user", "text": "Maria moved to Lisbon in 2014. Give city and year."}
                ],
                "schema": {
                    "name": "move", "description": "A move to a city", "schema": move_schema()
                },
                "params": {"max_tokens": 64}
            }),
            "reasoning" => json!({
                "model": "gpt-5-mini",
                "messages": [{"role": "user", "text": "How many primes are below 100?"}],
                "params": {
                    "reasoning_effort": "low", "max_tokens": 2000,
                    "extra": {
                        "verbosity": "low", "service_tier": "flex", "prompt_cache_key": "suite-primes"
                    }
                }
            }),
            "stream" => json!({
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "text": "What is the capital of Japan?"}],
                "params": {"stream": true}
            }),
            "tools" => json!({
                "model": "gpt-4o-mini",
                "messages": [
                    {"role": "user", "text": "What is the weather in Oslo and in Bergen?"}
                ],
                "tools": strict_weather(), "tool_choice": "auto", "params": {"parallel_tool_calls": true}
            }),
            "tool-result" => tool_result(),
            other => panic!("no neutral form of {other}"),
        })
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("openai-chat", ".request.json") {
            let request = neutral(&name);
            let encoded = encode(&request, 1);
            let base = "https://api.openai.com/v1";
            let path = file["path"].as_str().unwrap();
            assert_eq!(
                encoded.url(base),
                format!("https://api.openai.com{path}"),
                "{name}"
            );
            assert_eq!(
                encoded.headers,
                [("content-type", "application/json".to_owned())]
            );
            let body = with_drawn_seed(&request, &file["body"]);
            assert_eq!(normal(&sent(&request)), normal(&body), "{name}");
            assert_eq!(super::super::unsupported(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn requests_that_a_real_server_answered_are_what_is_sent() {
        let files = recorded("llama-cpp", ".json");
        let plain = request(json!({
            "model": "smollm2-135m-instruct",
            "messages": [
                {"role": "system", "text": "You are concise."},
                {"role": "user", "text": "What is the capital of Japan?"}
            ],
            "params": {"temperature": 0, "seed": 7, "max_tokens": 32}
        }));
        let schema = request(json!({
            "model": "smollm2-135m-instruct",
            "messages": [
                {"role": "user", "text": "Give the city and year: Maria moved to Lisbon in 2014."}
            ],
            "schema": {"name": "move", "schema": move_schema()},
            "params": {"temperature": 0, "max_tokens": 80}
        }));
        let tools = request(json!({
            "model": "smollm2-135m-instruct",
            "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
            "tools": [{
                "name": "get_weather",
                "description": "Weather of a city",
                "parameters": {
                    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
                }
            }],
            "tool_choice": "required",
            "params": {"temperature": 0, "max_tokens": 80}
        }));
        for (name, request) in [
            ("chat-plain", plain),
            ("chat-json-schema", schema),
            ("chat-tools", tools),
        ] {
            let body = with_drawn_seed(&request, &files[name]["request"]);
            assert_eq!(normal(&sent(&request)), normal(&body), "{name}");
        }
    }

    fn asking(model: &str, params: &Value) -> Request {
        request(json!({
            "model": model,
            "messages": [{"role": "user", "text": "Hi"}],
            "params": params,
        }))
    }

    #[test]
    fn only_what_was_set_is_sent() {
        let bare = sent(&asking("m", &json!({})));
        assert_eq!(
            bare,
            json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
        );
    }

    #[test]
    fn every_repeat_has_a_seed_of_its_own() {
        let request = asking("m", &json!({"seed": 7}));
        let other = asking("another model", &json!({"seed": 7}));
        let seed = |request, repeat| body(request, repeat)["seed"].as_u64();
        let seeds: BTreeSet<Option<u64>> = (1..=3).map(|repeat| seed(&request, repeat)).collect();
        assert_eq!(seeds.len(), 3, "{seeds:?}");
        assert!(seeds.contains(&seed(&request, 1)));
        assert!(!seeds.contains(&seed(&other, 1)));
    }

    #[test]
    fn the_output_limit_bears_the_name_that_the_model_takes() {
        for (model, name) in [
            ("gpt-4o-mini", "max_completion_tokens"),
            ("openai/gpt-5", "max_completion_tokens"),
            ("o3-mini", "max_completion_tokens"),
            ("ft:gpt-4o-2024-08-06:org::x", "max_completion_tokens"),
            ("openai/gpt-oss-20b", "max_tokens"),
            ("olmo-2", "max_tokens"),
            ("EleutherAI/gpt-j-6b", "max_tokens"),
            ("smollm2-135m-instruct", "max_tokens"),
        ] {
            let body = sent(&asking(model, &json!({"max_tokens": 5})));
            assert_eq!(body[name], 5, "{model}: {body}");
        }
    }

    #[test]
    fn extra_fields_win_over_all_others() {
        let params = json!({
            "max_tokens": 5,
            "temperature": 0.5,
            "extra": {"max_completion_tokens": 9, "temperature": 1, "min_p": 0.1},
        });
        let body = sent(&asking("m", &params));
        assert_eq!(body["max_completion_tokens"], 9);
        assert_eq!(body.get("max_tokens"), None);
        assert_eq!(body["temperature"], 1);
        assert_eq!(body["min_p"], 0.1);
    }

    fn answered(choice: &Value) -> Response {
        let body = json!({"choices": [choice]}).to_string();
        received(WireFormat::Openai, 200, &[], body.as_bytes()).expect("it is an answer")
    }

    #[test]
    fn the_many_meanings_of_stop_are_told_apart() {
        let call = json!({"function": {"name": "f", "arguments": {"a": 1}}});
        for (choice, finish, outcome) in [
            (
                json!({"finish_reason": "stop", "message": {"content": "x"}}),
                Finish::Stop,
                Outcome::Ok,
            ),
            (
                json!({"finish_reason": "stop", "stop_reason": "###", "message": {"content": "x"}}),
                Finish::StopSequence,
                Outcome::Ok,
            ),
            (
                json!({"finish_reason": "stop", "stop_reason": 2, "message": {"content": "x"}}),
                Finish::Stop,
                Outcome::Ok,
            ),
            (
                json!({"finish_reason": "stop", "message": {"tool_calls": [call]}}),
                Finish::ToolCalls,
                Outcome::Ok,
            ),
            (
                json!({"finish_reason": "stop", "message": {"content": null, "refusal": "No."}}),
                Finish::Refusal,
                Outcome::Refused,
            ),
            (
                json!({"finish_reason": "error", "message": {"content": "x"}}),
                Finish::Other,
                Outcome::Ok,
            ),
            (
                json!({"finish_reason": "model_length", "message": {"content": "x"}}),
                Finish::Length,
                Outcome::Truncated,
            ),
        ] {
            let response = answered(&choice);
            assert_eq!(response.finish, finish, "{choice}");
            assert_eq!(response.outcome(), outcome, "{choice}");
            assert_eq!(
                response.finish_raw.as_deref(),
                choice["finish_reason"].as_str()
            );
        }
    }

    #[test]
    fn reasoning_is_kept_apart_from_the_answer() {
        for field in ["reasoning_content", "reasoning"] {
            let response = answered(&json!({"message": {"content": "25", field: "Count."}}));
            assert_eq!(response.text, "25");
            assert_eq!(response.reasoning.as_deref(), Some("Count."));
        }
    }

    #[test]
    fn an_answer_in_parts_is_one_text() {
        let parts =
            json!([{"type": "text", "text": "a"}, {"type": "x"}, {"type": "text", "text": "b"}]);
        assert_eq!(answered(&json!({"message": {"content": parts}})).text, "ab");
    }

    #[test]
    fn counts_that_are_missing_or_absurd_are_unknown() {
        let body = json!({
            "choices": [{"message": {"content": "x"}}],
            "usage": {"prompt_tokens": -1, "completion_tokens": u64::MAX}
        });
        let body = body.to_string();
        let response = received(WireFormat::Openai, 200, &[], body.as_bytes()).unwrap();
        assert_eq!(response.usage, Usage::default());
    }
}
