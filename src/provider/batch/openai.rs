//! Batches as OpenAI takes them: a file of JSON lines is uploaded, and a batch is made of it.

use serde_json::{Value, json};

use super::super::{HttpRequest, Path, codec, count_at, failure, text_at};
use super::{
    Counts, End, Parcel, Protocol, Said, State, Submission, Told, Unanswered, Wrapping, id_of,
    reply_of, sound, unreadable,
};
use crate::digest::Digest;
use crate::exchange::{Failure, FailureKind};
use crate::units::count;

pub(super) const PROTOCOL: Protocol = Protocol {
    most_calls: 50_000,
    most_bytes: 200_000_000,
    bears_name: true,
    wrapping: Wrapping {
        before: "",
        between: "\n",
        behind: "\n",
    },
    headers: &[],
    call: |id, call| {
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        json!({"custom_id": id, "method": "POST", "url": target(&call.path), "body": body})
    },
    upload: Some(upload),
    submission,
    version: "",
    batches: "/batches",
    after: "after",
    state,
    said,
};

/// The field of the metadata of a batch in which our name for it stands.
const NAME: &str = "regauge";

/// Errors of a batch that are told of.
const SHOWN_ERRORS: usize = 3;

/// The place of a call, as the lines of a file name it whatever the base URL.
fn target(path: &Path) -> String {
    format!("/v1{}", path.rest)
}

/// The form with the file. What parts it is the digest of its calls, which cannot stand in them.
fn upload(parcel: &Parcel) -> HttpRequest {
    let boundary = Digest::of_bytes(&parcel.bytes);
    let purpose = "content-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n";
    let head = "content-disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\n\
                content-type: application/jsonl\r\n\r\n";
    let mut body = format!("--{boundary}\r\n{purpose}--{boundary}\r\n{head}").into_bytes();
    parcel.write(&mut body);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let kind = format!("multipart/form-data; boundary={boundary}");
    HttpRequest {
        path: Path {
            rest: "/files".to_owned(),
            ..Path::default()
        },
        headers: vec![("content-type", kind)],
        body,
    }
}

fn submission(submission: &Submission<'_>) -> HttpRequest {
    let path = (codec(submission.request).path)(submission.request);
    let body = json!({
        "input_file_id": submission.file,
        "endpoint": target(&path),
        "completion_window": "24h",
        "metadata": {NAME: submission.name, "regauge_run": submission.run},
    });
    HttpRequest {
        path: PROTOCOL.path(""),
        headers: vec![("content-type", "application/json".to_owned())],
        body: body.to_string().into_bytes(),
    }
}

fn state(body: &Value) -> Result<State, &'static str> {
    let word = text_at(body, "/status").ok_or("a batch without `status`")?;
    let rest = match word.as_str() {
        "completed" => Some(Unanswered::Missing),
        "expired" => Some(Unanswered::Expired),
        "cancelled" => Some(Unanswered::Cancelled),
        "failed" => Some(Unanswered::Failed(errors(body))),
        _ => None,
    };
    let results = results(body)?;
    let number = |pointer: &str| count_at(body, pointer).unwrap_or(0);
    Ok(State {
        id: id_of(body)?,
        name: text_at(body, &format!("/metadata/{NAME}")),
        created_at: body.get("created_at").and_then(Value::as_i64),
        word: failure::plain(&word),
        counts: Counts {
            total: number("/request_counts/total"),
            done: number("/request_counts/completed"),
            failed: number("/request_counts/failed"),
        },
        end: rest.map(|rest| End { results, rest }),
    })
}

/// Where the results are. A batch that expired or was cancelled has those that came before.
fn results(body: &Value) -> Result<Vec<Path>, &'static str> {
    let files = ["/output_file_id", "/error_file_id"];
    let files = files.into_iter().filter_map(|field| text_at(body, field));
    let path = |file| {
        let file = sound(file).ok_or("a file whose id is none")?;
        Ok(Path {
            rest: format!("/files/{file}/content"),
            ..Path::default()
        })
    };
    files.map(path).collect()
}

/// Why a batch failed, in the words of its endpoint.
fn errors(body: &Value) -> String {
    let errors = body.pointer("/errors/data").and_then(Value::as_array);
    let errors = errors.map(Vec::as_slice).unwrap_or_default();
    let mut shown: Vec<String> = errors
        .iter()
        .take(SHOWN_ERRORS)
        .map(|error| {
            let message = text_at(error, "/message").or_else(|| text_at(error, "/code"));
            let message = message.unwrap_or_else(|| "an error without a message".to_owned());
            match count_at(error, "/line") {
                Some(line) => format!("{message} (line {line})"),
                None => message,
            }
        })
        .collect();
    if errors.len() > SHOWN_ERRORS {
        shown.push(format!(
            "and {}",
            count(errors.len() - SHOWN_ERRORS, "other")
        ));
    }
    if shown.is_empty() {
        shown.push("no reason is given".to_owned());
    }
    failure::plain(&shown.join("; "))
}

fn said(line: &Value) -> Said {
    if let Some(error) = line.get("error").filter(|error| !error.is_null()) {
        return match error.get("code").and_then(Value::as_str) {
            Some("batch_expired") => Said::Never(Unanswered::Expired),
            Some("batch_cancelled") => Said::Never(Unanswered::Cancelled),
            code => {
                let message = text_at(error, "/message").or(code.map(str::to_owned));
                Said::Told(Told::Failure(Failure {
                    kind: FailureKind::Server,
                    status: None,
                    message: failure::plain(message.as_deref().unwrap_or("an unknown error")),
                    retryable: true,
                }))
            }
        };
    }
    let Some(response) = line.get("response").filter(|value| value.is_object()) else {
        return unreadable("a line without `response`");
    };
    let status = count_at(response, "/status_code").and_then(|code| u16::try_from(code).ok());
    match (status, response.get("body")) {
        (Some(status), Some(body)) => reply_of(status, body, text_at(response, "/request_id")),
        _ => unreadable("a response without `status_code` or `body`"),
    }
}
