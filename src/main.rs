//! The `regauge` program: reads its surroundings once and hands them on.

use std::io::IsTerminal as _;
use std::process::ExitCode;

use regauge::cli::{self, Context};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let context = Context {
        arguments: std::env::args_os().collect(),
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect(),
        folder: std::env::current_dir().unwrap_or_default(),
        stdin_is_terminal: std::io::stdin().is_terminal(),
        stdout_is_terminal: std::io::stdout().is_terminal(),
        stderr_is_terminal: std::io::stderr().is_terminal(),
        width: console::Term::stdout()
            .size_checked()
            .map(|(_, width)| usize::from(width)),
    };
    cli::main(&context).into()
}
