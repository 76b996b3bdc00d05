//! Text with looks, wrapped by words.

use console::measure_text_width;

use super::super::show::stripped;
use crate::text::diff::{Diff, Edit};

/// Words of unchanged text that are shown on either side of a change.
const CONTEXT: usize = 10;

/// How a piece of text looks; without colour it is the plain text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Bold,
    Dim,
    Red,
    BoldRed,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    Deleted,
    Inserted,
}

impl Look {
    /// Parameters of the escape sequence: eight basic colours, bold, dim, underline, strike.
    fn codes(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Dim => Some("2"),
            Self::Red => Some("31"),
            Self::BoldRed => Some("1;31"),
            Self::Green => Some("32"),
            Self::Yellow => Some("33"),
            Self::Blue => Some("34"),
            Self::Magenta => Some("35"),
            Self::Cyan => Some("36"),
            Self::Deleted => Some("9;31"),
            Self::Inserted => Some("4;34"),
        }
    }
}

/// Pieces of text, each with its look; controls are gone from all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pieces: Vec<(String, Look)>,
}

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn said(text: &str) -> Self {
        let mut line = Self::new();
        line.add(text, Look::Dim);
        line
    }

    /// Adds text. Line ends and tabs become spaces.
    pub(super) fn add(&mut self, text: &str, look: Look) {
        let text = stripped(text).replace(['\n', '\t'], " ");
        if text.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some((last, same)) if *same == look => last.push_str(&text),
            _ => self.pieces.push((text, look)),
        }
    }

    /// Ends with a space, so that words that differ only in their look do not run together.
    fn part(&mut self) {
        let glued = self
            .pieces
            .last()
            .is_some_and(|(text, _)| !text.ends_with(' '));
        if glued {
            self.add(" ", Look::Plain);
        }
    }

    /// The same where the last piece is deleted and the next inserted.
    fn part_from(&mut self, next: Look) {
        let last = self.pieces.last().map(|(_, look)| *look);
        if next == Look::Inserted && last == Some(Look::Deleted) {
            self.part();
        }
    }

    /// A difference in one line: changed words between what stands around them. With `signs` as `[-old-]{+new+}`.
    pub(super) fn of_diff(diff: &Diff, signs: bool) -> Self {
        let mut line = Self::new();
        let last = diff.ops.len().saturating_sub(1);
        for (index, op) in diff.ops.iter().enumerate() {
            let (look, before, after) = match op.edit {
                Edit::Delete if op.blank => continue,
                Edit::Insert if op.blank => (Look::Plain, "", ""),
                Edit::Equal => (Look::Plain, "", ""),
                Edit::Delete => (Look::Deleted, "[-", "-]"),
                Edit::Insert => (Look::Inserted, "{+", "+}"),
            };
            if op.edit == Edit::Equal {
                line.add(&folded(&op.text, index > 0, index < last), look);
            } else if signs {
                line.add(&format!("{before}{}{after}", op.text), look);
            } else {
                line.part_from(look);
                line.add(&op.text, look);
            }
        }
        line
    }

    /// Columns that it takes.
    pub(super) fn width(&self) -> usize {
        let widths = self.pieces.iter().map(|(text, _)| measure_text_width(text));
        widths.sum()
    }

    /// The line as it is printed. Spaces that do not break have done their work by then.
    pub(super) fn painted(&self, colour: bool) -> String {
        let mut shown = String::new();
        for (text, look) in &self.pieces {
            let text = &text.replace('\u{a0}', " ");
            match look.codes().filter(|_| colour) {
                Some(codes) => {
                    // Space at the ends of a piece stays without a look, so that none covers an indentation.
                    let inner = text.trim();
                    let start = text.len() - text.trim_start().len();
                    shown.push_str(&text[..start]);
                    if !inner.is_empty() {
                        shown.extend(["\u{1b}[", codes, "m", inner, "\u{1b}[0m"]);
                        shown.push_str(&text[start + inner.len()..]);
                    }
                }
                None => shown.push_str(text),
            }
        }
        shown
    }
}

/// A difference with the lines of its texts, nothing left out. With `signs` as `[-old-]{+new+}`.
pub(super) fn diff_lines(diff: &Diff, signs: bool) -> Vec<Line> {
    let mut lines = vec![Line::new()];
    for op in &diff.ops {
        let (look, before, after) = match op.edit {
            Edit::Delete if op.blank => continue,
            Edit::Equal => (Look::Plain, "", ""),
            Edit::Insert if op.blank => (Look::Plain, "", ""),
            Edit::Delete => (Look::Deleted, "[-", "-]"),
            Edit::Insert => (Look::Inserted, "{+", "+}"),
        };
        for (index, text) in op.text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::new());
            }
            let line = lines.last_mut().expect("there is always a line");
            if signs && !text.is_empty() {
                line.add(&format!("{before}{text}{after}"), look);
            } else {
                line.part_from(look);
                line.add(text, look);
            }
        }
    }
    lines
}

/// Unchanged text around changes: its middle is left out where it is long.
fn folded(text: &str, follows_change: bool, precedes_change: bool) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let head = if follows_change { CONTEXT } else { 0 };
    let tail = if precedes_change { CONTEXT } else { 0 };
    if words.len() <= head + tail + 2 {
        return text.to_owned();
    }
    let (first, last) = (
        words[..head].join(" "),
        words[words.len() - tail..].join(" "),
    );
    let gap = if head > 0 { " … " } else { "… " };
    format!("{first}{gap}{last}")
}

/// The line in parts of at most `width` columns, broken at spaces, or inside of a word that is too long.
pub(super) fn wrap(line: &Line, width: usize) -> Vec<Line> {
    let mut parts = vec![Line::new()];
    let mut column = 0;
    let mut space: Option<(String, Look)> = None;
    for (text, look) in &line.pieces {
        for word in text.split_inclusive(' ') {
            let (word, ends) = match word.strip_suffix(' ') {
                Some(word) => (word, true),
                None => (word, false),
            };
            for chunk in chunks(word, width) {
                let gap = space.as_ref().map_or(0, |(space, _)| space.len());
                if column + gap + measure_text_width(chunk) > width && column > 0 {
                    parts.push(Line::new());
                    column = 0;
                    space = None;
                }
                let part = parts.last_mut().expect("there is always a part");
                if let Some((space, look)) = space.take() {
                    column += space.len();
                    part.add(&space, look);
                }
                part.add(chunk, *look);
                column += measure_text_width(chunk);
            }
            if ends && column > 0 {
                match &mut space {
                    Some((space, _)) => space.push(' '),
                    None => space = Some((" ".to_owned(), *look)),
                }
            }
        }
    }
    parts
}

/// A word in pieces that fit.
fn chunks(word: &str, width: usize) -> Vec<&str> {
    if measure_text_width(word) <= width {
        return if word.is_empty() {
            Vec::new()
        } else {
            vec![word]
        };
    }
    let mut chunks = Vec::new();
    let (mut start, mut column) = (0, 0);
    for (at, c) in word.char_indices() {
        let size = measure_text_width(&word[at..at + c.len_utf8()]);
        if column + size > width {
            chunks.push(&word[start..at]);
            (start, column) = (at, 0);
        }
        column += size;
    }
    chunks.push(&word[start..]);
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        let mut line = Line::new();
        line.add(text, Look::Plain);
        wrap(&line, width)
            .iter()
            .map(|part| part.painted(false))
            .collect()
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrapped("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("中文字", 4), ["中文", "字"]);
    }

    #[test]
    fn a_difference_is_readable_without_colour() {
        let diff = Diff::of(
            "a b c d e f g h i j k l m n o p q old r s t u v w x y z",
            "a b c d e f g h i j k l m n o p q new r s t u v w x y z",
        );
        assert_eq!(
            Line::of_diff(&diff, true).painted(false),
            "… i j k l m n o p q [-old-]{+new+} r s t u v w x y z"
        );
    }
}
