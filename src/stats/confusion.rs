//! What labels were given to what: a confusion matrix, and the measures that are read off it.
//!
//! The measures are no means over cases. Where scikit-learn has one of the same name it gives the same number: a
//! precision, recall or F1 is 0 where nothing was found, and labels that occur on neither side are in no average.

use serde::{Deserialize, Serialize};

/// How often something of a label was given a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// The index of the right label; `None` where nothing was to be found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<usize>,
    /// What was given.
    pub answered: Answered,
    /// How often.
    pub times: u32,
}

/// What was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answered {
    /// The label of this index.
    Label(usize),
    /// None of the labels.
    Other,
    /// An answer that declines to give one.
    Abstained,
}

/// A matrix of weighted counts: a row for each right label and one for what was none, a column for each label that was
/// given, one for other answers and one for abstentions.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    labels: usize,
    cells: Vec<f64>,
}

/// What is read off a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// The mean recall of the labels that something has.
    BalancedAccuracy,
    /// The mean precision of the labels.
    MacroPrecision,
    /// Their mean recall.
    MacroRecall,
    /// Their mean F1.
    MacroF1,
    /// Their mean precision, weighted by how much has them.
    WeightedPrecision,
    /// Their mean recall, weighted so.
    WeightedRecall,
    /// Their mean F1, weighted so.
    WeightedF1,
    /// What is right of all labels that were given.
    MicroPrecision,
    /// What was found of all that was to be found.
    MicroRecall,
    /// The harmonic mean of the two.
    MicroF1,
    /// The correlation of Matthews (1975) for several labels (Gorodkin 2004), from -1 to 1.
    Mcc,
    /// The share that was not declined.
    Coverage,
    /// What is right of all that was not declined.
    SelectiveAccuracy,
}

/// How well one label was found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LabelScores {
    /// How much has it.
    pub support: f64,
    /// What is right of all that was given it; 0 where it was never given.
    pub precision: f64,
    /// What was found of all that has it; 0 where nothing has it.
    pub recall: f64,
    /// The harmonic mean of the two.
    pub f1: f64,
}

impl Table {
    /// An empty one.
    pub fn new(labels: usize) -> Self {
        Self {
            labels,
            cells: vec![0.0; (labels + 1) * (labels + 2)],
        }
    }

    /// Where a cell stands among `labels` labels; `None` for an index that is none of theirs.
    pub fn place(labels: usize, cell: &Cell) -> Option<usize> {
        let row = cell.expected.unwrap_or(labels);
        let column = match cell.answered {
            Answered::Label(label) if label >= labels => return None,
            Answered::Label(label) => label,
            Answered::Other => labels,
            Answered::Abstained => labels + 1,
        };
        (row <= labels).then_some(row * (labels + 2) + column)
    }

    /// Adds to the cell at a [`Self::place`].
    pub fn add(&mut self, place: usize, weight: f64) {
        self.cells[place] += weight;
    }

    /// The rows of the labels, and at last that of what was none.
    pub fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.cells.chunks_exact(self.labels + 2)
    }

    fn at(&self, row: usize, column: usize) -> f64 {
        self.cells[row * (self.labels + 2) + column]
    }

    fn given(&self, column: usize) -> f64 {
        (0..=self.labels).map(|row| self.at(row, column)).sum()
    }

    fn right(&self) -> f64 {
        (0..self.labels).map(|label| self.at(label, label)).sum()
    }

    fn total(&self) -> f64 {
        self.cells.iter().sum()
    }

    /// How well each label was found; `None` for one that nothing has and that was never given.
    pub fn label_scores(&self) -> Vec<Option<LabelScores>> {
        let rows = self.rows().take(self.labels).enumerate();
        rows.map(|(label, row)| {
            let (support, given) = (row.iter().sum::<f64>(), self.given(label));
            let right = self.at(label, label);
            let share = |of: f64| if of > 0.0 { right / of } else { 0.0 };
            (support + given > 0.0).then(|| LabelScores {
                support,
                precision: share(given),
                recall: share(support),
                f1: share(f64::midpoint(support, given)),
            })
        })
        .collect()
    }
}

impl Measure {
    /// Those of classes.
    pub const OF_CLASSES: &[Self] = &[
        Self::BalancedAccuracy,
        Self::MacroPrecision,
        Self::MacroRecall,
        Self::MacroF1,
        Self::WeightedPrecision,
        Self::WeightedRecall,
        Self::WeightedF1,
        Self::Mcc,
        Self::Coverage,
        Self::SelectiveAccuracy,
    ];

    /// Its name in suites and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BalancedAccuracy => "balanced-accuracy",
            Self::MacroPrecision => "macro-precision",
            Self::MacroRecall => "macro-recall",
            Self::MacroF1 => "macro-f1",
            Self::WeightedPrecision => "weighted-precision",
            Self::WeightedRecall => "weighted-recall",
            Self::WeightedF1 => "weighted-f1",
            Self::MicroPrecision => "micro-precision",
            Self::MicroRecall => "micro-recall",
            Self::MicroF1 => "micro-f1",
            Self::Mcc => "mcc",
            Self::Coverage => "coverage",
            Self::SelectiveAccuracy => "selective-accuracy",
        }
    }

    /// Whether each label counts alike, so that the rarest decides how sure it is.
    pub fn counts_labels_alike(self) -> bool {
        matches!(
            self,
            Self::BalancedAccuracy
                | Self::MacroPrecision
                | Self::MacroRecall
                | Self::MacroF1
                | Self::Mcc
        )
    }

    /// The measure of a table; `None` where there is nothing to read it off.
    pub fn of(self, table: &Table) -> Option<f64> {
        let average = |score: fn(&LabelScores) -> f64, weight: fn(&LabelScores) -> f64| {
            let scores = table.label_scores();
            let known = scores.iter().flatten();
            let (sum, weights) = known.fold((0.0, 0.0), |(sum, weights), label| {
                (sum + weight(label) * score(label), weights + weight(label))
            });
            share(sum, weights)
        };
        let alike: fn(&LabelScores) -> f64 = |_| 1.0;
        let support: fn(&LabelScores) -> f64 = |label| label.support;
        let labels = table.labels;
        let found = || (0..labels).map(|label| table.given(label)).sum::<f64>();
        let wanted = || {
            let rows = table.rows().take(labels);
            rows.flatten().sum::<f64>()
        };
        match self {
            Self::BalancedAccuracy => average(
                |label| label.recall,
                |label| if label.support > 0.0 { 1.0 } else { 0.0 },
            ),
            Self::MacroPrecision => average(|label| label.precision, alike),
            Self::MacroRecall => average(|label| label.recall, alike),
            Self::MacroF1 => average(|label| label.f1, alike),
            Self::WeightedPrecision => average(|label| label.precision, support),
            Self::WeightedRecall => average(|label| label.recall, support),
            Self::WeightedF1 => average(|label| label.f1, support),
            Self::MicroPrecision if found() > 0.0 => share(table.right(), found()),
            // What found nothing where there was something is not precise.
            Self::MicroPrecision => (wanted() > 0.0).then_some(0.0),
            Self::MicroRecall if wanted() > 0.0 => share(table.right(), wanted()),
            Self::MicroRecall => (found() > 0.0).then_some(0.0),
            Self::MicroF1 => share(2.0 * table.right(), found() + wanted()),
            Self::Mcc => mcc(table),
            Self::Coverage => {
                let declined = table.given(labels + 1);
                share(table.total() - declined, table.total())
            }
            Self::SelectiveAccuracy => {
                share(table.right(), table.total() - table.given(labels + 1))
            }
        }
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// The correlation of rows and columns, where other answers and abstentions are columns of their own; 0 where one of the
/// sides does not vary.
fn mcc(table: &Table) -> Option<f64> {
    let total = table.total();
    if total <= 0.0 {
        return None;
    }
    let rows: Vec<f64> = table.rows().map(|row| row.iter().sum()).collect();
    let columns: Vec<f64> = (0..table.labels + 2).map(|c| table.given(c)).collect();
    let by_chance: f64 = rows
        .iter()
        .zip(&columns)
        .map(|(row, column)| row * column)
        .sum();
    let spread = |sums: &[f64]| total * total - sums.iter().map(|sum| sum * sum).sum::<f64>();
    let product = spread(&rows) * spread(&columns);
    // Sums of weights that cancel leave a remainder of rounding.
    let varies = product > 1e-12 * total.powi(4);
    let covariance = table.right() * total - by_chance;
    Some(if varies {
        (covariance / product.sqrt()).clamp(-1.0, 1.0)
    } else {
        0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table of labels from counts: a row for each, with columns for labels, others and abstentions.
    fn table(rows: &[&[f64]]) -> Table {
        let mut table = Table::new(rows.len());
        for (row, counts) in rows.iter().enumerate() {
            for (column, count) in counts.iter().enumerate() {
                table.add(row * (rows.len() + 2) + column, *count);
            }
        }
        table
    }

    fn near(measure: Measure, table: &Table, wanted: f64) {
        let value = measure.of(table).unwrap();
        assert!((value - wanted).abs() < 1e-12, "{measure:?}: {value}");
    }

    #[test]
    fn the_measures_are_those_computed_by_hand() {
        // Of 10 spam 8 are found; of 90 ham 85, with one answer of neither kind and one abstention.
        let table = table(&[&[8.0, 2.0, 0.0, 0.0], &[3.0, 85.0, 1.0, 1.0]]);
        let (spam, ham) = (16.0 / 21.0, 170.0 / 177.0);
        near(Measure::MacroF1, &table, f64::midpoint(spam, ham));
        near(Measure::WeightedF1, &table, 0.1 * spam + 0.9 * ham);
        near(
            Measure::MacroPrecision,
            &table,
            f64::midpoint(8.0 / 11.0, 85.0 / 87.0),
        );
        near(
            Measure::BalancedAccuracy,
            &table,
            f64::midpoint(0.8, 85.0 / 90.0),
        );
        near(Measure::WeightedRecall, &table, 0.93);
        near(Measure::Coverage, &table, 0.99);
        near(Measure::SelectiveAccuracy, &table, 93.0 / 99.0);
    }

    #[test]
    fn of_two_classes_mcc_is_the_correlation_of_a_fourfold_table() {
        let fourfold = table(&[&[8.0, 2.0, 0.0, 0.0], &[5.0, 85.0, 0.0, 0.0]]);
        let wanted = (8.0 * 85.0 - 2.0 * 5.0) / (10.0_f64 * 90.0 * 13.0 * 87.0).sqrt();
        near(Measure::Mcc, &fourfold, wanted);
        let constant = table(&[&[10.0, 0.0, 0.0, 0.0], &[90.0, 0.0, 0.0, 0.0]]);
        near(Measure::Mcc, &constant, 0.0);
    }

    #[test]
    fn entities_that_are_missed_and_made_up_count_against_recall_and_precision() {
        // Persons: 4 found, 1 missed, 2 made up. Places: none found of 2.
        let mut table = Table::new(2);
        let cell = |expected, answered| Cell {
            expected,
            answered,
            times: 1,
        };
        for (cell, weight) in [
            (cell(Some(0), Answered::Label(0)), 4.0),
            (cell(Some(0), Answered::Other), 1.0),
            (cell(None, Answered::Label(0)), 2.0),
            (cell(Some(1), Answered::Other), 2.0),
        ] {
            table.add(Table::place(2, &cell).unwrap(), weight);
        }
        near(Measure::MicroPrecision, &table, 4.0 / 6.0);
        near(Measure::MicroRecall, &table, 4.0 / 7.0);
        near(Measure::MicroF1, &table, 8.0 / 13.0);
        near(Measure::MacroF1, &table, (8.0 / 11.0) / 2.0);
    }

    #[test]
    fn a_class_that_occurs_nowhere_is_in_no_average_and_nothing_has_no_measure() {
        let table = table(&[
            &[5.0, 0.0, 0.0, 0.0, 0.0],
            &[0.0, 5.0, 0.0, 0.0, 0.0],
            &[0.0; 5],
        ]);
        near(Measure::MacroF1, &table, 1.0);
        assert_eq!(table.label_scores()[2], None);
        for measure in [
            Measure::MacroF1,
            Measure::Mcc,
            Measure::MicroF1,
            Measure::Coverage,
        ] {
            assert_eq!(measure.of(&Table::new(2)), None);
        }
    }

    #[test]
    fn a_label_that_is_none_of_the_table_has_no_place() {
        let cell = |expected, answered| Cell {
            expected,
            answered,
            times: 1,
        };
        assert_eq!(Table::place(2, &cell(Some(3), Answered::Other)), None);
        assert_eq!(Table::place(2, &cell(Some(0), Answered::Label(2))), None);
    }

    proptest! {
        #[test]
        fn measures_are_within_bounds_and_mcc_is_symmetric(
            counts in proptest::collection::vec(0u8..20, 9),
        ) {
            let (mut one, mut other) = (Table::new(3), Table::new(3));
            for row in 0..3 {
                for column in 0..3 {
                    let count = f64::from(counts[row * 3 + column]);
                    one.add(row * 5 + column, count);
                    other.add(column * 5 + row, count);
                }
            }
            for measure in Measure::OF_CLASSES {
                if let Some(value) = measure.of(&one) {
                    let low = if *measure == Measure::Mcc { -1.0 } else { 0.0 };
                    prop_assert!((low..=1.0).contains(&value), "{measure:?} {value}");
                }
            }
            let both = Measure::Mcc.of(&one).zip(Measure::Mcc.of(&other));
            prop_assert!(both.is_none_or(|(one, other)| (one - other).abs() < 1e-12));
        }
    }
}
