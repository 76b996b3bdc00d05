//! `regauge show`: one case of a run, with all that is known of it; no call is made.

use clap::Args;
use serde_json::{Value, json};

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use super::outcome::Comparison;
use crate::compare;
use crate::compare::summary::{CaseSummary, SubjectSummary};
use crate::error::{Diagnostic, Error, Result};
use crate::history::store::History;
use crate::report::terminal::{Subject, render_case};
use crate::text::suggest;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The run: its id, the start or end of it, or `latest`.
    run: String,
    /// The case: its id, or a part that no other id has.
    case: String,
    /// What to compare with: a run, a run file, or `none` [default: by rule, which the report prints].
    #[arg(long, value_name = "RUN|FILE|none")]
    baseline: Option<String>,
    /// Print it as JSON, as in report.json.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &ShowArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let comparison = block_on(async {
        let history = History::open(workspace).await?;
        let baseline = args.baseline.as_deref();
        Box::pin(Comparison::find(workspace, &history, &args.run, baseline)).await
    })?;
    let compared = [comparison.compared(workspace)?];
    let summary = compare::summarize(&compared, false);
    let suite = &summary.suites[0];
    let id = find(&suite.subjects, &args.case)?;
    let found = suite.subjects.iter().flat_map(|subject| {
        let cases = subject.cases.iter().filter(|case| case.id == id);
        cases.map(move |case| (subject, case))
    });
    let found: Vec<(&SubjectSummary<'_>, &CaseSummary<'_>)> = found.collect();
    if args.json {
        let cases = found
            .iter()
            .map(|(subject, case)| json!({ "subject": subject.name, "case": case }));
        let cases: Vec<Value> = cases.collect();
        console.json(&json!({
            "suite": suite.suite,
            "run": suite.run.id,
            "metric_names": suite.metric_names,
            "subjects": cases,
        }));
        return Ok(Exit::Pass);
    }
    for (index, (subject, case)) in found.into_iter().enumerate() {
        let shown = Subject {
            suite,
            subject,
            case,
        };
        let gap = if index > 0 { "\n" } else { "" };
        console.print(&format!("{gap}{}", render_case(shown, &console.style)));
    }
    Ok(Exit::Pass)
}

/// The id of the case that was named.
fn find<'a>(subjects: &[SubjectSummary<'a>], named: &str) -> Result<&'a str> {
    let mut ids: Vec<&'a str> = subjects
        .iter()
        .flat_map(|subject| subject.cases.iter().map(|case| case.id))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    if let Some(id) = ids.iter().find(|id| **id == named) {
        return Ok(id);
    }
    let fits: Vec<&str> = ids
        .iter()
        .copied()
        .filter(|id| id.contains(named))
        .collect();
    let wrong = match fits.as_slice() {
        [id] => return Ok(id),
        [] => Diagnostic::new(format!("no case of this run has the id `{named}`")).help(
            match suggest(named, ids.iter().copied()) {
                Some(id) => format!("did you mean `{id}`?"),
                None => "the ids stand in cases.csv; write it with `--report csv`".to_owned(),
            },
        ),
        [first, ..] => Diagnostic::new(format!("`{named}` fits {} cases", fits.len()))
            .help(format!("give more of the id, such as `{first}`")),
    };
    Err(Error::from(wrong))
}
