//! How the scores of several trials of a case become one.

use crate::error::{Diagnostic, Place, Result};
use crate::shape::{Field, Shape};
use crate::stats::reduce::Reducer;

use super::entry::Entry;
use super::{Rule, Values};

/// Keys of a reducer that looks at so many trials.
const TRIES: &[Field] = &[
    Field::optional(
        "pass-at",
        Shape::Count(1),
        "the chance that any of so many trials passes",
    ),
    Field::optional(
        "pass-all",
        Shape::Count(1),
        "the chance that all of so many trials pass",
    ),
];

/// For every scorer that stands by itself.
pub(super) const REDUCE: Field = Field::optional(
    "reduce",
    Shape::OneOf(&[Shape::Choice(Reducer::NAMES), Shape::Record(TRIES)]),
    "how the trials of a case become one value before cases are averaged: their mean, median, mode (on a tie the lowest \
     value), min or max; majority, 1 if more than half of them pass; pass-at or pass-all, the unbiased chance that any or \
     all of so many pass (default mean)",
);

/// A reducer, and where it was asked for.
#[derive(Debug, Clone)]
pub(super) struct Reduce {
    pub(super) reducer: Reducer,
    pub(super) place: Place,
}

/// Reads the option; `None` where trials are averaged as ever.
pub(super) fn read(entry: &Entry<'_>, rule: &dyn Rule) -> Result<Option<Reduce>> {
    let Some(node) = entry.get("reduce") else {
        return Ok(None);
    };
    let path = entry.path("reduce");
    if entry.depth > 0 {
        return Err(entry
            .problem(
                node,
                format!("`{path}` is about trials, and this scorer is a part of another"),
            )
            .help("write it in the outermost scorer")
            .into());
    }
    let tries = |name: &str| {
        let count = node.get(name)?.count()?;
        usize::try_from(count).ok()
    };
    let reducer = match (node.text(), tries("pass-at"), tries("pass-all")) {
        (Some(name), ..) => Reducer::named(name),
        (None, Some(k), None) => Some(Reducer::PassAt(k)),
        (None, None, Some(k)) => Some(Reducer::PassAll(k)),
        _ => None,
    };
    let Some(reducer) = reducer else {
        return Err(entry
            .problem(node, format!("`{path}` takes `pass-at` or `pass-all`"))
            .help("two scorers with names of their own (`metric: NAME`) can show both")
            .into());
    };
    if reducer.counts_passes() && matches!(rule.values(), Values::Graded { decides: false }) {
        return Err(entry
            .problem(
                node,
                format!(
                    "`{path}` counts trials that pass, and this scorer does not say what is enough"
                ),
            )
            .help("give it a `threshold`")
            .into());
    }
    let place = entry.place_of(node);
    Ok((reducer != Reducer::Mean).then_some(Reduce { reducer, place }))
}

impl Reduce {
    /// The mistake of a suite that never makes enough trials.
    pub(super) fn objection(&self, trials: u32) -> Option<Diagnostic> {
        let least = self.reducer.least();
        let made = usize::try_from(trials).unwrap_or(usize::MAX);
        (least > made).then(|| {
            Diagnostic::new(format!(
                "`{}` takes {least} trials of each case, and the suite makes {made} before it first looks",
                self.reducer
            ))
            .at(self.place.clone())
            .help(format!("set `trials: {least}` or more"))
        })
    }
}
