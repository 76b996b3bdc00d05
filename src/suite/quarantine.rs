//! Quarantine: cases that are run and shown but not gated, each with an owner, a reason and an end.

use serde::{Deserialize, Serialize};

use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Problems};
use crate::golden::{Case, Dataset};
use crate::shape::{Field, Shape};
use crate::text::suggest;
use crate::units::{count, day_of, parse_day};

/// Keys of an entry of `quarantine`.
pub(super) const QUARANTINE: Shape = Shape::Record(&[
    Field::required("case", Shape::Text, "the id of the case"),
    Field::required("owner", Shape::Text, "who sees to it"),
    Field::required("reason", Shape::Text, "why it is not gated"),
    Field::required(
        "until",
        Shape::Day,
        "the last day, in UTC; from the next on the case counts again, with a warning",
    ),
]);

/// Until when a case is in quarantine whose golden a model proposed.
const UNTIL_APPROVED: &str = "it is approved";

/// A case that is run and shown but not gated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quarantine {
    /// The id of the case.
    pub case: String,
    /// Who sees to it.
    pub owner: String,
    /// Why it is not gated.
    pub reason: String,
    /// The last day, as `2026-12-31`, in UTC; or what must happen first.
    pub until: String,
}

impl Quarantine {
    /// Whether it is in force at a moment, in milliseconds since 1970.
    pub fn is_in_force(&self, now: i64) -> bool {
        day_of(now).is_none_or(|day| day <= self.until)
    }

    /// What is said of one that has expired.
    pub fn warning(&self) -> String {
        format!(
            "the quarantine of case `{}` expired on {}: it counts again; {} mends it, or gives the entry another day \
             (reason: {})",
            self.case, self.until, self.owner, self.reason
        )
    }
}

/// Cases whose approved output nobody has approved: a model proposed it. They are in quarantine until a person does,
/// beside the entries of the suite and whatever share of it they are.
pub fn unapproved(cases: &[Case]) -> impl Iterator<Item = Quarantine> {
    cases.iter().filter_map(|case| {
        Some(Quarantine {
            case: case.id.clone(),
            owner: format!("proposed by {}", case.proposer()?),
            reason: "nobody has approved its golden yet (`regauge review`)".to_owned(),
            until: UNTIL_APPROVED.to_owned(),
        })
    })
}

/// Reads an entry of `quarantine`, with the place of the case's id.
pub(super) fn read_quarantine(document: &Document, node: &Node) -> (Quarantine, Place) {
    let text = |name: &str| node.get(name).and_then(Node::text).unwrap_or_default();
    let entry = Quarantine {
        case: text("case").to_owned(),
        owner: text("owner").to_owned(),
        reason: text("reason").to_owned(),
        until: parse_day(text("until")).unwrap_or_default(),
    };
    (entry, document.place(node.get("case").unwrap_or(node)))
}

/// Notes entries that name no case or one twice, and more of them than a share `most` of the cases of the suite.
pub fn check_quarantine(
    entries: &[(Quarantine, Place)],
    dataset: &Dataset,
    most: f64,
    now: i64,
    problems: &mut Problems,
) {
    for (index, (entry, place)) in entries.iter().enumerate() {
        let ids = || dataset.cases.iter().map(|case| case.id.as_str());
        if entries[..index]
            .iter()
            .any(|(other, _)| other.case == entry.case)
        {
            problems.push(
                Diagnostic::new(format!("case `{}` is in quarantine twice", entry.case))
                    .at(place.clone())
                    .help("put both into one"),
            );
        } else if !ids().any(|id| id == entry.case) {
            let help = match suggest(&entry.case, ids()) {
                Some(id) => format!("did you mean `{id}`?"),
                None => "take the entry out, or name a case by its id".to_owned(),
            };
            problems.push(
                Diagnostic::new(format!("no case has the id `{}`", entry.case))
                    .at(place.clone())
                    .help(help),
            );
        }
    }
    let mut held = entries.iter().filter(|(entry, _)| entry.is_in_force(now));
    let (number, all) = (held.clone().count(), dataset.cases.len());
    let Some((_, place)) = held.next().filter(|_| exceeds(number, all, most)) else {
        return;
    };
    problems.push(
        Diagnostic::new(format!(
            "the quarantine holds {number} of {}, more than {} %",
            count(all, "case"),
            most * 100.0
        ))
        .at(place.clone())
        .help("mend or remove some, or allow more with `gate: { max_quarantine: … }`"),
    );
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cases are far below 2^53"
)]
fn exceeds(number: usize, all: usize, most: f64) -> bool {
    number as f64 > most * all as f64 + 1e-9
}
