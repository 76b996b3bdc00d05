//! The answers of trials in a scratch file: however many trials a run has, their texts do not fill the memory.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::digest::Digest;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Finish, Response};

/// Bytes that wait in memory until they are written together. A small run never touches the disk.
const TOGETHER: usize = 1 << 20;

/// Where the answers of runs are while a process works on them.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<Scratch>>);

#[derive(Debug, Default)]
struct Scratch {
    /// Has no name, and is gone with the process.
    file: Option<File>,
    /// Bytes in the file.
    written: u64,
    /// What comes behind them.
    tail: Vec<u8>,
    versions: BTreeSet<Arc<Version>>,
}

/// An answer in the scratch file, with what is asked of every answer at hand.
#[derive(Clone)]
pub struct Kept {
    answers: Answers,
    at: u64,
    length: u32,
    batch: bool,
    features: Option<Features>,
}

/// What is asked of every response.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Equal for equal texts, whatever ends their lines.
    pub text: TextDigest,
    /// Characters of the text.
    pub characters: u32,
    /// Milliseconds from the sending of the last attempt to the end of its reply, where it was sent by itself.
    pub latency_ms: Option<f64>,
    /// Whether the text is JSON.
    pub is_json: bool,
    /// Whether the endpoint marked it as a refusal.
    pub is_refusal: bool,
    /// Whether it calls a tool.
    pub calls_tool: bool,
    /// What served it, as far as the endpoint said so.
    pub version: Arc<Version>,
}

/// The first half of the SHA-256 of a text: no two texts of the same are to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextDigest([u8; 16]);

/// What an endpoint says of what served a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The model as the endpoint named it.
    pub model: Option<String>,
    /// The endpoint's fingerprint.
    pub fingerprint: Option<String>,
}

impl Answers {
    /// Puts an answer there. A disk that is full is an error.
    pub fn keep(&self, answered: &Answered) -> Result<Kept> {
        let bytes = written(answered);
        let mut scratch = self.lock();
        let at = scratch
            .append(&bytes)
            .map_err(|error| cannot_write(&error))?;
        let response = answered.reply.response();
        Ok(Kept {
            answers: self.clone(),
            at,
            length: u32::try_from(bytes.len()).map_err(|_| Error::new("an answer of 4 GB"))?,
            batch: answered.batch,
            features: response.map(|response| scratch.features_of(response, answered.latency_ms)),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Scratch> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scratch {
    /// Where the bytes begin.
    fn append(&mut self, bytes: &[u8]) -> io::Result<u64> {
        let at = self.written + self.tail.len() as u64;
        self.tail.extend_from_slice(bytes);
        if self.tail.len() >= TOGETHER {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => tempfile::tempfile()?,
            };
            file.seek(SeekFrom::Start(self.written))?;
            file.write_all(&self.tail)?;
            self.written += self.tail.len() as u64;
            self.tail.clear();
            self.file = Some(file);
        }
        Ok(at)
    }

    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Vec<u8>> {
        if let Some(start) = at.checked_sub(self.written) {
            let start = usize::try_from(start).map_err(io::Error::other)?;
            return Ok(self.tail[start..start + length].to_vec());
        }
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn features_of(&mut self, response: &Response, latency_ms: Option<f64>) -> Features {
        let text = &response.text;
        Features {
            text: TextDigest::of(text),
            characters: u32::try_from(text.chars().count()).unwrap_or(u32::MAX),
            latency_ms,
            is_json: serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok(),
            is_refusal: response.refusal.is_some() || response.finish == Finish::Refusal,
            calls_tool: !response.tool_calls.is_empty(),
            version: self.version(Version {
                model: response.model.clone(),
                fingerprint: response.fingerprint.clone(),
            }),
        }
    }

    /// Most answers are served by the same.
    fn version(&mut self, version: Version) -> Arc<Version> {
        if let Some(known) = self.versions.get(&version) {
            return known.clone();
        }
        let version = Arc::new(version);
        self.versions.insert(version.clone());
        version
    }
}

impl Kept {
    /// All of the answer.
    pub fn read(&self) -> Answered {
        read(&self.bytes())
    }

    /// Whether it came in a batch.
    pub fn came_in_batch(&self) -> bool {
        self.batch
    }

    /// What is asked of every response; `None` where the call failed.
    pub fn features(&self) -> Option<&Features> {
        self.features.as_ref()
    }

    fn bytes(&self) -> Vec<u8> {
        let read = self.answers.lock().bytes(self.at, self.length as usize);
        read.expect("a process can read what it wrote to its own scratch file")
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read().fmt(f)
    }
}

impl PartialEq for Kept {
    fn eq(&self, other: &Self) -> bool {
        self.features == other.features && self.bytes() == other.bytes()
    }
}

impl TextDigest {
    /// Of this text.
    pub fn of(text: &str) -> Self {
        let digest = if text.contains("\r\n") {
            Digest::of_bytes(text.replace("\r\n", "\n").as_bytes())
        } else {
            Digest::of_bytes(text.as_bytes())
        };
        let mut half = [0; 16];
        half.copy_from_slice(&digest.as_bytes()[..16]);
        Self(half)
    }
}

fn written(answered: &Answered) -> Vec<u8> {
    serde_json::to_vec(answered).expect("an answer serialises to JSON")
}

fn read(bytes: &[u8]) -> Answered {
    serde_json::from_slice(bytes).expect("an answer that was kept is one")
}

fn cannot_write(error: &io::Error) -> Error {
    Diagnostic::new("cannot keep answers in a temporary file")
        .because(error)
        .help("make room where temporary files are, or name another folder with TMPDIR")
        .into()
}
