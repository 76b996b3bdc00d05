//! Scorers that count or measure: words, time, money, tokens, and why an answer ended.

use std::time::Duration;

use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Problems, Result};
use crate::exchange::{Finish, Response};
use crate::shape::{Field, Shape};
use crate::text::{excerpt, words};
use crate::units::{Cost, count, parse_duration, show_duration};

use super::entry::Entry;
use super::options::{COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Answer, Built, OrMissing, Reading, Rule, Subject, Unit, Values};

/// With `min` or `max`: 1 if the number of words lies within them, both included, else 0. Without either: the number
/// itself, which is only shown. Words are segments of UAX #29 with a letter or a digit: `well-known` has two, `it's`
/// and `3.5` have one, a Chinese character is one.
pub(super) const WORD_COUNT: Kind = Kind {
    name: "word-count",
    summary: "how long the answer is, in words",
    definition: "With `min` or `max`: 1 if the number of words lies within them, both included, else 0. Without \
                 either: the number of words, for information. Words are the segments of UAX #29 that hold a letter or \
                 a digit.",
    main: None,
    options: &[
        &[
            Field::optional("min", Shape::Count(0), "the fewest words that pass"),
            Field::optional("max", Shape::Count(0), "the most words that pass"),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: build_word_count,
};

/// 1 if the length in some unit lies within bounds.
pub(super) const LENGTH: Kind = Kind {
    name: "length",
    summary: "the answer is neither too short nor too long",
    definition: "1 if the length of the answer lies within `min` and `max`, both included, else 0. It is counted in \
                 characters (as people see them: extended grapheme clusters of UAX #29), words and sentences (both of \
                 UAX #29), lines that are not blank, or tokens (of the answer with its reasoning, as the endpoint counted \
                 them; what it did not count has no score).",
    main: Some("max"),
    options: &[
        &[
            Field::optional("min", Shape::Count(0), "the least that passes"),
            Field::optional("max", Shape::Count(0), "the most that passes"),
            Field::optional(
                "unit",
                Shape::Choice(Measured::NAMES),
                "what is counted: characters, words, sentences, lines or tokens (default characters)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: build_length,
};

/// Milliseconds from the sending of the request to the end of its answer, without waiting in our queue and without
/// earlier attempts; passes at `max` or below.
pub(super) const LATENCY: Kind = Kind {
    name: "latency",
    summary: "how long the answer took",
    definition: "The milliseconds from the sending of the request to the end of its answer, without any waiting before \
                 it; passes at `max` or below.",
    main: Some("max"),
    options: &[
        &[Field::optional(
            "max",
            Shape::Duration,
            "the longest time that passes, with its unit: 2s",
        )],
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let max = entry.text("max").and_then(parse_duration);
        Ok(Box::new(Measure::Latency(max)))
    },
};

/// Milliseconds from the sending of the request to the first piece of its streamed answer; passes at `max` or below.
pub(super) const FIRST_TOKEN: Kind = Kind {
    name: "first-token",
    summary: "how long the answer took to begin",
    definition: "The milliseconds from the sending of the request to the first piece of its answer, reasoning and calls \
                 of tools included; passes at `max` or below. An answer that was not streamed (`stream: true` in the \
                 parameters) has no score.",
    main: Some("max"),
    options: &[
        &[Field::optional(
            "max",
            Shape::Duration,
            "the longest time that passes, with its unit: 500ms",
        )],
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let max = entry.text("max").and_then(parse_duration);
        Ok(Box::new(Measure::FirstToken(max)))
    },
};

/// Tokens of a streamed answer a second, from its first piece to its end; passes at `min` or above.
pub(super) const TOKENS_PER_SECOND: Kind = Kind {
    name: "tokens-per-second",
    summary: "how fast the answer was written",
    definition: "The tokens of the answer after the first, as the endpoint counted them, by the seconds from the first \
                 piece of the answer to its end; passes at `min` or above. An answer that was not streamed, that came in \
                 one piece, or whose tokens nobody counted has no score.",
    main: Some("min"),
    options: &[
        &[Field::optional(
            "min",
            Shape::Number(0.0, 1e9),
            "the fewest tokens a second that pass",
        )],
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| Ok(Box::new(Measure::Speed(entry.number("min")))),
};

/// What the call cost in US dollars; passes at `max` or below. Without a price for the model there is no score.
pub(super) const COST: Kind = Kind {
    name: "cost",
    summary: "what the answer cost",
    definition: "The cost of the call in US dollars; passes at `max` or below. A model without a price has no score.",
    main: Some("max"),
    options: &[
        &[Field::optional(
            "max",
            Shape::Number(0.0, 1e6),
            "the most US dollars that pass",
        )],
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let max = entry.number("max").and_then(Cost::from_usd);
        Ok(Box::new(Measure::Cost(max)))
    },
};

/// Tokens as the endpoint counted them, reasoning included; passes at `max` or below. What it did not count has no
/// score.
pub(super) const TOKENS: Kind = Kind {
    name: "tokens",
    summary: "how many tokens the call took",
    definition: "The tokens that the endpoint counted: of the prompt (`input`), of the answer with its reasoning \
                 (`output`), or both (`total`, the default); passes at `max` or below. What the endpoint did not count \
                 has no score.",
    main: Some("max"),
    options: &[
        &[
            Field::optional("max", Shape::Count(0), "the most tokens that pass"),
            Field::optional(
                "kind",
                Shape::Choice(TokenKind::NAMES),
                "which tokens: total, input or output (default total)",
            ),
        ],
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| {
        let kind = entry.text("kind").and_then(TokenKind::named);
        Ok(Box::new(Measure::Tokens {
            kind: kind.unwrap_or(TokenKind::Total),
            max: entry.count("max"),
        }))
    },
};

/// 1 if the answer ended for one of these reasons, else 0.
pub(super) const FINISH_REASON: Kind = Kind {
    name: "finish-reason",
    summary: "why the answer ended",
    definition: "1 if the answer ended for the reason `is` (a list: any of them), else 0. The reasons are the same for \
                 all wire formats.",
    main: Some("is"),
    options: &[
        &[Field::required(
            "is",
            Shape::OneOf(&[
                Shape::Choice(Finish::NAMES),
                Shape::List(&Shape::Choice(Finish::NAMES)),
            ]),
            "the reason, or a list of reasons, such as stop or length",
        )],
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| Ok(Box::new(Measure::Finish(entry.texts("is")))),
};

/// In what an answer is measured.
#[derive(Debug, Clone, Copy)]
pub(super) enum Measured {
    Characters,
    Words,
    Sentences,
    Lines,
    Tokens,
}

impl Measured {
    const NAMES: &[&str] = &["characters", "words", "sentences", "lines", "tokens"];

    fn named(name: &str) -> Self {
        match name {
            "words" => Self::Words,
            "sentences" => Self::Sentences,
            "lines" => Self::Lines,
            "tokens" => Self::Tokens,
            _ => Self::Characters,
        }
    }

    /// What one of them is called.
    fn name(self) -> &'static str {
        match self {
            Self::Characters => "character",
            Self::Words => "word",
            Self::Sentences => "sentence",
            Self::Lines => "line",
            Self::Tokens => "token",
        }
    }

    fn of(self, subject: &Subject<'_>) -> OrMissing<usize> {
        let text = subject.text;
        Ok(match self {
            Self::Characters => text.graphemes(true).count(),
            Self::Words => words(text).count(),
            Self::Sentences => text.unicode_sentences().count(),
            Self::Lines => text.lines().filter(|line| !line.trim().is_empty()).count(),
            Self::Tokens => {
                let counted = subject.answer.response.usage.output;
                let counted = counted.ok_or("the endpoint did not count output tokens")?;
                usize::try_from(counted).unwrap_or(usize::MAX)
            }
        })
    }
}

/// What is counted or measured, and how much of it passes.
#[derive(Debug)]
pub(super) enum Measure {
    Words {
        min: Option<u64>,
        max: Option<u64>,
    },
    Length {
        unit: Measured,
        min: Option<u64>,
        max: Option<u64>,
    },
    Latency(Option<Duration>),
    FirstToken(Option<Duration>),
    Speed(Option<f64>),
    Cost(Option<Cost>),
    Tokens {
        kind: TokenKind,
        max: Option<u64>,
    },
    Finish(Vec<String>),
}

/// Which tokens are counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum TokenKind {
    Total,
    Input,
    Output,
}

impl TokenKind {
    const NAMES: &[&str] = &["total", "input", "output"];

    fn named(name: &str) -> Option<Self> {
        match name {
            "total" => Some(Self::Total),
            "input" => Some(Self::Input),
            "output" => Some(Self::Output),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Total => "total",
            Self::Input => "input",
            Self::Output => "output",
        }
    }

    fn of(self, response: &Response) -> Option<u64> {
        let usage = response.usage;
        match self {
            Self::Total => Some(usage.input?.saturating_add(usage.output?)),
            Self::Input => usage.input,
            Self::Output => usage.output,
        }
    }
}

fn build_length(entry: &Entry<'_>) -> Built {
    let (min, max) = (entry.count("min"), entry.count("max"));
    if min.is_none() && max.is_none() {
        let problem = entry.problem_of_all("`length` does not say what is enough");
        return Err(problem.help("give `min` or `max`").into());
    }
    check_bounds(entry, min, max)?;
    let unit = Measured::named(entry.text("unit").unwrap_or_default());
    Ok(Box::new(Measure::Length { unit, min, max }))
}

/// Refuses bounds that nothing lies within.
fn check_bounds(entry: &Entry<'_>, min: Option<u64>, max: Option<u64>) -> Result<()> {
    let (Some(low), Some(high), Some(node)) = (min, max, entry.get("max")) else {
        return Ok(());
    };
    if low <= high {
        return Ok(());
    }
    let name = entry.kind.name;
    let message = format!("`{name}.max` is {high} and below `{name}.min`, {low}");
    Err(entry.problem(node, message).into())
}

fn build_word_count(entry: &Entry<'_>) -> Built {
    let (min, max) = (entry.count("min"), entry.count("max"));
    let mut problems = Problems::default();
    problems.take(check_bounds(entry, min, max));
    if entry.flag("negate") && min.is_none() && max.is_none() {
        let problem = entry.problem_of_all("`word-count.negate` has nothing to negate");
        problems.push(problem.help("give `min` or `max`"));
    }
    problems.finish()?;
    Ok(Box::new(Measure::Words { min, max }))
}

impl Rule for Measure {
    fn values(&self) -> Values {
        match self {
            Self::Words {
                min: None,
                max: None,
            } => Values::Measured(Unit::Words),
            Self::Words { .. } | Self::Length { .. } | Self::Finish(_) => Values::Binary,
            Self::Latency(_) | Self::FirstToken(_) => Values::Measured(Unit::Milliseconds),
            Self::Speed(_) => Values::Measured(Unit::TokensPerSecond),
            Self::Cost(_) => Values::Measured(Unit::Usd),
            Self::Tokens { .. } => Values::Measured(Unit::Tokens),
        }
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let response = subject.answer.response;
        match self {
            Self::Words { min, max } => Ok(read_words(subject.text, *min, *max)),
            Self::Length { unit, min, max } => {
                let number = unit.of(subject)?;
                Ok(within(number, unit.name(), *min, *max))
            }
            Self::Latency(max) => read_time(subject.answer.latency_ms, *max, "latency"),
            Self::FirstToken(max) => read_time(subject.answer.first_token_ms, *max, "first token"),
            Self::Speed(min) => read_speed(subject.answer, *min),
            Self::Cost(max) => read_cost(subject.answer.cost, *max),
            Self::Tokens { kind, max } => read_tokens(*kind, response, *max),
            Self::Finish(reasons) => Ok(read_finish(response, reasons)),
        }
    }

    fn identity(&self, _: Value) -> Value {
        match self {
            Self::Words { min, max } => json!({"min": min, "max": max}),
            Self::Length { unit, min, max } => {
                json!({"unit": unit.name(), "min": min, "max": max})
            }
            Self::Latency(max) | Self::FirstToken(max) => {
                json!({"max": max.map(|max| max.as_secs_f64())})
            }
            Self::Speed(min) => json!({"min": min}),
            Self::Cost(max) => json!({"max": max}),
            Self::Tokens { kind, max } => json!({"kind": kind.name(), "max": max}),
            Self::Finish(reasons) => json!({"is": reasons}),
        }
    }
}

fn read_words(text: &str, min: Option<u64>, max: Option<u64>) -> Reading {
    let number = words(text).count();
    if min.is_none() && max.is_none() {
        return Reading::decided(quantity(number as u64), None, String::new);
    }
    within(number, "word", min, max)
}

/// Whether so many of something lie within bounds.
fn within(number: usize, what: &str, min: Option<u64>, max: Option<u64>) -> Reading {
    let (low, high) = (min.unwrap_or(0), max.unwrap_or(u64::MAX));
    let found = number as u64;
    Reading::binary((low..=high).contains(&found), || {
        let found = count(number, what);
        match (min, max) {
            (Some(min), Some(max)) => format!("{found}, expected {min} to {max}"),
            (Some(min), None) => format!("{found}, expected at least {min}"),
            _ => format!("{found}, expected at most {high}"),
        }
    })
}

fn read_time(ms: Option<f64>, max: Option<Duration>, what: &str) -> OrMissing<Reading> {
    let known = |ms: f64| Some((ms, Duration::try_from_secs_f64(ms / 1000.0).ok()?));
    let (ms, took) = ms
        .and_then(known)
        .ok_or_else(|| format!("the {what} was not measured"))?;
    let holds = max.map(|max| ms <= max.as_secs_f64() * 1000.0);
    Ok(Reading::decided(ms, holds, || {
        let max = max.unwrap_or_default();
        format!(
            "took {}, at most {}",
            show_duration(took),
            show_duration(max)
        )
    }))
}

fn read_speed(answer: &Answer<'_>, min: Option<f64>) -> OrMissing<Reading> {
    let first = answer.first_token_ms.ok_or("the answer was not streamed")?;
    let tokens = answer.response.usage.output;
    let tokens = tokens.ok_or("the endpoint did not count output tokens")?;
    let whole = answer.latency_ms.ok_or("the latency was not measured")?;
    let seconds = (whole - first) / 1000.0;
    if tokens < 2 || seconds.is_nan() || seconds <= 0.0 {
        return Err("the answer came in one piece".to_owned());
    }
    let speed = quantity(tokens - 1) / seconds;
    let holds = min.map(|min| speed >= min);
    Ok(Reading::decided(speed, holds, || {
        let min = min.unwrap_or_default();
        format!("{speed:.1} tokens/s, at least {min}")
    }))
}

fn read_cost(cost: Option<Cost>, max: Option<Cost>) -> OrMissing<Reading> {
    let cost = cost.ok_or_else(|| "the cost is not known".to_owned())?;
    let holds = max.map(|max| cost <= max);
    Ok(Reading::decided(cost.usd(), holds, || {
        format!("cost {cost}, at most {}", max.unwrap_or_default())
    }))
}

fn read_tokens(kind: TokenKind, response: &Response, max: Option<u64>) -> OrMissing<Reading> {
    let found = kind
        .of(response)
        .ok_or_else(|| format!("the endpoint did not count {} tokens", kind.name()))?;
    let holds = max.map(|max| found <= max);
    Ok(Reading::decided(quantity(found), holds, || {
        let kind = kind.name();
        format!("{found} {kind} tokens, at most {}", max.unwrap_or_default())
    }))
}

fn read_finish(response: &Response, reasons: &[String]) -> Reading {
    let found = response.finish.name();
    Reading::binary(reasons.iter().any(|reason| reason == found), || {
        let wanted = reasons.join(" or ");
        match &response.finish_raw {
            Some(raw) if raw != found => {
                format!("expected {wanted}, got {found} (`{}`)", excerpt(raw, 40))
            }
            _ => format!("expected {wanted}, got {found}"),
        }
    })
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of words and tokens are far below 2^53, and rounded above"
)]
fn quantity(count: u64) -> f64 {
    count as f64
}
