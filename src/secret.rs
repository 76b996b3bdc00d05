//! Keys: a type that never shows its text, and a filter that takes keys out of foreign text.

use std::borrow::Cow;
use std::fmt;

use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
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
    needles: Vec<String>,
}

impl Redactor {
    /// A filter for these secrets in their plain, URL-encoded, JSON-escaped and base64 forms.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut needles: Vec<String> = secrets
            .into_iter()
            .map(Secret::expose)
            .filter(|text| text.len() >= SHORTEST_SEARCHED)
            .flat_map(forms_of)
            .collect();
        // The longest first, so that no part of a longer form is left standing.
        needles.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        needles.dedup();
        Self { needles }
    }

    /// The text with every form of every secret replaced by `***`.
    pub fn scrub<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut shown = Cow::Borrowed(text);
        for needle in &self.needles {
            if shown.contains(needle.as_str()) {
                shown = Cow::Owned(shown.replace(needle.as_str(), MASK));
            }
        }
        shown
    }

    /// Whether there is nothing to search for.
    pub fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} forms)", self.needles.len())
    }
}

fn forms_of(secret: &str) -> Vec<String> {
    let escaped = serde_json::Value::from(secret).to_string();
    let mut forms = vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        escaped[1..escaped.len() - 1].to_owned(),
    ];
    for before in 0..3 {
        forms.push(base64_core(&STANDARD_NO_PAD, secret, before));
        forms.push(base64_core(&URL_SAFE_NO_PAD, secret, before));
    }
    forms
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
