//! Which part of the suites is run.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Diagnostic, Problems, Result};
use crate::golden::Case;
use crate::prompt::PromptRef;
use crate::suite::Suite;
use crate::text::suggest;

/// What was selected of a suite.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Selection {
    /// Prompts by name, each maybe with another version, as in `triage@v1`; empty: all, as the suite names them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompts: Vec<String>,
    /// Models by alias; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Model ids by alias that take the place of those in `regauge.yaml`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub model_ids: BTreeMap<String, String>,
    /// Cases whose id contains one of these; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// Cases with one of these tags; empty: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The part of all cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// Calls for each case of each subject, over the suite's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trials: Option<u32>,
}

/// The `index`-th of `count` parts of the cases, counted from 1: every `count`-th case from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Which part.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl std::str::FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        const WANTED: &str = "a shard is I/N, such as 1/4, with I from 1 to N";
        let (index, count) = text.split_once('/').ok_or(WANTED)?;
        let shard = Self {
            index: index.parse().map_err(|_| WANTED)?,
            count: count.parse().map_err(|_| WANTED)?,
        };
        if shard.index == 0 || shard.index > shard.count {
            Err(WANTED)
        } else {
            Ok(shard)
        }
    }
}

impl Selection {
    /// Takes out the cases that were not selected.
    pub fn narrow(&self, cases: &mut Arc<Vec<Case>>) {
        if self.filters.is_empty() && self.tags.is_empty() && self.shard.is_none() {
            return;
        }
        let cases = Arc::make_mut(cases);
        cases.retain(|case| self.takes(case));
        if let Some(shard) = self.shard {
            let mut index = 0;
            cases.retain(|_| {
                index += 1;
                (index - 1) % shard.count == shard.index - 1
            });
        }
    }

    fn takes(&self, case: &Case) -> bool {
        let by_id = self.filters.is_empty()
            || self
                .filters
                .iter()
                .any(|filter| case.id.contains(filter.as_str()));
        let by_tag = self.tags.is_empty() || case.tags.iter().any(|tag| self.tags.contains(tag));
        by_id && by_tag
    }

    /// Every prompt and model that was selected stands in one of the suites.
    pub fn check_names(&self, suites: &[Suite]) -> Result<()> {
        let prompts: Vec<&str> = suites
            .iter()
            .flat_map(|suite| {
                suite
                    .prompts
                    .iter()
                    .map(|(reference, _)| reference.name.as_str())
            })
            .collect();
        let models: Vec<&str> = suites
            .iter()
            .flat_map(|suite| suite.models.iter().map(|(alias, _)| alias.as_str()))
            .collect();
        let wanted: Vec<String> = self
            .prompts
            .iter()
            .map(|text| PromptRef::parse(text).name)
            .collect();
        let mut problems = Problems::default();
        check("prompt", &wanted, &prompts, &mut problems);
        check("model", &self.models, &models, &mut problems);
        problems.finish()
    }
}

fn check(what: &str, wanted: &[String], known: &[&str], problems: &mut Problems) {
    for name in wanted.iter().filter(|name| !known.contains(&name.as_str())) {
        let help = suggest(name, known.iter().copied()).map_or_else(
            || format!("the suites have {}", known.join(", ")),
            |name| format!("did you mean `{name}`?"),
        );
        problems.push(Diagnostic::new(format!("no suite has a {what} `{name}`")).help(help));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!("2/3".parse(), Ok(Shard { index: 2, count: 3 }));
        for bad in ["0/3", "4/3", "1", "a/b", "1/0", "-1/2"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_shards_of_a_dataset_hold_every_case_once() {
        let case = |id: usize| -> Case {
            serde_json::from_value(serde_json::json!({"id": id.to_string(), "vars": {}})).unwrap()
        };
        let mut seen = Vec::new();
        for index in 1..=3 {
            let mut cases: Arc<Vec<Case>> = Arc::new((0..10).map(case).collect());
            Selection {
                shard: Some(Shard { index, count: 3 }),
                ..Selection::default()
            }
            .narrow(&mut cases);
            seen.extend(cases.iter().map(|case| case.id.parse::<usize>().unwrap()));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..10).collect::<Vec<_>>());
    }
}
