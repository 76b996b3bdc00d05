//! What kind of failure a reply is, whether another attempt may help, and what the endpoint said about it.

use serde_json::Value;

use super::{HttpReply, LONGEST_WAIT, Refusal, blank, retry_after::asked_wait, text_at};
use crate::exchange::{Failure, FailureKind, Finish, Response};
use crate::units::show_duration;

/// Characters of a message that are kept.
const LONGEST_MESSAGE: usize = 300;

/// Bytes of an HTML page in which its title is looked for.
const TITLE_WITHIN: usize = 4096;

/// Parts of codes that say that money is missing: no attempt helps, though the status is often 429.
const UNPAID: [&str; 4] = ["insufficient_quota", "billing", "spend", "credit"];

/// Codes that say that the endpoint gets too much, whatever the status. Overload belongs here and not to the failures
/// of the server: the remedy is the same as for a rate limit, to ask less often.
const TOO_MUCH: [&str; 6] = [
    "rate_limit_exceeded",
    "rate_limit_error",
    "overloaded",
    "overloaded_error",
    "slow_down",
    "throttlingException",
];

/// Codes by which an endpoint says that it failed itself, in a stream whose status was already on its way.
const ITS_FAULT: [&str; 8] = [
    "server_error",
    "api_error",
    "timeout_error",
    "internal_server_error",
    "internalServerException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "serviceUnavailableException",
];

/// Codes by which it says that the request is wrong.
const OUR_FAULT: [&str; 2] = ["invalid_request_error", "validationException"];

/// The failure of a reply whose status is no success.
pub(super) fn of_status(reply: &HttpReply<'_>) -> Refusal {
    let body = serde_json::from_slice(reply.body).unwrap_or(Value::Null);
    let message = said(&body).unwrap_or_else(|| described(reply.body));
    let (kind, retryable) = judged(reply.status, &body);
    // The endpoint's own word on this comes before the rule for its status, but not before missing money.
    let retryable = match (reply.header)("x-should-retry") {
        Some("true") => !is_unpaid(&body),
        Some("false") => false,
        _ => retryable,
    };
    refusal(reply, kind, message, retryable)
}

/// The failure of a success whose body holds an error, as gateways send it when the status was already on its way.
pub(super) fn inside_success(reply: &HttpReply<'_>, body: &Value) -> Option<Refusal> {
    body.get("error").filter(|error| !error.is_null())?;
    let message = said(body).unwrap_or_else(|| "an error without a message".to_owned());
    let (kind, retryable) = match numeric_code(body) {
        Some(status) => judged(status, body),
        None if is_unpaid(body) => (FailureKind::Rejected, false),
        None if is_too_much(body) => (FailureKind::RateLimited, true),
        None if codes(body).any(|code| ITS_FAULT.contains(&code)) => (FailureKind::Server, true),
        None if codes(body).any(|code| OUR_FAULT.contains(&code)) => (FailureKind::Rejected, false),
        None => (FailureKind::Unparseable, true),
    };
    Some(refusal(reply, kind, message, retryable))
}

/// The failure of a success in which an error stands where the model says that one would.
pub(super) fn said_to_be_one(reply: &HttpReply<'_>, message: &str) -> Refusal {
    refusal(reply, FailureKind::Server, plain(message), true)
}

/// The failure of a success whose body is not what the wire format says: as a rule a gateway that slipped.
pub(super) fn unparseable(reply: &HttpReply<'_>, why: String) -> Refusal {
    refusal(reply, FailureKind::Unparseable, why, true)
}

/// The answer that a filter withheld before the model saw the prompt. Azure sends this as an error 400, but it is
/// behaviour of what is tested, like a filter at the end of an answer, and not a broken call.
pub(super) fn prompt_filtered(reply: &HttpReply<'_>) -> Option<Response> {
    if reply.status != 400 {
        return None;
    }
    let body: Value = serde_json::from_slice(reply.body).ok()?;
    let code = text_at(&body, "/error/code").filter(|code| code == "content_filter")?;
    let mut response = blank(Finish::Filter, Some(code));
    response.request_id = super::request_id(reply, &body);
    Some(response)
}

fn refusal(reply: &HttpReply<'_>, kind: FailureKind, message: String, retryable: bool) -> Refusal {
    let wait = asked_wait(reply);
    let mut failure = Failure {
        kind,
        status: Some(reply.status),
        message,
        retryable,
    };
    if let Some(wait) = wait.filter(|wait| *wait > LONGEST_WAIT && failure.retryable) {
        failure.retryable = false;
        let asked = show_duration(wait);
        failure.message += " (the endpoint asks us to wait ";
        failure.message += &asked;
        failure.message += ", which is too long)";
    }
    Refusal { failure, wait }
}

/// The kind of a failure, and whether another attempt may help.
///
/// These are the rules of the official clients, with two differences: 425 (too early) may be tried again, and 501 and
/// 505 may not, since they say that the server can never do this.
fn judged(status: u16, body: &Value) -> (FailureKind, bool) {
    if is_unpaid(body) {
        return (FailureKind::Rejected, false);
    }
    if matches!(status, 429 | 529) || is_too_much(body) {
        return (FailureKind::RateLimited, !is_daily(body));
    }
    match status {
        501 | 505 => (FailureKind::Rejected, false),
        // What a model behind Bedrock failed at is not worth another whole price.
        424 => (FailureKind::Server, false),
        // With 408 it is the server's time limit that ran out, which no setting of ours can move.
        408 | 409 | 425 | 500.. => (FailureKind::Server, true),
        _ => (FailureKind::Rejected, false),
    }
}

fn is_unpaid(body: &Value) -> bool {
    codes(body).any(|code| UNPAID.iter().any(|part| code.contains(part)))
}

fn is_too_much(body: &Value) -> bool {
    codes(body).any(|code| TOO_MUCH.contains(&code))
}

/// Whether what is used up is the quota of a day, in the form of Google.
fn is_daily(body: &Value) -> bool {
    let details = body.pointer("/error/details").and_then(Value::as_array);
    let violations = details
        .into_iter()
        .flatten()
        .filter_map(|detail| detail.get("violations")?.as_array());
    violations
        .flatten()
        .filter_map(|violation| violation.get("quotaId")?.as_str())
        .any(|quota| quota.contains("PerDay"))
}

/// The endpoint's short words for the failure.
fn codes(body: &Value) -> impl Iterator<Item = &str> {
    ["/error/code", "/error/type", "/code", "/type"]
        .into_iter()
        .filter_map(|pointer| body.pointer(pointer)?.as_str())
}

/// A code that is an HTTP status of a failure, as a number or as text.
fn numeric_code(body: &Value) -> Option<u16> {
    let code = body.pointer("/error/code")?;
    let number = match code {
        Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (400..600).contains(&number).then_some(number)
}

/// The endpoint's own words: in the form of OpenAI, Anthropic and llama.cpp, of old vLLM, of Ollama, or of the web
/// frameworks below them.
fn said(body: &Value) -> Option<String> {
    [
        "/error/message",
        "/error",
        "/message",
        "/Message",
        "/detail/0/msg",
        "/detail",
        "/0/error/message",
        "/error/code",
        "/error/type",
    ]
    .into_iter()
    .find_map(|pointer| {
        let text = plain(&text_at(body, pointer)?);
        (!text.is_empty()).then_some(text)
    })
}

/// A body that has no message, described.
fn described(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(_) => "JSON without an error message".to_owned(),
        Err(error) => why_no_json(body, &error),
    }
}

/// Why a body is no JSON, in words that quote nothing of it but the title of a page.
pub(super) fn why_no_json(body: &[u8], error: &serde_json::Error) -> String {
    let start = String::from_utf8_lossy(&body[..body.len().min(TITLE_WITHIN)]);
    let start = start.trim();
    if body.is_empty() {
        "an empty body".to_owned()
    } else if start.starts_with('<') {
        title(start).map_or_else(
            || "HTML instead of JSON".to_owned(),
            |title| format!("HTML instead of JSON (\"{title}\")"),
        )
    } else if start.starts_with("data:") || start.starts_with("event:") {
        "an event stream instead of JSON".to_owned()
    } else if error.is_eof() {
        format!("JSON that is cut off after {} bytes", body.len())
    } else {
        format!("no JSON: {error}")
    }
}

fn title(html: &str) -> Option<String> {
    // Lower-casing ASCII moves no byte, so that places in one text are places in the other.
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower[open..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(plain(&html[start..end])).filter(|title| !title.is_empty())
}

/// Text of a stranger on one line, without anything that steers a terminal, and not too long.
pub fn plain(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut kept: String = words
        .join(" ")
        .chars()
        .filter(|c| !is_steering(*c))
        .collect();
    if let Some((cut, _)) = kept.char_indices().nth(LONGEST_MESSAGE) {
        let last = kept[..cut].char_indices().next_back();
        kept.truncate(last.map_or(0, |(at, _)| at));
        kept.push('…');
    }
    kept
}

/// Control characters, and those that hide text or change its direction.
fn is_steering(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::testing::received;
    use super::*;
    use crate::exchange::WireFormat;

    fn failed(status: u16, headers: &[(&str, &str)], body: &str) -> Refusal {
        received(WireFormat::Openai, status, headers, body.as_bytes()).expect_err("it failed")
    }

    #[test]
    fn every_status_has_a_kind_and_says_whether_to_try_again() {
        use FailureKind::{RateLimited, Rejected, Server};
        for (status, kind, retryable) in [
            (100, Rejected, false),
            (302, Rejected, false),
            (400, Rejected, false),
            (401, Rejected, false),
            (403, Rejected, false),
            (404, Rejected, false),
            (408, Server, true),
            (409, Server, true),
            (413, Rejected, false),
            (422, Rejected, false),
            (425, Server, true),
            (429, RateLimited, true),
            (500, Server, true),
            (501, Rejected, false),
            (502, Server, true),
            (503, Server, true),
            (504, Server, true),
            (529, RateLimited, true),
            (599, Server, true),
        ] {
            let failure = failed(status, &[], "").failure;
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{status}"
            );
            assert_eq!(failure.status, Some(status));
            assert_eq!(failure.message, "an empty body");
        }
    }

    #[test]
    fn the_word_of_the_endpoint_comes_before_the_rule_for_its_status() {
        let should = |status, word| {
            failed(status, &[("x-should-retry", word)], "{}")
                .failure
                .retryable
        };
        assert!(should(400, "true"));
        assert!(!should(500, "false"));
        assert!(should(500, "maybe"));
    }

    #[test]
    fn missing_money_is_never_tried_again() {
        for code in [
            "insufficient_quota",
            "billing_hard_limit_reached",
            "spend_limit_exceeded",
        ] {
            for field in ["code", "type"] {
                let body = json!({"error": {"message": "Pay.", field: code}}).to_string();
                let failure = failed(429, &[("x-should-retry", "true")], &body).failure;
                assert_eq!(failure.kind, FailureKind::Rejected, "{code}");
                assert!(!failure.retryable, "{code}");
            }
        }
    }

    #[test]
    fn an_overloaded_server_gets_too_much_whatever_its_status() {
        let body = r#"{"error": {"message": "Busy", "code": "overloaded"}}"#;
        assert_eq!(
            failed(503, &[], body).failure.kind,
            FailureKind::RateLimited
        );
    }

    #[test]
    fn a_wait_that_is_too_long_ends_the_attempts() {
        let body = r#"{"error": {"message": "Slow down."}}"#;
        let near = failed(429, &[("retry-after", "120")], body);
        assert_eq!(near.wait, Some(LONGEST_WAIT));
        assert!(near.failure.retryable);
        let far = failed(429, &[("retry-after", "121")], body);
        assert_eq!(far.wait, Some(Duration::from_secs(121)));
        assert!(!far.failure.retryable);
        assert_eq!(
            far.failure.message,
            "Slow down. (the endpoint asks us to wait 2 m 01 s, which is too long)"
        );
    }

    #[test]
    fn the_words_of_many_kinds_of_endpoint_are_found() {
        for body in [
            r#"{"error": {"message": "Oh no.", "code": 400}}"#,
            r#"{"error": "Oh no."}"#,
            r#"{"object": "error", "message": "Oh no.", "code": 40001}"#,
            r#"{"detail": "Oh no."}"#,
            r#"{"detail": [{"loc": ["body"], "msg": "Oh no."}]}"#,
            r#"[{"error": {"message": "Oh no."}}]"#,
            r#"{"error": {"message": "", "code": "Oh no."}}"#,
        ] {
            assert_eq!(failed(400, &[], body).failure.message, "Oh no.", "{body}");
        }
        assert_eq!(
            failed(400, &[], "{}").failure.message,
            "JSON without an error message"
        );
        assert_eq!(
            failed(502, &[], "<html><title>502 Bad Gateway</title>")
                .failure
                .message,
            "HTML instead of JSON (\"502 Bad Gateway\")"
        );
    }

    #[test]
    fn a_message_is_one_short_line_that_steers_no_terminal() {
        let long = format!("a\n\tb\u{1b}[2J\u{202e}{}", "é".repeat(400));
        let body = json!({"error": {"message": long}}).to_string();
        let message = failed(400, &[], &body).failure.message;
        assert!(message.starts_with("a b[2Jéé"), "{message}");
        assert!(message.ends_with("é…"), "{message}");
        assert_eq!(message.chars().count(), 300);
    }

    #[test]
    fn an_error_inside_a_success_is_a_failure() {
        use FailureKind::{RateLimited, Rejected, Server, Unparseable};
        for (error, kind, retryable) in [
            (json!({"message": "m", "code": 502}), Server, true),
            (json!({"message": "m", "code": "429"}), RateLimited, true),
            (json!({"message": "m", "code": 400}), Rejected, false),
            (
                json!({"message": "m", "type": "overloaded_error"}),
                RateLimited,
                true,
            ),
            (
                json!({"message": "m", "code": "insufficient_quota"}),
                Rejected,
                false,
            ),
            (json!({"message": "m"}), Unparseable, true),
            (json!("m"), Unparseable, true),
        ] {
            let body = json!({"error": error}).to_string();
            let failure = failed(200, &[], &body).failure;
            assert_eq!(
                (failure.kind, failure.retryable),
                (kind, retryable),
                "{error}"
            );
            assert_eq!((failure.status, failure.message.as_str()), (Some(200), "m"));
        }
    }
}
