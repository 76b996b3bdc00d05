//! How far two vocabularies lie apart, and whether chance explains it.

use std::collections::{BTreeMap, BTreeSet};

use super::real;
use super::special::chi_squared_sf;

/// The likelihood-ratio test of a table of two rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GTest {
    /// The statistic.
    pub g: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// P-value; 1 where only one column is filled.
    pub p: f64,
}

/// The divergence of two token counts (Lin 1991) to base 2: 0 for equal shares, 1 for
/// no token in common. `None` if a side has no token.
pub fn js_divergence<K: Ord>(a: &BTreeMap<K, usize>, b: &BTreeMap<K, usize>) -> Option<f64> {
    let (total_a, total_b) = (a.values().sum::<usize>(), b.values().sum::<usize>());
    if total_a == 0 || total_b == 0 {
        return None;
    }
    let share = |counts: &BTreeMap<K, usize>, key: &K, total: usize| {
        real(counts.get(key).copied().unwrap_or(0)) / real(total)
    };
    let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
    let terms = keys.into_iter().map(|key| {
        let (in_a, in_b) = (share(a, key, total_a), share(b, key, total_b));
        let middle = f64::midpoint(in_a, in_b);
        information(in_a, middle) + information(in_b, middle)
    });
    Some((terms.sum::<f64>() / 2.0).clamp(0.0, 1.0))
}

fn information(p: f64, middle: f64) -> f64 {
    if p > 0.0 {
        p * (p / middle).log2()
    } else {
        0.0
    }
}

/// The counts of both sides for the `limit` tokens that are most frequent in both
/// together, ties by their order, and for all others pooled in the last column.
pub fn vocabulary_table<K: Ord>(
    a: &BTreeMap<K, usize>,
    b: &BTreeMap<K, usize>,
    limit: usize,
) -> (Vec<usize>, Vec<usize>) {
    let count = |counts: &BTreeMap<K, usize>, key: &K| counts.get(key).copied().unwrap_or(0);
    let keys: BTreeSet<&K> = a.keys().chain(b.keys()).collect();
    let mut columns: Vec<(usize, usize)> = keys
        .into_iter()
        .map(|key| (count(a, key), count(b, key)))
        .collect();
    columns.sort_by_key(|(a, b)| std::cmp::Reverse(a + b));
    let rest = columns.split_off(limit.min(columns.len()));
    if !rest.is_empty() {
        columns.push(
            rest.iter()
                .fold((0, 0), |sum, next| (sum.0 + next.0, sum.1 + next.1)),
        );
    }
    columns.into_iter().unzip()
}

/// The likelihood-ratio test of independence of a table of two rows (Woolf 1957).
/// Columns that are zero on both sides are dropped. `None` for rows of unequal length,
/// or a row without a count.
pub fn g_test(a: &[usize], b: &[usize]) -> Option<GTest> {
    let (total_a, total_b) = (a.iter().sum::<usize>(), b.iter().sum::<usize>());
    if a.len() != b.len() || total_a == 0 || total_b == 0 {
        return None;
    }
    let surprise = |observed: usize, row: usize, column: usize| {
        let expected = real(row) * real(column) / real(total_a + total_b);
        if observed == 0 {
            0.0
        } else {
            real(observed) * (real(observed) / expected).ln()
        }
    };
    let columns = || a.iter().zip(b).filter(|(in_a, in_b)| **in_a + **in_b > 0);
    let terms = columns().map(|(in_a, in_b)| {
        surprise(*in_a, total_a, in_a + in_b) + surprise(*in_b, total_b, in_a + in_b)
    });
    let g = (2.0 * terms.sum::<f64>()).max(0.0);
    let df = columns().count() - 1;
    let p = if df == 0 {
        1.0
    } else {
        chi_squared_sf(g, real(df))
    };
    Some(GTest { g, df, p })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pairs: &[(&'static str, usize)]) -> BTreeMap<&'static str, usize> {
        pairs.iter().copied().collect()
    }

    #[test]
    fn nothing_in_common_is_one_and_the_same_shares_are_zero() {
        let (a, b) = (counts(&[("a", 3)]), counts(&[("b", 9)]));
        assert_eq!(js_divergence(&a, &b), Some(1.0));
        let (one, ten) = (
            counts(&[("a", 1), ("b", 2)]),
            counts(&[("a", 10), ("b", 20)]),
        );
        assert!(js_divergence(&one, &ten).unwrap() < 1e-15);
    }

    #[test]
    fn an_empty_side_has_no_divergence() {
        assert_eq!(js_divergence(&counts(&[]), &counts(&[("a", 1)])), None);
        assert_eq!(g_test(&[0, 0], &[1, 2]), None);
        assert_eq!(g_test(&[1], &[1, 2]), None);
    }

    #[test]
    fn empty_columns_do_not_count() {
        let plain = g_test(&[12, 30], &[22, 18]);
        assert_eq!(g_test(&[12, 0, 30], &[22, 0, 18]), plain);
        assert_eq!(
            g_test(&[5], &[7]),
            Some(GTest {
                g: 0.0,
                df: 0,
                p: 1.0
            })
        );
    }

    #[test]
    fn rare_tokens_are_pooled_in_the_last_column() {
        let a = counts(&[("x", 5), ("y", 1), ("z", 1)]);
        let b = counts(&[("x", 4), ("w", 2)]);
        assert_eq!(vocabulary_table(&a, &b, 2), (vec![5, 0, 2], vec![4, 2, 0]));
        assert_eq!(vocabulary_table(&a, &b, 9).0.len(), 4);
    }
}
