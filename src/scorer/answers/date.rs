//! Dates in texts.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::{Captures, Regex};

use super::super::entry::Entry;
use super::super::expected::quoted;
use super::super::matching::SHOWN;
use super::super::{OrMissing, Reading, Rule, Subject};
use super::{Found, Which};

/// Whether the answer gives an expected date.
#[derive(Debug)]
pub(super) struct Dates {
    which: Which,
    days: u64,
    slashes: Slashes,
}

/// What comes first between slashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slashes {
    Day,
    Month,
    /// Only what can be read in one way is a date.
    Unknown,
}

impl Slashes {
    pub(super) const NAMES: &[&str] = &["day", "month"];
}

const MONTHS: &[&str] = &[
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The forms of dates: years first, day and month by numbers, day before the name of the month, and after it.
static FORMS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    const MONTH: &str = r"(?P<name>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?";
    const DAY: &str = r"(?P<day>[0-9]{1,2})(?:st|nd|rd|th)?";
    const YEAR: &str = r"(?P<year>[0-9]{4})";
    [
        format!(r"\b{YEAR}[-/.](?P<month>[0-9]{{1,2}})[-/.](?P<day>[0-9]{{1,2}})(?:T|\b)"),
        format!(
            r"\b(?P<first>[0-9]{{1,2}})(?P<mark>[-/.])\s?(?P<second>[0-9]{{1,2}})[-/.]\s?{YEAR}\b"
        ),
        format!(r"(?i)\b{DAY}\s+(?:of\s+)?{MONTH},?\s+{YEAR}\b"),
        format!(r"(?i)\b{MONTH}\s+{DAY},?\s+{YEAR}\b"),
    ]
    .map(|form| Regex::new(&form).expect("the pattern is valid"))
});

impl Dates {
    pub(super) fn of(entry: &Entry<'_>) -> Self {
        Self {
            which: Which::of(entry),
            days: entry.count("days").unwrap_or(0),
            slashes: match entry.text("slashes") {
                Some("day") => Slashes::Day,
                Some("month") => Slashes::Month,
                _ => Slashes::Unknown,
            },
        }
    }
}

impl Rule for Dates {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let texts = subject.wanted.texts(subject.normalize)?;
        let date = |text| match find(text, self.slashes).as_slice() {
            [date] => Ok(date.value),
            _ => Err(format!(
                "the expected value must be a date, found {}; write it as 2026-02-10",
                quoted(text, SHOWN)
            )),
        };
        let wanted = texts.iter().map(date).collect::<OrMissing<Vec<Date>>>()?;
        let found = find(subject.text, self.slashes);
        let picked = self.which.pick(subject.text, &found);
        let near = |left: Date, right: Date| {
            let days = left.duration_since(right).unsigned_abs().as_secs() / 86_400;
            days <= self.days
        };
        let holds = picked
            .iter()
            .any(|found| wanted.iter().any(|wanted| near(*found, *wanted)));
        Ok(Reading::binary(holds, || {
            let (wanted, got) = (subject.wanted.describe(), quoted(subject.text, SHOWN));
            match picked.first() {
                None => format!("expected {wanted}, found no date in {got}"),
                Some(found) => format!("expected {wanted}, got {found} in {got}"),
            }
        }))
    }
}

/// All dates of a text in order.
fn find(text: &str, slashes: Slashes) -> Vec<Found<Date>> {
    let mut found: Vec<Found<Date>> = FORMS
        .iter()
        .flat_map(|form| form.captures_iter(text))
        .filter_map(|parts| {
            let whole = parts.get(0)?;
            Some(Found {
                value: date_of(&parts, slashes)?,
                start: whole.start(),
                end: whole.end(),
            })
        })
        .collect();
    found.sort_by_key(|found| found.start);
    found
}

fn date_of(parts: &Captures<'_>, slashes: Slashes) -> Option<Date> {
    let number = |name: &str| parts.name(name)?.as_str().parse::<i8>().ok();
    let year: i16 = parts.name("year")?.as_str().parse().ok()?;
    let (day, month) = if let Some(name) = parts.name("name") {
        let name = name.as_str().to_ascii_lowercase();
        let index = MONTHS.iter().position(|month| name.starts_with(month))?;
        (number("day")?, i8::try_from(index + 1).ok()?)
    } else if let Some(month) = number("month") {
        (number("day")?, month)
    } else {
        let (first, second) = (number("first")?, number("second")?);
        let by_dots = parts.name("mark").is_some_and(|mark| mark.as_str() == ".");
        match slashes {
            _ if by_dots => (first, second),
            Slashes::Day => (first, second),
            Slashes::Month => (second, first),
            Slashes::Unknown if first > 12 || first == second => (first, second),
            Slashes::Unknown if second > 12 => (second, first),
            Slashes::Unknown => return None,
        }
    };
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(text: &str, slashes: Slashes) -> Vec<String> {
        let found = find(text, slashes);
        found
            .into_iter()
            .map(|found| found.value.to_string())
            .collect()
    }

    #[test]
    fn dates_are_read_in_the_usual_forms() {
        for text in [
            "2026-02-10",
            "2026-02-10T08:00:00Z",
            "on 2026/2/10.",
            "10.2.2026",
            "10. 02. 2026",
            "10 February 2026",
            "the 10th of Feb. 2026",
            "FEBRUARY 10th, 2026",
            "Feb 10 2026",
        ] {
            assert_eq!(dates(text, Slashes::Unknown), ["2026-02-10"], "{text}");
        }
        assert_eq!(dates("2/10/2026", Slashes::Month), ["2026-02-10"]);
        assert_eq!(dates("2/10/2026", Slashes::Day), ["2026-10-02"]);
        assert!(dates("2/10/2026", Slashes::Unknown).is_empty());
        assert_eq!(dates("2/13/2026", Slashes::Unknown), ["2026-02-13"]);
        assert!(dates("2026-02-30, 99/99/2026, 12026-01-01", Slashes::Day).is_empty());
        assert_eq!(
            dates("from May 1, 2025 to 2026-01-02", Slashes::Day),
            ["2025-05-01", "2026-01-02"]
        );
    }
}
