//! In which way an answer changed, as a person would sort it: it refuses, has another form, names another number.
//!
//! The kinds are tried in the order in which they explain the others: who refuses also changes length and numbers.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diff::{self, Diff, Edit};
use super::words;

/// Words of which one text has that many times as many as the other, and at least so many more, to be of another
/// length.
const LENGTH_RATIO: usize = 2;
const LENGTH_WORDS: usize = 10;
/// Words up to which a text that was wholly rewritten is still an answer to compare by its numbers and names.
const SHORT_WORDS: usize = 8;
/// Words from which on a guess of the language is worth something.
const LANGUAGE_WORDS: usize = 6;
/// Characters at the start of a text within which it refuses, where it does.
const OPENING: usize = 160;
/// How refusals begin, in lower case.
const REFUSALS: &[&str] = &[
    "i cannot",
    "i can't",
    "i can not",
    "i am unable",
    "i'm unable",
    "i am not able",
    "i'm not able",
    "i won't",
    "i will not",
    "sorry, but i",
    "as an ai",
    "ich kann ihnen dabei nicht",
    "ich kann dabei nicht",
    "je ne peux pas",
    "no puedo ayudar",
];

/// The way in which an answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// It refuses, and did not before.
    Refusal,
    /// It has another form: JSON with other keys, a list, a fence; or the same content set otherwise.
    Format,
    /// It is in another language.
    Language,
    /// It is much longer or much shorter.
    Length,
    /// It has other numbers.
    Number,
    /// It has other names: words that begin with a capital letter inside of a sentence.
    Entity,
    /// It has other words.
    Words,
    /// It is the same text.
    Same,
}

impl Change {
    /// How `new` differs from `old`.
    pub fn of(old: &str, new: &str) -> Self {
        if old == new {
            return Self::Same;
        }
        if refuses(new) && !refuses(old) {
            return Self::Refusal;
        }
        let diff = Diff::of(old, new);
        match diff.kind {
            diff::Kind::Same => return Self::Same,
            diff::Kind::Whitespace(_) | diff::Kind::SameData => return Self::Format,
            diff::Kind::Words | diff::Kind::Rewritten => {}
        }
        if Form::of(old) != Form::of(new) {
            return Self::Format;
        }
        if language(old).is_some_and(|old| language(new).is_some_and(|new| old != new)) {
            return Self::Language;
        }
        let sizes = [words(old).count(), words(new).count()];
        let (least, most) = (sizes[0].min(sizes[1]), sizes[0].max(sizes[1]));
        if most >= LENGTH_RATIO * least && most - least >= LENGTH_WORDS {
            return Self::Length;
        }
        let is_new_text = diff.kind == diff::Kind::Rewritten && most > SHORT_WORDS;
        if !is_new_text
            && edited(&diff, Edit::Delete, numbers) != edited(&diff, Edit::Insert, numbers)
        {
            Self::Number
        } else if !is_new_text && names(old) != names(new) {
            Self::Entity
        } else {
            Self::Words
        }
    }

    /// Its name in titles.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refusal => "refuses",
            Self::Format => "another form",
            Self::Language => "another language",
            Self::Length => "another length",
            Self::Number => "other numbers",
            Self::Entity => "other names",
            Self::Words => "other words",
            Self::Same => "same text",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

fn refuses(text: &str) -> bool {
    let opening: String = text.chars().take(OPENING).collect();
    let opening = opening.to_lowercase().replace('\u{2019}', "'");
    REFUSALS.iter().any(|start| opening.contains(start))
}

/// How a text is set.
#[derive(Debug, PartialEq, Eq)]
enum Form {
    Plain,
    List,
    Fenced,
    /// An object with these keys, or a list of anything.
    Json(BTreeSet<String>),
}

impl Form {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with(['{', '[']) {
            match serde_json::from_str(text) {
                Ok(Value::Object(map)) => return Self::Json(map.keys().cloned().collect()),
                Ok(Value::Array(_)) => return Self::Json(BTreeSet::new()),
                _ => {}
            }
        }
        let is_item = |line: &&str| {
            let line = line.trim_start();
            let digits = line.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_numbered = digits.len() < line.len() && digits.starts_with(". ");
            is_numbered || line.starts_with("- ") || line.starts_with("* ") || line.starts_with('|')
        };
        if text.contains("```") {
            Self::Fenced
        } else if text.lines().filter(is_item).count() > 1 {
            Self::List
        } else {
            Self::Plain
        }
    }
}

/// The language of a text, where it is long enough for a guess that can be relied on.
fn language(text: &str) -> Option<whatlang::Lang> {
    (words(text).count() >= LANGUAGE_WORDS)
        .then(|| whatlang::detect(text))
        .flatten()
        .filter(whatlang::Info::is_reliable)
        .map(|info| info.lang())
}

/// What `of` finds in all pieces of a kind.
fn edited(diff: &Diff, edit: Edit, of: fn(&str) -> Vec<String>) -> Vec<String> {
    let pieces = diff.ops.iter().filter(|op| op.edit == edit);
    let mut found: Vec<String> = pieces.flat_map(|op| of(&op.text)).collect();
    found.sort();
    found
}

fn numbers(text: &str) -> Vec<String> {
    let is_number = |word: &&str| word.contains(|c: char| c.is_numeric());
    words(text).filter(is_number).map(str::to_owned).collect()
}

/// Words that begin with a capital letter, but for those that begin a sentence.
fn names(text: &str) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut begins = true;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if !begins && bare.starts_with(char::is_uppercase) && bare.chars().count() > 1 {
            names.insert(bare);
        }
        begins = word.ends_with(['.', '!', '?', ':']);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_sorted_as_a_person_would() {
        let letter =
            "The parcel of Amara left the house in Lyon on Monday and will be there within 5 days.";
        for (old, new, change) in [
            (letter, letter, Change::Same),
            ("a b", "a  b", Change::Format),
            (r#"{"a": 1}"#, r#"{"a":1}"#, Change::Format),
            (r#"{"a": 1}"#, r#"{"b": 1}"#, Change::Format),
            (r#"{"a": 1}"#, r#"{"a": 2}"#, Change::Number),
            (
                r#"{"a": "x"}"#,
                "```json\n{\"a\": \"x\"}\n```",
                Change::Format,
            ),
            ("one and two", "- one\n- two", Change::Format),
            (
                letter,
                "I\u{2019}m sorry, but I can\u{2019}t help with that.",
                Change::Refusal,
            ),
            ("I cannot say.", "I cannot say it.", Change::Words),
            (
                letter,
                "Das Paket hat unser Haus am Montag verlassen und wird bald bei Ihnen sein.",
                Change::Language,
            ),
            (
                letter,
                &format!("{letter} {letter} {letter}"),
                Change::Length,
            ),
            (letter, &letter.replace('5', "6"), Change::Number),
            (letter, &letter.replace("Amara", "Jonas"), Change::Entity),
            (
                letter,
                &letter.replace("will be there", "should arrive"),
                Change::Words,
            ),
            ("billing", "shipping", Change::Words),
            ("12", "13", Change::Number),
        ] {
            assert_eq!(Change::of(old, new), change, "{old} → {new}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_pair_of_texts_has_one_kind(old in ".{0,40}", new in ".{0,40}") {
            let change = Change::of(&old, &new);
            proptest::prop_assert_eq!(change, Change::of(&old, &new));
            proptest::prop_assert_eq!(Change::of(&new, &new), Change::Same);
        }
    }
}
