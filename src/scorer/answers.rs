//! Scorers that find the answer in what a model wrote: a number, a choice, a formula, a list, a date.

use crate::shape::{Field, Shape};

use super::entry::Entry;
use super::expected::quoted;
use super::likeness::nearest;
use super::matching::SHOWN;
use super::options::{COLUMN, COMMON, EXPECTED, GRADED, NEGATE, NORMALIZE, TEXTS, TRANSFORM};
use super::overlap::PART;
use super::registry::{Expects, Kind};
use super::transform::reason;
use super::{OrMissing, Reading, Rule, Subject};

mod choice;
mod date;
mod list;
mod math;
mod number;

use date::{Dates, Slashes};
use list::{Lists, Split};
use number::Numbers;

pub(super) use number::likeness as number_likeness;

/// What all of them have in common.
const ANSWER: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("expected"),
    options: &[EXPECTED, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Texts("expected"),
    version: 1,
    build: |entry| Ok(Box::new(Numbers::of(entry))),
};

const WHICH: Field = Field::optional(
    "which",
    Shape::Choice(Which::NAMES),
    "which one counts, where there are several: last, first, any, or only where it must be all of the answer (default last)",
);

/// See [`Numbers`].
pub(super) const NUMBER: Kind = Kind {
    name: "number",
    summary: "the answer gives the expected number",
    definition: "1 if the number that the answer gives is the expected one (a list: any of them), as near as `absolute` \
                 or `relative` allow, else 0. Numbers may have a sign, groups of three digits, a decimal point and an \
                 exponent: -5, 1,000.5, 1e3. A sign behind a letter or digit is none. With `unit` only numbers count \
                 that have one of these units behind or before them.",
    options: &[
        &[
            WHICH,
            Field::optional(
                "absolute",
                Shape::Number(0.0, f64::INFINITY),
                "the largest difference that is no difference (default 0)",
            ),
            Field::optional(
                "relative",
                Shape::Share,
                "the largest difference as a share of the expected number (default 0)",
            ),
            Field::optional(
                "unit",
                Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
                "the unit, or its spellings: [km, kilometres], $",
            ),
            Field::optional(
                "decimal",
                Shape::Choice(&["point", "comma"]),
                "what parts whole numbers from decimals in the answer; the other one, spaces and apostrophes part groups \
                 of three (default point)",
            ),
        ],
        EXPECTED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    ..ANSWER
};

/// See [`number::likeness`].
pub(super) const NUMERIC_DIFF: Kind = Kind {
    name: "numeric-diff",
    summary: "how near the number of the answer is to the expected one",
    definition: "1 - |a - b| / (|a| + |b|), where a is the number that the answer gives, as `number` finds it, and b the \
                 expected one; 1 if both are 0, and 0 where the answer has no number. Of several expected numbers the \
                 nearest counts. Gives the numbers of autoevals (NumericDiff).",
    options: &[&[WHICH], EXPECTED, GRADED, TRANSFORM, NEGATE, COMMON],
    build: |entry| {
        let which = Which::of(entry);
        Ok(nearest(entry, move |wanted, text| {
            let wanted = number::parse(wanted)?;
            let found = number::find(text, '.', &[]);
            let likeness = |found: &f64| number_likeness(*found, wanted);
            Ok(which
                .pick(text, &found)
                .iter()
                .map(likeness)
                .fold(0.0, f64::max))
        }))
    },
    ..ANSWER
};

/// See [`choice::find`].
pub(super) const CHOICE: Kind = Kind {
    name: "choice",
    summary: "the answer picks the expected choice",
    definition: "1 if the choice that the answer picks is the expected one (a list: any of them), else 0. The choice is \
                 looked for as \\boxed{B}, then behind `answer is` or `answer:`, then as all of the answer, at its start \
                 as `B)` or `B.`, in parentheses or bold, and at last as a word; the last of a kind counts. Single \
                 letters are choices in capitals only, unless they stand alone, in parentheses or in a box.",
    options: &[
        &[Field::optional(
            "choices",
            Shape::List(&Shape::Text),
            "what there is to choose (default: the letters A to Z)",
        )],
        EXPECTED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| match choice::Choices::new(&entry.texts("choices")) {
        Ok(choices) => Ok(Box::new(Picks(choices))),
        Err(error) => {
            let message = format!("the choices cannot be looked for: {}", reason(&error));
            Err(entry.problem_of_all(message).into())
        }
    },
    ..ANSWER
};

/// See [`math::plain`].
pub(super) const MATH: Kind = Kind {
    name: "math",
    summary: "the answer gives the expected formula, written in LaTeX or not",
    definition: "1 if the formula that the answer gives is the expected one (a list: any of them) after both were made \
                 plain, else 0. The formula is what stands in the last \\boxed, else between the first and the last $, \
                 else all of the answer. Line ends, spaces, \\left and \\right, degrees, dollar and percent signs, units \
                 in \\text and `x =` do not count, and \\dfrac, \\frac12 and 1/2 are one. Gives the verdicts of the grader \
                 of the MATH dataset (is_equiv). `values: true` also takes equal decimals and fractions for equal.",
    options: &[
        &[Field::optional(
            "values",
            Shape::Bool,
            "plain numbers and fractions are compared by value: 0.25, \\frac{1}{4} and 1/4 are one (default false)",
        )],
        EXPECTED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        Ok(Box::new(Formula {
            values: entry.flag("values"),
        }))
    },
    ..ANSWER
};

/// See [`Lists`].
pub(super) const LIST: Kind = Kind {
    name: "list",
    summary: "how many items of the expected list the answer has",
    definition: "The items that both lists have, each as often as both have it, as a share of those of the answer \
                 (precision), of the expected list (recall), or the harmonic mean of both (f1). With `ordered` only the \
                 longest sequence counts that both have in order. Items are compared after `normalize`, without white \
                 space at their ends. Two empty lists are equal. A list is a JSON list, else a line an item where there \
                 are several lines, else what commas or semicolons part; bullets and numbers before items are no part \
                 of them.",
    options: &[
        &[
            Field::optional(
                "expected",
                TEXTS,
                "takes the place of the expected value of the case: the items, or a text that is parted as the answer is",
            ),
            COLUMN,
            PART,
            Field::optional(
                "ordered",
                Shape::Bool,
                "whether the order of items counts (default false)",
            ),
            Field::optional(
                "split",
                Shape::Choice(Split::NAMES),
                "how the answer is parted: auto, json, lines or commas (default auto)",
            ),
        ],
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Items("expected"),
    build: |entry| Ok(Box::new(Lists::of(entry))),
    ..ANSWER
};

/// See [`Dates`].
pub(super) const DATE: Kind = Kind {
    name: "date",
    summary: "the answer gives the expected date",
    definition: "1 if the date that the answer gives is the expected one (a list: any of them), not more than `days` \
                 away, else 0. Dates are read as 2026-02-10, 2026/02/10, 10.2.2026, 10 February 2026, February 10th, 2026 \
                 and their like, with English names of months; 2/10/2026 is read as `slashes` says, and without it only \
                 where it can be read in one way. Days that no month has are no dates.",
    options: &[
        &[
            WHICH,
            Field::optional(
                "days",
                Shape::Count(0),
                "how many days it may be away (default 0)",
            ),
            Field::optional(
                "slashes",
                Shape::Choice(Slashes::NAMES),
                "what comes first in 2/10/2026: day or month",
            ),
        ],
        EXPECTED,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| Ok(Box::new(Dates::of(entry))),
    ..ANSWER
};

/// Which of several things that were found counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Last,
    First,
    Any,
    /// The one that is all of the answer.
    Only,
}

/// Something that was found in a text, with the bytes that hold it.
#[derive(Debug, Clone, PartialEq)]
struct Found<T> {
    value: T,
    start: usize,
    end: usize,
}

impl Which {
    const NAMES: &[&str] = &["last", "first", "any", "only"];

    fn of(entry: &Entry<'_>) -> Self {
        match entry.text("which") {
            Some("first") => Self::First,
            Some("any") => Self::Any,
            Some("only") => Self::Only,
            _ => Self::Last,
        }
    }

    /// Those that count.
    fn pick<T: Copy>(self, text: &str, found: &[Found<T>]) -> Vec<T> {
        let is_all = |found: &&Found<T>| {
            let outside = [&text[..found.start], &text[found.end..]];
            let is_sign = |c: char| !c.is_alphanumeric();
            outside.iter().all(|part| part.chars().all(is_sign))
        };
        let chosen: Vec<&Found<T>> = match self {
            Self::Last => found.last().into_iter().collect(),
            Self::First => found.first().into_iter().collect(),
            Self::Any => found.iter().collect(),
            Self::Only => found.iter().filter(is_all).collect(),
        };
        chosen.into_iter().map(|found| found.value).collect()
    }
}

/// Whether the answer picks an expected choice.
#[derive(Debug)]
struct Picks(choice::Choices);

impl Rule for Picks {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = subject.wanted.texts(subject.normalize)?;
        let found = self.0.find(subject.text);
        let holds = found.is_some_and(|found| {
            let is_found = |wanted: &str| wanted.trim().eq_ignore_ascii_case(found);
            wanted.iter().any(is_found)
        });
        Ok(Reading::binary(holds, || {
            let found = found.unwrap_or("none");
            format!(
                "expected choice {}, got {found} in {}",
                subject.wanted.describe(),
                quoted(subject.text, SHOWN)
            )
        }))
    }
}

/// Whether the answer gives an expected formula.
#[derive(Debug)]
struct Formula {
    values: bool,
}

impl Rule for Formula {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = subject.wanted.texts(subject.normalize)?;
        let found = math::formula(subject.text);
        let holds = wanted
            .iter()
            .any(|wanted| math::equal(math::formula(wanted), found, self.values));
        Ok(Reading::binary(holds, || {
            let wanted = subject.wanted.describe();
            format!("expected {wanted}, got {}", quoted(found, SHOWN))
        }))
    }
}
