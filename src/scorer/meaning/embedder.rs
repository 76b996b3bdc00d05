//! What makes vectors of texts: a model that is asked for them, or the files of a small one that is read here.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::super::asking::{Asks, Hearing, Judged, Question, Told};
use super::super::entry::Entry;
use super::super::service::Service;
use super::super::{OrMissing, Turn};
use super::matrix::Matrix;
use super::tokenizer::Tokenizer;
use crate::digest::Digest;
use crate::document::Node;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::Request;
use crate::exchange::task::Task;

/// Texts that are asked for in one call, at most: what the strictest endpoints take.
const TOGETHER: usize = 64;

/// What makes vectors.
#[derive(Debug)]
pub(super) enum Embedder {
    /// A model that is asked for them.
    Asked(Box<Service>),
    /// The files of a model that has a vector for each piece of a word.
    Files(Box<Files>),
}

/// A model that has a vector for each piece of a word: that of a text is their mean.
#[derive(Debug)]
pub(super) struct Files {
    tokenizer: Tokenizer,
    matrix: Matrix,
    /// Of both files.
    digest: Digest,
}

/// Texts that an answer is compared with.
#[derive(Debug)]
pub(super) enum Prepared {
    /// Their vectors have to be asked for.
    Asked(Vec<Question>),
    /// Their vectors.
    Made(OrMissing<Vec<Vec<f32>>>),
}

/// A vector of one's own or of a reply.
pub(super) type Vector<'h> = Cow<'h, [f32]>;

/// The vectors that were wanted.
#[derive(Debug)]
pub(super) struct Vectors<'h> {
    /// That of the answer.
    pub(super) own: Vector<'h>,
    /// Those that it is compared with, in the order of their texts.
    pub(super) others: Vec<Vector<'h>>,
    /// What was asked for them.
    pub(super) judged: Option<Judged>,
}

impl Embedder {
    /// As the options of an entry say.
    pub(super) fn read(entry: &Entry<'_>) -> Result<Self> {
        if let (Some(node), Some(_)) = (entry.get("only_if"), entry.get("files")) {
            return Err(entry
                .problem(node, "`only_if` saves calls, and `files` makes none")
                .help("leave it out")
                .into());
        }
        match (entry.get("model"), entry.get("files")) {
            (Some(_), None) => {
                Service::read(entry, Task::Embed).map(|service| Self::Asked(Box::new(service)))
            }
            (None, None) => Err(entry
                .problem_of_all(format!("`{}` needs `model` or `files`", entry.kind.name))
                .help("name a model of regauge.yaml, or a folder with the files of one")
                .into()),
            (None, Some(node)) => {
                Files::read(entry, node).map(|files| Self::Files(Box::new(files)))
            }
            (Some(_), Some(files)) => Err(entry
                .problem(files, "`model` and `files` exclude each other")
                .help("take the vectors from one place")
                .into()),
        }
    }

    /// Makes ready for the vectors of these texts.
    pub(super) fn prepare(&self, texts: &[String]) -> Prepared {
        match self {
            Self::Asked(service) => {
                let batches = texts.chunks(TOGETHER);
                // Equal texts have equal vectors: one question for all trials.
                let question = |batch: &[String]| service.question(batch.iter().cloned(), 1);
                Prepared::Asked(batches.map(question).collect())
            }
            Self::Files(files) => {
                Prepared::Made(texts.iter().map(|text| files.vector(text)).collect())
            }
        }
    }

    /// The vectors of an answer and of what it is compared with; or the turn with what has to be asked first, or why
    /// there are none.
    pub(super) fn vectors<'h>(
        &self,
        answer: &str,
        prepared: &'h Prepared,
        hearing: &Hearing<'h>,
    ) -> std::result::Result<Vectors<'h>, Turn> {
        let missing = |error: &String| Turn::missing(error.clone());
        match (self, prepared) {
            (Self::Asked(service), Prepared::Asked(others)) => {
                asked(service, answer, others, hearing)
            }
            (Self::Files(files), Prepared::Made(others)) => {
                let others = others.as_ref().map_err(missing)?;
                Ok(Vectors {
                    own: files.vector(answer).map_err(Turn::missing)?.into(),
                    others: others.iter().map(|one| one.as_slice().into()).collect(),
                    judged: None,
                })
            }
            _ => unreachable!("texts are prepared by the embedder that compares them"),
        }
    }

    /// Whom it asks, if anyone.
    pub(super) fn asks(&self) -> Option<Asks<'_>> {
        match self {
            Self::Asked(service) => Some(service.asks()),
            Self::Files(_) => None,
        }
    }

    /// A request as it makes them.
    pub(super) fn sample(&self) -> Option<Request> {
        match self {
            Self::Asked(service) => Some(service.request([String::new()])),
            Self::Files(_) => None,
        }
    }

    /// Its part of a fingerprint.
    pub(super) fn identity(&self) -> Value {
        match self {
            Self::Asked(service) => service.identity(),
            Self::Files(files) => json!(files.digest),
        }
    }
}

fn asked<'h>(
    service: &Service,
    answer: &str,
    others: &[Question],
    hearing: &Hearing<'h>,
) -> std::result::Result<Vectors<'h>, Turn> {
    let mut questions = vec![service.question([answer.to_owned()], 1)];
    questions.extend(others.iter().cloned());
    let (heard, judged) = hearing.hear(&questions).map_err(Turn::Ask)?;
    match found(service, &questions, &heard, hearing) {
        Ok((own, others)) => Ok(Vectors {
            own,
            others,
            judged: Some(judged),
        }),
        Err(error) => Err(Turn::Done(Err(error), Some(judged))),
    }
}

/// The vector of the first question's text, and those of the others.
fn found<'h>(
    service: &Service,
    questions: &[Question],
    heard: &[&Told],
    hearing: &Hearing<'h>,
) -> OrMissing<(Vector<'h>, Vec<Vector<'h>>)> {
    let mut all: Vec<Vector<'h>> = Vec::new();
    for (question, told) in questions.iter().zip(heard) {
        told.response(&service.whom())?;
        let vectors = hearing.replies.vectors(question.address());
        // A recording may have been written by anyone.
        if vectors.len() != question.call.request.messages.len() {
            return Err(format!("{} gave another number of vectors", service.whom()));
        }
        all.extend(vectors.iter().map(|vector| vector.as_slice().into()));
    }
    let own = all.remove(0);
    Ok((own, all))
}

impl Files {
    /// Reads `tokenizer.json` and `model.safetensors` in the folder that an option names.
    fn read(entry: &Entry<'_>, node: &Node) -> Result<Self> {
        let folder = node.text().unwrap_or_default().trim_end_matches('/');
        let place = entry.place_of(node);
        let Some(workspace) = entry.surroundings.workspace else {
            let message = format!(
                "`{}` reads files, and there is no workspace",
                entry.kind.name
            );
            return Err(entry
                .problem(node, message)
                .help("run it in a folder with a regauge.yaml")
                .into());
        };
        let read = |name: &str| {
            let path = format!("{folder}/{name}");
            workspace.check_file(&path, &place)?;
            std::fs::read(workspace.path(&path)).map_err(|error| {
                let cannot = Diagnostic::new(format!("cannot read {path}")).at(place.clone());
                Error::from(cannot.because(&error))
            })
        };
        let broken = |name: &str, why: String| {
            let message = format!("{folder}/{name} is no file of a model that can be read here");
            Error::from(Diagnostic::new(format!("{message}: {why}")).at(place.clone()).help(
                "it reads models of one matrix with a byte-pair tokenizer, such as those of WordLlama",
            ))
        };
        let (pieces, numbers) = (read(TOKENIZER)?, read(MATRIX)?);
        let digest = Digest::of(&[Digest::of_bytes(&pieces), Digest::of_bytes(&numbers)]);
        let tokenizer = String::from_utf8(pieces)
            .map_err(|error| error.to_string())
            .and_then(|text| Tokenizer::read(&text))
            .map_err(|why| broken(TOKENIZER, why))?;
        let matrix = Matrix::read(numbers).map_err(|why| broken(MATRIX, why))?;
        let wanted = usize::try_from(tokenizer.largest()).unwrap_or(usize::MAX);
        if wanted >= matrix.rows() {
            let why = format!("it has {} rows, and pieces up to {wanted}", matrix.rows());
            return Err(broken(MATRIX, why));
        }
        Ok(Self {
            tokenizer,
            matrix,
            digest,
        })
    }

    fn vector(&self, text: &str) -> OrMissing<Vec<f32>> {
        let vector = self.matrix.mean(&self.tokenizer.pieces(text));
        vector.ok_or_else(|| "no piece of the text has a vector".to_owned())
    }
}

/// The names of the files of a model.
const TOKENIZER: &str = "tokenizer.json";
const MATRIX: &str = "model.safetensors";
