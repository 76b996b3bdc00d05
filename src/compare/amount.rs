//! A metric of one side: how much it is, and how sure that is.

use super::summary::Estimate;
use super::values::{CONFIDENCE, Sight};
use crate::stats::Interval;
use crate::stats::corpus::percentile_bounds;
use crate::stats::floor::Level;
use crate::stats::unit::{Kind, Scope};

/// A metric of one side.
pub(super) trait Amount {
    /// Trials that have a value; where they are reduced, units that have one.
    fn count(&self) -> usize;

    /// Whether a trial has no value.
    fn is_incomplete(&self) -> bool;

    /// The value if every missing trial were best, or worst; shares only.
    fn if_missing(&self, best: bool) -> Option<f64>;

    /// The value with its interval.
    fn estimate(&self, kind: Kind, scope: Scope) -> Option<Estimate>;

    /// The value with one-sided bounds, as it is or turned round.
    fn level(&self, of: Kind, at: Sight, turned: Option<fn(f64) -> f64>) -> Option<Level>;
}

/// A metric that is no mean over cases, with what it is in resamples of them.
pub(super) struct Resampled {
    pub(super) value: Option<f64>,
    /// Ascending.
    pub(super) resamples: Vec<f64>,
    /// How many trials it rests on.
    pub(super) trials: f64,
    /// How many clusters it rests on.
    pub(super) clusters: f64,
    /// Trials that have a value.
    pub(super) count: usize,
    /// The value if every missing trial were worst and if every one were best, where some are missing.
    pub(super) if_missing: Option<[Option<f64>; 2]>,
}

impl Resampled {
    fn at(&self, Sight { scope, alpha }: Sight) -> Option<Level> {
        let value = self.value?;
        let observations = match scope {
            Scope::Suite => self.trials,
            Scope::Population => self.clusters,
        };
        let bounds = percentile_bounds(value, &self.resamples, observations, alpha)?;
        Some(Level { value, bounds })
    }
}

impl Amount for Resampled {
    fn count(&self) -> usize {
        self.count
    }

    fn is_incomplete(&self) -> bool {
        self.if_missing.is_some()
    }

    fn if_missing(&self, best: bool) -> Option<f64> {
        self.if_missing?[usize::from(best)]
    }

    fn estimate(&self, _: Kind, scope: Scope) -> Option<Estimate> {
        let alpha = (1.0 - CONFIDENCE) / 2.0;
        let Level { value, bounds } = self.at(Sight { scope, alpha })?;
        Some(Estimate {
            value,
            low: bounds.lower,
            high: bounds.upper,
        })
    }

    fn level(&self, _: Kind, at: Sight, turned: Option<fn(f64) -> f64>) -> Option<Level> {
        let Level { value, bounds } = self.at(at)?;
        let Some(turn) = turned else {
            return Some(Level { value, bounds });
        };
        // What is turned round has its ends exchanged.
        let (lower, upper) = (turn(bounds.upper), turn(bounds.lower));
        Some(Level {
            value: turn(value),
            bounds: Interval { lower, upper },
        })
    }
}
