//! Where a series of run means changed its level: the E-divisive procedure of Matteson
//! and James (2014).

use super::rng::SplitMix64;
use super::{SLACK, real};

/// Permuted statistics this close to the observed one count as equal to it.
const SAME_ENERGY: f64 = 1e-12;

/// How change points are looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// Fewest points on either side of a change.
    pub min_size: usize,
    /// Number of permutations of a segment.
    pub permutations: usize,
    /// Largest p at which a change is accepted.
    pub level: f64,
    /// Seed of the generator.
    pub seed: u64,
}

impl Default for Search {
    fn default() -> Self {
        Search {
            min_size: 3,
            permutations: 499,
            level: 0.01,
            seed: 42,
        }
    }
}

/// The energy statistic of every split of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct EnergyProfile {
    /// The first split, as the index of the first point of the right part.
    pub first_split: usize,
    /// The statistic of this split and of each one after it.
    pub q: Vec<f64>,
}

/// A change of level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePoint {
    /// The first point of the new level.
    pub index: usize,
    /// Its energy statistic within the segment where it was found.
    pub q: f64,
    /// Its permutation p-value within that segment.
    pub p: f64,
}

/// The energy statistic of every split that leaves `min_size` points, at least one,
/// on either side; empty for a series too short, or with a value that is not finite.
pub fn energy_profile(series: &[f64], min_size: usize) -> EnergyProfile {
    let first_split = min_size.max(1);
    let is_finite = series.iter().all(|x| x.is_finite());
    let last_split = if is_finite {
        series.len().saturating_sub(first_split)
    } else {
        0
    };
    let mut distances = Distances::new(series);
    let mut q = Vec::new();
    for split in 1..=last_split {
        distances.move_border(split);
        if split >= first_split {
            q.push(distances.energy(split));
        }
    }
    EnergyProfile { first_split, q }
}

impl EnergyProfile {
    /// The split with the largest statistic, the first of equals, and its statistic.
    fn best(&self) -> Option<(usize, f64)> {
        let splits = self.q.iter().copied().enumerate();
        let best = splits.reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map(|(offset, q)| (self.first_split + offset, q))
    }
}

/// Sums of distances within the left part, within the right part and between them,
/// updated as the border moves, so that a profile takes quadratic time.
struct Distances<'a> {
    series: &'a [f64],
    within_left: f64,
    within_right: f64,
    between: f64,
}

impl Distances<'_> {
    fn new(series: &[f64]) -> Distances<'_> {
        let within_right = (0..series.len())
            .map(|i| distance_sum(series[i], &series[i + 1..]))
            .sum();
        Distances {
            series,
            within_left: 0.0,
            within_right,
            between: 0.0,
        }
    }

    /// Moves the point before `split` from the right part to the left.
    fn move_border(&mut self, split: usize) {
        let point = self.series[split - 1];
        let to_left = distance_sum(point, &self.series[..split - 1]);
        let to_right = distance_sum(point, &self.series[split..]);
        self.within_left += to_left;
        self.within_right -= to_right;
        self.between += to_right - to_left;
    }

    fn energy(&self, split: usize) -> f64 {
        let (left, right) = (real(split), real(self.series.len() - split));
        let mean_within = |total: f64, n: f64| {
            if n < 2.0 {
                0.0
            } else {
                total / (n * (n - 1.0) / 2.0)
            }
        };
        let spread = 2.0 * self.between / (left * right)
            - mean_within(self.within_left, left)
            - mean_within(self.within_right, right);
        left * right / (left + right) * spread
    }
}

fn distance_sum(point: f64, others: &[f64]) -> f64 {
    others.iter().map(|other| (point - other).abs()).sum()
}

/// The change points of a series, by ascending index. Each split is tested against
/// permutations of its segment, whose stream of draws belongs to the segment, so that
/// the result does not depend on the order of the search. A t test at the split would
/// not do: the split was chosen for looking large.
pub fn edivisive(series: &[f64], search: &Search) -> Vec<ChangePoint> {
    let mut found = Vec::new();
    let mut segments = vec![(0, series.len())];
    while let Some((start, end)) = segments.pop() {
        if let Some(change) = change_in_segment(series, start, end, search) {
            segments.extend([(start, change.index), (change.index, end)]);
            found.push(change);
        }
    }
    found.sort_by_key(|change| change.index);
    found
}

fn change_in_segment(
    series: &[f64],
    start: usize,
    end: usize,
    search: &Search,
) -> Option<ChangePoint> {
    let mut segment = series[start..end].to_vec();
    let (split, q) = energy_profile(&segment, search.min_size).best()?;
    let mut rng = SplitMix64::new(search.seed, &format!("edivisive:{start}:{end}"));
    let p_of = |as_large: usize| real(1 + as_large) / real(search.permutations + 1);
    let mut as_large = 0;
    for _ in 0..search.permutations {
        rng.shuffle(&mut segment);
        let (_, permuted) = energy_profile(&segment, search.min_size).best()?;
        if permuted >= q - SAME_ENERGY {
            as_large += 1;
        }
        // What is no change already cannot become one: most segments end here soon.
        if p_of(as_large) > search.level + SLACK {
            return None;
        }
    }
    let p = p_of(as_large);
    (p <= search.level + SLACK).then_some(ChangePoint {
        index: start + split,
        q,
        p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_too_short_has_no_split() {
        assert!(energy_profile(&[1.0, 2.0, 3.0, 4.0, 5.0], 3).q.is_empty());
        assert_eq!(edivisive(&[], &Search::default()), []);
        assert_eq!(edivisive(&[f64::NAN; 20], &Search::default()), []);
        assert_eq!(
            edivisive(
                &[1.0],
                &Search {
                    min_size: 0,
                    ..Search::default()
                }
            ),
            []
        );
    }

    #[test]
    fn a_constant_series_never_changes() {
        assert_eq!(edivisive(&[0.5; 30], &Search::default()), []);
    }

    #[test]
    fn two_changes_are_both_found() {
        let wave = |i: usize| 0.01 * real(i % 3);
        let level = |i: usize| 0.9 - 0.2 * real(usize::from(i >= 10) + usize::from(i >= 22));
        let series: Vec<f64> = (0..34).map(|i| level(i) + wave(i)).collect();
        let found = edivisive(&series, &Search::default());
        let indices: Vec<usize> = found.iter().map(|change| change.index).collect();
        assert_eq!(indices, [10, 22]);
    }
}
