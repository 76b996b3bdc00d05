//! Cases of which every trial must pass, which no statistics can excuse.

use super::measure::{Measure, deciding_measure};
use super::side::Side;
use super::summary::{CaseSummary, MustPass};
use crate::exchange::Outcome;
use crate::history::run::{Header, TrialRecord};
use crate::units::count;

/// What became of the cases that must pass and are not in quarantine.
pub(super) fn check<'a>(now: &Side<'a>, header: &Header) -> Vec<MustPass<'a>> {
    let measure = deciding_measure(now, header);
    let wanted = now.counted().filter(|case| now.case(*case).must_pass);
    wanted
        .map(|case| {
            // A trial that was never made says nothing of the model; the run as a whole is then incomplete.
            let made = now
                .trials(case)
                .iter()
                .filter(|trial| !matches!(trial.outcome, Outcome::Skipped | Outcome::Cancelled));
            let (mut all, mut failed) = (0, 0);
            for trial in made {
                all += 1;
                failed += usize::from(!has_full_score(trial, measure));
            }
            let id = now.case(case).id.as_str();
            MustPass {
                case: id,
                holds: failed == 0,
                sentence: if failed == 0 {
                    format!("case {id} passed in {}, as it must", count(all, "trial"))
                } else {
                    format!("case {id} must pass in every trial and did not in {failed} of {all}")
                },
            }
        })
        .collect()
}

/// Says with the cases which of them had to pass and did not.
pub(super) fn note(must_pass: &[MustPass<'_>], cases: &mut [CaseSummary<'_>]) {
    for broken in must_pass.iter().filter(|case| !case.holds) {
        for case in cases.iter_mut().filter(|case| case.id == broken.case) {
            case.why = if case.why.is_empty() {
                "must pass in every trial".to_owned()
            } else {
                format!("must pass in every trial: {}", case.why)
            };
        }
    }
}

fn has_full_score(trial: &TrialRecord, measure: Option<Measure>) -> bool {
    let score = measure.and_then(|measure| measure.of(trial));
    score.is_some_and(|score| score >= 1.0 - 1e-9)
}
