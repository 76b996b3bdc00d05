//! Recorded bodies, and what the tests of this room do with them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{HttpReply, Refusal, decode, encode};
use crate::exchange::{Request, Response, WireFormat};

/// When the recorded replies came in: 2026-01-15 12:30:45 UTC.
pub(super) const RECEIVED_AT: i64 = 1_768_480_245_000;

/// The recorded files of a folder below `tests/wire` whose names end so, by the rest of their names.
pub(super) fn recorded(folder: &str, suffix: &str) -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/wire")
        .join(folder);
    let entries = fs::read_dir(&folder).expect("the folder is part of the project");
    let files: BTreeMap<String, Value> = entries
        .filter_map(|entry| {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name()?.to_str()?.strip_suffix(suffix)?.to_owned();
            let text = fs::read(&path).expect("the file can be read");
            let value = serde_json::from_slice(&text).expect("the file is JSON");
            Some((name, value))
        })
        .collect();
    assert!(!files.is_empty(), "nothing in {}", folder.display());
    files
}

/// A request in its neutral form.
pub(super) fn request(neutral: Value) -> Request {
    let mut fields = json!({"provider": "openai", "alias": "small"});
    let fields = fields.as_object_mut().expect("it stands above");
    let Value::Object(given) = neutral else {
        panic!("a request is an object");
    };
    fields.extend(given);
    serde_json::from_value(fields.clone().into()).expect("the test gives a request")
}

/// A request in this format that says nothing.
pub(super) fn blank_request(format: WireFormat) -> Request {
    request(json!({"provider": format, "model": "m", "messages": []}))
}

/// What is sent, as JSON.
pub(super) fn sent(request: &Request) -> Value {
    serde_json::from_slice(&encode(request, 1).body).expect("we send JSON")
}

/// A received reply.
pub(super) fn received(
    format: WireFormat,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, Refusal> {
    let header = |name: &str| {
        let found = headers.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| *value)
    };
    decode(
        &blank_request(format),
        &HttpReply {
            status,
            header: &header,
            body,
            received_at: RECEIVED_AT,
        },
    )
}

/// A recorded reply, decoded, as it stands in a snapshot.
pub(super) fn shown(format: WireFormat, file: &Value) -> Value {
    let empty = Map::new();
    let headers = file["headers"].as_object().unwrap_or(&empty);
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().expect("headers are texts")))
        .collect();
    let status = file["status"].as_u64().and_then(|n| u16::try_from(n).ok());
    let body = file.get("body").or_else(|| file.get("response"));
    let body = body.expect("a reply has a body").to_string();
    match received(
        format,
        status.expect("a reply has a status"),
        &headers,
        body.as_bytes(),
    ) {
        Ok(response) => json!({"response": response}),
        Err(refusal) => json!({
            "failure": refusal.failure,
            "wait_ms": refusal.wait.map(|wait| u64::try_from(wait.as_millis()).ok()),
        }),
    }
}

/// A body in which what means the same looks the same: one text block and a plain string, `developer` and `system`,
/// `0` and `0.0`, and a tool result that says that it is no error.
pub(super) fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => match items.as_slice() {
            [block] if block["type"] == "text" && block.get("cache_control").is_none() => {
                block["text"].clone()
            }
            items => items.iter().map(normal).collect(),
        },
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, value)| *key != "is_error" || **value != json!(false))
            .map(|(key, value)| match (key.as_str(), value.as_str()) {
                ("role", Some("developer")) => (key.clone(), "system".into()),
                _ => (key.clone(), normal(value)),
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// A recorded body with the seed that is drawn from the one of the parameters, where it has one.
pub(super) fn with_drawn_seed(request: &Request, recorded: &Value) -> Value {
    let mut body = recorded.clone();
    for path in [
        "/seed",
        "/random_seed",
        "/options/seed",
        "/generationConfig/seed",
    ] {
        if let Some(seed) = body.pointer_mut(path) {
            *seed = json!(request.seed(1));
        }
    }
    body
}

/// The same tool, whose arguments must be to the letter.
pub(super) fn strict_weather() -> Value {
    let mut tools = weather();
    tools[0]["strict"] = true.into();
    tools
}

/// A tool as requests have it in the neutral form.
pub(super) fn weather() -> Value {
    json!([{
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]}
            },
            "required": ["city", "unit"],
            "additionalProperties": false
        }
    }])
}
