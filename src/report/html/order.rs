//! All cases of a page in one order, with the names that links use for them.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::compare::summary::{CaseSummary, SubjectSummary, SuiteSummary, Summary};

/// A case with what it belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'s, 'a> {
    pub(super) suite: &'s SuiteSummary<'a>,
    pub(super) subject: &'s SubjectSummary<'a>,
    pub(super) case: &'s CaseSummary<'a>,
    /// Index of its subject among those of all suites.
    pub(super) subject_at: usize,
    /// Index of its cluster among those of all suites.
    pub(super) cluster: Option<usize>,
}

/// The cases, the worst verdict first, then the surest; equals in the order of the summary.
pub(super) struct Order<'s, 'a> {
    pub(super) entries: Vec<Entry<'s, 'a>>,
    /// For each entry its name in links: its id, and where an earlier one has the same, with a number.
    pub(super) keys: Vec<String>,
    /// Index of the first cluster of each suite among those of all suites.
    pub(super) first_clusters: Vec<usize>,
    by_place: HashMap<(usize, usize, usize), usize>,
}

impl<'s, 'a> Order<'s, 'a> {
    pub(super) fn of(summary: &'s Summary<'a>) -> Self {
        let mut found: Vec<((usize, usize, usize), Entry<'s, 'a>)> = Vec::new();
        let (mut first_clusters, mut clusters, mut subjects) = (Vec::new(), 0, 0);
        for (suite_at, suite) in summary.suites.iter().enumerate() {
            first_clusters.push(clusters);
            let mut cluster_of = HashMap::new();
            for (at, cluster) in suite.clusters.iter().enumerate() {
                let places = cluster.cases.iter();
                cluster_of.extend(places.map(|place| ((place.subject, place.case), clusters + at)));
            }
            clusters += suite.clusters.len();
            for (at, subject) in suite.subjects.iter().enumerate() {
                let cases = subject.cases.iter().enumerate();
                found.extend(cases.map(|(case_at, case)| {
                    let entry = Entry {
                        suite,
                        subject,
                        case,
                        subject_at: subjects,
                        cluster: cluster_of.get(&(at, case_at)).copied(),
                    };
                    ((suite_at, at, case_at), entry)
                }));
                subjects += 1;
            }
        }
        found.sort_by(|(_, one), (_, other)| worse(one.case, other.case));
        let by_place = found
            .iter()
            .enumerate()
            .map(|(at, (place, _))| (*place, at))
            .collect();
        let entries: Vec<Entry<'s, 'a>> = found.into_iter().map(|(_, entry)| entry).collect();
        Self {
            keys: keys(&entries),
            entries,
            first_clusters,
            by_place,
        }
    }

    /// The fragment of a link to a case: every sign that is not a letter or a digit is written as its number.
    pub(super) fn link(&self, suite: usize, subject: usize, case: usize) -> String {
        let at = self.by_place.get(&(suite, subject, case));
        let key = at.map_or("", |at| self.keys[*at].as_str());
        utf8_percent_encode(key, NON_ALPHANUMERIC).to_string()
    }
}

fn worse(one: &CaseSummary<'_>, other: &CaseSummary<'_>) -> Ordering {
    let p = |case: &CaseSummary<'_>| case.p.unwrap_or(f64::INFINITY);
    let by_verdict = one.verdict.cmp(&other.verdict);
    by_verdict.then(p(one).total_cmp(&p(other)))
}

fn keys(entries: &[Entry<'_, '_>]) -> Vec<String> {
    let mut taken = HashSet::new();
    let mut key = |entry: &Entry<'_, '_>| {
        let mut key = entry.case.id.to_owned();
        while !taken.insert(key.clone()) {
            key = format!("{key}~{}", entry.subject_at + 1);
        }
        key
    };
    entries.iter().map(&mut key).collect()
}
