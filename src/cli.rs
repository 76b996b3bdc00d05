//! The command line: one file for each command, and the only code that prints.

mod actions;
mod baseline;
mod calls;
mod check;
mod compare;
mod completions;
mod console;
mod course;
mod endpoint;
mod export;
mod history;
mod import;
mod init;
mod input;
mod judge;
mod orders;
mod outcome;
mod progress;
mod report;
mod rescore;
mod review;
mod run;
mod schema;
mod score;
mod scorers;
mod select;
mod selftest;
mod show;
mod signals;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::error::{Diagnostic, Place, Result};
use crate::workspace::{Environment, FILE, Workspace};
use console::Console;

/// What the program finds around it when it starts; nothing else reads it.
#[derive(Debug)]
pub struct Context {
    /// The command line, the program's name first.
    pub arguments: Vec<OsString>,
    /// The environment.
    pub environment: Environment,
    /// The folder that it was started in.
    pub folder: PathBuf,
    /// Whether a person can press keys.
    pub stdin_is_terminal: bool,
    /// Whether results go to a terminal.
    pub stdout_is_terminal: bool,
    /// Whether progress goes to a terminal.
    pub stderr_is_terminal: bool,
    /// Columns of the terminal, where there is one.
    pub width: Option<usize>,
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: all gates passed, or what was asked for was done.
    Pass,
    /// 1: a gate regressed, or a limit is broken.
    Regressed,
    /// 2: the command line, the configuration or an input is wrong.
    Usage,
    /// 3: too many trials have no result.
    Unmeasured,
    /// 4: the data cannot tell, and the policy says that this fails.
    Inconclusive,
    /// 130: interrupted; the run can be resumed.
    Interrupted,
}

impl Exit {
    /// The exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Regressed => 1,
            Self::Usage => 2,
            Self::Unmeasured => 3,
            Self::Inconclusive => 4,
            Self::Interrupted => 130,
        }
    }

    fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Regressed,
            3 => Self::Unmeasured,
            4 => Self::Inconclusive,
            _ => Self::Usage,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Did this change of prompt, model or endpoint make it worse, how sure are we, and what exactly changed?
#[derive(Debug, Parser)]
#[command(name = "regauge", version, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 pass (also inconclusive, with a warning) · 1 regressed, or a floor is broken · \
2 usage, configuration or input · 3 unmeasured: too many failures, budget spent, endpoint down · 4 inconclusive where \
that fails · 130 interrupted, can be resumed";

#[derive(Debug, Args)]
struct Global {
    /// The folder that holds regauge.yaml [default: the nearest one upwards from here].
    #[arg(
        long,
        short = 'w',
        global = true,
        value_name = "DIR",
        env = "REGAUGE_WORKSPACE"
    )]
    workspace: Option<PathBuf>,
    /// When to use colours.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN"
    )]
    color: When,
    /// How to show progress.
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "HOW"
    )]
    progress: ProgressMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProgressMode {
    Auto,
    Live,
    Plain,
    None,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a working example workspace that runs offline.
    Init(init::InitArgs),
    /// Check everything, and print the plan with its calls and their cost; call nothing.
    Check(check::CheckArgs),
    /// Run suites: plan, call, score, record, compare, report.
    Run(Box<run::RunArgs>),
    /// Compare two runs of a suite; no call is made.
    Compare(compare::CompareArgs),
    /// Write the reports of a run again; no call is made.
    Report(report::ReportArgs),
    /// Show one case of a run: input, expected output, answers of both sides, scores.
    Show(show::ShowArgs),
    /// Grade the answers of a run again with the scorers of today; no call is made.
    Rescore(rescore::RescoreArgs),
    /// Decide which new answers of a run become goldens.
    Review(review::ReviewArgs),
    /// List runs, or show the course of one suite over time.
    History(history::HistoryArgs),
    /// Show or set the run that a suite is compared with.
    Baseline(baseline::BaselineArgs),
    /// Measure how often the gates alarm where nothing changed, on dealt trials of the baselines; no call is made.
    Selftest(selftest::SelfTestArgs),
    /// Write a run as one portable file.
    Export(export::ExportArgs),
    /// Take runs that were made elsewhere into the history.
    Import(import::ImportArgs),
    /// See whether a model can be reached.
    Endpoint(endpoint::EndpointArgs),
    /// Compare judges with people.
    Judge(judge::JudgeArgs),
    /// Grade outputs that were made elsewhere.
    Score(score::ScoreArgs),
    /// List the scorers with their options.
    Scorers(scorers::ScorersArgs),
    /// Print the JSON Schema of a file format, for completion in editors.
    Schema(schema::SchemaArgs),
    /// Print completions for a shell.
    Completions(completions::CompletionArgs),
    /// Print the manual page.
    Man,
}

/// Runs the program and returns how it ends.
pub fn main(context: &Context) -> Exit {
    let cli = match Cli::try_parse_from(&context.arguments) {
        Ok(cli) => cli,
        Err(error) => return Console::plain(context).usage(&error),
    };
    let console = Console::new(context, cli.global.color);
    match dispatch(&cli, context, &console) {
        Ok(exit) => exit,
        Err(error) => {
            console.error(&error);
            Exit::Usage
        }
    }
}

fn dispatch(cli: &Cli, context: &Context, console: &Console) -> Result<Exit> {
    let workspace = || open_workspace(cli, context);
    match &cli.command {
        Command::Init(args) => init::run(args, context, console),
        Command::Check(args) => check::run(args, &workspace()?, console),
        Command::Run(args) => run::run(args, &workspace()?, console, cli.global.progress),
        Command::Compare(args) => compare::run(args, &workspace()?, console),
        Command::Report(args) => report::run(args, &workspace()?, console),
        Command::Show(args) => show::run(args, &workspace()?, console),
        Command::Rescore(args) => rescore::run(args, &workspace()?, console),
        Command::Review(args) => review::run(args, &workspace()?, context, console),
        Command::History(args) => history::run(args, &workspace()?, console),
        Command::Baseline(args) => {
            baseline::run(args, &workspace()?, context, (console, cli.global.progress))
        }
        Command::Selftest(args) => selftest::run(args, &workspace()?, console),
        Command::Export(args) => export::run(args, &workspace()?, console),
        Command::Import(args) => import::run(args, &workspace()?, console),
        Command::Endpoint(args) => endpoint::run(args, &workspace()?, console),
        Command::Judge(args) => judge::run(args, &workspace()?, console),
        Command::Score(args) => {
            let is_inside =
                cli.global.workspace.is_some() || Workspace::find(&context.folder).is_ok();
            let workspace = is_inside.then(workspace).transpose()?;
            score::run(args, workspace.as_ref(), console)
        }
        Command::Scorers(args) => scorers::run(args, console),
        Command::Schema(args) => Ok(schema::run(args, console)),
        Command::Completions(args) => Ok(completions::run(args, console)),
        Command::Man => completions::man(console),
    }
}

fn open_workspace(cli: &Cli, context: &Context) -> Result<Workspace> {
    let root = match &cli.global.workspace {
        Some(folder) if context.folder.join(folder).join(FILE).is_file() => {
            context.folder.join(folder)
        }
        Some(folder) => {
            return Err(
                Diagnostic::new(format!("there is no {FILE} in this folder"))
                    .at(Place::file(folder.display().to_string()))
                    .help("make a workspace with `regauge init`")
                    .into(),
            );
        }
        None => Workspace::find(&context.folder)?,
    };
    Workspace::load(&root, &context.environment)
}
