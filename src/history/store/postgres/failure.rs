//! What can go wrong with a server, what may be tried again, and what a person does about the rest.

use std::io::ErrorKind;

use sqlx::migrate::MigrateError;
use sqlx::postgres::PgConnectOptions;

use super::super::database::NEWER;
use crate::error::Diagnostic;

/// Error codes of PostgreSQL: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
mod code {
    pub(super) const MISSING_TABLE: &str = "42P01";
    pub(super) const NO_DATABASE: &str = "3D000";
    pub(super) const NO_RIGHT: &str = "42501";
    pub(super) const NO_ENTRY: &[&str] = &["28000", "28P01"];
    pub(super) const READ_ONLY: &str = "25006";
    pub(super) const NO_ROOM: &str = "53100";
    /// The server was stopped, or ended the session.
    pub(super) const ENDED: &[&str] = &["57P01", "57P02", "57P05", "25P03"];
    /// The server starts up, or has too many connections; or two transactions met.
    pub(super) const BUSY: &[&str] = &["57P03", "53300", "40001", "40P01", "55P03"];
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    let code = error.as_database_error()?.code()?;
    Some(code.into_owned())
}

fn has_code(error: &sqlx::Error, codes: &[&str]) -> bool {
    code_of(error).is_some_and(|code| codes.contains(&code.as_str()))
}

/// Whether the server is there and can say more in a moment.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    has_code(error, code::BUSY)
}

/// Whether the connection is gone, or may be.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    // Class 08 are the failures of connections.
    let of_connection = || code_of(error).is_some_and(|code| code.starts_with("08"));
    // A server that hangs up in the middle of a message has sent none.
    let hung_up = matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_));
    hung_up || has_code(error, code::ENDED) || of_connection()
}

/// Whether a table is not there.
pub(super) fn is_missing_table(error: &sqlx::Error) -> bool {
    has_code(error, &[code::MISSING_TABLE])
}

/// Where the database is, without the password.
pub(super) fn address(options: &PgConnectOptions) -> String {
    let user = options.get_username();
    let database = database(options);
    match options.get_socket() {
        Some(folder) => format!("postgres://{user}@{}/{database}", folder.display()),
        None => format!(
            "postgres://{user}@{}:{}/{database}",
            options.get_host(),
            options.get_port()
        ),
    }
}

/// The name of the database; that of the user where none is named.
fn database(options: &PgConnectOptions) -> &str {
    let named = options.get_database();
    named.unwrap_or_else(|| options.get_username())
}

/// What to say of an error.
pub(super) fn diagnostic(error: &sqlx::Error, options: &PgConnectOptions) -> Diagnostic {
    let (message, help) = match error {
        // A certificate that is not trusted comes as invalid data.
        sqlx::Error::Io(cause) if cause.kind() != ErrorKind::InvalidData => {
            of_connection(cause.kind())
        }
        sqlx::Error::Protocol(_) => (
            "the server of the history does not answer as PostgreSQL does",
            "see that `history:` in regauge.yaml names its host and port".to_owned(),
        ),
        sqlx::Error::Tls(_) | sqlx::Error::Io(_) => (
            "there is no safe connection to the server of the history",
            "see `sslmode` in the address of the history, and name the file of its certificate authority with \
             `sslrootcert`"
                .to_owned(),
        ),
        sqlx::Error::Migrate(migration) => match **migration {
            MigrateError::VersionMissing(_) => ("cannot open the history", NEWER.to_owned()),
            _ => (
                "cannot open the history",
                "its tables were changed by another program; name another database".to_owned(),
            ),
        },
        // What is made here says why; see `check_encoding`.
        sqlx::Error::Configuration(_) => (
            "cannot open the history",
            "make another database with `createdb --encoding UTF8 --template template0 NAME`"
                .to_owned(),
        ),
        _ => of_server(error, options),
    };
    Diagnostic::new(format!("{message}: {}", cause_of(error))).help(help)
}

/// What lies behind an error, without the names that the library has for its kinds.
pub(super) fn cause_of(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(cause) => cause.message().to_owned(),
        sqlx::Error::Io(cause) => cause.to_string(),
        sqlx::Error::Configuration(cause) | sqlx::Error::Tls(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn of_connection(kind: ErrorKind) -> (&'static str, String) {
    const LOST: &[ErrorKind] = &[
        ErrorKind::UnexpectedEof,
        ErrorKind::ConnectionReset,
        ErrorKind::ConnectionAborted,
        ErrorKind::BrokenPipe,
    ];
    if LOST.contains(&kind) {
        (
            "the server of the history was lost",
            "what was kept before is safe: when the server is back, go on with `regauge run --resume`"
                .to_owned(),
        )
    } else {
        (
            "the server of the history does not answer",
            "see that it runs, and that `history:` in regauge.yaml names its host and port; a run that was under way \
             goes on with `regauge run --resume`"
                .to_owned(),
        )
    }
}

fn of_server(error: &sqlx::Error, options: &PgConnectOptions) -> (&'static str, String) {
    let user = options.get_username();
    let code = code_of(error).unwrap_or_default();
    match code.as_str() {
        code if code::NO_ENTRY.contains(&code) => (
            "the server of the history does not let this user in",
            "give the password as `${NAME}` in `history:`, as in postgres://user:${NAME}@host/database, or in \
             PGPASSWORD, or in ~/.pgpass"
                .to_owned(),
        ),
        code::NO_DATABASE => (
            "the server of the history has no such database",
            format!("make it with `createdb --encoding UTF8 {}`", database(options)),
        ),
        code::NO_RIGHT => (
            "this user may not do that with the history",
            format!(
                "let the owner of the database grant {user} CREATE on its schema once, and SELECT, INSERT, UPDATE \
                 and DELETE on its tables"
            ),
        ),
        code::READ_ONLY => (
            "the history can only be read there",
            "name the primary server in `history:`, not a copy of it".to_owned(),
        ),
        code::NO_ROOM => (
            "the disk of the history is full",
            "make room on the disk of the server".to_owned(),
        ),
        code if code::BUSY.contains(&code) => (
            "the server of the history is busy",
            "try again in a moment".to_owned(),
        ),
        code if code::ENDED.contains(&code) => of_connection(ErrorKind::ConnectionReset),
        _ => (
            "the history cannot be read or written",
            "see what the server says in its log".to_owned(),
        ),
    }
}

/// That another process makes the runs of this one now.
pub(super) fn taken_over() -> Diagnostic {
    Diagnostic::new(
        "the server of the history was lost, and another process went on with this run meanwhile",
    )
    .help("let that process end; nothing that was kept is lost")
}
