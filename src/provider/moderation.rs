//! Moderation in the form of OpenAI: what a filter finds in texts.

use serde_json::{Map, Value};

use super::{Codec, Path, blank, embedding, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::task::Judgement;
use crate::exchange::{Finish, Request, Response};

pub(super) const CODEC: Codec = Codec {
    lacks: Feature::ALL,
    unsupported: |_| Vec::new(),
    path: |_| Path {
        rest: "/moderations".to_owned(),
        ..Path::default()
    },
    body: |request, _| body(request),
    response,
    streaming: None,
};

fn body(request: &Request) -> Map<String, Value> {
    let mut body = Map::new();
    set(&mut body, "model", Some(request.model.as_str()));
    set(&mut body, "input", Some(embedding::texts(request)));
    body
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let results = body.get("results").and_then(Value::as_array);
    let results = results.ok_or("JSON without `results`")?;
    let judgements: Result<Vec<Judgement>, _> = results.iter().map(judgement).collect();
    Ok(Response {
        judgements: judgements?,
        model: text_at(body, "/model"),
        ..blank(Finish::Stop, None)
    })
}

fn judgement(result: &Value) -> Result<Judgement, &'static str> {
    let flagged = result.get("flagged").and_then(Value::as_bool);
    let scores = result.get("category_scores").and_then(Value::as_object);
    let sound = |scores: &&Map<String, Value>| scores.values().all(Value::is_number);
    Ok(Judgement {
        flagged: flagged.ok_or("a result without `flagged`")?,
        scores: scores
            .filter(sound)
            .ok_or("a result without its scores")?
            .clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, request as neutral_request, sent};
    use super::super::{HttpReply, decode, encode};
    use super::*;

    #[test]
    fn a_text_is_judged() {
        let request = neutral_request(json!({
            "model": "omni-moderation-latest", "task": "moderate",
            "messages": [{"role": "user", "text": "I will hit him."}],
        }));
        assert_eq!(
            sent(&request),
            json!({"model": "omni-moderation-latest", "input": "I will hit him."})
        );
        let url = encode(&request, 1).url("https://api.openai.com/v1");
        assert_eq!(url, "https://api.openai.com/v1/moderations");
        let read = |body: &Value| {
            let body = body.to_string();
            let reply = HttpReply {
                status: 200,
                header: &|_| None,
                body: body.as_bytes(),
                received_at: RECEIVED_AT,
            };
            decode(&request, &reply).map_err(|refusal| refusal.failure.message)
        };
        let result = json!({"flagged": true, "categories": {"violence": true}, "category_scores": {"violence": 0.92}});
        let body =
            json!({"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": [result]});
        let response = read(&body).unwrap();
        assert!(response.judgements[0].flagged);
        assert_eq!(response.judgements[0].scores["violence"], 0.92);
        assert_eq!(response.request_id.as_deref(), Some("modr-1"));
        for (body, why) in [
            (json!({}), "JSON without `results`"),
            (json!({"results": [{}]}), "a result without `flagged`"),
            (json!({"results": []}), "0 judgements for 1 text"),
        ] {
            assert_eq!(read(&body).unwrap_err(), why);
        }
    }
}
