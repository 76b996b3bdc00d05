//! The saddlepoint approximation of a sum of independent relabelled differences
//! (Robinson 1982), with the tail formula of Lugannani and Rice (1980).

use super::SLACK;
use super::moments::Sum;
use super::real;
use super::relabel::{Cumulants, Extreme, Relabelling, Term};
use super::special::{normal_cdf, normal_pdf};

/// Steps after which the root is exact to the last bit, or the sum has none.
const MAX_STEPS: usize = 200;

/// Below this the formula divides rounding errors by each other; the normal
/// distribution is its limit.
const NEAR_CENTER: f64 = 1e-5;

/// The lower mid-p, at `observed`, of the sum of independent relabelled differences.
pub(crate) fn mid_p(terms: &[Term], observed: f64) -> f64 {
    if let Some(p) = mid_p_at_an_end(terms, observed) {
        return p;
    }
    let deviation = sum_cumulants(terms, 0.0).curvature.sqrt();
    if observed.abs() < SLACK * deviation {
        return 0.5;
    }
    let (t, cumulants) = tilt_to(terms, observed, deviation);
    let r = (2.0 * (t * observed - cumulants.value)).max(0.0).sqrt() * t.signum();
    let u = t * cumulants.curvature.sqrt();
    if r.abs() < NEAR_CENTER || u.abs() < f64::MIN_POSITIVE {
        return normal_cdf(observed / deviation);
    }
    (normal_cdf(r) + normal_pdf(r) * (1.0 / r - 1.0 / u)).clamp(0.0, 1.0)
}

/// The probability of the smallest possible sum.
pub(crate) fn smallest_probability(terms: &[Term]) -> f64 {
    total_extreme(terms, Relabelling::lowest).map_or(0.0, |end| end.ln_probability.exp())
}

/// At the smallest or largest possible sum the p is known without approximation.
fn mid_p_at_an_end(terms: &[Term], observed: f64) -> Option<f64> {
    let is_at = |end: &Extreme| (observed - end.value).abs() <= SLACK;
    let half = |end: Extreme| end.ln_probability.exp() / 2.0;
    let lowest = total_extreme(terms, Relabelling::lowest)
        .filter(is_at)
        .map(half);
    let highest = || {
        total_extreme(terms, Relabelling::highest)
            .filter(is_at)
            .map(half)
    };
    lowest.or_else(|| highest().map(|p| 1.0 - p))
}

fn total_extreme<'a>(
    terms: &[Term<'a>],
    end: impl Fn(&Relabelling<'a>) -> Option<Extreme>,
) -> Option<Extreme> {
    let (mut value, mut ln_probability) = (Sum::default(), Sum::default());
    for (relabelling, times) in terms {
        let own = end(relabelling)?;
        value.add(own.value * real(*times));
        ln_probability.add(own.ln_probability * real(*times));
    }
    Some(Extreme {
        value: value.value(),
        ln_probability: ln_probability.value(),
    })
}

/// The tilt at which the mean of the tilted sum is `observed`, by Newton's steps
/// kept within a bracket; the slope grows with the tilt.
fn tilt_to(terms: &[Term], observed: f64, deviation: f64) -> (f64, Cumulants) {
    let mut bracket = if observed < 0.0 {
        (f64::NEG_INFINITY, 0.0)
    } else {
        (0.0, f64::INFINITY)
    };
    let mut t = observed / deviation.powi(2);
    let mut cumulants = sum_cumulants(terms, t);
    for _ in 0..MAX_STEPS {
        let excess = cumulants.slope - observed;
        if excess.abs() <= 1e-13 * deviation {
            break;
        }
        if excess < 0.0 {
            bracket.0 = t;
        } else {
            bracket.1 = t;
        }
        let next = within(bracket, t, t - excess / cumulants.curvature);
        if (next - t).abs() <= f64::EPSILON * t.abs() {
            break;
        }
        t = next;
        cumulants = sum_cumulants(terms, t);
    }
    (t, cumulants)
}

/// Newton's next point where it lies strictly inside the bracket, else the middle of
/// the bracket, or twice as far out while it is still open.
fn within((low, high): (f64, f64), t: f64, newton: f64) -> f64 {
    let is_open = low.is_infinite() || high.is_infinite();
    if newton > low && newton < high && (!is_open || newton.abs() <= 8.0 * t.abs()) {
        newton
    } else if is_open {
        2.0 * t
    } else {
        f64::midpoint(low, high)
    }
}

fn sum_cumulants(terms: &[Term], t: f64) -> Cumulants {
    let (mut value, mut slope, mut curvature) = (Sum::default(), Sum::default(), Sum::default());
    for (relabelling, times) in terms {
        let (own, times) = (relabelling.cumulants(t), real(*times));
        value.add(own.value * times);
        slope.add(own.slope * times);
        curvature.add(own.curvature * times);
    }
    Cumulants {
        value: value.value(),
        slope: slope.value(),
        curvature: curvature.value(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_exact() {
        let terms = [(Relabelling::Flip(1.0), 3), (Relabelling::Flip(2.0), 1)];
        assert!((mid_p(&terms, -5.0) - 1.0 / 32.0).abs() < 1e-12);
        assert!((mid_p(&terms, 5.0) - 31.0 / 32.0).abs() < 1e-12);
        assert!((smallest_probability(&terms) - 1.0 / 16.0).abs() < 1e-12);
    }

    #[test]
    fn the_center_is_one_half() {
        let terms = [(Relabelling::Flip(1.0), 4)];
        assert!((mid_p(&terms, 0.0) - 0.5).abs() < 1e-15);
    }

    #[test]
    fn next_to_the_end_the_root_is_still_found() {
        let terms = [
            (Relabelling::Flip(1.0), 1),
            (Relabelling::Flip(1e-3), 1_000),
        ];
        let p = mid_p(&terms, -2.0 + 3e-9);
        assert!((0.0..1e-100).contains(&p), "{p}");
    }

    #[test]
    fn a_million_flips_near_the_center_keep_their_digits() {
        let terms = [(Relabelling::Flip(0.1), 1_000_000)];
        for z in [1e-4, 1e-3, 1e-2, 0.1, 1.0] {
            let p = mid_p(&terms, -100.0 * z);
            assert!((p - normal_cdf(-z)).abs() < 1e-6, "{z}: {p}");
        }
    }
}
