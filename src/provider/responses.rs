//! OpenAI responses.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming};
use super::{Codec, Path, blank, count_at, logprobs, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::media::Media;
use crate::exchange::{
    Finish, Message, OutputSchema, Request, Response, Tool, ToolCall, ToolChoice, Usage,
};

pub(super) const CODEC: Codec = Codec {
    lacks: &[
        Feature::TopK,
        Feature::Seed,
        Feature::Stop,
        Feature::FrequencyPenalty,
        Feature::PresencePenalty,
    ],
    unsupported,
    path: |_| Path {
        rest: "/responses".to_owned(),
        ..Path::default()
    },
    body: |request, _| body(request),
    response,
    streaming: Some(Streaming {
        framing: Framing::Sse,
        add,
    }),
};

/// Fields that would make the endpoint answer later, or on what it remembers.
fn unsupported(request: &Request) -> Vec<String> {
    let extra = &request.params.extra;
    let mut problems = Vec::new();
    if extra.get("background").is_some_and(|it| *it != false) {
        problems.push("is read at once: `background` cannot be set".to_owned());
    }
    if extra.contains_key("previous_response_id") {
        problems.push("is asked whole: `previous_response_id` cannot be set".to_owned());
    }
    problems
}

fn body(request: &Request) -> Map<String, Value> {
    let params = &request.params;
    let (instructions, rest) = instructions(&request.messages);
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "instructions", instructions);
    set(&mut body, "input", Some(input(rest)));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        set(&mut body, "tools", Some(tools));
        let choice = request.tool_choice.as_ref().map(choice);
        set(&mut body, "tool_choice", choice);
        set(&mut body, "parallel_tool_calls", params.parallel_tool_calls);
    }
    let format = request.schema.as_ref().map(format);
    set(&mut body, "text", format.map(|it| json!({"format": it})));
    let effort = params.reasoning_effort.as_deref();
    set(
        &mut body,
        "reasoning",
        effort.map(|it| json!({"effort": it})),
    );
    set(&mut body, "max_output_tokens", params.max_tokens);
    set(&mut body, "temperature", params.temperature);
    set(&mut body, "top_p", params.top_p);
    // The endpoint keeps every answer unless told not to.
    set(&mut body, "store", Some(false));
    let asks = params.logprobs == Some(true);
    let include = asks.then(|| json!(["message.output_text.logprobs"]));
    set(&mut body, "include", include);
    set(&mut body, "stream", request.streams().then_some(true));
    body
}

/// The system message that stands first goes to its own field, which holds one text; others stay where they are.
fn instructions(messages: &[Message]) -> (Option<&str>, &[Message]) {
    match messages {
        [Message::System { text }, rest @ ..] => (Some(text), rest),
        _ => (None, messages),
    }
}

fn input(messages: &[Message]) -> Value {
    match messages {
        [Message::User { text, media }] if media.is_empty() => text.as_str().into(),
        _ => messages.iter().flat_map(items).collect(),
    }
}

fn items(message: &Message) -> Vec<Value> {
    match message {
        Message::User { text, media } if !media.is_empty() => {
            let text = (!text.is_empty()).then(|| json!({"type": "input_text", "text": text}));
            let parts = text.into_iter().chain(media.iter().map(part_of));
            vec![json!({"role": "user", "content": parts.collect::<Value>()})]
        }
        Message::System { text } | Message::User { text, .. } => {
            vec![json!({"role": message.role(), "content": text})]
        }
        Message::Assistant { text, tool_calls } => {
            let silent = text.is_empty() && !tool_calls.is_empty();
            let said = (!silent).then(|| json!({"role": "assistant", "content": text}));
            said.into_iter()
                .chain(tool_calls.iter().map(call))
                .collect()
        }
        Message::Tool { call_id, text } => {
            vec![json!({"type": "function_call_output", "call_id": call_id, "output": text})]
        }
    }
}

fn part_of(media: &Media) -> Value {
    if media.is_image() {
        json!({"type": "input_image", "image_url": media.url(), "detail": "auto"})
    } else if media.is_remote() {
        json!({"type": "input_file", "file_url": media.url()})
    } else {
        json!({"type": "input_file", "filename": media.name, "file_data": media.url()})
    }
}

fn call(call: &ToolCall) -> Value {
    json!({
        "type": "function_call",
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
    })
}

fn tool(tool: &Tool) -> Value {
    let mut wire = Map::new();
    set(&mut wire, "type", Some("function"));
    set(&mut wire, "name", Some(tool.name.as_str()));
    set(&mut wire, "description", tool.description.as_deref());
    set(&mut wire, "parameters", Some(tool.parameters.clone()));
    // Here the default is true.
    set(&mut wire, "strict", Some(tool.strict));
    wire.into()
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => "auto".into(),
        ToolChoice::None => "none".into(),
        ToolChoice::Required => "required".into(),
        ToolChoice::Named(name) => json!({"type": "function", "name": name}),
    }
}

fn format(schema: &OutputSchema) -> Value {
    let mut wire = Map::new();
    set(&mut wire, "type", Some("json_schema"));
    set(&mut wire, "name", Some(schema.name.as_str()));
    set(&mut wire, "description", schema.description.as_deref());
    set(&mut wire, "strict", Some(true));
    set(&mut wire, "schema", Some(schema.schema.clone()));
    wire.into()
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let items = body
        .get("output")
        .and_then(Value::as_array)
        .ok_or("JSON without `output`")?;
    let status = text_at(body, "/status");
    if !matches!(status.as_deref(), None | Some("completed" | "incomplete")) {
        return Err("a response that is not at its end");
    }
    let mut response = Response {
        usage: usage(body),
        model: text_at(body, "/model"),
        ..blank(Finish::Other, None)
    };
    for item in items {
        read_item(item, &mut response)?;
    }
    let reason = text_at(body, "/incomplete_details/reason");
    response.finish = finish(status.as_deref(), reason.as_deref(), &response);
    response.finish_raw = reason.or(status);
    Ok(response)
}

/// Takes the body from the last event of a stream, which holds it whole.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    match event.get("type").and_then(Value::as_str) {
        Some("response.completed" | "response.incomplete" | "response.failed") => {
            *body = event["response"].take();
            Ok(Step::END)
        }
        Some("error") => {
            *body = json!({"error": event.take()});
            Ok(Step::END)
        }
        Some(kind) if kind.rsplit('.').next() == Some("delta") => {
            let delta = event.get("delta").and_then(Value::as_str);
            Ok(Step::saying(delta.is_some_and(|text| !text.is_empty())))
        }
        Some(_) => Ok(Step::QUIET),
        None => Err("an event without `type`"),
    }
}

/// Adds one item to the response. Kinds that are not known here, such as those of server-side tools, are no answer.
fn read_item(item: &Value, response: &mut Response) -> Result<(), &'static str> {
    match item.get("type").and_then(Value::as_str) {
        Some("message") => {
            let parts = item.get("content").and_then(Value::as_array);
            for part in parts.ok_or("a message without `content`")? {
                read_part(part, response)?;
            }
        }
        Some("function_call") => response.tool_calls.push(ToolCall {
            id: text_at(item, "/call_id").unwrap_or_default(),
            name: text_at(item, "/name").ok_or("a tool call without a name")?,
            arguments: text_at(item, "/arguments").unwrap_or_default(),
        }),
        Some("reasoning") => {
            let parts = ["summary", "content"].into_iter();
            let parts = parts.filter_map(|field| item.get(field)?.as_array());
            for text in parts.flatten().filter_map(|part| text_at(part, "/text")) {
                *response.reasoning.get_or_insert_default() += &text;
            }
        }
        Some(_) => {}
        None => return Err("an item without `type`"),
    }
    Ok(())
}

fn read_part(part: &Value, response: &mut Response) -> Result<(), &'static str> {
    match part.get("type").and_then(Value::as_str) {
        Some("output_text") => {
            let text = part.get("text").and_then(Value::as_str);
            response.text += text.ok_or("a text part without text")?;
            let tokens = logprobs(part.get("logprobs"), "token", "logprob");
            response.logprobs.extend(tokens);
        }
        Some("refusal") => {
            let text = part.get("refusal").and_then(Value::as_str);
            *response.refusal.get_or_insert_default() += text.unwrap_or_default();
        }
        _ => {}
    }
    Ok(())
}

/// Why the answer ended. Calls and refusals are said to be as complete as anything else.
fn finish(status: Option<&str>, reason: Option<&str>, response: &Response) -> Finish {
    match (status, reason) {
        (_, Some("max_output_tokens")) => Finish::Length,
        (_, Some("content_filter")) => Finish::Filter,
        (Some("incomplete"), _) => Finish::Other,
        _ if !response.tool_calls.is_empty() => Finish::ToolCalls,
        _ if response.refusal.is_some() => Finish::Refusal,
        _ => Finish::Stop,
    }
}

fn usage(body: &Value) -> Usage {
    Usage {
        input: count_at(body, "/usage/input_tokens"),
        cache_read: count_at(body, "/usage/input_tokens_details/cached_tokens"),
        cache_write: count_at(body, "/usage/input_tokens_details/cache_write_tokens"),
        output: count_at(body, "/usage/output_tokens"),
        reasoning: count_at(body, "/usage/output_tokens_details/reasoning_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, recorded, request as neutral_request, sent, strict_weather,
    };
    use super::super::{encode, unsupported as problems};
    use super::*;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "openai-responses".into();
        neutral["model"] = "gpt-5-mini".into();
        neutral_request(neutral)
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str) -> Request {
        request(match name {
            "text" => json!({
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {"max_tokens": 64, "reasoning_effort": "minimal", "extra": {
                    "text": {"format": {"type": "text"}, "verbosity": "low"},
                    "metadata": {"suite": "capitals"}
                }}
            }),
            "json-schema" => json!({
                "messages": [
                    {"role": "system", "text": "Extract."},
                    {"role": "user", "text": "Maria moved to Lisbon in 2014."}
                ],
                "schema": {"name": "move", "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "year": {"type": "integer"}},
                    "required": ["city", "year"],
                    "additionalProperties": false
                }}
            }),
            "tools" => json!({
                "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
                "tools": strict_weather(), "tool_choice": "required",
                "params": {"parallel_tool_calls": false}
            }),
            "tool-result" => json!({
                "messages": [
                    {"role": "user", "text": "What is the weather in Oslo?"},
                    {"role": "assistant", "text": "", "tool_calls": [{
                        "id": "call_o1", "name": "get_weather",
                        "arguments": "{\"city\":\"Oslo\",\"unit\":\"celsius\"}"
                    }]},
                    {"role": "tool", "call_id": "call_o1", "text": "{\"temp\":-3}"}
                ],
                "tools": strict_weather()
            }),
            other => panic!("no neutral form of {other}"),
        })
    }

    /// A body in which what means the same looks the same: instructions and a first system message, a text and a list
    /// of one item, an item with and without the id that the endpoint gave it, and that nothing is stored.
    fn same(body: &Value) -> Value {
        let mut body = body.clone();
        let fields = body.as_object_mut().expect("a body is an object");
        fields.shift_remove("store");
        let mut items = match fields.shift_remove("input") {
            Some(Value::Array(items)) => items,
            Some(text) => vec![json!({"role": "user", "content": text})],
            None => Vec::new(),
        };
        if let Some(text) = fields.shift_remove("instructions") {
            items.insert(0, json!({"role": "system", "content": text}));
        }
        for item in &mut items {
            for given in ["id", "status"] {
                item.as_object_mut()
                    .expect("items are objects")
                    .shift_remove(given);
            }
            if let Some([part]) = item["content"].as_array().map(Vec::as_slice) {
                item["content"] = part["text"].clone();
            }
        }
        body["input"] = items.into();
        normal(&body)
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("openai-responses", ".request.json") {
            let request = neutral(&name);
            let url = encode(&request, 1).url("https://api.openai.com/v1");
            assert_eq!(url, "https://api.openai.com/v1/responses");
            assert_eq!(same(&sent(&request)), same(&file["body"]), "{name}");
            assert_eq!(problems(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_conversation_is_a_list_of_items_and_nothing_is_stored() {
        let body = sent(&request(json!({
            "messages": [
                {"role": "system", "text": "Be brief."},
                {"role": "user", "text": "Hi"},
                {"role": "assistant", "text": "Hello"},
                {"role": "system", "text": "Be kind."},
                {"role": "user", "text": "Bye"}
            ],
        })));
        insta::assert_snapshot!(body.to_string(), @r#"{"model":"gpt-5-mini","instructions":"Be brief.","input":[{"role":"user","content":"Hi"},{"role":"assistant","content":"Hello"},{"role":"system","content":"Be kind."},{"role":"user","content":"Bye"}],"store":false}"#);
    }

    #[test]
    fn what_the_format_cannot_carry_is_named_before_the_first_call() {
        let found = problems(&request(json!({
            "messages": [{"role": "user", "text": "a"}],
            "params": {
                "seed": 1, "top_k": 3, "stop": ["x"], "frequency_penalty": 0.1, "presence_penalty": 0.1,
                "extra": {"background": true, "previous_response_id": "resp_1"}
            },
        })));
        insta::assert_snapshot!(found.join("\n"), @r"
        the format openai-responses has no `top_k`
        the format openai-responses has no `seed`
        the format openai-responses has no `stop`
        the format openai-responses has no `frequency_penalty`
        the format openai-responses has no `presence_penalty`
        the format openai-responses is read at once: `background` cannot be set
        the format openai-responses is asked whole: `previous_response_id` cannot be set
        ");
    }
}
