//! How the difference of one unit is distributed when its pooled scores are dealt
//! to "baseline" and "candidate" anew, every deal being equally likely.

use super::deals::Deals;
use super::unit::Pair;

/// The distribution of one relabelled, weighted difference; its mean is 0.
#[derive(Clone, Debug)]
pub(crate) enum Relabelling<'a> {
    /// One trial a side: the size with either sign, one half each.
    Flip(f64),
    /// A listed distribution, in ascending order of the values.
    Listed(Vec<Point>),
    /// Several trials a side, not binary.
    Deals(Deals<'a>),
    /// A normal variable of this variance.
    Normal(f64),
}

/// A relabelling and the number of units that share it.
pub(crate) type Term<'a> = (Relabelling<'a>, usize);

/// A value with its probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) value: f64,
    pub(crate) probability: f64,
}

/// The end of a distribution: its last value, and the log probability of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extreme {
    pub(crate) value: f64,
    pub(crate) ln_probability: f64,
}

/// The cumulant generating function at one point, with two derivatives.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cumulants {
    pub(crate) value: f64,
    pub(crate) slope: f64,
    pub(crate) curvature: f64,
}

impl<'a> Relabelling<'a> {
    /// The relabelling of an informative unit whose scores are not all 0 or 1.
    pub(crate) fn of_scores(pair: &Pair<'a>) -> Relabelling<'a> {
        if let ([base], [cand]) = (pair.base, pair.cand) {
            return Relabelling::Flip(pair.weight * (cand - base).abs());
        }
        Relabelling::Deals(Deals {
            pooled: pair.pooled,
            chosen: pair.cand.len(),
            weight: pair.weight,
        })
    }

    /// The distribution as a list of points; `None` where it is too long to list.
    pub(crate) fn points(&self) -> Option<Vec<Point>> {
        match self {
            Relabelling::Flip(size) => Some(vec![
                Point {
                    value: -size,
                    probability: 0.5,
                },
                Point {
                    value: *size,
                    probability: 0.5,
                },
            ]),
            Relabelling::Listed(points) => Some(points.clone()),
            Relabelling::Deals(deals) => deals.points(),
            Relabelling::Normal(_) => None,
        }
    }

    /// How many points the list has at least, told without listing them.
    pub(crate) fn fewest_points(&self) -> usize {
        match self {
            Relabelling::Listed(points) => points.len(),
            Relabelling::Flip(_) | Relabelling::Deals(_) | Relabelling::Normal(_) => 2,
        }
    }

    /// The smallest value; `None` for a normal variable, which has none.
    pub(crate) fn lowest(&self) -> Option<Extreme> {
        match self {
            Relabelling::Flip(size) => Some(Extreme {
                value: -size,
                ln_probability: 0.5_f64.ln(),
            }),
            Relabelling::Listed(points) => points.first().copied().map(Point::as_extreme),
            Relabelling::Deals(deals) => Some(deals.lowest()),
            Relabelling::Normal(_) => None,
        }
    }

    /// The largest value; `None` for a normal variable, which has none.
    pub(crate) fn highest(&self) -> Option<Extreme> {
        match self {
            Relabelling::Flip(size) => Some(Extreme {
                value: *size,
                ln_probability: 0.5_f64.ln(),
            }),
            Relabelling::Listed(points) => points.last().copied().map(Point::as_extreme),
            Relabelling::Deals(deals) => Some(deals.highest()),
            Relabelling::Normal(_) => None,
        }
    }

    pub(crate) fn cumulants(&self, t: f64) -> Cumulants {
        match self {
            Relabelling::Flip(size) => flip_cumulants(*size, t),
            Relabelling::Listed(points) => listed_cumulants(points, t),
            Relabelling::Deals(deals) => deals.cumulants(t),
            Relabelling::Normal(variance) => normal_cumulants(*variance, t),
        }
    }
}

impl Point {
    fn as_extreme(self) -> Extreme {
        Extreme {
            value: self.value,
            ln_probability: self.probability.ln(),
        }
    }
}

/// `ln cosh(t size)` and its derivatives, written so that a small argument keeps
/// its digits: a million tiny terms are added up.
fn flip_cumulants(size: f64, t: f64) -> Cumulants {
    let argument = (t * size).abs();
    let decay = (-2.0 * argument).exp_m1();
    let tangent = -decay / (2.0 + decay) * t.signum();
    let is_small = argument < 1.0;
    Cumulants {
        value: if is_small {
            -0.5 * (-tangent * tangent).ln_1p()
        } else {
            argument + (decay / 2.0).ln_1p()
        },
        slope: size * tangent,
        curvature: size * size * (1.0 - tangent * tangent),
    }
}

/// The cumulants of a listed distribution, shifted by the largest exponent so that
/// nothing overflows.
fn listed_cumulants(points: &[Point], t: f64) -> Cumulants {
    let exponents = points.iter().map(|point| t * point.value);
    let shift = exponents.fold(f64::NEG_INFINITY, f64::max);
    let (mut total, mut growth, mut first, mut second) = (0.0, 0.0, 0.0, 0.0);
    for Point { value, probability } in points {
        let tilted = probability * (t * value - shift).exp();
        total += tilted;
        growth += probability * (t * value).exp_m1();
        first += tilted * value;
        second += tilted * value * value;
    }
    let slope = first / total;
    // Near zero the logarithm of a sum close to 1 would lose what is left of it.
    let value = if shift.abs() < 1.0 {
        growth.ln_1p()
    } else {
        shift + total.ln()
    };
    Cumulants {
        value,
        slope,
        curvature: (second / total - slope * slope).max(0.0),
    }
}

pub(crate) fn normal_cumulants(variance: f64, t: f64) -> Cumulants {
    Cumulants {
        value: t * t * variance / 2.0,
        slope: t * variance,
        curvature: variance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flip_and_its_list_have_the_same_cumulants() {
        let flip = Relabelling::Flip(0.7);
        let listed = Relabelling::Listed(flip.points().unwrap());
        for t in [-30.0, -1.0, 1e-6, 0.5, 12.0] {
            let (one, other) = (flip.cumulants(t), listed.cumulants(t));
            assert!((one.value - other.value).abs() <= 1e-9 * one.value.abs());
            assert!((one.slope - other.slope).abs() < 1e-12);
            assert!((one.curvature - other.curvature).abs() < 1e-12);
        }
    }
}
