//! ROUGE (Lin 2004), as rouge-score computes it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::super::OrMissing;
use super::super::edit::{Interner, longest_common, ratio};
use super::super::likeness::check_words;
use super::super::tokenize::{ascii_words, unicode_words};
use super::ngrams::{counts, shared};
use super::porter::stem;

/// The most pairs of words that are compared in summaries, where all of a table is needed.
const MOST_PAIRS: usize = 16_000_000;

/// One kind of ROUGE with its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rouge {
    pub(super) variant: Variant,
    pub(super) part: Part,
    pub(super) stemmer: bool,
    pub(super) unicode: bool,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Variant {
    /// Runs of so many words.
    Runs(usize),
    /// Words in order.
    Longest,
    /// Words in order, line by line.
    Lines,
}

/// Which share is the value.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Part {
    F1,
    Precision,
    Recall,
}

impl Part {
    pub(in super::super) const NAMES: &[&str] = &["f1", "precision", "recall"];

    pub(in super::super) fn named(name: &str) -> Option<Self> {
        match name {
            "f1" => Some(Self::F1),
            "precision" => Some(Self::Precision),
            "recall" => Some(Self::Recall),
            _ => None,
        }
    }

    /// The value, where `both` of `found` were right and there were `wanted`.
    pub(in super::super) fn of(self, both: usize, found: usize, wanted: usize) -> f64 {
        self.of_sum(ratio(both, 1), found, wanted)
    }

    /// As [`Self::of`], where what is right may be right in part.
    pub(in super::super) fn of_sum(self, right: f64, found: usize, wanted: usize) -> f64 {
        let precision = right / ratio(found.max(1), 1);
        let recall = right / ratio(wanted.max(1), 1);
        match self {
            Self::Precision => precision,
            Self::Recall => recall,
            Self::F1 if precision + recall > 0.0 => 2.0 * precision * recall / (precision + recall),
            Self::F1 => 0.0,
        }
    }
}

/// How much two texts share.
#[derive(Debug, Clone, Copy, Default)]
struct Hits {
    both: usize,
    found: usize,
    wanted: usize,
}

impl Rouge {
    /// The value for the expected text with the greatest harmonic mean.
    pub(super) fn of(self, text: &str, wanted: &[&str]) -> OrMissing<f64> {
        let mut best: Option<(f64, Hits)> = None;
        for wanted in wanted {
            let hits = self.hits(wanted, text)?;
            let f1 = Part::F1.of(hits.both, hits.found, hits.wanted);
            if best.is_none_or(|(most, _)| f1 > most) {
                best = Some((f1, hits));
            }
        }
        let hits = best.map(|(_, hits)| hits).unwrap_or_default();
        Ok(self.part.of(hits.both, hits.found, hits.wanted))
    }

    fn hits(self, wanted: &str, text: &str) -> OrMissing<Hits> {
        if let Variant::Lines = self.variant {
            return self.line_hits(wanted, text);
        }
        let (wanted, text) = (self.words(wanted), self.words(text));
        check_words(wanted.len() + text.len())?;
        let mut interner = Interner::default();
        let wanted = interner.numbers(wanted.iter().map(AsRef::as_ref));
        let found = interner.numbers(text.iter().map(AsRef::as_ref));
        Ok(match self.variant {
            Variant::Runs(n) => Hits {
                both: shared(&counts(&wanted, n), &counts(&found, n)),
                found: (found.len() + 1).saturating_sub(n),
                wanted: (wanted.len() + 1).saturating_sub(n),
            },
            Variant::Longest | Variant::Lines => Hits {
                both: longest_common(&wanted, &found),
                found: found.len(),
                wanted: wanted.len(),
            },
        })
    }

    fn line_hits(self, wanted: &str, text: &str) -> OrMissing<Hits> {
        let lines = |text| -> Vec<Vec<Cow<'_, str>>> {
            str::split(text, '\n')
                .map(|line| self.words(line))
                .collect()
        };
        let (wanted, found) = (lines(wanted), lines(text));
        let mut interner = Interner::default();
        let wanted = numbered(&mut interner, &wanted);
        let found = numbered(&mut interner, &found);
        let total = |lines: &[Vec<u32>]| lines.iter().map(Vec::len).sum::<usize>();
        if total(&wanted).saturating_mul(total(&found)) > MOST_PAIRS {
            return Err(format!(
                "texts of {} and {} words are too long for `rouge-lsum`; `rouge-l` takes longer ones",
                total(&found),
                total(&wanted)
            ));
        }
        let mut left: HashMap<u32, [usize; 2]> = HashMap::new();
        for (side, lines) in [&wanted, &found].into_iter().enumerate() {
            for word in lines.iter().flatten() {
                left.entry(*word).or_default()[side] += 1;
            }
        }
        let mut both = 0;
        for line in &wanted {
            for word in in_any(line, &found) {
                // Neither text has a word more often than it has it.
                if let Some([wanted @ (1..), found @ (1..)]) = left.get_mut(&word) {
                    (*wanted, *found) = (*wanted - 1, *found - 1);
                    both += 1;
                }
            }
        }
        Ok(Hits {
            both,
            found: total(&found),
            wanted: total(&wanted),
        })
    }

    fn words(self, text: &str) -> Vec<Cow<'_, str>> {
        let words = if self.unicode {
            unicode_words(text)
        } else {
            ascii_words(text)
        };
        if !self.stemmer {
            return words;
        }
        let stemmed = |word: Cow<'_, str>| {
            if word.len() > 3 && word.is_ascii() {
                stem(&word)
            } else {
                word.into_owned()
            }
        };
        words.into_iter().map(stemmed).map(Cow::Owned).collect()
    }
}

fn numbered<'a>(interner: &mut Interner<'a>, lines: &'a [Vec<Cow<'_, str>>]) -> Vec<Vec<u32>> {
    let lines = lines.iter();
    lines
        .map(|line| interner.numbers(line.iter().map(AsRef::as_ref)))
        .collect()
}

/// The words of a line, in order, that stand in the longest common subsequence with any of the other lines.
fn in_any(line: &[u32], others: &[Vec<u32>]) -> Vec<u32> {
    let mut marked = vec![false; line.len()];
    for other in others {
        mark_common(line, other, &mut marked);
    }
    let words = line.iter().zip(&marked);
    words
        .filter(|(_, marked)| **marked)
        .map(|(word, _)| *word)
        .collect()
}

/// Marks one longest common subsequence of `line` and `other`; which one is what the reference reads from its table.
fn mark_common(line: &[u32], other: &[u32], marked: &mut [bool]) {
    let columns = other.len() + 1;
    let mut table = vec![0_u32; (line.len() + 1) * columns];
    for (i, word) in line.iter().enumerate() {
        for (j, found) in other.iter().enumerate() {
            table[(i + 1) * columns + j + 1] = if word == found {
                table[i * columns + j] + 1
            } else {
                table[i * columns + j + 1].max(table[(i + 1) * columns + j])
            };
        }
    }
    let (mut i, mut j) = (line.len(), other.len());
    while i > 0 && j > 0 {
        if line[i - 1] == other[j - 1] {
            marked[i - 1] = true;
            (i, j) = (i - 1, j - 1);
        } else if table[i * columns + j - 1] > table[(i - 1) * columns + j] {
            j -= 1;
        } else {
            i -= 1;
        }
    }
}
