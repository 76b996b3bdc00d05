//! How far two sequences are apart: exact, and 64 places at a time where there is such an algorithm.
//!
//! A sequence is a list of numbers: characters by their code points, or words by the numbers of an [`Interner`].

use std::collections::HashMap;

/// Numbers below this are looked up in a table, others in a sorted list. Most alphabets lie below it.
const SMALL: u32 = 0x600;
/// The most words of memory that the masks of a pattern may take; above it they are made one by one.
const MOST_MASKS: usize = 1 << 22;

/// The characters of a text as numbers.
pub(super) fn characters(text: &str) -> Vec<u32> {
    if text.is_ascii() {
        text.bytes().map(u32::from).collect()
    } else {
        text.chars().map(u32::from).collect()
    }
}

/// Gives equal words equal numbers, counted from 0.
#[derive(Debug, Default)]
pub(super) struct Interner<'a> {
    numbers: HashMap<&'a str, u32>,
}

impl<'a> Interner<'a> {
    /// The numbers of these words.
    pub(super) fn numbers(&mut self, words: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let number = |word| {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            *self.numbers.entry(word).or_insert(next)
        };
        words.into_iter().map(number).collect()
    }
}

/// A sequence with the places of each of its items, as a bit for each place.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Words of 64 places.
    words: usize,
    len: usize,
    /// The row of each small number.
    small: Vec<u32>,
    /// Other numbers in order; their rows follow those of the small ones.
    others: Vec<u32>,
    first_other: usize,
    masks: Masks,
}

/// A row of words for each distinct item.
#[derive(Debug)]
enum Masks {
    Ready(Vec<u64>),
    /// Only the places, where rows would take too much memory.
    Places(Vec<Vec<usize>>),
}

/// Marks an item that the pattern does not have.
const ABSENT: u32 = u32::MAX;

impl Pattern {
    pub(super) fn new(items: &[u32]) -> Self {
        let words = items.len().div_ceil(64);
        let mut small = vec![ABSENT; SMALL as usize];
        let mut others = Vec::new();
        let mut distinct = 0;
        for item in items {
            match small.get_mut(*item as usize) {
                Some(row) if *row == ABSENT => {
                    *row = distinct;
                    distinct += 1;
                }
                Some(_) => {}
                None => others.push(*item),
            }
        }
        others.sort_unstable();
        others.dedup();
        let first_other = distinct as usize;
        let distinct = first_other + others.len();
        let mut pattern = Self {
            words,
            len: items.len(),
            small,
            others,
            first_other,
            masks: Masks::Ready(Vec::new()),
        };
        pattern.masks = if distinct * words <= MOST_MASKS {
            let mut masks = vec![0; distinct * words];
            for (place, item) in items.iter().enumerate() {
                let row = pattern.row(*item).unwrap_or_default();
                masks[row * words + place / 64] |= 1_u64 << (place % 64);
            }
            Masks::Ready(masks)
        } else {
            let mut places = vec![Vec::new(); distinct];
            for (place, item) in items.iter().enumerate() {
                places[pattern.row(*item).unwrap_or_default()].push(place);
            }
            Masks::Places(places)
        };
        pattern
    }

    fn row(&self, item: u32) -> Option<usize> {
        if let Some(row) = self.small.get(item as usize) {
            return (*row != ABSENT).then_some(*row as usize);
        }
        let place = self.others.binary_search(&item).ok()?;
        Some(self.first_other + place)
    }

    /// The places of an item, in `scratch` where they are not ready; `None` where the pattern does not have it.
    fn mask<'a>(&'a self, item: u32, scratch: &'a mut Vec<u64>) -> Option<&'a [u64]> {
        let row = self.row(item)?;
        match &self.masks {
            Masks::Ready(masks) => Some(&masks[row * self.words..][..self.words]),
            Masks::Places(places) => {
                scratch.clear();
                scratch.resize(self.words, 0);
                for place in &places[row] {
                    scratch[place / 64] |= 1 << (place % 64);
                }
                Some(scratch)
            }
        }
    }

    /// The length of the longest common subsequence with another sequence (Hyyrö 2004, "Bit-parallel LCS-length
    /// computation revisited").
    pub(super) fn longest_common(&self, other: impl IntoIterator<Item = u32>) -> usize {
        // A bit is cleared where the length grows by one.
        let mut row = vec![u64::MAX; self.words];
        let mut scratch = Vec::new();
        for item in other {
            let Some(mask) = self.mask(item, &mut scratch) else {
                continue;
            };
            let mut carry = false;
            for (row, mask) in row.iter_mut().zip(mask) {
                let (sum, over) = row.overflowing_add(*row & *mask);
                let (sum, over_again) = sum.overflowing_add(u64::from(carry));
                carry = over || over_again;
                *row = sum | (*row & !*mask);
            }
        }
        row.iter().map(|bits| bits.count_zeros() as usize).sum()
    }

    /// The distance of Levenshtein to another sequence (Myers 1999, in the form of Hyyrö 2003, "A bit-vector algorithm
    /// for computing Levenshtein and Damerau edit distances").
    fn levenshtein(&self, other: &[u32]) -> usize {
        if self.len == 0 {
            return other.len();
        }
        // For each place whether the distance rises or falls from the place above.
        let mut steps = vec![(u64::MAX, 0_u64); self.words];
        let last_bit = (self.len - 1) % 64;
        let mut distance = self.len;
        let (mut scratch, none) = (Vec::new(), vec![0; self.words]);
        for item in other {
            let mask = self.mask(*item, &mut scratch).unwrap_or(&none);
            let (mut rise_in, mut fall_in) = (1, 0);
            let (mut across_rise, mut across_fall) = (0, 0);
            for ((rises, falls), mask) in steps.iter_mut().zip(mask) {
                let matches = mask | fall_in;
                let diagonal =
                    ((matches & *rises).wrapping_add(*rises) ^ *rises) | matches | *falls;
                across_rise = *falls | !(diagonal | *rises);
                across_fall = diagonal & *rises;
                let shifted_rise = across_rise << 1 | rise_in;
                let shifted_fall = across_fall << 1 | fall_in;
                (rise_in, fall_in) = (across_rise >> 63, across_fall >> 63);
                *rises = shifted_fall | !(diagonal | shifted_rise);
                *falls = shifted_rise & diagonal;
            }
            // Of the last word only the last place counts.
            distance += (across_rise >> last_bit & 1) as usize;
            distance -= (across_fall >> last_bit & 1) as usize;
        }
        distance
    }
}

/// The least number of insertions, deletions and replacements (Levenshtein 1965).
pub(super) fn levenshtein(left: &[u32], right: &[u32]) -> usize {
    let (left, right) = in_order(without_shared_ends(left, right));
    Pattern::new(left).levenshtein(right)
}

/// The length of the longest common subsequence.
pub(super) fn longest_common(left: &[u32], right: &[u32]) -> usize {
    let (short, long) = in_order(without_shared_ends(left, right));
    let shared = left.len().max(right.len()) - long.len();
    shared + Pattern::new(short).longest_common(long.iter().copied())
}

/// The number of places that differ, where the shorter sequence is filled up at its end.
pub(super) fn hamming(left: &[u32], right: &[u32]) -> usize {
    let differ = left.iter().zip(right).filter(|(l, r)| l != r).count();
    differ + left.len().abs_diff(right.len())
}

/// The least number of insertions, deletions, replacements and exchanges of neighbours, where no part is edited twice
/// (optimal string alignment).
pub(super) fn optimal_alignment(left: &[u32], right: &[u32]) -> usize {
    let (left, right) = without_shared_ends(left, right);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for i in 0..left.len() {
        let mut row = vec![i + 1; right.len() + 1];
        for j in 0..right.len() {
            let replaced = above[j] + usize::from(left[i] != right[j]);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && left[i] == right[j - 1] && left[i - 1] == right[j] {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

/// The least number of insertions, deletions, replacements and exchanges of neighbours, which may be edited again
/// (Damerau 1964), in linear memory (Zhao and Sahni 2019, "String correction using the Damerau-Levenshtein distance").
pub(super) fn damerau_levenshtein(left: &[u32], right: &[u32]) -> usize {
    let (left, right) = without_shared_ends(left, right);
    let far = left.len().max(right.len()) + 1;
    // Rows begin one place before the first, which is far away.
    let mut row: Vec<usize> = std::iter::once(far).chain(0..=right.len()).collect();
    let mut above = vec![far; right.len() + 2];
    let mut exchanged = vec![far; right.len() + 2];
    let mut last_rows: HashMap<u32, usize> = HashMap::new();
    for (i, item) in (1..).zip(left) {
        std::mem::swap(&mut row, &mut above);
        let mut last_column = None;
        let mut before = row[1];
        row[1] = i;
        let mut at_match = far;
        for (j, other) in (1..).zip(right) {
            let replaced = above[j] + usize::from(item != other);
            let mut least = replaced.min(row[j] + 1).min(above[j + 1] + 1);
            if item == other {
                last_column = Some(j);
                exchanged[j + 1] = above[j - 1];
                at_match = before;
            } else if last_column == Some(j - 1) {
                let rows = last_rows.get(other).map_or(i + 1, |row| i - row);
                least = least.min(exchanged[j + 1] + rows);
            } else if last_rows.get(other) == Some(&(i - 1)) {
                let columns = last_column.map_or(j + 1, |column| j - column);
                least = least.min(at_match + columns);
            }
            before = std::mem::replace(&mut row[j + 1], least);
        }
        last_rows.insert(*item, i);
    }
    row[right.len() + 1]
}

/// The similarity of Jaro (1989), from 0 to 1; 1 for two empty sequences.
pub(super) fn jaro(left: &[u32], right: &[u32]) -> f64 {
    if left.is_empty() && right.is_empty() || left == right {
        return 1.0;
    }
    // Items match within a window of half of the longer sequence.
    let Some(reach) = (left.len().max(right.len()) / 2).checked_sub(1) else {
        return 0.0;
    };
    let mut taken = vec![false; right.len()];
    let mut matched = Vec::new();
    for (i, item) in left.iter().enumerate() {
        let (from, to) = (i.saturating_sub(reach), right.len().min(i + reach + 1));
        let found = (from..to).find(|j| !taken[*j] && right[*j] == *item);
        if let Some(j) = found {
            taken[j] = true;
            matched.push(*item);
        }
    }
    if matched.is_empty() {
        return 0.0;
    }
    let in_order = right.iter().zip(&taken).filter(|(_, taken)| **taken);
    let moved = in_order
        .zip(&matched)
        .filter(|((there, _), here)| there != here)
        .count();
    let straight = matched.len() - moved / 2;
    let shares = [
        ratio(matched.len(), left.len()),
        ratio(matched.len(), right.len()),
        ratio(straight, matched.len()),
    ];
    shares.iter().sum::<f64>() / 3.0
}

/// A part of a whole; both are lengths.
#[expect(
    clippy::cast_precision_loss,
    reason = "no text is long enough to matter"
)]
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

fn in_order<'a>((left, right): (&'a [u32], &'a [u32])) -> (&'a [u32], &'a [u32]) {
    if left.len() <= right.len() {
        (left, right)
    } else {
        (right, left)
    }
}

/// What two sequences share at their ends changes none of the distances.
pub(super) fn without_shared_ends<'a>(left: &'a [u32], right: &'a [u32]) -> (&'a [u32], &'a [u32]) {
    let start = left.iter().zip(right).take_while(|(l, r)| l == r).count();
    let (left, right) = (&left[start..], &right[start..]);
    let pairs = left.iter().rev().zip(right.iter().rev());
    let end = pairs.take_while(|(l, r)| l == r).count();
    (&left[..left.len() - end], &right[..right.len() - end])
}
