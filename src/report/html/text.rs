//! Texts in pieces that templates can draw: what is marked, and what is a control.

use serde::Serialize;

use super::super::show::{head, is_control, is_joiner};
use crate::text::diff::{Diff, Edit, Kind, Op};
use crate::units::count;

/// Characters of a text that are shown.
pub(super) const LONGEST: usize = 20_000;
/// Steps of all differences of a page: words times changed words. What is beyond is shown side by side, so that no
/// page takes for ever.
const STEPS: usize = 2_000_000_000;
/// Bytes of a word, more or less.
const WORD: usize = 6;

/// A text as it is drawn.
#[derive(Debug, Default, Serialize)]
pub(super) struct Text {
    /// Its pieces in order.
    pub(super) pieces: Vec<Piece>,
    /// What is left out, in words.
    pub(super) cut: Option<String>,
}

/// A piece of a text.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    /// `del`, `ins` or nothing.
    pub(super) mark: &'static str,
    /// Whether it is the name of a control.
    pub(super) is_control: bool,
    /// The text.
    pub(super) text: String,
}

impl Text {
    pub(super) fn of(text: &str) -> Self {
        let (shown, all) = head(text, LONGEST);
        let mut pieces = Vec::new();
        split(shown, "", &mut pieces);
        Self {
            pieces,
            cut: cut_note(all),
        }
    }
}

fn cut_note(all: Option<usize>) -> Option<String> {
    all.map(|all| format!("The first {LONGEST} of {all} characters are shown."))
}

/// Adds a text in pieces: runs of text, and controls by name.
fn split(text: &str, mark: &'static str, pieces: &mut Vec<Piece>) {
    let mut push = |is_control, text: String| {
        if !text.is_empty() {
            pieces.push(Piece {
                mark,
                is_control,
                text,
            });
        }
    };
    let mut run = String::new();
    let mut before = None;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let after = rest.peek().copied();
        if c == '\r' && after == Some('\n') {
            continue;
        }
        if !is_control(c) || is_joiner(before, c, after) {
            run.push(c);
        } else {
            push(false, std::mem::take(&mut run));
            let mut times = 1;
            while rest.next_if_eq(&c).is_some() {
                times += 1;
            }
            let name = format!("U+{:04X}", u32::from(c));
            push(
                true,
                if times == 1 {
                    name
                } else {
                    format!("{name} × {times}")
                },
            );
        }
        before = Some(c);
    }
    push(false, run);
}

/// A difference as it is drawn.
#[derive(Debug, Serialize)]
pub(super) struct DiffView {
    /// The names of both texts.
    pub(super) old_name: &'static str,
    pub(super) new_name: &'static str,
    /// How they differ, in words.
    pub(super) note: String,
    /// Whether the texts are withheld, so that the note is all.
    pub(super) withheld: bool,
    /// Whether the two stand side by side, since marks would not help.
    pub(super) side_by_side: bool,
    /// The marked text, or the old one of two.
    pub(super) text: Text,
    /// The new one of two.
    pub(super) new: Text,
}

impl DiffView {
    /// Of withheld texts: the share that changed.
    pub(super) fn withheld(share: f64, names: Names) -> Self {
        Self {
            old_name: names.old,
            new_name: names.new,
            note: format!(
                "{:.0} % of the characters differ. The texts are withheld.",
                share * 100.0
            ),
            withheld: true,
            side_by_side: false,
            text: Text::default(),
            new: Text::default(),
        }
    }
}

/// What two texts are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) old: &'static str,
    pub(super) new: &'static str,
}

/// Compares texts as long as there are steps left.
#[derive(Debug)]
pub(super) struct Diffs {
    steps: usize,
}

impl Diffs {
    pub(super) fn new() -> Self {
        Self { steps: STEPS }
    }

    /// The difference of two texts; `None` where there are no steps left.
    pub(super) fn compare(&mut self, old: &str, new: &str) -> Option<Diff> {
        if self.steps == 0 {
            return None;
        }
        let diff = Diff::of(old, new);
        let changed = diff.ops.iter().filter(|op| op.edit != Edit::Equal);
        let changed: usize = changed.map(|op| op.text.len()).sum();
        let bytes = old.len() + new.len();
        let steps = (bytes / WORD + 1).saturating_mul(changed / WORD + 1);
        self.steps = self.steps.saturating_sub(steps);
        Some(diff)
    }

    pub(super) fn view(&mut self, old: &str, new: &str, names: Names) -> DiffView {
        let ((old, old_all), (new, new_all)) = (head(old, LONGEST), head(new, LONGEST));
        let mut view = DiffView {
            old_name: names.old,
            new_name: names.new,
            note: String::new(),
            withheld: false,
            side_by_side: true,
            text: Text::default(),
            new: Text::default(),
        };
        match self.compare(old, new) {
            None => {
                "Not compared: this page holds too many long differences."
                    .clone_into(&mut view.note);
                (view.text, view.new) = (Text::of(old), Text::of(new));
            }
            Some(diff) => {
                view.note = note(&diff);
                if diff.kind == Kind::Rewritten {
                    (view.text, view.new) = (Text::of(old), Text::of(new));
                } else {
                    view.side_by_side = false;
                    view.text = marked(&diff.ops);
                }
            }
        }
        view.text.cut = cut_note(old_all);
        view.new.cut = cut_note(new_all);
        if !view.side_by_side {
            view.text.cut = view.text.cut.or(view.new.cut.take());
        }
        view
    }
}

fn marked(ops: &[Op]) -> Text {
    let mut pieces = Vec::new();
    for op in ops {
        let mark = match op.edit {
            Edit::Delete if op.blank => continue,
            Edit::Delete => "del",
            Edit::Insert if !op.blank => "ins",
            Edit::Equal | Edit::Insert => "",
        };
        split(&op.text, mark, &mut pieces);
    }
    Text { pieces, cut: None }
}

fn note(diff: &Diff) -> String {
    match diff.kind {
        Kind::Same => "The same text.".to_owned(),
        Kind::SameData => "The same data, in another form.".to_owned(),
        Kind::Whitespace(places) => {
            format!(
                "The same words; white space differs in {}.",
                count(places, "place")
            )
        }
        Kind::Words => {
            let edits = diff.ops.iter().filter(|op| !op.blank);
            let number = |edit| edits.clone().filter(|op| op.edit == edit).count();
            format!(
                "{} removed, {} added.",
                count(number(Edit::Delete), "part"),
                number(Edit::Insert)
            )
        }
        Kind::Rewritten => "Mostly rewritten.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(is_control: bool, text: &str) -> Piece {
        Piece {
            mark: "",
            is_control,
            text: text.into(),
        }
    }

    #[test]
    fn controls_are_named_and_runs_are_counted() {
        assert_eq!(
            Text::of("a\r\nb\u{202e}c\0\0\0\rd").pieces,
            [
                piece(false, "a\nb"),
                piece(true, "U+202E"),
                piece(false, "c"),
                piece(true, "U+0000 × 3"),
                piece(true, "U+000D"),
                piece(false, "d"),
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut_with_a_note() {
        let text = Text::of(&"ü".repeat(30_000));
        assert_eq!(text.pieces[0].text.chars().count(), LONGEST);
        assert_eq!(
            text.cut.as_deref(),
            Some("The first 20000 of 30000 characters are shown.")
        );
    }

    #[test]
    fn without_steps_left_texts_stand_side_by_side() {
        let names = Names { old: "", new: "" };
        let mut diffs = Diffs { steps: 1 };
        let first = diffs.view("the same words but one", "the same words but two", names);
        assert!(!first.side_by_side);
        let second = diffs.view("the same words but one", "the same words but two", names);
        assert!(second.side_by_side && second.note.starts_with("Not compared"));
    }
}
