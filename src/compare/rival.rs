//! Metrics whose values are themselves comparisons of answers: they have no value before, and a limit alone decides.

use super::summary::{LimitVerdict, Verdict};
use crate::stats::SLACK;

/// What such a metric compares answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    /// The answers of the baseline.
    Baseline {
        /// Whether more cases lack a value than the policy allows.
        lacks_too_many: bool,
    },
    /// Nothing: there is no baseline yet.
    Nothing,
}

impl Rival {
    /// With the share of cases without a value, and the most that the policy allows.
    pub(super) fn new(has_baseline: bool, missing: f64, most: f64) -> Self {
        if has_baseline {
            Self::Baseline {
                lacks_too_many: missing > most + SLACK,
            }
        } else {
            Self::Nothing
        }
    }

    /// What the limit says. Without a limit nothing was measured that it could be held to.
    pub(super) fn verdict(self, limit: Option<LimitVerdict>) -> Verdict {
        match (self, limit) {
            (_, Some(LimitVerdict::Broken)) => Verdict::Regressed,
            (Self::Nothing, _) => Verdict::NoBaseline,
            (
                Self::Baseline {
                    lacks_too_many: true,
                },
                _,
            )
            | (_, None) => Verdict::Unmeasured,
            (_, Some(LimitVerdict::Holds)) => Verdict::Pass,
            (_, Some(LimitVerdict::Open)) => Verdict::Inconclusive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_alone_decides_on_a_comparison() {
        let rival = |missing| Rival::new(true, missing, 0.05);
        for (rival, limit, verdict) in [
            (rival(0.0), Some(LimitVerdict::Holds), Verdict::Pass),
            (rival(0.0), Some(LimitVerdict::Open), Verdict::Inconclusive),
            (rival(0.2), Some(LimitVerdict::Holds), Verdict::Unmeasured),
            (rival(0.2), Some(LimitVerdict::Broken), Verdict::Regressed),
            (rival(0.0), None, Verdict::Unmeasured),
            (Rival::new(false, 0.0, 0.05), None, Verdict::NoBaseline),
        ] {
            assert_eq!(rival.verdict(limit), verdict, "{rival:?} {limit:?}");
        }
    }
}
