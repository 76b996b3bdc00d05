//! How reports write numbers, times, verdicts and texts that come from outside.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use crate::compare::summary::{
    CaseVerdict, Estimate, MetricSummary, Passed, RunFacts, SubjectSummary, Verdict,
};
use crate::history::run::Origin;
use crate::scorer::Unit;
use crate::units::{count, four_digits};

/// Beyond this a number stands for "no bound", which no measurement reaches.
const UNBOUNDED: f64 = 1e12;

/// A value with its unit: `86.4 %`, `812 ms`, `$0.0035`.
pub(super) fn value(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Share => format!("{:.1} %", value * 100.0),
        Unit::Milliseconds => format!("{value:.0} ms"),
        Unit::Usd if value.abs() >= 1.0 || value == 0.0 => format!("${value:.2}"),
        Unit::Usd if value.abs() >= 0.001 => format!("${value:.4}"),
        Unit::Usd => format!("${value:.7}"),
        Unit::Tokens => format!("{value:.1} tokens"),
        Unit::Words => format!("{value:.1} words"),
        Unit::TokensPerSecond => format!("{value:.1} tokens/s"),
        Unit::Number => four_digits(value),
    }
}

/// The value of an estimate, or a dash.
pub(super) fn estimate(unit: Unit, estimate: Option<Estimate>) -> String {
    estimate.map_or_else(|| "–".to_owned(), |estimate| value(unit, estimate.value))
}

/// A difference as it is read beside its two values: a rise is positive, whether it is good or bad.
#[derive(Debug, PartialEq)]
pub(super) struct Change {
    /// With sign and unit: `−4.7 pt`.
    pub(super) value: String,
    /// Its interval without the unit: `−7.8 to −1.8`.
    pub(super) interval: String,
    /// The unit with a space in front.
    pub(super) unit: &'static str,
}

/// The difference of a metric, where there is one.
pub(super) fn change(metric: &MetricSummary<'_>) -> Option<Change> {
    let found = metric.difference?;
    let (low, high) = if metric.lower_is_better {
        (-found.high, -found.low)
    } else {
        (found.low, found.high)
    };
    let middle = if metric.lower_is_better {
        -found.value
    } else {
        found.value
    };
    let step = Step::of(metric);
    let interval = if low.abs() > UNBOUNDED || high.abs() > UNBOUNDED {
        "not known".to_owned()
    } else {
        format!("{} to {}", step.signed(low), step.signed(high))
    };
    Some(Change {
        value: format!("{}{}", step.signed(middle), step.suffix),
        interval,
        unit: step.suffix,
    })
}

/// How far a metric may drop: `2.0 pt`, `10.0 %`.
pub(super) fn tolerance(metric: &MetricSummary<'_>) -> Option<String> {
    // What is made of other metrics has limits alone.
    let gate = metric
        .gate
        .as_ref()
        .filter(|_| metric.unit != Unit::Number)?;
    Some(drop(metric, gate.tolerance))
}

/// The size of a drop: `2.0 pt`, `10.0 %`.
pub(super) fn drop(metric: &MetricSummary<'_>, size: f64) -> String {
    let step = Step::of(metric);
    format!("{}{}", step.plain(size), step.suffix)
}

/// The interval of a value: `80.1 to 91.2 %`.
pub(super) fn interval(unit: Unit, estimate: Estimate) -> String {
    let low = value(unit, estimate.low);
    let low = low.strip_suffix(" %").unwrap_or(&low);
    format!("{low} to {}", value(unit, estimate.high))
}

/// The scale on which differences of a metric are written.
struct Step {
    factor: f64,
    decimals: usize,
    suffix: &'static str,
}

impl Step {
    fn of(metric: &MetricSummary<'_>) -> Self {
        let (factor, decimals, suffix) = match metric.unit {
            _ if metric.relative => (100.0, 1, " %"),
            Unit::Share => (100.0, 1, " pt"),
            Unit::Milliseconds => (1.0, 0, " ms"),
            Unit::Usd => (1.0, 6, " USD"),
            Unit::Tokens => (1.0, 1, " tokens"),
            Unit::Words => (1.0, 1, " words"),
            Unit::TokensPerSecond => (1.0, 1, " tokens/s"),
            Unit::Number => (1.0, 4, ""),
        };
        Self {
            factor,
            decimals,
            suffix,
        }
    }

    fn plain(&self, value: f64) -> String {
        format!("{:.*}", self.decimals, value * self.factor)
    }

    fn signed(&self, value: f64) -> String {
        let size = self.plain(value.abs());
        let is_zero = !size.contains(|c: char| ('1'..='9').contains(&c));
        match (is_zero, value < 0.0) {
            (true, _) => size,
            (false, true) => format!("−{size}"),
            (false, false) => format!("+{size}"),
        }
    }
}

/// A difference of shares in points, with its sign: `−4.7`.
pub(super) fn points(difference: f64) -> String {
    let step = Step {
        factor: 100.0,
        decimals: 1,
        suffix: "",
    };
    step.signed(difference)
}

/// A probability.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 {
        "< 0.001".to_owned()
    } else {
        format!("{p:.3}")
    }
}

/// A moment as ISO 8601 has it.
pub(super) fn iso_time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map_or_else(|_| String::new(), |at| format!("{at:.3}"))
}

/// The size of a run and what it cost: `204 cases × 5 trials`, `$3.79`, and what of it the calls of judges cost. Where
/// trials are added look by look, the calls that were not needed too.
pub(super) fn run_size(run: &RunFacts<'_>) -> Vec<String> {
    let trials = count(run.trials_per_case as usize, "trial");
    let most = if run.is_adaptive { "up to " } else { "" };
    let mut facts = vec![format!("{} × {most}{trials}", count(run.cases, "case"))];
    if run.batched > 0 {
        let calls = count(run.batched, "call");
        facts.push(format!("{calls} in batches at half the price"));
    }
    if run.saved > 0 {
        facts.push(format!("{} saved", count(run.saved, "call")));
    }
    if run.confirming > 0 {
        facts.push(format!(
            "{} of suspects",
            count(run.confirming, "fresh trial")
        ));
    }
    facts.extend(run.cost.map(|cost| cost.to_string()));
    if run.judging > 0 {
        let calls = format!("{} of judges", count(run.judging, "call"));
        facts.push(match run.judging_cost.filter(|_| run.cost.is_some()) {
            Some(cost) => format!("of it {cost} for {calls}"),
            None => calls,
        });
    }
    facts
}

/// Passed trials of measured ones: `4/5`; `no result` where none was measured, `–` where there was no trial.
pub(super) fn passed(passed: Option<Passed>) -> String {
    match passed {
        None => "–".to_owned(),
        Some(passed) if passed.trials == 0 => "–".to_owned(),
        Some(passed) if passed.measured == 0 => "no result".to_owned(),
        Some(passed) => format!("{}/{}", passed.passed, passed.measured),
    }
}

/// A subject with what stands behind its names: `triage@v1 → triage@v2 on model-id`.
pub(super) fn subject_facts(subject: &SubjectSummary<'_>) -> String {
    let prompt = match &subject.prompt_before {
        Some(before) if *before != subject.prompt => format!("{before} → {}", subject.prompt),
        _ => subject.prompt.clone(),
    };
    let served: Vec<&str> = subject
        .served
        .iter()
        .map(String::as_str)
        .filter(|served| *served != subject.model)
        .collect();
    if served.is_empty() {
        format!("{prompt} on {}", subject.model)
    } else {
        format!(
            "{prompt} on {}, served by {}",
            subject.model,
            served.join(", ")
        )
    }
}

/// A value of a dataset as text: a text as it is, anything else as JSON.
pub(super) fn value_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(format!("{other:#}")),
    }
}

/// Where the answer of a trial came from.
pub(super) fn show_origin(origin: &Origin) -> String {
    match origin {
        Origin::Live => "live".to_owned(),
        Origin::Reused(run) => format!("reused from {run}"),
        Origin::Replayed => "replayed".to_owned(),
        Origin::Nowhere => "no call".to_owned(),
    }
}

/// The sign of a verdict; its word always stands beside it.
pub(super) fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Improved => '▲',
        Verdict::Pass => '✓',
        Verdict::NoBaseline => '○',
        Verdict::Inconclusive => '?',
        Verdict::Unmeasured => '!',
        Verdict::Regressed => '▼',
    }
}

/// The sign of the verdict of a case.
pub(super) fn case_mark(verdict: CaseVerdict) -> char {
    match verdict {
        CaseVerdict::Regressed => '▼',
        CaseVerdict::Suspect => '▽',
        CaseVerdict::Unmeasured => '!',
        CaseVerdict::Flaky => '≈',
        CaseVerdict::Changed => '≠',
        CaseVerdict::Improved => '▲',
        CaseVerdict::New => '+',
        CaseVerdict::InputChanged => '±',
        CaseVerdict::Removed => '×',
        CaseVerdict::Unchanged => '–',
    }
}

/// Whether a character may write to a terminal, move or hide text: C0 and C1 but for line end and tab, DEL, direction
/// and zero-width controls, tags and the non-characters that XML refuses.
pub(super) fn is_control(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        _ => {
            c.is_control()
                || matches!(c,
                    '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
                    | '\u{e0000}'..='\u{e007f}')
        }
    }
}

/// Whether the character between these two joins them, as in emoji families and in the scripts of India and Persia;
/// there it is spelling and hides nothing.
pub(super) fn is_joiner(before: Option<char>, c: char, after: Option<char>) -> bool {
    let is_spelled = |c: Option<char>| c.is_some_and(|c| !c.is_ascii() && !is_control(c));
    matches!(c, '\u{200c}' | '\u{200d}') && is_spelled(before) && is_spelled(after)
}

/// The text with a picture for each control, in one line or several.
pub(super) fn visible(text: &str) -> String {
    replaced(text, |c, shown| {
        shown.push(match u32::from(c) {
            code @ 0..=0x1f => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
            0x7f => '\u{2421}',
            _ => '\u{fffd}',
        });
    })
}

/// The text without controls, for terminals.
pub(super) fn stripped(text: &str) -> String {
    replaced(text, |_, _| ())
}

fn replaced(text: &str, control: impl Fn(char, &mut String)) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let is_line_end = c == '\r' && rest.peek() == Some(&'\n');
        if !is_control(c) || is_joiner(before, c, rest.peek().copied()) {
            shown.push(c);
        } else if !is_line_end {
            control(c, &mut shown);
        }
        before = Some(c);
    }
    shown
}

/// The text in one line: each run of white space is one space.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// At most `most` characters of a text, with the number of its characters where that is more.
pub(super) fn head(text: &str, most: usize) -> (&str, Option<usize>) {
    match text.char_indices().nth(most) {
        None => (text, None),
        Some((end, _)) => (&text[..end], Some(text.chars().count())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_unit() {
        assert_eq!(value(Unit::Share, 0.8642), "86.4 %");
        assert_eq!(value(Unit::Milliseconds, 811.6), "812 ms");
        assert_eq!(value(Unit::Usd, 0.0035), "$0.0035");
        assert_eq!(value(Unit::Usd, 0.000_012), "$0.0000120");
        assert_eq!(value(Unit::Usd, 3.786), "$3.79");
    }

    #[test]
    fn a_difference_of_nothing_has_no_sign() {
        let step = Step {
            factor: 100.0,
            decimals: 1,
            suffix: " pt",
        };
        assert_eq!(step.signed(-0.000_4), "0.0");
        assert_eq!(step.signed(-0.047), "−4.7");
        assert_eq!(step.signed(0.01), "+1.0");
    }

    #[test]
    fn times_are_in_utc() {
        assert_eq!(iso_time(1_768_480_245_000), "2026-01-15T12:30:45.000Z");
        assert_eq!(iso_time(i64::MAX), "");
    }

    #[test]
    fn controls_become_pictures_or_go_and_spelling_stays() {
        let text = "a\u{1b}[31m\r\nb\u{202e}\u{85}\u{7f}\t👨\u{200d}👩 x\u{200d}y";
        assert_eq!(
            visible(text),
            "a␛[31m\nb\u{fffd}\u{fffd}␡\t👨\u{200d}👩 x\u{fffd}y"
        );
        assert_eq!(stripped(text), "a[31m\nb\t👨\u{200d}👩 xy");
    }
}
