//! Settings that may come from the environment, and are secret if they do.

use super::{Environment, FILE};
use crate::document::{Document, Node};
use crate::error::{Diagnostic, Place, Result};
use crate::secret::Secret;

/// A text in which `${NAME}` stands for a value of the environment.
#[derive(Debug, Clone)]
pub enum Setting {
    /// The text has no such part and is no secret.
    Plain(String),
    /// All parts were found; what came out is secret.
    Secret {
        /// The text.
        whole: Secret,
        /// The values of its variables.
        parts: Vec<Secret>,
    },
    /// This variable is not set; an error only for a model that is used.
    Unset {
        /// The variable.
        name: String,
        /// Where it is asked for.
        place: Place,
    },
}

impl Setting {
    pub(super) fn read(document: &Document, node: &Node, environment: &Environment) -> Self {
        Self::filled(document, node, environment, |_, value, _| value.to_owned())
    }

    /// The value of one variable.
    pub(super) fn variable(name: &str, place: Place, environment: &Environment) -> Self {
        match environment.get(name).filter(|value| !value.is_empty()) {
            Some(value) => Self::Secret {
                whole: Secret::new(value.clone()),
                parts: Vec::new(),
            },
            None => Self::Unset {
                name: name.to_owned(),
                place,
            },
        }
    }

    /// Puts values in the form that `fill` makes of the text before, the value and the text after.
    pub(super) fn filled(
        document: &Document,
        node: &Node,
        environment: &Environment,
        fill: impl Fn(&str, &str, &str) -> String,
    ) -> Self {
        let text = node.text().unwrap_or_default();
        let mut filled = String::new();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, name, after)) = split_variable(rest) {
            filled.push_str(before);
            match environment.get(name) {
                Some(value) if !value.is_empty() => {
                    filled.push_str(&fill(&filled, value, after));
                    parts.push(Secret::new(value.clone()));
                }
                _ => {
                    return Self::Unset {
                        name: name.to_owned(),
                        place: document.place(node),
                    };
                }
            }
            rest = after;
        }
        if rest.len() == text.len() {
            return Self::Plain(text.to_owned());
        }
        filled.push_str(rest);
        Self::Secret {
            whole: Secret::new(filled),
            parts,
        }
    }

    /// The text, or an error that says which variable to set.
    pub fn get(&self) -> Result<&str> {
        match self {
            Self::Plain(text) => Ok(text),
            Self::Secret { whole, .. } => Ok(whole.expose()),
            Self::Unset { name, place } => Err(Diagnostic::new(format!(
                "environment variable `{name}` is not set"
            ))
            .at(place.clone())
            .help(format!(
                "set {name}, or write it to a file .env beside {FILE}"
            ))
            .into()),
        }
    }

    pub(super) fn whole(&self) -> Option<&Secret> {
        match self {
            Self::Secret { whole, .. } => Some(whole),
            Self::Plain(_) | Self::Unset { .. } => None,
        }
    }

    pub(super) fn parts(&self) -> &[Secret] {
        match self {
            Self::Secret { parts, .. } => parts,
            Self::Plain(_) | Self::Unset { .. } => &[],
        }
    }
}

/// The text before the first `${NAME}`, the name, and the text after it.
fn split_variable(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("${")?;
    let (name, after) = rest.split_once('}')?;
    Some((before, name, after))
}

/// The text with a `1` for every variable, to see whether the rest is right.
pub(super) fn blank(text: &str) -> String {
    match split_variable(text) {
        Some((before, _, after)) => format!("{before}1{}", blank(after)),
        None => text.to_owned(),
    }
}

/// Whether a text has a part that comes from the environment.
pub(super) fn has_variable(text: &str) -> bool {
    split_variable(text).is_some()
}

/// Whether a text is one variable and nothing else.
pub(super) fn is_reference(text: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    split_variable(text).is_some_and(|(before, name, after)| {
        let alone = before.is_empty() && after.is_empty();
        alone && !name.is_empty() && name.chars().all(is_name)
    })
}
