//! Gates and cases as tests that pass or fail: one rule for all formats that CI servers read.
//!
//! A gate fails where it regressed and errs where it is unmeasured; an open one fails only where the invocation does
//! because of it. In a suite whose gates fail, a case fails where it regressed and errs where it has no result; where
//! they hold, such a case is skipped with its reason. So a list of tests is green exactly where the exit code is 0.

use super::show::{one_line, passed};
use super::{facts, pick};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, MetricSummary, SubjectSummary, SuiteSummary, Summary, Verdict,
};

/// The exit code of an open verdict that counts as a failure.
const OPEN_FAILS: u8 = 4;

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Passed,
    Failed,
    /// There is no result.
    Errored,
    /// It does not count: it is in quarantine or in the baseline only, or gates hold in spite of it.
    Skipped,
}

/// A gate or a case as a test.
#[derive(Debug)]
pub(super) struct Test<'s, 'a> {
    pub(super) name: String,
    /// The word of its verdict.
    pub(super) verdict: &'static str,
    pub(super) standing: Standing,
    /// Why, in one line; empty where there is nothing to say.
    pub(super) reason: String,
    /// The case; `None` for a gate.
    pub(super) case: Option<&'s CaseSummary<'a>>,
}

/// All tests of a subject: its gates, the cases that must pass, its cases.
pub(super) fn tests<'s, 'a>(
    summary: &Summary<'_>,
    suite: &SuiteSummary<'_>,
    subject: &'s SubjectSummary<'a>,
) -> impl Iterator<Item = Test<'s, 'a>> {
    let (open_fails, suite_fails) = (summary.exit.code == OPEN_FAILS, fails(summary, suite));
    let gates = subject.gates().map(move |metric| Test {
        name: format!("gate {}", facts::name(metric)),
        verdict: metric.verdict.map_or("shown only", Verdict::name),
        standing: gate_standing(metric, open_fails),
        reason: one_line(&metric.sentence),
        case: None,
    });
    let must_pass = subject.must_pass.iter().map(|case| Test {
        name: format!("must pass {}", case.case),
        verdict: if case.holds {
            Verdict::Pass.name()
        } else {
            Verdict::Regressed.name()
        },
        standing: if case.holds {
            Standing::Passed
        } else {
            Standing::Failed
        },
        reason: if case.holds {
            String::new()
        } else {
            one_line(&case.sentence)
        },
        case: None,
    });
    let cases = subject.cases.iter().map(move |case| Test {
        name: case.id.to_owned(),
        verdict: case.verdict.name(),
        standing: case_standing(case, suite_fails),
        reason: case_reason(case),
        case: Some(case),
    });
    gates.chain(must_pass).chain(cases)
}

/// Whether a suite is among those because of which the invocation does not end with 0.
pub(super) fn fails(summary: &Summary<'_>, suite: &SuiteSummary<'_>) -> bool {
    match suite.verdict {
        Verdict::Regressed | Verdict::Unmeasured => true,
        Verdict::Inconclusive => summary.exit.code == OPEN_FAILS,
        Verdict::Improved | Verdict::Pass | Verdict::NoBaseline => false,
    }
}

fn gate_standing(metric: &MetricSummary<'_>, open_fails: bool) -> Standing {
    match metric.verdict {
        Some(Verdict::Regressed) => Standing::Failed,
        Some(Verdict::Inconclusive) if open_fails => Standing::Failed,
        Some(Verdict::Unmeasured) => Standing::Errored,
        Some(Verdict::Improved | Verdict::Pass | Verdict::NoBaseline | Verdict::Inconclusive)
        | None => Standing::Passed,
    }
}

fn case_standing(case: &CaseSummary<'_>, suite_fails: bool) -> Standing {
    match case.verdict {
        _ if case.quarantine.is_some() => Standing::Skipped,
        CaseVerdict::Regressed if suite_fails => Standing::Failed,
        CaseVerdict::Unmeasured if suite_fails => Standing::Errored,
        CaseVerdict::Regressed | CaseVerdict::Unmeasured | CaseVerdict::Removed => {
            Standing::Skipped
        }
        CaseVerdict::Suspect
        | CaseVerdict::Flaky
        | CaseVerdict::Changed
        | CaseVerdict::Improved
        | CaseVerdict::New
        | CaseVerdict::InputChanged
        | CaseVerdict::Unchanged => Standing::Passed,
    }
}

fn case_reason(case: &CaseSummary<'_>) -> String {
    let trials = trials(case);
    if let Some(entry) = facts::quarantine(case) {
        return one_line(&format!(
            "{}; in quarantine {entry}; {trials}",
            case.verdict.name()
        ));
    }
    match case.verdict {
        CaseVerdict::Removed => "in the baseline only".to_owned(),
        CaseVerdict::Unchanged => String::new(),
        _ if case.why.is_empty() => trials,
        _ => one_line(&format!("{trials}; {}", case.why)),
    }
}

/// What its trials did before and now: `trials passed: 3/3 → 0/3`.
pub(super) fn trials(case: &CaseSummary<'_>) -> String {
    format!(
        "trials passed: {} → {}",
        passed(case.passed_before),
        passed(Some(case.passed))
    )
}

/// The milliseconds that the trials of a case took together.
pub(super) fn spent_ms(case: &CaseSummary<'_>) -> f64 {
    case.trials.latencies().sum()
}

/// The trials of a flaky case that failed, with what is said of each: `trial 2: expected "billing"`.
pub(super) fn flaky_failures(case: &CaseSummary<'_>, names: &[&str]) -> Vec<String> {
    if case.verdict != CaseVerdict::Flaky {
        return Vec::new();
    }
    let failed = case
        .trials
        .iter()
        .filter(|trial| trial.passed == Some(false));
    failed
        .map(|trial| {
            let checks = pick::failed_checks(&trial, names).join(", ");
            format!("trial {}: {checks} failed", trial.repeat)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::World;
    use super::*;

    #[test]
    fn tests_fail_exactly_where_the_exit_code_is_not_0() {
        let world = World::new();
        let mut summary = world.summary();
        for (code, verdict) in [
            (0, Verdict::Pass),
            (0, Verdict::Inconclusive),
            (OPEN_FAILS, Verdict::Inconclusive),
            (1, Verdict::Regressed),
            (3, Verdict::Unmeasured),
        ] {
            summary.exit.code = code;
            let suite = &mut summary.suites[0];
            suite.verdict = verdict;
            for subject in &mut suite.subjects {
                subject.critical.clear();
                subject.must_pass.clear();
                let gates = subject
                    .metrics
                    .iter_mut()
                    .filter(|gate| gate.gate.is_some());
                gates.for_each(|gate| gate.verdict = Some(verdict));
            }
            let (suite, subject) = (&summary.suites[0], &summary.suites[0].subjects[0]);
            let is_red = tests(&summary, suite, subject)
                .any(|test| matches!(test.standing, Standing::Failed | Standing::Errored));
            assert_eq!(is_red, code != 0, "{verdict:?} {code}");
        }
    }
}
