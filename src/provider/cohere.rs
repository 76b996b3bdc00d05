//! Cohere chat, version 2.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, append, list, part, take_over};
use super::{Codec, Path, blank, count_at, openai, set, text_at, turns};
use crate::exchange::feature::Feature;
use crate::exchange::{Finish, Request, Response, Tool, ToolChoice, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[
        Feature::NamedTool,
        Feature::OneToolAtATime,
        Feature::Documents,
        // It gives them for pieces of several tokens.
        Feature::Logprobs,
    ],
    unsupported,
    path: |_| Path {
        version: "/v2",
        rest: "/chat".to_owned(),
        query: None,
    },
    body,
    response,
    streaming: Some(Streaming {
        framing: Framing::Sse,
        add,
    }),
};

fn unsupported(request: &Request) -> Vec<String> {
    let strict = request.tools.iter().filter(|tool| tool.strict).count();
    let mixed = strict != 0 && strict != request.tools.len();
    let problem = mixed.then(|| "has `strict` for all tools or for none".to_owned());
    problem.into_iter().collect()
}

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let params = &request.params;
    let messages: Vec<Value> = request.messages.iter().map(openai::message).collect();
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "messages", Some(messages));
    if !request.tools.is_empty() {
        let strict = request.tools.iter().any(|tool| tool.strict);
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        set(&mut body, "tools", Some(tools));
        set(&mut body, "strict_tools", strict.then_some(true));
        set(
            &mut body,
            "tool_choice",
            request.tool_choice.as_ref().and_then(choice),
        );
    }
    let schema = request.schema.as_ref().map(turns::described);
    let format = schema.map(|schema| json!({"type": "json_object", "json_schema": schema}));
    set(&mut body, "response_format", format);
    set(&mut body, "temperature", params.temperature);
    set(&mut body, "p", params.top_p);
    set(&mut body, "k", params.top_k);
    set(&mut body, "max_tokens", params.max_tokens);
    set(&mut body, "seed", request.seed(repeat));
    let stop = Some(params.stop.clone()).filter(|stop| !stop.is_empty());
    set(&mut body, "stop_sequences", stop);
    set(&mut body, "frequency_penalty", params.frequency_penalty);
    set(&mut body, "presence_penalty", params.presence_penalty);
    let thinking = params.reasoning_effort.as_deref().map(thinking);
    set(&mut body, "thinking", thinking);
    set(&mut body, "stream", request.streams().then_some(true));
    body
}

fn tool(tool: &Tool) -> Value {
    let mut wire = openai::tool(tool);
    if let Some(function) = wire["function"].as_object_mut() {
        // It stands beside the tools here.
        function.shift_remove("strict");
    }
    wire
}

/// That the model decides is what happens unasked, and has no word.
fn choice(choice: &ToolChoice) -> Option<Value> {
    match choice {
        ToolChoice::Auto | ToolChoice::Named(_) => None,
        ToolChoice::None => Some("NONE".into()),
        ToolChoice::Required => Some("REQUIRED".into()),
    }
}

/// A word switches reasoning, a number is its budget of tokens.
fn thinking(effort: &str) -> Value {
    match (effort, effort.parse::<u64>()) {
        (_, Ok(budget)) => json!({"type": "enabled", "token_budget": budget}),
        ("none", _) => json!({"type": "disabled"}),
        (word, _) => json!({"type": word}),
    }
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let message = body.get("message").filter(|message| message.is_object());
    let message = message.ok_or("JSON without `message`")?;
    let finish_raw = text_at(body, "/finish_reason");
    let parts = message.get("content").and_then(Value::as_array);
    let tool_calls = openai::tool_calls(message)?;
    if parts.is_none() && tool_calls.is_empty() && finish_raw.is_none() {
        return Err("a message without `content`");
    }
    let of_kind = |field: &str| -> String {
        let parts = parts.into_iter().flatten();
        parts.filter_map(|part| part.get(field)?.as_str()).collect()
    };
    // What the model means to do with its tools is said apart from the answer, as reasoning is.
    let reasoning = of_kind("thinking") + &text_at(message, "/tool_plan").unwrap_or_default();
    let finish = finish_raw.as_deref().map_or(Finish::Other, finish);
    Ok(Response {
        text: of_kind("text"),
        tool_calls,
        reasoning: Some(reasoning).filter(|text| !text.is_empty()),
        usage: usage(body),
        ..blank(finish, finish_raw)
    })
}

/// Adds an event of a stream to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let delta = event.get("delta").unwrap_or(&Value::Null);
    let message = delta.get("message").unwrap_or(&Value::Null);
    let ours = &mut body["message"];
    match event.get("type").and_then(Value::as_str) {
        Some("message-start") => {
            list(ours, "content");
            take_over(body, event, &["id"]);
            Ok(Step::QUIET)
        }
        Some("content-start" | "content-delta") => {
            let content = message.get("content").unwrap_or(&Value::Null);
            let block = part(list(ours, "content"), event.get("index"))?;
            let said = ["text", "thinking"].map(|name| {
                let text = content.get(name).and_then(Value::as_str);
                append(block, name, text)
            });
            Ok(Step::saying(said.contains(&true)))
        }
        Some("tool-plan-delta") => {
            let plan = message.get("tool_plan").and_then(Value::as_str);
            Ok(Step::saying(append(ours, "tool_plan", plan)))
        }
        Some("tool-call-start" | "tool-call-delta") => {
            let call = message.get("tool_calls").unwrap_or(&Value::Null);
            let function = call.get("function").unwrap_or(&Value::Null);
            let made = part(list(ours, "tool_calls"), event.get("index"))?;
            take_over(made, call, &["id"]);
            take_over(&mut made["function"], function, &["name"]);
            let arguments = function.get("arguments").and_then(Value::as_str);
            append(&mut made["function"], "arguments", arguments);
            Ok(Step::saying(true))
        }
        Some("message-end") => {
            take_over(body, delta, &["finish_reason", "usage", "error"]);
            Ok(Step::END)
        }
        _ => Ok(Step::QUIET),
    }
}

fn finish(reason: &str) -> Finish {
    match reason {
        "COMPLETE" => Finish::Stop,
        "STOP_SEQUENCE" => Finish::StopSequence,
        "MAX_TOKENS" => Finish::Length,
        "TOOL_CALL" => Finish::ToolCalls,
        _ => Finish::Other,
    }
}

fn usage(body: &Value) -> Usage {
    Usage {
        input: count_at(body, "/usage/tokens/input_tokens"),
        output: count_at(body, "/usage/tokens/output_tokens"),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, received, recorded, request as neutral_request, sent, with_drawn_seed,
    };
    use super::super::{encode, unsupported as problems};
    use super::*;
    use crate::exchange::WireFormat;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "cohere".into();
        neutral["model"] = "command-a-03-2025".into();
        neutral_request(neutral)
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("cohere", ".request.json") {
            let body = &file["body"];
            let request = request(json!({
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "schema": {"name": "move", "schema": body["response_format"]["json_schema"]},
                "params": {
                    "temperature": 0, "seed": 7, "max_tokens": 16, "top_p": 0.9, "stop": ["\n"], "top_k": 0
                },
            }));
            let base = "https://api.cohere.com";
            let url = encode(&request, 1).url(base);
            assert_eq!(url.strip_prefix(base), file["path"].as_str(), "{name}");
            assert_eq!(
                normal(&sent(&request)),
                normal(&with_drawn_seed(&request, body)),
                "{name}"
            );
            assert_eq!(problems(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn tools_are_strict_together_and_chosen_in_capitals() {
        let with = |second: bool, choice: Value| {
            request(json!({
                "messages": [{"role": "user", "text": "a"}],
                "tools": [
                    {"name": "f", "parameters": {}, "strict": true},
                    {"name": "g", "parameters": {}, "strict": second}
                ],
                "tool_choice": choice,
            }))
        };
        let both = sent(&with(true, json!("required")));
        assert_eq!(both["strict_tools"], true);
        assert_eq!(both["tool_choice"], "REQUIRED");
        assert_eq!(
            both["tools"][0]["function"],
            json!({"name": "f", "parameters": {}})
        );
        assert_eq!(sent(&with(true, json!("none")))["tool_choice"], "NONE");
        assert_eq!(sent(&with(true, json!("auto"))).get("tool_choice"), None);
        assert_eq!(
            problems(&with(false, json!({"named": "f"}))),
            [
                "the format cohere has no `tool_choice` of one tool",
                "the format cohere has `strict` for all tools or for none",
            ]
        );
    }

    #[test]
    fn plans_and_thoughts_are_no_part_of_the_answer() {
        let body = json!({"id": "c1", "finish_reason": "TOOL_CALL", "message": {
            "tool_plan": " I look it up.",
            "content": [{"type": "thinking", "thinking": "Weather."}],
            "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
        }});
        let body = body.to_string();
        let response = received(WireFormat::Cohere, 200, &[], body.as_bytes()).unwrap();
        assert_eq!(response.text, "");
        assert_eq!(
            response.reasoning.as_deref(),
            Some("Weather. I look it up.")
        );
        assert_eq!(response.finish, Finish::ToolCalls);
        assert_eq!(response.tool_calls[0].name, "f");
        assert_eq!(response.request_id.as_deref(), Some("c1"));
    }
}
