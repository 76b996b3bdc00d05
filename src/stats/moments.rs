//! Sums, means, variances and quantiles that stay exact for a million terms.

use super::real;

/// A running sum that carries the rounding error of each addition along
/// (Neumaier 1974), so that a million terms lose no digits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    total: f64,
    lost: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let next = self.total + term;
        self.lost += if self.total.abs() >= term.abs() {
            (self.total - next) + term
        } else {
            (term - next) + self.total
        };
        self.total = next;
    }

    pub(crate) fn value(self) -> f64 {
        self.total + self.lost
    }
}

/// The compensated sum of some numbers; 0 for none.
pub(crate) fn sum(terms: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = Sum::default();
    terms.into_iter().for_each(|term| sum.add(term));
    sum.value()
}

/// The arithmetic mean; `None` for no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| sum(values.iter().copied()) / real(values.len()))
}

/// The variance with denominator `n - 1`; `None` below two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let squares = population_variance(values)? * real(values.len());
    (values.len() > 1).then(|| squares / real(values.len() - 1))
}

/// The variance with denominator `n`; `None` for no values.
pub fn population_variance(values: &[f64]) -> Option<f64> {
    population_covariance(values, values)
}

/// The covariance of paired values with denominator `n`; `None` for no pairs or lists
/// of unequal length.
pub fn population_covariance(xs: &[f64], ys: &[f64]) -> Option<f64> {
    if xs.len() != ys.len() {
        return None;
    }
    let (center_x, center_y) = (mean(xs)?, mean(ys)?);
    let products = xs
        .iter()
        .zip(ys)
        .map(|(x, y)| (x - center_x) * (y - center_y));
    Some(sum(products) / real(xs.len()))
}

/// The type-7 quantile of Hyndman and Fan (1996), the default of R and `NumPy`, of
/// values in ascending order; `None` for no values or a fraction outside [0, 1].
pub fn quantile(sorted: &[f64], fraction: f64) -> Option<f64> {
    let (position, rest) = quantile_position(sorted.len(), fraction)?;
    let low = sorted[position];
    let high = sorted.get(position + 1).copied().unwrap_or(low);
    Some(low + rest * (high - low))
}

/// Where the type-7 quantile of `n` sorted values lies: the index of the value
/// below it and the share of the way to the next one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position lies between 0 and the length of a slice"
)]
pub(crate) fn quantile_position(n: usize, fraction: f64) -> Option<(usize, f64)> {
    if n == 0 || !(0.0..=1.0).contains(&fraction) {
        return None;
    }
    let position = real(n - 1) * fraction;
    Some((position.floor() as usize, position.fract()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_tenths_sum_to_a_hundred_thousand() {
        let total = sum(std::iter::repeat_n(0.1, 1_000_000));
        assert!((total - 100_000.0).abs() < 1e-9);
    }

    #[test]
    fn quantiles_interpolate_between_neighbours() {
        let values = [1.0, 2.0, 4.0];
        for (fraction, expected) in [(0.0, 1.0), (0.25, 1.5), (0.5, 2.0), (0.75, 3.0), (1.0, 4.0)] {
            assert_eq!(quantile(&values, fraction), Some(expected));
        }
    }

    #[test]
    fn too_few_values_have_no_moments() {
        assert_eq!(mean(&[]), None);
        assert_eq!(variance(&[1.0]), None);
        assert_eq!(population_variance(&[]), None);
        assert_eq!(population_covariance(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[1.0], 1.5), None);
    }
}
