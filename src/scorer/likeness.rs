//! Scorers that say how alike two texts are.

use std::collections::HashMap;

use crate::text::tokens;

use super::entry::Entry;
use super::expected::quoted;
use super::matching::SHOWN;
use super::options::{COMMON, EXPECTED, GRADED, NEGATE, NORMALIZE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject};

/// The most pairs of characters that are compared; above it the answer would take seconds, and there is no score.
const MOST_PAIRS: usize = 100_000_000;
/// The most words of both texts together that are compared.
const MOST_TOKENS: usize = 200_000;

/// What all of them have in common.
const LIKENESS: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("expected"),
    options: &[EXPECTED, GRADED, NORMALIZE, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Texts("expected"),
    version: 1,
    build: |entry| Ok(build(entry, Measure::Levenshtein)),
};

/// See [`levenshtein`]; with several expected texts, the greatest likeness to one of them.
pub(super) const LEVENSHTEIN: Kind = Kind {
    name: "levenshtein",
    summary: "how few characters must change to get the expected text",
    definition: "1 - d / max(n, m), where d is the least number of characters to insert, delete or replace, and n and \
                 m are the lengths in characters, after `normalize`; 1 for two empty texts. Of several expected texts \
                 the nearest counts. Texts with more than 100 million pairs of characters, beside what they share at \
                 their ends, have no score.",
    ..LIKENESS
};

/// See [`jaro_winkler`]; with several expected texts, the greatest likeness to one of them.
pub(super) const JARO_WINKLER: Kind = Kind {
    name: "jaro-winkler",
    summary: "how alike short texts such as names are",
    definition: "The similarity of Jaro over characters, and above 0.7 raised by 0.1 · p · (1 - similarity), where p is \
                 the number of equal characters at the start, at most 4; 1 for two empty texts, 0 if one is empty. Of \
                 several expected texts the nearest counts. Texts with more than 100 million pairs of characters have \
                 no score.",
    build: |entry| Ok(build(entry, Measure::JaroWinkler)),
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
    build: |entry| Ok(build(entry, Measure::DiffRatio)),
    ..LIKENESS
};

/// A measure, and from where on it is enough.
#[derive(Debug)]
pub(super) struct Likeness {
    measure: Measure,
    pub(super) threshold: Option<f64>,
}

#[derive(Debug, Clone, Copy)]
enum Measure {
    Levenshtein,
    JaroWinkler,
    DiffRatio,
}

fn build(entry: &Entry<'_>, measure: Measure) -> Rule {
    Rule::Likeness(Likeness {
        measure,
        threshold: entry.share("threshold"),
    })
}

impl Likeness {
    pub(super) fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = subject.normalize.apply(subject.text);
        let wanted = subject.wanted.texts(subject.normalize)?;
        let mut best = 0.0_f64;
        for wanted in wanted.iter() {
            best = best.max(self.measure.of(wanted, &text)?);
        }
        let holds = self.threshold.map(|threshold| best >= threshold);
        Ok(Reading::decided(best, holds, || {
            let least = self.threshold.unwrap_or_default();
            let (wanted, got) = (subject.wanted.describe(), quoted(subject.text, SHOWN));
            format!("{best:.3}, expected at least {least}: {wanted} and {got}")
        }))
    }
}

impl Measure {
    fn of(self, left: &str, right: &str) -> OrMissing<f64> {
        if left == right {
            return Ok(1.0);
        }
        let likeness = match self {
            Self::Levenshtein => levenshtein(left, right),
            Self::JaroWinkler => jaro_winkler(left, right),
            Self::DiffRatio => diff_ratio(left, right),
        }?;
        Ok(likeness.clamp(0.0, 1.0))
    }
}

/// `1 - d / max(n, m)` over characters (Unicode scalar values), where `d` is the least number of insertions, deletions
/// and replacements, each at cost 1 (Levenshtein 1965); 1 for two empty texts. Symmetric.
///
/// What the texts share at their ends cannot change `d`, and is left out before it is computed.
fn levenshtein(left: &str, right: &str) -> OrMissing<f64> {
    let longest = left.chars().count().max(right.chars().count());
    let (left, right) = without_shared_ends(left, right);
    check_pairs(left, right)?;
    let distance = if left.is_empty() || right.is_empty() {
        left.chars().count().max(right.chars().count())
    } else {
        strsim::levenshtein(left, right)
    };
    Ok(1.0 - ratio(distance, longest.max(1)))
}

/// The similarity of Jaro (1989) with the bonus of Winkler (1990): 0.1 for each of at most four equal characters at the
/// start, given only above a similarity of 0.7; 1 for two empty texts, 0 if one of them is empty.
///
/// The texts are put in order before they are compared, so that it is symmetric whatever the matching does.
fn jaro_winkler(left: &str, right: &str) -> OrMissing<f64> {
    check_pairs(left, right)?;
    let in_order = (left.len(), left) <= (right.len(), right);
    let (first, second) = if in_order {
        (left, right)
    } else {
        (right, left)
    };
    Ok(strsim::jaro_winkler(first, second))
}

/// `2 · c / (n + m)`, where `c` is the length of the longest common subsequence of the words of both texts, and `n` and
/// `m` are their numbers of words; 1 for two texts without words. Symmetric. It is the ratio of the shortest word diff.
fn diff_ratio(left: &str, right: &str) -> OrMissing<f64> {
    let left: Vec<&str> = tokens(left).take(MOST_TOKENS + 1).collect();
    let right: Vec<&str> = tokens(right).take(MOST_TOKENS + 1).collect();
    let total = left.len() + right.len();
    if total > MOST_TOKENS {
        return Err(format!(
            "texts of more than {MOST_TOKENS} words are too long to compare"
        ));
    }
    Ok(if total == 0 {
        1.0
    } else {
        ratio(2 * longest_common(&left, &right), total)
    })
}

/// The length of the longest common subsequence, 64 words at a time (Hyyrö 2004, "Bit-parallel LCS-length computation
/// revisited"): exact like a diff, and fast on texts that have little in common, where a diff takes seconds.
fn longest_common(left: &[&str], right: &[&str]) -> usize {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (i, token) in left.iter().enumerate() {
        places.entry(token).or_default().push(i);
    }
    // A bit of `row` is cleared where the length grows by one; `mask` marks where the word of `right` stands.
    let mut row = vec![u64::MAX; left.len().div_ceil(64)];
    let mut mask = vec![0; row.len()];
    for token in right {
        let Some(places) = places.get(token) else {
            continue;
        };
        for place in places {
            mask[place / 64] |= 1_u64 << (place % 64);
        }
        let mut carry = false;
        for (row, mask) in row.iter_mut().zip(&mut mask) {
            let (sum, over) = row.overflowing_add(*row & *mask);
            let (sum, over_again) = sum.overflowing_add(u64::from(carry));
            carry = over || over_again;
            *row = sum | (*row & !*mask);
            *mask = 0;
        }
    }
    row.iter().map(|bits| bits.count_zeros() as usize).sum()
}

fn check_pairs(left: &str, right: &str) -> OrMissing<()> {
    let (left, right) = (left.chars().count(), right.chars().count());
    if left.saturating_mul(right) <= MOST_PAIRS {
        return Ok(());
    }
    Err(format!(
        "texts of {left} and {right} characters are too long to compare; `diff-ratio` compares words"
    ))
}

fn without_shared_ends<'a>(left: &'a str, right: &'a str) -> (&'a str, &'a str) {
    let pairs = left.chars().zip(right.chars());
    let start: usize = pairs
        .take_while(|(l, r)| l == r)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let (left, right) = (&left[start..], &right[start..]);
    let pairs = left.chars().rev().zip(right.chars().rev());
    let end: usize = pairs
        .take_while(|(l, r)| l == r)
        .map(|(c, _)| c.len_utf8())
        .sum();
    (&left[..left.len() - end], &right[..right.len() - end])
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no text is long enough to matter"
)]
fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}
