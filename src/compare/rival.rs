//! Metrics whose values are themselves comparisons of answers: they have no value before, and a limit alone decides.

use super::summary::{LimitVerdict, Verdict};

/// What such a metric compares answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rival {
    /// The answers of the baseline.
    Baseline,
    /// Nothing: there is no baseline yet.
    Nothing,
}

impl Rival {
    /// What the limit says, where more cases may lack a value than the policy allows. Without a limit nothing was
    /// measured that it could be held to.
    pub(super) fn verdict(self, limit: Option<LimitVerdict>, lacks_too_many: bool) -> Verdict {
        match (self, limit) {
            (_, Some(LimitVerdict::Broken)) => Verdict::Regressed,
            (Self::Nothing, _) => Verdict::NoBaseline,
            (Self::Baseline, _) if lacks_too_many => Verdict::Unmeasured,
            (_, None) => Verdict::Unmeasured,
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
        let (full, lacking) = ((Rival::Baseline, false), (Rival::Baseline, true));
        for ((rival, lacks), limit, verdict) in [
            (full, Some(LimitVerdict::Holds), Verdict::Pass),
            (full, Some(LimitVerdict::Open), Verdict::Inconclusive),
            (lacking, Some(LimitVerdict::Holds), Verdict::Unmeasured),
            (lacking, Some(LimitVerdict::Broken), Verdict::Regressed),
            (full, None, Verdict::Unmeasured),
            ((Rival::Nothing, false), None, Verdict::NoBaseline),
        ] {
            assert_eq!(rival.verdict(limit, lacks), verdict, "{rival:?} {limit:?}");
        }
    }
}
