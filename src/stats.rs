//! The statistics of a regression gate: small pure functions of plain numbers.
//!
//! Scores come in as slices of `f64`, counts as integers; nothing here knows of
//! runs, cases or files, reads a clock, or draws an unseeded random number. An
//! input without an answer gives `None` or a named reason, never NaN and never a
//! panic. Each function cites the source of its formula; the design note
//! `statistics.md` says why these and no others.
//!
//! | question | modules |
//! | --- | --- |
//! | how large is a rate, how sure are we | [`interval`], [`floor`] |
//! | did a metric drop | [`mod@unit`], [`trajectory`], [`shuffle`], [`mcnemar`], [`compare`], [`corpus`], [`bootstrap`] |
//! | many comparisons at once | [`family`] |
//! | did one case change, is it flaky | [`cases`], [`flakiness`], [`reduce`] |
//! | how well were labels given | [`confusion`] |
//! | how many samples, when to stop | [`plan`], [`design`], [`adaptive`], [`evalue`] |
//! | did a series move | [`change_point`], [`trend`], [`cusum`] |
//! | did inputs or outputs drift | [`ks`], [`psi`], [`divergence`], [`energy`] |
//! | can a judge be trusted | [`agreement`], [`judge`] |
//! | numbers underneath | [`special`], [`moments`], [`rng`] |
//!
//! ```
//! use regauge::stats::compare::{Settings, Verdict, comparison};
//! use regauge::stats::unit::Unit;
//!
//! let unit = |base, cand| Unit { base, cand, ..Unit::default() };
//! let mut units = vec![unit(&[1.0], &[1.0]); 15];
//! units.extend(vec![unit(&[1.0], &[0.0]); 5]);
//! let result = comparison(&units, &Settings::default());
//! assert_eq!(result.verdict, Verdict::Regressed);
//! ```

pub mod adaptive;
pub mod agreement;
pub mod bootstrap;
pub mod cases;
pub mod change_point;
pub mod compare;
pub mod confusion;
mod convolution;
pub mod corpus;
pub mod cusum;
mod deals;
pub mod design;
pub mod divergence;
pub mod energy;
mod estimate;
pub mod evalue;
pub mod family;
pub mod flakiness;
pub mod floor;
pub mod interval;
pub mod judge;
pub mod ks;
pub mod mcnemar;
pub mod moments;
mod pattern;
pub mod plan;
pub mod psi;
pub mod reduce;
mod relabel;
pub mod rng;
mod saddlepoint;
pub mod shuffle;
pub mod special;
mod subsets;
pub mod trajectory;
pub mod trend;
pub mod unit;

/// Slack of every comparison of a p-value, a difference or a bound with a limit,
/// so that a verdict never hangs on the last bit of a sum.
pub const SLACK: f64 = 1e-9;

/// A lower and an upper bound, in the unit of the quantity that they enclose.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The smallest value not ruled out.
    pub lower: f64,
    /// The largest value not ruled out.
    pub upper: f64,
}

impl Interval {
    /// The interval that reaches `half_width` to either side of `center`.
    pub(crate) fn around(center: f64, half_width: f64) -> Interval {
        Interval {
            lower: center - half_width,
            upper: center + half_width,
        }
    }

    /// The part of the interval within `[low, high]`.
    pub(crate) fn clipped(self, low: f64, high: f64) -> Interval {
        Interval {
            lower: self.lower.clamp(low, high),
            upper: self.upper.clamp(low, high),
        }
    }
}

/// A count as a real number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts stay far below 2^53, the largest integer up to which f64 is exact"
)]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}
