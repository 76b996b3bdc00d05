//! Scorers that count what an answer has in common with its expected texts: the metrics of summaries, translations,
//! transcripts and short answers. Each gives the numbers of the tool that its definition names.

use crate::error::Result;
use crate::shape::{Field, Shape};

use super::edit::{Interner, levenshtein, ratio};
use super::entry::Entry;
use super::likeness::{check_words, graded, nearest, pairs_to_edit};
use super::options::{COMMON, EXPECTED, GRADED, NEGATE, NORMALIZE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::tokenize::{Tokenizer, spaced_apart, trimmed};
use super::{Built, OrMissing, Rule};
use crate::text::words;

mod answer;
mod chrf;
mod meteor;
mod ngrams;
mod porter;
mod rouge;
mod ter;

use ngrams::{Bleu, Smoothing};
use rouge::{Rouge, Variant};

pub(super) use answer::multiset_hits;
pub(super) use rouge::Part;

/// What all of them have in common.
const OVERLAP: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: Some("expected"),
    options: &[EXPECTED, GRADED, NORMALIZE, TRANSFORM, NEGATE, COMMON],
    expects: Expects::Texts("expected"),
    version: 1,
    build: |entry| Ok(rouge(entry, Variant::Longest)),
};

const STEMMER: Field = Field::optional(
    "stemmer",
    Shape::Bool,
    "compares words of more than three letters by the stem that Porter's rules for English give (default false)",
);

pub(super) const PART: Field = Field::optional(
    "value",
    Shape::Choice(Part::NAMES),
    "what the value is: f1, precision or recall (default f1)",
);

/// Words of one script or of all.
const SCRIPT: Field = Field::optional(
    "words",
    Shape::Choice(&["ascii", "unicode"]),
    "what a word is: a run of ASCII letters and digits as in the reference, or a word of UAX #29 (default ascii)",
);

/// See [`Rouge`].
pub(super) const ROUGE_N: Kind = Kind {
    name: "rouge-n",
    summary: "how many runs of n words the answer shares with the expected text",
    definition: "ROUGE-N: the n-grams of words that both texts have, each as often as both have it, as a share of those \
                 of the answer (precision), of the expected text (recall), or the harmonic mean of both (f1). Of several \
                 expected texts the one with the greatest f1 counts. A text without n-grams shares nothing. Gives the \
                 numbers of rouge-score (rouge1, rouge2, …).",
    options: &[
        &[
            Field::optional(
                "n",
                Shape::Number(1.0, 9.0),
                "words in a run, from 1 to 9 (default 1)",
            ),
            PART,
            STEMMER,
            SCRIPT,
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| Ok(rouge(entry, Variant::Runs(small(entry, "n", 1)?))),
    ..OVERLAP
};

/// See [`Rouge`].
pub(super) const ROUGE_L: Kind = Kind {
    name: "rouge-l",
    summary: "how many words the answer shares with the expected text, in order",
    definition: "ROUGE-L: the longest sequence of words that both texts have in order, as a share of the words of the \
                 answer (precision), of the expected text (recall), or the harmonic mean of both (f1). Of several \
                 expected texts the one with the greatest f1 counts. A text without words shares nothing. Gives the \
                 numbers of rouge-score (rougeL).",
    options: &[
        &[PART, STEMMER, SCRIPT],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| Ok(rouge(entry, Variant::Longest)),
    ..OVERLAP
};

/// See [`Rouge`].
pub(super) const ROUGE_LSUM: Kind = Kind {
    name: "rouge-lsum",
    summary: "as rouge-l, sentence by sentence: one a line",
    definition: "ROUGE-L of summaries: for each line of the expected text the words that it has in order with any line \
                 of the answer, none counted more often than both texts have it. Of several expected texts the one with \
                 the greatest f1 counts. Gives the numbers of rouge-score (rougeLsum, where lines are sentences).",
    build: |entry| Ok(rouge(entry, Variant::Lines)),
    ..ROUGE_L
};

const TOKENIZER: Field = Field::optional(
    "tokenizer",
    Shape::Choice(Tokenizer::NAMES),
    "how texts are parted: 13a and intl as mteval does, char, none (at white space) or unicode (words of UAX #29)",
);

/// See [`Bleu`].
pub(super) const BLEU: Kind = Kind {
    name: "bleu",
    summary: "how many runs of one to four words the answer shares with the expected texts",
    definition: "BLEU of one answer, from 0 to 1: the geometric mean of the shares of its n-grams that the expected \
                 texts have, times a penalty for being shorter than the nearest of them. Several expected texts count \
                 together. Gives the numbers of sacrebleu / 100: sentence_bleu with the defaults, and corpus_bleu of one \
                 answer with `effective-order: false`.",
    options: &[
        &[
            TOKENIZER,
            Field::optional(
                "smoothing",
                Shape::Choice(Smoothing::NAMES),
                "what n-grams without a match count: exp, floor, add-k or none (default exp)",
            ),
            Field::optional(
                "smoothing-value",
                Shape::Number(0.0, 1e6),
                "the value of floor (default 0.1) or add-k (default 1)",
            ),
            Field::optional(
                "order",
                Shape::Number(1.0, 9.0),
                "words in the longest n-grams, from 1 to 9 (default 4)",
            ),
            Field::optional(
                "effective-order",
                Shape::Bool,
                "leaves out n-grams that the answer is too short for (default true)",
            ),
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: build_bleu,
    ..OVERLAP
};

/// See [`ngrams::gleu`].
pub(super) const GLEU: Kind = Kind {
    name: "gleu",
    summary: "as bleu, made for single answers",
    definition: "Google-BLEU: the n-grams that both texts have, as a share of those of the text that has more of them. Of \
                 several expected texts the nearest counts. Gives the numbers of nltk (sentence_gleu of the parted \
                 texts); the tokenizer is `none` where nothing else is said.",
    options: &[
        &[
            TOKENIZER,
            Field::optional(
                "min",
                Shape::Number(1.0, 9.0),
                "words in the shortest n-grams (default 1)",
            ),
            Field::optional(
                "max",
                Shape::Number(1.0, 9.0),
                "words in the longest n-grams (default 4)",
            ),
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: build_gleu,
    ..OVERLAP
};

/// See [`meteor::Meteor`].
pub(super) const METEOR: Kind = Kind {
    name: "meteor",
    summary: "how many words the answer shares with the expected text, by their stems too, in how few pieces",
    definition: "METEOR without synonyms: words are paired that are equal in lower case, and of the rest those with the \
                 same stem by Porter's rules for English. The mean of precision and recall, which counts `alpha` to \
                 1 - `alpha`, less a penalty for the number of pieces that follow each other in both texts. The third \
                 stage of METEOR, synonyms of WordNet, is left out, since it needs that dictionary: an answer in other \
                 words scores lower here than there. Of several expected texts the nearest counts. Gives the numbers of \
                 nltk (meteor_score) with a WordNet in which no word stands; the tokenizer is `none` where nothing else \
                 is said, which parts words at white space.",
    options: &[
        &[
            TOKENIZER,
            Field::optional(
                "alpha",
                Shape::Number(0.0, 1.0),
                "how much recall counts, and precision the rest (default 0.9)",
            ),
            Field::optional(
                "beta",
                Shape::Number(0.0, 100.0),
                "how steeply the penalty grows with the pieces (default 3)",
            ),
            Field::optional(
                "gamma",
                Shape::Number(0.0, 1.0),
                "the most that the penalty takes away (default 0.5)",
            ),
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        let meteor = meteor::Meteor {
            tokenizer: tokenizer(entry, Tokenizer::Spaces),
            alpha: entry.number("alpha").unwrap_or(0.9),
            beta: entry.number("beta").unwrap_or(3.0),
            gamma: entry.number("gamma").unwrap_or(0.5),
        };
        Ok(nearest(entry, move |wanted, text| meteor.of(wanted, text)))
    },
    ..OVERLAP
};

/// See [`chrf::Chrf`].
pub(super) const CHRF: Kind = Kind {
    name: "chrf",
    summary: "how many runs of one to six characters the answer shares with the expected text",
    definition: "chrF2, from 0 to 1: the mean precision and recall over n-grams of characters, and of words where \
                 `words` says so (2 makes it chrF++), joined with recall weighted `beta` times. Of several expected texts \
                 the nearest counts. Gives the numbers of sacrebleu / 100 (sentence_chrf). It knows no words but those \
                 that white space parts, and works for any script.",
    options: &[
        &[
            Field::optional(
                "characters",
                Shape::Number(1.0, 20.0),
                "characters in the longest n-grams (default 6)",
            ),
            Field::optional(
                "words",
                Shape::Number(0.0, 9.0),
                "words in the longest n-grams of words; 0 for none, 2 for chrF++ (default 0)",
            ),
            Field::optional(
                "beta",
                Shape::Number(0.0, 100.0),
                "how many times recall counts for precision (default 2)",
            ),
            Field::optional(
                "whitespace",
                Shape::Bool,
                "counts white space as characters (default false)",
            ),
            Field::optional(
                "eps-smoothing",
                Shape::Bool,
                "counts orders that a text is too short for, as chrF++.py, nltk and Moses do (default false)",
            ),
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: build_chrf,
    ..OVERLAP
};

/// See [`ter::Ter`].
pub(super) const TER_ACCURACY: Kind = Kind {
    name: "ter-accuracy",
    summary: "how few words must change or move to get the expected text",
    definition: "1 - TER, and 0 where TER is above 1. TER is the number of words to insert, delete, replace or shift in \
                 runs, over the mean number of words of the expected texts; the nearest of them counts. Case does not \
                 count. Gives the numbers of sacrebleu (sentence_ter / 100), turned round so that more is better. Texts \
                 of more than 1,000 words have no score.",
    options: &[
        &[
            Field::optional(
                "normalized",
                Shape::Bool,
                "parts words from signs first, for languages that are written as English is (default false)",
            ),
            Field::optional(
                "no-punctuation",
                Shape::Bool,
                "leaves out . , ? : ; ! \" ( and ) (default false)",
            ),
            Field::optional("case-sensitive", Shape::Bool, "case counts (default false)"),
        ],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| Ok(ter_of(entry)),
    ..OVERLAP
};

/// See [`accuracy`].
pub(super) const WER_ACCURACY: Kind = Kind {
    name: "wer-accuracy",
    summary: "how few words must change to get the expected text",
    definition: "1 - WER, and 0 where WER is above 1. WER is the least number of words to insert, delete or replace, over \
                 the number of words of the expected text. Of several expected texts the nearest counts. Two texts \
                 without words are equal. Gives the numbers of jiwer (wer), turned round so that more is better.",
    options: &[
        &[Field::optional(
            "words",
            Shape::Choice(&["spaces", "unicode"]),
            "what a word is: what spaces part as in the reference, or a word of UAX #29 (default spaces)",
        )],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        let unicode = entry.text("words") == Some("unicode");
        Ok(nearest(entry, move |wanted, text| {
            word_accuracy(wanted, text, unicode)
        }))
    },
    ..OVERLAP
};

/// See [`accuracy`].
pub(super) const CER_ACCURACY: Kind = Kind {
    name: "cer-accuracy",
    summary: "how few characters must change to get the expected text",
    definition: "1 - CER, and 0 where CER is above 1. CER is the least number of characters to insert, delete or replace, \
                 over the number of characters of the expected text, without white space at the ends. Of several expected \
                 texts the nearest counts. Gives the numbers of jiwer (cer), turned round so that more is better.",
    build: |entry| {
        Ok(nearest(entry, |wanted, text| {
            let (wanted, text) = pairs_to_edit(trimmed(wanted), trimmed(text))?;
            Ok(accuracy(&wanted, &text))
        }))
    },
    ..OVERLAP
};

/// See [`answer::f1`].
pub(super) const TOKEN_F1: Kind = Kind {
    name: "token-f1",
    summary: "how many words a short answer shares with the expected one, in any order",
    definition: "The harmonic mean of the shares of the words of both texts that the other has too, after case, \
                 punctuation and the articles a, an and the were taken away. Of several expected texts the nearest \
                 counts; two texts without words are equal. Gives the numbers of the official script of SQuAD 2.0; \
                 `words: unicode` takes away the punctuation of any script.",
    options: &[
        &[answer::WORDS],
        EXPECTED,
        GRADED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        let unicode = entry.text("words") == Some("unicode");
        Ok(nearest(entry, move |wanted, text| {
            let (wanted, text) = (answer::plain(wanted, unicode), answer::plain(text, unicode));
            answer::f1(&wanted, &text)
        }))
    },
    ..OVERLAP
};

/// 1 if both texts are the same words after the normalisation of `SQuAD`.
pub(super) const SQUAD_EXACT: Kind = Kind {
    name: "squad-exact",
    summary: "the answer is the expected one, apart from case, punctuation and articles",
    definition: "1 if the answer and the expected text (a list: any of them) are equal after case, punctuation, the \
                 articles a, an and the and extra white space were taken away, else 0. Gives the numbers of the official \
                 script of SQuAD; `words: unicode` takes away the punctuation of any script.",
    options: &[
        &[answer::WORDS],
        EXPECTED,
        NORMALIZE,
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        Ok(Box::new(answer::Plain {
            unicode: entry.text("words") == Some("unicode"),
        }))
    },
    ..OVERLAP
};

/// A small whole number that an option holds, which its shape keeps within bounds.
fn small(entry: &Entry<'_>, name: &str, default: u8) -> Result<usize> {
    let Some(node) = entry.get(name) else {
        return Ok(usize::from(default));
    };
    let given = node.number().unwrap_or_default();
    let known = (0..=u8::MAX).find(|n| (f64::from(*n) - given).abs() < f64::EPSILON);
    // What is out of bounds was noted as such.
    if known.is_none() && given.fract() != 0.0 {
        let message = format!(
            "`{}` must be a whole number, found {given}",
            entry.path(name)
        );
        return Err(entry.problem(node, message).into());
    }
    Ok(usize::from(known.unwrap_or(default)))
}

fn rouge(entry: &Entry<'_>, variant: Variant) -> Box<dyn Rule> {
    let rouge = Rouge {
        variant,
        part: entry
            .text("value")
            .and_then(Part::named)
            .unwrap_or(Part::F1),
        stemmer: entry.flag("stemmer"),
        unicode: entry.text("words") == Some("unicode"),
    };
    graded(entry, move |text, wanted| rouge.of(text, wanted))
}

fn tokenizer(entry: &Entry<'_>, default: Tokenizer) -> Tokenizer {
    let named = entry.text("tokenizer").and_then(Tokenizer::named);
    named.unwrap_or(default)
}

fn build_bleu(entry: &Entry<'_>) -> Built {
    let bleu = Bleu {
        tokenizer: tokenizer(entry, Tokenizer::Mteval),
        smoothing: Smoothing::named(
            entry.text("smoothing").unwrap_or("exp"),
            entry.number("smoothing-value"),
        ),
        order: small(entry, "order", 4)?,
        effective: entry.get("effective-order").is_none() || entry.flag("effective-order"),
    };
    Ok(graded(entry, move |text, wanted| bleu.of(text, wanted)))
}

fn build_gleu(entry: &Entry<'_>) -> Built {
    let tokenizer = tokenizer(entry, Tokenizer::Spaces);
    let (min, max) = (small(entry, "min", 1)?, small(entry, "max", 4)?);
    if let (Some(node), true) = (entry.get("max").or(entry.get("min")), min > max) {
        let message = format!("`gleu.max` is {max} and below `gleu.min`, {min}");
        return Err(entry.problem(node, message).into());
    }
    Ok(nearest(entry, move |wanted, text| {
        ngrams::gleu(&tokenizer.words(wanted), &tokenizer.words(text), min..=max)
    }))
}

fn build_chrf(entry: &Entry<'_>) -> Built {
    let chrf = chrf::Chrf {
        characters: small(entry, "characters", 6)?,
        words: small(entry, "words", 0)?,
        beta: entry.number("beta").unwrap_or(2.0),
        whitespace: entry.flag("whitespace"),
        smooth: entry.flag("eps-smoothing"),
    };
    Ok(nearest(entry, move |wanted, text| chrf.of(wanted, text)))
}

fn ter_of(entry: &Entry<'_>) -> Box<dyn Rule> {
    let ter = ter::Ter {
        normalized: entry.flag("normalized"),
        punctuation: !entry.flag("no-punctuation"),
        case: entry.flag("case-sensitive"),
    };
    graded(entry, move |text, wanted| ter.accuracy(text, wanted))
}

fn word_accuracy(wanted: &str, text: &str, unicode: bool) -> OrMissing<f64> {
    let part = |text| -> Vec<&str> {
        if unicode {
            words(text).collect()
        } else {
            spaced_apart(text)
        }
    };
    let mut interner = Interner::default();
    let (wanted, text) = (interner.numbers(part(wanted)), interner.numbers(part(text)));
    check_words(wanted.len() + text.len())?;
    Ok(accuracy(&wanted, &text))
}

/// 1 less the error rate: the distance of Levenshtein over the length of what was expected.
fn accuracy(wanted: &[u32], text: &[u32]) -> f64 {
    let errors = levenshtein(wanted, text);
    if wanted.is_empty() {
        return if errors == 0 { 1.0 } else { 0.0 };
    }
    (1.0 - ratio(errors, wanted.len())).max(0.0)
}
