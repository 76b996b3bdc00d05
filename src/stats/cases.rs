//! The verdict on a single case, from its trials.

use std::collections::BTreeSet;

use super::SLACK;
use super::shuffle::label_shuffle;
use super::unit::{Kind, Unit, average, range};

/// A suspect binary case is worth fresh trials from this drop on.
const SUSPECT_BINARY_DROP: f64 = 0.5;

/// The trials of one case, with missing trials left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseTrials<'a> {
    /// Scores of the baseline; `None` if the case is not in it.
    pub base: Option<&'a [f64]>,
    /// Scores of the candidate; `None` if the case is not in it.
    pub cand: Option<&'a [f64]>,
    /// Whether the inputs of the two differ.
    pub input_changed: bool,
    /// Whether both sides gave the same outputs ([`same_outputs`]); `false` where the
    /// outputs are not known.
    pub same_outputs: bool,
}

/// What a case has to show before it is listed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseLimits {
    /// Differences of scores below this are no change.
    pub tolerance: f64,
    /// One-sided error of a case listed as regressed or improved.
    pub level: f64,
}

impl Default for CaseLimits {
    fn default() -> Self {
        CaseLimits {
            tolerance: 0.20,
            level: 0.02,
        }
    }
}

/// What became of a case. The first that applies is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseVerdict {
    /// Not in the baseline.
    New,
    /// Not in the candidate.
    Removed,
    /// The inputs differ, so that the scores cannot be compared.
    InputChanged,
    /// No usable trial on a side.
    Errored,
    /// A significant drop beyond the tolerance.
    Regressed,
    /// A significant gain beyond the tolerance.
    Improved,
    /// The trials of one side differ by more than the tolerance.
    Flaky,
    /// A drop beyond the tolerance, not confirmed.
    SuspectWorse,
    /// A gain beyond the tolerance, not confirmed.
    SuspectBetter,
    /// The same outputs.
    Unchanged,
    /// Other outputs, the same scores within the tolerance.
    Equivalent,
}

/// Exact tails of the label shuffle of one case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaseP {
    /// Probability of so large a drop or a larger one.
    pub lower: f64,
    /// Probability of so large a gain or a larger one.
    pub upper: f64,
}

/// The exact tails of the label shuffle of one case (Fisher's exact test for binary
/// scores). Beyond 20,000 ways to deal continuous scores they are approximate. `None`
/// without a usable trial on a side.
pub fn case_p(base: &[f64], cand: &[f64]) -> Option<CaseP> {
    let exact_tail = |base, cand| {
        let shuffle = label_shuffle(&[Unit {
            base,
            cand,
            ..Unit::default()
        }])?;
        Some(shuffle.p_exact.unwrap_or(shuffle.p_drop))
    };
    // A gain is a drop with the sides exchanged.
    Some(CaseP {
        lower: exact_tail(base, cand)?,
        upper: exact_tail(cand, base)?,
    })
}

/// The verdict on a case.
pub fn case_verdict(case: &CaseTrials, limits: &CaseLimits) -> CaseVerdict {
    let Some(base) = case.base else {
        return CaseVerdict::New;
    };
    let Some(cand) = case.cand else {
        return CaseVerdict::Removed;
    };
    if case.input_changed {
        return CaseVerdict::InputChanged;
    }
    let (base, cand) = (finite(base), finite(cand));
    let Some(p) = case_p(&base, &cand) else {
        return CaseVerdict::Errored;
    };
    let diff = average(&cand) - average(&base);
    let fell = diff <= -limits.tolerance + SLACK;
    let rose = diff >= limits.tolerance - SLACK;
    let varies = |scores| range(scores) > limits.tolerance + SLACK;
    if fell && p.lower <= limits.level + SLACK {
        CaseVerdict::Regressed
    } else if rose && p.upper <= limits.level + SLACK {
        CaseVerdict::Improved
    } else if varies(&base) || varies(&cand) {
        CaseVerdict::Flaky
    } else if fell {
        CaseVerdict::SuspectWorse
    } else if rose {
        CaseVerdict::SuspectBetter
    } else if case.same_outputs {
        CaseVerdict::Unchanged
    } else {
        CaseVerdict::Equivalent
    }
}

/// Whether both sides gave the same set of distinct outputs.
pub fn same_outputs<T: Ord>(base: &[T], cand: &[T]) -> bool {
    base.iter().collect::<BTreeSet<_>>() == cand.iter().collect::<BTreeSet<_>>()
}

/// Whether a case is worth fresh trials that confirm or clear it: the first trials
/// selected it, so they may not also convict it.
pub fn is_worth_confirming(verdict: CaseVerdict, kind: Kind, diff: f64) -> bool {
    let is_clear = kind != Kind::Binary || diff <= -SUSPECT_BINARY_DROP + SLACK;
    verdict == CaseVerdict::SuspectWorse && is_clear
}

/// Whether fresh candidate trials can still convict a case if all that remain score 0;
/// if not, they need not be drawn. Scores in [0, 1].
pub fn can_still_convict(
    base: &[f64],
    fresh: &[f64],
    remaining: usize,
    limits: &CaseLimits,
) -> bool {
    let worst: Vec<f64> = fresh.iter().copied().chain(vec![0.0; remaining]).collect();
    let case = CaseTrials {
        base: Some(base),
        cand: Some(&worst),
        input_changed: false,
        same_outputs: false,
    };
    case_verdict(&case, limits) == CaseVerdict::Regressed
}

fn finite(scores: &[f64]) -> Vec<f64> {
    scores
        .iter()
        .copied()
        .filter(|score| score.is_finite())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(base: &[f64], cand: &[f64]) -> CaseVerdict {
        let case = CaseTrials {
            base: Some(base),
            cand: Some(cand),
            input_changed: false,
            same_outputs: false,
        };
        case_verdict(&case, &CaseLimits::default())
    }

    #[test]
    fn a_bank_of_eight_convicts_with_three_failures() {
        assert_eq!(verdict(&[1.0; 8], &[0.0; 3]), CaseVerdict::Regressed);
        assert_eq!(verdict(&[0.0; 8], &[1.0; 3]), CaseVerdict::Improved);
        let seven_of_eight = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0];
        assert_eq!(verdict(&seven_of_eight, &[0.0; 4]), CaseVerdict::Regressed);
    }

    #[test]
    fn three_against_three_can_never_convict() {
        assert_eq!(verdict(&[1.0; 3], &[0.0; 3]), CaseVerdict::SuspectWorse);
    }

    #[test]
    fn a_side_without_a_usable_trial_is_an_error() {
        assert_eq!(verdict(&[1.0], &[]), CaseVerdict::Errored);
        assert_eq!(verdict(&[f64::NAN], &[1.0]), CaseVerdict::Errored);
    }

    #[test]
    fn absence_and_other_inputs_come_first() {
        let case = CaseTrials {
            base: None,
            cand: Some(&[0.0]),
            input_changed: true,
            same_outputs: false,
        };
        let limits = CaseLimits::default();
        assert_eq!(case_verdict(&case, &limits), CaseVerdict::New);
        let removed = CaseTrials {
            base: Some(&[1.0]),
            cand: None,
            ..case
        };
        assert_eq!(case_verdict(&removed, &limits), CaseVerdict::Removed);
        let changed = CaseTrials {
            base: Some(&[1.0]),
            ..case
        };
        assert_eq!(case_verdict(&changed, &limits), CaseVerdict::InputChanged);
    }

    #[test]
    fn outputs_are_compared_as_sets() {
        assert!(same_outputs(&["a", "b", "a"], &["b", "a"]));
        assert!(!same_outputs(&["a"], &["a", "b"]));
    }

    #[test]
    fn only_clear_suspects_are_worth_fresh_trials() {
        let suspect = CaseVerdict::SuspectWorse;
        assert!(is_worth_confirming(suspect, Kind::Binary, -0.5));
        assert!(!is_worth_confirming(suspect, Kind::Binary, -0.4));
        assert!(is_worth_confirming(suspect, Kind::Continuous, -0.25));
        assert!(!is_worth_confirming(CaseVerdict::Flaky, Kind::Binary, -1.0));
    }

    #[test]
    fn two_fresh_passes_put_conviction_out_of_reach() {
        let limits = CaseLimits::default();
        assert!(can_still_convict(&[1.0; 8], &[0.0], 3, &limits));
        assert!(!can_still_convict(&[1.0; 8], &[1.0, 1.0], 2, &limits));
    }
}
