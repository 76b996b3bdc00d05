//! Files that are written as a whole or not at all.

use std::io::Write as _;
use std::path::Path;

use crate::error::{Diagnostic, Place, Result};

/// Writes a file beside its place and then moves it there, so that no reader ever sees half of it.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        set_readable(file.path())?;
        file.persist(path).map_err(|error| error.error)
    };
    write().map(|_| ()).map_err(|error| {
        Diagnostic::new("cannot write the file")
            .at(Place::file(path.display().to_string()))
            .because(&error)
            .into()
    })
}

/// Temporary files are private; a report or a recording is as readable as any other file.
#[cfg(unix)]
fn set_readable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_readable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
