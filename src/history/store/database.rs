//! The database that a history is kept in: a file of SQLite, or a server of PostgreSQL.

use std::borrow::Cow;
use std::sync::Arc;

use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::postgres::Server;
use super::sqlite::File;
use super::statement::{Dialect, Row, Statement};
use crate::error::Result;
use crate::history::ownership::Ownership;

/// The changes of the schema, in order; never edited, only added to. Their text means the same to both databases.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("../migrations/0001_first.sql")),
    (2, "results", include_str!("../migrations/0002_results.sql")),
    (3, "costs", include_str!("../migrations/0003_costs.sql")),
    (
        4,
        "shared limits",
        include_str!("../migrations/0004_shared_limits.sql"),
    ),
    (5, "batches", include_str!("../migrations/0005_batches.sql")),
];

/// What to do about a history that another program made.
pub(super) const NEWER: &str = "it was made by a newer regauge; get that version";

/// An open database.
#[derive(Debug, Clone)]
pub(super) enum Database {
    Sqlite(File),
    Postgres(Arc<Server>),
}

impl Database {
    /// How it wants values named.
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Carries out one statement, which is safe when this returns, and gives back its rows. The statement is made anew
    /// for every attempt.
    pub(super) async fn run(&self, statement: impl Fn() -> Statement) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(file) => file.run(statement()).await,
            Self::Postgres(server) => server.run(|| std::iter::once(statement())).await,
        }
    }

    /// Carries out all statements or none. They are made anew for every attempt, and must come to the same when they
    /// are carried out twice: a server may be lost after it did so and before it said so.
    pub(super) async fn write<I>(&self, statements: impl Fn() -> I) -> Result<()>
    where
        I: Iterator<Item = Statement>,
    {
        match self {
            Self::Sqlite(file) => file.write(statements()).await,
            Self::Postgres(server) => server.write(statements).await,
        }
    }

    /// Takes the runs of an invocation for this process.
    pub(super) async fn own(&self, invocation: &str) -> Result<Ownership> {
        match self {
            Self::Sqlite(file) => file.own(invocation),
            Self::Postgres(server) => server.own(invocation).await,
        }
    }
}

/// What makes the tables.
pub(super) fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(version, name, sql)| {
        Migration::new(
            *version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            sqlx::SqlStr::from_static(sql),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}
