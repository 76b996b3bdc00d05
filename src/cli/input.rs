//! Files that are named on the command line, `-` for standard input.

use std::io::Read as _;
use std::path::Path;

use crate::document::Source;
use crate::error::{Diagnostic, Error, Place, Result};

/// Reads a file or, for `-`, standard input; `what` it holds stands in the error.
pub(super) fn read(path: &Path, what: &str) -> Result<Source> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(path).map(|content| text = content)
    };
    let name = path.display().to_string();
    read.map_err(|error| {
        Error::from(
            Diagnostic::new(format!("cannot read {what}"))
                .at(Place::file(name.as_str()))
                .because(&error),
        )
    })?;
    Ok(Source::new(name, text))
}
