//! How many calls are made for each case: a fixed number, or more look by look while a verdict is open.

use serde::{Deserialize, Serialize};

use crate::document::{Document, Node};
use crate::error::{Diagnostic, Problems};
use crate::shape::{Field, Shape};

/// Fresh calls for each suspect case, unless a suite says otherwise.
const DEFAULT_CONFIRM: u32 = 4;

/// What `trials` of a suite may hold.
pub(super) const SHAPE: Shape = Shape::OneOf(&[
    Shape::Count(1),
    Shape::Record(&[
        Field::required(
            "looks",
            Shape::List(&Shape::Count(1)),
            "calls for each case after which the verdicts are looked at, ascending; more are made only while one is open",
        ),
        Field::optional(
            "confirm",
            Shape::Count(0),
            "fresh calls for each suspect case, which alone may convict it (default 4)",
        ),
    ]),
]);

/// How many calls are made for each case of each subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Calls for each case made by each look, ascending; never empty. One look is a fixed number.
    pub looks: Vec<u32>,
    /// Fresh calls for each suspect case.
    pub confirm: u32,
}

impl Sampling {
    /// So many calls for each case, whatever they show.
    pub fn fixed(trials: u32) -> Self {
        Self {
            looks: vec![trials],
            confirm: 0,
        }
    }

    /// Calls for each case if no verdict closes before the last look.
    pub fn most(&self) -> u32 {
        self.looks.last().copied().unwrap_or(1)
    }

    /// Whether there is more than one look.
    pub fn is_adaptive(&self) -> bool {
        self.looks.len() > 1
    }

    /// The share of the error that each look spends: growing evenly (0.1, 0.2, 0.3, 0.4 for four looks), so that most
    /// of it is left for the look that has most data. They sum to 1.
    #[expect(
        clippy::cast_precision_loss,
        reason = "there are far fewer looks than 2^53"
    )]
    pub fn shares(&self) -> Vec<f64> {
        let count = self.looks.len();
        let whole = (count * (count + 1)) as f64 / 2.0;
        (1..=count).map(|look| look as f64 / whole).collect()
    }

    /// As a suite has it at `trials`; one call where it says nothing.
    pub(super) fn read(node: Option<&Node>) -> Self {
        let Some(node) = node else {
            return Self::fixed(1);
        };
        if let Some(trials) = count(node) {
            return Self::fixed(trials);
        }
        let looks = node.get("looks").map(Node::items).unwrap_or_default();
        Self {
            looks: looks.iter().filter_map(count).collect(),
            confirm: node
                .get("confirm")
                .and_then(count)
                .unwrap_or(DEFAULT_CONFIRM),
        }
    }
}

fn count(node: &Node) -> Option<u32> {
    node.count()
        .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

/// Looks must ascend: each one adds calls to what the one before it had.
pub(super) fn check(document: &Document, node: Option<&Node>, problems: &mut Problems) {
    let Some(looks) = node.and_then(|node| node.get("looks")) else {
        return;
    };
    if looks.items().is_empty() {
        problems.push(
            Diagnostic::new("`looks` is empty")
                .at(document.place(looks))
                .help("write `looks: [1, 2, 4, 8]`, or a number in place of the record"),
        );
    }
    for pair in looks.items().windows(2) {
        if pair[0].count() >= pair[1].count() {
            problems.push(
                Diagnostic::new("looks must ascend")
                    .at(document.place(&pair[1]))
                    .help(
                        "each look counts all calls for a case so far, as in `looks: [1, 2, 4, 8]`",
                    ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_the_error_sum_to_one_and_those_of_four_looks_are_the_published_ones() {
        for count in 1..=9 {
            let sampling = Sampling {
                looks: (1..=count).collect(),
                confirm: 0,
            };
            assert!((sampling.shares().iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
        let four = Sampling {
            looks: vec![1, 2, 4, 8],
            confirm: 4,
        };
        assert_eq!(four.shares(), [0.1, 0.2, 0.3, 0.4]);
        assert_eq!(Sampling::fixed(3).shares(), [1.0]);
    }
}
