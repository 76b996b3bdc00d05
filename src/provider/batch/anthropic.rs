//! Batches as Anthropic takes them: all calls in one body.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{HttpRequest, anthropic, count_at, failure, text_at};
use super::{
    Counts, End, Protocol, Said, State, Submission, Unanswered, Wrapping, id_of, reply_of,
    unreadable,
};

pub(super) const PROTOCOL: Protocol = Protocol {
    most_calls: 100_000,
    most_bytes: 256_000_000,
    bears_name: false,
    wrapping: Wrapping {
        before: "{\"requests\":[",
        between: ",",
        behind: "]}",
    },
    headers: &[("anthropic-version", anthropic::VERSION)],
    call: |id, call| {
        let params: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        json!({"custom_id": id, "params": params})
    },
    upload: None,
    submission,
    version: "/v1",
    batches: "/messages/batches",
    after: "after_id",
    state,
    said,
};

fn submission(submission: &Submission<'_>) -> HttpRequest {
    HttpRequest {
        path: PROTOCOL.path(""),
        headers: vec![("content-type", "application/json".to_owned())],
        body: submission.parcel.body(),
    }
}

/// The address of the results that an endpoint names is not followed: it may be another host's, to which our key must
/// not go, and the results are always below the batch.
fn state(body: &Value) -> Result<State, &'static str> {
    let word = text_at(body, "/processing_status").ok_or("a batch without `processing_status`")?;
    let id = id_of(body)?;
    let end = (word == "ended").then(|| End {
        results: vec![PROTOCOL.path(&format!("/{id}/results"))],
        rest: Unanswered::Missing,
    });
    let number = |name: &str| count_at(body, &format!("/request_counts/{name}")).unwrap_or(0);
    let failed = number("errored") + number("canceled") + number("expired");
    let done = number("succeeded");
    let created = text_at(body, "/created_at").and_then(|text| text.parse::<Timestamp>().ok());
    Ok(State {
        id,
        name: None,
        created_at: created.map(Timestamp::as_second),
        word: failure::plain(&word),
        counts: Counts {
            total: number("processing") + done + failed,
            done,
            failed,
        },
        end,
    })
}

fn said(line: &Value) -> Said {
    let result = line.get("result").unwrap_or(&Value::Null);
    match result.get("type").and_then(Value::as_str) {
        Some("succeeded") => match result.get("message") {
            Some(message) => reply_of(200, message, None),
            None => unreadable("a result without `message`"),
        },
        Some("errored") => {
            let error = result.get("error").unwrap_or(&Value::Null);
            let id = text_at(error, "/request_id");
            reply_of(status_of(error), error, id)
        }
        Some("canceled") => Said::Never(Unanswered::Cancelled),
        Some("expired") => Said::Never(Unanswered::Expired),
        _ => unreadable("a line without a known result"),
    }
}

/// The HTTP status that a single call would have got with this error.
fn status_of(error: &Value) -> u16 {
    let kind = error.pointer("/error/type").and_then(Value::as_str);
    match kind.unwrap_or_default() {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "timeout_error" => 504,
        "overloaded_error" => 529,
        _ => 500,
    }
}
