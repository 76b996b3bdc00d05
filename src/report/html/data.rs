//! The data that the script of the page reads: `#meta`, the packed `#index`, and blocks of cases. The form is
//! described in `report-1.schema.json`.

use std::io;

use serde::Serialize;

use super::super::facts;
use super::super::show::{one_line, value_text, visible};
use super::detail::detail;
use super::order::{Entry, Order};
use super::pack::{packed, plain};
use super::text::{Diffs, LONGEST};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, Passed, SubjectSummary, SuiteSummary, Summary,
};
use crate::compare::trials::Trials;
use crate::report::show::head;
use crate::stats::moments::mean;
use crate::text::excerpt;
use crate::timeline::{CASE_RUNS, Past};
use crate::units::Cost;
use crate::units::day_of;

/// The version of the form; a higher number may have other meanings.
const FORMAT: &str = "report/1";
/// Cases of a block.
const CHUNK: usize = 64;
/// Characters of the input and of the reason in the index.
const PREVIEW: usize = 110;
const REASON: usize = 120;
/// Cases above which inputs of unchanged ones stay out of the index.
const ALL_PREVIEWS: usize = 10_000;
/// The share of passed trials is kept in so many steps, so that it is one sign.
const STEPS: f64 = 9.0;

/// All data of a page.
pub(super) struct Data {
    pub(super) meta: String,
    pub(super) index: String,
    /// Blocks of [`CHUNK`] cases each, as far as the budget goes.
    pub(super) blocks: Vec<String>,
}

impl Data {
    /// The data with blocks of at most `budget` bytes together.
    pub(super) fn of(
        summary: &Summary<'_>,
        order: &Order<'_, '_>,
        title: &str,
        budget: usize,
    ) -> io::Result<Self> {
        let names = Names::of(order);
        let mut diffs = Diffs::new();
        let mut blocks = Vec::new();
        let mut used = 0;
        for entries in order.entries.chunks(CHUNK) {
            let cases: Vec<_> = entries
                .iter()
                .map(|entry| detail(entry, &mut diffs))
                .collect();
            let block = packed(&cases)?;
            used += block.len();
            if used > budget {
                break;
            }
            blocks.push(block);
        }
        Ok(Self {
            meta: plain(&meta(summary, &names, title))?,
            index: packed(&Index::of(order, &names))?,
            blocks,
        })
    }
}

/// Names that the index gives by number.
struct Names<'a> {
    groups: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(order: &Order<'_, 'a>) -> Self {
        let groups = order.entries.iter().filter_map(|entry| entry.case.group);
        let mut groups: Vec<&str> = groups.collect();
        groups.sort_unstable();
        groups.dedup();
        Self { groups }
    }

    fn group(&self, case: &CaseSummary<'_>) -> Option<usize> {
        self.groups.binary_search(&case.group?).ok()
    }
}

/// The group of a name among those of all suites, as links give it.
pub(super) fn group_number(order: &Order<'_, '_>, name: &str) -> Option<usize> {
    Names::of(order).groups.binary_search(&name).ok()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'s> {
    format: &'static str,
    title: &'s str,
    chunk: usize,
    eyes_off: bool,
    verdicts: Vec<&'static str>,
    groups: Vec<&'s str>,
    clusters: Vec<(String, &'s str)>,
    suites: Vec<SuiteMeta<'s>>,
    subjects: Vec<SubjectMeta<'s>>,
    prompts: Vec<Prompt<'s>>,
}

#[derive(Serialize)]
struct SuiteMeta<'s> {
    name: &'s str,
    file: &'s str,
    run: &'s str,
    base: Option<&'s str>,
    trials: u32,
    /// The newest runs, oldest first: id, day, what changed.
    runs: Vec<(&'s str, String, Vec<String>)>,
}

#[derive(Serialize)]
struct SubjectMeta<'s> {
    name: &'s str,
    suite: usize,
    prompt: usize,
}

/// A prompt template, and that of the baseline where it is another.
#[derive(Debug, PartialEq, Serialize)]
struct Prompt<'s> {
    now: &'s str,
    before: Option<&'s str>,
    c: &'s str,
    b: Option<&'s str>,
    o: Option<Change>,
}

/// The edits between two texts, or the share of them where the texts are withheld.
#[derive(Debug, PartialEq, Serialize)]
#[serde(untagged)]
enum Change {
    Share(f64),
    Edits(String),
}

fn meta<'s>(summary: &'s Summary<'_>, names: &Names<'s>, title: &'s str) -> Meta<'s> {
    let mut prompts: Vec<Prompt<'s>> = Vec::new();
    let mut subjects = Vec::new();
    let mut diffs = Diffs::new();
    for (at, suite) in summary.suites.iter().enumerate() {
        for subject in &suite.subjects {
            let found = prompt(subject, &mut diffs);
            let known = prompts.iter().position(|other| *other == found);
            subjects.push(SubjectMeta {
                name: &subject.name,
                suite: at,
                prompt: known.unwrap_or(prompts.len()),
            });
            if known.is_none() {
                prompts.push(found);
            }
        }
    }
    Meta {
        format: FORMAT,
        title,
        chunk: CHUNK,
        eyes_off: summary.suites.iter().any(|suite| suite.eyes_off),
        verdicts: CaseVerdict::ALL
            .iter()
            .map(|verdict| verdict.name())
            .collect(),
        groups: names.groups.clone(),
        clusters: summary
            .suites
            .iter()
            .flat_map(|suite| &suite.clusters)
            .map(|cluster| {
                let check = cluster.check.unwrap_or("lower score");
                (format!("{check}: {}", cluster.change), check)
            })
            .collect(),
        suites: summary.suites.iter().map(suite_meta).collect(),
        subjects,
        prompts,
    }
}

fn suite_meta<'s>(suite: &'s SuiteSummary<'_>) -> SuiteMeta<'s> {
    let runs = suite.timeline.map_or(&[][..], |timeline| &timeline.runs);
    let runs = runs[runs.len().saturating_sub(CASE_RUNS)..].iter();
    SuiteMeta {
        name: suite.suite,
        file: suite.file,
        run: suite.run.id,
        base: suite.baseline.as_ref().map(|baseline| baseline.id),
        trials: suite.run.trials_per_case,
        runs: runs
            .map(|run| {
                let changes = run.changes.iter().map(|change| change.what.clone());
                (
                    run.id.as_str(),
                    day_of(run.started_at).unwrap_or_default(),
                    changes.collect(),
                )
            })
            .collect(),
    }
}

fn prompt<'s>(subject: &'s SubjectSummary<'_>, diffs: &mut Diffs) -> Prompt<'s> {
    let start = |text: &'s str| head(text, LONGEST).0;
    let (before, now) = (subject.template_before.map(start), start(subject.template));
    Prompt {
        now: &subject.prompt,
        before: subject.prompt_before.as_deref(),
        c: now,
        b: before,
        o: match subject.template_changed {
            Some(share) => Some(Change::Share(share)),
            None => {
                before.and_then(|before| Some(Change::Edits(diffs.compare(before, now)?.utf16())))
            }
        },
    }
}

/// A column for each thing that the list shows or is sorted by.
#[derive(Default, Serialize)]
struct Index {
    n: usize,
    ids: Vec<String>,
    keys: Vec<String>,
    why: Vec<String>,
    prev: Vec<String>,
    marks: Vec<String>,
    v: Vec<usize>,
    g: Vec<Option<usize>>,
    su: Vec<usize>,
    check: Vec<Option<usize>>,
    bp: Vec<i64>,
    bt: Vec<usize>,
    cp: Vec<i64>,
    ct: Vec<usize>,
    p: Vec<Option<f64>>,
    jb: Vec<Option<f64>>,
    js: Vec<Option<f64>>,
    cb: Vec<Option<f64>>,
    cc: Vec<Option<f64>>,
    lb: Vec<Option<f64>>,
    lc: Vec<Option<f64>>,
    hist: String,
    first: Vec<Option<usize>>,
}

impl Index {
    fn of(order: &Order<'_, '_>, names: &Names<'_>) -> Self {
        let mut index = Self {
            n: order.entries.len(),
            ..Self::default()
        };
        for (entry, key) in order.entries.iter().zip(&order.keys) {
            index.add(entry, key, names);
        }
        index
    }

    fn add(&mut self, entry: &Entry<'_, '_>, key: &str, names: &Names<'_>) {
        let case = entry.case;
        let has_room = case.verdict != CaseVerdict::Unchanged || self.n <= ALL_PREVIEWS;
        let is_shown = has_room && !entry.suite.eyes_off;
        self.ids.push(case.id.to_owned());
        self.keys.push(key.to_owned());
        self.why
            .push(excerpt(&one_line(&case.why), REASON).into_owned());
        self.prev.push(if is_shown {
            preview(case)
        } else {
            String::new()
        });
        self.marks.push(visible(&one_line(&facts::marks(case))));
        self.v.push(
            CaseVerdict::ALL
                .iter()
                .position(|known| *known == case.verdict)
                .unwrap_or(0),
        );
        self.g.push(names.group(case));
        self.su.push(entry.subject_at);
        self.check.push(entry.cluster);
        let now = Some(case.passed);
        for (passed, trials, side) in [
            (&mut self.bp, &mut self.bt, case.passed_before),
            (&mut self.cp, &mut self.ct, now),
        ] {
            let measured = side.filter(|side| side.measured > 0);
            let count = |side: Passed| i64::try_from(side.passed).unwrap_or(i64::MAX);
            passed.push(measured.map_or(-1, count));
            trials.push(measured.map_or(0, |side| side.measured));
        }
        self.p.push(case.p.map(|p| rounded(p, 4)));
        self.jb
            .push(case.score_before.map(|score| rounded(score, 3)));
        self.js.push(case.score.map(|score| rounded(score, 3)));
        self.cb.push(cost(&case.trials_before));
        self.cc.push(cost(&case.trials));
        self.lb.push(latency(&case.trials_before));
        self.lc.push(latency(&case.trials));
        let missing = CASE_RUNS.saturating_sub(case.history.len());
        self.hist.extend(std::iter::repeat_n('.', missing));
        self.hist.extend(case.history.iter().map(sign));
        self.first.push(case.bad_since);
    }
}

/// A run in one sign: `.` absent, `U` without a result, else the share of passed trials from 0 to 9; 0 and 9 only
/// where none and all passed.
fn sign(past: &Past) -> char {
    match past {
        Past::Absent => '.',
        Past::Unmeasured => 'U',
        Past::Passed(share) => {
            let step = match (share * STEPS).round() {
                _ if *share <= 0.0 => 0.0,
                _ if *share >= 1.0 => STEPS,
                step => step.clamp(1.0, STEPS - 1.0),
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is from 0 to 9"
            )]
            char::from(b'0' + step as u8)
        }
    }
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// What a trial costs, on the mean of those of which it is known.
fn cost(trials: &Trials<'_>) -> Option<f64> {
    let costs = trials.costs().map(Cost::usd);
    mean(&costs.collect::<Vec<f64>>()).map(|cost| rounded(cost, 7))
}

/// How long a trial takes, on the mean of those with an answer.
fn latency(trials: &Trials<'_>) -> Option<f64> {
    mean(&trials.latencies().collect::<Vec<f64>>()).map(f64::round)
}

fn preview(case: &CaseSummary<'_>) -> String {
    let first = case.input.values().next().map(value_text);
    let line = one_line(first.as_deref().unwrap_or_default());
    excerpt(&line, PREVIEW).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_one_sign_that_says_none_and_all_only_where_it_is_so() {
        let shares = [0.0, 0.01, 0.5, 0.99, 1.0].map(Past::Passed);
        let signs: String = shares.iter().map(sign).collect();
        assert_eq!(signs, "01589");
        assert_eq!(sign(&Past::Absent), '.');
        assert_eq!(sign(&Past::Unmeasured), 'U');
    }
}
