//! What reports may show.

use std::fs;

use uuid::Uuid;

use super::Workspace;
use crate::document::Node;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::files::replace_file;
use crate::shape::{Field, Shape};

/// The file of the key of the hashes that stand for withheld texts. It is made when it is first needed, and belongs
/// into no repository: with it texts can be found by guessing.
const KEY_FILE: &str = ".regauge/privacy.key";
/// Random ids that make a key; each has 74 random bits.
const KEY_PARTS: usize = 4;

/// What may be said of privacy, in `regauge.yaml` and in a suite.
pub const PRIVACY: Shape = Shape::Record(&[Field::optional(
    "eyes_off",
    Shape::Bool,
    "whether reports show no text of prompts, inputs, goldens, answers and reasons, only their length, a keyed hash \
     and how much of them changed (default false)",
)]);

/// Whether the `privacy` of a file says that reports show no text.
pub fn reads_eyes_off(root: &Node) -> bool {
    let eyes_off = root.get("privacy").and_then(|node| node.get("eyes_off"));
    eyes_off.and_then(Node::bool).unwrap_or(false)
}

impl Workspace {
    /// The key of the hashes that stand for withheld texts.
    pub fn privacy_key(&self) -> Result<Vec<u8>> {
        let path = self.path(KEY_FILE);
        match fs::read(&path) {
            Ok(key) if !key.is_empty() => return Ok(key),
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::from(
                    Diagnostic::new("cannot read the key of withheld texts")
                        .at(Place::file(KEY_FILE))
                        .because(&error),
                ));
            }
            _ => {}
        }
        let parts: Vec<String> = (0..KEY_PARTS).map(|_| Uuid::now_v7().to_string()).collect();
        let key = parts.join("\n").into_bytes();
        replace_file(&path, &key)?;
        Ok(key)
    }
}
