//! Ways to choose some things out of a few, one after another.

use super::real;
use super::relabel::Point;
use super::special::ln_choose;
use super::unit::SAME_SCORE;

/// Beyond so many subsets a unit is not listed.
const MAX_SUBSETS: f64 = 20_000.0;

/// Whether the ways to choose `k` of `n` are few enough to be listed one by one.
pub(crate) fn are_few(n: usize, k: usize) -> bool {
    ln_choose(n, k) <= MAX_SUBSETS.ln() + 1e-9
}

/// The value of every subset of size `k` of the indices below `n`, in
/// lexicographic order of the subsets.
pub(crate) fn map_subsets(n: usize, k: usize, value: impl Fn(&[usize]) -> f64) -> Vec<f64> {
    let mut subset: Vec<usize> = (0..k).collect();
    let mut values = vec![value(&subset)];
    while advance(&mut subset, n) {
        values.push(value(&subset));
    }
    values
}

/// Turns a subset into the next one; `false` after the last.
fn advance(subset: &mut [usize], n: usize) -> bool {
    let k = subset.len();
    let Some(place) = (0..k).rev().find(|place| subset[*place] < n - k + place) else {
        return false;
    };
    subset[place] += 1;
    for next in place + 1..k {
        subset[next] = subset[next - 1] + 1;
    }
    true
}

/// The distribution of a value drawn from a list with equal chances: ascending, with
/// values merged that differ only by rounding.
pub(crate) fn equally_likely(mut values: Vec<f64>) -> Vec<Point> {
    let share = 1.0 / real(values.len());
    values.sort_by(f64::total_cmp);
    let alike = values.chunk_by(|one, next| next - one <= SAME_SCORE);
    alike
        .map(|same| Point {
            value: same[0],
            probability: share * real(same.len()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subset_comes_once() {
        let code = |subset: &[usize]| subset.iter().map(|index| real(1 << index)).sum();
        assert_eq!(map_subsets(4, 2, code), [3.0, 5.0, 9.0, 6.0, 10.0, 12.0]);
        assert_eq!(map_subsets(3, 3, code), [7.0]);
        assert_eq!(map_subsets(3, 0, code), [0.0]);
    }

    #[test]
    fn equal_values_are_merged() {
        let points = equally_likely(vec![2.0, 1.0, 2.0 + 1e-13, 3.0]);
        let probabilities: Vec<f64> = points.iter().map(|point| point.probability).collect();
        assert_eq!(probabilities, [0.25, 0.5, 0.25]);
    }
}
