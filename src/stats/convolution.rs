//! The exact distribution of a sum of independent relabelled differences.

use super::SLACK;
use super::mcnemar::Tail;
use super::moments::sum;
use super::relabel::Point;

/// The longest table of values that is still worth keeping.
const MAX_ENTRIES: usize = 65_536;

/// The most multiplications, the sum of table sizes times support sizes.
const MAX_WORK: usize = 100_000_000;

/// Sums closer than this are one value of the table.
const SAME_SUM: f64 = 1e-10;

/// Counts the work of a convolution and says when to give up.
#[derive(Default)]
struct Effort {
    work: usize,
}

impl Effort {
    fn spend(&mut self, table: usize, support: usize) -> Option<()> {
        self.work = self.work.saturating_add(table.saturating_mul(support));
        (self.work <= MAX_WORK).then_some(())
    }
}

/// The lower tail, at `observed`, of the sum of independent variables, each given by
/// its ascending points and how often it occurs; `None` where that is too much work.
pub(crate) fn tail<I>(variables: I, observed: f64) -> Option<Tail>
where
    I: IntoIterator<Item = (Option<Vec<Point>>, usize)>,
{
    let mut effort = Effort::default();
    let mut table = vec![Point {
        value: 0.0,
        probability: 1.0,
    }];
    for (points, times) in variables {
        let points = points?;
        for _ in 0..times {
            effort.spend(table.len(), points.len())?;
            table = if table.len() < points.len() {
                convolve(&points, &table)?
            } else {
                convolve(&table, &points)?
            };
        }
    }
    Some(tail_of(&table, observed))
}

fn tail_of(table: &[Point], observed: f64) -> Tail {
    let (below, rest) = table.split_at(table.partition_point(|p| p.value < observed - SLACK));
    let at = rest.iter().take_while(|p| p.value <= observed + SLACK);
    Tail {
        below: sum(below.iter().map(|point| point.probability)),
        at: sum(at.map(|point| point.probability)),
    }
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
    let mut merged: Vec<Point> = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left, right);
    while let Some(next) = pop_smaller(&mut left, &mut right) {
        match merged.last_mut() {
            Some(last) if next.value - last.value <= SAME_SUM => {
                last.probability += next.probability;
            }
            _ => merged.push(next),
        }
    }
    merged
}

/// Takes the smaller of two first points off its list.
fn pop_smaller<'a>(left: &mut &'a [Point], right: &mut &'a [Point]) -> Option<Point> {
    let list = match (left.first(), right.first()) {
        (Some(one), Some(other)) if one.value > other.value => right,
        (None, _) => right,
        _ => left,
    };
    let (first, rest) = list.split_first()?;
    *list = rest;
    Some(*first)
}

/// The lower tail, at `observed` above the least possible sum, of a sum of
/// independent counts, each given by the probabilities of 0, 1, 2, ... and how often
/// it occurs. On this lattice no value has to be compared, which makes it fast.
pub(crate) fn lattice_tail<I>(counts: I, observed: usize) -> Option<Tail>
where
    I: IntoIterator<Item = (Vec<f64>, usize)>,
{
    let mut effort = Effort::default();
    let mut table = vec![1.0];
    for (probabilities, times) in counts {
        for _ in 0..times {
            effort.spend(table.len(), probabilities.len())?;
            table = convolve_lattice(&table, &probabilities);
            if table.len() > MAX_ENTRIES {
                return None;
            }
        }
    }
    let below = sum(table.iter().take(observed).copied());
    let at = table.get(observed).copied().unwrap_or(0.0);
    Some(Tail { below, at })
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
    use super::*;

    fn coin() -> Vec<Point> {
        vec![
            Point {
                value: -1.0,
                probability: 0.5,
            },
            Point {
                value: 1.0,
                probability: 0.5,
            },
        ]
    }

    #[test]
    fn three_coins_fall_all_the_same_once_in_eight() {
        let tail = tail([(Some(coin()), 3)], -3.0).unwrap();
        assert_eq!(
            tail,
            Tail {
                below: 0.0,
                at: 0.125
            }
        );
    }

    #[test]
    fn the_lattice_and_the_table_agree() {
        let listed = tail([(Some(coin()), 40)], -6.0).unwrap();
        let lattice = lattice_tail([(vec![0.5, 0.5], 40)], 17).unwrap();
        assert!((listed.below - lattice.below).abs() < 1e-12);
        assert!((listed.at - lattice.at).abs() < 1e-12);
    }

    #[test]
    fn a_table_that_grows_too_long_is_given_up() {
        let unlike = (0..20).map(|i| {
            let size = real(1 << i);
            let points = [-size, size].map(|value| Point {
                value,
                probability: 0.5,
            });
            (Some(points.to_vec()), 1)
        });
        assert_eq!(tail(unlike, 0.0), None);
        assert_eq!(lattice_tail([(vec![0.5, 0.5], 100_000)], 0), None);
    }
}
