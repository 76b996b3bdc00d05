//! What would settle an open verdict: more trials, or more cases, with what they cost.

use super::metric::POWER;
use super::summary::Settle;
use super::units::Units;
use crate::stats::compare::{Evidence, Reason, Settings};
use crate::stats::plan::{
    Errors, NoiseSplit, Trials, cases_to_add, gap, noise_split, trials_needed,
};
use crate::stats::real;
use crate::stats::unit::Scope;
use crate::units::Cost;

/// Trials a case that are worth their calls: beyond, more cases say more.
const MOST_TRIALS: usize = 32;
/// Cases beyond which nobody would add them.
const MOST_CASES: usize = 100_000;

/// What a comparison was made from, as far as it says what another would see.
#[derive(Debug)]
pub(super) struct Basis {
    /// Paired units; clusters in population scope.
    units: usize,
    /// Usable trials of a unit, on the mean.
    trials: Trials,
    /// Pairs of one trial a side that all trials are worth.
    trial_pairs: f64,
    /// The mean score of the baseline.
    baseline: f64,
    /// Whether more trials of a case say more: not where they are reduced to one value.
    trials_help: bool,
    /// Where the variation comes from; population scope only.
    split: Option<NoiseSplit>,
}

/// What trials cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls {
    /// Cases that more trials are made of.
    pub(super) cases: usize,
    /// The mean of what a call of this subject cost.
    pub(super) cost: Option<Cost>,
}

impl Basis {
    /// `None` where no unit is paired.
    pub(super) fn of(units: &Units, settings: &Settings, trials_help: bool) -> Option<Self> {
        let all = units.units();
        let paired: Vec<_> = all
            .iter()
            .filter(|unit| !unit.base.is_empty() && !unit.cand.is_empty())
            .collect();
        if paired.is_empty() {
            return None;
        }
        let (mut base, mut cand, mut pairs) = (0, 0, 0.0);
        let (mut total, mut weight) = (0.0, 0.0);
        for unit in &paired {
            let (k0, k1) = (unit.base.len(), unit.cand.len());
            base += k0;
            cand += k1;
            pairs += 2.0 * real(k0) * real(k1) / real(k0 + k1);
            total += unit.weight * unit.base.iter().sum::<f64>() / real(k0);
            weight += unit.weight;
        }
        let (split, count) = match settings.scope {
            Scope::Suite => (None, paired.len()),
            Scope::Population => {
                let mut clusters: Vec<u32> =
                    paired.iter().filter_map(|unit| unit.cluster).collect();
                let alone = paired.len() - clusters.len();
                clusters.sort_unstable();
                clusters.dedup();
                let scaled = units.scaled(settings.kind);
                (noise_split(&scaled.units()), alone + clusters.len())
            }
        };
        let mean = |trials: usize| ((trials + paired.len() / 2) / paired.len()).max(1);
        Some(Self {
            units: count,
            trials: Trials {
                base: mean(base),
                cand: mean(cand),
                // A baseline is a run that is stored: this run can make more trials, that one cannot.
                base_is_banked: true,
            },
            trial_pairs: pairs,
            baseline: total / weight,
            trials_help,
            split,
        })
    }

    /// What would settle a verdict that is open for this reason.
    pub(super) fn settle(
        &self,
        reason: Reason,
        evidence: &Evidence,
        settings: &Settings,
        calls: Calls,
    ) -> Option<Settle> {
        let errors = Errors {
            alpha: settings.level,
            power: POWER,
        };
        if reason == Reason::RareFailureGuard {
            return Some(self.settle_rare(settings, calls));
        }
        let error = evidence.standard_error?;
        let gap = gap(evidence.diff, settings.tolerance_on_scale());
        let needed = |trials: Trials| {
            let (error, gap) = self.by_trials(settings.scope, error, gap, errors)?;
            trials_needed(trials, error, gap, errors)
        };
        let banked = needed(self.trials);
        let both = needed(Trials {
            base_is_banked: false,
            ..self.trials
        });
        let cases = cases_to_add(self.units, error, gap, errors);
        Some(self.cheapest(banked, both, cases, calls))
    }

    /// The standard error that trials shrink, and the gap that is left to it once the choice of cases has taken its
    /// part; `None` where that takes all, or is not known.
    fn by_trials(&self, scope: Scope, error: f64, gap: f64, errors: Errors) -> Option<(f64, f64)> {
        if !self.trials_help {
            return None;
        }
        if scope == Scope::Suite {
            return Some((error, gap));
        }
        let split = self.split?;
        let reach = errors.reach()?;
        let left = (gap / reach).powi(2) - split.case_error().powi(2);
        let by_trials = (split.trial_var / real(split.units)).sqrt();
        (left > 0.0 && by_trials > 0.0).then(|| (by_trials, left.sqrt() * reach))
    }

    /// So many pairs of trials that a collapse that costs the tolerance would have been seen.
    fn settle_rare(&self, settings: &Settings, calls: Calls) -> Settle {
        let wanted = -settings.level.ln() * self.baseline / settings.tolerance;
        let pairs = whole(wanted);
        let per_unit = wanted / real(self.units);
        let base = real(self.trials.base);
        let in_population = settings.scope == Scope::Population;
        let by_trials = self.trials_help && !in_population;
        let banked = (by_trials && 2.0 * base > per_unit)
            .then(|| per_unit * base / (2.0 * base - per_unit))
            .and_then(whole);
        let both = by_trials.then_some(per_unit).and_then(whole);
        let present = if in_population {
            real(self.units)
        } else {
            self.trial_pairs
        };
        let cases = whole(wanted / present * real(self.units))
            .map(|needed| needed.saturating_sub(self.units));
        Settle {
            trial_pairs: pairs,
            ..self.cheapest(banked, both, cases, calls)
        }
    }

    /// Trials of this run where they do, else of both, else cases.
    fn cheapest(
        &self,
        banked: Option<usize>,
        both: Option<usize>,
        cases: Option<usize>,
        calls: Calls,
    ) -> Settle {
        let Trials { base, cand, .. } = self.trials;
        let settled = |now: usize, before: usize| {
            let calls_needed = (now + before) * calls.cases;
            let usd = |cost: Cost| Cost::from_usd(cost.usd() * real(calls_needed));
            Settle {
                trials_per_case: Some(now),
                baseline_trials_per_case: before,
                calls: Some(calls_needed),
                cost: calls.cost.and_then(usd),
                cases: None,
                trial_pairs: None,
            }
        };
        // The verdict is open, so what there is was not enough.
        if let Some(trials) = banked.filter(|trials| *trials <= MOST_TRIALS) {
            return settled(trials.max(cand + 1) - cand, 0);
        }
        if let Some(trials) = both.filter(|trials| *trials <= MOST_TRIALS) {
            return settled(trials.saturating_sub(cand), trials.saturating_sub(base));
        }
        Settle {
            trials_per_case: None,
            baseline_trials_per_case: 0,
            calls: None,
            cost: None,
            cases: cases.filter(|cases| (1..=MOST_CASES).contains(cases)),
            trial_pairs: None,
        }
    }

    /// Pairs of one trial a side that all trials are worth.
    pub(super) fn trial_pairs(&self) -> f64 {
        self.trial_pairs
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number was checked to lie between 0 and 1e9"
)]
fn whole(x: f64) -> Option<usize> {
    (0.0..1e9).contains(&x).then(|| (x - 1e-9).ceil() as usize)
}
