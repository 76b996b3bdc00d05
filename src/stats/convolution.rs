//! The exact distribution of a sum of independent relabelled differences.

use super::SLACK;
use super::mcnemar::Tail;
use super::moments::sum;
use super::relabel::{Point, Term};

/// The longest table of values that is still worth keeping.
const MAX_ENTRIES: usize = 65_536;

/// The most multiplications, the sum of table sizes times support sizes.
const MAX_WORK: usize = 100_000_000;

/// Sums closer than this are one value of the table.
const SAME_SUM: f64 = 1e-10;

/// The exact distribution of a sum that grows by one independent variable after
/// another, as an ascending table.
#[derive(Debug)]
pub(crate) struct Convolution {
    table: Vec<Point>,
    work: usize,
}

impl Convolution {
    pub(crate) fn new() -> Convolution {
        let nothing = Point {
            value: 0.0,
            probability: 1.0,
        };
        Convolution {
            table: vec![nothing],
            work: 0,
        }
    }

    /// Adds a variable given by its ascending points; `None` where the table would be
    /// too long or the work too much.
    pub(crate) fn add(&mut self, points: &[Point]) -> Option<()> {
        self.work += self.table.len().checked_mul(points.len())?;
        if self.work > MAX_WORK {
            return None;
        }
        self.table = if self.table.len() < points.len() {
            convolve(points, &self.table)?
        } else {
            convolve(&self.table, points)?
        };
        Some(())
    }

    /// Adds relabellings one by one.
    pub(crate) fn add_all(&mut self, terms: &[Term]) -> Option<()> {
        if !is_feasible(
            terms
                .iter()
                .map(|(own, times)| (own.fewest_points(), *times)),
        ) {
            return None;
        }
        for (relabelling, times) in terms {
            let points = relabelling.points()?;
            for _ in 0..*times {
                self.add(&points)?;
            }
        }
        Some(())
    }

    /// The lower tail of the sum at `observed`.
    pub(crate) fn tail(&self, observed: f64) -> Tail {
        let is_below = |point: &Point| point.value < observed - SLACK;
        let (below, rest) = self.table.split_at(self.table.partition_point(is_below));
        let at = rest.iter().take_while(|p| p.value <= observed + SLACK);
        Tail {
            below: sum(below.iter().map(|point| point.probability)),
            at: sum(at.map(|point| point.probability)),
        }
    }
}

/// Whether a convolution can stay within its limits, given the support sizes. A sum of
/// variables with `a` and `b` values has at least `a + b - 1`, so that hopeless cases
/// are known before any work is done; on a lattice the sizes are exactly these.
fn is_feasible(supports: impl IntoIterator<Item = (usize, usize)>) -> bool {
    let (mut table, mut work) = (1, 0);
    for (support, times) in supports {
        for _ in 0..times {
            work += table * support;
            table += support - 1;
            if work > MAX_WORK || table > MAX_ENTRIES {
                return false;
            }
        }
    }
    true
}

/// The distribution of the sum of two independent variables; `None` where it is too
/// long a table. Halves of the shorter list are done one after the other, so that
/// each value moves only log2 times and a table too long is noticed early.
fn convolve(long: &[Point], short: &[Point]) -> Option<Vec<Point>> {
    if let [by] = short {
        return Some(shift(long, *by));
    }
    let (lower, upper) = short.split_at(short.len() / 2);
    let table = merge(&convolve(long, lower)?, &convolve(long, upper)?);
    (table.len() <= MAX_ENTRIES).then_some(table)
}

fn shift(points: &[Point], by: Point) -> Vec<Point> {
    points
        .iter()
        .map(|point| Point {
            value: point.value + by.value,
            probability: point.probability * by.probability,
        })
        .collect()
}

/// Two ascending lists as one, with values that agree added up.
fn merge(left: &[Point], right: &[Point]) -> Vec<Point> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut i, mut j) = (0, 0);
    while i < left.len() && j < right.len() {
        let (one, other) = (left[i], right[j]);
        let ahead = other.value - one.value;
        if ahead.abs() <= SAME_SUM {
            let probability = one.probability + other.probability;
            merged.push(Point { probability, ..one });
            (i, j) = (i + 1, j + 1);
        } else if ahead > 0.0 {
            merged.push(one);
            i += 1;
        } else {
            merged.push(other);
            j += 1;
        }
    }
    merged.extend_from_slice(&left[i..]);
    merged.extend_from_slice(&right[j..]);
    merged
}

/// The distribution of a sum of independent counts, each given by the probabilities of
/// 0, 1, 2, ... and how often it occurs; `None` where that is too much work. On this
/// lattice no value has to be compared, which makes it fast.
pub(crate) fn lattice(counts: &[(Vec<f64>, usize)]) -> Option<Vec<f64>> {
    if !is_feasible(counts.iter().map(|(own, times)| (own.len(), *times))) {
        return None;
    }
    let mut table = vec![1.0];
    for (probabilities, times) in counts {
        for _ in 0..*times {
            table = convolve_lattice(&table, probabilities);
        }
    }
    Some(table)
}

fn convolve_lattice(table: &[f64], probabilities: &[f64]) -> Vec<f64> {
    let mut product = vec![0.0; table.len() + probabilities.len() - 1];
    for (shift, probability) in probabilities.iter().enumerate() {
        for (target, source) in product[shift..].iter_mut().zip(table) {
            *target += source * probability;
        }
    }
    product
}

#[cfg(test)]
mod tests {
    use super::super::real;
    use super::super::relabel::Relabelling;
    use super::*;

    fn tail(terms: &[Term], observed: f64) -> Option<Tail> {
        let mut sum = Convolution::new();
        sum.add_all(terms)?;
        Some(sum.tail(observed))
    }

    #[test]
    fn three_coins_fall_all_the_same_once_in_eight() {
        let tail = tail(&[(Relabelling::Flip(1.0), 3)], -3.0).unwrap();
        assert_eq!((tail.below, tail.at), (0.0, 0.125));
    }

    #[test]
    fn the_lattice_and_the_table_agree() {
        let listed = tail(&[(Relabelling::Flip(1.0), 40)], -6.0).unwrap();
        let lattice = lattice(&[(vec![0.5, 0.5], 40)]).unwrap();
        assert!((listed.below - lattice[..17].iter().sum::<f64>()).abs() < 1e-12);
        assert!((listed.at - lattice[17]).abs() < 1e-12);
    }

    #[test]
    fn a_table_that_grows_too_long_is_given_up() {
        let unlike = |i: usize| (Relabelling::Flip(real(1 << i)), 1);
        let terms: Vec<Term> = (0..20).map(unlike).collect();
        assert_eq!(tail(&terms, 0.0), None);
    }

    #[test]
    fn hopeless_work_is_not_even_begun() {
        assert_eq!(lattice(&[(vec![0.5, 0.5], 100_000)]), None);
        assert_eq!(tail(&[(Relabelling::Flip(1.0), 1_000_000)], 0.0), None);
    }
}
