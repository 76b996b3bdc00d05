//! Short answers made plain and compared, as the official script of `SQuAD` does it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::super::expected::quoted;
use super::super::likeness::check_words;
use super::super::matching::SHOWN;
use super::super::tokenize::spaced;
use super::super::{OrMissing, Reading, Rule, Subject};
use super::rouge::Part;
use crate::shape::{Field, Shape};

pub(super) const WORDS: Field = Field::optional(
    "words",
    Shape::Choice(&["ascii", "unicode"]),
    "which punctuation does not count: that of ASCII as in the reference, or that of Unicode (default ascii)",
);

/// Equal after case, punctuation, articles and extra white space were taken away.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) unicode: bool,
}

impl Rule for Plain {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = plain(&subject.normalize.apply(subject.text), self.unicode);
        let wanted = subject.wanted.texts(subject.normalize)?;
        let holds = wanted
            .iter()
            .any(|wanted| plain(wanted, self.unicode) == text);
        Ok(Reading::binary(holds, || {
            let (wanted, got) = (subject.wanted.describe(), quoted(subject.text, SHOWN));
            format!("expected {wanted}, got {got}")
        }))
    }
}

/// A text in lower case, without punctuation and articles, with single spaces.
pub(super) fn plain(text: &str, unicode: bool) -> String {
    // What Python takes for a word: unlike here, marks are no part of it.
    static WORD: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"[\p{L}\p{N}_]+").expect("the pattern is valid"));
    static PUNCTUATION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\p{P}").expect("the pattern is valid"));
    let mut text = text.to_lowercase();
    text.retain(|c| !c.is_ascii_punctuation());
    if unicode {
        text = PUNCTUATION.replace_all(&text, "").into_owned();
    }
    let text = WORD.replace_all(&text, |word: &Captures<'_>| match &word[0] {
        "a" | "an" | "the" => " ".to_owned(),
        word => word.to_owned(),
    });
    spaced(&text).collect::<Vec<_>>().join(" ")
}

/// The harmonic mean of precision and recall over the words of two plain texts, in any order.
pub(super) fn f1(wanted: &str, text: &str) -> OrMissing<f64> {
    let (wanted, text): (Vec<&str>, Vec<&str>) = (spaced(wanted).collect(), spaced(text).collect());
    check_words(wanted.len() + text.len())?;
    if wanted.is_empty() || text.is_empty() {
        return Ok(if wanted == text { 1.0 } else { 0.0 });
    }
    let hits = multiset_hits(&wanted, &text);
    Ok(Part::F1.of(hits, text.len(), wanted.len()))
}

/// How many items both have, each as often as both have it.
pub(in super::super) fn multiset_hits<T: Eq + Hash>(wanted: &[T], found: &[T]) -> usize {
    let mut left: HashMap<&T, usize> = HashMap::new();
    for item in wanted {
        *left.entry(item).or_default() += 1;
    }
    let mut hits = 0;
    for item in found {
        if let Some(count @ 1..) = left.get_mut(item) {
            *count -= 1;
            hits += 1;
        }
    }
    hits
}
