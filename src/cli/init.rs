//! `regauge init`: a working example workspace that runs offline.

use clap::Args;

use super::console::Console;
use super::{Context, Exit};
use crate::error::Result;

#[derive(Debug, Args)]
pub(super) struct InitArgs {}

pub(super) fn run(_args: &InitArgs, _context: &Context, _console: &Console) -> Result<Exit> {
    Ok(Exit::Pass)
}
