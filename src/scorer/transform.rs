//! The part of an answer that is graded, taken out step by step.

use std::borrow::Cow;

use regex::Regex;
use serde_json::{Value, json};

use crate::document::{Data, Node};
use crate::error::{Problems, Result};
use crate::text::excerpt;

use super::OrMissing;
use super::entry::Entry;

/// Characters of a pattern or pointer that a note shows.
const SHOWN: usize = 60;

/// One step.
#[derive(Debug)]
pub(super) enum Transform {
    /// The part of a JSON answer under this JSON Pointer (RFC 6901): a text as it is, anything else as compact JSON.
    Pointer(String),
    /// The first match; its first group if the pattern has one.
    Regex(Regex),
    /// The content of the first fenced block as `CommonMark` has them, wherever it stands; one that is not closed reaches
    /// to the end. An answer without a fence stays as it is.
    StripFence,
    /// The last line that is not blank, without its line end.
    LastLine,
}

/// Reads the option `transform`.
pub(super) fn read(entry: &Entry<'_>) -> Result<Vec<Transform>> {
    let mut problems = Problems::default();
    let nodes = entry.get("transform").map(Node::items).unwrap_or_default();
    let steps = nodes
        .iter()
        .filter_map(|node| problems.take(step(entry, node)).flatten())
        .collect();
    problems.finish().map(|()| steps)
}

/// One step; `None` for what has the wrong shape, which was noted as such.
fn step(entry: &Entry<'_>, node: &Node) -> Result<Option<Transform>> {
    match &node.data {
        Data::Text(name) if name == "strip-fence" => Ok(Some(Transform::StripFence)),
        Data::Text(name) if name == "last-line" => Ok(Some(Transform::LastLine)),
        Data::Map(entries) => match entries.as_slice() {
            [(key, value)] => match (key.name.as_str(), value.text()) {
                ("json-pointer", Some(pointer)) => read_pointer(entry, value, pointer)
                    .map(|pointer| Some(Transform::Pointer(pointer))),
                ("regex", Some(pattern)) => {
                    compile_regex(entry, value, pattern).map(|regex| Some(Transform::Regex(regex)))
                }
                _ => Ok(None),
            },
            _ => Err(entry
                .problem(node, "a transform is one step")
                .help("give each step a `-` of its own")
                .into()),
        },
        _ => Ok(None),
    }
}

/// A JSON Pointer of the suite, or the mistake in it.
pub(super) fn read_pointer(entry: &Entry<'_>, node: &Node, pointer: &str) -> Result<String> {
    if pointer.is_empty() || pointer.starts_with('/') {
        return Ok(pointer.to_owned());
    }
    Err(entry
        .problem(node, format!("`{pointer}` is not a JSON Pointer"))
        .help(format!("write `/{}`", pointer.replace('.', "/")))
        .into())
}

/// A regular expression of the suite, or the mistake in it.
pub(super) fn compile_regex(entry: &Entry<'_>, node: &Node, pattern: &str) -> Result<Regex> {
    Regex::new(pattern).map_err(|error| {
        entry
            .problem(
                node,
                format!("not a regular expression: {}", reason(&error)),
            )
            .into()
    })
}

/// The reason alone; the reader of patterns draws the pattern over several lines first.
pub(super) fn reason(error: &regex::Error) -> String {
    let whole = error.to_string();
    let last = whole.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

/// Takes the text through all steps, or says which one found nothing.
pub(super) fn apply<'a>(steps: &[Transform], text: &'a str) -> OrMissing<Cow<'a, str>> {
    let mut text = Cow::Borrowed(text);
    for step in steps {
        text = match text {
            Cow::Borrowed(text) => step.apply(text)?,
            Cow::Owned(text) => Cow::Owned(step.apply(&text)?.into_owned()),
        };
    }
    Ok(text)
}

impl Transform {
    fn apply<'a>(&self, text: &'a str) -> OrMissing<Cow<'a, str>> {
        match self {
            Self::Pointer(pointer) => point(pointer, text).map(Cow::Owned),
            Self::Regex(regex) => find(regex, text).map(Cow::Borrowed).ok_or_else(|| {
                let pattern = excerpt(regex.as_str(), SHOWN).into_owned();
                format!("transform: no match of `{pattern}`")
            }),
            Self::StripFence => Ok(Cow::Borrowed(fenced(text))),
            Self::LastLine => text
                .lines()
                .rfind(|line| !line.trim().is_empty())
                .map(Cow::Borrowed)
                .ok_or_else(|| "transform: the answer has no line".to_owned()),
        }
    }

    /// Its part of the fingerprint.
    pub(super) fn identity(&self) -> Value {
        match self {
            Self::Pointer(pointer) => json!({"json-pointer": pointer}),
            Self::Regex(regex) => json!({"regex": regex.as_str()}),
            Self::StripFence => json!("strip-fence"),
            Self::LastLine => json!("last-line"),
        }
    }
}

fn point(pointer: &str, text: &str) -> OrMissing<String> {
    let mut whole: Value =
        serde_json::from_str(text).map_err(|error| format!("transform: not JSON: {error}"))?;
    match whole.pointer_mut(pointer).map(Value::take) {
        Some(Value::String(text)) => Ok(text),
        Some(value) => Ok(value.to_string()),
        None => Err(format!(
            "transform: nothing at `{}`",
            excerpt(pointer, SHOWN)
        )),
    }
}

fn find<'a>(regex: &Regex, text: &'a str) -> Option<&'a str> {
    if regex.captures_len() == 1 {
        return regex.find(text).map(|found| found.as_str());
    }
    regex.captures(text)?.get(1).map(|found| found.as_str())
}

/// The content of the first fenced block, or all of the text.
fn fenced(text: &str) -> &str {
    let mut at = 0;
    let mut open: Option<(usize, &str)> = None;
    for line in text.split_inclusive('\n') {
        let next = at + line.len();
        match open {
            None => open = opening_fence(line).map(|fence| (next, fence)),
            Some((start, fence)) if closes(line, fence) => {
                return without_line_end(&text[start..at]);
            }
            Some(_) => {}
        }
        at = next;
    }
    open.map_or(text, |(start, _)| without_line_end(&text[start..]))
}

/// The run of backticks or tildes that opens a block on this line.
fn opening_fence(line: &str) -> Option<&str> {
    let fence = fence_of(line)?;
    let info = &line.trim_start()[fence.len()..];
    (fence.starts_with('~') || !info.contains('`')).then_some(fence)
}

fn closes(line: &str, open: &str) -> bool {
    fence_of(line).is_some_and(|fence| {
        fence.starts_with(open) && line.trim_start()[fence.len()..].trim().is_empty()
    })
}

fn fence_of(line: &str) -> Option<&str> {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let sign = text.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let size = text.len() - text.trim_start_matches(sign).len();
    (indent <= 3 && size >= 3).then(|| &text[..size])
}

fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_is_stripped_wherever_it_stands() {
        for (text, wanted) in [
            ("```json\n{\"a\": 1}\n```", "{\"a\": 1}"),
            ("Here it is:\n\n```\nx\ny\n```\nBye", "x\ny"),
            ("~~~\r\nx\r\n~~~\r\n", "x"),
            ("````md\n```\ninner\n```\n````", "```\ninner\n```"),
            ("```json\n{\"cut\": ", "{\"cut\": "),
            ("no fence", "no fence"),
            ("`x`", "`x`"),
            ("```not an `info`\nx", "```not an `info`\nx"),
            ("    ```\ncode\n```", ""),
            ("", ""),
        ] {
            assert_eq!(fenced(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn steps_follow_each_other() {
        let steps = [
            Transform::StripFence,
            Transform::Pointer("/a/0".into()),
            Transform::Regex(Regex::new("n=(\\d+)").unwrap()),
        ];
        let text = "Sure:\n```json\n{\"a\": [\"n=12, n=13\"]}\n```";
        assert_eq!(apply(&steps, text).unwrap(), "12");
        assert_eq!(
            apply(&[Transform::LastLine], "a\n b \r\n\n").unwrap(),
            " b "
        );
    }

    #[test]
    fn a_step_that_finds_nothing_says_so() {
        let check = |step: Transform, text: &str, note: &str| {
            assert_eq!(apply(&[step], text).unwrap_err(), note);
        };
        check(
            Transform::Pointer("/b".into()),
            "{\"a\": 1}",
            "transform: nothing at `/b`",
        );
        check(
            Transform::Pointer("/b".into()),
            "oops",
            "transform: not JSON: expected value at line 1 column 1",
        );
        check(
            Transform::LastLine,
            " \n\n",
            "transform: the answer has no line",
        );
        check(
            Transform::Regex(Regex::new("a(b)?").unwrap()),
            "a",
            "transform: no match of `a(b)?`",
        );
    }
}
