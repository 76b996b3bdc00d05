//! Files that are written as a whole or not at all.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::error::{Diagnostic, Place, Result};

/// Writes a file beside its place and then moves it there, so that no reader ever sees half of it.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    replace_file_with(path, |file| file.write_all(bytes))
}

/// The same for a file that is too large to be held in memory: `write` gets the file beside its place.
pub fn replace_file_with(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> io::Result<()>,
) -> Result<()> {
    let replace = || {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let file = tempfile::NamedTempFile::new_in(folder)?;
        let mut buffer = BufWriter::with_capacity(1 << 16, file.as_file());
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        set_readable(file.path())?;
        file.persist(path).map_err(|error| error.error)
    };
    replace().map(|_| ()).map_err(|error| {
        Diagnostic::new("cannot write the file")
            .at(Place::file(path.display().to_string()))
            .because(&error)
            .into()
    })
}

/// Temporary files are private; a report or a recording is as readable as any other file.
#[cfg(unix)]
fn set_readable(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_readable(_: &Path) -> io::Result<()> {
    Ok(())
}
