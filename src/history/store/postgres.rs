//! The history on a server of PostgreSQL, which a team and its CI share.

mod failure;
mod session;

use std::fmt;
use std::time::Duration;

use sqlx::migrate::{Migrate as _, MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions as _, Postgres};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::database::migrator;
use super::statement::{Row, Statement};
use crate::digest::Digest;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::history::ownership::{self, Ownership};
use crate::workspace::history::wrong_address;
use crate::workspace::setting::Setting;

/// Time limit for a connection.
const CONNECTED: Duration = Duration::from_secs(10);
/// Time limit of one statement: a server that is silent for so long is taken as lost.
const ANSWERED: Duration = Duration::from_mins(1);
/// Milliseconds to wait before each further attempt, half a minute in all.
const WAITS: [u64; 12] = [
    50, 100, 200, 400, 800, 1600, 3000, 4000, 5000, 5000, 5000, 5000,
];

type Attempt<T> = std::result::Result<T, sqlx::Error>;

/// A server with one connection to it, which is made again when it was lost.
pub(super) struct Server {
    options: PgConnectOptions,
    connection: Mutex<Option<PgConnection>>,
    /// Cancelled when another process took over the runs of this one, after this one had lost its server.
    taken_over: CancellationToken,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The options hold the password.
        f.debug_tuple("Server").field(&self.address()).finish()
    }
}

impl Server {
    /// Connects to the server, and makes or migrates the tables first where that is needed.
    pub(super) async fn open(url: &Setting, place: &Place) -> Result<Self> {
        let server = Self {
            options: options(url, place)?,
            connection: Mutex::new(None),
            taken_over: CancellationToken::new(),
        };
        let mut patience = Patience::new();
        let connection = loop {
            match server.prepared().await {
                Ok(connection) => break connection,
                // A server that starts up is waited for; one that is not there is a mistake in the address.
                Err(error) if failure::is_busy(&error) => {
                    patience.after(error).await.map_err(|e| server.failed(&e))?;
                }
                Err(error) => return Err(server.failed(&error)),
            }
        };
        *server.connection.lock().await = Some(connection);
        Ok(server)
    }

    /// Carries out statements, the last of which gives rows. A lost connection is made again, and the statements
    /// begin anew.
    pub(super) async fn run<I>(&self, statements: impl Fn() -> I) -> Result<Vec<Row>>
    where
        I: Iterator<Item = Statement>,
    {
        let mut held = self.connection.lock().await;
        let mut patience = Patience::new();
        loop {
            if self.taken_over.is_cancelled() {
                return Err(failure::taken_over().at(self.place()).into());
            }
            // A connection that fails is not used again: nobody knows what state it is in.
            match self.attempt(held.take(), statements()).await {
                Ok((connection, rows)) => {
                    *held = Some(connection);
                    return Ok(rows.into_iter().map(Row::Postgres).collect());
                }
                Err(error) if failure::is_lost(&error) || failure::is_busy(&error) => {
                    patience.after(error).await.map_err(|e| self.failed(&e))?;
                }
                Err(error) => return Err(self.failed(&error)),
            }
        }
    }

    pub(super) async fn write<I>(&self, statements: impl Fn() -> I) -> Result<()>
    where
        I: Iterator<Item = Statement>,
    {
        let one = |sql| std::iter::once(Statement::new(sql));
        self.run(|| one("BEGIN").chain(statements()).chain(one("COMMIT")))
            .await
            .map(drop)
    }

    pub(super) async fn own(&self, invocation: &str) -> Result<Ownership> {
        let digest = Digest::of_bytes(invocation.as_bytes());
        let key = digest.as_bytes().first_chunk();
        let key = i64::from_be_bytes(*key.expect("a digest has 32 bytes"));
        session::own(&self.options, key, self.taken_over.clone())
            .await
            .map_err(|error| self.failed(&error))?
            .map(Ownership::of)
            .ok_or_else(|| ownership::taken().at(self.place()).into())
    }

    async fn attempt(
        &self,
        connection: Option<PgConnection>,
        statements: impl Iterator<Item = Statement>,
    ) -> Attempt<(PgConnection, Vec<PgRow>)> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => connect(&self.options).await?,
        };
        let mut rows = Vec::new();
        for statement in statements {
            let query = statement.query::<Postgres>()?;
            rows = in_time(ANSWERED, query.fetch_all(&mut connection)).await?;
        }
        Ok((connection, rows))
    }

    /// A connection to a database with the tables of this program.
    async fn prepared(&self) -> Attempt<PgConnection> {
        let mut connection = connect(&self.options).await?;
        let migrator = migrator();
        // Someone who may only read and write rows may not ask for tables to be made.
        if !is_migrated(&mut connection, &migrator).await? {
            check_encoding(&mut connection).await?;
            // It holds an advisory lock meanwhile: many processes may start at once.
            migrator
                .run(&mut connection)
                .await
                .map_err(|error| match error {
                    MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                        error
                    }
                    other => sqlx::Error::Migrate(Box::new(other)),
                })?;
        }
        Ok(connection)
    }

    /// Where it is, without the password.
    fn address(&self) -> String {
        failure::address(&self.options)
    }

    fn place(&self) -> Place {
        Place::file(self.address())
    }

    fn failed(&self, error: &sqlx::Error) -> Error {
        failure::diagnostic(error, &self.options)
            .at(self.place())
            .into()
    }
}

/// Waits that grow, until they are used up.
struct Patience(std::array::IntoIter<u64, 12>);

impl Patience {
    fn new() -> Self {
        Self(WAITS.into_iter())
    }

    /// Waits before the next attempt, or gives the error back where there shall be none.
    async fn after(&mut self, error: sqlx::Error) -> Attempt<()> {
        let wait = self.0.next().ok_or(error)?;
        sleep(Duration::from_millis(wait)).await;
        Ok(())
    }
}

fn options(url: &Setting, place: &Place) -> Result<PgConnectOptions> {
    let url = url.get()?;
    if let Some(wrong) = wrong_address(url) {
        return Err(wrong.at(place.clone()).into());
    }
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| {
        let cause = failure::cause_of(&error);
        let message = format!("the address of the history cannot be read: {cause}");
        Error::from(Diagnostic::new(message).at(place.clone()))
    })?;
    // Statements with many rows come in many lengths, and each that is kept costs the server memory.
    Ok(options
        .application_name("regauge")
        .statement_cache_capacity(16))
}

async fn connect(options: &PgConnectOptions) -> Attempt<PgConnection> {
    in_time(CONNECTED, options.connect()).await
}

async fn in_time<T>(limit: Duration, wanted: impl Future<Output = Attempt<T>>) -> Attempt<T> {
    match timeout(limit, wanted).await {
        Ok(done) => done,
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

async fn is_migrated(connection: &mut PgConnection, migrator: &Migrator) -> Attempt<bool> {
    let applied = connection.list_applied_migrations(&migrator.table_name);
    let applied = match applied.await {
        Ok(applied) => applied,
        Err(MigrateError::Execute(error)) if failure::is_missing_table(&error) => return Ok(false),
        Err(MigrateError::Execute(error)) => return Err(error),
        Err(other) => return Err(sqlx::Error::Migrate(Box::new(other))),
    };
    let wanted = migrator.iter();
    Ok(wanted
        .map(|migration| (migration.version, &migration.checksum))
        .eq(applied.iter().map(|done| (done.version, &done.checksum))))
}

/// Texts of all languages must fit, and a text that does not would be lost after it was paid for.
async fn check_encoding(connection: &mut PgConnection) -> Attempt<()> {
    let query = sqlx::query_scalar("SELECT current_setting('server_encoding')");
    let encoding: String = in_time(ANSWERED, query.fetch_one(connection)).await?;
    if ["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
        return Ok(());
    }
    let why = format!("the database has the encoding {encoding}, which cannot hold every text");
    Err(sqlx::Error::Configuration(why.into()))
}
