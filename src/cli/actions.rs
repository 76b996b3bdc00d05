//! GitHub Actions: what a step tells its runner.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

use super::console::Console;
use crate::compare::summary::Summary;
use crate::error::{Diagnostic, Place, Result};
use crate::report::{github, markdown};
use crate::workspace::Environment;

/// The runner of GitHub Actions that the program was started by.
#[derive(Debug)]
pub(super) struct Actions {
    /// The file that takes the summary of the step.
    step_summary: Option<PathBuf>,
}

impl Actions {
    /// The runner, where there is one.
    pub(super) fn find(environment: &Environment) -> Option<Self> {
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        set("GITHUB_ACTIONS").filter(|value| *value == "true")?;
        Some(Self {
            step_summary: set("GITHUB_STEP_SUMMARY").map(PathBuf::from),
        })
    }

    /// Prints annotations, beside the results where those are for a program, and adds to the summary of the step.
    pub(super) fn tell(
        &self,
        summary: &Summary<'_>,
        prefix: &str,
        beside: bool,
        console: &Console,
    ) -> Result<()> {
        let commands = github::render(summary, prefix);
        if beside && !commands.is_empty() {
            console.note(commands.trim_end());
        } else {
            console.print(&commands);
        }
        let Some(path) = &self.step_summary else {
            return Ok(());
        };
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        let page = markdown::render(summary);
        file.and_then(|mut file| file.write_all(page.as_bytes()))
            .map_err(|error| {
                Diagnostic::new("cannot add to the summary of the step")
                    .at(Place::file(path.display().to_string()))
                    .because(&error)
                    .help("see GITHUB_STEP_SUMMARY")
                    .into()
            })
    }
}
