//! Streamed replies: events are put together to the body that the endpoint would have sent whole.
//!
//! That body is then read like any other, so that an answer is the same however it came. A stream that ends before
//! its answer does is no answer.

use serde_json::{Map, Value};

use super::codec;
use super::framing::{Event, Framing, Reader};
use crate::exchange::Request;

/// Parts of an answer that are put together: blocks of content and calls of tools. More are no answer.
const MOST_PARTS: usize = 4096;

/// Adds an event to a body; what it takes over it may take out of the event.
type Add = fn(&mut Value, &mut Value) -> Result<Step, &'static str>;

/// How a wire format streams.
pub(super) struct Streaming {
    /// How its events are marked off.
    pub(super) framing: Framing,
    /// Adds an event to the body.
    pub(super) add: Add,
}

/// What an event did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// It brought a piece of the answer.
    pub(super) said: bool,
    /// The answer, or the failure, is whole; counts may still follow.
    pub(super) whole: bool,
}

impl Step {
    /// Nothing of the answer.
    pub(super) const QUIET: Self = Self {
        said: false,
        whole: false,
    };
    /// The end.
    pub(super) const END: Self = Self {
        said: false,
        whole: true,
    };

    /// A piece of the answer, or none.
    pub(super) fn saying(said: bool) -> Self {
        Self { said, whole: false }
    }
}

/// A reply that is read while it is written.
pub struct Stream {
    reader: Reader,
    add: Add,
    body: Value,
    state: Step,
}

impl Stream {
    /// For a successful reply of this content type; `None` where it is no stream and is to be read whole.
    pub fn of(request: &Request, content_type: Option<&str>) -> Option<Self> {
        let kind = content_type.unwrap_or_default().to_ascii_lowercase();
        let is_whole = kind.starts_with("application/json") || kind.starts_with("text/html");
        let streaming = codec(request).streaming.as_ref();
        let streaming = streaming.filter(|_| request.streams() && !is_whole)?;
        Some(Self {
            reader: Reader::new(streaming.framing),
            add: streaming.add,
            body: Value::Object(Map::new()),
            state: Step::QUIET,
        })
    }

    /// Takes the next bytes of the body, which may end anywhere.
    ///
    /// # Errors
    /// Says what is wrong with an event.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), &'static str> {
        for event in self.reader.push(bytes)? {
            self.take(event)?;
        }
        Ok(())
    }

    fn take(&mut self, event: Event) -> Result<(), &'static str> {
        let step = match event {
            Event::Done => Step::END,
            Event::Json(event) => add(self.add, &mut self.body, event)?,
        };
        self.state.said |= step.said;
        self.state.whole |= step.whole;
        Ok(())
    }

    /// Whether a piece of the answer has come.
    pub fn has_begun(&self) -> bool {
        self.state.said
    }

    /// Whether the answer is whole, so that what follows can only be counts.
    pub fn is_whole(&self) -> bool {
        self.state.whole
    }

    /// The body that the endpoint would have sent whole.
    ///
    /// # Errors
    /// Says that the stream ended too early, or what is wrong with its last event.
    pub fn finish(mut self) -> Result<Vec<u8>, &'static str> {
        let reader = std::mem::replace(&mut self.reader, Reader::new(Framing::Lines));
        match reader.finish() {
            Ok(Some(event)) => self.take(event)?,
            Err(why) if !self.state.whole => return Err(why),
            // After the end of the answer a cut says nothing.
            Ok(None) | Err(_) => {}
        }
        if self.state.whole {
            Ok(self.body.to_string().into_bytes())
        } else {
            Err(CUT)
        }
    }
}

/// Why half an answer is none.
const CUT: &str = "the stream ended before the answer did";

/// The body of a stream that came as one list of its events, as Gemini sends it where it is not asked for events.
pub(super) fn joined(streaming: &Streaming, events: Vec<Value>) -> Result<Value, &'static str> {
    let mut body = Value::Object(Map::new());
    let mut whole = false;
    for event in events {
        whole |= add(streaming.add, &mut body, event)?.whole;
    }
    if whole { Ok(body) } else { Err(CUT) }
}

/// Adds an event; an error in the form that all formats share takes the place of the answer.
fn add(add: Add, body: &mut Value, mut event: Value) -> Result<Step, &'static str> {
    if !event.is_object() {
        return Err("an event that is no JSON object");
    }
    if event.get("error").is_some_and(|error| !error.is_null()) {
        *body = event;
        return Ok(Step::END);
    }
    if body.get("error").is_some() {
        return Ok(Step::QUIET);
    }
    add(body, &mut event)
}

/// Puts fields of an event that say something in the place of those of the body.
pub(super) fn take_over(body: &mut Value, event: &Value, names: &[&str]) {
    for name in names {
        let value = event.get(name).filter(|value| !value.is_null());
        if let Some(value) = value.filter(|value| *value != "") {
            body[*name] = value.clone();
        }
    }
}

/// Puts text behind the text of a field; whether there was any.
pub(super) fn append(fields: &mut Value, name: &str, more: Option<&str>) -> bool {
    let Some(more) = more.filter(|more| !more.is_empty()) else {
        return false;
    };
    match fields.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        Some(Value::Array(parts)) => parts.push(serde_json::json!({"type": "text", "text": more})),
        _ => fields[name] = more.into(),
    }
    true
}

/// The list in a field, which is made where there is none.
pub(super) fn list<'a>(fields: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    let field = &mut fields[name];
    if !field.is_array() {
        *field = Value::Array(Vec::new());
    }
    match field {
        Value::Array(items) => items,
        _ => unreachable!("it was made a list"),
    }
}

/// The part of this `index`, which is made where there is none.
pub(super) fn part<'a>(
    parts: &'a mut Vec<Value>,
    index: Option<&Value>,
) -> Result<&'a mut Value, &'static str> {
    let index = index.and_then(Value::as_u64).unwrap_or_default();
    // As a rule it is the last one.
    let found = parts.iter().rposition(|part| part["index"] == index);
    let place = match found {
        Some(place) => place,
        None if parts.len() >= MOST_PARTS => return Err("an answer of too many parts"),
        None => {
            parts.push(serde_json::json!({"index": index}));
            parts.len() - 1
        }
    };
    Ok(&mut parts[place])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, blank_request};
    use super::super::{HttpReply, decode};
    use super::*;
    use crate::exchange::WireFormat;

    fn asked(format: WireFormat) -> Request {
        let mut request = blank_request(format);
        request.params.stream = Some(true);
        request
    }

    /// The bodies of recorded streams, by folder and name, each with its format.
    fn recorded() -> Vec<(String, WireFormat, Vec<u8>)> {
        let mut found = Vec::new();
        for (folder, format) in [
            ("openai-chat", WireFormat::Openai),
            ("azure-openai", WireFormat::AzureOpenai),
            ("openai-responses", WireFormat::OpenaiResponses),
            ("anthropic-messages", WireFormat::Anthropic),
            ("gemini", WireFormat::Gemini),
            ("ollama", WireFormat::Ollama),
            ("cohere", WireFormat::Cohere),
            ("mistral", WireFormat::Mistral),
            ("bedrock-converse", WireFormat::Bedrock),
            ("llama-cpp", WireFormat::Openai),
        ] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
            for entry in fs::read_dir(path.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                let is_stream = [".sse", ".ndjson", ".bin"];
                if !is_stream.iter().any(|ending| name.ends_with(ending)) {
                    continue;
                }
                let format = match name.split('-').next() {
                    Some("messages") => WireFormat::Anthropic,
                    Some("responses") => WireFormat::OpenaiResponses,
                    _ => format,
                };
                found.push((format!("{folder}/{name}"), format, fs::read(&path).unwrap()));
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    }

    /// What is read of a stream that comes in pieces of this size.
    fn read(format: WireFormat, bytes: &[u8], size: usize) -> Value {
        let request = asked(format);
        let mut stream = Stream::of(&request, Some("text/event-stream")).expect("it streams");
        let mut taken = Ok(());
        for piece in bytes.chunks(size) {
            taken = taken.and_then(|()| stream.push(piece));
        }
        let body = match taken.and_then(|()| stream.finish()) {
            Ok(body) => body,
            Err(why) => return json!({"unreadable": why}),
        };
        let reply = HttpReply {
            status: 200,
            header: &|_| None,
            body: &body,
            received_at: RECEIVED_AT,
        };
        match decode(&request, &reply) {
            Ok(response) => json!({"response": response}),
            Err(refusal) => json!({"failure": refusal.failure}),
        }
    }

    #[test]
    fn recorded_streams_have_their_neutral_form() {
        let all: BTreeMap<String, Value> = recorded()
            .into_iter()
            .map(|(name, format, bytes)| (name, read(format, &bytes, bytes.len())))
            .collect();
        assert!(all.len() >= 25, "{} streams", all.len());
        insta::assert_json_snapshot!("streams", all);
    }

    #[test]
    fn pieces_may_end_anywhere() {
        for (name, format, bytes) in recorded() {
            let whole = read(format, &bytes, bytes.len());
            for size in [1, 2, 3, 7, 64] {
                assert_eq!(read(format, &bytes, size), whole, "{name} by {size}");
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_is_no_short_answer() {
        for (name, format, bytes) in recorded() {
            let whole = read(format, &bytes, bytes.len());
            let text = |value: &Value| value.pointer("/response/text").cloned();
            for length in 0..bytes.len() {
                let cut = read(format, &bytes[..length], length.max(1));
                let calls = |value: &Value| value.pointer("/response/tool_calls").cloned();
                let is_none = text(&cut).is_none();
                let is_whole = text(&cut) == text(&whole) && calls(&cut) == calls(&whole);
                assert!(is_none || is_whole, "{name} {length}: {cut}");
            }
        }
    }

    #[test]
    fn events_that_came_as_one_list_are_one_answer() {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/gemini/stream-array.json");
        let body = fs::read(path).unwrap();
        let request = asked(WireFormat::Gemini);
        assert!(Stream::of(&request, Some("application/json; charset=UTF-8")).is_none());
        let mut reply = HttpReply {
            status: 200,
            header: &|_| None,
            body: &body,
            received_at: RECEIVED_AT,
        };
        assert_eq!(
            decode(&request, &reply).unwrap().text,
            "The capital is Tokyo."
        );
        reply.body = br#"[{"candidates": [{"content": {"parts": [{"text": "The"}]}}]}]"#;
        let failure = decode(&request, &reply).unwrap_err().failure;
        assert_eq!(failure.message, CUT);
    }

    #[test]
    fn a_reply_in_one_piece_is_read_whole_though_a_stream_was_asked_for() {
        let request = asked(WireFormat::Openai);
        for kind in ["application/json", "text/html; charset=utf-8"] {
            assert!(Stream::of(&request, Some(kind)).is_none(), "{kind}");
        }
        assert!(Stream::of(&request, None).is_some());
        let unasked = blank_request(WireFormat::Openai);
        assert!(Stream::of(&unasked, Some("text/event-stream")).is_none());
    }

    #[test]
    fn the_first_piece_is_the_first_that_holds_something_of_the_answer() {
        let mut stream = Stream::of(&asked(WireFormat::Openai), None).unwrap();
        let event = |delta: &str| format!("data: {{\"choices\": [{{\"delta\": {delta}}}]}}\n\n");
        for (delta, begun) in [
            (r#"{"role": "assistant", "content": ""}"#, false),
            (r#"{"reasoning_content": "Hm"}"#, true),
        ] {
            stream.push(event(delta).as_bytes()).unwrap();
            assert_eq!(stream.has_begun(), begun, "{delta}");
        }
        assert!(!stream.is_whole());
    }

    #[test]
    fn how_likely_tokens_were_is_told_piece_by_piece() {
        let choice = |text: &str, logprob: f64| {
            let tokens = json!([{"token": text, "logprob": logprob, "top_logprobs": []}]);
            json!({"index": 0, "delta": {"content": text}, "logprobs": {"content": tokens}})
        };
        let event = |choice: &Value| format!("data: {}\n\n", json!({"choices": [choice]}));
        let end = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
        let stream = event(&choice("To", -0.5)) + &event(&choice("kyo", -0.25)) + &event(&end);
        let response = &read(WireFormat::Openai, stream.as_bytes(), 9)["response"];
        assert_eq!(
            response["logprobs"],
            json!([{"token": "To", "logprob": -0.5}, {"token": "kyo", "logprob": -0.25}])
        );
        let gemini = |text: &str, finish: Option<&str>| {
            let tokens = json!([{"token": text, "logProbability": -0.5, "tokenId": 1}]);
            let candidate = json!({
                "content": {"parts": [{"text": text}]}, "finishReason": finish,
                "logprobsResult": {"chosenCandidates": tokens},
            });
            format!("data: {}\n\n", json!({"candidates": [candidate]}))
        };
        let stream = gemini("To", None) + &gemini("kyo", Some("STOP"));
        let response = &read(WireFormat::Gemini, stream.as_bytes(), 9)["response"];
        assert_eq!(
            response["logprobs"][1],
            json!({"token": "kyo", "logprob": -0.5})
        );
        let line = |text: &str, done: bool| {
            let tokens = json!([{"token": text, "logprob": -0.5}]);
            let message = json!({"role": "assistant", "content": text});
            json!({"message": message, "logprobs": tokens, "done": done}).to_string() + "\n"
        };
        let stream = line("To", false) + &line("kyo", true);
        let response = &read(WireFormat::Ollama, stream.as_bytes(), 9)["response"];
        assert_eq!(response["logprobs"].as_array().map(Vec::len), Some(2));
    }

    proptest! {
        #[test]
        fn no_stream_makes_it_panic(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[ -~\r\n]{0,20}",
                    Just("data: ".to_owned()),
                    Just("\n\n".to_owned()),
                    Just("{\"type\": \"content_block_delta\", \"index\": 9, \"delta\": {\"text\": \"x\"}}\n".to_owned()),
                    Just("{\"type\": \"message_start\", \"message\": {\"content\": 7, \"usage\": 1}}\n".to_owned()),
                    Just("{\"choices\": [{\"delta\": {\"content\": [1], \"tool_calls\": [2]}}]}\n".to_owned()),
                    Just("{\"message\": {\"content\": [], \"tool_calls\": 3}, \"done\": true}\n".to_owned()),
                    Just("{\"candidates\": [{\"content\": {\"parts\": [3]}, \"finishReason\": 4}]}\n".to_owned()),
                    Just("{\"type\": \"content-delta\", \"delta\": {\"message\": {\"content\": 5}}}\n".to_owned()),
                    Just("{\"type\": \"message_delta\", \"delta\": 1, \"usage\": {\"a\": null}}\n".to_owned()),
                    Just("{\"type\": \"message_stop\"}\n".to_owned()),
                    Just("{\"type\": \"response.completed\", \"response\": 8}\n".to_owned()),
                    Just("[DONE]\n".to_owned()),
                ],
                0..24,
            ),
            size in 1_usize..40,
        ) {
            let bytes = pieces.concat().into_bytes();
            for &format in WireFormat::ALL {
                if Stream::of(&asked(format), None).is_some() {
                    drop(read(format, &bytes, size));
                }
            }
        }

        #[test]
        fn a_damaged_stream_never_makes_it_panic(which: prop::sample::Index, at: prop::sample::Index, byte: u8) {
            let all = recorded();
            let (_, format, bytes) = which.get(&all);
            let mut bytes = bytes.clone();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            drop(read(*format, &bytes, 50));
        }
    }
}
