//! Texts made alike before they are compared: which differences do not count is said step by step.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

/// One kind of difference that shall not count.
///
/// The order of the variants is the order in which steps are applied, however they were written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Unicode form NFKC: compatibility forms become plain ones, `ﬁ` is `fi`, `①` is `1`, and then as NFC.
    Nfkc,
    /// Unicode form NFC: a letter with its marks is one character where Unicode has one.
    Nfc,
    /// Full case folding. The standard library has no folding table, so each character is lowered, raised and lowered
    /// again, which gives the folding of Unicode (`Straße` is `strasse`, `ΣΑΣ` is `σασ`) up to the choice of the
    /// representative: Cherokee is folded to its small letters. No rule hangs on a language: Turkish `ı` is not `i`.
    Casefold,
    /// Drops the characters of the Unicode category P. Signs of the category S, such as `$`, `+` and `=`, are none of
    /// them and stay; the minus that keyboards have is a hyphen and goes, so that `-5` becomes `5`.
    Punctuation,
    /// Each run of white space becomes one space.
    Whitespace,
    /// Drops white space at both ends.
    Trim,
}

impl Step {
    /// All of them, in the order in which they are applied.
    pub const ALL: &[Self] = &[
        Self::Nfkc,
        Self::Nfc,
        Self::Casefold,
        Self::Punctuation,
        Self::Whitespace,
        Self::Trim,
    ];

    /// Their names in files, in the same order.
    pub const NAMES: &[&str] = &[
        "nfkc",
        "nfc",
        "casefold",
        "punctuation",
        "whitespace",
        "trim",
    ];

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nfkc => "nfkc",
            Self::Nfc => "nfc",
            Self::Casefold => "casefold",
            Self::Punctuation => "punctuation",
            Self::Whitespace => "whitespace",
            Self::Trim => "trim",
        }
    }

    /// The step of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|step| step.name() == name)
    }

    fn apply(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Nfkc if is_nfkc_quick(text.chars()) == IsNormalized::Yes => text.into(),
            Self::Nfkc => Cow::Owned(text.nfkc().collect()),
            Self::Nfc if is_nfc_quick(text.chars()) == IsNormalized::Yes => text.into(),
            Self::Nfc => Cow::Owned(text.nfc().collect()),
            Self::Casefold => casefold(text),
            Self::Punctuation => drop_punctuation(text),
            Self::Whitespace => collapse_whitespace(text),
            Self::Trim => text.trim().into(),
        }
    }
}

/// The steps by which two texts are made alike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Normalize {
    steps: Vec<Step>,
}

impl Normalize {
    /// These steps, in any order, each as often as one likes.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let mut steps: Vec<Step> = steps.into_iter().collect();
        steps.sort_unstable();
        steps.dedup();
        Self { steps }
    }

    /// These steps and one more.
    #[must_use]
    pub fn and(self, step: Step) -> Self {
        Self::new(self.steps.into_iter().chain([step]))
    }

    /// The steps in the order in which they are applied.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The text after all steps; borrowed where they change nothing.
    ///
    /// Doing it twice is the same as doing it once: where folding or dropping took the text out of its Unicode form,
    /// the form is made again.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let form = self
            .steps
            .iter()
            .copied()
            .find(|step| matches!(step, Step::Nfkc | Step::Nfc));
        let mut text = Cow::Borrowed(text);
        for step in self.steps.iter().copied() {
            text = then(text, step);
            if let (Some(form), Step::Casefold | Step::Punctuation) = (form, step) {
                text = then(text, form);
            }
        }
        text
    }
}

fn then(text: Cow<'_, str>, step: Step) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => step.apply(text),
        Cow::Owned(text) => {
            let changed = match step.apply(&text) {
                Cow::Borrowed(same) if same.len() == text.len() => None,
                changed => Some(changed.into_owned()),
            };
            Cow::Owned(changed.unwrap_or(text))
        }
    }
}

fn casefold(text: &str) -> Cow<'_, str> {
    if !text.is_ascii() {
        return Cow::Owned(text.chars().flat_map(fold).collect());
    }
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        text.into()
    }
}

fn fold(c: char) -> impl Iterator<Item = char> {
    // Raising `ı` would make it `I`, and that is another letter.
    let raised = (c != 'ı').then(|| c.to_lowercase().flat_map(char::to_uppercase));
    let kept = raised.is_none().then_some(c);
    raised
        .into_iter()
        .flatten()
        .flat_map(char::to_lowercase)
        .chain(kept)
}

fn drop_punctuation(text: &str) -> Cow<'_, str> {
    static PUNCTUATION: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\p{P}+").expect("the pattern is valid"));
    PUNCTUATION.replace_all(text, "")
}

fn collapse_whitespace(text: &str) -> Cow<'_, str> {
    let mut last_was_space = false;
    let is_plain = text.chars().all(|c| {
        let repeats = c.is_whitespace() && (last_was_space || c != ' ');
        last_was_space = c.is_whitespace();
        !repeats
    });
    if is_plain {
        return text.into();
    }
    let mut collapsed = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_whitespace() {
            collapsed.push(c);
        } else if !collapsed.ends_with(' ') {
            collapsed.push(' ');
        }
    }
    Cow::Owned(collapsed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalized(steps: &str, text: &str) -> String {
        let steps = steps
            .split_whitespace()
            .map(|name| Step::named(name).unwrap());
        Normalize::new(steps).apply(text).into_owned()
    }

    #[test]
    fn each_step_removes_one_kind_of_difference() {
        for (steps, text, wanted) in [
            ("", " A\u{a0}b. ", " A\u{a0}b. "),
            ("trim", "\u{2003}a b\r\n", "a b"),
            ("casefold", "Straße ΣΑΣ İ ı ﬃ", "strasse σασ i\u{307} ı ffi"),
            ("casefold", "already lower", "already lower"),
            ("whitespace", " a \t\n b\u{3000}c ", " a b c "),
            (
                "punctuation",
                "“Don't” — stop! (3,000) $5",
                "Dont  stop 3000 $5",
            ),
            ("punctuation", "¿Qué?。！", "Qué"),
            ("nfc", "e\u{301}", "é"),
            ("nfc", "ﬁ①", "ﬁ①"),
            ("nfkc", "ﬁ①\u{ff21}", "fi1A"),
            (
                "trim whitespace casefold",
                "  Hello \n WORLD ",
                "hello world",
            ),
            ("trim punctuation", "…", ""),
        ] {
            assert_eq!(normalized(steps, text), wanted, "{steps:?} of {text:?}");
        }
    }

    #[test]
    fn the_order_in_which_steps_are_written_does_not_matter() {
        let text = " (Ａ)  b ";
        assert_eq!(normalized("trim nfkc punctuation casefold", text), "a  b");
        assert_eq!(
            normalized("casefold punctuation nfkc trim trim", text),
            "a  b"
        );
    }

    #[test]
    fn names_and_steps_agree() {
        let names: Vec<&str> = Step::ALL.iter().map(|step| step.name()).collect();
        assert_eq!(names, Step::NAMES);
        assert_eq!(Step::named("lowercase"), None);
    }

    #[test]
    fn a_text_that_is_alike_already_is_not_copied() {
        let all = Normalize::new(Step::ALL.iter().copied());
        assert!(matches!(all.apply("shipping"), Cow::Borrowed("shipping")));
        assert!(matches!(all.apply(" shipping\n"), Cow::Owned(_)));
        let trim = Normalize::new([Step::Trim]);
        assert!(matches!(
            trim.apply(" shipping\n"),
            Cow::Borrowed("shipping")
        ));
    }

    proptest! {
        #[test]
        fn doing_it_twice_is_the_same_as_once(
            text in any::<String>(),
            steps in proptest::sample::subsequence(Step::ALL.to_vec(), 0..=6),
        ) {
            let normalize = Normalize::new(steps);
            let once = normalize.apply(&text).into_owned();
            prop_assert_eq!(normalize.apply(&once), once.as_str());
        }

        #[test]
        fn case_never_counts_after_folding(text in "[a-zßäöüéçñα-ωА-я ]{0,20}") {
            let raised = text.to_uppercase();
            prop_assert_eq!(casefold(&raised), casefold(&text));
        }
    }
}
