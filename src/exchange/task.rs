//! What a request is for: a conversation as a rule, or texts that are turned into vectors, judged or scored.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a request is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// The next turn of a conversation.
    #[default]
    Chat,
    /// A vector for the text of each message.
    Embed,
    /// A judgement of the text of each message by the endpoint's filter.
    Moderate,
    /// A score of an answer, by a scorer of one's own; the message holds all that it is given, as JSON.
    Score,
}

impl Task {
    /// Whether it is the one that goes without saying.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde asks for a reference"
    )]
    pub(super) fn is_chat(&self) -> bool {
        *self == Self::Chat
    }
}

/// A vector of a text, kept as base64 of its numbers (32-bit floats, little-endian): exact, and short in a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Vector(String);

impl Vector {
    /// A vector of these numbers.
    pub fn new(numbers: &[f32]) -> Self {
        let bytes: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        Self(STANDARD.encode(bytes))
    }

    /// A vector in the form in which it is kept; `None` where the text is none, or a number is not finite.
    pub fn from_base64(text: &str) -> Option<Self> {
        let numbers = numbers(text)?;
        let sound = !numbers.is_empty() && numbers.iter().all(|number| number.is_finite());
        sound.then(|| Self::new(&numbers))
    }

    /// Its numbers; none where a file that holds it was damaged.
    pub fn numbers(&self) -> Vec<f32> {
        numbers(&self.0).unwrap_or_default()
    }
}

fn numbers(text: &str) -> Option<Vec<f32>> {
    let bytes = STANDARD.decode(text).ok()?;
    let numbers = bytes.chunks_exact(4);
    let whole = numbers.remainder().is_empty();
    let numbers = numbers.map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
    whole.then(|| numbers.collect())
}

/// What a filter said of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judgement {
    /// Whether it found anything.
    pub flagged: bool,
    /// Its categories in its own words, each with its score from 0 to 1.
    pub scores: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_keeps_its_numbers_exactly() {
        let numbers = [0.5, -0.5, 0.1, f32::MIN_POSITIVE];
        let vector = Vector::new(&numbers);
        assert_eq!(vector.numbers(), numbers);
        assert_eq!(
            Vector::from_base64("AAAAPwAAAL8AAAA/AAAAvw==").map(|vector| vector.numbers()),
            Some(vec![0.5, -0.5, 0.5, -0.5])
        );
    }

    #[test]
    fn what_is_no_vector_is_none() {
        for text in ["", "AAAA", "!", "AADAfw=="] {
            assert_eq!(Vector::from_base64(text), None, "{text}");
        }
    }
}
