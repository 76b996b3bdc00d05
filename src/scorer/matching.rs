//! Scorers that compare the answer with a text: equal to it, holding it, matching a pattern.

use regex::Regex;

use crate::document::Node;
use crate::error::Result;
use crate::shape::{Field, Shape};
use crate::text::normalize::{Normalize, Step};

use super::entry::Entry;
use super::expected::{Texts, quoted};
use super::options::{COLUMN, COMMON, EXPECTED, NEGATE, NORMALIZE, TEXTS, TRANSFORM};
use super::registry::{Expects, Kind};
use super::transform::{compile_regex, reason};
use super::{Built, OrMissing, Reading, Rule, Subject};

/// Characters of an answer that a note shows.
pub(super) const SHOWN: usize = 80;

const TEXT_OPTIONS: &[&[Field]] = &[EXPECTED, NORMALIZE, TRANSFORM, NEGATE, COMMON];

/// What all scorers of one expected text have in common.
const TEXT: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("expected"),
    options: TEXT_OPTIONS,
    expects: Expects::Texts("expected"),
    version: 1,
    build: |_| Ok(Box::new(Matching::Text(How::Exact))),
};

/// 1 if the answer is one of the expected texts, character by character after normalisation, else 0. Two empty texts
/// are equal. Numbers and truth values are compared by their JSON text: `5` is the text `5`.
pub(super) const EXACT: Kind = Kind {
    name: "exact",
    summary: "the answer is the expected text",
    definition: "1 if the answer equals the expected text (a list: any of its texts) after `normalize`, else 0. \
                 Numbers and truth values are compared by their JSON text.",
    ..TEXT
};

/// 1 if an expected text is a part of the answer after normalisation, else 0. The empty text is a part of every answer.
pub(super) const CONTAINS: Kind = Kind {
    name: "contains",
    summary: "the answer holds the expected text",
    definition: "1 if the expected text (a list: any of its texts) is a part of the answer after `normalize`, else 0. \
                 The empty text is a part of every answer.",
    build: |_| Ok(Box::new(Matching::Text(How::Contains))),
    ..TEXT
};

/// As [`CONTAINS`], both texts case-folded as [`Step::Casefold`] does it.
pub(super) const ICONTAINS: Kind = Kind {
    name: "icontains",
    summary: "the answer holds the expected text, whatever the case",
    definition: "As `contains` with `casefold` among the steps of `normalize`.",
    ..CONTAINS
};

/// As [`CONTAINS`]; the name says that a list is meant.
pub(super) const CONTAINS_ANY: Kind = Kind {
    name: "contains-any",
    summary: "the answer holds one of the expected texts",
    definition: "1 if any of the expected texts is a part of the answer after `normalize`, else 0. A single text is a \
                 list of one; it is not split at commas.",
    ..CONTAINS
};

/// 1 if every expected text is a part of the answer after normalisation, else 0. The note names those that are not.
pub(super) const CONTAINS_ALL: Kind = Kind {
    name: "contains-all",
    summary: "the answer holds all of the expected texts",
    definition: "1 if each of the expected texts is a part of the answer after `normalize`, else 0. A single text is a \
                 list of one; it is not split at commas.",
    options: &[
        &[
            Field::optional(
                "expected",
                TEXTS,
                "takes the place of the expected value of the case; a list means all of them",
            ),
            COLUMN,
        ],
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |_| Ok(Box::new(Matching::Text(How::ContainsAll))),
    ..TEXT
};

/// 1 if the answer begins with an expected text after normalisation, else 0.
pub(super) const STARTS_WITH: Kind = Kind {
    name: "starts-with",
    summary: "the answer begins with the expected text",
    definition: "1 if the answer begins with the expected text (a list: any of its texts) after `normalize`, else 0. \
                 Every answer begins with the empty text.",
    build: |_| Ok(Box::new(Matching::Text(How::StartsWith))),
    ..TEXT
};

/// 1 if the answer ends with an expected text after normalisation, else 0.
pub(super) const ENDS_WITH: Kind = Kind {
    name: "ends-with",
    summary: "the answer ends with the expected text",
    definition: "1 if the answer ends with the expected text (a list: any of its texts) after `normalize`, else 0. \
                 Every answer ends with the empty text.",
    build: |_| Ok(Box::new(Matching::Text(How::EndsWith))),
    ..TEXT
};

/// 1 if a pattern matches anywhere in the answer, else 0; `^…$` asks for all of it. Normalisation changes the answer
/// and never the pattern. Without `pattern` the expected value of the case is the pattern, read anew for each answer;
/// one that is no regular expression is a scorer error.
pub(super) const REGEX: Kind = Kind {
    name: "regex",
    summary: "the answer matches a regular expression",
    definition: "1 if the pattern (a list: any of them) matches somewhere in the answer after `normalize`, else 0; \
                 `^…$` asks for the whole answer. The syntax is that of the Rust crate `regex`: no look-around, no \
                 back-references, and linear time on any text. Without `pattern` the expected value is the pattern.",
    main: Some("pattern"),
    options: &[
        &[
            Field::optional(
                "pattern",
                Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
                "the regular expression; a list means any of them",
            ),
            COLUMN,
            Field::optional(
                "flags",
                Shape::Text,
                "any of i (case does not count), m (^ and $ match at lines), s (. matches line ends), x (spaces in the \
                 pattern do not count)",
            ),
        ],
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Texts("pattern"),
    build: build_regex,
    ..TEXT
};

/// With what an answer is compared.
#[derive(Debug)]
pub(super) enum Matching {
    /// With expected texts.
    Text(How),
    /// With patterns of the suite, or none where they come with the case, and the flags of those.
    Regex(Option<Vec<Regex>>, String),
}

/// How an answer and expected texts are compared.
#[derive(Debug, Clone, Copy)]
pub(super) enum How {
    Exact,
    Contains,
    ContainsAll,
    StartsWith,
    EndsWith,
}

/// The steps of the option `normalize`, and those that are a part of the scorer itself.
pub(super) fn normalize(entry: &Entry<'_>) -> Normalize {
    let nodes = entry.get("normalize").map(Node::items).unwrap_or_default();
    let steps = nodes
        .iter()
        .filter_map(|node| Step::named(node.text()?))
        .collect::<Vec<_>>();
    let normalize = Normalize::new(steps);
    if entry.kind.name == ICONTAINS.name {
        normalize.and(Step::Casefold)
    } else {
        normalize
    }
}

fn build_regex(entry: &Entry<'_>) -> Built {
    let flags = match entry.get("flags") {
        Some(node) => read_flags(entry, node)?,
        None => String::new(),
    };
    let Some(node) = entry.get("pattern") else {
        return Ok(Box::new(Matching::Regex(None, flags)));
    };
    let nodes = match node.items() {
        [] => std::slice::from_ref(node),
        items => items,
    };
    let patterns = nodes
        .iter()
        .filter_map(|node| {
            let pattern = format!("{flags}{}", node.text()?);
            Some(compile_regex(entry, node, &pattern))
        })
        .collect::<Result<_>>()?;
    Ok(Box::new(Matching::Regex(Some(patterns), flags)))
}

/// Flags as a pattern has them at its start.
fn read_flags(entry: &Entry<'_>, node: &Node) -> Result<String> {
    let flags = node.text().unwrap_or_default();
    if let Some(wrong) = flags.chars().find(|flag| !"imsx".contains(*flag)) {
        let message = format!("`regex.flags` has no flag `{wrong}`");
        let problem = entry.problem(node, message);
        return Err(problem.help("the flags are i, m, s and x").into());
    }
    Ok(match flags {
        "" => String::new(),
        flags => format!("(?{flags})"),
    })
}

impl Rule for Matching {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = subject.normalize.apply(subject.text);
        match self {
            Self::Text(how) => how.read(&text, subject),
            Self::Regex(patterns, flags) => {
                let matches = match patterns {
                    Some(patterns) => patterns.iter().any(|pattern| pattern.is_match(&text)),
                    None => matches_case(&text, flags, subject)?,
                };
                Ok(read_regex(matches, subject))
            }
        }
    }
}

impl How {
    fn read(self, text: &str, subject: &Subject<'_>) -> OrMissing<Reading> {
        let wanted = subject.wanted.texts(subject.normalize)?;
        let got = || quoted(subject.text, SHOWN);
        let described = || subject.wanted.describe();
        let any = |test: &dyn Fn(&str) -> bool| wanted.iter().any(test);
        Ok(match self {
            Self::Exact => Reading::binary(any(&|wanted| text == wanted), || {
                format!("expected {}, got {}", described(), got())
            }),
            Self::Contains => Reading::binary(any(&|wanted| text.contains(wanted)), || {
                format!("no {} in {}", described(), got())
            }),
            Self::StartsWith => Reading::binary(any(&|wanted| text.starts_with(wanted)), || {
                format!("expected {} at the start of {}", described(), got())
            }),
            Self::EndsWith => Reading::binary(any(&|wanted| text.ends_with(wanted)), || {
                format!("expected {} at the end of {}", described(), got())
            }),
            Self::ContainsAll => contains_all(&wanted, text, got),
        })
    }
}

fn contains_all(wanted: &Texts<'_>, text: &str, got: impl Fn() -> String) -> Reading {
    let missing = || wanted.iter().filter(|wanted| !text.contains(*wanted));
    Reading::binary(missing().next().is_none(), || {
        let named: Vec<String> = missing().map(|wanted| quoted(wanted, 40)).collect();
        format!("no {} in {}", named.join(", no "), got())
    })
}

fn read_regex(matches: bool, subject: &Subject<'_>) -> Reading {
    Reading::binary(matches, || {
        format!(
            "no match of {} in {}",
            subject.wanted.describe(),
            quoted(subject.text, SHOWN)
        )
    })
}

/// Whether a pattern of the case matches.
fn matches_case(text: &str, flags: &str, subject: &Subject<'_>) -> OrMissing<bool> {
    let patterns = subject.wanted.texts(&Normalize::default())?;
    let mut matches = false;
    for pattern in patterns.iter() {
        let regex = Regex::new(&format!("{flags}{pattern}")).map_err(|error| {
            format!(
                "{} is not a regular expression: {}",
                quoted(pattern, SHOWN),
                reason(&error)
            )
        })?;
        matches |= regex.is_match(text);
    }
    Ok(matches)
}
