//! Mistral chat completions: OpenAI's with names of their own, and reasoning as a part of the content.

use serde_json::{Map, Value};

use super::{Codec, Path, openai};
use crate::exchange::feature::Feature;
use crate::exchange::{Request, Response};

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::TopK, Feature::Documents, Feature::Logprobs],
    unsupported: |_| Vec::new(),
    path: |_| Path {
        version: "/v1",
        rest: openai::PATH.to_owned(),
        query: None,
    },
    body,
    response,
    streaming: openai::STREAMING,
};

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let fields = openai::body(request, repeat).into_iter();
    // Counts come unasked here.
    let renamed = fields
        .filter(|(name, _)| name != "stream_options")
        .map(|(name, value)| match (name.as_str(), value.as_str()) {
            ("seed", _) => ("random_seed".to_owned(), value),
            ("max_completion_tokens", _) => ("max_tokens".to_owned(), value),
            ("tool_choice", Some("required")) => (name, "any".into()),
            _ => (name, value),
        });
    renamed.collect()
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let mut response = openai::response(body)?;
    let parts = body.pointer("/choices/0/message/content");
    let parts = parts.and_then(Value::as_array).into_iter().flatten();
    let thoughts = parts.filter_map(|part| part.get("thinking")?.as_array());
    for text in thoughts
        .flatten()
        .filter_map(|part| part.get("text")?.as_str())
    {
        *response.reasoning.get_or_insert_default() += text;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{normal, received, recorded, request, sent, with_drawn_seed};
    use super::super::{encode, unsupported};
    use crate::exchange::WireFormat;

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("mistral", ".request.json") {
            let body = &file["body"];
            let request = request(json!({
                "provider": "mistral",
                "model": "mistral-small-latest",
                "messages": [{"role": "user", "text": "What is the capital of Japan?"}],
                "schema": {"name": "move", "schema": body["response_format"]["json_schema"]["schema"]},
                "params": {
                    "temperature": 0, "seed": 7, "max_tokens": 16, "stop": ["\n"],
                    "extra": {"safe_prompt": false}
                },
            }));
            let base = "https://api.mistral.ai";
            for base in [base, "https://api.mistral.ai/v1"] {
                let url = encode(&request, 1).url(base);
                assert_eq!(url, "https://api.mistral.ai/v1/chat/completions");
            }
            assert_eq!(file["path"], "/v1/chat/completions");
            assert_eq!(
                normal(&sent(&request)),
                normal(&with_drawn_seed(&request, body)),
                "{name}"
            );
            assert_eq!(unsupported(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn a_tool_that_must_be_called_is_any() {
        let body = sent(&request(json!({
            "provider": "mistral",
            "model": "m",
            "messages": [],
            "tools": [{"name": "f", "parameters": {}}],
            "tool_choice": "required",
        })));
        assert_eq!(body["tool_choice"], "any");
    }

    #[test]
    fn reasoning_is_no_part_of_the_answer() {
        let body = json!({"choices": [{"finish_reason": "stop", "message": {"content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "Count"}, {"type": "text", "text": " them."}]},
            {"type": "text", "text": "25"}
        ]}}]});
        let body = body.to_string();
        let response = received(WireFormat::Mistral, 200, &[], body.as_bytes()).unwrap();
        assert_eq!(response.text, "25");
        assert_eq!(response.reasoning.as_deref(), Some("Count them."));
    }
}
