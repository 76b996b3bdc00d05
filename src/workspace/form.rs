//! What the entry of a model says of an interface of one's own: a JSON interface over HTTP, or a local program.

use serde_json::{Map, Value};

use super::setting;
use crate::document::{Document, Key, Node};
use crate::error::{Diagnostic, Problems};
use crate::exchange::WireFormat;
use crate::exchange::form::{Form, HttpForm, Pointers};
use crate::shape::{Field, Shape};

/// How a program is asked.
pub(super) const MODES: &[&str] = &["one-shot", "lines"];

const POINTER: Shape = Shape::Text;

/// Where the parts of an answer stand.
pub(super) const ANSWER: Shape = Shape::Record(&[
    Field::required("text", POINTER, "JSON pointer to the text of the answer"),
    Field::optional("reasoning", POINTER, "JSON pointer to the reasoning"),
    Field::optional("finish", POINTER, "JSON pointer to the reason why it ended"),
    Field::optional("model", POINTER, "JSON pointer to the model that served"),
    Field::optional("request_id", POINTER, "JSON pointer to the id of the call"),
    Field::optional(
        "input_tokens",
        POINTER,
        "JSON pointer to the number of tokens of the prompt",
    ),
    Field::optional(
        "output_tokens",
        POINTER,
        "JSON pointer to the number of tokens of the answer",
    ),
    Field::optional(
        "cached_tokens",
        POINTER,
        "JSON pointer to the number of these that a cache held",
    ),
    Field::optional(
        "reasoning_tokens",
        POINTER,
        "JSON pointer to the number of tokens of the answer that were spent on reasoning",
    ),
    Field::optional(
        "error",
        POINTER,
        "JSON pointer to the message of an error; where something stands there, the reply is no answer",
    ),
]);

/// What the entry says of what its wire format leaves open.
pub(super) fn read(node: &Node, format: WireFormat) -> Option<Form> {
    match format {
        WireFormat::Http => {
            let body = match node.get("body").map(Node::to_json) {
                Some(Value::Object(body)) => body,
                _ => Map::new(),
            };
            let answer = node.get("answer").map(Node::to_json).unwrap_or_default();
            let answer = serde_json::from_value::<Pointers>(answer).unwrap_or_default();
            Some(Form::Http(Box::new(HttpForm { body, answer })))
        }
        WireFormat::Command => {
            let parts = node.get("command").map(Node::items).unwrap_or_default();
            let parts = parts.iter().filter_map(Node::text).map(str::to_owned);
            Some(Form::Command(parts.collect()))
        }
        _ => {
            let version = node.get("api_version").and_then(Node::text)?;
            Some(Form::ApiVersion(version.to_owned()))
        }
    }
}

/// Notes what is wrong with what an entry says of it.
pub(super) fn check(
    document: &Document,
    (alias, node): (&Key, &Node),
    format: WireFormat,
    problems: &mut Problems,
) {
    let needed: &[&str] = match format {
        WireFormat::Http => &["body", "answer"],
        WireFormat::Command => &["command"],
        _ => &[],
    };
    for name in needed.iter().filter(|name| node.get(name).is_none()) {
        problems.push(
            Diagnostic::new(format!("missing key `models.{}.{name}`", alias.name))
                .at(document.source.place(alias.span.clone()))
                .help(format!("the format {} cannot do without", format.name())),
        );
    }
    let answer = node.get("answer").map(Node::entries).unwrap_or_default();
    for (key, pointer) in answer {
        let is_pointer = |text: &str| text.is_empty() || text.starts_with('/');
        if pointer.text().is_some_and(|text| !is_pointer(text)) {
            problems.push(
                Diagnostic::new(format!(
                    "`models.{}.answer.{}` is no JSON pointer",
                    alias.name, key.name
                ))
                .at(document.place(pointer))
                .help("a pointer begins with `/`, such as /choices/0/text"),
            );
        }
    }
    check_command(document, (alias, node), problems);
}

/// Arguments are seen by every program of the machine: no place for what is secret.
fn check_command(document: &Document, (alias, node): (&Key, &Node), problems: &mut Problems) {
    let Some(command) = node.get("command") else {
        return;
    };
    let parts = command.items();
    if parts.first().and_then(Node::text).is_none_or(str::is_empty) {
        problems.push(
            Diagnostic::new(format!("`models.{}.command` names no program", alias.name))
                .at(document.place(command))
                .help("write a program and its arguments, such as [python3, answer.py]"),
        );
    }
    for part in parts {
        if part.text().is_some_and(setting::has_variable) {
            problems.push(
                Diagnostic::new(format!(
                    "`models.{}.command` takes no values of the environment",
                    alias.name
                ))
                .at(document.place(part))
                .help("arguments can be seen by others: hand it on in `env`"),
            );
        }
    }
}
