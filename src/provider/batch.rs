//! Batches: many calls that are submitted together, and answered within a day at half the price.
//!
//! A batch goes its way in steps that all formats share: its calls are put into a [`Parcel`], it is submitted, asked
//! about until it has ended, and its results are read line by line.

mod anthropic;
mod openai;

use serde_json::Value;

use super::{HttpReply, HttpRequest, Path, Refusal, encode, failure, path_part, text_at};
use crate::exchange::{Failure, FailureKind, Request, Response, WireFormat};

/// Characters of an id of an endpoint at most.
const LONGEST_ID: usize = 200;

/// How a wire format takes calls in batches.
#[derive(Debug)]
pub struct Protocol {
    /// Most calls of one batch.
    pub most_calls: usize,
    /// Most bytes of all calls of one batch together.
    pub most_bytes: usize,
    /// Whether a batch bears the name that we give it, so that it is known by it in a list.
    pub bears_name: bool,
    wrapping: Wrapping,
    /// Headers of every request.
    headers: &'static [(&'static str, &'static str)],
    /// One call, named `id`, to be put into a parcel.
    call: fn(id: &str, call: &HttpRequest) -> Value,
    /// The upload that comes before the submission, where there is one.
    upload: Option<fn(&Parcel) -> HttpRequest>,
    submission: fn(&Submission<'_>) -> HttpRequest,
    /// The version that stands before all paths.
    version: &'static str,
    /// The path of all batches, below which each has its own.
    batches: &'static str,
    /// The query for the batches behind one of this id.
    after: &'static str,
    state: fn(&Value) -> Result<State, &'static str>,
    said: fn(&Value) -> Said,
}

/// What stands before, between and behind the calls of a parcel.
#[derive(Debug)]
struct Wrapping {
    before: &'static str,
    between: &'static str,
    behind: &'static str,
}

/// The calls of a batch, as they are sent.
#[derive(Debug)]
pub struct Parcel {
    bytes: Vec<u8>,
    calls: usize,
    protocol: &'static Protocol,
}

/// What a batch is submitted with.
#[derive(Debug)]
pub struct Submission<'a> {
    /// Our name for it.
    pub name: &'a str,
    /// The run that it is for, for people who look at it at the endpoint.
    pub run: &'a str,
    /// Its calls.
    pub parcel: &'a Parcel,
    /// The id of the file that was uploaded, where one was.
    pub file: Option<&'a str>,
    /// One of its requests; all go to the same place.
    pub request: &'a Request,
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The endpoint's id of it.
    pub id: String,
    /// The name that we gave to it, where it bears one.
    pub name: Option<String>,
    /// When it was made: seconds since 1970, UTC.
    pub created_at: Option<i64>,
    /// The endpoint's own word for its state.
    pub word: String,
    /// Its calls.
    pub counts: Counts,
    /// How it ended, if it did.
    pub end: Option<End>,
}

/// The calls of a batch, counted by its endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them; 0 as long as they are not counted.
    pub total: u64,
    /// Those that are answered.
    pub done: u64,
    /// Those that failed.
    pub failed: u64,
}

/// How a batch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Where its results are.
    pub results: Vec<Path>,
    /// What became of the calls that the results do not name.
    pub rest: Unanswered,
}

/// Why a call of a batch has no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unanswered {
    /// The batch ended before its turn came.
    Expired,
    /// The batch was cancelled.
    Cancelled,
    /// The batch failed as a whole, for this reason.
    Failed(String),
    /// The results have no line of it.
    Missing,
}

/// A line of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The id of the call that it is about.
    pub id: String,
    /// What it says.
    pub said: Said,
}

/// What a line of results says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// What came of it.
    Told(Told),
    /// That there never will be a reply.
    Never(Unanswered),
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The reply that a single call would have got.
    Reply {
        /// The HTTP status.
        status: u16,
        /// The body.
        body: Vec<u8>,
        /// The endpoint's id of the call.
        request_id: Option<String>,
    },
    /// A failure before there was a reply.
    Failure(Failure),
}

/// How a wire format takes calls in batches; `None` where it does not.
pub fn protocol(format: WireFormat) -> Option<&'static Protocol> {
    match format {
        WireFormat::Openai | WireFormat::OpenaiResponses => Some(&openai::PROTOCOL),
        WireFormat::Anthropic => Some(&anthropic::PROTOCOL),
        _ => None,
    }
}

impl Protocol {
    /// A parcel without calls.
    pub fn parcel(&'static self) -> Parcel {
        Parcel {
            bytes: self.wrapping.before.as_bytes().to_vec(),
            calls: 0,
            protocol: self,
        }
    }

    /// The call that asks `request` for the `repeat`-th time, named `id`, to be put into a parcel.
    pub fn call(&self, id: &str, request: &Request, repeat: u32) -> Vec<u8> {
        (self.call)(id, &encode(request, repeat))
            .to_string()
            .into_bytes()
    }

    /// Whether an upload comes before a submission.
    pub fn uploads(&self) -> bool {
        self.upload.is_some()
    }

    /// The upload that comes before a submission, where the format wants one.
    pub fn upload(&self, parcel: &Parcel) -> Option<HttpRequest> {
        self.upload.map(|upload| self.with_headers(upload(parcel)))
    }

    /// The request that submits a batch.
    pub fn submit(&self, submission: &Submission<'_>) -> HttpRequest {
        self.with_headers((self.submission)(submission))
    }

    /// The request for the state of the batch of this id.
    pub fn look(&self, id: &str) -> HttpRequest {
        self.get(self.path(&format!("/{}", path_part(id))))
    }

    /// The request for the newest batches, or for those behind the one of this id.
    pub fn list(&self, after: Option<&str>) -> HttpRequest {
        let query = match after {
            None => "limit=100".to_owned(),
            Some(id) => format!("limit=100&{}={}", self.after, path_part(id)),
        };
        self.get(Path {
            query: Some(query),
            ..self.path("")
        })
    }

    /// The request for results.
    pub fn results(&self, path: &Path) -> HttpRequest {
        self.get(path.clone())
    }

    /// The address to which an empty POST cancels the batch of this id.
    pub fn cancel(&self, id: &str) -> HttpRequest {
        self.get(self.path(&format!("/{}/cancel", path_part(id))))
    }

    /// The state of a batch, in a reply to its submission or to a look at it.
    pub fn read_state(&self, reply: &HttpReply<'_>) -> Result<State, Refusal> {
        read(reply, self.state)
    }

    /// The states of a page of batches, and the id behind which the next page begins.
    pub fn read_list(
        &self,
        reply: &HttpReply<'_>,
    ) -> Result<(Vec<State>, Option<String>), Refusal> {
        read(reply, |body| {
            let data = body.get("data").and_then(Value::as_array);
            let data = data.ok_or("a list of batches without `data`")?;
            let states: Vec<State> = data.iter().map(self.state).collect::<Result<_, _>>()?;
            let has_more = body.get("has_more").and_then(Value::as_bool) == Some(true);
            let last = states.last().filter(|_| has_more);
            let last = last.map(|state| state.id.clone());
            Ok((states, last))
        })
    }

    /// A line of results; `None` where it is none, or does not say what call it is about.
    pub fn read_line(&self, line: &str) -> Option<Line> {
        let line: Value = serde_json::from_str(line).ok()?;
        Some(Line {
            id: text_at(&line, "/custom_id")?,
            said: (self.said)(&line),
        })
    }

    /// A path below that of all batches.
    fn path(&self, rest: &str) -> Path {
        Path {
            version: self.version,
            rest: format!("{}{rest}", self.batches),
            query: None,
        }
    }

    fn get(&self, path: Path) -> HttpRequest {
        self.with_headers(HttpRequest {
            path,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    fn with_headers(&self, mut http: HttpRequest) -> HttpRequest {
        let ours = self.headers.iter();
        http.headers
            .extend(ours.map(|(name, value)| (*name, (*value).to_owned())));
        http
    }
}

/// The id of the file that was uploaded, in the reply to the upload.
pub fn read_upload(reply: &HttpReply<'_>) -> Result<String, Refusal> {
    read(reply, id_of)
}

/// The failure of a reply that is no success.
pub fn refused(reply: &HttpReply<'_>) -> Refusal {
    failure::of_status(reply)
}

/// The answer that came of a call, or why there is none.
pub fn answer(request: &Request, told: &Told, received_at: i64) -> Result<Response, Failure> {
    let (status, body, request_id) = match told {
        Told::Failure(failure) => return Err(failure.clone()),
        Told::Reply {
            status,
            body,
            request_id,
        } => (*status, body, request_id.as_deref()),
    };
    let reply = HttpReply {
        status,
        header: &|name| request_id.filter(|_| name == "x-request-id"),
        body,
        received_at,
    };
    super::decode(request, &reply).map_err(|refusal| refusal.failure)
}

impl Parcel {
    /// Puts a call in, where there is room for it; whether there was.
    pub fn put(&mut self, call: &[u8]) -> bool {
        let Protocol {
            most_calls,
            most_bytes,
            wrapping,
            ..
        } = self.protocol;
        let between = if self.calls == 0 {
            ""
        } else {
            wrapping.between
        };
        let size = self.bytes.len() + between.len() + call.len() + wrapping.behind.len();
        if self.calls == *most_calls || size > *most_bytes {
            return false;
        }
        self.bytes.extend_from_slice(between.as_bytes());
        self.bytes.extend_from_slice(call);
        self.calls += 1;
        true
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.calls == 0
    }

    fn body(&self) -> Vec<u8> {
        let mut body = Vec::new();
        self.write(&mut body);
        body
    }

    fn write(&self, body: &mut Vec<u8>) {
        let behind = self.protocol.wrapping.behind.as_bytes();
        body.reserve(self.bytes.len() + behind.len());
        body.extend_from_slice(&self.bytes);
        body.extend_from_slice(behind);
    }
}

/// Reads a reply about a batch, which is a failure for the same reasons as one to a call.
fn read<T>(
    reply: &HttpReply<'_>,
    read: impl FnOnce(&Value) -> Result<T, &'static str>,
) -> Result<T, Refusal> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(reply));
    }
    let body: Value = serde_json::from_slice(reply.body)
        .map_err(|error| failure::unparseable(reply, failure::why_no_json(reply.body, &error)))?;
    if let Some(refusal) = failure::inside_success(reply, &body) {
        return Err(refusal);
    }
    read(&body).map_err(|why| failure::unparseable(reply, why.to_owned()))
}

/// A reply that is written out in a line of results.
fn reply_of(status: u16, body: &Value, request_id: Option<String>) -> Said {
    Said::Told(Told::Reply {
        status,
        body: body.to_string().into_bytes(),
        request_id,
    })
}

/// A line of results that says nothing.
fn unreadable(why: &str) -> Said {
    Said::Told(Told::Failure(Failure {
        kind: FailureKind::Unparseable,
        status: None,
        message: format!("the results of the batch hold {why}"),
        retryable: true,
    }))
}

/// The id of a thing, which becomes part of paths and of what people read.
fn id_of(body: &Value) -> Result<String, &'static str> {
    let id = text_at(body, "/id").ok_or("a reply without `id`")?;
    sound(id).ok_or("an `id` that is none")
}

/// An id, where it is one.
fn sound(id: String) -> Option<String> {
    let is_sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (id.len() <= LONGEST_ID && id.chars().all(is_sound)).then_some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::testing::{RECEIVED_AT, recorded, request};
    use super::*;

    /// A reply as it was recorded.
    fn reply<T>(file: &Value, read: impl FnOnce(&HttpReply<'_>) -> T) -> T {
        let status = file["status"].as_u64().and_then(|n| u16::try_from(n).ok());
        let body = file["body"].to_string();
        read(&HttpReply {
            status: status.expect("a reply has a status"),
            header: &|_| None,
            body: body.as_bytes(),
            received_at: RECEIVED_AT,
        })
    }

    fn lines(folder: &str, name: &str) -> String {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
        std::fs::read_to_string(path.join(folder).join(name)).unwrap()
    }

    fn asked(format: WireFormat, text: &str) -> Request {
        let model = match format {
            WireFormat::Anthropic => "claude-sonnet-4-5",
            _ => "gpt-4o-mini",
        };
        request(json!({
            "provider": format, "model": model, "messages": [{"role": "user", "text": text}],
            "params": {"max_tokens": 16},
        }))
    }

    fn parcel(format: WireFormat) -> Parcel {
        let protocol = protocol(format).unwrap();
        let mut parcel = protocol.parcel();
        for (id, text) in [
            ("case-0", "What is the capital of Japan?"),
            ("case-1", "What is 2+2?"),
        ] {
            assert!(parcel.put(&protocol.call(id, &asked(format, text), 1)));
        }
        parcel
    }

    #[test]
    fn the_recorded_calls_of_openai_are_what_is_uploaded() {
        let parcel = parcel(WireFormat::Openai);
        let body = String::from_utf8(parcel.body()).unwrap();
        let values = |text: &str| -> Vec<Value> {
            let lines = text.lines().map(serde_json::from_str);
            lines.map(Result::unwrap).collect()
        };
        assert_eq!(values(&body), values(&lines("openai-batch", "input.jsonl")));
        let file = &recorded("openai-batch", ".request.json")["1-upload-file"];
        let upload = openai::PROTOCOL.upload(&parcel).unwrap();
        assert_eq!(
            upload.url("http://h/v1").strip_prefix("http://h"),
            file["path"].as_str()
        );
        let (name, kind) = &upload.headers[0];
        assert_eq!(*name, "content-type");
        let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
        let form = String::from_utf8(upload.body).unwrap();
        let parts: Vec<&str> = form.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4);
        assert!(
            parts[1].contains("name=\"purpose\"\r\n\r\nbatch\r\n"),
            "{form}"
        );
        assert!(parts[2].contains("name=\"file\""), "{form}");
        assert!(parts[2].contains(&body), "{form}");
        assert_eq!(parts[3], "--\r\n");
    }

    #[test]
    fn the_recorded_submissions_are_what_is_sent() {
        for (format, folder, name, host) in [
            (
                WireFormat::Openai,
                "openai-batch",
                "2-create",
                "http://h/v1",
            ),
            (
                WireFormat::Anthropic,
                "anthropic-batches",
                "1-create",
                "http://h",
            ),
        ] {
            let file = &recorded(folder, ".request.json")[name];
            let sent = protocol(format).unwrap().submit(&Submission {
                name: "b-1",
                run: "r-1",
                parcel: &parcel(format),
                file: Some("file-in1"),
                request: &asked(format, "x"),
            });
            assert_eq!(
                sent.url(host).strip_prefix("http://h"),
                file["path"].as_str()
            );
            for (header, value) in sent.headers {
                assert_eq!(file["headers"][header], value, "{folder}");
            }
            let mut wanted = file["body"].clone();
            if format == WireFormat::Openai {
                wanted["metadata"] = json!({"regauge": "b-1", "regauge_run": "r-1"});
            }
            let body: Value = serde_json::from_slice(&sent.body).unwrap();
            assert_eq!(body, wanted);
        }
    }

    #[test]
    fn the_recorded_looks_and_results_are_where_we_ask() {
        let openai = recorded("openai-batch", ".request.json");
        let anthropic = recorded("anthropic-batches", ".request.json");
        let state = |format: &str, file: &str, protocol: &Protocol| {
            let file = &recorded(format, ".response.json")[file];
            reply(file, |reply| protocol.read_state(reply)).unwrap()
        };
        let ended = state("openai-batch", "3-poll-completed", &openai::PROTOCOL);
        let results = ended.end.unwrap().results;
        for (got, wanted) in [
            (openai::PROTOCOL.look(&ended.id), &openai["3-poll"]),
            (openai::PROTOCOL.results(&results[0]), &openai["4-download"]),
        ] {
            let url = got.url("http://h/v1");
            assert_eq!(url.strip_prefix("http://h"), wanted["path"].as_str());
        }
        let ended = state("anthropic-batches", "2-poll-ended", &anthropic::PROTOCOL);
        let results = ended.end.unwrap().results;
        for (got, wanted) in [
            (anthropic::PROTOCOL.look(&ended.id), &anthropic["2-poll"]),
            (
                anthropic::PROTOCOL.results(&results[0]),
                &anthropic["3-results"],
            ),
        ] {
            let url = got.url("http://h");
            assert_eq!(url.strip_prefix("http://h"), wanted["path"].as_str());
            assert_eq!(
                got.headers,
                [("anthropic-version", "2023-06-01".to_owned())]
            );
        }
        assert_eq!(
            anthropic::PROTOCOL.list(Some("a")).url("http://h"),
            "http://h/v1/messages/batches?limit=100&after_id=a"
        );
        assert_eq!(
            openai::PROTOCOL.cancel("b").url("http://h/v1"),
            "http://h/v1/batches/b/cancel"
        );
    }

    #[test]
    fn recorded_states_have_their_neutral_form() {
        let mut shown = Vec::new();
        for (folder, protocol) in [
            ("openai-batch", &openai::PROTOCOL),
            ("anthropic-batches", &anthropic::PROTOCOL),
        ] {
            let files = recorded(folder, ".response.json").into_iter();
            for (name, file) in files.filter(|(name, _)| !name.contains("upload")) {
                let state = reply(&file, |reply| protocol.read_state(reply));
                shown.push(format!("{folder} {name}: {state:#?}"));
            }
        }
        insta::assert_snapshot!("states", shown.join("\n"));
    }

    #[test]
    fn recorded_lines_have_their_neutral_form() {
        let mut shown = Vec::new();
        for (folder, name, protocol, format) in [
            (
                "openai-batch",
                "output.jsonl",
                &openai::PROTOCOL,
                WireFormat::Openai,
            ),
            (
                "openai-batch",
                "errors.jsonl",
                &openai::PROTOCOL,
                WireFormat::Openai,
            ),
            (
                "anthropic-batches",
                "results.jsonl",
                &anthropic::PROTOCOL,
                WireFormat::Anthropic,
            ),
        ] {
            for text in lines(folder, name).lines() {
                let line = protocol.read_line(text).expect("it is a line of results");
                let said = match &line.said {
                    Said::Told(told) => {
                        let read = answer(&asked(format, "x"), told, RECEIVED_AT);
                        format!("{:?}", read.map(|response| json!(response).to_string()))
                    }
                    Said::Never(why) => format!("{why:?}"),
                };
                shown.push(format!("{} {said}", line.id));
            }
        }
        insta::assert_snapshot!("lines", shown.join("\n"));
    }

    #[test]
    fn a_parcel_takes_no_more_than_a_batch_may_hold() {
        static SMALL: Protocol = Protocol {
            most_calls: 3,
            most_bytes: 20,
            ..anthropic::PROTOCOL
        };
        static FEW: Protocol = Protocol {
            most_calls: 2,
            ..openai::PROTOCOL
        };
        let mut parcel = SMALL.parcel();
        // `{"requests":[` and `]}` take 15 of the 20 bytes.
        assert!(!parcel.put(b"123456"));
        assert!(parcel.put(b"12"));
        assert!(parcel.put(b"34"));
        assert!(!parcel.put(b""), "not even the comma fits");
        assert_eq!(parcel.body(), b"{\"requests\":[12,34]}");
        let mut parcel = FEW.parcel();
        assert!(parcel.put(b"1") && parcel.put(b"2") && !parcel.put(b"3"));
        assert_eq!(parcel.body(), b"1\n2\n");
    }

    #[test]
    fn what_is_no_state_is_a_failure_and_no_id_leaves_its_path() {
        let read = |body: &str| {
            openai::PROTOCOL.read_state(&HttpReply {
                status: 200,
                header: &|_| None,
                body: body.as_bytes(),
                received_at: RECEIVED_AT,
            })
        };
        for body in [
            "",
            "{}",
            r#"{"id": "../files", "status": "completed"}"#,
            r#"{"id": "b", "status": 7}"#,
            r#"{"id": "b", "status": "completed", "output_file_id": "a/b"}"#,
            r#"{"error": {"message": "no"}}"#,
        ] {
            assert!(read(body).is_err(), "{body}");
        }
    }

    #[test]
    fn a_line_that_says_nothing_is_a_failure_of_its_call() {
        for protocol in [&openai::PROTOCOL, &anthropic::PROTOCOL] {
            for text in ["", "7", "{}", r#"{"custom_id": 7}"#, r#"{"custom_id": ""}"#] {
                assert_eq!(protocol.read_line(text), None, "{text}");
            }
            for text in [
                r#"{"custom_id": "a"}"#,
                r#"{"custom_id": "a", "response": 7, "result": []}"#,
                r#"{"custom_id": "a", "response": {"status_code": 99999}, "result": {"type": "x"}}"#,
            ] {
                let said = protocol.read_line(text).unwrap().said;
                assert!(
                    matches!(said, Said::Told(Told::Failure(_))),
                    "{text}: {said:?}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn no_reply_and_no_line_makes_it_panic(
            pieces in prop::collection::vec(
                prop_oneof![
                    "[ -~]{0,12}",
                    Just("{\"id\": \"b\", \"status\": \"failed\", \"errors\": {\"data\": [7, {\"line\": -1}]}}".to_owned()),
                    Just("{\"id\": \"b\", \"processing_status\": \"ended\", \"created_at\": 7}".to_owned()),
                    Just("{\"data\": [".to_owned()),
                    Just("], \"has_more\": true}".to_owned()),
                    Just("{\"custom_id\": \"a\", \"response\": {\"status_code\": 200, \"body\": [".to_owned()),
                    Just("{\"custom_id\": \"a\", \"result\": {\"type\": \"errored\", \"error\": [".to_owned()),
                    Just("]}}".to_owned()),
                ],
                0..6,
            ),
        ) {
            let text = pieces.concat();
            let reply = HttpReply {
                status: 200,
                header: &|_| None,
                body: text.as_bytes(),
                received_at: RECEIVED_AT,
            };
            for protocol in [&openai::PROTOCOL, &anthropic::PROTOCOL] {
                drop(protocol.read_state(&reply));
                drop(protocol.read_list(&reply));
                if let Some(Line { said: Said::Told(told), .. }) = protocol.read_line(&text) {
                    drop(answer(&asked(WireFormat::Openai, "x"), &told, RECEIVED_AT));
                }
            }
            drop(read_upload(&reply));
        }
    }
}
