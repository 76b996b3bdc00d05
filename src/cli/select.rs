//! What is selected of the workspace, as options that several commands share.

use clap::Args;

use crate::engine::endpoint::now_ms;
use crate::error::{Diagnostic, Problems, Result};
use crate::plan::Plan;
use crate::plan::selection::{Selection, Shard};
use crate::prompt::PromptRef;
use crate::suite::{self, Suite};
use crate::workspace::Workspace;

#[derive(Debug, Clone, Default, Args)]
pub(super) struct SelectArgs {
    /// Suites by name or file [default: all].
    #[arg(value_name = "SUITE")]
    suites: Vec<String>,
    /// The same as an option; may be repeated.
    #[arg(long = "suite", value_name = "SUITE")]
    suite: Vec<String>,
    /// Only this prompt, maybe in another version: NAME, NAME@vN, NAME@LABEL; may be repeated.
    #[arg(long, value_name = "PROMPT")]
    prompt: Vec<String>,
    /// Only this model, by its alias; may be repeated.
    #[arg(long, value_name = "ALIAS")]
    model: Vec<String>,
    /// Only cases whose id contains this; may be repeated.
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Only cases with this tag; may be repeated.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Calls for each case, over the suite's number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    trials: Option<u32>,
    /// Only the I-th of N parts of the cases, for parallel CI jobs.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
}

impl SelectArgs {
    /// The same, with so many calls for each case unless a number was given.
    pub(super) fn or_trials(&self, trials: u32) -> Self {
        Self {
            trials: self.trials.or(Some(trials)),
            ..self.clone()
        }
    }

    fn selection(&self) -> Selection {
        Selection {
            prompts: self.prompt.clone(),
            models: self.model.clone(),
            filters: self.filter.clone(),
            tags: self.tag.clone(),
            shard: self.shard,
            trials: self.trials,
            ..Selection::default()
        }
    }

    /// The plans of the selected suites; suites of which the selection leaves nothing are left out. Prompts that others
    /// are compared `against` are selected unless a prompt is.
    pub(super) fn plans(&self, workspace: &Workspace, against: &[String]) -> Result<Vec<Plan>> {
        let mut selection = self.selection();
        if self.prompt.is_empty() {
            let names = against.iter().map(|text| PromptRef::parse(text).name);
            selection.prompts = names.collect();
        }
        let wanted: Vec<String> = self.suites.iter().chain(&self.suite).cloned().collect();
        let suites = suite::load_all(workspace, &wanted)?;
        selection.check_names(&suites)?;
        let plans = plan_all(workspace, suites, &selection)?;
        if plans.is_empty() {
            return Err(Diagnostic::new("the selection leaves no case")
                .help("loosen --prompt, --model, --filter, --tag or --shard")
                .into());
        }
        Ok(plans)
    }
}

fn plan_all(workspace: &Workspace, suites: Vec<Suite>, selection: &Selection) -> Result<Vec<Plan>> {
    let now = now_ms();
    let mut problems = Problems::default();
    let plans: Vec<Plan> = suites
        .into_iter()
        .filter_map(|suite| {
            problems
                .take(Plan::new(workspace, suite, selection, now))
                .flatten()
        })
        .collect();
    problems.finish()?;
    Ok(plans)
}
