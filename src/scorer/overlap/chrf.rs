//! chrF (Popović 2015) and chrF++ (Popović 2017), as sacrebleu computes them.

use super::super::OrMissing;
use super::super::edit::{Interner, ratio};
use super::super::tokenize::{is_space, spaced};
use super::ngrams::{counts, shared};

/// The most characters of both texts together that are compared.
const MOST_CHARACTERS: usize = 1_000_000;

/// chrF with its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chrf {
    pub(super) characters: usize,
    pub(super) words: usize,
    pub(super) beta: f64,
    pub(super) whitespace: bool,
    pub(super) smooth: bool,
}

/// How many runs of one length a text has, its expected text, and both.
struct Runs {
    found: usize,
    wanted: usize,
    both: usize,
}

impl Chrf {
    pub(super) fn of(self, wanted: &str, text: &str) -> OrMissing<f64> {
        let characters = |text: &str| -> Vec<u32> {
            let kept = text.chars().filter(|c| self.whitespace || !is_space(*c));
            kept.map(u32::from).collect()
        };
        let (wanted_items, items) = (characters(wanted), characters(text));
        if wanted_items.len() + items.len() > MOST_CHARACTERS {
            return Err(format!(
                "texts of more than {MOST_CHARACTERS} characters are too long for `chrf`"
            ));
        }
        let mut runs = runs(&wanted_items, &items, self.characters);
        if self.words > 0 {
            let mut interner = Interner::default();
            let wanted = interner.numbers(words(wanted));
            let items = interner.numbers(words(text));
            runs.extend(self::runs(&wanted, &items, self.words));
        }
        Ok(self.score(&runs))
    }

    fn score(self, runs: &[Runs]) -> f64 {
        let factor = self.beta * self.beta;
        let mean = |precision: f64, recall: f64| {
            (1.0 + factor) * precision * recall / (factor * precision + recall)
        };
        if self.smooth {
            const LITTLE: f64 = 1e-16;
            let share = |part, whole| {
                if whole > 0 {
                    ratio(part, whole)
                } else {
                    LITTLE
                }
            };
            let scores = runs.iter().map(|runs| {
                let precision = share(runs.both, runs.found);
                let recall = share(runs.both, runs.wanted);
                if factor * precision + recall > 0.0 {
                    mean(precision, recall)
                } else {
                    LITTLE
                }
            });
            return scores.sum::<f64>() / ratio(runs.len(), 1);
        }
        let (mut precision, mut recall, mut orders) = (0.0, 0.0, 0);
        for runs in runs.iter().filter(|runs| runs.found > 0 && runs.wanted > 0) {
            precision += ratio(runs.both, runs.found);
            recall += ratio(runs.both, runs.wanted);
            orders += 1;
        }
        if precision + recall == 0.0 {
            return 0.0;
        }
        mean(precision / ratio(orders, 1), recall / ratio(orders, 1))
    }
}

fn runs(wanted: &[u32], items: &[u32], longest: usize) -> Vec<Runs> {
    (1..=longest)
        .map(|n| {
            let count = |items: &[u32]| (items.len() + 1).saturating_sub(n);
            Runs {
                // Nothing is wrong where nothing of that length is wanted.
                found: if count(wanted) > 0 { count(items) } else { 0 },
                wanted: count(wanted),
                both: shared(&counts(items, n), &counts(wanted, n)),
            }
        })
        .collect()
}

/// Words between white space, with an ASCII sign at the end, or else at the start, as a word of its own.
fn words(text: &str) -> impl Iterator<Item = &str> {
    spaced(text).flat_map(|word| {
        let is_sign = |c: char| c.is_ascii_punctuation();
        let is_single = word.chars().nth(1).is_none();
        let (first, second) = if is_single {
            (word, "")
        } else if word.ends_with(is_sign) {
            word.split_at(word.len() - 1)
        } else if word.starts_with(is_sign) {
            word.split_at(1)
        } else {
            (word, "")
        };
        [first, second].into_iter().filter(|part| !part.is_empty())
    })
}
