//! Embeddings in the form of OpenAI, which most servers offer.

use serde_json::{Map, Value};

use super::{Codec, Path, azure, blank, count_at, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::task::Vector;
use crate::exchange::{Finish, Request, Response, Usage, WireFormat};

pub(super) const CODEC: Codec = Codec {
    lacks: Feature::ALL,
    unsupported: |_| Vec::new(),
    path,
    body: |request, _| body(request),
    response,
    streaming: None,
};

const PATH: &str = "/embeddings";

fn path(request: &Request) -> Path {
    match request.provider {
        WireFormat::AzureOpenai => azure::path(request, PATH),
        WireFormat::Mistral => Path {
            version: "/v1",
            rest: PATH.to_owned(),
            query: None,
        },
        _ => Path {
            rest: PATH.to_owned(),
            ..Path::default()
        },
    }
}

/// With Azure's dated interface the path has said the model.
fn body(request: &Request) -> Map<String, Value> {
    let mut body = Map::new();
    if request.form.is_none() {
        set(&mut body, "model", Some(request.model.as_str()));
    }
    set(&mut body, "input", Some(texts(request)));
    body
}

/// The texts: one as a text, several as a list.
pub(super) fn texts(request: &Request) -> Value {
    match request.messages.as_slice() {
        [one] => one.text().into(),
        all => all
            .iter()
            .map(|message| Value::from(message.text()))
            .collect(),
    }
}

/// The vectors stand in the order of their `index`, wherever they stand in the list.
fn response(body: &Value) -> Result<Response, &'static str> {
    let items = body.get("data").and_then(Value::as_array);
    let items = items.ok_or("JSON without `data`")?;
    let mut vectors = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let index = item.get("index").and_then(Value::as_u64);
        let vector = vector(item.get("embedding"))?;
        vectors.push((index.unwrap_or(place as u64), vector));
    }
    vectors.sort_by_key(|(index, _)| *index);
    let in_order = vectors
        .iter()
        .zip(0..)
        .all(|((index, _), place)| *index == place);
    if !in_order {
        return Err("vectors with a gap between them");
    }
    Ok(Response {
        vectors: vectors.into_iter().map(|(_, vector)| vector).collect(),
        usage: Usage {
            input: count_at(body, "/usage/prompt_tokens"),
            output: Some(0),
            ..Usage::default()
        },
        model: text_at(body, "/model"),
        ..blank(Finish::Stop, None)
    })
}

/// A vector as a list of numbers, or in base64.
pub(super) fn vector(value: Option<&Value>) -> Result<Vector, &'static str> {
    const NONE: &str = "an embedding that is no vector";
    match value {
        Some(Value::String(text)) => Vector::from_base64(text).ok_or(NONE),
        Some(Value::Array(items)) if !items.is_empty() => {
            let numbers: Option<Vec<f32>> = items.iter().map(number).collect();
            Ok(Vector::new(&numbers.ok_or(NONE)?))
        }
        _ => Err(NONE),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "vectors are made of 32-bit floats, and what is too large for one is refused"
)]
fn number(value: &Value) -> Option<f32> {
    let number = value.as_f64()? as f32;
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, recorded, request as neutral_request, sent};
    use super::super::{HttpReply, decode, encode, unsupported};
    use super::*;

    fn request(format: &str, texts: &[&str], more: &Value) -> Request {
        let messages: Vec<Value> = texts
            .iter()
            .map(|text| json!({"role": "user", "text": text}))
            .collect();
        let mut neutral = json!({
            "provider": format, "model": "text-embedding-3-small", "task": "embed", "messages": messages,
        });
        for (name, value) in more.as_object().unwrap() {
            neutral[name] = value.clone();
        }
        neutral_request(neutral)
    }

    const TEXTS: [&str; 2] = ["A man is eating food.", "The market fell."];

    fn read(request: &Request, body: &Value) -> Result<Response, String> {
        let body = body.to_string();
        let reply = HttpReply {
            status: 200,
            header: &|_| None,
            body: body.as_bytes(),
            received_at: RECEIVED_AT,
        };
        decode(request, &reply).map_err(|refusal| refusal.failure.message)
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("openai-embeddings", ".request.json") {
            let texts = if name == "float" {
                &TEXTS[..]
            } else {
                &TEXTS[..1]
            };
            let extra = json!({"encoding_format": name, "dimensions": 4});
            let request = request("openai", texts, &json!({"params": {"extra": extra}}));
            assert_eq!(sent(&request), file["body"], "{name}");
            assert_eq!(unsupported(&request), [""; 0]);
            let url = encode(&request, 1).url("https://api.openai.com/v1");
            assert_eq!(url, "https://api.openai.com/v1/embeddings");
        }
    }

    #[test]
    fn recorded_replies_have_their_neutral_form() {
        for (name, file) in recorded("openai-embeddings", ".response.json") {
            let texts = if name == "float" {
                &TEXTS[..]
            } else {
                &TEXTS[..1]
            };
            let response = read(&request("openai", texts, &json!({})), &file["body"]).unwrap();
            assert_eq!(
                response.vectors[0].numbers(),
                [0.5, -0.5, 0.5, -0.5],
                "{name}"
            );
            assert_eq!(response.vectors.len(), texts.len());
            assert_eq!(
                response.usage.input,
                file["body"]["usage"]["prompt_tokens"].as_u64()
            );
        }
    }

    #[test]
    fn the_place_of_a_vector_is_its_index() {
        let asked = request("openai", &TEXTS, &json!({}));
        let item = |index: u64, number: f32| json!({"index": index, "embedding": [number]});
        let swapped = json!({"data": [item(1, 2.0), item(0, 1.0)]});
        let vectors = read(&asked, &swapped).unwrap().vectors;
        assert_eq!(vectors[0].numbers(), [1.0]);
        for (body, why) in [
            (json!({"data": [item(0, 1.0)]}), "1 vector for 2 texts"),
            (
                json!({"data": [item(0, 1.0), item(2, 1.0)]}),
                "vectors with a gap between them",
            ),
            (
                json!({"data": [item(0, 1.0), {"embedding": []}]}),
                "an embedding that is no vector",
            ),
            (
                json!({"data": [item(0, 1.0), {"embedding": [1e300]}]}),
                "an embedding that is no vector",
            ),
            (json!({}), "JSON without `data`"),
        ] {
            assert_eq!(read(&asked, &body).unwrap_err(), why);
        }
    }

    #[test]
    fn other_formats_have_their_own_places() {
        let url =
            |format: &str, more: &Value| encode(&request(format, &TEXTS, more), 1).url("https://h");
        assert_eq!(url("mistral", &json!({})), "https://h/v1/embeddings");
        let dated = json!({"form": {"api-version": "2024-10-21"}, "model": "d"});
        assert_eq!(
            url("azure-openai", &dated),
            "https://h/openai/deployments/d/embeddings?api-version=2024-10-21"
        );
    }

    #[test]
    fn what_has_no_embeddings_says_so() {
        let problems = |format, more: &Value| unsupported(&request(format, &TEXTS, more));
        assert_eq!(
            problems("anthropic", &json!({})),
            ["the format anthropic has no embeddings"]
        );
        let sampled = json!({"params": {"temperature": 1}});
        assert_eq!(
            problems("openai", &sampled),
            ["the format openai has no `temperature`"]
        );
    }

    #[test]
    fn gemini_and_ollama_speak_their_own() {
        for (folder, format, base) in [
            (
                "gemini",
                "gemini",
                "https://generativelanguage.googleapis.com",
            ),
            ("ollama", "ollama", "http://127.0.0.1:11434"),
        ] {
            let folder = format!("{folder}-embed");
            let file = &recorded(&folder, ".request.json")["embed"];
            let (texts, more) = if format == "gemini" {
                let extra = json!({"taskType": "SEMANTIC_SIMILARITY", "outputDimensionality": 4});
                (
                    &TEXTS[..1],
                    json!({"model": "gemini-embedding-001", "params": {"extra": extra}}),
                )
            } else {
                (&TEXTS[..], json!({"model": "all-minilm"}))
            };
            let request = request(format, texts, &more);
            assert_eq!(sent(&request), file["body"]);
            let path = file["path"].as_str().unwrap();
            assert_eq!(encode(&request, 1).url(base), format!("{base}{path}"));
            let reply = &recorded(&folder, ".response.json")["embed"];
            let response = read(&request, &reply["body"]).unwrap();
            assert_eq!(response.vectors[0].numbers(), [0.5, -0.5, 0.5, -0.5]);
            assert_eq!(response.vectors.len(), texts.len());
        }
    }
}
