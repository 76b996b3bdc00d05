//! Scorers that read the answer as SQL or as a table.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};
use sqlparser::dialect::{GenericDialect, dialect_from_str};
use sqlparser::parser::Parser;

use crate::shape::{Field, Shape};
use crate::units::count;

use super::entry::Entry;
use super::options::{COMMON, NEGATE, TRANSFORM};
use super::registry::{Expects, Kind};
use super::{OrMissing, Reading, Rule, Subject};

/// The most bytes of SQL that are read.
const MOST_SQL: usize = 20_000;
/// Above so many bytes SQL is read on a stack of its own: `1+1+1+…` is nested as deep as it is long.
const SMALL_SQL: usize = 500;
/// Bytes of that stack; enough for the longest SQL, and only used where it is needed.
const SQL_STACK: usize = 128 << 20;

const DIALECTS: &[&str] = &[
    "generic",
    "ansi",
    "bigquery",
    "clickhouse",
    "databricks",
    "duckdb",
    "hive",
    "mssql",
    "mysql",
    "oracle",
    "postgresql",
    "redshift",
    "snowflake",
    "spark",
    "sqlite",
    "teradata",
];

/// 1 if the answer is SQL of a dialect, and of the allowed statements and tables.
pub(super) const IS_SQL: Kind = Kind {
    name: "is-sql",
    summary: "the answer is SQL",
    definition: "1 if the answer is one SQL statement or several of them, parted by semicolons, that the parser \
                 (sqlparser) takes for the dialect, and all statements and tables are allowed ones, else 0. What the \
                 parser takes may still be an error to a database. Names of tables are compared without case and quotes; \
                 `users` allows it in any schema, `app.users` in that one. Answers of more than 20,000 bytes have no \
                 score.",
    main: Some("dialect"),
    options: &[
        &[
            Field::optional(
                "dialect",
                Shape::Choice(DIALECTS),
                "whose SQL it is (default generic: what any of them allows)",
            ),
            Field::optional(
                "tables",
                Shape::List(&Shape::Text),
                "the tables that may be named (default: any)",
            ),
            Field::optional(
                "statements",
                Shape::List(&Shape::Text),
                "the statements that are allowed: select, insert, update, delete, create, … (default: any)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| Ok(Box::new(Sql::of(entry))),
};

/// 1 if the answer is a table in CSV of the shape that the options ask for.
pub(super) const IS_CSV: Kind = Kind {
    name: "is-csv",
    summary: "the answer is a table in CSV",
    definition: "1 if the answer is CSV (RFC 4180) with a header, each row with as many cells as the header, the columns \
                 that `columns` names, in that order, and a number of rows within `min-rows` and `max-rows`, both \
                 included, else 0. White space around names of columns does not count.",
    main: Some("columns"),
    options: &[
        &[
            Field::optional(
                "columns",
                Shape::List(&Shape::Text),
                "the names of all columns in order (default: any)",
            ),
            Field::optional(
                "min-rows",
                Shape::Count(0),
                "the fewest rows below the header (default 0)",
            ),
            Field::optional(
                "max-rows",
                Shape::Count(0),
                "the most rows below the header (default: any)",
            ),
            Field::optional(
                "delimiter",
                Shape::Choice(&["comma", "semicolon", "tab", "pipe"]),
                "what parts cells (default comma)",
            ),
        ],
        TRANSFORM,
        NEGATE,
        COMMON,
    ],
    expects: Expects::Nothing,
    version: 1,
    build: |entry| Ok(Box::new(Table::of(entry))),
};

#[derive(Debug)]
struct Sql {
    dialect: String,
    tables: Option<Vec<String>>,
    statements: Option<Vec<String>>,
}

impl Sql {
    fn of(entry: &Entry<'_>) -> Self {
        let allowed = |name| {
            let given = entry.get(name).is_some();
            let names = entry.texts(name);
            given.then(|| {
                names
                    .iter()
                    .map(|name| name.trim().to_lowercase())
                    .collect()
            })
        };
        Self {
            dialect: entry.text("dialect").unwrap_or("generic").to_owned(),
            tables: allowed("tables"),
            statements: allowed("statements"),
        }
    }

    fn mistake(&self, text: &str) -> Option<String> {
        let dialect = dialect_from_str(&self.dialect).unwrap_or_else(|| Box::new(GenericDialect));
        let statements = match Parser::parse_sql(dialect.as_ref(), text) {
            Ok(statements) if statements.is_empty() => {
                return Some("not SQL: no statement".to_owned());
            }
            Ok(statements) => statements,
            Err(error) => return Some(format!("not SQL: {error}")),
        };
        if let Some(allowed) = &self.statements {
            let kinds = statements.iter().map(kind_of);
            if let Some(kind) = kinds.into_iter().find(|kind| !allowed.contains(kind)) {
                return Some(format!("`{kind}` is not allowed"));
            }
        }
        let allowed = self.tables.as_ref()?;
        let mut names = Names::default();
        let ControlFlow::Continue(()) = statements.visit(&mut names);
        let own = &names.own;
        let other = names.tables.iter().find(|table| {
            let last = table.rsplit('.').next().unwrap_or_default();
            !own.contains(*table)
                && !allowed.contains(table)
                && !allowed.iter().any(|name| name == last)
        });
        other.map(|table| format!("the table `{table}` is not allowed"))
    }
}

impl Sql {
    /// As `mistake`, on a stack of its own.
    fn mistake_apart(&self, text: &str) -> OrMissing<Option<String>> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(SQL_STACK);
            let reader = thread
                .spawn_scoped(scope, || self.mistake(text))
                .map_err(|error| format!("no memory to read SQL: {error}"))?;
            reader
                .join()
                .map_err(|_| "the SQL could not be read".to_owned())
        })
    }
}

/// The word that a statement begins with; that of a query is `select`.
fn kind_of(statement: &Statement) -> String {
    if matches!(statement, Statement::Query(_)) {
        return "select".to_owned();
    }
    let text = statement.to_string();
    let word = text.split_whitespace().next().unwrap_or_default();
    word.to_lowercase()
}

/// The tables that statements name, and those that they make for themselves by `with`.
#[derive(Default)]
struct Names {
    tables: BTreeSet<String>,
    own: BTreeSet<String>,
}

impl Visitor for Names {
    type Break = std::convert::Infallible;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.own
            .extend(tables.map(|table| table.alias.name.value.to_lowercase()));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<Self::Break> {
        let parts = relation.0.iter().map(|part| match part.as_ident() {
            Some(name) => name.value.to_lowercase(),
            None => part.to_string().to_lowercase(),
        });
        self.tables.insert(parts.collect::<Vec<_>>().join("."));
        ControlFlow::Continue(())
    }
}

impl Rule for Sql {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        if subject.text.len() > MOST_SQL {
            return Err(format!(
                "SQL of more than {MOST_SQL} bytes is too long to read"
            ));
        }
        let mistake = if subject.text.len() <= SMALL_SQL {
            self.mistake(subject.text)
        } else {
            self.mistake_apart(subject.text)?
        };
        Ok(Reading::binary(mistake.is_none(), || {
            mistake.unwrap_or_default()
        }))
    }
}

#[derive(Debug)]
struct Table {
    columns: Option<Vec<String>>,
    min: u64,
    max: Option<u64>,
    delimiter: u8,
}

impl Table {
    fn of(entry: &Entry<'_>) -> Self {
        Self {
            columns: entry.get("columns").map(|_| entry.texts("columns")),
            min: entry.count("min-rows").unwrap_or(0),
            max: entry.count("max-rows"),
            delimiter: match entry.text("delimiter") {
                Some("semicolon") => b';',
                Some("tab") => b'\t',
                Some("pipe") => b'|',
                _ => b',',
            },
        }
    }

    fn mistake(&self, text: &str) -> Option<String> {
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(self.delimiter)
            .from_reader(text.trim().as_bytes());
        let header: Vec<String> = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim().to_owned()).collect(),
            Err(error) => return Some(format!("not CSV: {error}")),
        };
        if header.is_empty() {
            return Some("not CSV: no header".to_owned());
        }
        if let Some(columns) = self.columns.as_ref().filter(|columns| **columns != header) {
            return Some(format!(
                "expected the columns {}, got {}",
                columns.join(", "),
                header.join(", ")
            ));
        }
        let mut rows = 0;
        for record in reader.records() {
            if let Err(error) = record {
                return Some(format!("not CSV: {error}"));
            }
            rows += 1;
        }
        let found = count(usize::try_from(rows).unwrap_or(usize::MAX), "row");
        match self.max {
            _ if rows < self.min => Some(format!("{found}, expected at least {}", self.min)),
            Some(max) if rows > max => Some(format!("{found}, expected at most {max}")),
            _ => None,
        }
    }
}

impl Rule for Table {
    fn read(&self, subject: &Subject<'_>) -> OrMissing<Reading> {
        let mistake = self.mistake(subject.text);
        Ok(Reading::binary(mistake.is_none(), || {
            mistake.unwrap_or_default()
        }))
    }
}
