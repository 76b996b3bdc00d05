//! What `run`, `compare` and `report` print.

use super::show::{case_mark, head, mark, one_line, passed, run_size, stripped, subject_facts};
use super::{facts, pick};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, MetricSummary, SubjectSummary, SuiteSummary, Summary, Verdict,
};
use crate::text::diff::{Diff, Kind};
use crate::units::count;

mod case;
mod course;
mod paint;
mod table;

pub use case::{Question, Subject, render_case, render_question};
pub use course::course;

use paint::{Line, Look, wrap};

/// Groups that are shown, and cases of each.
const GROUPS: usize = 3;
const CASES: usize = 3;
/// Lines of one difference, and characters of the texts that are compared for it.
const DIFF_LINES: usize = 6;
const LONGEST: usize = 20_000;
/// Indentation of a difference.
const INDENT: usize = 6;
/// The widest that is comfortable to read, and the narrowest that still holds a table.
const WIDEST: usize = 100;
const NARROWEST: usize = 40;

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether to use colours.
    pub colour: bool,
    /// Columns; above 100 no more are used.
    pub width: usize,
    /// Whether signs beyond ASCII can be shown.
    pub unicode: bool,
}

/// The whole result: what was compared, the metrics, the counts, the worst cases, the gates, what to do next.
pub fn render(summary: &Summary<'_>, style: &Style) -> String {
    let mut screen = Screen::new(style);
    for suite in &summary.suites {
        screen.suite(suite, summary.suites.len() > 1);
    }
    screen.last_lines(summary);
    screen.finish()
}

/// The one line of `--quiet`: whether the gates hold, why, and the exit code.
pub fn gate_line(summary: &Summary<'_>) -> String {
    format!(
        "{}  {}   exit {}",
        word(summary),
        one_line(&stripped(&summary.exit.cause)),
        summary.exit.code
    )
}

fn word(summary: &Summary<'_>) -> &'static str {
    match (summary.exit.code, summary.verdict) {
        (0, Verdict::Inconclusive) => "WARN",
        (0, Verdict::NoBaseline) => "OK",
        (0, _) => "PASS",
        _ => "FAIL",
    }
}

struct Screen {
    lines: Vec<String>,
    style: Style,
    width: usize,
    /// Groups that may still be shown.
    groups_left: usize,
}

impl Screen {
    fn new(style: &Style) -> Self {
        Self {
            lines: Vec::new(),
            style: *style,
            width: style.width.clamp(NARROWEST, WIDEST),
            groups_left: GROUPS,
        }
    }

    /// All lines as they are printed.
    fn finish(&self) -> String {
        let mut text = self.lines.join("\n");
        text.push('\n');
        if self.style.unicode {
            text
        } else {
            ascii(&text)
        }
    }

    fn suite(&mut self, suite: &SuiteSummary<'_>, is_one_of_many: bool) {
        self.header(suite);
        let mut line = Line::new();
        let sign = format!("{}\u{a0}", mark(suite.verdict));
        line.add(&sign, verdict_look(suite.verdict));
        line.add(&one_line(&suite.headline), Look::Bold);
        self.wrapped(&line, 0, 2);
        self.blank();
        for subject in &suite.subjects {
            if suite.subjects.len() > 1 {
                self.subject_title(subject);
            }
            self.metrics(subject, is_one_of_many);
        }
        self.course(suite);
        self.counts(suite);
        self.groups(suite);
    }

    fn header(&mut self, suite: &SuiteSummary<'_>) {
        let mut line = Line::new();
        line.add(suite.suite, Look::Bold);
        for fact in run_size(&suite.run) {
            line.add(&format!("  {}", fact.replace(' ', "\u{a0}")), Look::Plain);
        }
        line.add(&format!("  run\u{a0}{}", suite.run.id), Look::Plain);
        self.wrapped(&line, 0, 2);
        if let Some(reason) = suite.run.reason {
            let mut line = Line::new();
            line.add(&format!("{}: ", suite.run.status.name()), Look::Magenta);
            line.add(&one_line(reason), Look::Plain);
            self.wrapped(&line, 0, 2);
        }
        let mut line = Line::new();
        match &suite.baseline {
            Some(baseline) => {
                line.add(&format!("baseline {}", baseline.id), Look::Plain);
                line.add(&format!(" ({})", one_line(&suite.baseline_rule)), Look::Dim);
            }
            None => line.add(
                &format!("no baseline: {}", one_line(&suite.baseline_rule)),
                Look::Plain,
            ),
        }
        self.wrapped(&line, 0, 2);
        for warning in &suite.warnings {
            let mut line = Line::new();
            line.add("warning: ", Look::BoldRed);
            line.add(&one_line(&stripped(warning)), Look::Yellow);
            self.wrapped(&line, 0, 2);
        }
        if suite.changes.is_empty() {
            return;
        }
        let mut line = Line::new();
        line.add("changed: ", Look::Plain);
        for (index, change) in suite.changes.iter().enumerate() {
            if index > 0 {
                line.add(", ", Look::Plain);
            }
            let change = format!("{} {} → {}", change.what, change.from, change.to);
            line.add(&one_line(&change), Look::Yellow);
        }
        self.wrapped(&line, 0, 2);
    }

    fn subject_title(&mut self, subject: &SubjectSummary<'_>) {
        let mut line = Line::new();
        line.add(&subject.name, Look::Bold);
        line.add(
            &format!("  {}", one_line(&subject_facts(subject))),
            Look::Dim,
        );
        self.wrapped(&line, 0, 2);
    }

    fn metrics(&mut self, subject: &SubjectSummary<'_>, only_gates: bool) {
        let metrics: Vec<&MetricSummary<'_>> = facts::rows(subject)
            .filter(|metric| metric.gate.is_some() || !only_gates)
            .collect();
        if metrics.is_empty() {
            return;
        }
        for line in table::lines(&metrics, self.width - 2) {
            let shown = line.painted(self.style.colour);
            self.lines.push(format!("  {}", shown.trim_end()));
        }
        let seen: Vec<String> = subject.gates().filter_map(facts::sight).collect();
        if !seen.is_empty() {
            self.aside(&seen.join(" · "));
        }
        for note in facts::notes(subject) {
            self.aside(&note);
        }
        self.blank();
    }

    /// Since when, and what moved.
    fn course(&mut self, suite: &SuiteSummary<'_>) {
        let notes = facts::course(suite);
        for note in &notes {
            self.aside(note);
        }
        if !notes.is_empty() {
            self.blank();
        }
    }

    /// A line in small print below the metrics.
    fn aside(&mut self, text: &str) {
        let mut line = Line::new();
        line.add(&one_line(&stripped(text)), Look::Dim);
        self.wrapped(&line, 2, 4);
    }

    fn counts(&mut self, suite: &SuiteSummary<'_>) {
        let mut line = Line::new();
        for (index, (verdict, number)) in pick::counts(suite).into_iter().enumerate() {
            if index > 0 {
                line.add("   ", Look::Plain);
            }
            // A sign and its word never part.
            let shown = format!(
                "{}\u{a0}{number}\u{a0}{}",
                case_mark(verdict),
                verdict.name()
            );
            line.add(&shown, case_look(verdict));
        }
        self.wrapped(&line, 0, 0);
        self.blank();
    }

    fn groups(&mut self, suite: &SuiteSummary<'_>) {
        let groups = pick::groups(suite);
        let shown = groups.len().min(self.groups_left);
        self.groups_left -= shown;
        for group in &groups[..shown] {
            let mut line = Line::new();
            line.add(
                group.check.unwrap_or("lower score, no check fails"),
                Look::Bold,
            );
            line.add(&format!(", {}", group.change), Look::Plain);
            line.add(
                &format!("  {}", count(group.cases.len(), "case")),
                Look::Dim,
            );
            self.wrapped(&line, 0, 2);
            for (index, found) in group.cases.iter().take(CASES).enumerate() {
                self.case(
                    suite,
                    &suite.subjects[found.place.subject],
                    found.case,
                    index == 0,
                );
            }
            if group.cases.len() > CASES {
                self.dim(&format!("  … {} more", group.cases.len() - CASES));
            }
            self.blank();
        }
        if groups.len() > shown {
            let cases: usize = groups[shown..].iter().map(|group| group.cases.len()).sum();
            self.dim(&format!(
                "… {}, {}",
                count(groups.len() - shown, "more group"),
                count(cases, "case")
            ));
            self.blank();
        }
    }

    fn case(
        &mut self,
        suite: &SuiteSummary<'_>,
        subject: &SubjectSummary<'_>,
        case: &CaseSummary<'_>,
        with_difference: bool,
    ) {
        let mut line = Line::new();
        line.add(
            &format!("{} ", case_mark(case.verdict)),
            case_look(case.verdict),
        );
        line.add(&one_line(case.id), Look::Plain);
        let marks = facts::marks(case);
        if !marks.is_empty() {
            line.add(&format!("  {}", one_line(&stripped(&marks))), Look::Dim);
        }
        if suite.subjects.len() > 1 {
            line.add(&format!("  {}", subject.name), Look::Dim);
        }
        line.add(&format!("   {} → ", passed(case.passed_before)), Look::Dim);
        line.add(&passed(Some(case.passed)), case_look(case.verdict));
        self.wrapped(&line, 2, 4);
        if !with_difference {
            return;
        }
        self.difference(case);
        if !case.why.is_empty() {
            let mut line = Line::new();
            line.add(&one_line(head(&case.why, 300).0), Look::Dim);
            self.some_lines(&line, 2);
        }
    }

    /// The words that differ from the baseline, or both texts where that is more readable.
    fn difference(&mut self, case: &CaseSummary<'_>) {
        let now = case.output();
        let Some(before) = case.baseline_output() else {
            let mut line = Line::new();
            line.add(&one_line(head(&now, LONGEST).0), Look::Plain);
            self.some_lines(&line, DIFF_LINES);
            return;
        };
        let diff = Diff::of(head(&before, LONGEST).0, head(&now, LONGEST).0);
        match diff.kind {
            Kind::Same | Kind::SameData | Kind::Whitespace(_) => {
                self.some_lines(&Line::said("the same text as before"), 1);
            }
            Kind::Words => self.some_lines(&Line::of_diff(&diff, !self.style.colour), DIFF_LINES),
            Kind::Rewritten => {
                for (title, text, look) in [
                    ("before: ", diff.old_text(), Look::Red),
                    ("now:    ", diff.new_text(), Look::Blue),
                ] {
                    let mut line = Line::new();
                    line.add(title, look);
                    line.add(&one_line(&text), Look::Plain);
                    self.some_lines(&line, DIFF_LINES / 2);
                }
            }
        }
    }

    fn last_lines(&mut self, summary: &Summary<'_>) {
        let mut line = Line::new();
        let look = if summary.exit.code == 0 {
            verdict_look(summary.verdict)
        } else {
            Look::BoldRed
        };
        line.add(word(summary), look);
        line.add(&format!("  {}", one_line(&summary.exit.cause)), Look::Plain);
        line.add(&format!("   exit {}", summary.exit.code), Look::Plain);
        self.wrapped(&line, 0, 6);
        let worst = summary
            .suites
            .iter()
            .find(|suite| suite.verdict == summary.verdict);
        let commands = worst.into_iter().flat_map(pick::next_steps);
        for command in commands.filter_map(|step| step.command) {
            // Not wrapped, so that it can be copied.
            let mut line = Line::new();
            line.add("      next  ", Look::Dim);
            line.add(&command, Look::Plain);
            self.lines.push(line.painted(self.style.colour));
        }
    }

    fn dim(&mut self, text: &str) {
        let mut line = Line::new();
        line.add(text, Look::Dim);
        self.lines.push(line.painted(self.style.colour));
    }

    fn blank(&mut self) {
        self.lines.push(String::new());
    }

    /// The line in as many as it needs: the first one indented by `first`, the others by `rest`.
    fn wrapped(&mut self, line: &Line, first: usize, rest: usize) {
        for (index, part) in wrap(line, self.width - rest.max(first)).iter().enumerate() {
            let indent = if index == 0 { first } else { rest };
            let shown = part.painted(self.style.colour);
            self.lines.push(format!("{}{shown}", " ".repeat(indent)));
        }
    }

    /// At most `most` lines, indented as a difference is.
    fn some_lines(&mut self, line: &Line, most: usize) {
        let mut parts = wrap(line, self.width - INDENT - 2);
        let is_cut = parts.len() > most;
        parts.truncate(most);
        if let Some(last) = parts.last_mut().filter(|_| is_cut) {
            last.add(" …", Look::Dim);
        }
        for part in parts {
            let shown = part.painted(self.style.colour);
            self.lines.push(format!("{}{shown}", " ".repeat(INDENT)));
        }
    }
}

fn verdict_look(verdict: Verdict) -> Look {
    match verdict {
        Verdict::Improved => Look::Blue,
        Verdict::Pass => Look::Green,
        Verdict::NoBaseline => Look::Cyan,
        Verdict::Inconclusive => Look::Yellow,
        Verdict::Unmeasured => Look::Magenta,
        Verdict::Regressed => Look::BoldRed,
    }
}

fn case_look(verdict: CaseVerdict) -> Look {
    match verdict {
        CaseVerdict::Regressed => Look::BoldRed,
        CaseVerdict::Suspect => Look::Red,
        CaseVerdict::Unmeasured | CaseVerdict::Flaky => Look::Magenta,
        CaseVerdict::Changed | CaseVerdict::InputChanged => Look::Yellow,
        CaseVerdict::Improved => Look::Blue,
        CaseVerdict::New => Look::Cyan,
        CaseVerdict::Removed | CaseVerdict::Unchanged => Look::Dim,
    }
}

/// The text for terminals that know no more: signs by likeness, other characters as `?`.
fn ascii(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '▼' | '×' => shown.push('x'),
            '▽' => shown.push('v'),
            '▲' => shown.push('^'),
            '✓' => shown.push('='),
            '○' => shown.push('o'),
            '≈' => shown.push('~'),
            '≠' => shown.push('*'),
            '±' => shown.push('&'),
            '→' => shown.push_str("->"),
            '−' | '–' | '·' => shown.push('-'),
            '…' => shown.push_str("..."),
            '\u{a0}' => shown.push(' '),
            // Blocks by their height.
            '▁'..='█' => shown.extend(char::from_digit(u32::from(c) - u32::from('▁') + 1, 10)),
            _ if c.is_ascii() => shown.push(c),
            _ => shown.push('?'),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use console::measure_text_width;

    use super::super::testing::World;
    use super::*;

    const PLAIN: Style = Style {
        colour: false,
        width: 100,
        unicode: true,
    };

    #[test]
    fn one_suite_in_plain_text() {
        insta::assert_snapshot!(render(&World::one_suite().summary(), &PLAIN));
    }

    #[test]
    fn several_suites_are_shown_in_short() {
        insta::assert_snapshot!(render(&World::new().summary(), &PLAIN));
    }

    #[test]
    fn colours_never_cover_line_ends_or_indentation() {
        let style = Style {
            colour: true,
            ..PLAIN
        };
        let text = render(&World::one_suite().summary(), &style);
        for line in text.lines() {
            let trimmed = line.trim_start();
            assert!(!trimmed.starts_with("\u{1b}[0m"), "{line:?}");
            let opened = line.matches("\u{1b}[").count();
            let closed = line.matches("\u{1b}[0m").count();
            assert_eq!(opened, 2 * closed, "{line:?}");
        }
        insta::assert_snapshot!(text.replace('\u{1b}', "␛"));
    }

    #[test]
    fn nothing_from_outside_writes_to_the_terminal() {
        let text = render(&World::new().summary(), &PLAIN);
        assert!(!text.contains(|c: char| c != '\n' && super::super::show::is_control(c)));
        let mut summary_world = World::one_suite();
        summary_world.outputs.clear();
        let mut summary = summary_world.summary();
        summary.exit.cause = "a\u{1b}[2J\nb\u{202e}".into();
        assert_eq!(gate_line(&summary), "FAIL  a[2J b   exit 1");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for width in [40, 60, 80, 100, 200] {
            let style = Style { width, ..PLAIN };
            let text = render(&World::with_long_line().summary(), &style);
            for line in text.lines().filter(|line| !line.contains("next  ")) {
                // The numbers of a table are not cut.
                let most = width.clamp(58, WIDEST);
                assert!(measure_text_width(line) <= most, "{width}: {line}");
            }
        }
    }

    #[test]
    fn without_unicode_all_is_ascii() {
        let style = Style {
            unicode: false,
            ..PLAIN
        };
        let text = render(&World::one_suite().summary(), &style);
        assert!(text.is_ascii(), "{text}");
        assert!(text.contains("x regressed"), "{text}");
    }
}
