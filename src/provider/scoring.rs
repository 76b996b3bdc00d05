//! Scorers of one's own: what a program or a service is given of an answer. What it gives back is read by who asked.

use serde_json::{Map, Value};

use super::{Codec, Path, http};
use crate::digest::Digest;
use crate::exchange::feature::Feature;
use crate::exchange::{self, Request, Response};

/// A local program: one JSON line to it, one back.
pub(super) const BY_PROGRAM: Codec = Codec {
    lacks: Feature::ALL,
    unsupported: |_| Vec::new(),
    path: |_| Path::default(),
    body: given,
    response: |body| Ok(Response::of(body.to_string())),
    streaming: None,
};

/// A JSON interface, to which the body of the entry speaks.
pub(super) const BY_SERVICE: Codec = Codec {
    lacks: Feature::ALL,
    unsupported,
    path: |_| Path::default(),
    body: |request, repeat| http::filled_body(request, &known(request, repeat)),
    response: http::of_nowhere,
    streaming: None,
};

/// What a body can ask for, besides `vars.NAME`.
const NAMES: &[&str] = &[
    "id",
    "case",
    "output",
    "expected",
    "vars",
    "tags",
    "tool_calls",
    "with",
];
/// How the name of a variable of the case begins.
const VARIABLE: &str = "vars.";

/// All that a scorer is given, with the address of the exchange as its id.
fn given(request: &Request, repeat: u32) -> Map<String, Value> {
    let address = exchange::address(Digest::of(request), repeat);
    let mut fields = Map::from_iter([("id".to_owned(), address.to_string().into())]);
    let text = request.messages.first().map(exchange::Message::text);
    let told = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    fields.extend(told.unwrap_or_default());
    fields
}

/// What the names of a body stand for.
fn known(request: &Request, repeat: u32) -> Map<String, Value> {
    let mut known = given(request, repeat);
    if let Some(Value::Object(vars)) = known.get("vars") {
        let vars = vars.clone().into_iter();
        known.extend(vars.map(|(name, value)| (format!("{VARIABLE}{name}"), value)));
    }
    known
}

fn unsupported(request: &Request) -> Vec<String> {
    let Some(form) = http::form(request) else {
        return vec!["needs a body".to_owned()];
    };
    let mut asked = http::names_in(&form.body);
    asked.retain(|name| !name.starts_with(VARIABLE));
    let unknown = http::unknown_names(&asked, NAMES);
    if unknown.is_empty() && !asked.iter().any(|name| name == "output") {
        return vec![
            "has no place for the answer: its body does not ask for `{{ output }}`".to_owned(),
        ];
    }
    unknown
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, request, sent};
    use super::super::{HttpReply, decode, unsupported as problems};
    use super::*;

    fn asking(more: &Value) -> Request {
        let told = json!({"case": "c-1", "output": "{{ id }}", "expected": null, "vars": {"q": [1], "r": "x"}});
        let mut neutral = json!({
            "model": "m", "task": "score", "messages": [{"role": "user", "text": told.to_string()}],
        });
        for (name, value) in more.as_object().unwrap() {
            neutral[name] = value.clone();
        }
        request(neutral)
    }

    fn service(body: &Value, pointer: &str) -> Request {
        let form = json!({"http": {"body": body, "answer": {"text": pointer}}});
        asking(&json!({"provider": "http", "form": form}))
    }

    fn read(request: &Request, body: &str) -> Result<String, String> {
        let reply = HttpReply {
            status: 200,
            header: &|_| None,
            body: body.as_bytes(),
            received_at: RECEIVED_AT,
        };
        let response = decode(request, &reply).map_err(|refusal| refusal.failure.message);
        response.map(|response| response.text)
    }

    #[test]
    fn a_program_is_given_one_line_and_its_reply_is_kept_whole() {
        let asked = asking(&json!({"provider": "command"}));
        let id = exchange::address(Digest::of(&asked), 1).to_string();
        assert_eq!(
            sent(&asked),
            json!({
                "id": id, "case": "c-1", "output": "{{ id }}", "expected": null, "vars": {"q": [1], "r": "x"},
            })
        );
        let reply = r#"{"score":0.5,"passed":false}"#;
        assert_eq!(read(&asked, reply).as_deref(), Ok(reply));
        assert_eq!(read(&asked, "0.5").as_deref(), Ok("0.5"));
        assert_eq!(
            read(&asked, "NaN").unwrap_err(),
            "no JSON: expected value at line 1 column 1"
        );
        assert_eq!(
            read(&asked, r#"{"error": "no room"}"#).unwrap_err(),
            "no room"
        );
    }

    #[test]
    fn a_service_is_given_what_its_body_asks_for() {
        let body = json!({"a": "{{ output }}", "b": {"c": "{{ vars.q }}", "d": "{{ vars.none }}"}, "e": "{{ expected }}"});
        let asked = service(&body, "/result");
        assert_eq!(problems(&asked), [""; 0]);
        assert_eq!(
            sent(&asked),
            json!({"a": "{{ id }}", "b": {"c": [1]}, "e": null})
        );
        assert_eq!(read(&asked, r#"{"result": 0.5}"#).as_deref(), Ok("0.5"));
        assert_eq!(
            read(&asked, r#"{"result": {"score": 1}}"#).as_deref(),
            Ok(r#"{"score":1}"#)
        );
        assert_eq!(
            read(&asked, "{}").unwrap_err(),
            "JSON without a text where the model says it stands"
        );
    }

    #[test]
    fn a_body_that_no_scorer_can_fill_is_refused() {
        let said = |body: &Value| problems(&service(body, "")).join("\n");
        insta::assert_snapshot!(said(&json!({"a": "{{ answer }} {{ output }}"})), @"the format http has a body with `{{ answer }}`, for which nothing stands: there are id, case, output, expected, vars, tags, tool_calls, with");
        insta::assert_snapshot!(said(&json!({"a": "{{ vars.q }}"})), @"the format http has no place for the answer: its body does not ask for `{{ output }}`");
        let chat = asking(&json!({"provider": "anthropic"}));
        assert_eq!(problems(&chat), ["the format anthropic has no scores"]);
    }
}
