//! TER (Snover 2006), as sacrebleu computes it after the program Tercom: words that are inserted, deleted or replaced,
//! and runs of words that are shifted.

use super::super::OrMissing;
use super::super::edit::{Interner, ratio};
use super::super::tokenize::{is_space, parted_by_signs, parted_by_stops, spaced};

/// Words in the longest run that is shifted.
const LONGEST_SHIFT: usize = 10;
/// The farthest that a run is shifted.
const FARTHEST_SHIFT: usize = 50;
/// How far from the diagonal the distance is computed.
const BEAM: usize = 25;
/// After so many shifts that were tried no more are.
const MOST_CANDIDATES: usize = 1000;
/// The most words of a text.
const MOST_WORDS: usize = 1000;
/// Farther than any distance.
const FAR: u32 = u32::MAX / 2;

/// TER with its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ter {
    pub(super) normalized: bool,
    pub(super) punctuation: bool,
    pub(super) case: bool,
}

/// What happens to a word of the answer or of the expected text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Edit {
    Keep,
    Replace,
    /// A word of the answer goes.
    Delete,
    /// A word of the expected text comes.
    Insert,
    /// Outside of the beam.
    Unknown,
}

impl Ter {
    /// 1 less the rate, and not below 0.
    pub(super) fn accuracy(self, text: &str, wanted: &[&str]) -> OrMissing<f64> {
        let text = self.plain(text);
        // The reference makes expected texts plain twice, which parts some words that once does not.
        let twice = |wanted: &&str| self.plain(&self.plain(wanted));
        let wanted: Vec<String> = wanted.iter().map(twice).collect();
        let mut interner = Interner::default();
        let items = interner.numbers(spaced(&text));
        let (mut fewest, mut total) = (usize::MAX, 0);
        for wanted in &wanted {
            let wanted = interner.numbers(spaced(wanted));
            if items.len().max(wanted.len()) > MOST_WORDS {
                return Err(format!(
                    "texts of more than {MOST_WORDS} words are too long for `ter-accuracy`"
                ));
            }
            fewest = fewest.min(edits(&items, &wanted));
            total += wanted.len();
        }
        if total == 0 {
            return Ok(if fewest == 0 { 1.0 } else { 0.0 });
        }
        let rate = ratio(fewest * wanted.len(), total);
        Ok((1.0 - rate).max(0.0))
    }

    fn plain(self, text: &str) -> String {
        // What ends a text would keep signs behind its last word together.
        let text = text.trim_end_matches(is_space);
        let mut text = if self.case {
            text.to_owned()
        } else {
            text.to_lowercase()
        };
        if self.normalized {
            text = text.replace("\n-", "").replace('\n', " ");
            for (escape, sign) in [
                ("&quot;", "\""),
                ("&amp;", "&"),
                ("&lt;", "<"),
                ("&gt;", ">"),
            ] {
                text = text.replace(escape, sign);
            }
            let parted = parted_by_signs(&format!(" {text} ")).replace("'s ", " 's ");
            text = parted_by_stops(&parted);
        }
        if !self.punctuation {
            text.retain(|c| !matches!(c, '.' | ',' | '?' | ':' | ';' | '!' | '"' | '(' | ')'));
        }
        spaced(&text).collect::<Vec<_>>().join(" ")
    }
}

/// The least number of edits that the search finds, shifts included.
fn edits(text: &[u32], wanted: &[u32]) -> usize {
    if wanted.is_empty() {
        return text.len();
    }
    let mut text = text.to_vec();
    let (mut shifts, mut tried) = (0, 0);
    loop {
        let table = Table::new(&text, wanted);
        let best = best_shift(&text, wanted, &table, &mut tried);
        match best {
            Some(shift) if tried < MOST_CANDIDATES && shift.gain > 0 => {
                shifts += 1;
                text = shift.shifted;
            }
            _ => return shifts + table.distance(),
        }
    }
}

/// The distances of all beginnings of two texts near the diagonal.
struct Table<'a> {
    text: &'a [u32],
    wanted: &'a [u32],
    rows: Vec<Vec<(u32, Edit)>>,
}

impl<'a> Table<'a> {
    fn new(text: &'a [u32], wanted: &'a [u32]) -> Self {
        let first = (0..=wanted.len()).map(|j| (number(j), Edit::Insert));
        let mut rows: Vec<Vec<(u32, Edit)>> = vec![first.collect()];
        for i in 1..=text.len() {
            let row = next_row(&rows[i - 1], text, wanted, i);
            rows.push(row);
        }
        Self { text, wanted, rows }
    }

    fn distance(&self) -> usize {
        let last = self.rows.last().and_then(|row| row.last());
        last.map_or(0, |(distance, _)| *distance as usize)
    }

    /// The distance of another order of the same words, which is the same up to `start`.
    fn distance_of(&self, shifted: &[u32], start: usize) -> usize {
        let mut row = self.rows[start].clone();
        for i in start + 1..=shifted.len() {
            row = next_row(&row, shifted, self.wanted, i);
        }
        row.last().map_or(0, |(distance, _)| *distance as usize)
    }

    /// For each word of the expected text the word of the answer that it stands at, and which words of either are wrong.
    fn alignment(&self) -> Alignment {
        let (mut i, mut j) = (self.text.len(), self.wanted.len());
        let mut alignment = Alignment {
            place: vec![0; j],
            wanted_wrong: vec![true; j],
            text_wrong: vec![true; i],
        };
        while i > 0 || j > 0 {
            match self.rows[i][j].1 {
                edit @ (Edit::Keep | Edit::Replace) => {
                    (i, j) = (i - 1, j - 1);
                    // Places are counted from one before the first word.
                    alignment.place[j] = i + 1;
                    alignment.wanted_wrong[j] = edit == Edit::Replace;
                    alignment.text_wrong[i] = edit == Edit::Replace;
                }
                Edit::Insert => {
                    j -= 1;
                    alignment.place[j] = i;
                }
                Edit::Delete => i -= 1,
                // The beam is widened so that there is always a way; without one nothing more is aligned.
                Edit::Unknown => break,
            }
        }
        alignment
    }
}

struct Alignment {
    /// One more than the index of the word that a word of the expected text stands at; 0 is before the first.
    place: Vec<usize>,
    wanted_wrong: Vec<bool>,
    text_wrong: Vec<bool>,
}

fn next_row(above: &[(u32, Edit)], text: &[u32], wanted: &[u32], i: usize) -> Vec<(u32, Edit)> {
    let steepness = ratio(wanted.len(), text.len());
    // In such texts the beams of two rows would not meet.
    let beam = if ratio(BEAM, 1) < steepness / 2.0 {
        wanted.len().div_ceil(2 * text.len()) + BEAM
    } else {
        BEAM
    };
    let diagonal = i * wanted.len() / text.len();
    let from = diagonal.saturating_sub(beam);
    let to = if i == text.len() {
        wanted.len() + 1
    } else {
        (diagonal + beam).min(wanted.len() + 1)
    };
    let mut row = vec![(FAR, Edit::Unknown); wanted.len() + 1];
    for j in from..to {
        if j == 0 {
            row[0] = (above[0].0 + 1, Edit::Delete);
            continue;
        }
        let same = text[i - 1] == wanted[j - 1];
        let edit = if same { Edit::Keep } else { Edit::Replace };
        let mut best = row[j];
        for (distance, edit) in [
            (above[j - 1].0 + u32::from(!same), edit),
            (above[j].0 + 1, Edit::Delete),
            (row[j - 1].0 + 1, Edit::Insert),
        ] {
            if distance < best.0 {
                best = (distance, edit);
            }
        }
        row[j] = best;
    }
    row
}

/// A run of words moved elsewhere, ranked as Tercom does it: by gain, then the longest, the first, the nearest to the
/// start.
struct Shift {
    gain: i64,
    length: usize,
    start: usize,
    target: usize,
    shifted: Vec<u32>,
}

impl Shift {
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |shift: &Self| {
            (
                shift.gain,
                shift.length,
                std::cmp::Reverse(shift.start),
                std::cmp::Reverse(shift.target),
            )
        };
        rank(self) > rank(other)
    }
}

fn best_shift(text: &[u32], wanted: &[u32], table: &Table<'_>, tried: &mut usize) -> Option<Shift> {
    let alignment = table.alignment();
    let before = signed(table.distance());
    let mut best: Option<Shift> = None;
    for (start, place, length) in equal_runs(text, wanted) {
        // Nothing is gained by a shift of words that are right, or to where all is right, or within the run.
        let is_right = !alignment.text_wrong[start..start + length].contains(&true)
            || !alignment.wanted_wrong[place..place + length].contains(&true);
        let stands = alignment.place[place];
        if is_right || (start + 1..start + length + 1).contains(&stands) {
            continue;
        }
        let mut last = None;
        for target in targets(&alignment, place, length) {
            if last == Some(target) {
                continue;
            }
            last = Some(target);
            let shifted = shifted(text, start, length, target);
            let distance = table.distance_of(&shifted, start.min(target));
            let shift = Shift {
                gain: before - signed(distance),
                length,
                start,
                target,
                shifted,
            };
            *tried += 1;
            if best.as_ref().is_none_or(|best| shift.is_better_than(best)) {
                best = Some(shift);
            }
        }
        if *tried >= MOST_CANDIDATES {
            break;
        }
    }
    best
}

/// Where a run may go: before the word of the expected text that it equals, or after any of its words.
fn targets(alignment: &Alignment, place: usize, length: usize) -> impl Iterator<Item = usize> {
    let before = match place.checked_sub(1) {
        Some(before) => alignment.place[before],
        None => 0,
    };
    std::iter::once(before).chain(alignment.place[place..place + length].iter().copied())
}

/// Runs of words that both texts have, at places that are not too far apart.
fn equal_runs(text: &[u32], wanted: &[u32]) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..text.len()).flat_map(move |start| {
        let near =
            start.saturating_sub(FARTHEST_SHIFT)..wanted.len().min(start + FARTHEST_SHIFT + 1);
        near.flat_map(move |place| {
            let pairs = text[start..].iter().zip(&wanted[place..]);
            let longest = pairs
                .take(LONGEST_SHIFT)
                .take_while(|(l, r)| l == r)
                .count();
            (1..=longest).map(move |length| (start, place, length))
        })
    })
}

fn shifted(text: &[u32], start: usize, length: usize, target: usize) -> Vec<u32> {
    let run = &text[start..start + length];
    let parts = if target < start {
        [
            &text[..target],
            run,
            &text[target..start],
            &text[start + length..],
        ]
    } else if target > start + length {
        [
            &text[..start],
            &text[start + length..target],
            run,
            &text[target..],
        ]
    } else {
        // Within the run: what follows it moves before it.
        let end = text.len().min(length + target);
        [
            &text[..start],
            &text[start + length..end],
            run,
            &text[end..],
        ]
    };
    parts.concat()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(FAR)
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
