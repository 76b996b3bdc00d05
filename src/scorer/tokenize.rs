//! Texts in words, as the tools have them whose numbers we give.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use crate::text::words;

/// A way to part a text for BLEU and GLEU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tokenizer {
    /// That of mteval-v13a.
    Mteval,
    /// That of mteval-v14, for any script with spaces.
    International,
    /// Each character.
    Characters,
    /// At white space.
    Spaces,
    /// The words of UAX #29.
    Unicode,
}

impl Tokenizer {
    pub(super) const NAMES: &[&str] = &["13a", "intl", "char", "none", "unicode"];

    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "13a" => Some(Self::Mteval),
            "intl" => Some(Self::International),
            "char" => Some(Self::Characters),
            "none" => Some(Self::Spaces),
            "unicode" => Some(Self::Unicode),
            _ => None,
        }
    }

    /// The words of a text.
    pub(super) fn words(self, text: &str) -> Vec<Cow<'_, str>> {
        let owned = |text: &str| {
            spaced(text)
                .map(|word| Cow::Owned(word.to_owned()))
                .collect()
        };
        match self {
            Self::Mteval => owned(&mteval(text)),
            Self::International => owned(&international(text)),
            Self::Characters => text
                .char_indices()
                .filter(|(_, c)| !is_space(*c))
                .map(|(at, c)| Cow::Borrowed(&text[at..at + c.len_utf8()]))
                .collect(),
            Self::Spaces => spaced(text).map(Cow::Borrowed).collect(),
            Self::Unicode => words(text).map(Cow::Borrowed).collect(),
        }
    }
}

/// White space as Python has it: that of Unicode and the four separators of ASCII.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// What white space parts.
pub(super) fn spaced(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// A text without white space at both ends.
pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// What space characters part, and runs of two or more of any white space; a single line end parts nothing. So jiwer
/// has it, whose numbers we give.
pub(super) fn spaced_apart(text: &str) -> Vec<&str> {
    static GAP: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[\s\x1c-\x1f]{2,}| ").expect("the pattern is valid"));
    let words = GAP.split(trimmed(text));
    words.filter(|word| !word.is_empty()).collect()
}

/// Lower-case runs of ASCII letters and digits, as rouge-score has them.
pub(super) fn ascii_words(text: &str) -> Vec<Cow<'_, str>> {
    let part = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    part(&text.to_lowercase())
        .into_iter()
        .map(Cow::Owned)
        .collect()
}

/// Lower-case words of UAX #29.
pub(super) fn unicode_words(text: &str) -> Vec<Cow<'_, str>> {
    words(text)
        .map(|word| Cow::Owned(word.to_lowercase()))
        .collect()
}

/// The text with spaces where mteval-v13a parts it. It is written for English and knows ASCII signs only.
fn mteval(text: &str) -> String {
    let mut text = text
        .trim_end_matches(is_space)
        .replace("<skipped>", "")
        .replace("-\n", "")
        .replace('\n', " ");
    if text.contains('&') {
        for (escape, sign) in [
            ("&quot;", "\""),
            ("&amp;", "&"),
            ("&lt;", "<"),
            ("&gt;", ">"),
        ] {
            text = text.replace(escape, sign);
        }
    }
    parted_by_stops(&parted_by_signs(&format!(" {text} ")))
}

/// The text with spaces around ASCII signs other than full stops, commas, hyphens and apostrophes.
pub(super) fn parted_by_signs(text: &str) -> String {
    let mut parted = String::with_capacity(text.len() * 2);
    for c in text.chars() {
        if matches!(c, '{'..='~' | '['..='`' | ' '..='&' | '('..='+' | ':'..='@' | '/') {
            parted.extend([' ', c, ' ']);
        } else {
            parted.push(c);
        }
    }
    parted
}

/// The text with spaces around full stops and commas, except within numbers, and after hyphens behind a digit.
pub(super) fn parted_by_stops(text: &str) -> String {
    let is_stop = |c: char| matches!(c, '.' | ',');
    // A sign that is parted from what stands before it is passed over, as a match that was replaced.
    let after = rewritten(text, |first, second| {
        (!first.is_ascii_digit() && is_stop(second)).then_some([first, ' ', second, ' '])
    });
    let before = rewritten(&after, |first, second| {
        (is_stop(first) && !second.is_ascii_digit()).then_some([' ', first, ' ', second])
    });
    rewritten(&before, |first, second| {
        (first.is_ascii_digit() && second == '-').then_some([first, ' ', '-', ' '])
    })
}

/// Replaces pairs of characters from left to right; a pair begins after the end of the one before.
fn rewritten(text: &str, pair: impl Fn(char, char) -> Option<[char; 4]>) -> String {
    let mut result = String::with_capacity(text.len() * 2);
    let mut chars = text.chars().peekable();
    while let Some(first) = chars.next() {
        let replaced = chars.peek().and_then(|second| pair(first, *second));
        match replaced {
            Some(parts) => {
                result.extend(parts);
                chars.next();
            }
            None => result.push(first),
        }
    }
    result
}

/// The text with spaces around punctuation, except between digits, and around symbols.
fn international(text: &str) -> String {
    static STEPS: LazyLock<[(Regex, &str); 3]> = LazyLock::new(|| {
        [
            (r"(\P{N})(\p{P})", "$1 $2 "),
            (r"(\p{P})(\P{N})", " $1 $2"),
            (r"(\p{S})", " $1 "),
        ]
        .map(|(pattern, parted)| (Regex::new(pattern).expect("the pattern is valid"), parted))
    });
    let text = text.trim_end_matches(is_space);
    STEPS
        .iter()
        .fold(text.to_owned(), |text, (pattern, parted)| {
            pattern.replace_all(&text, *parted).into_owned()
        })
}
