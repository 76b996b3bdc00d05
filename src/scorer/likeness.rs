//! Scorers that say how alike two texts are, character by character or word by word.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::text::tokens;

use super::edit::{
    Interner, Pattern, characters, damerau_levenshtein, hamming, jaro, levenshtein, longest_common,
    optimal_alignment, ratio, without_shared_ends,
};
use super::entry::Entry;
use super::expected::quoted;
use super::matching::SHOWN;
use super::options::{COMMON, EXPECTED, GRADED, NEGATE, NORMALIZE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::tokenize::spaced;
use super::{OrMissing, Reading, Rule, Subject, Values};

/// The most pairs of characters that are compared; above it the answer would take seconds, and there is no score.
const MOST_PAIRS: usize = 100_000_000;
/// The most words of both texts together that are compared.
pub(super) const MOST_TOKENS: usize = 200_000;

/// What all of them have in common.
const LIKENESS: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("expected"),
    options: &[EXPECTED, GRADED, NORMALIZE, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Texts("expected"),
    version: 1,
    build: |entry| Ok(nearest(entry, levenshtein_likeness)),
};

/// See [`levenshtein`]; with several expected texts, the greatest likeness to one of them.
pub(super) const LEVENSHTEIN: Kind = Kind {
    name: "levenshtein",
    summary: "how few characters must change to get the expected text",
    definition: "1 - d / max(n, m), where d is the least number of characters to insert, delete or replace, and n and \
                 m are the lengths in characters, after `normalize`; 1 for two empty texts. Of several expected texts \
                 the nearest counts. Texts with more than 100 million pairs of characters, beside what they share at \
                 their ends, have no score. Gives the numbers of rapidfuzz (Levenshtein.normalized_similarity).",
    ..LIKENESS
};

/// See [`optimal_alignment`].
pub(super) const OSA: Kind = Kind {
    name: "osa",
    summary: "as levenshtein, where two neighbours in the wrong order are one mistake",
    definition: "As `levenshtein`, where d also counts the exchange of two neighbours as one change, and no part is \
                 changed twice (optimal string alignment). Gives the numbers of rapidfuzz \
                 (OSA.normalized_similarity).",
    build: |entry| Ok(nearest(entry, |l, r| edits(l, r, optimal_alignment))),
    ..LIKENESS
};

/// See [`damerau_levenshtein`].
pub(super) const DAMERAU_LEVENSHTEIN: Kind = Kind {
    name: "damerau-levenshtein",
    summary: "as osa, where exchanged neighbours may be changed again",
    definition: "As `levenshtein`, where d also counts the exchange of two neighbours as one change, whatever else \
                 changes between them. Gives the numbers of rapidfuzz (DamerauLevenshtein.normalized_similarity).",
    build: |entry| Ok(nearest(entry, |l, r| edits(l, r, damerau_levenshtein))),
    ..LIKENESS
};

/// See [`hamming`].
pub(super) const HAMMING: Kind = Kind {
    name: "hamming",
    summary: "how many characters stand in their place",
    definition: "1 - d / max(n, m), where d is the number of places with another character, and what the longer text \
                 has more counts as such; 1 for two empty texts. Of several expected texts the nearest counts. Gives \
                 the numbers of rapidfuzz (Hamming.normalized_similarity with pad=True).",
    build: |entry| Ok(nearest(entry, |l, r| edits(l, r, hamming))),
    ..LIKENESS
};

/// 1 less the share of characters to insert or delete among the characters of both texts.
pub(super) const INDEL: Kind = Kind {
    name: "indel",
    summary: "how few characters must come or go",
    definition: "2 · c / (n + m), where c is the length of the longest sequence of characters that both texts have in \
                 order, and n and m are their lengths; 1 for two empty texts. Of several expected texts the nearest \
                 counts. Gives the numbers of rapidfuzz (fuzz.ratio / 100).",
    build: |entry| Ok(nearest(entry, indel_likeness)),
    ..LIKENESS
};

/// The longest common subsequence as a share of the longer text.
pub(super) const LCS: Kind = Kind {
    name: "lcs",
    summary: "how much of the longer text both have in order",
    definition: "c / max(n, m), where c is the length of the longest sequence of characters that both texts have in \
                 order; 1 for two empty texts. Of several expected texts the nearest counts. Gives the numbers of \
                 rapidfuzz (LCSseq.normalized_similarity).",
    build: |entry| Ok(nearest(entry, common_likeness)),
    ..LIKENESS
};

/// See [`jaro`].
pub(super) const JARO: Kind = Kind {
    name: "jaro",
    summary: "how alike short texts are",
    definition: "The similarity of Jaro over characters; 1 for two empty texts, 0 if one is empty. Of several expected \
                 texts the nearest counts. Gives the numbers of rapidfuzz (Jaro.similarity).",
    build: |entry| {
        Ok(nearest(entry, |l, r| {
            pairs(l, r).map(|(l, r)| jaro(&l, &r))
        }))
    },
    ..LIKENESS
};

/// See [`jaro_winkler`].
pub(super) const JARO_WINKLER: Kind = Kind {
    name: "jaro-winkler",
    summary: "how alike short texts such as names are",
    definition: "The similarity of Jaro over characters, and above 0.7 raised by 0.1 · p · (1 - similarity), where p is \
                 the number of equal characters at the start, at most 4; 1 for two empty texts, 0 if one is empty. Of \
                 several expected texts the nearest counts. Texts with more than 100 million pairs of characters have \
                 no score. Gives the numbers of rapidfuzz (JaroWinkler.similarity).",
    build: |entry| Ok(nearest(entry, jaro_winkler)),
    ..LIKENESS
};

/// See [`partial_ratio`].
pub(super) const PARTIAL_RATIO: Kind = Kind {
    name: "partial-ratio",
    summary: "how alike the shorter text and the best part of the longer one are",
    definition: "The greatest `indel` of the shorter text and a part of the longer one that is at most as long. Of \
                 several expected texts the nearest counts. Gives the numbers of rapidfuzz (fuzz.partial_ratio / 100).",
    build: |entry| Ok(nearest(entry, partial_ratio)),
    ..LIKENESS
};

/// The likeness of both texts with their words sorted.
pub(super) const TOKEN_SORT_RATIO: Kind = Kind {
    name: "token-sort-ratio",
    summary: "how alike two texts are, whatever the order of their words",
    definition: "The `indel` of both texts after their words, which are parted by white space, were sorted. Of several \
                 expected texts the nearest counts. Gives the numbers of rapidfuzz (fuzz.token_sort_ratio / 100).",
    build: |entry| Ok(nearest(entry, token_sort_ratio)),
    ..LIKENESS
};

/// See [`token_set_ratio`].
pub(super) const TOKEN_SET_RATIO: Kind = Kind {
    name: "token-set-ratio",
    summary: "how alike two texts are, whatever the order and number of their words",
    definition: "Compares the words that both texts have, and these with what each has beside them, by `indel`; the \
                 greatest counts. 1 where one text has all words of the other, 0 where one has none. Of several expected \
                 texts the nearest counts. Gives the numbers of rapidfuzz (fuzz.token_set_ratio / 100).",
    build: |entry| Ok(nearest(entry, token_set_ratio)),
    ..LIKENESS
};

/// See [`diff_ratio`]; with several expected texts, the greatest likeness to one of them.
pub(super) const DIFF_RATIO: Kind = Kind {
    name: "diff-ratio",
    summary: "how many words are the same, in order",
    definition: "2 · c / (n + m), where c is the length of the longest sequence of words that both texts have in \
                 order, and n and m are their numbers of words: the segments of UAX #29 other than white space, after \
                 `normalize`. 1 for two texts without words. Of several expected texts the nearest counts. Texts of \
                 more than 200,000 words together have no score.",
    build: |entry| Ok(nearest(entry, diff_ratio)),
    ..LIKENESS
};

/// Compares an answer with all its expected texts: a share.
type Measure = Box<dyn Fn(&str, &[&str]) -> OrMissing<f64> + Send + Sync>;

/// A measure, and from where on it is enough.
pub(super) struct Likeness {
    measure: Measure,
    threshold: Option<f64>,
}

impl fmt::Debug for Likeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Likeness")
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}

/// A rule whose value is the likeness to all expected texts together.
pub(super) fn graded(
    entry: &Entry<'_>,
    measure: impl Fn(&str, &[&str]) -> OrMissing<f64> + Send + Sync + 'static,
) -> Box<dyn Rule> {
    Box::new(Likeness {
        measure: Box::new(measure),
        threshold: entry.share("threshold"),
    })
}

/// A rule whose value is the greatest likeness to an expected text.
pub(super) fn nearest(
    entry: &Entry<'_>,
    measure: impl Fn(&str, &str) -> OrMissing<f64> + Send + Sync + 'static,
) -> Box<dyn Rule> {
    graded(entry, move |text, wanted| {
        let mut best = 0.0_f64;
        for wanted in wanted {
            best = best.max(measure(wanted, text)?);
        }
        Ok(best)
    })
}

impl Rule for Likeness {
    fn values(&self) -> Values {
        Values::Graded {
            decides: self.threshold.is_some(),
        }
    }

    fn identity(&self, written: Value) -> Value {
        let mut identity = match written {
            Value::Object(written) => written,
            _ => Map::new(),
        };
        identity.insert("threshold".to_owned(), json!(self.threshold));
        Value::Object(identity)
    }

    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = subject.normalize.apply(subject.text);
        let wanted = subject.wanted.texts(subject.normalize)?;
        let wanted: Vec<&str> = wanted.iter().collect();
        let value = (self.measure)(&text, &wanted)?.clamp(0.0, 1.0);
        Ok(Reading::graded(value, self.threshold, || {
            let (wanted, got) = (subject.wanted.describe(), quoted(subject.text, SHOWN));
            format!("{wanted} and {got}")
        }))
    }
}

fn levenshtein_likeness(left: &str, right: &str) -> OrMissing<f64> {
    edits(left, right, levenshtein)
}

/// `1 - d / max(n, m)` over characters (Unicode scalar values); 1 for two empty texts. Symmetric.
fn edits(left: &str, right: &str, distance: fn(&[u32], &[u32]) -> usize) -> OrMissing<f64> {
    let (left, right) = pairs_to_edit(left, right)?;
    let longest = left.len().max(right.len());
    Ok(1.0 - ratio(distance(&left, &right), longest.max(1)))
}

fn indel_likeness(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right) = pairs_to_edit(left, right)?;
    Ok(indel(
        longest_common(&left, &right),
        left.len() + right.len(),
    ))
}

/// The likeness of two sequences that are `total` long together and have `common` in order.
fn indel(common: usize, total: usize) -> f64 {
    if total == 0 {
        1.0
    } else {
        ratio(2 * common, total)
    }
}

fn common_likeness(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right) = pairs_to_edit(left, right)?;
    Ok(match left.len().max(right.len()) {
        0 => 1.0,
        longest => ratio(longest_common(&left, &right), longest),
    })
}

/// The similarity of Jaro with the bonus of Winkler (1990): 0.1 for each of at most four equal characters at the start,
/// given only above a similarity of 0.7; 1 for two empty texts, 0 if one of them is empty.
fn jaro_winkler(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right) = pairs(left, right)?;
    let similarity = jaro(&left, &right);
    let shared = left.iter().zip(&right).take_while(|(l, r)| l == r);
    let bonus = 0.1 * ratio(shared.take(4).count(), 1);
    Ok(if similarity > 0.7 {
        similarity + bonus * (1.0 - similarity)
    } else {
        similarity
    })
}

/// The greatest likeness of the shorter text and a window of the longer one: one of its length, or a shorter one at
/// either end. Texts of one length take turns in being the shorter one.
fn partial_ratio(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right) = pairs(left, right)?;
    let (short, long) = if left.len() <= right.len() {
        (&left, &right)
    } else {
        (&right, &left)
    };
    if short.is_empty() {
        return Ok(if long.is_empty() { 1.0 } else { 0.0 });
    }
    let steps = short.len().saturating_mul(long.len());
    if steps.saturating_mul(short.len().div_ceil(64)) > MOST_PAIRS {
        return Err(too_long(short.len(), long.len()));
    }
    let best = best_window(short, long);
    Ok(if short.len() == long.len() {
        best.max(best_window(long, short))
    } else {
        best
    })
}

fn best_window(short: &[u32], long: &[u32]) -> f64 {
    let pattern = Pattern::new(short);
    let size = short.len();
    let ends = (1..=long.len()).map(|end| end.saturating_sub(size)..end);
    let starts = (long.len() - size + 1..long.len()).map(|start| start..long.len());
    ends.chain(starts)
        .map(|window| {
            let common = pattern.longest_common(long[window.clone()].iter().copied());
            indel(common, size + window.len())
        })
        .fold(0.0, f64::max)
}

fn token_sort_ratio(left: &str, right: &str) -> OrMissing<f64> {
    let sorted = |text| {
        let mut words: Vec<&str> = spaced(text).collect();
        words.sort_unstable();
        words.join(" ")
    };
    indel_likeness(&sorted(left), &sorted(right))
}

/// The greatest `indel` of the words of both texts, of those with the rest of the left one, and with the rest of the
/// right one, each sorted and without repeats.
fn token_set_ratio(left: &str, right: &str) -> OrMissing<f64> {
    let (left, right): (BTreeSet<&str>, BTreeSet<&str>) =
        (spaced(left).collect(), spaced(right).collect());
    if left.is_empty() || right.is_empty() {
        return Ok(0.0);
    }
    let joined = |words: Vec<&str>| words.join(" ");
    let both = joined(left.intersection(&right).copied().collect());
    let only_left = joined(left.difference(&right).copied().collect());
    let only_right = joined(right.difference(&left).copied().collect());
    if !both.is_empty() && (only_left.is_empty() || only_right.is_empty()) {
        return Ok(1.0);
    }
    let (rest_left, rest_right) = pairs_to_edit(&only_left, &only_right)?;
    let changes = rest_left.len() + rest_right.len() - 2 * longest_common(&rest_left, &rest_right);
    let shared = both.chars().count();
    // The space between what is shared and the rest.
    let space = usize::from(shared > 0);
    let total = 2 * (shared + space) + rest_left.len() + rest_right.len();
    let whole = 1.0 - ratio(changes, total);
    if shared == 0 {
        return Ok(whole);
    }
    let with_rest = |rest: usize| 1.0 - ratio(space + rest, 2 * shared + space + rest);
    Ok(whole
        .max(with_rest(rest_left.len()))
        .max(with_rest(rest_right.len())))
}

/// `2 · c / (n + m)`, where `c` is the length of the longest common subsequence of the words of both texts, and `n` and
/// `m` are their numbers of words; 1 for two texts without words. Symmetric. It is the ratio of the shortest word diff.
fn diff_ratio(left: &str, right: &str) -> OrMissing<f64> {
    let mut interner = Interner::default();
    let left = interner.numbers(tokens(left).take(MOST_TOKENS + 1));
    let right = interner.numbers(tokens(right).take(MOST_TOKENS + 1));
    let total = left.len() + right.len();
    check_words(total)?;
    Ok(indel(longest_common(&left, &right), total))
}

/// Refuses texts of so many words together that comparing them would take seconds.
pub(super) fn check_words(total: usize) -> OrMissing<()> {
    if total <= MOST_TOKENS {
        return Ok(());
    }
    Err(format!(
        "texts of more than {MOST_TOKENS} words are too long to compare"
    ))
}

/// The characters of both texts, unless there are too many pairs of them.
fn pairs(left: &str, right: &str) -> OrMissing<(Vec<u32>, Vec<u32>)> {
    let (left, right) = (characters(left), characters(right));
    check_pairs(&left, &right)?;
    Ok((left, right))
}

/// As [`pairs`], where what the texts share at their ends is not compared.
pub(super) fn pairs_to_edit(left: &str, right: &str) -> OrMissing<(Vec<u32>, Vec<u32>)> {
    let (left, right) = (characters(left), characters(right));
    let (inner_left, inner_right) = without_shared_ends(&left, &right);
    check_pairs(inner_left, inner_right)?;
    Ok((left, right))
}

fn check_pairs(left: &[u32], right: &[u32]) -> OrMissing<()> {
    if left.len().saturating_mul(right.len()) <= MOST_PAIRS {
        return Ok(());
    }
    Err(too_long(left.len(), right.len()))
}

fn too_long(left: usize, right: usize) -> String {
    format!(
        "texts of {left} and {right} characters are too long to compare; `diff-ratio` compares words"
    )
}
