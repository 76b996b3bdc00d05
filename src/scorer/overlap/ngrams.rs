//! Runs of words: BLEU (Papineni 2002) as sacrebleu computes it for one segment, and GLEU (Wu 2016) as nltk does.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::super::OrMissing;
use super::super::edit::{Interner, ratio};
use super::super::likeness::check_words;
use super::super::tokenize::Tokenizer;

/// How often each run of items occurs.
pub(super) type Counts<'a> = HashMap<&'a [u32], usize>;

/// The runs of `n` items.
pub(super) fn counts(items: &[u32], n: usize) -> Counts<'_> {
    let mut counts = Counts::new();
    for run in items.windows(n.max(1)) {
        *counts.entry(run).or_default() += 1;
    }
    counts
}

/// The runs that both have, each as often as both have it.
pub(super) fn shared(left: &Counts<'_>, right: &Counts<'_>) -> usize {
    let both = left.iter().map(|(run, count)| {
        let other = right.get(run).copied().unwrap_or_default();
        other.min(*count)
    });
    both.sum()
}

/// BLEU with its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bleu {
    pub(super) tokenizer: Tokenizer,
    pub(super) smoothing: Smoothing,
    pub(super) order: usize,
    pub(super) effective: bool,
}

/// What runs without a match count (Chen and Cherry 2014, "A systematic comparison of smoothing techniques for
/// sentence-level BLEU").
#[derive(Debug, Clone, Copy)]
pub(super) enum Smoothing {
    None,
    /// So many matches.
    Floor(f64),
    /// So many more runs and matches of two words and more.
    AddK(f64),
    /// Half of a match, then a quarter, and so on.
    Exp,
}

impl Smoothing {
    pub(super) const NAMES: &[&str] = &["exp", "floor", "add-k", "none"];

    /// The one of that name; what has no other name is `exp`.
    pub(super) fn named(name: &str, value: Option<f64>) -> Self {
        match name {
            "none" => Self::None,
            "floor" => Self::Floor(value.unwrap_or(0.1)),
            "add-k" => Self::AddK(value.unwrap_or(1.0)),
            _ => Self::Exp,
        }
    }
}

impl Bleu {
    pub(super) fn of(self, text: &str, wanted: &[&str]) -> OrMissing<f64> {
        let text = self.tokenizer.words(text);
        let wanted: Vec<Vec<Cow<'_, str>>> = wanted
            .iter()
            .map(|text| self.tokenizer.words(text))
            .collect();
        check_words(text.len() + wanted.iter().map(Vec::len).sum::<usize>())?;
        let mut interner = Interner::default();
        let text = interner.numbers(text.iter().map(AsRef::as_ref));
        let wanted: Vec<Vec<u32>> = wanted
            .iter()
            .map(|words| interner.numbers(words.iter().map(AsRef::as_ref)))
            .collect();
        let matches: Vec<(usize, usize)> = (1..=self.order)
            .map(|n| {
                (
                    matches(&text, &wanted, n),
                    (text.len() + 1).saturating_sub(n),
                )
            })
            .collect();
        if matches.iter().all(|(hits, _)| *hits == 0) {
            return Ok(0.0);
        }
        let lengths = wanted.iter().map(Vec::len);
        // The shorter one of two that are equally near.
        let nearest = lengths.min_by_key(|length| (length.abs_diff(text.len()), *length));
        let nearest = nearest.unwrap_or_default();
        let penalty = if text.len() < nearest {
            (1.0 - ratio(nearest, text.len())).exp()
        } else {
            1.0
        };
        Ok(penalty * self.mean(&matches))
    }

    /// The geometric mean of the precisions.
    fn mean(self, matches: &[(usize, usize)]) -> f64 {
        let (mut logs, mut orders, mut halved) = (0.0, self.order, 1.0);
        for (n, (hits, runs)) in (1..).zip(matches) {
            let (mut hits, mut runs) = (ratio(*hits, 1), ratio(*runs, 1));
            if let (Smoothing::AddK(k), true) = (self.smoothing, n > 1) {
                (hits, runs) = (hits + k, runs + k);
            }
            if runs == 0.0 {
                if !self.effective {
                    return 0.0;
                }
                break;
            }
            if self.effective {
                orders = n;
            }
            if hits == 0.0 {
                hits = match self.smoothing {
                    Smoothing::Exp => {
                        halved /= 2.0;
                        halved
                    }
                    Smoothing::Floor(value) => value,
                    Smoothing::None | Smoothing::AddK(_) => return 0.0,
                };
            }
            logs += (hits / runs).ln();
        }
        (logs / ratio(orders, 1)).exp()
    }
}

/// The runs of `n` words of a text that any of the expected texts has, each as often as the one that has it most often.
fn matches(text: &[u32], wanted: &[Vec<u32>], n: usize) -> usize {
    let mut most = Counts::new();
    for wanted in wanted {
        for (run, count) in counts(wanted, n) {
            let known = most.entry(run).or_default();
            *known = count.max(*known);
        }
    }
    shared(&counts(text, n), &most)
}

/// The runs that both texts have, as a share of those of the text that has more of them; 0 where neither has any.
pub(super) fn gleu(
    wanted: &[Cow<'_, str>],
    text: &[Cow<'_, str>],
    orders: RangeInclusive<usize>,
) -> OrMissing<f64> {
    check_words(wanted.len() + text.len())?;
    let mut interner = Interner::default();
    let wanted = interner.numbers(wanted.iter().map(AsRef::as_ref));
    let text = interner.numbers(text.iter().map(AsRef::as_ref));
    let runs = |items: &[u32]| -> usize {
        let orders = orders.clone();
        orders.map(|n| (items.len() + 1).saturating_sub(n)).sum()
    };
    let most = runs(&wanted).max(runs(&text));
    let both = orders
        .clone()
        .map(|n| shared(&counts(&wanted, n), &counts(&text, n)));
    Ok(ratio(both.sum(), most.max(1)))
}
