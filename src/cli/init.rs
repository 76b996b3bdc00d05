//! `regauge init`: a working example workspace that runs offline.

mod ci;

use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use super::{Context, Exit};
use crate::error::{Diagnostic, Place, Result};
use crate::files::replace_file;
use crate::workspace;
use ci::{Ci, Pipeline};

/// The files of the example, by their path in the workspace. The answers were really given by the model that
/// `regauge.yaml` names.
const FILES: &[(&str, &str)] = &[
    (".gitignore", ".regauge/\n.env\nreports/\n"),
    ("regauge.yaml", include_str!("init/regauge.yaml")),
    (
        "suites/support-triage.yaml",
        include_str!("init/suite.yaml"),
    ),
    (
        "prompts/triage/v1.md",
        include_str!("../../prompts/triage/v1.md"),
    ),
    (
        "prompts/triage/v2.md",
        include_str!("../../prompts/triage/v2.md"),
    ),
    (
        "prompts/triage/labels.yaml",
        include_str!("init/labels.yaml"),
    ),
    (
        "golden/support-triage.jsonl",
        include_str!("init/cases.jsonl"),
    ),
    (
        "golden/recordings/support-triage.jsonl",
        include_str!("init/recording.jsonl"),
    ),
];

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder to make it in.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Also write a pipeline that runs the suites; in a folder that is a workspace already, only that.
    #[arg(long, value_enum, value_name = "SERVER")]
    ci: Option<Ci>,
}

pub(super) fn run(args: &InitArgs, context: &Context, console: &Console) -> Result<Exit> {
    let root = context.folder.join(&args.folder);
    let is_workspace = root.join(workspace::FILE).is_file();
    if is_workspace && let Some(ci) = args.ci {
        return write(&Pipeline::new(ci, &root)?, console);
    }
    if let Some((taken, _)) = FILES.iter().find(|(path, _)| root.join(path).exists()) {
        return Err(
            Diagnostic::new(format!("there is a file `{taken}` already"))
                .at(Place::file(root.join(taken).display().to_string()))
                .help("name an empty folder, as in `regauge init my-evals`")
                .into(),
        );
    }
    // Git says where a folder stands only once it is there.
    let pipeline = args.ci.map(|ci| {
        drop(std::fs::create_dir_all(&root));
        Pipeline::new(ci, &root)
    });
    let pipeline = pipeline.transpose()?;
    for (path, text) in FILES {
        replace_file(&root.join(path), text.as_bytes())?;
    }
    console.line(&format!(
        "made a workspace of {}; try it:\n",
        crate::units::count(FILES.len(), "file")
    ));
    if args.folder != Path::new(".") {
        console.line(&format!("  cd {}", args.folder.display()));
    }
    for line in NEXT {
        console.line(line);
    }
    console.line(&format!(
        "\nthen put your own models into {}",
        workspace::FILE
    ));
    pipeline.map_or(Ok(Exit::Pass), |pipeline| write(&pipeline, console))
}

/// What can be tried in a new workspace.
const NEXT: &[&str] = &[
    "  regauge check                                # everything is sound; what a run would cost",
    "  regauge run --replay --prompt triage@v1      # the good version, from recordings: no call",
    "  regauge run --replay                         # its rewrite, compared with that run",
];

fn write(pipeline: &Pipeline, console: &Console) -> Result<Exit> {
    console.line(&format!("wrote {}", pipeline.write()?.display()));
    Ok(Exit::Pass)
}
