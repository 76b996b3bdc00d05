//! Distribution functions and their inverses, with their domains checked.
//!
//! The numerical work is done by the crate `statrs`, which was checked against
//! other libraries to 1e-8 for parameters up to 10,000 and to 1e-6 beyond.

use std::f64::consts::{PI, SQRT_2};

use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};
use statrs::function::beta::inv_beta_reg;
use statrs::function::erf::{erfc, erfc_inv};
use statrs::function::factorial::ln_binomial;
use statrs::function::gamma::gamma_ur;

/// Degrees of freedom from which the t quantile of `statrs` loses digits and the
/// expansion around the normal quantile is exact to the last one.
const MANY_DEGREES: f64 = 10_000.0;

/// Density of the standard normal distribution.
pub fn normal_pdf(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// Probability that a standard normal variable is at most `x`.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / SQRT_2)
}

/// Quantile of the standard normal distribution; `None` unless `0 < p < 1`.
pub fn normal_ppf(p: f64) -> Option<f64> {
    is_open_probability(p).then(|| -SQRT_2 * erfc_inv(2.0 * p))
}

/// Quantile of Student's t distribution with `df` degrees of freedom, which need
/// not be whole; `None` unless `0 < p < 1` and `df > 0`.
pub fn student_t_ppf(p: f64, df: f64) -> Option<f64> {
    if !is_open_probability(p) {
        return None;
    }
    if df > MANY_DEGREES {
        return normal_ppf(p).map(|z| expanded_t(z, df));
    }
    StudentsT::new(0.0, 1.0, df).ok().map(|t| t.inverse_cdf(p))
}

/// Expansion of the t quantile in powers of `1 / df` (Abramowitz and Stegun 1964,
/// 26.7.5).
fn expanded_t(z: f64, df: f64) -> f64 {
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / df + second / df.powi(2) + third / df.powi(3)
}

/// Quantile of the beta distribution; `None` unless `0 < p < 1` and both shapes
/// are positive.
pub fn beta_ppf(p: f64, a: f64, b: f64) -> Option<f64> {
    let shapes_are_positive = [a, b].iter().all(|shape| shape.is_finite() && *shape > 0.0);
    (is_open_probability(p) && shapes_are_positive).then(|| inv_beta_reg(a, b, p))
}

/// Quantile of the chi-squared distribution; `None` unless `0 < p < 1` and `df > 0`.
pub fn chi_squared_ppf(p: f64, df: f64) -> Option<f64> {
    if !is_open_probability(p) {
        return None;
    }
    ChiSquared::new(df).ok().map(|chi| chi.inverse_cdf(p))
}

/// Probability that a chi-squared variable with `df > 0` degrees of freedom
/// exceeds `x`.
pub(crate) fn chi_squared_sf(x: f64, df: f64) -> f64 {
    if x <= 0.0 {
        1.0
    } else {
        gamma_ur(df / 2.0, x / 2.0).clamp(0.0, 1.0)
    }
}

/// Natural logarithm of the number of ways to choose `k` of `n` things, `k <= n`.
pub(crate) fn ln_choose(n: usize, k: usize) -> f64 {
    ln_binomial(n as u64, k as u64)
}

/// Critical value of a two-sided normal interval; `None` unless `confidence` lies
/// strictly between 0 and 1.
pub(crate) fn two_sided_z(confidence: f64) -> Option<f64> {
    normal_ppf(f64::midpoint(1.0, confidence)).filter(|_| is_open_probability(confidence))
}

fn is_open_probability(p: f64) -> bool {
    p > 0.0 && p < 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_t_quantile_is_continuous_where_the_expansion_takes_over() {
        let below = student_t_ppf(0.95, MANY_DEGREES).unwrap();
        let above = student_t_ppf(0.95, MANY_DEGREES + 1e-6).unwrap();
        assert!((below - above).abs() < 1e-9, "{below} {above}");
    }

    #[test]
    fn a_million_degrees_of_freedom_keep_ten_digits() {
        assert!((student_t_ppf(0.975, 1e6).unwrap() - 1.959_966_356_814_107).abs() < 1e-10);
    }

    #[test]
    fn quantiles_outside_their_domain_are_none() {
        for p in [0.0, 1.0, -0.1, f64::NAN] {
            assert_eq!(normal_ppf(p), None);
            assert_eq!(student_t_ppf(p, 5.0), None);
            assert_eq!(beta_ppf(p, 1.0, 1.0), None);
            assert_eq!(chi_squared_ppf(p, 1.0), None);
        }
        assert_eq!(student_t_ppf(0.5, 0.0), None);
        assert_eq!(beta_ppf(0.5, 0.0, 1.0), None);
        assert_eq!(chi_squared_ppf(0.5, -1.0), None);
    }
}
