//! `regauge history`: the runs of a workspace.

use clap::Args;
use comfy_table::{Table, presets};
use serde_json::json;

use super::Exit;
use super::calls::block_on;
use super::console::Console;
use crate::error::Result;
use crate::history::run::Header;
use crate::history::store::History;
use crate::report::show_time;
use crate::workspace::Workspace;

#[derive(Debug, Args)]
pub(super) struct HistoryArgs {
    /// Only runs of this suite.
    suite: Option<String>,
    /// Runs at most, the newest ones.
    #[arg(long, short = 'n', default_value_t = 20)]
    limit: u32,
    /// Print the runs as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &HistoryArgs, workspace: &Workspace, console: &Console) -> Result<Exit> {
    let headers = block_on(async {
        let history = History::open(workspace).await?;
        history.headers(args.suite.as_deref(), args.limit).await
    })?;
    if args.json {
        console.json(&headers.iter().map(|header| json!(header)).collect());
        return Ok(Exit::Pass);
    }
    if headers.is_empty() {
        console.note("no runs yet; begin one with `regauge run`");
        return Ok(Exit::Pass);
    }
    console.line(&show(&headers));
    Ok(Exit::Pass)
}

fn show(headers: &[Header]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "run",
        "begun (UTC)",
        "suite",
        "status",
        "subject",
        "metrics",
    ]);
    for header in headers {
        for (index, subject) in header.subjects.iter().enumerate() {
            let results = header
                .results
                .iter()
                .filter(|result| result.subject == index);
            let metrics: Vec<String> = results
                .map(|result| format!("{} {:.3}", result.metric, result.value))
                .collect();
            let first = index == 0;
            let once = |text: String| if first { text } else { String::new() };
            table.add_row([
                once(header.id.clone()),
                once(show_time(header.started_at)),
                once(header.suite.clone()),
                once(header.status.name().to_owned()),
                format!(
                    "{}@v{} · {}",
                    subject.prompt, subject.version, subject.alias
                ),
                metrics.join(", "),
            ]);
        }
    }
    table.to_string()
}
