//! The history in a file of SQLite, which several processes may use at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::Sqlite;
use sqlx::migrate::MigrateError;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::database::{NEWER, migrator};
use super::statement::{Row, Statement};
use crate::error::{Diagnostic, Error, Place, Result};
use crate::history::ownership::Ownership;

/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_mins(1);

/// An open file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pool: SqlitePool,
    path: PathBuf,
}

impl File {
    /// Opens the file, and makes or migrates it first where that is needed.
    pub(super) async fn open(path: &Path) -> Result<Self> {
        const WRITABLE: &str =
            "see that the folder can be written to, or name another file with `history:`";
        let cannot = |cause: &dyn std::error::Error, help: &str| {
            Error::from(
                Diagnostic::new("cannot open the history")
                    .at(Place::file(path.display().to_string()))
                    .because(cause)
                    .help(help),
            )
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot(&error, WRITABLE))?;
        }
        // SQLite knows no locks for migrations; two processes that start at once would both make the tables.
        let lock = fs::File::create(beside(path, ".lock")).map_err(|e| cannot(&e, WRITABLE))?;
        lock.lock().map_err(|error| cannot(&error, WRITABLE))?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options(path))
            .await
            .map_err(|error| cannot(&error, WRITABLE))?;
        migrator().run(&pool).await.map_err(|error| match error {
            MigrateError::VersionMissing(_) => cannot(&error, NEWER),
            _ => cannot(&error, WRITABLE),
        })?;
        drop(lock);
        Ok(Self {
            pool,
            path: path.to_owned(),
        })
    }

    pub(super) async fn run(&self, statement: Statement) -> Result<Vec<Row>> {
        let rows = match statement.query::<Sqlite>() {
            Ok(query) => query.fetch_all(&self.pool).await,
            Err(error) => Err(error),
        };
        let rows = rows.map_err(|error| failed(&error))?;
        Ok(rows.into_iter().map(Row::Sqlite).collect())
    }

    pub(super) async fn write(&self, statements: impl Iterator<Item = Statement>) -> Result<()> {
        self.transact(statements)
            .await
            .map_err(|error| failed(&error))
    }

    async fn transact(
        &self,
        statements: impl Iterator<Item = Statement>,
    ) -> std::result::Result<(), sqlx::Error> {
        // It has the right to write from its start, so that it never has to give up half-way.
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        for statement in statements {
            statement
                .query::<Sqlite>()?
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await
    }

    pub(super) fn own(&self, invocation: &str) -> Result<Ownership> {
        Ownership::of_file(beside(&self.path, &format!(".{invocation}.lock")))
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY)
        // A checkpoint waits for the disk, and calls wait for it: rather fewer and longer ones.
        .pragma("wal_autocheckpoint", "10000")
        // Addresses are random, so every insert may touch any page: 8 MB of them stay in memory.
        .pragma("cache_size", "-8000")
}

/// The path with something added to its last part.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn failed(error: &sqlx::Error) -> Error {
    Diagnostic::new("the history cannot be read or written")
        .because(error)
        .help("see that the disk has room and that the file can be written to")
        .into()
}
