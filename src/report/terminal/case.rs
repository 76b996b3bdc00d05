//! One case in full: what `show` prints, and what `review` asks about.

use super::paint::diff_lines;
use super::{
    CaseSummary, Diff, Kind, Line, Look, Screen, Style, SubjectSummary, SuiteSummary, case_look,
};
use crate::compare::summary::TrialSummary;
use crate::compare::trials::Trials;
use crate::report::facts;
use crate::report::show::{
    case_mark, head, iso_time, one_line, passed, probability, subject_facts, value, value_text,
};
use crate::scorer::Unit;
use crate::units::count;

/// Lines of one text at most, and characters of it.
const TEXT_LINES: usize = 200;
const LONGEST: usize = 20_000;
/// The same where a person looks at one case after the other.
const ASKED_LINES: usize = 14;

/// A case with what it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'s, 'a> {
    /// The suite.
    pub suite: &'s SuiteSummary<'a>,
    /// The subject.
    pub subject: &'s SubjectSummary<'a>,
    /// The case.
    pub case: &'s CaseSummary<'a>,
}

/// A question about a case, as `review` asks it.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// Which of how many, and why it is asked.
    pub title: &'q str,
    /// The approved output, where there is one.
    pub golden: Option<&'q str>,
    /// The output that would be approved.
    pub proposed: &'q str,
    /// What is said of it, a line each.
    pub notes: &'q [String],
    /// What can be answered, a line each.
    pub keys: &'q [&'q str],
}

/// Everything that is known of a case: input, expected output, answers, scores.
pub fn render_case(shown: Subject<'_, '_>, style: &Style) -> String {
    let mut screen = Screen::new(style);
    let case = shown.case;
    screen.case_title(shown);
    screen.inputs(case, TEXT_LINES);
    if let Some(expected) = case.expected {
        screen.heading("expected", "");
        screen.text(&value_text(expected), Look::Plain, TEXT_LINES);
    }
    let (before, now) = (case.baseline_trial(), case.worst_trial());
    if let (Some(before), Some(now)) = (before, now.filter(|trial| trial.outcome.is_measured())) {
        let trials = format!("trial {} → trial {}", before.repeat, now.repeat);
        screen.heading("baseline → this run", &trials);
        screen.full_difference(&before.output, &now.output, TEXT_LINES);
    }
    screen.answers("this run", &case.trials, &shown.suite.metric_names);
    screen.answers("baseline", &case.trials_before, &shown.suite.metric_names);
    screen.finish()
}

/// One question of a review: the input, the difference of the golden and the new output, the checks, the keys.
pub fn render_question(shown: Subject<'_, '_>, question: &Question<'_>, style: &Style) -> String {
    let mut screen = Screen::new(style);
    let mut line = Line::new();
    line.add(&one_line(head(question.title, 500).0), Look::Bold);
    screen.wrapped(&line, 0, 2);
    screen.case_title(shown);
    screen.inputs(shown.case, ASKED_LINES);
    if let Some(golden) = question.golden {
        screen.heading("golden → this run", "");
        screen.full_difference(golden, question.proposed, ASKED_LINES);
    } else {
        screen.heading("this run, no golden yet", "");
        screen.text(question.proposed, Look::Plain, ASKED_LINES);
    }
    screen.blank();
    for note in question.notes {
        screen.aside(head(note, 1_000).0);
    }
    screen.blank();
    for keys in question.keys {
        screen.dim(keys);
    }
    screen.finish()
}

impl Screen {
    fn case_title(&mut self, shown: Subject<'_, '_>) {
        let case = shown.case;
        let mut line = Line::new();
        let look = case_look(case.verdict);
        line.add(&format!("{}\u{a0}", case_mark(case.verdict)), look);
        line.add(&one_line(case.id), Look::Bold);
        line.add(&format!("  {}", case.verdict.name()), look);
        let trials = format!(
            "   trials passed {} → {}",
            passed(case.passed_before),
            passed(Some(case.passed))
        );
        line.add(&trials, Look::Plain);
        line.add(
            &case
                .p
                .map_or_else(String::new, |p| format!("   p {}", probability(p))),
            Look::Plain,
        );
        self.wrapped(&line, 0, 2);
        let facts = one_line(&subject_facts(shown.subject));
        self.aside(&format!(
            "{} · run {} · {} · {}",
            shown.suite.suite,
            shown.suite.run.id,
            iso_time(shown.suite.run.started_at),
            head(&facts, 1_000).0
        ));
        for fact in [case.why.clone(), facts::marks(case), case.tags.join(" ")] {
            if !fact.is_empty() {
                self.aside(head(&fact, 1_000).0);
            }
        }
    }

    fn inputs(&mut self, case: &CaseSummary<'_>, most: usize) {
        for (name, value) in case.input {
            self.heading("input", name);
            self.text(&value_text(value), Look::Plain, most);
        }
    }

    fn heading(&mut self, title: &str, what: &str) {
        self.blank();
        let mut line = Line::new();
        line.add(title, Look::Cyan);
        line.add(&format!("  {}", one_line(what)), Look::Dim);
        self.wrapped(&line, 0, 2);
    }

    /// A text with its own lines, indented, at most so many.
    fn text(&mut self, text: &str, look: Look, most: usize) {
        let (text, cut) = head(text, LONGEST);
        let lines = text.lines().map(|text| {
            let mut line = Line::new();
            line.add(text, look);
            line
        });
        self.lines_of(lines.collect(), cut, most);
    }

    fn lines_of(&mut self, lines: Vec<Line>, cut: Option<usize>, most: usize) {
        let before = self.lines.len();
        for line in lines {
            self.wrapped(&line, 2, 2);
        }
        let left = (self.lines.len() - before).saturating_sub(most);
        if left > 0 {
            self.lines.truncate(before + most);
            self.dim(&format!("  … {}", count(left, "more line")));
        }
        if let Some(all) = cut {
            self.dim(&format!("  … cut; {} in all", count(all, "character")));
        }
    }

    /// The words that differ, line by line, or both texts where that is more readable.
    fn full_difference(&mut self, old: &str, new: &str, most: usize) {
        let ((old, old_cut), (new, new_cut)) = (head(old, LONGEST), head(new, LONGEST));
        let diff = Diff::of(old, new);
        let said = match diff.kind {
            Kind::Same => "the same text",
            Kind::SameData => "the same data in another form",
            Kind::Whitespace(_) => "the same words, other white space",
            Kind::Words => {
                let lines = diff_lines(&diff, !self.style.colour);
                self.lines_of(lines, old_cut.max(new_cut), most);
                return;
            }
            Kind::Rewritten => {
                self.dim("  before:");
                self.text(old, Look::Red, most);
                self.dim("  now:");
                self.text(new, Look::Blue, most);
                return;
            }
        };
        self.dim(&format!("  {said}"));
        self.text(new, Look::Plain, most);
    }

    /// The trials of one side; those with the same answer together.
    fn answers(&mut self, side: &str, trials: &Trials<'_>, names: &[&str]) {
        let trials: Vec<TrialSummary<'_>> = trials.iter().collect();
        let mut seen: Vec<&TrialSummary<'_>> = Vec::new();
        for trial in &trials {
            let is_same = |other: &&TrialSummary<'_>| {
                (&other.output, &other.tool_calls, &other.failure)
                    == (&trial.output, &trial.tool_calls, &trial.failure)
            };
            if seen.iter().any(is_same) {
                continue;
            }
            seen.push(trial);
            let same: Vec<&TrialSummary<'_>> =
                trials.iter().filter(|other| is_same(other)).collect();
            let repeats: Vec<String> = same.iter().map(|trial| trial.repeat.to_string()).collect();
            let word = if same.len() == 1 { "trial" } else { "trials" };
            self.heading(side, &format!("{word} {}", repeats.join(", ")));
            self.text(&trial.output, Look::Plain, TEXT_LINES);
            for call in &trial.tool_calls {
                self.text(
                    &format!("calls {}({})", call.name, call.arguments),
                    Look::Plain,
                    TEXT_LINES,
                );
            }
            for trial in same {
                self.trial(trial, names);
            }
        }
    }

    /// How one trial ended, and its scores.
    fn trial(&mut self, trial: &TrialSummary<'_>, names: &[&str]) {
        let mut facts = vec![format!("trial {}: {}", trial.repeat, trial.outcome.name())];
        facts.extend(trial.failure.clone());
        facts.extend(trial.latency_ms.map(|ms| value(Unit::Milliseconds, ms)));
        facts.extend(trial.cost.map(|cost| value(Unit::Usd, cost.usd())));
        if let (Some(prompt), Some(answer)) = trial.tokens {
            facts.push(format!("{prompt} + {answer} tokens"));
        }
        if trial.attempts > 1 {
            facts.push(count(trial.attempts as usize, "attempt"));
        }
        self.aside(&facts.join(", "));
        for (name, score) in names.iter().zip(&trial.scores) {
            let Some(score) = score else { continue };
            let mut line = Line::new();
            let (sign, look) = match score.passed {
                Some(true) => ('✓', Look::Green),
                Some(false) => ('▼', Look::BoldRed),
                None => ('–', Look::Dim),
            };
            line.add(&format!("{sign}\u{a0}"), look);
            line.add(name, Look::Plain);
            if let Some(value) = score.value {
                line.add(&format!("  {value:.3}"), Look::Plain);
            }
            if let Some(note) = score.note {
                line.add(&format!("  {}", one_line(head(note, 500).0)), Look::Dim);
            }
            self.wrapped(&line, 4, 6);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::World;
    use super::*;

    const PLAIN: Style = Style {
        colour: false,
        width: 80,
        unicode: true,
    };

    fn shown(world: &World, suite: usize, case: usize) -> String {
        let summary = world.summary();
        let suite = &summary.suites[suite];
        let subject = &suite.subjects[0];
        render_case(
            Subject {
                suite,
                subject,
                case: &subject.cases[case],
            },
            &PLAIN,
        )
    }

    #[test]
    fn a_case_is_shown_with_all_that_is_known_of_it() {
        insta::assert_snapshot!(shown(&World::new(), 0, 0));
    }

    #[test]
    fn tool_calls_failures_and_hostile_texts_are_shown_without_controls() {
        let world = World::new();
        for (suite, case) in [(0, 1), (0, 3), (1, 0)] {
            let text = shown(&world, suite, case);
            assert!(!text.contains(|c: char| c != '\n' && crate::report::show::is_control(c)));
        }
        assert!(shown(&world, 1, 0).contains("calls cancel_order({\"order\":\"A-11\""));
        assert!(shown(&world, 0, 3).contains("trial 2: timeout, no answer within 60 s"));
        let long = shown(&World::with_long_line(), 0, 0);
        assert!(long.contains("… cut; 1000000 characters in all"), "{long}");
    }
}
