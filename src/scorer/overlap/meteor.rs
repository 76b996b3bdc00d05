//! METEOR (Lavie and Agarwal 2007), as nltk computes it, by words and by their stems.

use std::collections::HashMap;

use super::super::OrMissing;
use super::super::edit::ratio;
use super::super::likeness::check_words;
use super::super::tokenize::Tokenizer;
use super::porter::stem;

/// METEOR with its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meteor {
    pub(super) tokenizer: Tokenizer,
    /// How much recall counts against precision, from 0 to 1.
    pub(super) alpha: f64,
    /// How steeply the penalty grows.
    pub(super) beta: f64,
    /// The most that the penalty takes away, as a share.
    pub(super) gamma: f64,
}

/// A word with its place.
type Placed = (usize, String);

impl Meteor {
    /// How much of one text the other says in the same words, in pieces that are not too many.
    pub(super) fn of(&self, wanted: &str, text: &str) -> OrMissing<f64> {
        let (found, wanted) = (self.words(text), self.words(wanted));
        check_words(found.len() + wanted.len())?;
        let (of_found, of_wanted) = (found.len(), wanted.len());
        let pairs = aligned(found, wanted);
        if pairs.is_empty() {
            return Ok(0.0);
        }
        let precision = ratio(pairs.len(), of_found);
        let recall = ratio(pairs.len(), of_wanted);
        let mean = (precision * recall) / (self.alpha * precision + (1.0 - self.alpha) * recall);
        let pieces = ratio(pieces(&pairs), pairs.len());
        let penalty = self.gamma * pieces.powf(self.beta);
        Ok((1.0 - penalty) * mean)
    }

    fn words(&self, text: &str) -> Vec<Placed> {
        let words = self.tokenizer.words(text);
        let lower = words.iter().map(|word| word.to_lowercase());
        lower.enumerate().collect()
    }
}

/// Pairs of places of words that are the same, or else have the same stem, in the order of the first.
fn aligned(found: Vec<Placed>, wanted: Vec<Placed>) -> Vec<(usize, usize)> {
    let (mut pairs, found, wanted) = matched(found, wanted);
    let stems = |words: Vec<Placed>| -> Vec<Placed> {
        let words = words.into_iter();
        words.map(|(place, word)| (place, stem(&word))).collect()
    };
    let (by_stem, ..) = matched(stems(found), stems(wanted));
    pairs.extend(by_stem);
    pairs.sort_unstable();
    pairs
}

/// Pairs of places of equal words, the last with the last, and the words that are left over.
fn matched(
    mut found: Vec<Placed>,
    mut wanted: Vec<Placed>,
) -> (Vec<(usize, usize)>, Vec<Placed>, Vec<Placed>) {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, word) in &wanted {
        places.entry(word).or_default().push(*place);
    }
    let last_first = found.iter().rev();
    let pairs: Vec<(usize, usize)> = last_first
        .filter_map(|(place, word)| Some((*place, places.get_mut(word.as_str())?.pop()?)))
        .collect();
    // Both lists are in the order of places.
    let mut taken: (Vec<usize>, Vec<usize>) = pairs.iter().copied().unzip();
    taken.0.sort_unstable();
    taken.1.sort_unstable();
    found.retain(|(place, _)| taken.0.binary_search(place).is_err());
    wanted.retain(|(place, _)| taken.1.binary_search(place).is_err());
    (pairs, found, wanted)
}

/// The pieces that follow each other in both texts.
fn pieces(pairs: &[(usize, usize)]) -> usize {
    let breaks = pairs.windows(2).filter(|two| {
        let [(found, wanted), next] = two else {
            return false;
        };
        *next != (found + 1, wanted + 1)
    });
    1 + breaks.count()
}
