//! A local program: one JSON line to it, one JSON line back.
//!
//! What it is given is the request in its neutral form. What it gives back is `{"text": …}`, with what else it knows
//! under the same names as in a recording: `tool_calls`, `refusal`, `reasoning`, `logprobs`, `finish`, `usage`, `model`; or
//! `{"error": "…"}`.

use serde_json::{Map, Value, json};

use super::{Codec, Path, blank, count_at, http, logprobs, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::{Finish, Request, Response, ToolCall, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::Stream],
    unsupported: |_| Vec::new(),
    path: |_| Path::default(),
    body,
    response,
    streaming: None,
};

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "messages", Some(json!(request.messages)));
    if !request.tools.is_empty() {
        set(&mut body, "tools", Some(json!(request.tools)));
    }
    let choice = request.tool_choice.as_ref();
    set(&mut body, "tool_choice", choice.map(|choice| json!(choice)));
    let schema = request.schema.as_ref();
    set(&mut body, "schema", schema.map(|schema| json!(schema)));
    let mut params = json!(request.params);
    if let Some(fields) = params.as_object_mut() {
        // It stands beside the others, as in every format.
        fields.shift_remove("extra");
        set(fields, "seed", request.seed(repeat));
    }
    set(&mut body, "params", Some(params));
    set(&mut body, "repeat", Some(repeat));
    body
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let text = body.get("text").and_then(Value::as_str);
    let text = text.ok_or("JSON without `text`")?;
    let calls = body.get("tool_calls").and_then(Value::as_array);
    let calls = calls.into_iter().flatten().map(call);
    let tool_calls = calls.collect::<Result<Vec<_>, _>>()?;
    let refusal = text_at(body, "/refusal");
    let finish_raw = text_at(body, "/finish");
    let finish = match finish_raw.as_deref() {
        Some(word) => http::finish(word),
        None if refusal.is_some() => Finish::Refusal,
        None if !tool_calls.is_empty() => Finish::ToolCalls,
        None => Finish::Stop,
    };
    let count = |name: &str| count_at(body, &format!("/usage/{name}"));
    Ok(Response {
        text: text.to_owned(),
        tool_calls,
        refusal,
        reasoning: text_at(body, "/reasoning"),
        logprobs: logprobs(body.get("logprobs"), "token", "logprob"),
        usage: Usage {
            input: count("input"),
            cache_read: count("cache_read"),
            cache_write: count("cache_write"),
            output: count("output"),
            reasoning: count("reasoning"),
        },
        model: text_at(body, "/model"),
        ..blank(finish, finish_raw)
    })
}

fn call(call: &Value) -> Result<ToolCall, &'static str> {
    let arguments = match call.get("arguments") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    Ok(ToolCall {
        id: text_at(call, "/id").unwrap_or_default(),
        name: text_at(call, "/name").ok_or("a tool call without a name")?,
        arguments,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{received, request, sent};
    use super::*;
    use crate::exchange::WireFormat;

    #[test]
    fn a_program_is_given_all_that_is_asked() {
        let asked = request(json!({
            "provider": "command",
            "model": "m",
            "messages": [{"role": "user", "text": "Hi"}],
            "tools": [{"name": "f", "parameters": {"type": "object"}}],
            "tool_choice": "auto",
            "schema": {"name": "s", "schema": {}},
            "params": {"temperature": 0.5, "seed": 7, "extra": {"beam": 3}},
        }));
        let seed = asked.seed(1);
        assert_eq!(
            sent(&asked),
            json!({
                "model": "m",
                "messages": [{"role": "user", "text": "Hi"}],
                "tools": [{"name": "f", "parameters": {"type": "object"}}],
                "tool_choice": "auto",
                "schema": {"name": "s", "schema": {}},
                "params": {"temperature": 0.5, "seed": seed},
                "repeat": 1,
                "beam": 3,
            })
        );
    }

    #[test]
    fn a_program_may_say_little_or_all() {
        let read = |body: &Value| {
            received(WireFormat::Command, 200, &[], body.to_string().as_bytes()).unwrap()
        };
        let little = read(&json!({"text": "Hello"}));
        assert_eq!(
            (little.text.as_str(), little.finish),
            ("Hello", Finish::Stop)
        );
        let all = read(&json!({
            "text": "", "tool_calls": [{"name": "f", "arguments": {"a": 1}}], "reasoning": "Hm",
            "usage": {"input": 1, "output": 2, "reasoning": 1}, "model": "m-2",
        }));
        insta::assert_json_snapshot!(all, @r#"
        {
          "text": "",
          "tool_calls": [
            {
              "id": "",
              "name": "f",
              "arguments": "{\"a\":1}"
            }
          ],
          "reasoning": "Hm",
          "finish": "tool-calls",
          "usage": {
            "input": 1,
            "output": 2,
            "reasoning": 1
          },
          "model": "m-2"
        }
        "#);
        let failed = received(WireFormat::Command, 200, &[], br#"{"error": "no room"}"#);
        assert_eq!(failed.unwrap_err().failure.message, "no room");
    }
}
