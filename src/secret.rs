//! Keys: a type that never shows its text, and a filter that takes keys out of foreign text.

use std::borrow::Cow;
use std::fmt;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use regex::{Regex, RegexBuilder};
use secrecy::{ExposeSecret as _, SecretString};

/// What stands in the place of a secret.
pub const MASK: &str = "***";

/// Shorter texts are not searched for: they would turn up inside ordinary words.
const SHORTEST_SEARCHED: usize = 6;

/// A text that prints as `***`, is wiped when dropped, and has no serialised form.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a text as secret.
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Takes secrets out of text that came from outside: an endpoint may repeat our key in an error or in an answer.
#[derive(Clone, Default)]
pub struct Redactor {
    pattern: Option<Regex>,
}

impl Redactor {
    /// A filter for these secrets as they are and in base64, each with any of its signs escaped as in URLs, in JSON
    /// or in HTML.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut forms: Vec<String> = secrets
            .into_iter()
            .map(Secret::expose)
            .filter(|text| text.len() >= SHORTEST_SEARCHED)
            .flat_map(forms_of)
            .collect();
        // The longest first, so that no part of a longer form is left standing.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        let pattern = (!forms.is_empty()).then(|| any_of(&forms));
        Self { pattern }
    }

    /// The text with every form of every secret replaced by `***`.
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.pattern {
            Some(pattern) => pattern.replace_all(text, MASK),
            None => Cow::Borrowed(text),
        }
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.pattern.is_none()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

fn forms_of(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    for before in 0..3 {
        forms.push(base64_core(&STANDARD_NO_PAD, secret, before));
        forms.push(base64_core(&URL_SAFE_NO_PAD, secret, before));
    }
    forms
}

/// Finds each of these forms.
fn any_of(forms: &[String]) -> Regex {
    let patterns: Vec<String> = forms.iter().map(|form| pattern_of(form)).collect();
    RegexBuilder::new(&patterns.join("|"))
        .size_limit(usize::MAX)
        .build()
        .expect("escaped characters and their alternatives are a sound pattern")
}

/// A pattern for a text in which any sign may stand escaped. Nobody escapes letters and digits of ASCII.
fn pattern_of(text: &str) -> String {
    let mut pattern = String::new();
    for c in text.chars() {
        let plain = regex::escape(c.encode_utf8(&mut [0; 4]));
        if c.is_ascii_alphanumeric() {
            pattern.push_str(&plain);
        } else {
            pattern.push_str(&escaped_forms(c, &plain));
        }
    }
    pattern
}

/// A sign as it is or after backslashes (`\"`, twice escaped `\\\"`), or as `%2F`, `\u002f`, `&#x2f;`, `&quot;`.
fn escaped_forms(c: char, plain: &str) -> String {
    let each = |prefix: &str, code: &str| format!("{prefix}(?i:{code})");
    let mut bytes = [0; 4];
    let bytes = c.encode_utf8(&mut bytes).bytes();
    let percent: Vec<String> = bytes
        .map(|byte| each("%", &format!("{byte:02x}")))
        .collect();
    let mut units = [0; 2];
    let units = c.encode_utf16(&mut units).iter();
    let unicode: Vec<String> = units
        .map(|unit| each(r"\\+u", &format!("{unit:04x}")))
        .collect();
    let (percent, unicode) = (percent.concat(), unicode.concat());
    let code = u32::from(c);
    let named = match c {
        '&' => "|&amp;",
        '<' => "|&lt;",
        '>' => "|&gt;",
        '"' => "|&quot;",
        '\'' => "|&apos;",
        ' ' => r"|\+",
        _ => "",
    };
    format!(r"(?:{percent}|{unicode}|&#(?:0*{code}|(?i:x0*{code:x}));{named}|\\*{plain})")
}

/// The base64 digits that depend on the secret alone when `before` bytes stand before it in the encoded text.
fn base64_core(engine: &impl base64::Engine, secret: &str, before: usize) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(secret.as_bytes());
    let digits = engine.encode(&bytes);
    let first = (before * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    digits[first..last].to_owned()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

    use super::*;

    #[test]
    fn a_secret_prints_as_stars() {
        assert_eq!(format!("{:?}", Secret::new("sk-12345678".into())), "***");
    }

    #[test]
    fn every_form_of_a_key_is_taken_out_of_a_text() {
        let key = "sk-/a+b=\"c\"é-0123456789";
        let redactor = Redactor::new([&Secret::new(key.into())]);
        for prefix in ["", "k", "ke", "Bearer "] {
            let encoded =
                base64::engine::general_purpose::STANDARD.encode(format!("{prefix}{key}"));
            let shown = redactor.scrub(&encoded).into_owned();
            assert!(shown.contains(MASK), "{prefix}: {shown}");
        }
        let url: String = url_form(key);
        assert_eq!(
            redactor.scrub(&format!("bad key {key}, {url}")),
            "bad key ***, ***"
        );
        assert_eq!(redactor.scrub("nothing here"), "nothing here");
    }

    #[test]
    fn signs_of_a_key_may_be_escaped_in_any_way() {
        let redactor = Redactor::new([&Secret::new("sk-/a+b \"c\\é😀1234".into())]);
        for form in [
            r#"sk-/a+b "c\é😀1234"#,
            r#"sk-\/a+b \"c\\é😀1234"#,
            r#"sk-\\/a+b \\\"c\\\\é😀1234"#,
            r"sk-\u002fa\u002Bb \u0022c\u005c\u00e9\ud83d\ude001234",
            "sk-%2fa%2bb+%22c%5c%c3%a9%f0%9f%98%801234",
            "sk%2D%2Fa%2Bb%20%22c%5C%C3%A9%F0%9F%98%801234",
            r"sk-/a+b &quot;c\&#233;&#x1F600;1234",
        ] {
            assert_eq!(redactor.scrub(&format!("<{form}>")), "<***>", "{form}");
        }
        assert_eq!(redactor.scrub("sk-/a+b c"), "sk-/a+b c");
    }

    fn url_form(key: &str) -> String {
        utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
    }

    #[test]
    fn a_very_short_secret_does_not_eat_ordinary_words() {
        assert_eq!(
            Redactor::new([&Secret::new("a".into())]).scrub("a cat"),
            "a cat"
        );
    }
}
