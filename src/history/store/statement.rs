//! Statements with their values: the one form in which the history speaks to either database.

use std::borrow::Cow;
use std::fmt::Write as _;

use sqlx::postgres::PgRow;
use sqlx::query::Query;
use sqlx::sqlite::SqliteRow;
use sqlx::{Arguments, AssertSqlSafe, Database, Decode, Encode, Postgres, Row as _, Sqlite, Type};

/// How values are named in a statement that is put together: `?` is quicker in SQLite, `$1` is what PostgreSQL
/// knows. Written-out statements say `$1`, which both know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// A value of a statement.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Real(f64),
    Null,
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

/// A statement with its values.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    sql: Cow<'static, str>,
    values: Vec<Value>,
}

impl Statement {
    /// A statement whose values are bound next, in the order of their numbers.
    pub(super) fn new(sql: &'static str) -> Self {
        Self {
            sql: Cow::Borrowed(sql),
            values: Vec::new(),
        }
    }

    /// Binds the next value.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds to the text.
    pub(super) fn then(mut self, sql: &str) -> Self {
        self.sql.to_mut().push_str(sql);
        self
    }

    /// Adds `(…)` with these values.
    pub(super) fn list(
        mut self,
        dialect: Dialect,
        values: impl IntoIterator<Item = Value>,
    ) -> Self {
        let sql = self.sql.to_mut();
        for (index, value) in values.into_iter().enumerate() {
            sql.push_str(if index == 0 { "(" } else { ", " });
            self.values.push(value);
            match dialect {
                Dialect::Sqlite => sql.push('?'),
                Dialect::Postgres => {
                    write!(sql, "${}", self.values.len()).expect("a text takes more text");
                }
            }
        }
        sql.push(')');
        self
    }

    /// Adds `(…), (…)` with the values of these rows.
    pub(super) fn rows<const N: usize>(
        self,
        dialect: Dialect,
        rows: impl Iterator<Item = [Value; N]>,
    ) -> Self {
        rows.enumerate().fold(self, |statement, (index, row)| {
            let separator = if index == 0 { "" } else { ", " };
            statement.then(separator).list(dialect, row)
        })
    }

    /// The statement in the terms of a database.
    pub(super) fn query<DB>(self) -> Result<Query<'static, DB, DB::Arguments>, sqlx::Error>
    where
        DB: Database,
        DB::Arguments: sqlx::IntoArguments<DB>,
        for<'q> String: Encode<'q, DB> + Type<DB>,
        for<'q> Option<String>: Encode<'q, DB> + Type<DB>,
        for<'q> i64: Encode<'q, DB> + Type<DB>,
        for<'q> f64: Encode<'q, DB> + Type<DB>,
    {
        let mut arguments = DB::Arguments::default();
        arguments.reserve(self.values.len(), 0);
        for value in self.values {
            match value {
                // PostgreSQL keeps no NUL. JSON has it escaped; only a name can hold one, and is kept with its picture.
                Value::Text(text) if text.contains('\0') => {
                    arguments.add(text.replace('\0', "\u{2400}"))
                }
                Value::Text(text) => arguments.add(text),
                Value::Number(number) => arguments.add(number),
                Value::Real(number) => arguments.add(number),
                Value::Null => arguments.add(None::<String>),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(sqlx::query_with(AssertSqlSafe(self.sql), arguments))
    }
}

/// A row that came back.
#[derive(Debug)]
pub(super) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What both databases can give.
pub(super) trait Column<'r>:
    Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl<'r, T> Column<'r> for T where
    T: Decode<'r, Sqlite> + Type<Sqlite> + Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// The value of a column.
    pub(super) fn get<'r, T: Column<'r>>(&'r self, column: &str) -> Result<T, sqlx::Error> {
        match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        }
    }
}
