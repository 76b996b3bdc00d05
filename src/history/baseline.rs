//! Which run a run is compared with, by a rule that the report prints.

use super::run::{Header, Role, Run, Status};
use super::store::{Baseline, History};
use super::{parts, run_file};
use crate::document::Source;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::git;
use crate::suite::Suite;
use crate::workspace::Workspace;

/// Runs of a suite that are looked through for one to compare with.
const LOOKED_THROUGH: u32 = 200;

/// The rule of a run whose other side was called in the same window.
const CONTROL: &str = "the other side was called in the same window, in random order (--against)";

/// The baseline of a run, with the rule that chose it.
#[derive(Debug)]
pub struct Choice {
    /// The baseline; `None` where there is none.
    pub run: Option<Run>,
    /// The rule, or why there is none, in words.
    pub rule: String,
}

impl Choice {
    /// The other side of a run, which is called in the same window.
    pub fn control() -> Self {
        Self::none(CONTROL)
    }

    fn none(rule: impl Into<String>) -> Self {
        Self {
            run: None,
            rule: rule.into(),
        }
    }
}

/// Finds the baseline of a run: the one that was named on the command line (a run, a file, or `none`), else the file
/// that the suite names, else the newest run on
/// the line of commits behind this one that was accepted with `regauge baseline set`, else the newest accepted, else the newest complete
/// run of the suite before this one. A run with another side in the same window is compared with that unless another is
/// named. A run is never compared with itself.
pub async fn choose(
    workspace: &Workspace,
    history: &History,
    header: &Header,
    named: Option<&str>,
    suite: Option<&Suite>,
) -> Result<Choice> {
    match named {
        Some("none") => {
            return Ok(Choice::none(
                "comparison was turned off with --baseline none",
            ));
        }
        Some(name) => return choose_named(workspace, history, header, name).await,
        None => {}
    }
    let mut parts = parts::load(history, header).await?;
    if let Some(control) = parts.iter().position(|(role, _)| *role == Role::Control) {
        return Ok(Choice {
            run: Some(parts.swap_remove(control).1),
            ..Choice::control()
        });
    }
    if let Some(suite) = suite
        && let Some(choice) = from_file(workspace, suite)?
    {
        return Ok(choice);
    }
    choose_from_history(workspace, history, header).await
}

/// The baseline in the file that a suite names, where it names one.
pub fn from_file(workspace: &Workspace, suite: &Suite) -> Result<Option<Choice>> {
    let Some((path, place)) = &suite.baseline else {
        return Ok(None);
    };
    Workspace::check_inside(path, place.clone())?;
    if !workspace.path(path).is_file() {
        return Err(Diagnostic::new(format!("there is no baseline `{path}`"))
            .at(place.clone())
            .help(format!("make it with `regauge export RUN --output {path}`"))
            .into());
    }
    let run = run_file::parse(&workspace.read(path)?)?;
    Ok(Some(Choice {
        rule: format!("the suite names the file {path}"),
        run: Some(run),
    }))
}

async fn choose_named(
    workspace: &Workspace,
    history: &History,
    header: &Header,
    name: &str,
) -> Result<Choice> {
    // A path on the command line is relative to where the user stands, not to the workspace.
    if std::path::Path::new(name).is_file() || workspace.path(name).is_file() {
        let path = if std::path::Path::new(name).is_file() {
            name.into()
        } else {
            workspace.path(name)
        };
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Error::from(
                Diagnostic::new("cannot read the baseline")
                    .at(Place::file(name))
                    .because(&error),
            )
        })?;
        let run = run_file::parse(&Source::new(name, text))?;
        check_suite(&run.header, header, name)?;
        return Ok(Choice {
            run: Some(run),
            rule: format!("named on the command line: {name}"),
        });
    }
    let id = history.resolve(name).await?;
    if id == header.id {
        return Err(Diagnostic::new("a run cannot be its own baseline")
            .help("name another run")
            .into());
    }
    let run = history.load(&id).await?;
    check_suite(&run.header, header, name)?;
    Ok(Choice {
        run: Some(run),
        rule: format!("named on the command line: {id}"),
    })
}

fn check_suite(baseline: &Header, header: &Header, name: &str) -> Result<()> {
    if baseline.suite == header.suite {
        return Ok(());
    }
    Err(Diagnostic::new(format!(
        "the baseline `{name}` is a run of suite `{}`, not of `{}`",
        baseline.suite, header.suite
    ))
    .help("choose the suite on the command line, as in `regauge run SUITE --baseline RUN`")
    .into())
}

async fn choose_from_history(
    workspace: &Workspace,
    history: &History,
    header: &Header,
) -> Result<Choice> {
    let earlier = history.headers(Some(&header.suite), LOOKED_THROUGH).await?;
    if let Some((accepted, rule)) = accepted(workspace, history, header, &earlier).await? {
        let run = history.load(&accepted.run).await?;
        return Ok(Choice {
            run: Some(run),
            rule: format!("{rule}, set by {}: {}", accepted.who, accepted.why),
        });
    }
    let previous = earlier.iter().find(|other| {
        other.id != header.id
            && (other.started_at, &other.id) < (header.started_at, &header.id)
            && other.status == Status::Complete
            && other.rescored_from.is_none()
            && other.part.is_none()
            // A run of a part of the suite would leave most cases without a pair.
            && other.selection.shard == header.selection.shard
    });
    match previous {
        Some(previous) => Ok(Choice {
            run: Some(history.load(&previous.id).await?),
            rule: "the previous complete run, since none was accepted with `regauge baseline set`"
                .to_owned(),
        }),
        None => Ok(Choice::none("this is the first run of the suite")),
    }
}

/// The newest accepted run whose commit the commit of this run has behind it, else the newest accepted run.
async fn accepted(
    workspace: &Workspace,
    history: &History,
    header: &Header,
    earlier: &[Header],
) -> Result<Option<(Baseline, &'static str)>> {
    let mut accepted = history.baselines(&header.suite).await?;
    // Ids sort by time: a run is never compared with itself or with a later one.
    accepted.retain(|baseline| baseline.run < header.id);
    let is_ancestor = |baseline: &&Baseline| {
        let commit = &earlier
            .iter()
            .find(|run| run.id == baseline.run)?
            .git
            .as_ref()?
            .commit;
        git::is_ancestor(&workspace.root, commit, &header.git.as_ref()?.commit)
    };
    let on_the_line = accepted
        .iter()
        .find(|baseline| is_ancestor(baseline) == Some(true));
    if let Some(baseline) = on_the_line {
        let rule = "the newest accepted run on the line of commits behind this one";
        return Ok(Some((baseline.clone(), rule)));
    }
    let newest = accepted.into_iter().next();
    Ok(newest.map(|baseline| (baseline, "the newest accepted run")))
}
