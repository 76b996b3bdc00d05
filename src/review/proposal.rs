//! What a run gives a person to decide: outputs that could become goldens, one for each case.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value;

use crate::compare::summary::{
    CaseSummary, CaseVerdict, SubjectSummary, SuiteSummary, TrialSummary,
};
use crate::digest::Digest;
use crate::golden::provenance::{Origins, Provenance};
use crate::golden::{Case, as_golden, digest};
use crate::history::run::{Header, SubjectRecord};
use crate::text::diff::{self, Diff};

/// The version of the form of a list.
pub const FORMAT: &str = "regauge-proposals/1";

/// Why a case is proposed, in the order in which they are asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The output is another one and passes.
    Changed,
    /// The case has no golden.
    New,
    /// A model proposed the golden, and no person has approved it.
    Unapproved,
    /// The golden fits, but prompt, model or input have moved since it was approved.
    Stale,
    /// The output is worse.
    Regressed,
}

impl Kind {
    /// What is said of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed, still passes",
            Self::New => "new, no golden yet",
            Self::Unapproved => "proposed by a model, not approved",
            Self::Stale => "approved for what has moved since",
            Self::Regressed => "regressed",
        }
    }
}

/// An output that could become the golden of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Proposal {
    /// The id of the case.
    pub case: String,
    /// The subject that gave the output.
    pub subject: String,
    /// Why it is proposed.
    pub kind: Kind,
    /// The verdict of the case.
    pub verdict: CaseVerdict,
    /// Proposals of one name fail the same check and change in the same way.
    pub cluster: String,
    /// What has moved since the golden was approved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moved: Vec<&'static str>,
    /// Who proposed the golden that stands there, where no person has approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed_by: Option<String>,
    /// The digest of the golden; `None` where there is none.
    pub old: Option<Digest>,
    /// The digest of the output.
    pub output: Digest,
    /// The golden.
    pub golden: Option<Value>,
    /// What would take its place.
    pub proposed: Value,
    /// Index of the subject in its suite, and of the case in the subject.
    #[serde(skip)]
    pub place: (usize, usize),
}

/// Everything that a run proposes for the cases as they stand in the dataset now. `wanted` selects subjects whose names
/// contain it.
pub fn find(
    suite: &SuiteSummary<'_>,
    header: &Header,
    cases: &[Case],
    wanted: Option<&str>,
) -> Vec<Proposal> {
    let order: HashMap<&str, usize> = (0..).zip(cases).map(|(at, case)| (&*case.id, at)).collect();
    let mut found: Vec<Proposal> = Vec::new();
    for (subject_at, subject) in suite.subjects.iter().enumerate() {
        let is_wanted = wanted.is_none_or(|wanted| subject.name.contains(wanted));
        let record = header
            .subjects
            .iter()
            .find(|record| record.name() == subject.name);
        let Some(record) = record.filter(|_| is_wanted) else {
            continue;
        };
        for (case_at, summary) in subject.cases.iter().enumerate() {
            let known = order.get(summary.id).map(|at| &cases[*at]);
            let Some(case) = known.filter(|_| found.iter().all(|other| other.case != summary.id))
            else {
                continue;
            };
            let of = Judged {
                suite,
                subject,
                record,
                summary,
                case,
            };
            found.extend(of.proposal((subject_at, case_at)));
        }
    }
    found.sort_by(|a, b| {
        let rank = |proposal: &Proposal| order.get(proposal.case.as_str()).copied();
        (a.kind, &a.cluster, rank(a)).cmp(&(b.kind, &b.cluster, rank(b)))
    });
    found
}

/// What today's run of a subject would approve an output of a case from.
pub fn origins(record: &SubjectRecord, case: &Case) -> Origins {
    let model = (
        &record.model,
        &record.served,
        record.provider.name(),
        record.params_digest,
    );
    Origins {
        prompt: record.prompt.clone(),
        prompt_digest: record.prompt_digest.short(),
        model: record.alias.clone(),
        model_digest: Digest::of(&model).short(),
        input: case.input_digest(),
    }
}

/// A golden as text.
pub fn as_text(golden: &Value) -> String {
    match golden {
        Value::String(text) => text.clone(),
        other => format!("{other:#}"),
    }
}

/// A case of a subject, as it was judged and as it stands in the dataset.
struct Judged<'s, 'a> {
    suite: &'s SuiteSummary<'a>,
    subject: &'s SubjectSummary<'a>,
    record: &'s SubjectRecord,
    summary: &'s CaseSummary<'a>,
    case: &'s Case,
}

impl<'a> Judged<'_, 'a> {
    fn proposal(&self, place: (usize, usize)) -> Option<Proposal> {
        let golden = self.case.expected.as_ref();
        let moved = Provenance::of(self.case)
            .map(|provenance| provenance.moved(&origins(self.record, self.case)))
            .unwrap_or_default();
        let proposed_by = self.case.proposer();
        let (kind, proposed) = match (golden, &proposed_by) {
            (Some(golden), Some(_)) => (Kind::Unapproved, golden.clone()),
            _ => self.answer(!moved.is_empty())?,
        };
        let trial = self.speaker(kind != Kind::Regressed);
        let check = trial.filter(|_| kind == Kind::Regressed).and_then(|trial| {
            let mut scores = trial.scores.iter().zip(&self.suite.metric_names);
            scores.find_map(|(score, name)| {
                let failed = score.as_ref()?.passed == Some(false);
                failed.then(|| (*name).to_owned())
            })
        });
        let change = change_of(golden, &proposed);
        let cluster = check.map_or_else(
            || format!("{}: {change}", kind.name()),
            |check| format!("{check} fails: {change}"),
        );
        Some(Proposal {
            case: self.case.id.clone(),
            subject: self.subject.name.clone(),
            kind,
            verdict: self.summary.verdict,
            cluster,
            moved,
            proposed_by,
            old: golden.map(digest),
            output: digest(&proposed),
            golden: golden.cloned(),
            proposed,
            place,
        })
    }

    /// Why and with what the answers of the subject ask for a decision, if they do.
    fn answer(&self, has_moved: bool) -> Option<(Kind, Value)> {
        let golden = self.case.expected.as_ref();
        let is_worse = matches!(
            self.summary.verdict,
            CaseVerdict::Regressed | CaseVerdict::Suspect
        );
        let trial = self.speaker(!is_worse)?;
        let proposed = as_golden(golden, &trial.output);
        let kind = match golden {
            None => Kind::New,
            Some(golden) if *golden == proposed => has_moved.then_some(Kind::Stale)?,
            Some(_) if is_worse => Kind::Regressed,
            Some(_) if trial.passed != Some(true) => return None,
            // Other white space, or the same data in another form, is no other answer.
            Some(golden) if self.is_other() && differs(golden, &proposed) => Kind::Changed,
            Some(_) => has_moved.then_some(Kind::Stale)?,
        };
        Some((kind, proposed))
    }

    /// Whether the answers are others than those of the baseline.
    fn is_other(&self) -> bool {
        self.summary.verdict != CaseVerdict::Unchanged
    }

    /// The trial that speaks for the case: of those that pass, or of those that fail, one with the most frequent
    /// output; where there is none, of all with an output.
    fn speaker(&self, passing: bool) -> Option<TrialSummary<'a>> {
        let trials = self.summary.trials.iter();
        let mut among: Vec<TrialSummary<'a>> = trials
            .filter(|trial| trial.outcome.is_measured() && !trial.output.is_empty())
            .collect();
        let is_chosen = |trial: &TrialSummary<'_>| trial.passed == Some(passing);
        if among.iter().any(is_chosen) {
            among.retain(is_chosen);
        }
        let frequency = |of: &TrialSummary<'_>| {
            let same = among.iter().filter(|trial| trial.output == of.output);
            same.count()
        };
        // Of several that are as frequent, the first.
        let place = (0..among.len())
            .rev()
            .max_by_key(|place| frequency(&among[*place]))?;
        Some(among.swap_remove(place))
    }
}

/// Whether two goldens differ in words or data.
fn differs(golden: &Value, proposed: &Value) -> bool {
    let diff = Diff::of(&as_text(golden), &as_text(proposed));
    matches!(diff.kind, diff::Kind::Words | diff::Kind::Rewritten)
}

/// How a golden changes, in words.
fn change_of(golden: Option<&Value>, proposed: &Value) -> &'static str {
    let Some(golden) = golden else {
        return "first golden";
    };
    match Diff::of(&as_text(golden), &as_text(proposed)).kind {
        diff::Kind::Same => "same text",
        diff::Kind::Whitespace(_) => "white space only",
        diff::Kind::SameData => "same data, other form",
        diff::Kind::Words => "some words",
        diff::Kind::Rewritten => "rewritten",
    }
}
