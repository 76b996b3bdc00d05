//! XML: whether it is well-formed, and which elements it has.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{MOST_STARTS, Paths};
use crate::scorer::OrMissing;

/// The elements of a document, or why it is none.
pub(super) fn paths(text: &str) -> Result<Paths, String> {
    let text = text.trim();
    let (paths, end) = element(text)?;
    let rest = &text[end..];
    // Behind the root only comments and processing instructions may stand.
    let mut reader = reader(rest);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(paths),
            Ok(Event::Comment(_) | Event::PI(_)) => {}
            Ok(Event::Text(text)) if text.iter().all(u8::is_ascii_whitespace) => {}
            Ok(_) => return Err("not XML: there is something behind the root element".to_owned()),
            Err(error) => return Err(format!("not XML: {error}")),
        }
    }
}

/// The elements of all well-formed elements in a text, or that there are none.
pub(super) fn fragments(text: &str) -> OrMissing<Result<Paths, String>> {
    let mut paths = Paths::new();
    let (mut at, mut tried) = (0, 0);
    while let Some(offset) = text[at..].find('<') {
        at += offset;
        tried += 1;
        if tried > MOST_STARTS {
            return Err(format!("more than {MOST_STARTS} tags are too many to read"));
        }
        let begins = text[at + 1..].starts_with(|c: char| c.is_alphabetic() || c == '_');
        match begins.then(|| element(&text[at..])) {
            Some(Ok((found, end))) => {
                paths.extend(found);
                at += end;
            }
            _ => at += 1,
        }
    }
    Ok(if paths.is_empty() {
        Err("no XML element".to_owned())
    } else {
        Ok(paths)
    })
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    reader
}

/// The elements of the first element of a text, what may stand before it in a document included, and where it ends.
fn element(text: &str) -> Result<(Paths, usize), String> {
    let mut reader = reader(text);
    let mut paths = Paths::new();
    // The paths of the elements that are open.
    let mut open: Vec<String> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("not XML: {error}"))?;
        let closed = match event {
            Event::Start(tag) => {
                let path = enter(&tag, &open)?;
                paths.insert(path.clone());
                open.push(path);
                false
            }
            Event::Empty(tag) => {
                paths.insert(enter(&tag, &open)?);
                true
            }
            Event::End(_) => {
                open.pop();
                true
            }
            Event::Text(text) => {
                if open.is_empty() && !text.iter().all(u8::is_ascii_whitespace) {
                    return Err("not XML: there is text before the root element".to_owned());
                }
                false
            }
            Event::GeneralRef(name) => {
                let is_known = matches!(&*name, b"lt" | b"gt" | b"amp" | b"quot" | b"apos")
                    || name.is_char_ref() && name.resolve_char_ref().is_ok();
                if !is_known || open.is_empty() {
                    let name = String::from_utf8_lossy(&name).into_owned();
                    return Err(format!("not XML: unknown entity `&{name};`"));
                }
                false
            }
            Event::CData(_) if open.is_empty() => {
                return Err("not XML: there is text before the root element".to_owned());
            }
            Event::DocType(_) if !open.is_empty() => {
                return Err("not XML: a DOCTYPE within an element".to_owned());
            }
            Event::CData(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_) => false,
            Event::Eof => {
                return Err(match open.last() {
                    Some(path) => format!("not XML: `{path}` is not closed"),
                    None => "not XML: no element".to_owned(),
                });
            }
        };
        if closed && open.is_empty() {
            let end = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
            return Ok((paths, end));
        }
    }
}

/// The path of an element below those that are open, its attributes checked.
fn enter(tag: &BytesStart<'_>, open: &[String]) -> Result<String, String> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
    let is_start = |c: char| c.is_alphabetic() || matches!(c, '_' | ':');
    let is_part = |c: char| is_start(c) || c.is_numeric() || matches!(c, '-' | '.' | '·');
    if !name.starts_with(is_start) || !name.chars().all(is_part) {
        return Err(format!("not XML: `{name}` is no name"));
    }
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| format!("not XML: {error}"))?;
        if attribute.value.contains(&b'<') {
            return Err("not XML: `<` in an attribute".to_owned());
        }
    }
    Ok(match open.last() {
        Some(above) => format!("{above}/{name}"),
        None => name,
    })
}
