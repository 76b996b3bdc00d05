//! How well raters agree beyond chance.

use super::moments::sum;
use super::special::two_sided_z;
use super::{Interval, SLACK, real};

/// A coefficient of agreement between two raters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Agreement {
    /// Share of items that both rate alike, to be printed with any coefficient.
    pub observed: f64,
    /// Agreement beyond chance; `None` where chance alone makes raters agree.
    pub coefficient: Option<f64>,
    /// Its large-sample standard error; `None` without it.
    pub standard_error: Option<f64>,
    /// Its normal bounds, within [-1, 1]; `None` without it.
    pub bounds: Option<Interval>,
}

/// What the ratings of several raters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// Names of classes: two ratings agree or do not.
    Nominal,
    /// Numbers: two ratings differ by the square of their distance.
    Interval,
}

/// The kappa of Cohen (1960) with the standard error of Fleiss, Cohen and Everitt
/// (1969). Rows of the table are the classes of one rater, columns those of the other.
/// `None` for a table that is empty or not square.
pub fn cohen_kappa(table: &[Vec<usize>], confidence: f64) -> Option<Agreement> {
    let shares = Shares::of(table)?;
    let observed = shares.agreement();
    let chance = sum(shares.classes().map(|k| shares.rows[k] * shares.columns[k]));
    if 1.0 - chance < SLACK {
        return Some(Agreement::undefined(observed));
    }
    let kappa = (observed - chance) / (1.0 - chance);
    let on_diagonal = shares.classes().map(|k| {
        let margins = shares.rows[k] + shares.columns[k];
        shares.cells[k][k] * (1.0 - margins * (1.0 - kappa)).powi(2)
    });
    let off_diagonal = shares.pairs().filter(|(i, j)| i != j).map(|(i, j)| {
        let margins = shares.columns[i] + shares.rows[j];
        shares.cells[i][j] * (margins * (1.0 - kappa)).powi(2)
    });
    let spread = sum(on_diagonal) + sum(off_diagonal);
    let variance = (spread - (kappa - chance * (1.0 - kappa)).powi(2))
        / ((1.0 - chance).powi(2) * shares.items);
    Some(Agreement::new(observed, kappa, variance, confidence))
}

/// The AC1 of Gwet (2008), which stays stable when one class dominates. Rows of the
/// table are the classes of one rater, columns those of the other. `None` for a table
/// that is empty, not square, or of a single class.
pub fn gwet_ac1(table: &[Vec<usize>], confidence: f64) -> Option<Agreement> {
    let shares = Shares::of(table).filter(|shares| shares.rows.len() > 1)?;
    let others = real(shares.rows.len() - 1);
    let class = |k: usize| f64::midpoint(shares.rows[k], shares.columns[k]);
    let observed = shares.agreement();
    let chance = sum(shares.classes().map(|k| class(k) * (1.0 - class(k)))) / others;
    let ac1 = (observed - chance) / (1.0 - chance);
    let on_diagonal = sum(shares
        .classes()
        .map(|k| shares.cells[k][k] * (1.0 - class(k))));
    let all = sum(shares
        .pairs()
        .map(|(k, l)| shares.cells[k][l] * (1.0 - f64::midpoint(class(k), class(l))).powi(2)));
    let spread = observed * (1.0 - observed)
        - 4.0 * (1.0 - ac1) * (on_diagonal / others - observed * chance)
        + 4.0 * (1.0 - ac1).powi(2) * (all / (others * others) - chance * chance);
    let variance = spread / ((shares.items - 1.0) * (1.0 - chance).powi(2));
    Some(Agreement::new(observed, ac1, variance, confidence))
}

impl Agreement {
    /// The variance is not finite where a single item was rated.
    fn new(observed: f64, coefficient: f64, variance: f64, confidence: f64) -> Agreement {
        let error = Some(variance.max(0.0).sqrt()).filter(|_| variance.is_finite());
        let half_width = error
            .zip(two_sided_z(confidence))
            .map(|(error, z)| error * z);
        Agreement {
            observed,
            coefficient: Some(coefficient),
            standard_error: error,
            bounds: half_width.map(|half| Interval::around(coefficient, half).clipped(-1.0, 1.0)),
        }
    }

    fn undefined(observed: f64) -> Agreement {
        Agreement {
            observed,
            coefficient: None,
            standard_error: None,
            bounds: None,
        }
    }
}

/// A square table as shares of all items.
struct Shares {
    items: f64,
    cells: Vec<Vec<f64>>,
    rows: Vec<f64>,
    columns: Vec<f64>,
}

impl Shares {
    fn of(table: &[Vec<usize>]) -> Option<Shares> {
        let items: usize = table.iter().flatten().sum();
        if items == 0 || table.iter().any(|row| row.len() != table.len()) {
            return None;
        }
        let share = |count: &usize| real(*count) / real(items);
        let cells: Vec<Vec<f64>> = table
            .iter()
            .map(|row| row.iter().map(share).collect())
            .collect();
        let rows = cells.iter().map(|row| row.iter().sum()).collect();
        let column = |k: usize| cells.iter().map(|row| row[k]).sum();
        let columns = (0..cells.len()).map(column).collect();
        Some(Shares {
            items: real(items),
            rows,
            columns,
            cells,
        })
    }

    fn classes(&self) -> std::ops::Range<usize> {
        0..self.rows.len()
    }

    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        self.classes()
            .flat_map(|i| self.classes().map(move |j| (i, j)))
    }

    fn agreement(&self) -> f64 {
        sum(self.classes().map(|k| self.cells[k][k]))
    }
}

/// The alpha of Krippendorff (2011) for any number of raters, with missing ratings left
/// out of each unit's list. Units below two ratings say nothing; if all ratings are
/// equal, alpha is 1. `None` without two ratings of one unit.
pub fn krippendorff_alpha(units: &[Vec<f64>], measurement: Measurement) -> Option<f64> {
    let paired: Vec<&Vec<f64>> = units.iter().filter(|ratings| ratings.len() >= 2).collect();
    let ratings: Vec<f64> = paired
        .iter()
        .flat_map(|ratings| ratings.iter().copied())
        .collect();
    if ratings.is_empty() || ratings.iter().any(|rating| !rating.is_finite()) {
        return None;
    }
    let within = paired
        .iter()
        .map(|unit| measurement.disorder(unit) / real(unit.len() - 1));
    let observed = sum(within) / real(ratings.len());
    let pairs = real(ratings.len()) * real(ratings.len() - 1);
    let expected = measurement.disorder(&ratings) / pairs;
    Some(if expected > 0.0 {
        1.0 - observed / expected
    } else {
        1.0
    })
}

impl Measurement {
    /// The sum of the differences over all ordered pairs of ratings.
    fn disorder(self, ratings: &[f64]) -> f64 {
        let n = real(ratings.len());
        match self {
            Measurement::Nominal => {
                let mut sorted = ratings.to_vec();
                sorted.sort_by(f64::total_cmp);
                let classes = sorted.chunk_by(|one, other| one >= other);
                n * n - classes.map(|class| real(class.len()).powi(2)).sum::<f64>()
            }
            Measurement::Interval => {
                // Around their mean the squared distances are 2 n times the squares.
                let mean = sum(ratings.iter().copied()) / n;
                2.0 * n * sum(ratings.iter().map(|rating| (rating - mean).powi(2)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_agreement_is_one_without_error() {
        let table = [vec![5, 0], vec![0, 7]];
        for agreement in [
            cohen_kappa(&table, 0.95).unwrap(),
            gwet_ac1(&table, 0.95).unwrap(),
        ] {
            assert!(
                agreement
                    .coefficient
                    .is_some_and(|k| (k - 1.0).abs() < 1e-12)
            );
            assert!(agreement.standard_error.is_some_and(|error| error < 1e-6));
        }
    }

    #[test]
    fn raters_who_never_vary_have_no_kappa_but_an_ac1() {
        let table = [vec![9, 0], vec![0, 0]];
        assert_eq!(cohen_kappa(&table, 0.95).unwrap().coefficient, None);
        assert_eq!(gwet_ac1(&table, 0.95).unwrap().coefficient, Some(1.0));
    }

    #[test]
    fn a_table_that_is_empty_or_ragged_is_refused() {
        assert_eq!(cohen_kappa(&[], 0.95), None);
        assert_eq!(cohen_kappa(&[vec![0, 0], vec![0, 0]], 0.95), None);
        assert_eq!(gwet_ac1(&[vec![1, 2], vec![3]], 0.95), None);
        assert_eq!(gwet_ac1(&[vec![4]], 0.95), None);
    }

    #[test]
    fn one_item_has_no_standard_error_of_ac1() {
        let agreement = gwet_ac1(&[vec![1, 0], vec![0, 0]], 0.95).unwrap();
        assert_eq!((agreement.standard_error, agreement.bounds), (None, None));
    }

    #[test]
    fn alpha_needs_two_ratings_of_one_unit() {
        assert_eq!(
            krippendorff_alpha(&[vec![1.0], vec![]], Measurement::Nominal),
            None
        );
        let equal = [vec![1.0, 1.0], vec![1.0, 1.0, 1.0]];
        assert_eq!(krippendorff_alpha(&equal, Measurement::Nominal), Some(1.0));
        assert_eq!(krippendorff_alpha(&equal, Measurement::Interval), Some(1.0));
    }

    #[test]
    fn on_zeros_and_ones_both_measurements_agree() {
        let units = [
            vec![0.0, 1.0],
            vec![1.0, 1.0, 0.0],
            vec![0.0, 0.0],
            vec![1.0, 1.0],
        ];
        let nominal = krippendorff_alpha(&units, Measurement::Nominal).unwrap();
        let interval = krippendorff_alpha(&units, Measurement::Interval).unwrap();
        assert!((nominal - interval).abs() < 1e-12);
    }
}
