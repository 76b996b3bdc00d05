//! The wire formats: a [`Request`] becomes an HTTP request, and an HTTP reply becomes a [`Response`] or a [`Refusal`].
//!
//! Everything here is pure: no socket, no clock, no key in a request. Only what the user set is sent, since models
//! answer 400 to parameters that they do not know. What a reply says is taken as data of a stranger: it may be HTML,
//! cut, or of any other shape, and becomes a failure with a reason, never a panic.

use std::borrow::Cow;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

use crate::exchange::feature::Feature;
use crate::exchange::form::Form;
use crate::exchange::logprob::TokenLogprob;
use crate::exchange::task::Task;
use crate::exchange::{Failure, Finish, Request, Response, ToolChoice, WireFormat};
use crate::secret::Secret;
use crate::units::count;

pub mod advertised;
mod anthropic;
mod azure;
pub mod batch;
mod bedrock;
mod cohere;
mod command;
mod embedding;
mod failure;
mod framing;
mod gemini;
mod http;
mod mistral;
mod moderation;
mod ollama;
mod openai;
pub mod price;
mod responses;
mod retry_after;
mod scoring;
pub mod sigv4;
mod stream;
#[cfg(test)]
mod testing;
mod turns;

pub use failure::plain as one_line;
pub use retry_after::LONGEST_WAIT;
pub use stream::Stream;

use stream::Streaming;

/// More tokens than any call can have; a count above it is taken as not said, so that sums cannot overflow.
const MOST_TOKENS: u64 = 1 << 40;

/// What need not be escaped in a part of a path, by RFC 3986, stays as it is; AWS signs exactly this form.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One HTTP POST without its key; see [`auth`] for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// Where it goes, behind the base URL of the model; see [`HttpRequest::url`].
    pub path: Path,
    /// Header names in lower case, with their values.
    pub headers: Vec<(&'static str, String)>,
    /// JSON.
    pub body: Vec<u8>,
}

/// What comes behind the base URL of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path {
    /// What a person may give with the base URL or leave to us, such as `/v1`.
    pub version: &'static str,
    /// The rest of the path.
    pub rest: String,
    /// A query.
    pub query: Option<String>,
}

impl HttpRequest {
    /// The address to send to. A query of the base URL stays behind the path, and a version that ends the base URL
    /// takes the place of ours: people give the base URL of an endpoint that speaks several formats either way.
    pub fn url(&self, base_url: &str) -> String {
        let (base, query) = match base_url.split_once('?') {
            Some((base, query)) => (base, Some(query)),
            None => (base_url, None),
        };
        let base = base.trim_end_matches('/');
        let Path { version, rest, .. } = &self.path;
        let version = if ends_in_version(base, version) {
            ""
        } else {
            version
        };
        let queries: Vec<&str> = query
            .into_iter()
            .chain(self.path.query.as_deref())
            .collect();
        if queries.is_empty() {
            format!("{base}{version}{rest}")
        } else {
            format!("{base}{version}{rest}?{}", queries.join("&"))
        }
    }
}

/// Whether a base URL says itself which version it is of: by its last part, or as Vertex AI does before the publisher.
fn ends_in_version(base: &str, version: &str) -> bool {
    let mut parts = base.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let is_version = last
        .strip_prefix('v')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let is_publisher = parts.next() == Some("publishers");
    base.ends_with(version) || is_version || is_publisher
}

/// A text as one part of a path.
fn path_part(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// How a wire format turns requests into bodies and bodies into answers.
struct Codec {
    /// What it has no place for.
    lacks: &'static [Feature],
    /// What else of a request it cannot carry.
    unsupported: fn(&Request) -> Vec<String>,
    /// Where a request goes.
    path: fn(&Request) -> Path,
    /// The body of a request, without `extra`.
    body: fn(&Request, u32) -> Map<String, Value>,
    /// What a successful body says, or why it says nothing.
    response: fn(&Value) -> Result<Response, &'static str>,
    /// How it streams, if it does.
    streaming: Option<Streaming>,
}

fn codec(request: &Request) -> &'static Codec {
    use WireFormat::{
        AzureOpenai, Command, Gemini, Http, Mistral, Ollama, Openai, OpenaiResponses,
    };
    match (request.task, request.provider) {
        (Task::Chat, format) => codec_of_chat(format),
        (Task::Embed, Openai | OpenaiResponses | AzureOpenai | Mistral) => &embedding::CODEC,
        (Task::Embed, Gemini) => &gemini::EMBEDDING,
        (Task::Embed, Ollama) => &ollama::EMBEDDING,
        (Task::Moderate, Openai | OpenaiResponses) => &moderation::CODEC,
        (Task::Score, Command) => &scoring::BY_PROGRAM,
        (Task::Score, Http) => &scoring::BY_SERVICE,
        (Task::Embed | Task::Moderate | Task::Score, _) => &NONE,
    }
}

/// What stands for a task that a format has not.
const NONE: Codec = Codec {
    lacks: &[],
    unsupported: |request| {
        vec![match request.task {
            Task::Embed => "has no embeddings".to_owned(),
            Task::Score => "has no scores".to_owned(),
            Task::Chat | Task::Moderate => "has no moderation".to_owned(),
        }]
    },
    path: |_| Path::default(),
    body: |_, _| Map::new(),
    response: |_| Err("a reply to what cannot be asked"),
    streaming: None,
};

fn codec_of_chat(format: WireFormat) -> &'static Codec {
    match format {
        WireFormat::Openai => &openai::CODEC,
        WireFormat::Anthropic => &anthropic::CODEC,
        WireFormat::OpenaiResponses => &responses::CODEC,
        WireFormat::AzureOpenai => &azure::CODEC,
        WireFormat::Gemini => &gemini::CODEC,
        WireFormat::Ollama => &ollama::CODEC,
        WireFormat::Mistral => &mistral::CODEC,
        WireFormat::Cohere => &cohere::CODEC,
        WireFormat::Bedrock => &bedrock::CODEC,
        WireFormat::Http => &http::CODEC,
        WireFormat::Command => &command::CODEC,
    }
}

/// What an HTTP client received.
#[derive(Clone, Copy)]
pub struct HttpReply<'a> {
    /// The status.
    pub status: u16,
    /// The value of the header of a name in lower case, where it is there and is text.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// The whole body, decompressed.
    pub body: &'a [u8],
    /// When it was received: milliseconds since 1970, UTC; a wait given as a date counts from here.
    pub received_at: i64,
}

/// An answer that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What went wrong. Its message may quote the request, and the key in it: it is to be scrubbed before it is kept.
    pub failure: Failure,
    /// How long the endpoint asked us to wait before the next attempt. A wait above [`LONGEST_WAIT`] makes the
    /// failure not retryable.
    pub wait: Option<Duration>,
}

/// The HTTP request that asks `request` for the `repeat`-th time, counted from 1.
pub fn encode(request: &Request, repeat: u32) -> HttpRequest {
    let codec = codec(request);
    let mut body = (codec.body)(request, repeat);
    // Gemini has a body for each text, each with the fields of `extra`.
    if (request.task, request.provider) != (Task::Embed, WireFormat::Gemini) {
        merge(&mut body, &request.params.extra);
    }
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if request.provider == WireFormat::Anthropic {
        headers.push(("anthropic-version", anthropic::VERSION.to_owned()));
    }
    HttpRequest {
        path: (codec.path)(request),
        headers,
        body: Value::Object(body).to_string().into_bytes(),
    }
}

/// Puts the fields of `extra` over those of a body; where both are objects, field by field.
fn merge(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (key, value) in extra {
        match (body.get_mut(key), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => merge(ours, theirs),
            _ => {
                body.insert(key.clone(), value.clone());
            }
        }
    }
}

/// The header that carries a key.
pub fn auth(format: WireFormat, key: &Secret) -> (&'static str, String) {
    match format {
        WireFormat::Anthropic => ("x-api-key", key.expose().to_owned()),
        WireFormat::AzureOpenai => ("api-key", key.expose().to_owned()),
        WireFormat::Gemini => ("x-goog-api-key", key.expose().to_owned()),
        WireFormat::Openai
        | WireFormat::OpenaiResponses
        | WireFormat::Ollama
        | WireFormat::Mistral
        | WireFormat::Cohere
        | WireFormat::Bedrock
        | WireFormat::Http
        | WireFormat::Command => bearer(key),
    }
}

/// The header that carries a token in any format.
pub fn bearer(token: &Secret) -> (&'static str, String) {
    ("authorization", format!("Bearer {}", token.expose()))
}

/// What a wire format has no place for in a conversation.
pub fn lacks(format: WireFormat) -> &'static [Feature] {
    codec_of_chat(format).lacks
}

/// What of the request its wire format cannot carry, one lower-case fragment each. It is empty for a request that can
/// be sent as it is; any other is to be refused before the first call, since [`encode`] would have to drop something.
pub fn unsupported(request: &Request) -> Vec<String> {
    let codec = codec(request);
    let mut problems = unreadable_answers(request);
    problems.extend(impossible_choice(request));
    let whom = format!("the format {}", request.provider.name());
    problems.extend(Feature::lacking(codec.lacks, request, &whom));
    let others = (codec.unsupported)(request).into_iter();
    problems.extend(others.map(|what| format!("{whom} {what}")));
    problems
}

/// What the endpoint answered, or why that is no answer.
pub fn decode(request: &Request, reply: &HttpReply<'_>) -> Result<Response, Refusal> {
    if !(200..300).contains(&reply.status) {
        return failure::prompt_filtered(reply).ok_or_else(|| {
            let mut refusal = failure::of_status(reply);
            let body = serde_json::from_slice(reply.body).unwrap_or_default();
            if let Some(message) = http::error(request, &body) {
                refusal.failure.message = failure::plain(&message);
            }
            refusal
        });
    }
    let mut body: Value = serde_json::from_slice(reply.body)
        .map_err(|error| failure::unparseable(reply, failure::why_no_json(reply.body, &error)))?;
    if let (Value::Array(events), Some(streaming), true) =
        (&mut body, &codec(request).streaming, request.streams())
    {
        body = stream::joined(streaming, std::mem::take(events))
            .map_err(|why| failure::unparseable(reply, why.to_owned()))?;
    }
    if let Some(message) = http::error(request, &body) {
        return Err(failure::said_to_be_one(reply, &message));
    }
    if let Some(refusal) = failure::inside_success(reply, &body) {
        return Err(refusal);
    }
    let form = request.form.as_ref().and_then(Form::http);
    let response = match form {
        Some(form) => http::response(&form.answer, &body),
        None => (codec(request).response)(&body),
    };
    let response = response
        .map_err(Cow::from)
        .and_then(|response| answers_each(request, response));
    let mut response = response.map_err(|why| failure::unparseable(reply, why.into()))?;
    let id_of_body = response.request_id.take();
    response.request_id = request_id(reply, &body).or(id_of_body);
    Ok(response)
}

/// Where there is one thing for each text, there must be as many.
fn answers_each(request: &Request, response: Response) -> Result<Response, Cow<'static, str>> {
    let (found, what) = match request.task {
        Task::Chat | Task::Score => return Ok(response),
        Task::Embed => (response.vectors.len(), "vector"),
        Task::Moderate => (response.judgements.len(), "judgement"),
    };
    let texts = request.messages.len();
    if found == texts {
        return Ok(response);
    }
    Err(format!("{} for {}", count(found, what), count(texts, "text")).into())
}

fn request_id(reply: &HttpReply<'_>, body: &Value) -> Option<String> {
    ["x-request-id", "request-id", "x-amzn-requestid"]
        .into_iter()
        .find_map(|name| (reply.header)(name).filter(|id| !id.is_empty()))
        .map(str::to_owned)
        .or_else(|| text_at(body, "/id"))
}

/// Fields of `extra` that would make the endpoint answer in a way that is not read here.
fn unreadable_answers(request: &Request) -> Vec<String> {
    let extra = &request.params.extra;
    let mut problems = Vec::new();
    if extra.get("stream").is_some_and(|stream| *stream != false) {
        problems.push("`stream` is a parameter of its own: set it beside `extra`".to_owned());
    }
    if extra.get("n").is_some_and(|n| *n != 1) {
        problems.push("`n` cannot be set: use `trials` to ask several times".to_owned());
    }
    problems
}

fn impossible_choice(request: &Request) -> Option<String> {
    let choice = request.tool_choice.as_ref()?;
    if request.params.extra.contains_key("tools") {
        return None;
    }
    if request.tools.is_empty() {
        return Some("`tool_choice` needs `tools`".to_owned());
    }
    match choice {
        ToolChoice::Named(name) if request.tools.iter().all(|tool| tool.name != *name) => Some(
            format!("`tool_choice` names `{name}`, which is not among the tools"),
        ),
        ToolChoice::Named(_) | ToolChoice::Auto | ToolChoice::None | ToolChoice::Required => None,
    }
}

/// An answer without any content, as a start.
fn blank(finish: Finish, finish_raw: Option<String>) -> Response {
    Response {
        finish,
        finish_raw,
        ..Response::of("")
    }
}

/// The tokens of a list that have a text and a number.
fn logprobs(items: Option<&Value>, token: &str, number: &str) -> Vec<TokenLogprob> {
    let items = items.and_then(Value::as_array).into_iter().flatten();
    let tokens = items.filter_map(|item| {
        Some(TokenLogprob {
            token: item.get(token)?.as_str()?.to_owned(),
            logprob: item.get(number)?.as_number()?.clone(),
        })
    });
    tokens.collect()
}

/// Puts a field into a body, where there is a value for it.
fn set<T: Into<Value>>(body: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        body.insert(key.to_owned(), value.into());
    }
}

/// The text at a JSON pointer; an empty one says nothing.
fn text_at(value: &Value, pointer: &str) -> Option<String> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

/// The count at a JSON pointer.
fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .filter(|count| *count <= MOST_TOKENS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::testing::{RECEIVED_AT, blank_request, received, recorded, request, sent, shown};
    use super::*;
    use crate::exchange::{FailureKind, Outcome};

    fn all_shown(folder: &str, suffix: &str, format: WireFormat) -> BTreeMap<String, Value> {
        recorded(folder, suffix)
            .into_iter()
            .map(|(name, file)| (name, shown(format, &file)))
            .collect()
    }

    #[test]
    fn recorded_replies_of_openai_have_their_neutral_form() {
        let all = all_shown("openai-chat", ".response.json", WireFormat::Openai);
        insta::assert_json_snapshot!("openai_chat", all);
    }

    #[test]
    fn recorded_replies_of_azure_have_their_neutral_form() {
        let all = all_shown("azure-openai", ".response.json", WireFormat::Openai);
        insta::assert_json_snapshot!("azure_openai", all);
    }

    #[test]
    fn recorded_replies_of_anthropic_have_their_neutral_form() {
        let all = all_shown(
            "anthropic-messages",
            ".response.json",
            WireFormat::Anthropic,
        );
        insta::assert_json_snapshot!("anthropic_messages", all);
    }

    #[test]
    fn recorded_replies_of_openai_responses_have_their_neutral_form() {
        let format = WireFormat::OpenaiResponses;
        let all = all_shown("openai-responses", ".response.json", format);
        insta::assert_json_snapshot!("openai_responses", all);
    }

    #[test]
    fn recorded_replies_of_gemini_have_their_neutral_form() {
        let all = all_shown("gemini", ".response.json", WireFormat::Gemini);
        insta::assert_json_snapshot!("gemini", all);
    }

    #[test]
    fn recorded_replies_of_ollama_have_their_neutral_form() {
        let all = all_shown("ollama", ".response.json", WireFormat::Ollama);
        insta::assert_json_snapshot!("ollama", all);
    }

    #[test]
    fn recorded_replies_of_mistral_and_cohere_have_their_neutral_form() {
        let mistral = all_shown("mistral", ".response.json", WireFormat::Mistral);
        insta::assert_json_snapshot!("mistral", mistral);
        let cohere = all_shown("cohere", ".response.json", WireFormat::Cohere);
        insta::assert_json_snapshot!("cohere", cohere);
    }

    #[test]
    fn recorded_replies_of_llama_cpp_have_their_neutral_form() {
        let all: BTreeMap<String, Value> = recorded("llama-cpp", ".json")
            .into_iter()
            .map(|(name, file)| {
                let format = if name.starts_with("messages") {
                    WireFormat::Anthropic
                } else {
                    WireFormat::Openai
                };
                (name, shown(format, &file))
            })
            .collect();
        insta::assert_json_snapshot!("llama_cpp", all);
    }

    #[test]
    fn a_cut_body_is_never_an_answer() {
        for (folder, format) in [
            ("openai-chat", WireFormat::Openai),
            ("anthropic-messages", WireFormat::Anthropic),
            ("openai-responses", WireFormat::OpenaiResponses),
            ("gemini", WireFormat::Gemini),
            ("ollama", WireFormat::Ollama),
            ("mistral", WireFormat::Mistral),
            ("cohere", WireFormat::Cohere),
            ("bedrock-converse", WireFormat::Bedrock),
        ] {
            for (name, file) in recorded(folder, ".response.json") {
                if file["status"] != 200 || name == "failed" {
                    continue;
                }
                let body = file["body"].to_string();
                assert!(
                    received(format, 200, &[], body.as_bytes()).is_ok(),
                    "{name}"
                );
                for length in 0..body.len() {
                    let cut = received(format, 200, &[], &body.as_bytes()[..length]);
                    let failure = cut.expect_err(&name).failure;
                    assert_eq!(failure.kind, FailureKind::Unparseable, "{name} {length}");
                    assert!(failure.retryable, "{name} {length}");
                }
            }
        }
    }

    fn assert_unparseable(format: WireFormat, body: &str, message: &str) {
        let refusal = received(format, 200, &[], body.as_bytes()).expect_err(body);
        assert_eq!(refusal.failure.message, message);
        assert_eq!(refusal.failure.outcome(), Outcome::Unparseable, "{body}");
        assert!(refusal.failure.retryable, "{body}");
    }

    #[test]
    fn a_success_that_is_no_json_is_unparseable_and_says_what_it_is() {
        let page =
            "\n<!DOCTYPE html><HTML><head><Title lang=en>\n 502 Bad\tGateway\u{1b}[31m</title>";
        for (body, message) in [
            ("", "an empty body"),
            (page, "HTML instead of JSON (\"502 Bad Gateway[31m\")"),
            ("<html><title>x", "HTML instead of JSON"),
            (
                "data: {\"choices\":[]}\n\n",
                "an event stream instead of JSON",
            ),
            ("{\"choices\": [", "JSON that is cut off after 13 bytes"),
            (
                "upstream error",
                "no JSON: expected value at line 1 column 1",
            ),
        ] {
            for &format in WireFormat::ALL {
                assert_unparseable(format, body, message);
            }
        }
    }

    #[test]
    fn a_success_of_another_shape_is_unparseable_and_says_what_is_missing() {
        for (body, message) in [
            ("{}", "JSON without `choices`"),
            ("[1]", "JSON without `choices`"),
            (r#"{"choices": []}"#, "JSON without `choices`"),
            (
                r#"{"choices": [{"text": "x"}]}"#,
                "a choice without `message`",
            ),
            (
                r#"{"choices": [{"message": {}}]}"#,
                "a message without `content`",
            ),
            (
                r#"{"choices": [{"message": {"content": 7}}]}"#,
                "`content` that is no text",
            ),
            (
                r#"{"choices": [{"message": {"tool_calls": [{"id": "a"}]}}]}"#,
                "a tool call without a name",
            ),
        ] {
            assert_unparseable(WireFormat::Openai, body, message);
        }
        for (body, message) in [
            ("{}", "JSON without `content`"),
            (r#"{"content": "x"}"#, "JSON without `content`"),
            (
                r#"{"content": [{"text": "x"}]}"#,
                "a content block without `type`",
            ),
        ] {
            assert_unparseable(WireFormat::Anthropic, body, message);
        }
    }

    #[test]
    fn the_base_url_may_end_in_a_slash_a_version_or_a_query() {
        let url = |format: &str, base| {
            let asked = json!({"provider": format, "model": "m", "messages": []});
            encode(&request(asked), 1).url(base)
        };
        assert_eq!(
            url("openai", "http://127.0.0.1:1/v1/"),
            "http://127.0.0.1:1/v1/chat/completions"
        );
        assert_eq!(
            url("openai", "https://h/openai/deployments/d?api-version=1"),
            "https://h/openai/deployments/d/chat/completions?api-version=1"
        );
        for base in ["https://h", "https://h/", "https://h/v1", "https://h/v1/"] {
            assert_eq!(url("anthropic", base), "https://h/v1/messages");
        }
    }

    #[test]
    fn a_key_is_sent_in_a_header_of_the_format_and_nowhere_else() {
        let key = Secret::new("sk-0123456789".into());
        assert_eq!(
            auth(WireFormat::Openai, &key),
            ("authorization", "Bearer sk-0123456789".into())
        );
        assert_eq!(
            auth(WireFormat::Anthropic, &key),
            ("x-api-key", "sk-0123456789".into())
        );
    }

    #[test]
    fn the_headers_of_the_http_client_can_be_read_in_place() {
        let mut headers = reqwest::header::HeaderMap::new();
        headers.insert("x-request-id", "req_1".parse().unwrap());
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let reply = HttpReply {
            status: 200,
            header: &header,
            body: br#"{"id": "chatcmpl-1", "choices": [{"message": {"content": "x"}}]}"#,
            received_at: RECEIVED_AT,
        };
        let response = decode(&blank_request(WireFormat::Openai), &reply).unwrap();
        assert_eq!(response.request_id.as_deref(), Some("req_1"));
    }

    #[test]
    fn fields_that_would_change_the_form_of_the_answer_are_refused() {
        let with = |extra: Value| {
            unsupported(&request(json!({
                "model": "m",
                "messages": [{"role": "user", "text": "x"}],
                "params": {"extra": extra},
            })))
        };
        assert_eq!(
            with(json!({"stream": true, "n": 2})),
            [
                "`stream` is a parameter of its own: set it beside `extra`",
                "`n` cannot be set: use `trials` to ask several times",
            ]
        );
        assert!(with(json!({"stream": false, "n": 1, "logprobs": true})).is_empty());
    }

    #[test]
    fn a_choice_of_tool_needs_that_tool() {
        let choosing = |tools: Value| {
            unsupported(&request(json!({
                "model": "m",
                "messages": [{"role": "user", "text": "x"}],
                "tools": tools,
                "tool_choice": {"named": "look_up"},
            })))
        };
        let tool = |name: &str| json!([{"name": name, "parameters": {}}]);
        assert_eq!(choosing(json!([])), ["`tool_choice` needs `tools`"]);
        assert_eq!(
            choosing(tool("other")),
            ["`tool_choice` names `look_up`, which is not among the tools"]
        );
        assert!(choosing(tool("look_up")).is_empty());
    }

    #[test]
    fn images_and_documents_travel_in_the_way_of_each_format() {
        let media = json!([
            {"kind": "image", "media_type": "image/png", "name": "a.png", "source": {"data": "QQ=="}},
            {"kind": "image", "media_type": "image/jpeg", "name": "b", "source": {"url": "https://h/b"}},
            {"kind": "document", "media_type": "application/pdf", "name": "c (1).pdf", "source": {"data": "Qg=="}},
            {"kind": "document", "media_type": "application/pdf", "name": "d.pdf", "source": {"url": "https://h/d.pdf"}},
        ]);
        let mut all = BTreeMap::new();
        for &format in WireFormat::ALL {
            let asking = |media: &[Value]| {
                request(json!({
                    "provider": format, "model": "m", "params": {"max_tokens": 9},
                    "messages": [{"role": "user", "text": "What is it?", "media": media}],
                }))
            };
            let each = media.as_array().expect("it stands above").iter();
            let lacks =
                |problem: &String| problem.contains("image") || problem.contains("document");
            let carried: Vec<Value> = each
                .filter(|one| {
                    !unsupported(&asking(std::slice::from_ref(one)))
                        .iter()
                        .any(lacks)
                })
                .cloned()
                .collect();
            let body = sent(&asking(&carried));
            let place = ["/messages/0", "/input/0", "/contents/0"];
            let turn = place.iter().find_map(|place| body.pointer(place));
            let problems = unsupported(&asking(media.as_array().expect("it stands above")));
            all.insert(format, json!({"turn": turn, "lacks": problems}));
        }
        insta::assert_json_snapshot!("media", all);
    }

    /// JSON whose fields bear the names that are looked for, with anything in them.
    fn alike() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            "(text|tool_use|thinking|stop|refusal|content_filter|error|429)".prop_map(Value::from),
        ];
        leaf.prop_recursive(6, 64, 4, |inner| {
            let name = "(choices|message|content|type|text|tool_calls|function|name|arguments|input|usage|error|code|id|\
                        prompt_tokens|input_tokens|cache_read_input_tokens|finish_reason|stop_reason|stop_details|detail)";
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(name, inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_with_any_status_and_header_make_it_panic(
            status: u16,
            body: Vec<u8>,
            wait in ".{0,24}",
        ) {
            for &format in WireFormat::ALL {
                let headers = [("retry-after", wait.as_str()), ("retry-after-ms", &wait)];
                let reply = received(format, status, &headers, &body);
                prop_assert!(reply.is_err(), "random bytes are no answer");
            }
        }

        #[test]
        fn no_json_makes_it_panic_and_messages_stay_short(body in alike(), status in 199_u16..600) {
            for &format in WireFormat::ALL {
                for status in [200, status] {
                    let body = body.to_string();
                    match received(format, status, &[], body.as_bytes()) {
                        Ok(response) => prop_assert!(response.usage.total() < Some(u64::MAX)),
                        Err(refusal) => {
                            let message = refusal.failure.message;
                            prop_assert!(message.chars().count() <= 300, "{message}");
                            prop_assert!(!message.chars().any(char::is_control), "{message:?}");
                        }
                    }
                }
            }
        }

        #[test]
        fn a_damaged_body_never_makes_it_panic(at in 0_usize..600, byte: u8) {
            let file = &recorded("anthropic-messages", ".response.json")["tools"];
            let mut body = file["body"].to_string().into_bytes();
            let at = at % body.len();
            body[at] = byte;
            for &format in WireFormat::ALL {
                drop(received(format, 200, &[], &body));
            }
        }
    }
}
