//! A JSON interface of one's own: the entry of the model says what the body is and where the answer stands.

use serde_json::{Map, Value};

use super::{Codec, Path, blank, count_at, openai, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::form::{HttpForm, Pointers};
use crate::exchange::{Finish, Message, Request, Response, Usage};
use crate::text::suggest;

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::Stream],
    unsupported,
    path: |_| Path::default(),
    body,
    response: of_nowhere,
    streaming: None,
};

/// What stands for an answer where no entry of a model says where it is.
pub(super) fn of_nowhere(_: &Value) -> Result<Response, &'static str> {
    Err("a reply of which nobody says where the answer stands")
}

/// What a body can ask for.
const NAMES: &[&str] = &[
    "model",
    "prompt",
    "system",
    "messages",
    "tools",
    "tool_choice",
    "schema",
    "temperature",
    "top_p",
    "top_k",
    "max_tokens",
    "seed",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "reasoning_effort",
    "parallel_tool_calls",
    "logprobs",
];

/// What the name of a feature is in a body.
const FEATURES: &[(Feature, &str)] = &[
    (Feature::Temperature, "temperature"),
    (Feature::TopP, "top_p"),
    (Feature::TopK, "top_k"),
    (Feature::MaxTokens, "max_tokens"),
    (Feature::Seed, "seed"),
    (Feature::Stop, "stop"),
    (Feature::FrequencyPenalty, "frequency_penalty"),
    (Feature::PresencePenalty, "presence_penalty"),
    (Feature::ReasoningEffort, "reasoning_effort"),
    (Feature::OneToolAtATime, "parallel_tool_calls"),
    (Feature::Logprobs, "logprobs"),
    (Feature::Tools, "tools"),
    (Feature::ForbiddenTools, "tool_choice"),
    (Feature::RequiredTool, "tool_choice"),
    (Feature::NamedTool, "tool_choice"),
    (Feature::Schema, "schema"),
];

/// What a request has and the body does not ask for would be dropped in silence.
fn unsupported(request: &Request) -> Vec<String> {
    let Some(form) = form(request) else {
        return vec!["needs a body".to_owned()];
    };
    let asked = names_in(&form.body);
    let unknown = unknown_names(&asked, NAMES);
    if !unknown.is_empty() {
        return unknown;
    }
    let has = |name: &str| asked.iter().any(|other| other == name);
    let mut problems = Vec::new();
    let dropped = FEATURES
        .iter()
        .filter(|(feature, name)| feature.is_in(request) && !has(name));
    problems.extend(dropped.map(|(feature, name)| {
        let what = feature.name();
        format!("has no place for {what}: its body does not ask for `{{{{ {name} }}}}`")
    }));
    if !has("messages") {
        let media = request.messages.iter().flat_map(Message::media);
        if media.count() > 0 {
            problems.push(
                "has no place for images and documents: its body does not ask for `{{ messages }}`"
                    .to_owned(),
            );
        }
        let system = |message: &Message| matches!(message, Message::System { .. });
        let turns = request.messages.iter().filter(|message| !system(message));
        if turns.count() > 1 {
            problems.push(
                "has no place for several turns: its body does not ask for `{{ messages }}`"
                    .to_owned(),
            );
        }
        if request.messages.iter().any(system) && !has("system") {
            problems.push(
                "has no place for a system message: its body does not ask for `{{ system }}`"
                    .to_owned(),
            );
        }
    }
    problems
}

/// One fragment for each name that a body asks for and that is none of `names`.
pub(super) fn unknown_names(asked: &[String], names: &[&str]) -> Vec<String> {
    let unknown = asked.iter().filter(|name| !names.contains(&name.as_str()));
    unknown
        .map(|name| {
            let help = match suggest(name, names.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are {}", names.join(", ")),
            };
            format!("has a body with `{{{{ {name} }}}}`, for which nothing stands: {help}")
        })
        .collect()
}

pub(super) fn form(request: &Request) -> Option<&HttpForm> {
    request.form.as_ref()?.http()
}

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    filled_body(request, &known(request, repeat))
}

/// The body of the entry of a model, with what stands for its names.
pub(super) fn filled_body(request: &Request, known: &Map<String, Value>) -> Map<String, Value> {
    let Some(form) = form(request) else {
        return Map::new();
    };
    let fields = form.body.iter();
    fields
        .filter_map(|(name, value)| Some((name.clone(), filled(value, known)?)))
        .collect()
}

/// What the names stand for; a parameter that is not set stands for nothing.
fn known(request: &Request, repeat: u32) -> Map<String, Value> {
    let mut known = match serde_json::to_value(&request.params) {
        Ok(Value::Object(params)) => params,
        _ => Map::new(),
    };
    let system: Vec<&str> = super::turns::system(&request.messages);
    let user = request
        .messages
        .iter()
        .rfind(|message| matches!(message, Message::User { .. }));
    let mut add = |name: &str, value: Option<Value>| match value {
        Some(value) => {
            known.insert(name.to_owned(), value);
        }
        None => {
            known.shift_remove(name);
        }
    };
    add("model", Some(request.model.as_str().into()));
    add("prompt", user.map(|message| message.text().into()));
    add(
        "system",
        (!system.is_empty()).then(|| system.join("\n\n").into()),
    );
    let messages = request.messages.iter().map(openai::message);
    add("messages", Some(messages.collect()));
    let tools = request.tools.iter().map(openai::tool).collect();
    add("tools", Some(tools).filter(|_| !request.tools.is_empty()));
    add(
        "tool_choice",
        request.tool_choice.as_ref().map(openai::choice),
    );
    add(
        "schema",
        request.schema.as_ref().map(|schema| schema.schema.clone()),
    );
    add("seed", request.seed(repeat).map(Value::from));
    known
}

/// A value with what stands for its names. A text that is one name becomes what that stands for, of any kind; a field
/// or an item of which that is nothing is left out.
fn filled(template: &Value, known: &Map<String, Value>) -> Option<Value> {
    match template {
        Value::String(text) => match whole_name(text) {
            Some(name) => known.get(name).cloned(),
            None => Some(filled_text(text, known).into()),
        },
        Value::Array(items) => {
            let items = items.iter().filter_map(|item| filled(item, known));
            Some(items.collect())
        }
        Value::Object(fields) => {
            let fields = fields.iter();
            let fields =
                fields.filter_map(|(name, value)| Some((name.clone(), filled(value, known)?)));
            Some(Value::Object(fields.collect()))
        }
        other => Some(other.clone()),
    }
}

fn filled_text(text: &str, known: &Map<String, Value>) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, name, after)) = split(rest) {
        filled += before;
        match known.get(name) {
            Some(Value::String(value)) => filled += value,
            Some(value) => filled += &value.to_string(),
            None => {}
        }
        rest = after;
    }
    filled + rest
}

/// The text before the first `{{ NAME }}`, the name, and the text after it.
fn split(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (name, after) = rest.split_once("}}")?;
    Some((before, name.trim(), after))
}

fn whole_name(text: &str) -> Option<&str> {
    match split(text.trim())? {
        ("", name, "") => Some(name),
        _ => None,
    }
}

/// The names that a body asks for.
pub(super) fn names_in(body: &Map<String, Value>) -> Vec<String> {
    fn collect(value: &Value, names: &mut Vec<String>) {
        match value {
            Value::String(text) => {
                let mut rest = text.as_str();
                while let Some((_, name, after)) = split(rest) {
                    names.push(name.to_owned());
                    rest = after;
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
            Value::Object(fields) => fields.values().for_each(|value| collect(value, names)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut names = Vec::new();
    body.values().for_each(|value| collect(value, &mut names));
    names
}

/// What a successful body says, or why it says nothing.
pub(super) fn response(pointers: &Pointers, body: &Value) -> Result<Response, &'static str> {
    let text = match body.pointer(&pointers.text) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => {
            return Err("JSON without a text where the model says it stands");
        }
        Some(other) => other.to_string(),
    };
    let at = |pointer: &Option<String>| pointer.as_deref().and_then(|it| text_at(body, it));
    let tokens = |pointer: &Option<String>| pointer.as_deref().and_then(|it| count_at(body, it));
    let finish_raw = at(&pointers.finish);
    let finish = finish_raw.as_deref().map_or(Finish::Stop, finish);
    Ok(Response {
        text,
        reasoning: at(&pointers.reasoning),
        model: at(&pointers.model),
        request_id: at(&pointers.request_id),
        usage: Usage {
            input: tokens(&pointers.input_tokens),
            output: tokens(&pointers.output_tokens),
            cache_read: tokens(&pointers.cached_tokens),
            reasoning: tokens(&pointers.reasoning_tokens),
            cache_write: None,
        },
        ..blank(finish, finish_raw)
    })
}

/// The words of the formats that are spoken here, since an interface of one's own as a rule hands one of them on.
pub(super) fn finish(word: &str) -> Finish {
    match word.to_ascii_lowercase().replace('-', "_").as_str() {
        "stop" | "end_turn" | "complete" | "completed" => Finish::Stop,
        "stop_sequence" => Finish::StopSequence,
        "length" | "max_tokens" => Finish::Length,
        "tool_calls" | "tool_use" => Finish::ToolCalls,
        "refusal" => Finish::Refusal,
        "content_filter" | "filter" | "safety" => Finish::Filter,
        _ => Finish::Other,
    }
}

/// The message of an error, where the model says that one would stand.
pub(super) fn error(request: &Request, body: &Value) -> Option<String> {
    let pointer = form(request)?.answer.error.as_deref()?;
    match body.pointer(pointer)? {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, request as neutral_request, sent};
    use super::super::{HttpReply, decode, encode, unsupported as problems};
    use super::*;

    fn request(body: &Value, more: &Value) -> Request {
        let mut neutral = json!({
            "provider": "http",
            "model": "m",
            "messages": [{"role": "system", "text": "Be short."}, {"role": "user", "text": "Hi \"you\""}],
            "form": {"http": {
                "body": body,
                "answer": {
                    "text": "/out/0/text", "finish": "/why", "input_tokens": "/n/in",
                    "output_tokens": "/n/out", "cached_tokens": "/n/cached", "error": "/failed"
                }
            }},
        });
        for (name, value) in more.as_object().unwrap() {
            neutral[name] = value.clone();
        }
        neutral_request(neutral)
    }

    fn everything() -> Value {
        json!({
            "q": "{{ prompt }}",
            "full": "{{system}} / {{ prompt }} / {{ temperature }}",
            "chat": {"messages": "{{ messages }}", "fixed": [1, null, "x"]},
            "options": {"temperature": "{{ temperature }}", "seed": "{{ seed }}"},
        })
    }

    #[test]
    fn a_body_is_filled_with_what_is_asked_and_nothing_else() {
        let request = request(&everything(), &json!({"params": {"temperature": 0.5}}));
        assert_eq!(
            sent(&request),
            json!({
                "q": "Hi \"you\"",
                "full": "Be short. / Hi \"you\" / 0.5",
                "chat": {"messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": "Hi \"you\""}
                ], "fixed": [1, null, "x"]},
                "options": {"temperature": 0.5},
            })
        );
        assert_eq!(problems(&request), [""; 0]);
        let url = encode(&request, 1).url("http://127.0.0.1/ask?x=1");
        assert_eq!(url, "http://127.0.0.1/ask?x=1");
    }

    #[test]
    fn what_a_variable_holds_is_never_read_as_a_name() {
        let hostile = json!([{"role": "user", "text": "{{ model }} {{ seed }}"}]);
        let body = json!({"q": "say: {{ prompt }}"});
        let sent = sent(&request(&body, &json!({"messages": hostile})));
        assert_eq!(sent, json!({"q": "say: {{ model }} {{ seed }}"}));
    }

    #[test]
    fn what_a_body_does_not_ask_for_is_no_silent_loss() {
        let body = json!({"q": "{{ prompt }}"});
        let more = json!({
            "messages": [
                {"role": "system", "text": "s"}, {"role": "user", "text": "a"},
                {"role": "assistant", "text": "b"}, {"role": "user", "text": "c"}
            ],
            "tools": [{"name": "f", "parameters": {}}],
            "params": {"temperature": 1, "stream": true}
        });
        insta::assert_snapshot!(problems(&request(&body, &more)).join("\n"), @r"
        the format http has no `stream: true`
        the format http has no place for `temperature`: its body does not ask for `{{ temperature }}`
        the format http has no place for `tools`: its body does not ask for `{{ tools }}`
        the format http has no place for several turns: its body does not ask for `{{ messages }}`
        the format http has no place for a system message: its body does not ask for `{{ system }}`
        ");
    }

    fn read(status: u16, body: &Value) -> Value {
        let request = request(&everything(), &json!({}));
        let body = body.to_string();
        let reply = HttpReply {
            status,
            header: &|_| None,
            body: body.as_bytes(),
            received_at: RECEIVED_AT,
        };
        match decode(&request, &reply) {
            Ok(response) => json!(response),
            Err(refusal) => json!(refusal.failure),
        }
    }

    #[test]
    fn an_answer_stands_where_the_model_says() {
        let body = json!({"out": [{"text": "Hello"}], "why": "max_tokens", "n": {"in": 3, "out": 1, "cached": 2}});
        let response = read(200, &body);
        assert_eq!(response["text"], "Hello");
        assert_eq!(response["finish"], "length");
        assert_eq!(
            response["usage"],
            json!({"input": 3, "cache_read": 2, "output": 1})
        );
        let number = read(200, &json!({"out": [{"text": 7}]}));
        assert_eq!(
            (&number["text"], &number["finish"]),
            (&json!("7"), &json!("stop"))
        );
    }

    #[test]
    fn a_reply_without_a_text_or_with_an_error_is_no_answer() {
        let missing = read(200, &json!({"out": []}));
        assert_eq!(missing["kind"], "unparseable");
        for status in [200, 500] {
            let failed = read(
                status,
                &json!({"out": [{"text": "x"}], "failed": "no room"}),
            );
            assert_eq!(
                (&failed["kind"], &failed["message"]),
                (&json!("server"), &json!("no room"))
            );
        }
    }
}
