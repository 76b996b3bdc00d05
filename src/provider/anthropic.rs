//! Anthropic messages.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, append, list, part, take_over};
use super::turns::{self, Side};
use super::{Codec, Path, blank, count_at, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::media::{Media, MediaSource};
use crate::exchange::{Finish, Message, Request, Response, Tool, ToolCall, ToolChoice, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[
        Feature::Seed,
        Feature::FrequencyPenalty,
        Feature::PresencePenalty,
        Feature::Logprobs,
    ],
    unsupported,
    path: |_| Path {
        version: "/v1",
        rest: "/messages".to_owned(),
        query: None,
    },
    body: |request, _| body(request),
    response,
    streaming: Some(Streaming {
        framing: Framing::Sse,
        add,
    }),
};

/// The version of the format, sent with each request.
pub(super) const VERSION: &str = "2023-06-01";

/// The body of the request.
fn body(request: &Request) -> Map<String, Value> {
    let params = &request.params;
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "max_tokens", params.max_tokens);
    set(&mut body, "system", system(&request.messages));
    set(&mut body, "messages", Some(wire_turns(&request.messages)));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        set(&mut body, "tools", Some(tools));
        set(&mut body, "tool_choice", choice(request));
    }
    set(&mut body, "output_config", output_config(request));
    set(&mut body, "temperature", params.temperature);
    set(&mut body, "top_p", params.top_p);
    set(&mut body, "top_k", params.top_k);
    set(
        &mut body,
        "stop_sequences",
        Some(params.stop.clone()).filter(|stop| !stop.is_empty()),
    );
    set(&mut body, "stream", request.streams().then_some(true));
    body
}

/// What else of the request this format cannot carry.
fn unsupported(request: &Request) -> Vec<String> {
    let params = &request.params;
    let mut problems = Vec::new();
    if params.max_tokens.is_none() && !params.extra.contains_key("max_tokens") {
        problems.push("needs `max_tokens`".to_owned());
    }
    problems.extend(turns::impossible(&request.messages));
    // Text has a form of its own here, and other types have none.
    let is_other = |media: &&Media| {
        let is_pdf = media.media_type == "application/pdf";
        !media.is_image() && !media.is_remote() && !is_pdf
    };
    let media = request.messages.iter().flat_map(Message::media);
    let others = media.filter(is_other);
    problems
        .extend(others.map(|media| format!("takes PDF as documents, and not `{}`", media.name)));
    problems
}

/// The instructions, which this format keeps apart from the conversation.
fn system(messages: &[Message]) -> Option<Value> {
    let blocks: Vec<Value> = turns::system(messages)
        .into_iter()
        .map(text_block)
        .collect();
    (!blocks.is_empty()).then(|| content(blocks))
}

fn wire_turns(messages: &[Message]) -> Vec<Value> {
    turns::turns(messages, blocks)
        .into_iter()
        .map(|(side, blocks)| {
            let role = match side {
                Side::User => "user",
                Side::Model => "assistant",
            };
            json!({"role": role, "content": content(blocks)})
        })
        .collect()
}

fn blocks(message: &Message) -> Vec<Value> {
    match message {
        Message::System { text } => vec![text_block(text)],
        Message::User { text, media } => {
            // The newest text is best read after what it is about.
            let text = (media.is_empty() || !text.is_empty()).then(|| text_block(text));
            media.iter().map(media_block).chain(text).collect()
        }
        Message::Tool { call_id, text } => vec![tool_result(call_id, text)],
        Message::Assistant { text, tool_calls } => said(text, tool_calls),
    }
}

fn media_block(media: &Media) -> Value {
    let kind = if media.is_image() {
        "image"
    } else {
        "document"
    };
    let source = match &media.source {
        MediaSource::Url(url) => json!({"type": "url", "url": url}),
        MediaSource::Data(data) => {
            json!({"type": "base64", "media_type": media.media_type, "data": data})
        }
    };
    json!({"type": kind, "source": source})
}

/// One text as a plain string, anything else as a list of blocks.
fn content(mut blocks: Vec<Value>) -> Value {
    let single = blocks.len() == 1 && blocks[0]["type"] == "text";
    if single {
        blocks[0]["text"].take()
    } else {
        blocks.into()
    }
}

fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

fn tool_result(call_id: &str, text: &str) -> Value {
    json!({"type": "tool_result", "tool_use_id": call_id, "content": text})
}

fn said(text: &str, tool_calls: &[ToolCall]) -> Vec<Value> {
    // An empty text block is refused, and beside tool calls there is often no text.
    let silent = text.is_empty() && !tool_calls.is_empty();
    let calls = tool_calls.iter().map(|call| {
        json!({
            "type": "tool_use",
            "id": call.id,
            "name": call.name,
            "input": turns::arguments(call),
        })
    });
    let text = (!silent).then(|| text_block(text));
    text.into_iter().chain(calls).collect()
}

fn tool(tool: &Tool) -> Value {
    let mut wire = Map::new();
    set(&mut wire, "name", Some(tool.name.as_str()));
    set(&mut wire, "description", tool.description.as_deref());
    set(&mut wire, "input_schema", Some(tool.parameters.clone()));
    set(&mut wire, "strict", tool.strict.then_some(true));
    wire.into()
}

/// The choice of tool, which also says whether several may be called; that they may is the default.
fn choice(request: &Request) -> Option<Value> {
    let one_at_a_time = request.params.parallel_tool_calls == Some(false);
    let mut wire = match &request.tool_choice {
        None if one_at_a_time => json!({"type": "auto"}),
        None => return None,
        Some(ToolChoice::None) => return Some(json!({"type": "none"})),
        Some(ToolChoice::Auto) => json!({"type": "auto"}),
        Some(ToolChoice::Required) => json!({"type": "any"}),
        Some(ToolChoice::Named(name)) => json!({"type": "tool", "name": name}),
    };
    if one_at_a_time {
        wire["disable_parallel_tool_use"] = true.into();
    }
    Some(wire)
}

fn output_config(request: &Request) -> Option<Value> {
    let mut config = Map::new();
    set(
        &mut config,
        "format",
        request
            .schema
            .as_ref()
            .map(|schema| json!({"type": "json_schema", "schema": turns::described(schema)})),
    );
    set(
        &mut config,
        "effort",
        request.params.reasoning_effort.as_deref(),
    );
    (!config.is_empty()).then_some(Value::Object(config))
}

/// What a successful body says, or why it says nothing.
pub(super) fn response(body: &Value) -> Result<Response, &'static str> {
    let blocks = body
        .get("content")
        .and_then(Value::as_array)
        .ok_or("JSON without `content`")?;
    let finish_raw = text_at(body, "/stop_reason");
    let finish = finish_raw.as_deref().map_or(Finish::Other, finish);
    let mut response = Response {
        refusal: (finish == Finish::Refusal)
            .then(|| text_at(body, "/stop_details/explanation"))
            .flatten(),
        usage: usage(body),
        model: text_at(body, "/model"),
        ..blank(finish, finish_raw)
    };
    for block in blocks {
        read_block(block, &mut response)?;
    }
    Ok(response)
}

/// Adds one block to the response. Kinds that are not known here, such as those of server-side tools, are no answer.
fn read_block(block: &Value, response: &mut Response) -> Result<(), &'static str> {
    match block.get("type").and_then(Value::as_str) {
        Some("text") => {
            let text = block.get("text").and_then(Value::as_str);
            response.text += text.ok_or("a text block without text")?;
        }
        Some("tool_use") => response.tool_calls.push(ToolCall {
            id: text_at(block, "/id").unwrap_or_default(),
            name: text_at(block, "/name").ok_or("a tool call without a name")?,
            arguments: turns::written(block.get("input")),
        }),
        Some("thinking") => {
            if let Some(text) = text_at(block, "/thinking") {
                *response.reasoning.get_or_insert_default() += &text;
            }
        }
        Some(_) => {}
        None => return Err("a content block without `type`"),
    }
    Ok(())
}

/// Adds an event of a stream to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let field = |name: &str| event.get(name).unwrap_or(&Value::Null);
    match field("type").as_str() {
        Some("message_start") => {
            let message = event["message"].take();
            if !message.is_object() {
                return Err("a stream without its message");
            }
            *body = message;
            *list(body, "content") = Vec::new();
            Ok(Step::QUIET)
        }
        Some("content_block_start") => {
            let block = field("content_block").clone();
            let ours = part(list(body, "content"), event.get("index"))?;
            let names = ["type", "id", "name"];
            take_over(ours, &block, &names);
            let said = ["text", "thinking"].map(|name| append(ours, name, text(&block, name)));
            Ok(Step::saying(
                said.contains(&true) || block["type"] == "tool_use",
            ))
        }
        Some("content_block_delta") => {
            let delta = field("delta").clone();
            let ours = part(list(body, "content"), event.get("index"))?;
            let said = ["text", "thinking"].map(|name| append(ours, name, text(&delta, name)));
            let input = append(ours, "partial_json", text(&delta, "partial_json"));
            Ok(Step::saying(input || said.contains(&true)))
        }
        Some("message_delta") => {
            let names = ["stop_reason", "stop_sequence", "stop_details"];
            take_over(body, field("delta"), &names);
            add_usage(body, field("usage"));
            Ok(Step::QUIET)
        }
        Some("message_stop") => {
            list(body, "content").iter_mut().for_each(close_block);
            Ok(Step::END)
        }
        _ => Ok(Step::QUIET),
    }
}

fn text<'a>(fields: &'a Value, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_str()
}

/// The counts of the end take the place of those of the start.
fn add_usage(body: &mut Value, usage: &Value) {
    let Some(counts) = usage.as_object() else {
        return;
    };
    let ours = &mut body["usage"];
    if !ours.is_object() {
        *ours = json!({});
    }
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    take_over(ours, usage, &names);
}

/// Makes a block of a stream what it is in a whole body.
fn close_block(block: &mut Value) {
    if block["type"] == "text" && block.get("text").is_none() {
        block["text"] = "".into();
    }
    if block["type"] == "tool_use" {
        block["input"] = turns::joined(&block["partial_json"]);
    }
}

fn finish(stop_reason: &str) -> Finish {
    match stop_reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refusal,
        _ => Finish::Other,
    }
}

/// The counts. Here `input_tokens` leaves out what the cache read or wrote; a server without a cache does not name
/// these, and then nothing of the prompt was in one.
fn usage(body: &Value) -> Usage {
    let cache_read = count_at(body, "/usage/cache_read_input_tokens");
    let cache_write = count_at(body, "/usage/cache_creation_input_tokens");
    let uncached = count_at(body, "/usage/input_tokens");
    Usage {
        input: uncached.map(|count| count + cache_read.unwrap_or(0) + cache_write.unwrap_or(0)),
        cache_read,
        cache_write,
        output: count_at(body, "/usage/output_tokens"),
        reasoning: count_at(body, "/usage/output_tokens_details/thinking_tokens"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, received, recorded, request as neutral_request, sent, weather,
    };
    use super::super::{encode, unsupported as problems};
    use super::*;
    use crate::exchange::WireFormat;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "anthropic".into();
        neutral_request(neutral)
    }

    fn tool_result_request() -> Value {
        json!({
            "model": "claude-sonnet-4-5",
            "messages": [
                {"role": "user", "text": "What is the weather in Oslo?"},
                {"role": "assistant", "text": "", "tool_calls": [{
                    "id": "toolu_01A", "name": "get_weather",
                    "arguments": "{\"city\":\"Oslo\",\"unit\":\"celsius\"}"
                }]},
                {"role": "tool", "call_id": "toolu_01A", "text": "{\"temp\":-3}"}
            ],
            "tools": weather(),
            "params": {"max_tokens": 256}
        })
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str) -> Request {
        let model = "claude-sonnet-4-5";
        request(match name {
            "text" => json!({
                "model": model,
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {
                    "temperature": 0, "max_tokens": 64, "stop": ["\n\n"],
                    "extra": {"metadata": {"user_id": "suite-run-1"}}
                }
            }),
            "cached-system" => json!({
                "model": model,
                "messages": [{"role": "user", "text": "Hello"}],
                "params": {"max_tokens": 64, "extra": {"system": [{
                    "type": "text",
                    "text": "<long instructions>",
                    "cache_control": {"type": "ephemeral", "ttl": "5m"}
                }]}}
            }),
            "json-schema" => json!({
                "model": model,
                "messages": [
                    {"role": "user", "text": "Maria moved to Lisbon in 2014. Give city and year."}
                ],
                "schema": {"name": "move", "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "year": {"type": "integer"}},
                    "required": ["city", "year"],
                    "additionalProperties": false
                }},
                "params": {"max_tokens": 128, "reasoning_effort": "low"}
            }),
            "thinking" => json!({
                "model": model,
                "messages": [{"role": "user", "text": "How many primes are below 100?"}],
                "params": {
                    "max_tokens": 2048,
                    "extra": {"thinking": {"type": "enabled", "budget_tokens": 1024}}
                }
            }),
            "tools" => json!({
                "model": model,
                "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
                "tools": weather(), "tool_choice": "auto",
                "params": {"max_tokens": 256, "parallel_tool_calls": false}
            }),
            "tool-result" => tool_result_request(),
            other => panic!("no neutral form of {other}"),
        })
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("anthropic-messages", ".request.json") {
            let request = neutral(&name);
            let encoded = encode(&request, 1);
            let url = encoded.url("https://api.anthropic.com");
            assert_eq!(
                url.strip_prefix("https://api.anthropic.com"),
                file["path"].as_str(),
                "{name}"
            );
            for (header, value) in encoded.headers {
                assert_eq!(file["headers"][header], value, "{name}");
            }
            assert_eq!(normal(&sent(&request)), normal(&file["body"]), "{name}");
            assert_eq!(problems(&request), [""; 0], "{name}");
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
            "params": {"temperature": 0, "max_tokens": 32}
        }));
        let tools = request(json!({
            "model": "smollm2-135m-instruct",
            "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
            "tools": [{
                "name": "get_weather",
                "description": "Weather",
                "parameters": {
                    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
                }
            }],
            "tool_choice": "required",
            "params": {"temperature": 0, "max_tokens": 60}
        }));
        for (name, request) in [("messages-plain", plain), ("messages-tools", tools)] {
            assert_eq!(
                normal(&sent(&request)),
                normal(&files[name]["request"]),
                "{name}"
            );
        }
    }

    #[test]
    fn neighbours_of_equal_role_become_blocks_of_one_turn() {
        let body = sent(&request(json!({
            "model": "m",
            "messages": [
                {"role": "system", "text": "Be brief."},
                {"role": "system", "text": "Be kind."},
                {"role": "user", "text": "Weather?"},
                {"role": "assistant", "text": "I look.", "tool_calls": [
                    {"id": "a", "name": "f", "arguments": ""},
                    {"id": "b", "name": "f", "arguments": "{\"x\": 1}"}
                ]},
                {"role": "tool", "call_id": "a", "text": "1"},
                {"role": "tool", "call_id": "b", "text": "2"},
                {"role": "user", "text": "And now?"}
            ],
        })));
        let turns: Vec<String> = body["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        insta::assert_snapshot!(body["system"].to_string(), @r#"[{"type":"text","text":"Be brief."},{"type":"text","text":"Be kind."}]"#);
        insta::assert_snapshot!(turns.join("\n"), @r#"
        {"role":"user","content":"Weather?"}
        {"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"a","name":"f","input":{}},{"type":"tool_use","id":"b","name":"f","input":{"x":1}}]}
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"a","content":"1"},{"type":"tool_result","tool_use_id":"b","content":"2"},{"type":"text","text":"And now?"}]}
        "#);
    }

    #[test]
    fn what_the_format_cannot_carry_is_named_before_the_first_call() {
        let found = problems(&request(json!({
            "model": "m",
            "messages": [
                {"role": "user", "text": "a"},
                {"role": "assistant", "text": "", "tool_calls": [{"id": "c1", "name": "f", "arguments": "[1"}]},
                {"role": "system", "text": "b"}
            ],
            "params": {"seed": 1, "frequency_penalty": 0.1, "presence_penalty": 0.1},
        })));
        insta::assert_snapshot!(found.join("\n"), @r"
        the format anthropic has no `seed`
        the format anthropic has no `frequency_penalty`
        the format anthropic has no `presence_penalty`
        the format anthropic needs `max_tokens`
        the format anthropic has no system message after the first user message
        the format anthropic needs a JSON object as arguments of the tool call `c1`
        ");
        let bare = problems(&request(json!({
            "model": "m",
            "messages": [{"role": "system", "text": "b"}],
            "params": {"extra": {"max_tokens": 5}},
        })));
        assert_eq!(bare, ["the format anthropic needs a user message"]);
    }

    #[test]
    fn the_description_of_a_schema_goes_into_it() {
        let body = sent(&request(json!({
            "model": "m",
            "messages": [{"role": "user", "text": "x"}],
            "schema": {"name": "s", "description": "A move", "schema": {"type": "object"}},
        })));
        assert_eq!(
            body["output_config"]["format"]["schema"],
            json!({"type": "object", "description": "A move"})
        );
    }

    #[test]
    fn every_choice_of_tool_has_its_word() {
        let chosen = |choice: Value, parallel: Value| {
            sent(&request(json!({
                "model": "m",
                "messages": [{"role": "user", "text": "x"}],
                "tools": weather(),
                "tool_choice": choice,
                "params": {"parallel_tool_calls": parallel},
            })))["tool_choice"]
                .clone()
        };
        assert_eq!(chosen(json!(null), json!(null)), json!(null));
        assert_eq!(chosen(json!(null), json!(true)), json!(null));
        assert_eq!(
            chosen(json!(null), json!(false)),
            json!({"type": "auto", "disable_parallel_tool_use": true})
        );
        assert_eq!(chosen(json!("none"), json!(false)), json!({"type": "none"}));
        assert_eq!(
            chosen(json!("required"), json!(false)),
            json!({"type": "any", "disable_parallel_tool_use": true})
        );
        assert_eq!(
            chosen(json!({"named": "get_weather"}), json!(null)),
            json!({"type": "tool", "name": "get_weather"})
        );
    }

    #[test]
    fn cached_tokens_are_part_of_the_input() {
        let body = json!({
            "content": [],
            "stop_reason": "pause_turn",
            "usage": {
                "input_tokens": 8, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 2048
            }
        });
        let body = body.to_string();
        let response = received(WireFormat::Anthropic, 200, &[], body.as_bytes()).unwrap();
        assert_eq!(response.usage.input, Some(2156));
        assert_eq!(response.usage.output, None);
        assert_eq!(response.finish, Finish::Other);
        assert_eq!(response.finish_raw.as_deref(), Some("pause_turn"));
    }
}
