//! How long an endpoint asks us to wait before the next attempt.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::Value;

use super::HttpReply;

/// The longest wait that we accept from an endpoint, the one that OpenAI's own client accepts. A call that would have
/// to wait longer is given up: a job should rather end and say so than hang.
pub const LONGEST_WAIT: Duration = Duration::from_mins(2);

/// Longer than anyone waits; keeps absurd numbers inside the range of `Duration`.
const MOST_SECONDS: f64 = 1e9;

/// The wait that the reply asks for: `retry-after-ms`, else `retry-after` in seconds, else `retry-after` as a date, else
/// the delay that Google writes into the body. What is none of these is ignored.
pub(super) fn asked_wait(reply: &HttpReply<'_>) -> Option<Duration> {
    let milliseconds = (reply.header)("retry-after-ms").and_then(number);
    milliseconds
        .and_then(|count| seconds(count / 1000.0))
        .or_else(|| {
            let value = (reply.header)("retry-after")?;
            number(value)
                .and_then(seconds)
                .or_else(|| until(value, reply.received_at))
        })
        .or_else(|| delay_in(reply.body))
}

/// The `retryDelay` of Google's errors, such as `34.5s`.
fn delay_in(body: &[u8]) -> Option<Duration> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let details = body.pointer("/error/details")?.as_array()?;
    let mut delays = details.iter().filter_map(|detail| detail.get("retryDelay"));
    seconds(number(delays.next()?.as_str()?.strip_suffix('s')?)?)
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

fn seconds(count: f64) -> Option<Duration> {
    if !count.is_finite() {
        return None;
    }
    Duration::try_from_secs_f64(count.min(MOST_SECONDS)).ok()
}

/// From now to an HTTP date; none at all where it is past.
fn until(date: &str, now: i64) -> Option<Duration> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let then = parser.parse_timestamp(date.trim()).ok()?.as_millisecond();
    let milliseconds = then.saturating_sub(now).max(0).unsigned_abs();
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<Duration> {
        let header = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| *value)
        };
        asked_wait(&HttpReply {
            status: 429,
            header: &header,
            body: b"",
            received_at: 1_768_480_245_000,
        })
    }

    #[test]
    fn milliseconds_come_before_seconds() {
        let both = [("retry-after", "1"), ("retry-after-ms", "210.5")];
        assert_eq!(wait(&both), Some(Duration::from_micros(210_500)));
    }

    #[test]
    fn seconds_may_have_a_fraction_and_be_nothing() {
        assert_eq!(
            wait(&[("retry-after", " 1.5 ")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(wait(&[("retry-after", "0")]), Some(Duration::ZERO));
    }

    #[test]
    fn a_date_counts_from_the_receipt() {
        let at = |date| wait(&[("retry-after", date)]);
        assert_eq!(
            at("Thu, 15 Jan 2026 12:31:00 GMT"),
            Some(Duration::from_secs(15))
        );
        // The weekday is wrong; the date is not.
        assert_eq!(
            at("Mon, 15 Jan 2026 12:31:00 GMT"),
            Some(Duration::from_secs(15))
        );
        assert_eq!(at("Thu, 15 Jan 2026 12:00:00 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn garbage_is_ignored_and_the_next_form_is_taken() {
        for bad in ["", "soon", "-1", "inf", "NaN", "15 Jan", "1e999", "\u{0}"] {
            assert_eq!(wait(&[("retry-after", bad)]), None, "{bad:?}");
            assert_eq!(
                wait(&[("retry-after-ms", bad), ("retry-after", "2")]),
                Some(Duration::from_secs(2)),
                "{bad:?}"
            );
        }
        assert!(wait(&[("retry-after", "1e200")]) > Some(LONGEST_WAIT));
    }
}
