//! What became of each case in the newest runs.

use std::collections::HashMap;

use serde::{Serialize, Serializer};

use super::window::Window;
use crate::digest::Digest;
use crate::plan::PASS;

/// Runs of which the outcome of each case is kept: the newest ones.
pub const CASE_RUNS: usize = 12;

/// What became of a case in a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Past {
    /// The run did not have the case as it is now.
    Absent,
    /// It has no result.
    Unmeasured,
    /// The share of its trials that passed all checks.
    Passed(f64),
}

impl Serialize for Past {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => serializer.serialize_none(),
            Self::Unmeasured => serializer.serialize_str("unmeasured"),
            Self::Passed(share) => serializer.serialize_f64(*share),
        }
    }
}

/// The cases of a subject of the newest run, in the order of that run, each with the newest runs, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseCourses {
    /// The name of the subject.
    pub subject: String,
    /// One list for each case; all are of one length.
    pub cases: Vec<Vec<Past>>,
}

/// The courses of the cases of all subjects of the newest run. A case is the same where its digest is.
pub(super) fn courses(window: &Window<'_>) -> Vec<CaseCourses> {
    let newest = window.newest();
    let points = window.points();
    let points = &points[points.len().saturating_sub(CASE_RUNS)..];
    let places: Vec<HashMap<Digest, usize>> = points
        .iter()
        .map(|point| {
            (0..)
                .zip(point.cases.iter())
                .map(|(at, digest)| (*digest, at))
                .collect()
        })
        .collect();
    let subjects = newest.header.subjects.iter();
    subjects
        .map(|subject| {
            let series: Vec<Option<&[Option<f64>]>> = points
                .iter()
                .map(|point| {
                    let twin = point.header.twin(subject)?;
                    let mut means = point.means.iter();
                    let found = means.find(|one| one.subject == twin && one.metric == PASS)?;
                    (found.means.len() == point.cases.len()).then_some(&*found.means)
                })
                .collect();
            let of_case = |digest: &Digest| {
                let runs = places.iter().zip(&series);
                runs.map(|(places, means)| match (places.get(digest), means) {
                    (Some(at), Some(means)) => means[*at].map_or(Past::Unmeasured, Past::Passed),
                    _ => Past::Absent,
                })
                .collect()
            };
            CaseCourses {
                subject: subject.name(),
                cases: newest.cases.iter().map(of_case).collect(),
            }
        })
        .collect()
}
