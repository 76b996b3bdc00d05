//! Which process makes a run.

use std::any::Any;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::path::PathBuf;

use crate::error::{Diagnostic, Error, Place, Result};

/// The right to make the runs of one invocation; it ends when this is dropped, or with the process.
pub struct Ownership {
    /// Held, not used: an open file with a lock, or a session of a server.
    _held: Box<dyn Any + Send>,
}

impl fmt::Debug for Ownership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ownership")
    }
}

impl Ownership {
    /// The right that ends with this value.
    pub(super) fn of(held: impl Send + 'static) -> Self {
        Self {
            _held: Box::new(held),
        }
    }

    /// Takes the right that the lock file stands for, or says that another process has it.
    pub(super) fn of_file(path: PathBuf) -> Result<Self> {
        let cannot = |error: &dyn std::error::Error| {
            Error::from(
                Diagnostic::new("cannot lock the run")
                    .at(Place::file(path.display().to_string()))
                    .because(error),
            )
        };
        let file = File::create(&path).map_err(|error| cannot(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self::of(LockFile { path, _file: file })),
            Err(TryLockError::WouldBlock) => Err(taken().into()),
            Err(TryLockError::Error(error)) => Err(cannot(&error)),
        }
    }
}

/// That another process has the right.
pub(super) fn taken() -> Diagnostic {
    Diagnostic::new("another process is making this run")
        .help("wait for it, or stop it with Ctrl-C, and resume then; `--resume=RUN` goes on with another run")
}

struct LockFile {
    path: PathBuf,
    /// The lock lives as long as the file is open.
    _file: File,
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // A lock file that stays behind does no harm.
        drop(fs::remove_file(&self.path));
    }
}
