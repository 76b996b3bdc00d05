//! Many comparisons at once: what counts as significant, and the gate over all.

use super::SLACK;
use super::compare::Verdict;
use super::real;

/// One test of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// Its p-value.
    pub p: f64,
    /// The smallest p-value that any labelling of its data could give. It depends on
    /// the pooled scores only, so that selecting by it is legitimate.
    pub p_min: f64,
}

/// The outcome of Tarone's selection with Holm's procedure within it.
#[derive(Clone, Debug, PartialEq)]
pub struct TaroneHolm {
    /// The number of tests that the level is divided by at the selection.
    pub k: usize,
    /// The tests that could become significant at all, by ascending index.
    pub testable: Vec<usize>,
    /// The tests that are significant, by ascending index.
    pub rejected: Vec<usize>,
    /// Holm-adjusted p-values in input order; `None` for a test that is not testable.
    pub adjusted: Vec<Option<f64>>,
}

/// One gated comparison of a family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Its p-value of a drop, with the smallest possible one; both 1 without a pair.
    pub test: Test,
    /// Its difference, candidate less baseline.
    pub diff: f64,
    /// The tolerated drop, on the scale of the difference.
    pub tolerance: f64,
    /// Lower bound of the difference; `None` where it has none.
    pub lower: Option<f64>,
}

/// Holm's adjusted p-values (Holm 1979), in input order: those at most alpha are
/// significant with a family-wise error of alpha.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut largest = 0.0_f64;
    for (rank, index) in ascending(p).into_iter().enumerate() {
        largest = largest.max(p[index] * real(p.len() - rank));
        adjusted[index] = largest.min(1.0);
    }
    adjusted
}

/// Adjusted p-values of Benjamini and Hochberg (1995), in input order: those at most
/// q are discoveries with a false discovery rate of q.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut adjusted = vec![1.0; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, index) in ascending(p).into_iter().enumerate().rev() {
        smallest = smallest.min(p[index] * real(p.len()) / real(rank + 1));
        adjusted[index] = smallest;
    }
    adjusted
}

/// Selects the tests that can reach significance (Tarone 1990) and applies Holm's
/// procedure to them: a comparison that cannot fail whatever its labels costs the
/// others nothing.
pub fn tarone_holm(tests: &[Test], alpha: f64) -> TaroneHolm {
    let reach = |k: usize| {
        let limit = alpha / real(k) + SLACK;
        (0..tests.len()).filter(move |index| tests[*index].p_min <= limit)
    };
    // At k = number of tests the condition always holds.
    let k = (1..tests.len())
        .find(|k| reach(*k).count() <= *k)
        .unwrap_or(tests.len().max(1));
    let testable: Vec<usize> = reach(k).collect();
    let p: Vec<f64> = testable.iter().map(|index| tests[*index].p).collect();
    let mut adjusted = vec![None; tests.len()];
    for (index, p) in testable.iter().zip(holm(&p)) {
        adjusted[*index] = Some(p);
    }
    TaroneHolm {
        k,
        rejected: rejected_by_holm(&testable, &p, alpha),
        testable,
        adjusted,
    }
}

/// The tests that Holm's steps reject, by ascending index.
fn rejected_by_holm(testable: &[usize], p: &[f64], alpha: f64) -> Vec<usize> {
    let order = ascending(p);
    let steps = order.iter().enumerate();
    let passing = steps.take_while(|(rank, at)| p[**at] <= alpha / real(p.len() - rank) + SLACK);
    let mut rejected: Vec<usize> = passing.map(|(_, at)| testable[*at]).collect();
    rejected.sort_unstable();
    rejected
}

/// The verdict of each comparison of a family: the failing side with a family-wise
/// error of `alpha`, the passing side uncorrected, since the gate passes only when
/// every comparison does (Berger 1982).
pub fn gate_family(members: &[Member], alpha: f64) -> Vec<Verdict> {
    let tests: Vec<Test> = members.iter().map(|member| member.test).collect();
    let rejected = tarone_holm(&tests, alpha).rejected;
    let verdict = |(index, member): (usize, &Member)| {
        let has_dropped = member.diff <= -member.tolerance + SLACK;
        if has_dropped && rejected.contains(&index) {
            Verdict::Regressed
        } else if member
            .lower
            .is_some_and(|lower| lower > -member.tolerance + SLACK)
        {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    };
    members.iter().enumerate().map(verdict).collect()
}

/// The worst of some verdicts: regressed before inconclusive before pass; an
/// improvement passes. Without a verdict the gate passes.
pub fn worst(verdicts: &[Verdict]) -> Verdict {
    if verdicts.contains(&Verdict::Regressed) {
        Verdict::Regressed
    } else if verdicts.contains(&Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Pass
    }
}

/// The indices of the values in ascending order; ties keep their order.
fn ascending(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|one, other| values[*one].total_cmp(&values[*other]));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_cannot_fail_costs_the_others_nothing() {
        let able = Test {
            p: 0.03,
            p_min: 0.001,
        };
        let unable = Test { p: 1.0, p_min: 1.0 };
        assert_eq!(tarone_holm(&[able, unable, unable], 0.05).rejected, [0]);
        let all_able = Test {
            p: 1.0,
            p_min: 0.001,
        };
        assert!(
            tarone_holm(&[able, all_able, all_able], 0.05)
                .rejected
                .is_empty()
        );
    }

    #[test]
    fn adjusted_values_tell_what_is_rejected() {
        let tests = [0.001, 0.02, 0.04, 0.2].map(|p| Test { p, p_min: 1e-6 });
        let result = tarone_holm(&tests, 0.05);
        assert_eq!(result.rejected, [0]);
        assert_eq!(result.adjusted[0], Some(0.004));
        assert!(result.adjusted[1].is_some_and(|p| p > 0.05));
    }

    #[test]
    fn an_empty_family_rejects_nothing_and_passes() {
        let result = tarone_holm(&[], 0.05);
        assert_eq!(
            (result.k, result.testable.len(), result.rejected.len()),
            (1, 0, 0)
        );
        assert_eq!(worst(&gate_family(&[], 0.05)), Verdict::Pass);
    }

    #[test]
    fn a_comparison_without_bounds_is_inconclusive() {
        let test = Test { p: 1.0, p_min: 1.0 };
        let member = Member {
            test,
            diff: 0.0,
            tolerance: 0.03,
            lower: None,
        };
        assert_eq!(gate_family(&[member], 0.05), [Verdict::Inconclusive]);
    }
}
