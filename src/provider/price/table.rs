//! The built-in table of list prices, copied from the package genai-prices (MIT; its licence stands beside the data).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;

use super::Price;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    serde_json::from_str(include_str!("prices.json"))
        .expect("the table is part of the program, and a test reads it")
});

/// The list price of a model of a vendor (`openai`, `anthropic`, …) for a call that was sent at `at`, in milliseconds
/// since 1970, UTC.
pub fn listed(vendor: &str, model: &str, at: i64) -> Option<&'static Price> {
    let model = model.to_lowercase();
    let models = &TABLE.providers.get(vendor)?.models;
    let entry = models.iter().find(|entry| entry.rule.matches(&model))?;
    let moment = Moment::of(at)?;
    let mut holding = entry.prices.0.iter().rev();
    holding
        .find(|alternative| alternative.constraint.holds(&moment))?
        .price
        .as_ref()
}

/// When the table was made: year and month.
pub fn table_date() -> &'static str {
    &TABLE.date
}

#[derive(Deserialize)]
struct Table {
    date: String,
    providers: BTreeMap<String, Vendor>,
}

#[derive(Deserialize)]
struct Vendor {
    models: Vec<Model>,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "match")]
    rule: Rule,
    prices: Alternatives,
}

/// Which models an entry is for. The table's own texts are in lower case, as the name is when it comes here.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Rule {
    Equals(String),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    Regex(Pattern),
    Or(Vec<Rule>),
    And(Vec<Rule>),
}

impl Rule {
    fn matches(&self, model: &str) -> bool {
        match self {
            Self::Equals(text) => model == text,
            Self::StartsWith(text) => model.starts_with(text.as_str()),
            Self::EndsWith(text) => model.ends_with(text.as_str()),
            Self::Contains(text) => model.contains(text.as_str()),
            Self::Regex(pattern) => pattern.matches(model),
            Self::Or(rules) => rules.iter().any(|rule| rule.matches(model)),
            Self::And(rules) => rules.iter().all(|rule| rule.matches(model)),
        }
    }
}

/// A regular expression. The table has ones that are nothing but a negative look-ahead, which a linear-time engine does
/// not know: these are read as the opposite of what stands in them.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Pattern {
    regex: Regex,
    negated: bool,
}

impl Pattern {
    fn matches(&self, model: &str) -> bool {
        self.regex.is_match(model) != self.negated
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let inner = text
            .strip_prefix("^(?!")
            .and_then(|rest| rest.strip_suffix(')'));
        let regex = match inner {
            Some(inner) => Regex::new(&format!("^(?:{inner})")),
            None => Regex::new(&text),
        };
        Ok(Self {
            regex: regex?,
            negated: inner.is_some(),
        })
    }
}

/// Prices of one model, of which the last that holds counts.
#[derive(Deserialize)]
#[serde(try_from = "Value")]
struct Alternatives(Vec<Alternative>);

impl TryFrom<Value> for Alternatives {
    type Error = serde_json::Error;

    /// Reads one set of prices, or a list of sets with constraints.
    fn try_from(wire: Value) -> Result<Self, Self::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            constraint: Constraint,
            prices: Value,
        }
        let alternatives = match wire {
            Value::Array(_) => serde_json::from_value(wire)?,
            prices => vec![Wire {
                constraint: Constraint::default(),
                prices,
            }],
        };
        let read = |wire: Wire| {
            // Some models are priced by the page alone; of these we know nothing.
            let by_token = wire.prices.get("input_mtok").is_some();
            Ok(Alternative {
                constraint: wire.constraint,
                price: if by_token {
                    Some(serde_json::from_value(wire.prices)?)
                } else {
                    None
                },
            })
        };
        alternatives
            .into_iter()
            .map(read)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

struct Alternative {
    constraint: Constraint,
    price: Option<Price>,
}

/// When a price holds, in UTC: from a date on, or within a daily window.
///
/// Dates and times of one form compare as texts do.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Constraint {
    start_date: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
}

impl Constraint {
    fn holds(&self, moment: &Moment) -> bool {
        let begun = self
            .start_date
            .as_ref()
            .is_none_or(|date| *date <= moment.date);
        let within = match (&self.start_time, &self.end_time) {
            (Some(start), Some(end)) if start <= end => (start..end).contains(&&moment.time),
            // Over midnight.
            (Some(start), Some(end)) => moment.time >= *start || moment.time < *end,
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        begun && within
    }
}

/// A moment in the forms of the table.
struct Moment {
    date: String,
    time: String,
}

impl Moment {
    fn of(at: i64) -> Option<Self> {
        let shown = Timestamp::from_millisecond(at).ok()?.to_string();
        let (date, time) = shown.split_once('T')?;
        Some(Self {
            date: date.to_owned(),
            time: format!("{}+00:00", time.get(..8)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: &str) -> i64 {
        time.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn input(vendor: &str, model: &str, time: &str) -> Option<&'static str> {
        let price = listed(vendor, model, at(time))?;
        let known = [("0.135", 0.135), ("0.27", 0.27), ("3", 3.0), ("5", 5.0)];
        known
            .into_iter()
            .find_map(|(text, usd)| (price.input == super::super::Rate::flat(usd)?).then_some(text))
    }

    #[test]
    fn the_table_is_there_with_its_date() {
        assert_eq!(table_date(), "2026-11");
        let models = TABLE.providers.values().map(|vendor| vendor.models.len());
        assert_eq!(models.sum::<usize>(), 424);
    }

    #[test]
    fn every_entry_is_in_the_forms_that_are_compared_as_texts() {
        fn texts(rule: &Rule) -> Vec<&str> {
            match rule {
                Rule::Equals(text)
                | Rule::StartsWith(text)
                | Rule::EndsWith(text)
                | Rule::Contains(text) => vec![text],
                Rule::Regex(_) => Vec::new(),
                Rule::Or(rules) | Rule::And(rules) => rules.iter().flat_map(texts).collect(),
            }
        }
        for model in TABLE.providers.values().flat_map(|vendor| &vendor.models) {
            for text in texts(&model.rule) {
                assert_eq!(text, text.to_lowercase());
            }
            for Alternative { constraint, .. } in &model.prices.0 {
                let times = [&constraint.start_time, &constraint.end_time];
                for time in times.into_iter().flatten() {
                    assert!(time.len() == 14 && time.ends_with("+00:00"), "{time}");
                }
                let date = constraint.start_date.as_deref();
                assert!(date.is_none_or(|date| date.len() == 10), "{date:?}");
            }
        }
    }

    #[test]
    fn a_daily_window_begins_sharp_and_ends_open() {
        let chat = |time| input("deepseek", "DeepSeek-Chat", time);
        assert_eq!(chat("2026-11-20T00:29:59.999Z"), Some("0.135"));
        assert_eq!(chat("2026-11-20T00:30:00Z"), Some("0.27"));
        assert_eq!(chat("2026-11-20T16:29:59Z"), Some("0.27"));
        assert_eq!(chat("2026-11-20T16:30:00Z"), Some("0.135"));
    }

    #[test]
    fn a_negative_look_ahead_is_the_opposite_of_what_it_looks_for() {
        let no_speech = Pattern::try_from("^(?!.*-[tT][tT][sS](?:$|-))".to_owned()).unwrap();
        assert!(no_speech.matches("gemini-3"));
        assert!(no_speech.matches("gemini-ttsx"));
        assert!(!no_speech.matches("gemini-tts"));
        assert!(!no_speech.matches("gemini-3-tts-preview"));
    }

    #[test]
    fn a_model_that_is_not_priced_by_tokens_has_no_price() {
        assert_eq!(
            listed("mistral", "mistral-ocr-latest", at("2026-11-20T00:00:00Z")),
            None
        );
    }
}
