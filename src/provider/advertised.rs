//! What an endpoint says in its headers of its limits, and of how much of them is left.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

/// What an endpoint said of its limits; what it did not say is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Advertised {
    /// Calls.
    pub requests: Option<Allowance>,
    /// Tokens of prompts and answers together.
    pub tokens: Option<Allowance>,
    /// Tokens of prompts.
    pub input_tokens: Option<Allowance>,
    /// Tokens of answers.
    pub output_tokens: Option<Allowance>,
}

/// One limit, as it stood when the endpoint took the call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// How much there is when nothing was used.
    pub limit: Option<u64>,
    /// How much is left.
    pub remaining: Option<u64>,
    /// When all of it is there again, counted from the receipt of the reply.
    pub reset: Option<Duration>,
}

/// Reads the headers of OpenAI, of Azure and of those who follow them, or else those of Anthropic. `received_at` is in
/// milliseconds since 1970, UTC; a reset that is given as a time counts from the reply's own `date` where it has one,
/// so that clocks that differ do no harm. A header that is no count or time is as good as none: Azure sends -1.
pub fn advertised<'a>(header: &dyn Fn(&str) -> Option<&'a str>, received_at: i64) -> Advertised {
    let now = || {
        let date = header("date").and_then(|date| DateTimeParser::new().parse_timestamp(date).ok());
        date.map_or(received_at, Timestamp::as_millisecond)
    };
    let of = |name: &str| {
        let openai = |part: &str| header(&format!("x-ratelimit-{part}-{name}"));
        let anthropic = |part: &str| header(&format!("anthropic-ratelimit-{name}-{part}"));
        let count = |part: &str| {
            let text = openai(part).or_else(|| anthropic(part))?;
            text.trim().parse().ok()
        };
        let allowance = Allowance {
            limit: count("limit"),
            remaining: count("remaining"),
            reset: openai("reset")
                .and_then(duration)
                .or_else(|| anthropic("reset").and_then(|time| until(time, now()))),
        };
        (allowance != Allowance::default()).then_some(allowance)
    };
    Advertised {
        requests: of("requests"),
        tokens: of("tokens"),
        input_tokens: of("input-tokens"),
        output_tokens: of("output-tokens"),
    }
}

/// A duration as Go writes it, such as `1h2m3.5s` or `12ms`; a bare number is in seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let length = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let (unit, after) = unit.split_at(length);
        let scale = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

/// From now to a time of RFC 3339; none at all where it is past.
fn until(time: &str, now: i64) -> Option<Duration> {
    let then = time.trim().parse::<Timestamp>().ok()?.as_millisecond();
    let milliseconds = then.saturating_sub(now).max(0).unsigned_abs();
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::{RECEIVED_AT, recorded};
    use super::*;

    fn said(headers: &[(&str, &str)]) -> Advertised {
        let find = |name: &str| headers.iter().find(|(key, _)| *key == name);
        advertised(&|name| find(name).map(|(_, value)| *value), RECEIVED_AT)
    }

    /// What the headers of a recorded reply say.
    fn recorded_in(folder: &str, name: &str) -> Advertised {
        let file = recorded(folder, ".response.json").remove(name).unwrap();
        let headers = file["headers"].as_object().unwrap();
        advertised(
            &|name| headers.get(name).and_then(Value::as_str),
            RECEIVED_AT,
        )
    }

    fn allowance(limit: u64, remaining: u64, reset_ms: u64) -> Allowance {
        Allowance {
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(Duration::from_millis(reset_ms)),
        }
    }

    #[test]
    fn the_limits_of_openai_are_read() {
        let text = recorded_in("openai-chat", "text");
        assert_eq!(text.requests, Some(allowance(5000, 4999, 12)));
        assert_eq!(text.tokens, Some(allowance(800_000, 799_950, 3)));
        assert_eq!((text.input_tokens, text.output_tokens), (None, None));
        let refused = recorded_in("openai-chat", "error-429-rate-limit");
        assert_eq!(refused.tokens, Some(allowance(200_000, 500, 360_210)));
    }

    #[test]
    fn the_limits_of_anthropic_are_read() {
        let text = recorded_in("anthropic-messages", "text");
        assert_eq!(text.requests, Some(allowance(1000, 999, 15_000)));
        assert_eq!(text.tokens, Some(allowance(480_000, 479_000, 1000)));
        assert_eq!(text.input_tokens, Some(allowance(400_000, 400_000, 0)));
        assert_eq!(text.output_tokens, Some(allowance(80_000, 79_000, 1000)));
    }

    #[test]
    fn azure_says_only_what_is_left() {
        let text = recorded_in("azure-openai", "text");
        let left = |remaining| {
            Some(Allowance {
                remaining: Some(remaining),
                ..Allowance::default()
            })
        };
        assert_eq!((text.requests, text.tokens), (left(249), left(249_000)));
        let refused = recorded_in("azure-openai", "error-429");
        let reset = refused.requests.and_then(|requests| requests.reset);
        assert_eq!(reset, Some(Duration::from_secs(12)));
    }

    #[test]
    fn a_reset_counts_from_the_clock_of_the_endpoint() {
        let reset = ("anthropic-ratelimit-requests-reset", "2026-01-15T12:31:00Z");
        let date = ("date", "Thu, 15 Jan 2026 12:30:50 GMT");
        let requests = said(&[reset, date]).requests.unwrap();
        assert_eq!(requests.reset, Some(Duration::from_secs(10)));
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, milliseconds) in [
            ("12ms", 12),
            ("1s", 1000),
            ("6m0s", 360_000),
            ("1h2m3.5s", 3_723_500),
            ("20.5s", 20_500),
            ("59.9", 59_900),
        ] {
            let expected = Some(Duration::from_millis(milliseconds));
            assert_eq!(duration(text), expected, "{text}");
        }
        for bad in ["", "s", "1x", "-1", "-1s", "1.2.3s", "nan", "1e999", "1s2"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn garbage_says_nothing() {
        let headers = [
            ("x-ratelimit-limit-requests", "many"),
            ("x-ratelimit-remaining-requests", "-1"),
            ("x-ratelimit-reset-requests", "soon"),
            ("anthropic-ratelimit-tokens-reset", "tomorrow"),
        ];
        assert_eq!(said(&headers), Advertised::default());
    }
}
