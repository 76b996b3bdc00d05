//! AWS Bedrock Converse.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, append, list, part, take_over};
use super::turns::{self, Side};
use super::{Codec, Path, blank, count_at, path_part, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::media::{Media, MediaSource};
use crate::exchange::{Finish, Message, Request, Response, Tool, ToolCall, ToolChoice, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[
        Feature::Seed,
        Feature::FrequencyPenalty,
        Feature::PresencePenalty,
        Feature::OneToolAtATime,
        Feature::ForbiddenTools,
        Feature::Logprobs,
        Feature::RemoteImages,
        Feature::RemoteDocuments,
    ],
    unsupported,
    path,
    body: |request, _| body(request),
    response,
    streaming: Some(Streaming {
        framing: Framing::Aws,
        add,
    }),
};

fn path(request: &Request) -> Path {
    let method = if request.streams() {
        "converse-stream"
    } else {
        "converse"
    };
    Path {
        rest: format!("/model/{}/{method}", path_part(&request.model)),
        ..Path::default()
    }
}

fn unsupported(request: &Request) -> Vec<String> {
    let mut problems = turns::impossible(&request.messages);
    if request.params.top_k.is_some() && !is_claude(request) {
        problems.push(
            "has a `top_k` for each family of models: set it in `extra.additionalModelRequestFields`"
                .to_owned(),
        );
    }
    problems
}

fn is_claude(request: &Request) -> bool {
    request.model.contains("anthropic.")
}

fn body(request: &Request) -> Map<String, Value> {
    let mut body = Map::new();
    let system = turns::system(&request.messages).into_iter();
    let system: Vec<Value> = system.map(|text| json!({"text": text})).collect();
    let system = Some(system).filter(|texts| !texts.is_empty());
    set(&mut body, "system", system);
    let messages = turns::turns(&request.messages, blocks).into_iter();
    let messages: Vec<Value> = messages
        .map(|(side, content)| match side {
            Side::User => json!({"role": "user", "content": content}),
            Side::Model => json!({"role": "assistant", "content": content}),
        })
        .collect();
    set(&mut body, "messages", Some(messages));
    let params = &request.params;
    let mut config = Map::new();
    set(&mut config, "maxTokens", params.max_tokens);
    set(&mut config, "temperature", params.temperature);
    set(&mut config, "topP", params.top_p);
    let stop = Some(params.stop.clone()).filter(|stop| !stop.is_empty());
    set(&mut config, "stopSequences", stop);
    let config = Some(config).filter(|config| !config.is_empty());
    set(&mut body, "inferenceConfig", config);
    if !request.tools.is_empty() {
        let mut config = Map::new();
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        set(&mut config, "tools", Some(tools));
        let choice = request.tool_choice.as_ref().and_then(choice);
        set(&mut config, "toolChoice", choice);
        set(&mut body, "toolConfig", Some(config));
    }
    set(&mut body, "outputConfig", output_config(request));
    let top_k = params.top_k.map(|top_k| json!({"top_k": top_k}));
    set(&mut body, "additionalModelRequestFields", top_k);
    body
}

fn blocks(message: &Message) -> Vec<Value> {
    match message {
        Message::System { text } => vec![json!({"text": text})],
        Message::User { text, media } => {
            let text = (!text.is_empty()).then(|| json!({"text": text}));
            media.iter().map(media_block).chain(text).collect()
        }
        Message::Assistant { text, tool_calls } => {
            let silent = text.is_empty() && !tool_calls.is_empty();
            let said = (!silent).then(|| json!({"text": text}));
            let calls = tool_calls.iter().map(|call| {
                json!({"toolUse": {
                    "toolUseId": call.id,
                    "name": call.name,
                    "input": turns::arguments(call),
                }})
            });
            said.into_iter().chain(calls).collect()
        }
        Message::Tool { call_id, text } => {
            let object = turns::object_in(text).map(|object| json!({"json": object}));
            let content = object.unwrap_or_else(|| json!({"text": text}));
            vec![json!({"toolResult": {
                "toolUseId": call_id,
                "content": [content],
                "status": "success",
            }})]
        }
    }
}

/// The form is the ending of the name, and a document has a name of letters, digits and few signs.
fn media_block(media: &Media) -> Value {
    let data = match &media.source {
        MediaSource::Data(data) | MediaSource::Url(data) => data,
    };
    let form = media.media_type.rsplit('/').next().unwrap_or_default();
    let form = match form {
        "plain" => "txt",
        "markdown" => "md",
        other => other,
    };
    let source = json!({"bytes": data});
    if media.is_image() {
        return json!({"image": {"format": form, "source": source}});
    }
    let name: String = media
        .name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    json!({"document": {"format": form, "name": name, "source": source}})
}

fn tool(tool: &Tool) -> Value {
    let mut wire = Map::new();
    set(&mut wire, "name", Some(tool.name.as_str()));
    set(&mut wire, "description", tool.description.as_deref());
    let schema = json!({"json": tool.parameters});
    set(&mut wire, "inputSchema", Some(schema));
    set(&mut wire, "strict", tool.strict.then_some(true));
    json!({"toolSpec": wire})
}

fn choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::None => None,
        ToolChoice::Auto => Some(json!({"auto": {}})),
        ToolChoice::Required => Some(json!({"any": {}})),
        ToolChoice::Named(name) => Some(json!({"tool": {"name": name}})),
    }
}

/// The form of the answer, whose schema is a JSON text here, and the effort.
fn output_config(request: &Request) -> Option<Value> {
    let mut config = Map::new();
    if let Some(schema) = &request.schema {
        let mut wire = Map::new();
        set(&mut wire, "name", Some(schema.name.as_str()));
        set(&mut wire, "description", schema.description.as_deref());
        set(&mut wire, "schema", Some(schema.schema.to_string()));
        let format = json!({"type": "json_schema", "structure": {"jsonSchema": wire}});
        set(&mut config, "textFormat", Some(format));
    }
    let effort = request.params.reasoning_effort.as_deref();
    set(&mut config, "effort", effort);
    (!config.is_empty()).then_some(Value::Object(config))
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let blocks = body
        .pointer("/output/message/content")
        .and_then(Value::as_array)
        .ok_or("JSON without `output`")?;
    let finish_raw = text_at(body, "/stopReason");
    let finish = finish_raw.as_deref().map_or(Finish::Other, finish);
    let mut response = Response {
        usage: usage(body),
        ..blank(finish, finish_raw)
    };
    for block in blocks {
        read_block(block, &mut response)?;
    }
    Ok(response)
}

/// Adds one block to the response. Kinds that are not known here are no answer.
fn read_block(block: &Value, response: &mut Response) -> Result<(), &'static str> {
    if let Some(text) = block.get("text").and_then(Value::as_str) {
        response.text += text;
    }
    if let Some(call) = block.get("toolUse") {
        response.tool_calls.push(ToolCall {
            id: text_at(call, "/toolUseId").unwrap_or_default(),
            name: text_at(call, "/name").ok_or("a tool call without a name")?,
            arguments: turns::written(call.get("input")),
        });
    }
    if let Some(text) = text_at(block, "/reasoningContent/reasoningText/text") {
        *response.reasoning.get_or_insert_default() += &text;
    }
    Ok(())
}

fn finish(reason: &str) -> Finish {
    match reason {
        "end_turn" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "tool_use" => Finish::ToolCalls,
        "guardrail_intervened" | "content_filtered" => Finish::Filter,
        _ => Finish::Other,
    }
}

/// The counts. Here `inputTokens` leaves out what the cache read or wrote.
fn usage(body: &Value) -> Usage {
    let cache_read = count_at(body, "/usage/cacheReadInputTokens");
    let cache_write = count_at(body, "/usage/cacheWriteInputTokens");
    let uncached = count_at(body, "/usage/inputTokens");
    Usage {
        input: uncached.map(|count| count + cache_read.unwrap_or(0) + cache_write.unwrap_or(0)),
        cache_read,
        cache_write,
        output: count_at(body, "/usage/outputTokens"),
        reasoning: None,
    }
}

/// Adds an event of a stream to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let payload = event.get("payload").unwrap_or(&Value::Null);
    if let Some(kind) = event.get("exception") {
        let message = payload.get("message").or_else(|| payload.get("Message"));
        *body = json!({"error": {"type": kind, "message": message}});
        return Ok(Step::END);
    }
    let index = payload.get("contentBlockIndex");
    match event.get("event").and_then(Value::as_str) {
        Some("contentBlockStart") => {
            let block = part(content(body), index)?;
            let Some(call) = payload.pointer("/start/toolUse") else {
                return Ok(Step::QUIET);
            };
            let names = ["toolUseId", "name"];
            take_over(&mut block["toolUse"], call, &names);
            Ok(Step::saying(true))
        }
        Some("contentBlockDelta") => {
            let text = |pointer| payload.pointer(pointer).and_then(Value::as_str);
            let block = part(content(body), index)?;
            let mut said = append(block, "text", text("/delta/text"));
            if let Some(input) = text("/delta/toolUse/input") {
                said |= append(&mut block["toolUse"], "input", Some(input));
            }
            if let Some(thought) = text("/delta/reasoningContent/text") {
                let ours = &mut block["reasoningContent"]["reasoningText"];
                said |= append(ours, "text", Some(thought));
            }
            Ok(Step::saying(said))
        }
        Some("messageStop") => {
            for block in content(body) {
                if let Some(input) = block.pointer_mut("/toolUse/input") {
                    *input = turns::joined(input);
                }
            }
            take_over(body, payload, &["stopReason"]);
            Ok(Step::END)
        }
        Some("metadata") => {
            take_over(body, payload, &["usage"]);
            Ok(Step::QUIET)
        }
        _ => Ok(Step::QUIET),
    }
}

fn content(body: &mut Value) -> &mut Vec<Value> {
    list(&mut body["output"]["message"], "content")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, recorded, request as neutral_request, sent, shown, weather,
    };
    use super::super::{encode, unsupported as problems};
    use super::*;
    use crate::exchange::WireFormat;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "bedrock".into();
        neutral["model"] = "anthropic.claude-sonnet-4-5-20250929-v1:0".into();
        neutral_request(neutral)
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str) -> Request {
        let question = json!({"role": "user", "text": "What is the weather in Oslo?"});
        request(match name {
            "text" => json!({
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {
                    "max_tokens": 64, "temperature": 0, "top_p": 1, "top_k": 40, "stop": ["\n\n"],
                    "extra": {"requestMetadata": {"suite": "capitals"}}
                }
            }),
            "json-schema" => json!({
                "messages": [
                    {"role": "user", "text": "Maria moved to Lisbon in 2014. Give city and year."}
                ],
                "schema": {"name": "move", "schema": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "year": {"type": "integer"}},
                    "required": ["city", "year"],
                    "additionalProperties": false
                }}
            }),
            "tools" => json!({
                "messages": [question], "tools": weather(), "tool_choice": "auto"
            }),
            "tool-result" => json!({
                "messages": [
                    question,
                    {"role": "assistant", "text": "", "tool_calls": [{
                        "id": "tooluse_A1", "name": "get_weather",
                        "arguments": "{\"city\":\"Oslo\",\"unit\":\"celsius\"}"
                    }]},
                    {"role": "tool", "call_id": "tooluse_A1", "text": "{\"temp\": -3}"}
                ],
                "tools": weather()
            }),
            other => panic!("no neutral form of {other}"),
        })
    }

    /// The schema is a text here, in which spaces mean nothing.
    fn with_schema_as_value(mut body: Value) -> Value {
        let pointer = "/outputConfig/textFormat/structure/jsonSchema/schema";
        if let Some(schema) = body.pointer_mut(pointer) {
            let text = schema.as_str().expect("the schema is a text");
            *schema = serde_json::from_str(text).expect("the text is JSON");
        }
        body
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("bedrock-converse", ".request.json") {
            let mut request = neutral(&name);
            let base = "https://bedrock-runtime.us-east-1.amazonaws.com";
            let path = file["path"].as_str().unwrap();
            assert_eq!(
                encode(&request, 1).url(base),
                format!("{base}{path}"),
                "{name}"
            );
            let sent = with_schema_as_value(sent(&request));
            let recorded = with_schema_as_value(file["body"].clone());
            assert_eq!(normal(&sent), normal(&recorded), "{name}");
            assert_eq!(problems(&request), [""; 0], "{name}");
            request.params.stream = Some(true);
            assert_eq!(
                encode(&request, 1).url(base),
                format!("{base}{path}-stream")
            );
        }
    }

    #[test]
    fn recorded_replies_have_their_neutral_form() {
        let all: std::collections::BTreeMap<String, Value> =
            recorded("bedrock-converse", ".response.json")
                .into_iter()
                .map(|(name, file)| (name, shown(WireFormat::Bedrock, &file)))
                .collect();
        insta::assert_json_snapshot!("bedrock_converse", all);
    }

    #[test]
    fn a_top_k_is_sent_where_its_name_is_known() {
        let mut request = neutral("text");
        request.model = "amazon.nova-lite-v1:0".to_owned();
        assert_eq!(
            problems(&request),
            [
                "the format bedrock has a `top_k` for each family of models: set it in \
              `extra.additionalModelRequestFields`"
            ]
        );
    }
}
