//! Options that several scorers have.

use crate::shape::{Field, Shape};
use crate::text::normalize::Step;

use super::reduce::REDUCE;

/// A text, or what stands for one.
const SCALAR: Shape = Shape::OneOf(&[
    Shape::Text,
    Shape::Bool,
    Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
]);

/// One text or several.
pub(super) const TEXTS: Shape = Shape::OneOf(&[
    Shape::Text,
    Shape::Bool,
    Shape::Number(f64::NEG_INFINITY, f64::INFINITY),
    Shape::List(&SCALAR),
]);

/// For every scorer.
pub(super) const COMMON: &[Field] = &[
    Field::optional(
        "metric",
        Shape::Text,
        "its name in reports and gates (default: the name of the scorer)",
    ),
    Field::optional(
        "weight",
        Shape::Number(0.0, f64::INFINITY),
        "its share in the weighted score of a trial (default 1)",
    ),
    Field::optional(
        "informational",
        Shape::Bool,
        "shown, but never gates (default false)",
    ),
    Field::optional(
        "tags",
        Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
        "grades only cases with one of these tags (default: all cases)",
    ),
    REDUCE,
];

/// For scorers that ask a model.
pub(super) const ONLY_IF: Field = Field::optional(
    "only_if",
    Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
    "asks only where the scorers of these metrics pass; elsewhere the score is 0 without a call",
);

/// For scorers that hold or do not.
pub(super) const NEGATE: &[Field] = &[Field::optional(
    "negate",
    Shape::Bool,
    "turns the result round: the value becomes 1 - value, and what passed does not (default false)",
)];

/// For scorers whose value is a share and not only 0 or 1.
pub(super) const GRADED: &[Field] = &[Field::optional(
    "threshold",
    Shape::Share,
    "passes at this value or above; without it the value is shown and nothing passes or fails",
)];

/// For scorers that read the text of the answer.
pub(super) const TRANSFORM: &[Field] = &[Field::optional(
    "transform",
    Shape::List(&Shape::OneOf(&[
        Shape::Choice(&["strip-fence", "last-line"]),
        Shape::Record(&[
            Field::optional(
                "json-pointer",
                Shape::Text,
                "takes this part of a JSON answer: /items/0/name",
            ),
            Field::optional(
                "regex",
                Shape::Text,
                "takes the first match, or its first group if there is one",
            ),
        ]),
    ])),
    "takes a part of the answer before anything else, step by step; an answer without that part fails",
)];

/// For scorers that compare texts.
pub(super) const NORMALIZE: &[Field] = &[Field::optional(
    "normalize",
    Shape::List(&Shape::Choice(Step::NAMES)),
    "differences that do not count; always applied in the order nfkc, nfc, casefold, punctuation, whitespace, trim",
)];

/// The column that holds the expected value.
pub(super) const COLUMN: Field = Field::optional(
    "column",
    Shape::Text,
    "takes the expected value from this column of the case",
);

/// For scorers that compare the answer with one expected text or with any of several.
pub(super) const EXPECTED: &[Field] = &[
    Field::optional(
        "expected",
        TEXTS,
        "takes the place of the expected value of the case; a list means any of them",
    ),
    COLUMN,
];
