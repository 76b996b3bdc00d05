//! Whether two samples of a number come from one distribution: the test of Kolmogorov
//! (1933) and Smirnov (1939).

use super::real;

/// Below this argument the series for p is 1 to all digits, and slow.
const SURELY_ALIKE: f64 = 0.2;

/// Terms of the series for p.
const TERMS: u32 = 100;

/// The largest distance of two distribution functions, with its p-value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KolmogorovSmirnov {
    /// The distance, in [0, 1].
    pub d: f64,
    /// Its p-value, with the correction of Stephens (1970) for small samples.
    pub p: f64,
}

/// Compares two samples; `None` if one is empty or has a value that is not a number.
pub fn ks_two_sample(a: &[f64], b: &[f64]) -> Option<KolmogorovSmirnov> {
    if a.is_empty() || b.is_empty() || a.iter().chain(b).any(|x| x.is_nan()) {
        return None;
    }
    let d = largest_distance(&sorted(a), &sorted(b));
    let (size_a, size_b) = (real(a.len()), real(b.len()));
    let root = (size_a * size_b / (size_a + size_b)).sqrt();
    Some(KolmogorovSmirnov {
        d,
        p: p_of((root + 0.12 + 0.11 / root) * d),
    })
}

fn sorted(sample: &[f64]) -> Vec<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Walks through both sorted samples at once, past all values tied at each step.
fn largest_distance(a: &[f64], b: &[f64]) -> f64 {
    let (mut i, mut j, mut largest) = (0, 0, 0.0_f64);
    while i < a.len() && j < b.len() {
        let value = a[i].min(b[j]);
        while i < a.len() && a[i] <= value {
            i += 1;
        }
        while j < b.len() && b[j] <= value {
            j += 1;
        }
        largest = largest.max((real(i) / real(a.len()) - real(j) / real(b.len())).abs());
    }
    largest
}

fn p_of(lambda: f64) -> f64 {
    if lambda < SURELY_ALIKE {
        return 1.0;
    }
    let term = |j: u32| {
        let sign = if j.is_multiple_of(2) { -1.0 } else { 1.0 };
        sign * (-2.0 * (f64::from(j) * lambda).powi(2)).exp()
    };
    (2.0 * (1..=TERMS).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_samples_are_at_distance_zero() {
        let same = ks_two_sample(&[1.0, 2.0, 2.0], &[2.0, 1.0, 2.0]).unwrap();
        assert_eq!(same, KolmogorovSmirnov { d: 0.0, p: 1.0 });
    }

    #[test]
    fn samples_apart_are_at_distance_one() {
        let apart = ks_two_sample(&[1.0; 50], &[2.0; 50]).unwrap();
        assert!((apart.d - 1.0).abs() < 1e-15 && apart.p < 1e-6);
    }

    #[test]
    fn an_empty_sample_cannot_be_compared() {
        assert_eq!(ks_two_sample(&[], &[1.0]), None);
        assert_eq!(ks_two_sample(&[f64::NAN], &[1.0]), None);
    }
}
