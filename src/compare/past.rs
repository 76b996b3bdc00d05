//! What became of each case in earlier runs, and since when it is as bad as now.

use std::collections::HashMap;

use super::side::Side;
use super::summary::{CaseSummary, CaseVerdict};
use crate::stats::SLACK;
use crate::suite::gate::Policy;
use crate::timeline::{Past, Timeline};

/// Adds the course to the cases of a subject.
pub(super) fn note(
    timeline: Option<&Timeline>,
    now: &Side<'_>,
    policy: &Policy,
    cases: &mut [CaseSummary<'_>],
) {
    let name = now.subject().name();
    let mut courses = timeline.iter().flat_map(|timeline| &timeline.cases);
    let Some(course) = courses.find(|course| course.subject == name) else {
        return;
    };
    let by_id: HashMap<&str, usize> = (0..now.case_count())
        .map(|case| (now.case(case).id.as_str(), case))
        .collect();
    for case in cases {
        let place = by_id.get(case.id);
        let Some(history) = place.and_then(|place| course.cases.get(*place)) else {
            continue;
        };
        case.history.clone_from(history);
        case.bad_since = bad_since(
            case.verdict,
            case.score_before,
            history,
            policy.case_tolerance,
        );
    }
}

/// The first of the last runs in which the case was bad without a break: worse than in the baseline by more than is
/// tolerated of a case, or without a result.
fn bad_since(
    verdict: CaseVerdict,
    before: Option<f64>,
    history: &[Past],
    tolerance: f64,
) -> Option<usize> {
    let is_bad = |past: &&Past| match (verdict, past) {
        (CaseVerdict::Regressed | CaseVerdict::Suspect, Past::Passed(share)) => {
            before.is_some_and(|before| *share < before - tolerance + SLACK)
        }
        (CaseVerdict::Unmeasured, Past::Unmeasured) => true,
        _ => false,
    };
    let length = history.iter().rev().take_while(is_bad).count();
    (length > 0).then(|| history.len() - length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_bad_since_the_first_run_of_an_unbroken_row() {
        let [good, bad] = [1.0, 0.0].map(Past::Passed);
        let since = |verdict, history: &[Past]| bad_since(verdict, Some(1.0), history, 0.2);
        let regressed = CaseVerdict::Regressed;
        assert_eq!(since(regressed, &[bad, good, bad, bad]), Some(2));
        assert_eq!(since(regressed, &[good, Past::Unmeasured, bad]), Some(2));
        assert_eq!(since(regressed, &[bad, bad]), Some(0));
        assert_eq!(since(regressed, &[good, Past::Passed(0.9)]), None);
        assert_eq!(since(CaseVerdict::Flaky, &[good, bad]), None);
        let unmeasured = [good, Past::Unmeasured, Past::Unmeasured];
        assert_eq!(since(CaseVerdict::Unmeasured, &unmeasured), Some(1));
        assert_eq!(bad_since(regressed, None, &[good, bad], 0.2), None);
    }
}
