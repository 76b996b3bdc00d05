//! What changed between two texts, word by word, in a form that every report can draw.
//!
//! Line ends are made alike and nothing else. Two JSON objects or lists are compared as data first. Lines are aligned,
//! then the words (UAX #29) inside of changed lines; never characters, so that a number, an order id or a date changes
//! as a whole. There is no time limit, since the same input shall give the same bytes; texts of very many words are
//! compared by lines only. Small unchanged islands join the edits around them.

use serde_json::Value;

use super::align::{Segment, aligned, push, units};
use super::{data, words};

/// Words of both texts together above which only lines are compared.
const MOST_WORDS: usize = 20_000;
/// The share of each text above which nothing is painted any more.
const REWRITTEN: f64 = 0.62;
/// The most words and characters of an unchanged run that may join the edits around it.
const ISLAND_WORDS: usize = 2;
const ISLAND_CHARS: usize = 7;

/// The difference of two texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diff {
    /// How they differ on the whole.
    pub kind: Kind,
    /// Both texts in pieces. Equal and deleted pieces together are the old text, equal and inserted ones the new text;
    /// no two neighbours are of one kind, and a deletion stands before the insertion that takes its place.
    pub ops: Vec<Op>,
}

/// How two texts differ on the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not at all, line ends aside.
    Same,
    /// In white space only, in so many places.
    Whitespace(usize),
    /// Both are the same JSON data in another form; the pieces hold it in one form.
    SameData,
    /// In words. If both are JSON, the pieces hold the texts printed with sorted keys, one value a line.
    Words,
    /// So much that marks would not help: more than 62 % of either text. The pieces are the whole texts.
    Rewritten,
}

/// A piece of one text or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// Where it stands.
    pub edit: Edit,
    /// The piece; never empty.
    pub text: String,
    /// Whether it belongs to an edit of white space only, which is counted but not painted.
    pub blank: bool,
}

/// In which of the texts a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edit {
    /// In both.
    Equal,
    /// In the old one.
    Delete,
    /// In the new one.
    Insert,
}

/// The two texts, line ends made alike.
#[derive(Clone, Copy)]
struct Pair<'a> {
    old: &'a str,
    new: &'a str,
}

impl Diff {
    /// Compares two texts.
    pub fn of(old: &str, new: &str) -> Self {
        let (old, new) = (unix_lines(old), unix_lines(new));
        if old == new {
            return Self::whole(Kind::Same, old);
        }
        if let (Some(old), Some(new)) = (container(&old), container(&new)) {
            if data::difference(&old, &new).is_none() {
                return Self::whole(Kind::SameData, data::pretty(new));
            }
            let (old, new) = (data::pretty(old), data::pretty(new));
            return Pair::new(&old, &new).by_words();
        }
        let pair = Pair::new(&old, &new);
        pair.by_whitespace().unwrap_or_else(|| pair.by_words())
    }

    fn whole(kind: Kind, text: String) -> Self {
        let op = Op {
            edit: Edit::Equal,
            text,
            blank: false,
        };
        let ops = if op.text.is_empty() {
            Vec::new()
        } else {
            vec![op]
        };
        Self { kind, ops }
    }

    /// The old text as it was compared: with other line ends, or as JSON printed anew.
    pub fn old_text(&self) -> String {
        self.text_without(Edit::Insert)
    }

    /// The new text as it was compared.
    pub fn new_text(&self) -> String {
        self.text_without(Edit::Delete)
    }

    fn text_without(&self, edit: Edit) -> String {
        let kept = self.ops.iter().filter(|op| op.edit != edit);
        kept.map(|op| op.text.as_str()).collect()
    }

    /// The share of both texts that is deleted or inserted, white space aside: 0 for the same words, 1 for no word in
    /// common. It is all that may be shown of a difference where no text may be.
    #[expect(
        clippy::cast_precision_loss,
        reason = "no text is long enough to matter"
    )]
    pub fn share(&self) -> f64 {
        let (mut changed, mut all) = (0, 0);
        for op in &self.ops {
            let size = ink(&op.text);
            match op.edit {
                Edit::Equal => all += 2 * size,
                Edit::Delete | Edit::Insert => {
                    changed += size;
                    all += size;
                }
            }
        }
        changed as f64 / all.max(1) as f64
    }

    /// The edits as signs with lengths in UTF-16, as scripts count: `=12-3+5`. An edit of white space only has signs of
    /// its own, `_` for deleted and `~` for inserted.
    pub fn utf16(&self) -> String {
        let mut edits = String::new();
        for op in &self.ops {
            let sign = match (op.edit, op.blank) {
                (Edit::Equal, _) => '=',
                (Edit::Delete, false) => '-',
                (Edit::Insert, false) => '+',
                (Edit::Delete, true) => '_',
                (Edit::Insert, true) => '~',
            };
            edits.push(sign);
            edits.push_str(&op.text.encode_utf16().count().to_string());
        }
        edits
    }

    /// Places that differ in white space only.
    pub fn whitespace_edits(&self) -> usize {
        let mut inside = false;
        let mut count = 0;
        for op in &self.ops {
            count += usize::from(op.blank && !inside);
            inside = op.blank;
        }
        count
    }

    /// The texts as one, for places without colour: `[-old-]{+new+}`. White space that changed stands there as in the
    /// new text.
    pub fn marked(&self) -> String {
        let mut shown = String::new();
        for op in &self.ops {
            let (before, after) = match op.edit {
                Edit::Delete if op.blank => continue,
                Edit::Delete => ("[-", "-]"),
                Edit::Insert if !op.blank => ("{+", "+}"),
                Edit::Equal | Edit::Insert => ("", ""),
            };
            shown.extend([before, &op.text, after]);
        }
        shown
    }
}

impl<'a> Pair<'a> {
    fn new(old: &'a str, new: &'a str) -> Self {
        Self { old, new }
    }

    fn by_words(self) -> Diff {
        let mut segments = self.changed_lines();
        if words(self.old).count() + words(self.new).count() <= MOST_WORDS {
            segments = self.changed_words(&segments);
        }
        while self.fold_islands(&mut segments) {}
        if self.is_rewritten(&segments) {
            segments = vec![Segment {
                same: false,
                old: 0..self.old.len(),
                new: 0..self.new.len(),
            }];
            self.diff(Kind::Rewritten, &segments)
        } else {
            self.diff(Kind::Words, &segments)
        }
    }

    /// The difference, if it lies only in white space between the same words.
    fn by_whitespace(self) -> Option<Diff> {
        if !self.old.split_whitespace().eq(self.new.split_whitespace()) {
            return None;
        }
        let mut segments = Vec::new();
        let (mut old_at, mut new_at) = (0, 0);
        loop {
            let (old_gap, new_gap) = (
                blank_start(&self.old[old_at..]),
                blank_start(&self.new[new_at..]),
            );
            let gap = Segment {
                same: self.old[old_at..][..old_gap] == self.new[new_at..][..new_gap],
                old: old_at..old_at + old_gap,
                new: new_at..new_at + new_gap,
            };
            (old_at, new_at) = (gap.old.end, gap.new.end);
            push(&mut segments, gap);
            let word = self.old[old_at..]
                .find(char::is_whitespace)
                .unwrap_or(self.old.len() - old_at);
            if word == 0 {
                break;
            }
            push(
                &mut segments,
                Segment {
                    same: true,
                    old: old_at..old_at + word,
                    new: new_at..new_at + word,
                },
            );
            (old_at, new_at) = (old_at + word, new_at + word);
        }
        let count = segments.iter().filter(|segment| !segment.same).count();
        Some(self.diff(Kind::Whitespace(count), &segments))
    }

    fn changed_lines(self) -> Vec<Segment> {
        let old: Vec<&str> = self.old.split_inclusive('\n').collect();
        let new: Vec<&str> = self.new.split_inclusive('\n').collect();
        let whole = Segment {
            same: false,
            old: 0..self.old.len(),
            new: 0..self.new.len(),
        };
        aligned(&whole, &old, &new)
    }

    fn changed_words(self, lines: &[Segment]) -> Vec<Segment> {
        let mut segments = Vec::new();
        for line in lines {
            if line.same || line.old.is_empty() || line.new.is_empty() {
                push(&mut segments, line.clone());
                continue;
            }
            let old = units(&self.old[line.old.clone()]);
            let new = units(&self.new[line.new.clone()]);
            for segment in aligned(line, &old, &new) {
                push(&mut segments, segment);
            }
        }
        segments
    }

    /// Lets islands join the edits around them, from the left to the right; says whether one did.
    fn fold_islands(self, segments: &mut Vec<Segment>) -> bool {
        let before = segments.len();
        let mut folded: Vec<Segment> = Vec::with_capacity(before);
        for segment in segments.drain(..) {
            if !segment.same
                && let [.., left, island] = folded.as_mut_slice()
                && island.same
                && self.is_island(left, island, &segment)
            {
                left.old.end = segment.old.end;
                left.new.end = segment.new.end;
                folded.pop();
            } else {
                folded.push(segment);
            }
        }
        *segments = folded;
        segments.len() < before
    }

    /// Whether an unchanged run is too small to be read between these edits. It never reaches over a line end, and
    /// edits of white space only are no reason to mark what is beside them.
    fn is_island(self, left: &Segment, island: &Segment, right: &Segment) -> bool {
        let text = &self.old[island.old.clone()];
        let smaller = self.size(left).min(self.size(right));
        if smaller == 0 || text.contains('\n') {
            return false;
        }
        if !text.contains(char::is_alphanumeric) {
            return true;
        }
        let size = text.trim().chars().count();
        size <= ISLAND_CHARS && 2 * size <= smaller && words(text).count() <= ISLAND_WORDS
    }

    fn size(self, edit: &Segment) -> usize {
        let trimmed = |text: &str| text.trim().chars().count();
        trimmed(&self.old[edit.old.clone()]) + trimmed(&self.new[edit.new.clone()])
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "no text is long enough to matter"
    )]
    fn is_rewritten(self, segments: &[Segment]) -> bool {
        let edits = || segments.iter().filter(|segment| !segment.same);
        let old: usize = edits().map(|edit| ink(&self.old[edit.old.clone()])).sum();
        let new: usize = edits().map(|edit| ink(&self.new[edit.new.clone()])).sum();
        old as f64 > REWRITTEN * ink(self.old) as f64
            && new as f64 > REWRITTEN * ink(self.new) as f64
    }

    fn diff(self, kind: Kind, segments: &[Segment]) -> Diff {
        let mut ops = Vec::new();
        for segment in segments {
            let (old, new) = (
                &self.old[segment.old.clone()],
                &self.new[segment.new.clone()],
            );
            let blank = !segment.same && is_blank(old) && is_blank(new);
            let pieces: &[(Edit, &str)] = if segment.same {
                &[(Edit::Equal, old)]
            } else {
                &[(Edit::Delete, old), (Edit::Insert, new)]
            };
            let pieces = pieces.iter().filter(|(_, text)| !text.is_empty());
            ops.extend(pieces.map(|&(edit, text)| Op {
                edit,
                text: text.to_owned(),
                blank,
            }));
        }
        Diff { kind, ops }
    }
}

fn unix_lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

/// The JSON object or list that a text is; a bare number or word is a text like any other.
fn container(text: &str) -> Option<Value> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

fn blank_start(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Characters that are not white space.
fn ink(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(old: &str, new: &str, kind: Kind, marked: &str) {
        let diff = Diff::of(old, new);
        assert_eq!((diff.kind, diff.marked().as_str()), (kind, marked));
    }

    #[test]
    fn line_ends_are_no_difference() {
        check("a\r\nb\rc", "a\nb\nc", Kind::Same, "a\nb\nc");
        check("", "", Kind::Same, "");
    }

    #[test]
    fn words_are_marked_and_characters_never() {
        check(
            "The parcel 1234 left on 2026-02-10, not before 12:30, order ORD-7.",
            "The parcel 1235 left on 2026-02-11, not before 12:45, order ORD-8.",
            Kind::Words,
            "The parcel [-1234-]{+1235+} left on [-2026-02-10-]{+2026-02-11+}, not before [-12:30-]{+12:45+}, order [-ORD-7-]{+ORD-8+}.",
        );
        check(
            "Thank you for returning it, Amara.",
            "Thank you so much for returning it, Amara!",
            Kind::Words,
            "Thank you {+so much +}for returning it, Amara[-.-]{+!+}",
        );
    }

    #[test]
    fn white_space_is_counted_and_not_painted() {
        check("a b\nc", " a  b c\n", Kind::Whitespace(4), " a  b c\n");
        let diff = Diff::of(
            "keep  these words as they are, then stop now\n",
            "keep these words as they are, then go now\n",
        );
        assert_eq!(diff.kind, Kind::Words);
        assert_eq!(diff.whitespace_edits(), 1);
        assert_eq!(
            diff.marked(),
            "keep these words as they are, then [-stop-]{+go+} now\n"
        );
    }

    #[test]
    fn json_is_compared_as_data() {
        check(
            r#"{"b": [1.0], "a": "x"}"#,
            "{\n\"a\":\"x\",\"b\":[1]}",
            Kind::SameData,
            "{\n  \"a\": \"x\",\n  \"b\": [\n    1\n  ]\n}",
        );
        check(
            r#"{"queue": "billing", "id": 1, "note": "none at all"}"#,
            r#"{"id": 1, "queue": "shipping", "note": "none at all"}"#,
            Kind::Words,
            "{\n  \"id\": 1,\n  \"note\": \"none at all\",\n  \"queue\": \"[-billing-]{+shipping+}\"\n}",
        );
        check("5", "5.0", Kind::Rewritten, "[-5-]{+5.0+}");
    }

    #[test]
    fn only_changed_lines_are_searched_for_words() {
        check(
            "one\ntwo words here\nthree\nfour\n",
            "zero\none\ntwo words there\nthree\nfour\n",
            Kind::Words,
            "{+zero\n+}one\ntwo words [-here-]{+there+}\nthree\nfour\n",
        );
    }

    #[test]
    fn small_islands_join_the_edits_around_them() {
        let frame =
            |inner: &str| format!("This sentence stays as it was before: {inner}. So does this.");
        for (old, new, marked) in [
            (
                "red, green",
                "blue, yellow",
                "[-red, green-]{+blue, yellow+}",
            ),
            (
                "sixteen in total",
                "seven at total",
                "[-sixteen in-]{+seven at+} total",
            ),
            (
                "everything is wonderful",
                "nothing is terrible",
                "[-everything is wonderful-]{+nothing is terrible+}",
            ),
            ("a with b", "c with d", "[-a-]{+c+} with [-b-]{+d+}"),
            (
                "alpha\nbeta",
                "gamma\ndelta",
                "[-alpha-]{+gamma+}\n[-beta-]{+delta+}",
            ),
        ] {
            check(&frame(old), &frame(new), Kind::Words, &frame(marked));
        }
    }

    #[test]
    fn a_text_of_which_little_is_left_is_rewritten_but_one_that_only_grew_is_not() {
        check(
            "shipping",
            "billing",
            Kind::Rewritten,
            "[-shipping-]{+billing+}",
        );
        check(
            "I cannot help with that.",
            "Sure! Here are the steps.",
            Kind::Rewritten,
            "[-I cannot help with that.-]{+Sure! Here are the steps.+}",
        );
        check(
            "Yes.",
            "Yes. It left on Monday and comes soon.",
            Kind::Words,
            "Yes.{+ It left on Monday and comes soon.+}",
        );
        check("", "new", Kind::Words, "{+new+}");
        check("old", "", Kind::Words, "[-old-]");
    }

    #[test]
    fn edits_are_counted_as_scripts_count() {
        let edits = |old, new| Diff::of(old, new).utf16();
        assert_eq!(
            edits("keep this 🙂 here", "keep this 🙂🙂 there"),
            "=12-5+8"
        );
        assert_eq!(edits("a  b", "a b"), "=1_2~1=1");
        assert_eq!(edits("same", "same"), "=4");
        assert_eq!(edits("", ""), "");
    }

    #[test]
    fn very_long_texts_are_compared_by_lines() {
        let lines: Vec<String> = (0..6000).map(|i| format!("line {i} here\n")).collect();
        let old = lines.concat();
        let new = old.replace("line 77 here", "line 77 there");
        let diff = Diff::of(&old, &new);
        assert!(
            diff.marked()
                .contains("[-line 77 here\n-]{+line 77 there\n+}")
        );
    }

    #[test]
    fn the_share_is_that_of_changed_characters() {
        assert!(Diff::of("a b", "a  b").share().abs() < f64::EPSILON);
        assert!((Diff::of("aa bb cc dd", "aa bb cc ee").share() - 0.25).abs() < 1e-12);
        assert!((Diff::of("", "x").share() - 1.0).abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn the_pieces_give_both_texts(
            old in "([ab]{1,2}|[ \\n\\t.,{}1-]|é|🙂){0,40}",
            new in "([ab]{1,2}|[ \\n\\t.,{}1-]|é|🙂){0,40}",
        ) {
            let diff = Diff::of(&old, &new);
            prop_assert_eq!(diff.old_text(), old.clone());
            prop_assert_eq!(diff.new_text(), new.clone());
            prop_assert_eq!(diff.kind == Kind::Same, old == new);
            prop_assert!(diff.ops.iter().all(|op| !op.text.is_empty()));
            for two in diff.ops.windows(2) {
                prop_assert!(two[0].edit != two[1].edit);
                prop_assert!((two[0].edit, two[1].edit) != (Edit::Insert, Edit::Delete));
            }
            if let Kind::Whitespace(count) = diff.kind {
                prop_assert_eq!(count, diff.whitespace_edits());
            }
            prop_assert!((0.0..=1.0).contains(&diff.share()));
            prop_assert_eq!(&diff, &Diff::of(&old, &new));
        }

        #[test]
        fn no_text_makes_it_panic(old in any::<String>(), new in any::<String>()) {
            let diff = Diff::of(&old, &new);
            prop_assert!(!diff.marked().contains('\r'));
        }
    }
}
