//! A generated workspace with as many cases as wanted.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use regauge::history::store::History;
use regauge::workspace::Environment;
use tempfile::TempDir;

use crate::CONCURRENCY;
use crate::process::Failed;

/// A workspace in a temporary folder.
pub(crate) struct Workspace {
    folder: TempDir,
}

impl Workspace {
    /// A folder without a workspace.
    pub(crate) fn empty() -> Result<Self, Failed> {
        let folder = TempDir::new()?;
        Ok(Self { folder })
    }

    /// One prompt, one model at this base URL, one suite, and so many cases, all of which `billing` passes.
    pub(crate) fn new(url: &str, cases: usize) -> Result<Self, Failed> {
        let workspace = Self::empty()?;
        workspace.point_at(url)?;
        workspace.write("prompts/triage/v1.md", PROMPT)?;
        workspace.write("suites/triage.yaml", SUITE)?;
        let mut rows = std::io::BufWriter::new(std::fs::File::create(
            workspace.path("golden/tickets.jsonl")?,
        )?);
        for case in 0..cases {
            writeln!(
                rows,
                "{{\"id\": \"t-{case:06}\", \"ticket\": \"{case}: {TICKET}\", \"expected\": \"billing\"}}"
            )?;
        }
        rows.flush()?;
        Ok(workspace)
    }

    /// Puts the model at this base URL.
    pub(crate) fn point_at(&self, url: &str) -> Result<(), Failed> {
        let config = CONFIG
            .replace("{url}", url)
            .replace("{concurrency}", &CONCURRENCY.to_string());
        self.write("regauge.yaml", &config)
    }

    /// Keeps the history at this address, which may hold a password.
    pub(crate) fn keep_history_in(&self, address: &str) -> Result<(), Failed> {
        let config = std::fs::read_to_string(self.path("regauge.yaml")?)?;
        self.write(".env", &format!("HISTORY='{address}'\n"))?;
        self.write("regauge.yaml", &format!("{config}history: ${{HISTORY}}\n"))
    }

    /// Its history, opened by this process.
    pub(crate) async fn history(&self) -> Result<History, Failed> {
        let failed = |error: regauge::error::Error| Failed::because(error.to_string());
        let folder = self.folder.path();
        let workspace = regauge::workspace::Workspace::load(folder, &Environment::new());
        History::open(&workspace.map_err(failed)?)
            .await
            .map_err(failed)
    }

    /// `regauge run` with these further arguments.
    pub(crate) fn run(&self, further: &[&str]) -> Command {
        let mut command = self.command(&["run", "--concurrency", &CONCURRENCY.to_string()]);
        command.args(further);
        command
    }

    /// `regauge` with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_regauge"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path());
        command
    }

    /// That every report has been written.
    pub(crate) fn has_reports(&self) -> Result<(), Failed> {
        let names = [
            "report.html",
            "cases.csv",
            "trials.csv",
            "report.json",
            "junit.xml",
            "summary.md",
        ];
        for name in names {
            let report = self.folder.path().join("reports").join(name);
            if std::fs::metadata(report).map_or(0, |metadata| metadata.len()) == 0 {
                return Err(Failed::because(format!("there is no {name}")));
            }
        }
        Ok(())
    }

    fn write(&self, path: &str, text: &str) -> Result<(), Failed> {
        Ok(std::fs::write(self.path(path)?, text)?)
    }

    fn path(&self, path: &str) -> Result<PathBuf, Failed> {
        let path = self.folder.path().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        Ok(path)
    }
}

const TICKET: &str = "I was charged twice for the same order, once on Monday and once on Tuesday, and my bank tells me \
that both payments have gone through. Please send one of them back, and tell me how long that will take.";

const CONFIG: &str = "\
version: 1
models:
  small:
    provider: openai
    base_url: {url}
    model: test-model
    params: { temperature: 0, max_tokens: 16 }
    limits: { concurrency: {concurrency} }
    timeout: 30s
    price: { input: 0.15, output: 0.60 }
";

const PROMPT: &str = "\
---
description: Route a support ticket to one queue
inputs: [ticket]
---
system:
You route support tickets. Answer with one word: billing, shipping, technical or other.
user:
{{ ticket }}
";

const SUITE: &str = "\
name: triage
description: Route a support ticket to one queue.
prompts: [triage@v1]
models: [small]
dataset: golden/tickets.jsonl
trials: 1
scorers:
  - exact: { normalize: [trim, casefold] }
gates:
  - metric: exact
    tolerance: 0.03
";
