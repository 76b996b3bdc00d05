//! Texts that no report may show: each gives way to its number of characters and a keyed hash, and each difference to
//! the share of it, before any report sees the summary.
//!
//! Names stay: ids, groups, checks and tags come from the suite. Reasons and notes go, since they quote.

use serde_json::{Map, Value};

use super::summary::SuiteSummary;
use super::trials::Against;
use crate::digest::Digest;
use crate::text::diff::Diff;

/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// The key of the hashes. Without it nobody can find a text by hashing guesses of it.
#[derive(Clone)]
pub struct Key([u8; BLOCK]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

impl Key {
    /// A key from any bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut block = [0; BLOCK];
        let digest = Digest::of_bytes(bytes);
        let start = digest.as_bytes();
        block[..start.len()].copy_from_slice(start);
        Self(block)
    }

    /// HMAC-SHA256 (RFC 2104) of a text, its first 12 characters in hex.
    fn hash(&self, text: &str) -> String {
        let pad = |with: u8| self.0.map(|byte| byte ^ with);
        let inner = Digest::of_bytes(&[pad(0x36).as_slice(), text.as_bytes()].concat());
        let outer = Digest::of_bytes(&[pad(0x5c).as_slice(), inner.as_bytes()].concat());
        outer.short()
    }
}

/// What stands in the place of withheld texts, as long as the summary is read.
#[derive(Debug, Default)]
pub struct Stand {
    texts: Vec<String>,
    inputs: Vec<Map<String, Value>>,
    goldens: Vec<Value>,
}

/// A place of a summary that holds a text from outside.
enum Place<'s, 'a> {
    Text(&'s mut &'a str),
    Input(&'s mut &'a Map<String, Value>),
    Golden(&'s mut &'a Value),
}

impl Stand {
    /// What is to stand in a summary.
    pub(super) fn of(suite: &mut SuiteSummary<'_>, key: Option<&Key>) -> Self {
        note_changes(suite);
        let mut stand = Self::default();
        visit(suite, &mut |place| match place {
            Place::Text(text) => stand.texts.push(withheld(text, key)),
            Place::Input(input) => stand.inputs.push(
                input
                    .iter()
                    .map(|(name, value)| (name.clone(), withheld_value(value, key)))
                    .collect(),
            ),
            Place::Golden(golden) => stand.goldens.push(withheld_value(golden, key)),
        });
        stand
    }

    /// Puts it there. The places are those that [`Stand::of`] has seen, in the same order.
    pub(super) fn put<'a>(&'a self, suite: &mut SuiteSummary<'a>, key: Option<&'a Key>) {
        withhold_trials(suite, key);
        let mut texts = self.texts.iter();
        let (mut inputs, mut goldens) = (self.inputs.iter(), self.goldens.iter());
        let seen = "the same places were visited before";
        visit(suite, &mut |place| match place {
            Place::Text(text) => *text = texts.next().expect(seen),
            Place::Input(input) => *input = inputs.next().expect(seen),
            Place::Golden(golden) => *golden = goldens.next().expect(seen),
        });
        suite.eyes_off = true;
    }
}

/// `[withheld: 412 characters, 9c41be0f77d2]`; nothing for an empty text.
pub(super) fn withheld(text: &str, key: Option<&Key>) -> String {
    let size = text.chars().count();
    match key {
        _ if size == 0 => String::new(),
        Some(key) => format!("[withheld: {size} characters, {}]", key.hash(text)),
        None => format!("[withheld: {size} characters]"),
    }
}

fn withheld_value(value: &Value, key: Option<&Key>) -> Value {
    let text = match value {
        Value::String(text) => withheld(text, key),
        other => withheld(&other.to_string(), key),
    };
    Value::String(text)
}

fn visit<'a>(suite: &mut SuiteSummary<'a>, see: &mut dyn FnMut(Place<'_, 'a>)) {
    for subject in &mut suite.subjects {
        see(Place::Text(&mut subject.template));
        if let Some(template) = &mut subject.template_before {
            see(Place::Text(template));
        }
        for case in &mut subject.cases {
            see(Place::Input(&mut case.input));
            if let Some(golden) = &mut case.expected {
                see(Place::Golden(golden));
            }
        }
    }
}

/// Trials are read later, and then without their texts. Why a case is what it is may quote them.
fn withhold_trials<'a>(suite: &mut SuiteSummary<'a>, key: Option<&'a Key>) {
    let cases = suite
        .subjects
        .iter_mut()
        .flat_map(|subject| &mut subject.cases);
    for case in cases {
        case.why.clear();
        let (golden, before) = (case.expected, case.trials_before.clone());
        case.trials.withhold(key, Some(Against { golden, before }));
        case.trials_before.withhold(key, None);
    }
}

/// The shares that differences come down to, while the texts are still there.
fn note_changes(suite: &mut SuiteSummary<'_>) {
    for subject in &mut suite.subjects {
        subject.template_changed = subject
            .template_before
            .map(|before| Diff::of(before, subject.template).share());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_rfc_4231() {
        // Test case 2 of RFC 4231; its key is shorter than a block.
        let mut block = [0; BLOCK];
        block[..4].copy_from_slice(b"Jefe");
        assert_eq!(
            Key(block).hash("what do ya want for nothing?"),
            "5bdcc146bf60"
        );
    }

    #[test]
    fn texts_are_told_apart_and_not_told() {
        let key = Key::of(b"a key");
        let shown = withheld("größer", Some(&key));
        assert!(shown.starts_with("[withheld: 6 characters, "), "{shown}");
        assert_ne!(shown, withheld("kleine", Some(&key)));
        assert_ne!(shown, withheld("größer", Some(&Key::of(b"another"))));
        assert_eq!(withheld("größer", None), "[withheld: 6 characters]");
        assert_eq!(withheld("", Some(&key)), "");
    }
}
