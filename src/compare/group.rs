//! Where a subject changed: its deciding score by groups of cases.

use super::measure::deciding_measure;
use super::metric;
use super::side::Side;
use super::summary::{CaseSummary, CaseVerdict, GroupSummary};
use crate::golden::Case;
use crate::history::run::Header;

/// Groups of which the difference is measured: the largest ones.
const MOST: usize = 40;

/// The group that a case belongs to: its first tag, else what stands before the first slash of its id.
pub(super) fn group_of(case: &Case) -> Option<&str> {
    let of_id = || case.id.split_once('/').map(|(group, _)| group);
    let tag = case.tags.first().map(String::as_str);
    tag.or_else(of_id).filter(|group| !group.is_empty())
}

/// The groups of a subject, the surest drop first; none where all cases belong to one.
pub(super) fn groups<'a>(
    now: &Side<'a>,
    before: Option<&Side<'a>>,
    header: &'a Header,
    cases: &[CaseSummary<'a>],
) -> Vec<GroupSummary<'a>> {
    let mut groups: Vec<(&'a str, Vec<usize>)> = Vec::new();
    for case in now.counted() {
        let Some(name) = group_of(now.case(case)) else {
            continue;
        };
        match groups.iter_mut().find(|(other, _)| *other == name) {
            Some((_, members)) => members.push(case),
            None => groups.push((name, vec![case])),
        }
    }
    if groups.len() < 2 {
        return Vec::new();
    }
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
    groups.truncate(MOST);
    let mut found: Vec<GroupSummary<'a>> = groups
        .into_iter()
        .map(|(name, members)| {
            let is_bad = |case: &&CaseSummary<'_>| {
                matches!(case.verdict, CaseVerdict::Regressed | CaseVerdict::Suspect)
                    && case.group == Some(name)
            };
            GroupSummary {
                name,
                cases: members.len(),
                bad: cases.iter().filter(is_bad).count(),
                difference: deciding_measure(now, header).and_then(|measure| {
                    let difference =
                        metric::difference_over(members, (now, before?), measure, header)?;
                    Some(difference)
                }),
            }
        })
        .collect();
    // The surest drop first, then the largest: one case alone says little.
    let bounds = |group: &GroupSummary<'_>| {
        let difference = group.difference;
        difference.map_or((0.0, 0.0), |found| (found.high, found.value))
    };
    found.sort_by(|one, other| {
        let (one, other) = (bounds(one), bounds(other));
        one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1))
    });
    found
}
