//! Scorers that read the answer as markup: XML and HTML that is well-formed and has what it must have.

use std::collections::BTreeSet;

use crate::shape::{Field, Shape};
use crate::text::excerpt;

use super::entry::Entry;
use super::options::{COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject};

mod html;
mod xml;

/// The most places of a text at which an element may begin that are tried.
const MOST_STARTS: usize = 10_000;

const REQUIRED: &[Field] = &[Field::optional(
    "required",
    Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
    "elements that must be there, each with those around it: order/item/price",
)];

/// What all of them have in common.
const MARKUP: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("required"),
    options: &[REQUIRED, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| Ok(markup(entry, Language::Xml, false)),
};

/// See [`xml::paths`].
pub(super) const IS_XML: Kind = Kind {
    name: "is-xml",
    summary: "the answer is XML",
    definition: "1 if the answer is one well-formed XML document, apart from white space around it, and has all elements \
                 that `required` names, else 0. No entity but the five of XML and no DTD is read.",
    ..MARKUP
};

/// See [`xml::fragments`].
pub(super) const CONTAINS_XML: Kind = Kind {
    name: "contains-xml",
    summary: "the answer holds XML",
    definition: "1 if there is a well-formed XML element in the answer, and among all of them those that `required` names, \
                 else 0.",
    build: |entry| Ok(markup(entry, Language::Xml, true)),
    ..MARKUP
};

/// See [`html::paths`].
pub(super) const IS_HTML: Kind = Kind {
    name: "is-html",
    summary: "the answer is HTML",
    definition: "1 if the answer is HTML and nothing else, and has all elements that `required` names, else 0: elements of \
                 HTML, or with a hyphen in their name, of which each is closed in its place unless HTML lets it stand \
                 open, with no text outside of them.",
    build: |entry| Ok(markup(entry, Language::Html, false)),
    ..MARKUP
};

/// See [`html::found`].
pub(super) const CONTAINS_HTML: Kind = Kind {
    name: "contains-html",
    summary: "the answer holds HTML",
    definition: "1 if there is a tag of HTML in the answer, or one with a hyphen in its name, and among all elements those \
                 that `required` names, else 0. A comment or an entity alone is no HTML.",
    build: |entry| Ok(markup(entry, Language::Html, true)),
    ..MARKUP
};

#[derive(Debug, Clone, Copy)]
enum Language {
    Xml,
    Html,
}

#[derive(Debug)]
struct Markup {
    language: Language,
    /// Whether it may stand within other text.
    within: bool,
    required: Vec<String>,
}

/// The elements of a text, each by the names of those around it and its own, parted by `/`.
type Paths = BTreeSet<String>;

fn markup(entry: &Entry<'_>, language: Language, within: bool) -> Box<dyn Rule> {
    let required = entry.texts("required");
    let plain = |path: &String| path.trim().trim_matches('/').to_owned();
    Box::new(Markup {
        language,
        within,
        required: required.iter().map(plain).collect(),
    })
}

impl Rule for Markup {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = subject.text;
        let found = match (self.language, self.within) {
            (Language::Xml, false) => xml::paths(text),
            (Language::Xml, true) => xml::fragments(text)?,
            (Language::Html, false) => html::paths(text),
            (Language::Html, true) => html::found(text),
        };
        let paths = match found {
            Ok(paths) => paths,
            Err(note) => return Ok(Reading::binary(false, || note)),
        };
        let missing = self.required.iter().find(|path| !paths.contains(*path));
        Ok(Reading::binary(missing.is_none(), || {
            let missing = missing.map(String::as_str).unwrap_or_default();
            format!("no element {}", excerpt(missing, 80))
        }))
    }
}
