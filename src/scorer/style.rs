//! Scorers of how an answer is written: its language, what it must not say, how easy it is to read.

use std::sync::LazyLock;

use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;
use whatlang::{Detector, Lang};

use crate::document::Node;
use crate::error::Problems;
use crate::shape::{Field, Shape};
use crate::text::normalize::{Normalize, Step};
use crate::text::{suggest, words};

use super::edit::ratio;
use super::entry::Entry;
use super::expected::quoted;
use super::matching::SHOWN;
use super::options::{COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{Built, OrMissing, Reading, Rule, Subject};

const STYLE: Kind = Kind {
    name: "",
    summary: "",
    definition: "",
    main: None,
    options: &[TRANSFORM, NEGATE, COMMON],
    expects: Expects::Nothing,
    version: 1,
    build: build_language,
};

const CODES: Shape = Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]);

/// 1 if the answer is written in one of the languages.
pub(super) const LANGUAGE: Kind = Kind {
    name: "language",
    summary: "the answer is written in a language",
    definition: "1 if the answer is most likely written in the language (a list: one of them), else 0. Languages are named \
                 by their codes, `de` or `deu`. The guess (whatlang) looks at scripts and groups of three letters: it is \
                 good for a paragraph and poor for a few words, where `among` helps, which names all languages that it \
                 could be. An answer without letters is in none.",
    main: Some("is"),
    options: &[
        &[
            Field::required("is", CODES, "the language, or a list of languages"),
            Field::optional(
                "among",
                CODES,
                "the only languages that it could be (default: the 70 that are known)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    ..STYLE
};

/// 1 if none of the phrases stands in the answer.
pub(super) const FORBIDDEN: Kind = Kind {
    name: "forbidden",
    summary: "the answer has none of the forbidden words and phrases",
    definition: "1 if none of the phrases stands in the answer as whole words (UAX #29), whatever the case, else 0: `ass` \
                 is no part of `class`. White space between words may be of any kind.",
    main: Some("phrases"),
    options: &[
        &[Field::required(
            "phrases",
            Shape::OneOf(&[Shape::Text, Shape::List(&Shape::Text)]),
            "the word or phrase, or a list of them",
        )],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        let phrases = entry.texts("phrases");
        let phrases = phrases.iter().map(|phrase| plain(phrase));
        Ok(Box::new(Forbidden(
            phrases.filter(|phrase| !phrase.is_empty()).collect(),
        )))
    },
    ..STYLE
};

/// 1 if nothing in the answer looks like data of a person.
pub(super) const NO_PII: Kind = Kind {
    name: "no-pii",
    summary: "the answer has no data that looks personal",
    definition: "1 if nothing in the answer has the form of personal data, else 0: an email address, a phone number of \
                 seven to fifteen digits with a + or brackets or in groups, a payment card number (13 to 19 digits, Luhn), \
                 an IBAN (checked by its digits), a US social security number, an IP address. It knows forms only: a name \
                 or an address is not found, and a made-up number may be.",
    main: Some("kinds"),
    options: &[
        &[
            Field::optional(
                "kinds",
                Shape::List(&Shape::Choice(Personal::NAMES)),
                "what is looked for (default: all)",
            ),
            Field::optional(
                "allow",
                Shape::List(&Shape::Text),
                "texts that may stand there, such as support@example.com",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: |entry| {
        let kinds = entry.texts("kinds");
        let is_chosen =
            |kind: &Personal| kinds.is_empty() || kinds.iter().any(|name| name == kind.name());
        Ok(Box::new(NoPersonal {
            kinds: Personal::ALL.iter().copied().filter(is_chosen).collect(),
            allowed: entry.texts("allow"),
        }))
    },
    ..STYLE
};

/// 1 if the reading ease lies within bounds.
pub(super) const READABILITY: Kind = Kind {
    name: "readability",
    summary: "the answer is as easy to read as it should be",
    definition: "1 if the readability lies within `min` and `max`, both included, else 0. `ease` is the reading ease of \
                 Flesch, 206.835 - 1.015 · words / sentences - 84.6 · syllables / words: 60 to 70 is plain English. `grade` \
                 is the grade of Flesch and Kincaid, 0.39 · words / sentences + 11.8 · syllables / words - 15.59. Words and \
                 sentences are those of UAX #29; syllables are counted by English groups of vowels, which is right for nine \
                 words of ten. An answer without words has no score.",
    options: &[
        &[
            Field::optional(
                "formula",
                Shape::Choice(&["ease", "grade"]),
                "what is computed (default ease)",
            ),
            Field::optional(
                "min",
                Shape::Number(-1000.0, 1000.0),
                "the least that passes",
            ),
            Field::optional(
                "max",
                Shape::Number(-1000.0, 1000.0),
                "the most that passes",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    build: build_readability,
    ..STYLE
};

/// Codes of two letters for the languages that the detector knows by three.
const SHORT_CODES: &[(&str, &str)] = &[
    ("af", "afr"),
    ("ak", "aka"),
    ("am", "amh"),
    ("ar", "ara"),
    ("az", "aze"),
    ("be", "bel"),
    ("bg", "bul"),
    ("bn", "ben"),
    ("ca", "cat"),
    ("cs", "ces"),
    ("cy", "cym"),
    ("da", "dan"),
    ("de", "deu"),
    ("el", "ell"),
    ("en", "eng"),
    ("eo", "epo"),
    ("es", "spa"),
    ("et", "est"),
    ("fa", "pes"),
    ("fi", "fin"),
    ("fr", "fra"),
    ("gu", "guj"),
    ("he", "heb"),
    ("hi", "hin"),
    ("hr", "hrv"),
    ("hu", "hun"),
    ("hy", "hye"),
    ("id", "ind"),
    ("it", "ita"),
    ("ja", "jpn"),
    ("jv", "jav"),
    ("ka", "kat"),
    ("km", "khm"),
    ("kn", "kan"),
    ("ko", "kor"),
    ("la", "lat"),
    ("lt", "lit"),
    ("lv", "lav"),
    ("mk", "mkd"),
    ("ml", "mal"),
    ("mr", "mar"),
    ("my", "mya"),
    ("nb", "nob"),
    ("ne", "nep"),
    ("nl", "nld"),
    ("no", "nob"),
    ("or", "ori"),
    ("pa", "pan"),
    ("pl", "pol"),
    ("pt", "por"),
    ("ro", "ron"),
    ("ru", "rus"),
    ("si", "sin"),
    ("sk", "slk"),
    ("sl", "slv"),
    ("sn", "sna"),
    ("sr", "srp"),
    ("sv", "swe"),
    ("ta", "tam"),
    ("te", "tel"),
    ("th", "tha"),
    ("tk", "tuk"),
    ("tl", "tgl"),
    ("tr", "tur"),
    ("uk", "ukr"),
    ("ur", "urd"),
    ("uz", "uzb"),
    ("vi", "vie"),
    ("yi", "yid"),
    ("zh", "cmn"),
    ("zu", "zul"),
];

fn language(code: &str) -> Option<Lang> {
    let code = code.trim().to_lowercase();
    let long = SHORT_CODES.iter().find(|(short, _)| *short == code);
    Lang::from_code(long.map_or(code.as_str(), |(_, long)| *long))
}

fn languages(entry: &Entry<'_>, option: &str, problems: &mut Problems) -> Vec<Lang> {
    let node = entry.get(option);
    let nodes = match node.map(Node::items) {
        Some([]) | None => node.into_iter().collect(),
        Some(items) => items.iter().collect::<Vec<_>>(),
    };
    let mut known = Vec::new();
    for (node, code) in nodes
        .into_iter()
        .filter_map(|node| Some((node, node.text()?)))
    {
        if let Some(language) = language(code) {
            known.push(language);
            continue;
        }
        let names = SHORT_CODES.iter().flat_map(|(short, long)| [*short, *long]);
        let help = suggest(code, names).map_or_else(
            || "write a code such as `en`, `de` or `zh`".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        problems.push(
            entry
                .problem(node, format!("no language `{code}` is known"))
                .help(help),
        );
    }
    known
}

struct Language {
    wanted: Vec<Lang>,
    detector: Detector,
}

impl std::fmt::Debug for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Language")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

fn build_language(entry: &Entry<'_>) -> Built {
    let mut problems = Problems::default();
    let wanted = languages(entry, "is", &mut problems);
    let among = languages(entry, "among", &mut problems);
    if let (Some(node), false) = (entry.get("among"), among.is_empty())
        && !wanted.iter().all(|wanted| among.contains(wanted))
    {
        problems.push(entry.problem(
            node,
            "`language.among` leaves out a language that it asks for",
        ));
    }
    problems.finish()?;
    let detector = if among.is_empty() {
        Detector::new()
    } else {
        Detector::with_allowlist(among)
    };
    Ok(Box::new(Language { wanted, detector }))
}

impl Rule for Language {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let found = self.detector.detect_lang(subject.text);
        let holds = found.is_some_and(|found| self.wanted.contains(&found));
        Ok(Reading::binary(holds, || {
            let wanted: Vec<&str> = self.wanted.iter().map(|wanted| wanted.eng_name()).collect();
            let found = found.map_or("no language", |found| found.eng_name());
            format!(
                "expected {}, got {found}: {}",
                wanted.join(" or "),
                quoted(subject.text, SHOWN)
            )
        }))
    }
}

#[derive(Debug)]
struct Forbidden(Vec<String>);

/// A text in one case, with single spaces.
fn plain(text: &str) -> String {
    let steps = [Step::Nfkc, Step::Casefold, Step::Whitespace, Step::Trim];
    Normalize::new(steps).apply(text).into_owned()
}

impl Rule for Forbidden {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = plain(subject.text);
        let bounds: Vec<usize> = text.split_word_bound_indices().map(|(at, _)| at).collect();
        let is_bound = |at: usize| at == text.len() || bounds.binary_search(&at).is_ok();
        let stands = |phrase: &&String| {
            text.match_indices(phrase.as_str())
                .any(|(at, found)| is_bound(at) && is_bound(at + found.len()))
        };
        let found = self.0.iter().find(stands);
        Ok(Reading::binary(found.is_none(), || {
            let phrase = found.map(String::as_str).unwrap_or_default();
            format!("{} in {}", quoted(phrase, 40), quoted(subject.text, SHOWN))
        }))
    }
}

/// A form of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Personal {
    Email,
    Phone,
    Card,
    Iban,
    Ssn,
    Ip,
}

impl Personal {
    const ALL: &[Self] = &[
        Self::Email,
        Self::Card,
        Self::Iban,
        Self::Ssn,
        Self::Ip,
        Self::Phone,
    ];
    const NAMES: &[&str] = &["email", "phone", "card", "iban", "ssn", "ip"];

    fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::Ip => "ip",
        }
    }

    fn pattern(self) -> &'static Regex {
        static PATTERNS: LazyLock<[Regex; 6]> = LazyLock::new(|| {
            [
                r"[\p{L}\p{N}._%+-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)*\.\p{L}{2,}",
                r"\+?\(?[0-9](?:[0-9 ().-]*[0-9])?",
                r"\b[0-9](?:[ -]?[0-9]){12,18}\b",
                r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]){11,30}\b",
                r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
                r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}\b",
            ]
            .map(|pattern| Regex::new(pattern).expect("the pattern is valid"))
        });
        match self {
            Self::Email => &PATTERNS[0],
            Self::Phone => &PATTERNS[1],
            Self::Card => &PATTERNS[2],
            Self::Iban => &PATTERNS[3],
            Self::Ssn => &PATTERNS[4],
            Self::Ip => &PATTERNS[5],
        }
    }

    /// Whether what has the form can be what it looks like.
    fn is_real(self, found: &str) -> bool {
        let digits: Vec<u32> = found.chars().filter_map(|c| c.to_digit(10)).collect();
        match self {
            Self::Email => true,
            Self::Phone => (7..=15).contains(&digits.len()) && is_phone(found),
            Self::Card => (13..=19).contains(&digits.len()) && is_luhn(&digits),
            Self::Iban => is_iban(found),
            Self::Ssn => {
                let parts: Vec<&str> = found.split('-').collect();
                !matches!(parts[..], ["000" | "666", ..] | [_, "00", _] | [.., "0000"])
                    && !found.starts_with('9')
            }
            Self::Ip => {
                found.contains(':') || found.split('.').all(|part| part.parse::<u8>().is_ok())
            }
        }
    }
}

/// Whether a run of digits and signs is written as phone numbers are: with a country, or in groups of three and four.
fn is_phone(text: &str) -> bool {
    static FORM: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(
            r"^(?:(?:\+|00)[1-9][0-9 ().-]+|\(?0?[0-9]{2,4}\)?[ .-][0-9]{3,4}[ .-]?[0-9]{3,4})$",
        )
        .expect("the pattern is valid")
    });
    FORM.is_match(text)
}

/// Whether the last digit checks the others, as on payment cards (ISO/IEC 7812).
fn is_luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, doubled) if doubled > 9 => doubled - 9,
            (_, doubled) => doubled,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit > 0)
}

/// Whether the two digits behind the country check the others (ISO 7064, MOD 97-10).
fn is_iban(text: &str) -> bool {
    let plain: String = text.chars().filter(|c| *c != ' ').collect();
    let Some((head, tail)) = plain.split_at_checked(4) else {
        return false;
    };
    let rest = tail.chars().chain(head.chars()).try_fold(0, |rest, c| {
        let value = c.to_digit(36)?;
        Some((rest * if value > 9 { 100 } else { 10 } + value) % 97)
    });
    (15..=34).contains(&plain.len()) && rest == Some(1)
}

#[derive(Debug)]
struct NoPersonal {
    kinds: Vec<Personal>,
    allowed: Vec<String>,
}

impl Rule for NoPersonal {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let text = subject.text;
        let is_allowed = |found: &str| {
            self.allowed
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(found))
        };
        let found = self.kinds.iter().find_map(|kind| {
            let mut found = kind.pattern().find_iter(text).map(|found| found.as_str());
            let first = found.find(|found| kind.is_real(found) && !is_allowed(found))?;
            Some((kind, first))
        });
        Ok(Reading::binary(found.is_none(), || {
            let Some((kind, found)) = found else {
                return String::new();
            };
            format!("{} that looks like {}", quoted(found, 40), kind.name())
        }))
    }
}

#[derive(Debug)]
struct Readability {
    grade: bool,
    min: f64,
    max: f64,
}

fn build_readability(entry: &Entry<'_>) -> Built {
    let (min, max) = (entry.number("min"), entry.number("max"));
    if min.is_none() && max.is_none() {
        let problem = entry.problem_of_all("`readability` does not say what is enough");
        return Err(problem.help("give `min` or `max`").into());
    }
    let (min, max) = (
        min.unwrap_or(f64::NEG_INFINITY),
        max.unwrap_or(f64::INFINITY),
    );
    if let (Some(node), true) = (entry.get("max"), min > max) {
        let message = format!("`readability.max` is {max} and below `readability.min`, {min}");
        return Err(entry.problem(node, message).into());
    }
    Ok(Box::new(Readability {
        grade: entry.text("formula") == Some("grade"),
        min,
        max,
    }))
}

impl Rule for Readability {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let (mut number, mut syllables) = (0, 0);
        for word in words(subject.text) {
            number += 1;
            syllables += syllables_of(word);
        }
        if number == 0 {
            return Err("the answer has no words".to_owned());
        }
        let sentences = subject.text.unicode_sentences().count().max(1);
        let (length, weight) = (ratio(number, sentences), ratio(syllables, number));
        let value = if self.grade {
            0.39 * length + 11.8 * weight - 15.59
        } else {
            206.835 - 1.015 * length - 84.6 * weight
        };
        let holds = (self.min..=self.max).contains(&value);
        Ok(Reading::binary(holds, || {
            if value < self.min {
                format!("readability {value:.1}, expected at least {}", self.min)
            } else {
                format!("readability {value:.1}, expected at most {}", self.max)
            }
        }))
    }
}

/// Groups of vowels, without a silent `e` at the end; at least one.
fn syllables_of(word: &str) -> usize {
    let word = word.to_lowercase();
    let is_vowel = |c: char| matches!(c, 'a' | 'e' | 'i' | 'o' | 'u' | 'y');
    let mut groups = 0;
    let mut last = false;
    for c in word.chars() {
        groups += usize::from(is_vowel(c) && !last);
        last = is_vowel(c);
    }
    let is_silent = word.ends_with('e') && !word.ends_with("le")
        || word.ends_with("es")
        || word.ends_with("ed");
    let is_said = [
        "ted", "ded", "ses", "ces", "xes", "zes", "ges", "shes", "ches", "ee", "ye",
    ]
    .iter()
    .any(|ending| word.ends_with(ending));
    let silent = usize::from(is_silent && !is_said && groups > 1);
    (groups - silent).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syllables_are_groups_of_vowels() {
        for (word, wanted) in [
            ("cat", 1),
            ("table", 2),
            ("make", 1),
            ("makes", 1),
            ("wanted", 2),
            ("jumped", 1),
            ("boxes", 2),
            ("readability", 5),
            ("the", 1),
            ("rhythm", 1),
            ("3", 1),
        ] {
            assert_eq!(syllables_of(word), wanted, "{word}");
        }
    }

    #[test]
    fn numbers_are_checked_by_their_digits() {
        assert!(is_iban("DE89 3704 0044 0532 0130 00"));
        assert!(!is_iban("DE88 3704 0044 0532 0130 00"));
        let digits = |text: &str| {
            text.chars()
                .filter_map(|c| c.to_digit(10))
                .collect::<Vec<_>>()
        };
        assert!(is_luhn(&digits("4111 1111 1111 1111")));
        assert!(!is_luhn(&digits("4111 1111 1111 1112")));
    }

    #[test]
    fn all_languages_have_a_short_code() {
        for known in Lang::all() {
            assert!(
                SHORT_CODES.iter().any(|(_, long)| *long == known.code()),
                "{known}"
            );
        }
        for (short, _) in SHORT_CODES {
            assert!(language(short).is_some(), "{short}");
        }
    }
}
