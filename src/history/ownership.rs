//! Which process makes a run.

use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use crate::error::{Diagnostic, Error, Place, Result};

/// The right to make the runs of one invocation; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Ownership {
    path: PathBuf,
    /// Held, not used: the lock lives as long as the file is open.
    _file: File,
}

impl Ownership {
    /// Takes the right that the lock file stands for, or says that another process has it.
    pub(super) fn take(path: PathBuf) -> Result<Self> {
        let cannot = |error: &dyn std::error::Error| {
            Error::from(
                Diagnostic::new("cannot lock the run")
                    .at(Place::file(path.display().to_string()))
                    .because(error),
            )
        };
        let file = File::create(&path).map_err(|error| cannot(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path, _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Diagnostic::new("another process is making this run")
                    .help("wait for it, or stop it with Ctrl-C, and resume then")
                    .into())
            }
            Err(TryLockError::Error(error)) => Err(cannot(&error)),
        }
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        // A lock file that stays behind does no harm.
        drop(fs::remove_file(&self.path));
    }
}
