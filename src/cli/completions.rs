//! `regauge completions` and `regauge man`: for shells and for the manual.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::console::Console;
use super::{Cli, Exit};
use crate::error::{Diagnostic, Error, Result};

#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

pub(super) fn run(args: &CompletionArgs, console: &Console) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "regauge", &mut script);
    console.print(&String::from_utf8_lossy(&script));
    Exit::Pass
}

pub(super) fn man(console: &Console) -> Result<Exit> {
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(Cli::command());
    let failed = |error: std::io::Error| {
        Error::from(Diagnostic::new("cannot write the page").because(&error))
    };
    man.render(&mut page).map_err(failed)?;
    let mut command = Cli::command();
    command.build();
    for sub in command
        .get_subcommands()
        .filter(|sub| sub.get_name() != "help")
    {
        let name = format!("regauge-{}", sub.get_name());
        clap_mangen::Man::new(sub.clone().name(name))
            .render(&mut page)
            .map_err(failed)?;
    }
    console.print(&String::from_utf8_lossy(&page));
    Ok(Exit::Pass)
}
