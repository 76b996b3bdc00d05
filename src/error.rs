//! What went wrong, where, and what to do next.
//!
//! An [`Error`] means that the program cannot go on: bad input, a file that is not there, a database that does not
//! answer. It holds one or more [`Diagnostic`]s, since all mistakes of a file are reported at once. A call or a
//! check that fails while a suite runs is no `Error`; it is an outcome, and stays in the record.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// The result of everything that can fail for good.
pub type Result<T> = std::result::Result<T, Error>;

/// Characters of a long source line that are shown of the marked part and behind it.
const SNIPPET_MARGIN: usize = 60;

/// A part of a text that a person wrote: which file, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: Arc<str>,
    text: Arc<str>,
    first_line: usize,
    span: Range<usize>,
}

impl Place {
    /// A whole file, without a position in it.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.into(),
            text: "".into(),
            first_line: 0,
            span: 0..0,
        }
    }

    /// The bytes `span` of `text`, where `text` is the file from line `first_line` (counted from 1) on.
    ///
    /// A span that does not lie on character borders of `text` is moved to the nearest ones.
    pub fn span(
        file: impl Into<Arc<str>>,
        text: Arc<str>,
        first_line: usize,
        span: Range<usize>,
    ) -> Self {
        let start = text.floor_char_boundary(span.start);
        let end = text.ceil_char_boundary(span.end.max(start));
        Self {
            file: file.into(),
            text,
            first_line,
            span: start..end,
        }
    }

    /// Line and column, both counted from 1, columns in characters; `None` for a whole file.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        if self.first_line == 0 {
            return None;
        }
        let before = &self.text[..self.span.start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = self.first_line + before.matches('\n').count();
        Some((line, before[line_start..].chars().count() + 1))
    }

    /// The name of the file, which may hold foreign text such as the id of a case.
    fn shown_file(&self) -> String {
        picture_controls(&self.file)
    }

    /// The marked line cut to a readable width, with the range to underline in it; control characters are shown as
    /// pictures, so that a hostile file cannot write to the terminal.
    fn excerpt(&self) -> (String, Range<usize>) {
        let line_start = self.text[..self.span.start]
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let line_end = self.text[self.span.start..]
            .find('\n')
            .map_or(self.text.len(), |at| self.span.start + at);
        let marked_end = self.span.end.min(line_end).max(self.span.start);
        let before = &self.text[line_start..self.span.start];
        let marked = first_chars(&self.text[self.span.start..marked_end], SNIPPET_MARGIN);
        let after = first_chars(&self.text[marked_end..line_end], SNIPPET_MARGIN);
        let mut shown = picture_controls(before);
        let start = shown.len();
        shown.push_str(&picture_controls(marked));
        let end = shown.len();
        shown.push_str(picture_controls(after).trim_end());
        (shown, start..end)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line_column() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.shown_file()),
            None => f.write_str(&self.shown_file()),
        }
    }
}

/// One mistake: what, where, why, and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    message: String,
    place: Option<Place>,
    causes: Vec<String>,
    help: Option<String>,
}

impl Diagnostic {
    /// A mistake in one lower-case fragment that names the thing, without a dot at its end.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            causes: Vec::new(),
            help: None,
        }
    }

    /// Says where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Says what lies behind it, with the causes of that cause.
    #[must_use]
    pub fn because(mut self, cause: &dyn std::error::Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            self.causes.push(cause.to_string());
            next = cause.source();
        }
        self.causes.dedup();
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// What went wrong, without place and help.
    pub fn message(&self) -> &str {
        &self.message
    }

    fn title(&self) -> String {
        let mut title = picture_controls(&self.message);
        for cause in &self.causes {
            title.push_str(": ");
            title.push_str(&picture_controls(cause));
        }
        title
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(self.title()));
        if let Some(place) = &self.place {
            group = match place.line_column() {
                Some((line, _)) => {
                    let (shown, marked) = place.excerpt();
                    let snippet = Snippet::source(shown)
                        .path(place.shown_file())
                        .line_start(line);
                    group.element(snippet.annotation(AnnotationKind::Primary.span(marked)))
                }
                None => group.element(annotate_snippets::Origin::path(place.shown_file())),
            };
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(picture_controls(help)));
        }
        renderer.render(&[group])
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.title())?;
        if let Some(help) = &self.help {
            write!(f, " ({help})")?;
        }
        Ok(())
    }
}

/// One or more mistakes that end the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// An error of one fragment; see [`Diagnostic::new`].
    pub fn new(message: impl Into<String>) -> Self {
        Diagnostic::new(message).into()
    }

    /// The mistakes, at least one, in the order in which they were found.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// All diagnostics as a person reads them, with source snippets; in colour where `colour` is set.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let shown: Vec<String> = self
            .diagnostics
            .iter()
            .map(|diagnostic| diagnostic.render(&renderer))
            .collect();
        shown.join("\n\n")
    }
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.diagnostics.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            diagnostic.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Collects the mistakes of a file, so that they are reported together.
#[derive(Debug, Default)]
pub struct Problems {
    found: Vec<Diagnostic>,
}

impl Problems {
    /// Notes one mistake.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Takes the value of a result, or notes its mistakes.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.found.extend(error.diagnostics);
                None
            }
        }
    }

    /// Whether nothing was noted so far.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// `Ok` where nothing was noted, else all that was.
    pub fn finish(self) -> Result<()> {
        if self.found.is_empty() {
            Ok(())
        } else {
            Err(Error {
                diagnostics: self.found,
            })
        }
    }
}

/// The text with every control and direction character replaced by a visible one.
pub(crate) fn picture_controls(text: &str) -> String {
    text.chars().map(picture_of).collect()
}

fn picture_of(c: char) -> char {
    match c {
        '\t' | '\n' => ' ',
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        '\u{80}'..='\u{9f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => '\u{fffd}',
        _ => c,
    }
}

fn first_chars(text: &str, count: usize) -> &str {
    text.char_indices()
        .nth(count)
        .map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_columns_from_one_in_characters() {
        let place = Place::span("a.yaml", "één: 1\nz: ü x\n".into(), 1, 15..16);
        assert_eq!(place.to_string(), "a.yaml:2:6");
    }

    #[test]
    fn a_diagnostic_shows_place_snippet_and_help() {
        let place = Place::span("suites/a.yaml", "name: a\nmodles: [x]\n".into(), 1, 8..14);
        let error = Error::from(
            Diagnostic::new("unknown key `modles`")
                .at(place)
                .help("did you mean `models`?"),
        );
        insta::assert_snapshot!(error.render(false), @r"
        error: unknown key `modles`
         --> suites/a.yaml:2:1
          |
        2 | modles: [x]
          | ^^^^^^
          |
          = help: did you mean `models`?
        ");
    }

    #[test]
    fn a_hostile_line_cannot_write_to_the_terminal() {
        let place = Place::span("a\u{1b}[2J", "x\u{1b}[31m\u{202e}".into(), 1, 0..1);
        let shown = Error::from(Diagnostic::new("bad \u{1b}]0;x\u{7}").at(place)).render(false);
        assert!(
            !shown.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{shown:?}"
        );
    }
}
