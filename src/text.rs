//! Text as data: normal forms, differences, likeness. Everything here is pure.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;

mod align;
pub mod change;
pub mod data;
pub mod diff;
pub mod grams;
pub mod normalize;

/// Names longer than this are not compared: the distance is quadratic in their length.
const LONGEST_COMPARED: usize = 100;

/// The candidate that was probably meant by a misspelled `name`.
pub fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_COMPARED {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST_COMPARED)
        .map(|candidate| {
            (
                strsim::normalized_damerau_levenshtein(name, candidate),
                candidate,
            )
        })
        .filter(|(likeness, _)| *likeness >= 0.6)
        // The first of the best, so that the answer does not hang on chance.
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, candidate)| candidate)
}

/// The words of a text: segments of UAX #29 that hold a letter or a digit. A Chinese character is a word of its own; a
/// run of Thai is one word, since its words can only be told apart with a dictionary.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.unicode_words()
}

/// The segments of UAX #29 that are not white space: words, and each sign and emoji.
pub fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split_word_bounds()
        .filter(|segment| !segment.trim().is_empty())
}

/// The text as it is if it has at most `most` characters, else its first ones with `…` as the last.
pub fn excerpt(text: &str, most: usize) -> Cow<'_, str> {
    if text.chars().nth(most).is_none() {
        return Cow::Borrowed(text);
    }
    let kept = text.chars().take(most.saturating_sub(1));
    Cow::Owned(kept.chain(['…']).collect())
}

/// The text in lines of at most `width` columns, as far as its words allow, each line behind `indent`.
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let mut lines = vec![indent.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or("", String::as_str);
        let is_empty = line.len() == indent.len();
        if !is_empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(indent.to_owned());
        }
        if let Some(line) = lines.last_mut() {
            if line.len() > indent.len() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_letters_or_digits_and_tokens_are_all_but_space() {
        let text = "It's 3.5\u{a0}kg — 🙂 中文!";
        assert_eq!(
            words(text).collect::<Vec<_>>(),
            ["It's", "3.5", "kg", "中", "文"]
        );
        assert_eq!(
            tokens(text).collect::<Vec<_>>(),
            ["It's", "3.5", "kg", "—", "🙂", "中", "文", "!"]
        );
    }

    #[test]
    fn an_excerpt_is_never_longer_than_asked_and_never_cuts_a_character() {
        assert_eq!(excerpt("größer", 6), "größer");
        assert_eq!(excerpt("größer", 4), "grö…");
        assert_eq!(excerpt("", 0), "");
    }

    #[test]
    fn wrapped_lines_break_between_words() {
        assert_eq!(wrapped("a bb  ccc dd", 6, " "), " a bb\n ccc\n dd");
        assert_eq!(wrapped("longer", 3, ""), "longer");
        assert_eq!(wrapped("", 3, ""), "");
    }

    #[test]
    fn a_misspelled_name_suggests_the_nearest_one() {
        assert_eq!(
            suggest("contians", ["exact", "contains", "icontains"]),
            Some("contains")
        );
        assert_eq!(suggest("zebra", ["exact", "contains"]), None);
    }
}
