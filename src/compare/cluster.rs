//! Cases that went wrong in the same way: they fail the same check, and their answers changed in the same kind, so that
//! forty differences become a few findings.

use super::summary::{CaseVerdict, Cluster, Place, SubjectSummary};
use crate::text::change::Change;

/// The regressed and suspect cases of the subjects of a suite, the largest cluster first; equals in the order of their
/// worst case. What is in quarantine is known, and with somebody.
pub fn clusters<'a>(subjects: &[SubjectSummary<'a>], names: &[&'a str]) -> Vec<Cluster<'a>> {
    let mut clusters: Vec<Cluster<'a>> = Vec::new();
    for verdict in [CaseVerdict::Regressed, CaseVerdict::Suspect] {
        for (subject, summary) in subjects.iter().enumerate() {
            for (case, found) in summary.cases.iter().enumerate() {
                if found.verdict != verdict || found.quarantine.is_some() {
                    continue;
                }
                let check = found.failing_check(names);
                let before = found.baseline_output().unwrap_or_default();
                let change = Change::of(&before, &found.output());
                let place = Place { subject, case };
                let mut known = clusters.iter_mut();
                match known.find(|other| (other.check, other.change) == (check, change)) {
                    Some(cluster) => cluster.cases.push(place),
                    None => clusters.push(Cluster {
                        check,
                        change,
                        cases: vec![place],
                    }),
                }
            }
        }
    }
    clusters.sort_by_key(|cluster| std::cmp::Reverse(cluster.cases.len()));
    clusters
}
