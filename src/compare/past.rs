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
        case.bad_since = bad_since(case, policy.case_tolerance);
    }
}

/// The first of the last runs in which the case was bad without a break: worse than in the baseline by more than is
/// tolerated of a case, or without a result.
fn bad_since(case: &CaseSummary<'_>, tolerance: f64) -> Option<usize> {
    let before = case.score_before;
    let is_bad = |past: &Past| match (case.verdict, past) {
        (CaseVerdict::Regressed | CaseVerdict::Suspect, Past::Passed(share)) => {
            before.is_some_and(|before| *share < before - tolerance + SLACK)
        }
        (CaseVerdict::Unmeasured, Past::Unmeasured) => true,
        _ => false,
    };
    let streak = case.history.iter().rev().take_while(|past| is_bad(past));
    let length = streak.count();
    (length > 0).then(|| case.history.len() - length)
}
