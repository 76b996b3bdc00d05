//! Scorers that read the answer as markup: XML and HTML that is well-formed and has what it must have.

use crate::shape::{Field, Shape};
use crate::text::excerpt;

use super::entry::Entry;
use super::options::{COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject};

mod html;
mod xml;

/// How deep elements may be nested.
const DEEPEST: usize = 250;
/// The most bytes that are read in vain when elements are looked for.
const MOST_WASTED: usize = 20_000_000;

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

/// See [`xml::read`].
pub(super) const IS_XML: Kind = Kind {
    name: "is-xml",
    summary: "the answer is XML",
    definition: "1 if the answer is one well-formed XML document, apart from white space around it, and has all elements \
                 that `required` names, else 0. No entity but the five of XML and no DTD is read.",
    ..MARKUP
};

/// See [`xml::find`].
pub(super) const CONTAINS_XML: Kind = Kind {
    name: "contains-xml",
    summary: "the answer holds XML",
    definition: "1 if there is a well-formed XML element in the answer, and among all of them those that `required` names, \
                 else 0.",
    build: |entry| Ok(markup(entry, Language::Xml, true)),
    ..MARKUP
};

/// See [`html::read`].
pub(super) const IS_HTML: Kind = Kind {
    name: "is-html",
    summary: "the answer is HTML",
    definition: "1 if the answer is HTML and nothing else, and has all elements that `required` names, else 0: elements of \
                 HTML, or with a hyphen in their name, of which each is closed in its place unless HTML lets it stand \
                 open, with no text outside of them.",
    build: |entry| Ok(markup(entry, Language::Html, false)),
    ..MARKUP
};

/// See [`html::find`].
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

/// The elements that must be there, each by the names of those around it and its own, and which of them are.
#[derive(Debug)]
struct Elements<'a> {
    required: &'a [String],
    found: Vec<bool>,
    /// Whether there is any element.
    any: bool,
}

impl<'a> Elements<'a> {
    fn new(required: &'a [String]) -> Self {
        Self {
            required,
            found: vec![false; required.len()],
            any: false,
        }
    }

    /// Notes an element by the names of all that are open, its own the last.
    fn note(&mut self, open: &[String]) {
        self.any = true;
        for (path, found) in self.required.iter().zip(&mut self.found) {
            *found |= path.split('/').eq(open.iter().map(String::as_str));
        }
    }

    /// Notes what another reading has found too.
    fn join(&mut self, other: &Self) {
        self.any |= other.any;
        for (found, other) in self.found.iter_mut().zip(&other.found) {
            *found |= other;
        }
    }

    fn missing(&self) -> Option<&'a str> {
        let mut elements = self.required.iter().zip(&self.found);
        let (path, _) = elements.find(|(_, found)| !**found)?;
        Some(path)
    }
}

/// Refuses a text in which so much was read in vain that more of it would take seconds.
fn check_waste(wasted: usize) -> OrMissing<()> {
    if wasted <= MOST_WASTED {
        return Ok(());
    }
    Err("there are too many broken tags in the answer to read it".to_owned())
}

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
        let mut elements = Elements::new(&self.required);
        let read = match (self.language, self.within) {
            (Language::Xml, false) => xml::read(text, &mut elements),
            (Language::Xml, true) => xml::find(text, &mut elements)?,
            (Language::Html, false) => html::read(text, &mut elements),
            (Language::Html, true) => html::find(text, &mut elements)?,
        };
        if let Err(note) = read {
            return Ok(Reading::binary(false, || note));
        }
        let missing = elements.missing();
        Ok(Reading::binary(missing.is_none(), || {
            let missing = missing.unwrap_or_default();
            format!("no element {}", excerpt(missing, 80))
        }))
    }
}
