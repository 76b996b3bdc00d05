//! HTML: which elements a text has, and whether each is closed in its place.

use super::{DEEPEST, Elements, check_waste};
use crate::scorer::OrMissing;

/// Elements that have no content and no closing tag.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
];

/// Elements whose content is text up to their closing tag.
const RAW: &[&str] = &["script", "style", "textarea", "title"];

/// Elements whose closing tag may be left out.
const OPTIONAL_END: &[&str] = &[
    "html", "head", "body", "p", "li", "dt", "dd", "rt", "rp", "optgroup", "option", "colgroup",
    "caption", "thead", "tbody", "tfoot", "tr", "td", "th",
];

/// All other elements of HTML.
const OTHER: &[&str] = &[
    "a",
    "abbr",
    "acronym",
    "address",
    "article",
    "aside",
    "audio",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "button",
    "canvas",
    "center",
    "cite",
    "code",
    "data",
    "datalist",
    "del",
    "details",
    "dfn",
    "dialog",
    "div",
    "dl",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "frame",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "i",
    "iframe",
    "ins",
    "kbd",
    "label",
    "legend",
    "main",
    "map",
    "mark",
    "math",
    "menu",
    "meter",
    "nav",
    "noscript",
    "object",
    "ol",
    "output",
    "picture",
    "pre",
    "progress",
    "q",
    "ruby",
    "s",
    "samp",
    "search",
    "section",
    "select",
    "slot",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "template",
    "time",
    "tt",
    "u",
    "ul",
    "var",
    "video",
];

/// A part of a text.
enum Token<'a> {
    Open {
        name: String,
        /// Whether it is written as closed: `<br />`.
        closed: bool,
    },
    Close(String),
    Doctype,
    Comment,
    Text(&'a str),
}

/// Notes the elements of a text that is all HTML, or says why it is not.
pub(super) fn read(text: &str, elements: &mut Elements<'_>) -> Result<(), String> {
    let mut tree = Tree::new(elements);
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (token, after) =
            next(rest).ok_or_else(|| "not HTML: a tag is not closed".to_owned())?;
        match token {
            Token::Open { name, closed } => rest = tree.open(&name, closed, after)?,
            Token::Close(name) => {
                tree.close(&name)?;
                rest = after;
            }
            Token::Text(text) if tree.open.is_empty() && !text.trim().is_empty() => {
                return Err("not HTML: there is text outside of elements".to_owned());
            }
            Token::Text(_) | Token::Doctype | Token::Comment => rest = after,
        }
    }
    let is_needed = |name: &&String| !OPTIONAL_END.contains(&name.as_str());
    if let Some(name) = tree.open.iter().find(is_needed) {
        return Err(format!("not HTML: `{name}` is not closed"));
    }
    if elements.any {
        Ok(())
    } else {
        Err("not HTML: no element".to_owned())
    }
}

/// Notes the elements of HTML in any text, closed or not, or says that there are none.
pub(super) fn find(text: &str, elements: &mut Elements<'_>) -> OrMissing<Result<(), String>> {
    let mut tree = Tree::new(elements);
    let (mut any, mut wasted) = (false, 0);
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let Some((token, after)) = next(rest) else {
            wasted += rest.len();
            check_waste(wasted)?;
            rest = &rest[1..];
            continue;
        };
        let is_known = |name: &str| is_element(name) || tree.is_foreign();
        match token {
            Token::Open { name, closed } if is_known(&name) => {
                any = true;
                // What cannot be placed is there all the same.
                rest = if let Ok(rest) = tree.open(&name, closed, after) {
                    rest
                } else {
                    wasted += after.len();
                    check_waste(wasted)?;
                    after
                };
            }
            Token::Close(name) if is_known(&name) => {
                any = true;
                tree.close(&name).unwrap_or_default();
                rest = after;
            }
            Token::Comment | Token::Doctype => rest = after,
            Token::Open { .. } | Token::Close(_) | Token::Text(_) => rest = &rest[1..],
        }
    }
    Ok(if any {
        Ok(())
    } else {
        Err("no tag of HTML".to_owned())
    })
}

fn is_element(name: &str) -> bool {
    let is_custom = name.contains('-')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_'));
    is_custom
        || [VOID, RAW, OPTIONAL_END, OTHER]
            .iter()
            .any(|names| names.contains(&name))
}

/// Elements that are open, and where they are noted.
struct Tree<'a, 'b> {
    open: Vec<String>,
    elements: &'a mut Elements<'b>,
}

impl<'a, 'b> Tree<'a, 'b> {
    fn new(elements: &'a mut Elements<'b>) -> Self {
        Self {
            open: Vec::new(),
            elements,
        }
    }

    /// Whether SVG or `MathML` is open, which have elements of their own.
    fn is_foreign(&self) -> bool {
        self.open.iter().any(|name| name == "svg" || name == "math")
    }

    /// Takes an opening tag, and its content where that is raw; gives the rest of the text.
    fn open<'t>(&mut self, name: &str, closed: bool, after: &'t str) -> Result<&'t str, String> {
        if !is_element(name) && !self.is_foreign() {
            return Err(format!("not HTML: there is no element `{name}`"));
        }
        if self.open.len() >= DEEPEST {
            return Err(format!(
                "not HTML: more than {DEEPEST} elements within each other"
            ));
        }
        while self.open.last().is_some_and(|last| ends_before(last, name)) {
            self.open.pop();
        }
        self.open.push(name.to_owned());
        self.elements.note(&self.open);
        if VOID.contains(&name) || closed && self.is_foreign() {
            self.open.pop();
            return Ok(after);
        }
        if !RAW.contains(&name) {
            return Ok(after);
        }
        let is_end = |at: &usize| {
            let end = after.as_bytes()[at + 2..].get(..name.len());
            end.is_some_and(|end| end.eq_ignore_ascii_case(name.as_bytes()))
        };
        let mut ends = after.match_indices("</").map(|(at, _)| at);
        match ends.find(is_end) {
            Some(end) => Ok(&after[end..]),
            None => Err(format!("not HTML: `{name}` is not closed")),
        }
    }

    fn close(&mut self, name: &str) -> Result<(), String> {
        while let Some(last) = self.open.pop() {
            if last == name {
                return Ok(());
            }
            if !OPTIONAL_END.contains(&last.as_str()) {
                let message = format!("not HTML: `{name}` is closed where `{last}` is open");
                self.open.push(last);
                return Err(message);
            }
        }
        Err(format!("not HTML: `{name}` is closed and was not opened"))
    }
}

/// Whether an open element ends where another begins.
fn ends_before(open: &str, next: &str) -> bool {
    const BLOCKS: &[&str] = &[
        "address",
        "article",
        "aside",
        "blockquote",
        "details",
        "div",
        "dl",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hgroup",
        "hr",
        "main",
        "menu",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "ul",
    ];
    match open {
        "p" => BLOCKS.contains(&next),
        "li" => next == "li",
        "dt" | "dd" => matches!(next, "dt" | "dd"),
        "rt" | "rp" => matches!(next, "rt" | "rp"),
        "option" => matches!(next, "option" | "optgroup"),
        "optgroup" => next == "optgroup",
        "td" | "th" => matches!(next, "td" | "th" | "tr" | "tbody" | "tfoot"),
        "tr" => matches!(next, "tr" | "tbody" | "tfoot"),
        "thead" | "tbody" | "tfoot" => matches!(next, "tbody" | "tfoot"),
        "caption" | "colgroup" => matches!(next, "thead" | "tbody" | "tfoot" | "tr" | "colgroup"),
        "head" => next == "body",
        _ => false,
    }
}

/// The first part of a text and what follows it; `None` where it breaks off.
fn next(text: &str) -> Option<(Token<'_>, &str)> {
    let Some(inner) = text.strip_prefix('<') else {
        let end = text.find('<').unwrap_or(text.len());
        return Some((Token::Text(&text[..end]), &text[end..]));
    };
    if let Some(comment) = inner.strip_prefix("!--") {
        let end = comment.find("-->")?;
        return Some((Token::Comment, &comment[end + 3..]));
    }
    let is_doctype = inner
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("!doctype"));
    if is_doctype {
        let end = inner.find('>')?;
        return Some((Token::Doctype, &inner[end + 1..]));
    }
    let (closing, inner) = match inner.strip_prefix('/') {
        Some(inner) => (true, inner),
        None => (false, inner),
    };
    if !inner.starts_with(|c: char| c.is_ascii_alphabetic()) {
        // A bare `<` is text.
        let end = text[1..].find('<').map_or(text.len(), |end| end + 1);
        return Some((Token::Text(&text[..end]), &text[end..]));
    }
    let name_end = inner.find(|c: char| c.is_whitespace() || matches!(c, '/' | '>'))?;
    let name = inner[..name_end].to_ascii_lowercase();
    let (end, closed) = tag_end(&inner[name_end..])?;
    let after = &inner[name_end + end..];
    Some(if closing {
        (Token::Close(name), after)
    } else {
        (Token::Open { name, closed }, after)
    })
}

/// Where a tag ends whose name ends here, and whether it is written as closed. Quotes may hold `>`.
fn tag_end(text: &str) -> Option<(usize, bool)> {
    let mut quote = None;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '>') => return Some((at + 1, last == '/')),
            (None, '"' | '\'') if last == '=' => quote = Some(c),
            _ => {}
        }
        if !c.is_whitespace() {
            last = c;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether each of these elements is there.
    fn has(text: &str, paths: &[&str]) -> Result<Vec<bool>, String> {
        let required: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let mut elements = Elements::new(&required);
        read(text, &mut elements).map(|()| elements.found)
    }

    #[test]
    fn elements_are_placed_as_html_places_them() {
        for (text, paths) in [
            (
                "<ul><li>a<li>b <b>c</b></ul>",
                &["ul", "ul/li", "ul/li/b"][..],
            ),
            ("<p>a<p>b<div>c</div>", &["p", "div"]),
            ("<script>if (a<b) '</p>'</SCRIPT>", &["script"]),
            (
                "<svg><path d=\"a>b\"/><g></g></svg>",
                &["svg/path", "svg/g"],
            ),
        ] {
            assert_eq!(has(text, paths), Ok(vec![true; paths.len()]), "{text}");
        }
        assert_eq!(has("<p>a<p>b", &["p/p"]), Ok(vec![false]));
        for (text, note) in [
            (
                "<div><b></div></b>",
                "not HTML: `div` is closed where `b` is open",
            ),
            ("<div>", "not HTML: `div` is not closed"),
            ("</div>", "not HTML: `div` is closed and was not opened"),
            ("<div", "not HTML: a tag is not closed"),
            ("<x>", "not HTML: there is no element `x`"),
            ("text", "not HTML: there is text outside of elements"),
            ("<!-- a -->", "not HTML: no element"),
        ] {
            assert_eq!(has(text, &[]).unwrap_err(), note);
        }
        assert!(has(&"<b>".repeat(5000), &[]).is_err());
    }
}
