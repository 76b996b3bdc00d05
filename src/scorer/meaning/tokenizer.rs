//! Texts as numbers of pieces of words, by the file `tokenizer.json` of a model: byte-pair encoding over whole texts, as
//! Llama's tokenizer has it (Sennrich et al. 2016, with a fallback to bytes).

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use serde::Deserialize;
use serde_json::Value;

/// What stands for the end of a list.
const NONE: usize = usize::MAX;

/// Pieces of words, and which of them are joined.
#[derive(Debug)]
pub(super) struct Tokenizer {
    normalizers: Vec<Normalizer>,
    pieces: HashMap<String, u32>,
    /// By two pieces that follow each other: how early they are joined, and to what.
    merges: HashMap<(u32, u32), (usize, u32)>,
    /// The pieces of the bytes that no piece holds.
    bytes: Vec<Option<u32>>,
}

#[derive(Debug, Deserialize)]
struct File {
    normalizer: Option<Normalizer>,
    pre_tokenizer: Option<Value>,
    model: Model,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
enum Normalizer {
    Sequence { normalizers: Vec<Normalizer> },
    Prepend { prepend: String },
    Replace { pattern: Pattern, content: String },
}

#[derive(Debug, Deserialize)]
enum Pattern {
    String(String),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "type")]
enum Model {
    #[serde(rename = "BPE")]
    Pairs {
        vocab: HashMap<String, u32>,
        merges: Vec<Merge>,
        continuing_subword_prefix: Option<String>,
        end_of_word_suffix: Option<String>,
        #[serde(default)]
        ignore_merges: bool,
    },
}

/// Two pieces that are joined: as one text with a space between them, or as a pair.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Value")]
struct Merge(String, String);

impl TryFrom<Value> for Merge {
    type Error = &'static str;

    fn try_from(value: Value) -> Result<Self, Self::Error> {
        let pair = match &value {
            Value::String(text) => text.split_once(' '),
            Value::Array(two) => match two.as_slice() {
                [Value::String(left), Value::String(right)] => {
                    Some((left.as_str(), right.as_str()))
                }
                _ => None,
            },
            _ => None,
        };
        let (left, right) = pair.ok_or("a merge that is no pair")?;
        Ok(Self(left.to_owned(), right.to_owned()))
    }
}

/// A piece in a text, with its neighbours.
#[derive(Debug, Clone, Copy)]
struct Node {
    piece: u32,
    before: usize,
    after: usize,
}

impl Tokenizer {
    /// Reads the text of a `tokenizer.json`.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let file: File = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Model::Pairs {
            vocab,
            merges,
            continuing_subword_prefix,
            end_of_word_suffix,
            ignore_merges,
        } = file.model;
        let has_affix = continuing_subword_prefix.is_some() || end_of_word_suffix.is_some();
        if has_affix || ignore_merges || file.pre_tokenizer.is_some() {
            return Err("it parts texts into words first, which is not done here".to_owned());
        }
        let piece = |text: &str| vocab.get(text).copied();
        let merges = merges.iter().enumerate().map(|(rank, Merge(left, right))| {
            let joined = piece(&format!("{left}{right}"))?;
            Some(((piece(left)?, piece(right)?), (rank, joined)))
        });
        let merges: Option<HashMap<_, _>> = merges.collect();
        let bytes = (0..=u8::MAX).map(|byte| piece(&format!("<0x{byte:02X}>")));
        Ok(Self {
            merges: merges.ok_or("it joins pieces that it does not have")?,
            bytes: bytes.collect(),
            normalizers: file.normalizer.into_iter().collect(),
            pieces: vocab,
        })
    }

    /// The largest number that a piece has.
    pub(super) fn largest(&self) -> u32 {
        self.pieces.values().copied().max().unwrap_or_default()
    }

    /// The pieces of a text. What no piece holds is left out.
    pub(super) fn pieces(&self, text: &str) -> Vec<u32> {
        let text = normalized(text.to_owned(), &self.normalizers);
        let mut letter = [0; 4];
        let single = text.chars().flat_map(|c| {
            let letter: &str = c.encode_utf8(&mut letter);
            match self.pieces.get(letter) {
                Some(piece) => vec![*piece],
                None => letter
                    .bytes()
                    .filter_map(|byte| self.bytes[usize::from(byte)])
                    .collect(),
            }
        });
        self.joined(single.collect())
    }

    /// Joins neighbours, those that are joined earliest first, and of equal ones the first in the text.
    fn joined(&self, single: Vec<u32>) -> Vec<u32> {
        let count = single.len();
        let mut nodes: Vec<Node> = single
            .into_iter()
            .enumerate()
            .map(|(at, piece)| Node {
                piece,
                before: at.checked_sub(1).unwrap_or(NONE),
                after: if at + 1 < count { at + 1 } else { NONE },
            })
            .collect();
        let mut waiting = BinaryHeap::new();
        let joins = |nodes: &[Node], at: usize| {
            let node = nodes.get(at)?;
            let next = nodes.get(node.after)?;
            let (rank, joined) = self.merges.get(&(node.piece, next.piece))?;
            Some(Reverse((*rank, at, *joined)))
        };
        waiting.extend((0..count).filter_map(|at| joins(&nodes, at)));
        let mut is_gone = vec![false; count];
        while let Some(join) = waiting.pop() {
            let Reverse((_, at, joined)) = join;
            // It may be that one of both was joined with another one meanwhile.
            if is_gone[at] || joins(&nodes, at) != Some(join) {
                continue;
            }
            let next = nodes[at].after;
            is_gone[next] = true;
            nodes[at].piece = joined;
            nodes[at].after = nodes[next].after;
            let after = nodes[at].after;
            if let Some(after) = nodes.get_mut(after) {
                after.before = at;
            }
            waiting.extend(joins(&nodes, at));
            waiting.extend(joins(&nodes, nodes[at].before));
        }
        let left = nodes.iter().zip(is_gone).filter(|(_, is_gone)| !is_gone);
        left.map(|(node, _)| node.piece).collect()
    }
}

fn normalized(text: String, normalizers: &[Normalizer]) -> String {
    normalizers
        .iter()
        .fold(text, |text, normalizer| match normalizer {
            Normalizer::Sequence { normalizers } => normalized(text, normalizers),
            Normalizer::Prepend { prepend } if !text.is_empty() => format!("{prepend}{text}"),
            Normalizer::Prepend { .. } => text,
            Normalizer::Replace {
                pattern: Pattern::String(pattern),
                content,
            } => text.replace(pattern, content),
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A tokenizer that has `a`, `b`, `ab`, `abab`, the sign of a space, and the bytes of `é`.
    fn file() -> Value {
        json!({
            "normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "_"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "_"},
            ]},
            "pre_tokenizer": null,
            "model": {
                "type": "BPE",
                "vocab": {"_": 0, "a": 1, "b": 2, "ab": 3, "abab": 4, "ba": 5, "<0xC3>": 6, "<0xA9>": 7},
                "merges": ["a b", ["ab", "ab"], "b a"],
            },
        })
    }

    fn pieces(text: &str) -> Vec<u32> {
        Tokenizer::read(&file().to_string()).unwrap().pieces(text)
    }

    #[test]
    fn neighbours_are_joined_in_the_order_of_the_merges() {
        assert_eq!(pieces("ab"), [0, 3]);
        assert_eq!(pieces("ababab"), [0, 4, 3]);
        assert_eq!(pieces("bab ba"), [0, 2, 3, 0, 5]);
        assert_eq!(pieces("aé"), [0, 1, 6, 7]);
        assert_eq!(pieces("x"), [0], "a letter without any piece is left out");
        assert_eq!(pieces(""), [0; 0]);
    }

    #[test]
    fn a_tokenizer_of_another_kind_is_refused() {
        let mut words = file();
        words["pre_tokenizer"] = json!({"type": "Whitespace"});
        let mut pieces = file();
        pieces["model"]["type"] = json!("WordPiece");
        let mut broken = file();
        broken["model"]["merges"] = json!(["a c"]);
        for file in [words, pieces, broken, json!([])] {
            assert!(Tokenizer::read(&file.to_string()).is_err(), "{file}");
        }
    }
}
