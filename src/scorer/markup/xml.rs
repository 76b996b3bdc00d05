//! XML: whether it is well-formed, and which elements it has.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{DEEPEST, Elements, check_waste};
use crate::scorer::OrMissing;

const OUTSIDE: &str = "not XML: there is text before the root element";

/// Notes the elements of a document, or says why it is none.
pub(super) fn read(text: &str, elements: &mut Elements<'_>) -> Result<(), String> {
    let text = text.trim();
    let (read, end) = element(text, elements);
    read?;
    // Behind the root only comments and processing instructions may stand.
    let mut reader = reader(&text[end..]);
    loop {
        match reader.read_event() {
            Ok(Event::Eof) => return Ok(()),
            Ok(Event::Comment(_) | Event::PI(_)) => {}
            Ok(Event::Text(text)) if text.iter().all(u8::is_ascii_whitespace) => {}
            Ok(_) => return Err("not XML: there is something behind the root element".to_owned()),
            Err(error) => return Err(format!("not XML: {error}")),
        }
    }
}

/// Notes the elements of all well-formed elements in a text, or says that there are none.
pub(super) fn find(text: &str, elements: &mut Elements<'_>) -> OrMissing<Result<(), String>> {
    let (mut at, mut wasted) = (0, 0);
    while let Some(offset) = text[at..].find('<') {
        at += offset;
        let mut inner = Elements::new(elements.required);
        match element(&text[at..], &mut inner) {
            // What may stand before an element in a document is no part of one in a text.
            (Ok(()), end) if text[at + 1..].starts_with(is_start) => {
                elements.join(&inner);
                at += end;
            }
            (_, end) => {
                wasted += end;
                check_waste(wasted)?;
                at += 1;
            }
        }
    }
    Ok(if elements.any {
        Ok(())
    } else {
        Err("no XML element".to_owned())
    })
}

/// Whether a name may begin so.
fn is_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | ':')
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    reader
}

/// Notes the elements of the first element of a text, what may stand before it in a document included; also gives how
/// far was read, which is where the element ends.
fn element(text: &str, elements: &mut Elements<'_>) -> (Result<(), String>, usize) {
    let mut reader = reader(text);
    let read = follow(&mut reader, elements);
    let end = usize::try_from(reader.buffer_position()).unwrap_or(text.len());
    (read, end.min(text.len()))
}

fn follow(reader: &mut Reader<&[u8]>, elements: &mut Elements<'_>) -> Result<(), String> {
    // The names of the elements that are open.
    let mut open: Vec<String> = Vec::new();
    loop {
        let event = reader
            .read_event()
            .map_err(|error| format!("not XML: {error}"))?;
        let closed = match event {
            Event::Start(tag) => {
                open.push(name_of(&tag)?);
                elements.note(&open);
                if open.len() > DEEPEST {
                    return Err(format!(
                        "not XML: more than {DEEPEST} elements within each other"
                    ));
                }
                false
            }
            Event::Empty(tag) => {
                open.push(name_of(&tag)?);
                elements.note(&open);
                open.pop();
                true
            }
            Event::End(_) => {
                open.pop();
                true
            }
            Event::Text(text) => {
                if open.is_empty() && !text.iter().all(u8::is_ascii_whitespace) {
                    return Err(OUTSIDE.to_owned());
                }
                false
            }
            Event::GeneralRef(name) => {
                check_entity(&name)?;
                if open.is_empty() {
                    return Err(OUTSIDE.to_owned());
                }
                false
            }
            Event::CData(_) if open.is_empty() => return Err(OUTSIDE.to_owned()),
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
                    Some(name) => format!("not XML: `{name}` is not closed"),
                    None => "not XML: no element".to_owned(),
                });
            }
        };
        if closed && open.is_empty() {
            return Ok(());
        }
    }
}

/// Takes the five entities of XML and numbered characters.
fn check_entity(name: &BytesRef<'_>) -> Result<(), String> {
    let is_named = matches!(&**name, b"lt" | b"gt" | b"amp" | b"quot" | b"apos");
    if is_named || name.is_char_ref() && name.resolve_char_ref().is_ok() {
        return Ok(());
    }
    let name = String::from_utf8_lossy(name).into_owned();
    Err(format!("not XML: unknown entity `&{name};`"))
}

/// The name of an element, its attributes checked.
fn name_of(tag: &BytesStart<'_>) -> Result<String, String> {
    let name = String::from_utf8_lossy(tag.name().as_ref()).into_owned();
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
    Ok(name)
}
