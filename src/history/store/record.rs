//! What is written of runs and exchanges, as statements.
//!
//! Every list of them comes to the same when it is carried out twice. Rows that several processes may write at once
//! are in the order of their keys, so that no two transactions wait for each other.

use std::collections::BTreeMap;

use super::statement::{Dialect, Statement, Value};
use crate::digest::Digest;
use crate::error::{Diagnostic, Result};
use crate::exchange::{Answered, Exchange, Reply};
use crate::history::point::{self, SeriesMeans};
use crate::history::run::{Header, Origin, Run, TrialRecord};
use crate::units::Cost;

/// Rows that one statement writes. SQLite allows 32,766 values in one, PostgreSQL 65,535.
pub(super) const BATCH: usize = 500;

/// How far a run came.
pub(super) fn noted(header: &Header) -> Statement {
    Statement::new(
        "INSERT INTO runs (id, invocation, suite, started_at, status, header) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, header = excluded.header",
    )
    .bind(&*header.id)
    .bind(&*header.invocation)
    .bind(&*header.suite)
    .bind(header.started_at)
    .bind(header.status.name())
    .bind(to_json(header))
}

/// Exchanges of a run with their requests, in one message to the database.
pub(super) fn kept(dialect: Dialect, run: &str, exchanges: &[Exchange]) -> Statement {
    let requests: BTreeMap<Digest, &Exchange> = exchanges
        .iter()
        .map(|exchange| (exchange.call.digest, exchange))
        .collect();
    let requests = requests.into_iter().map(|(digest, exchange)| {
        let request = to_json(&exchange.call.request);
        [digest.to_string().into(), request.into()]
    });
    // SQLite takes two statements in one message, PostgreSQL a statement inside another. A request without its
    // exchange, should the second half fail, does no harm.
    let (before, between) = match dialect {
        Dialect::Sqlite => ("", "; "),
        Dialect::Postgres => ("WITH asked AS (", ") "),
    };
    let answers = exchanges.iter().map(|exchange| Answer {
        address: exchange.address(),
        request: Some(exchange.call.digest),
        repeat: exchange.repeat,
        answered: &exchange.answer,
        cost: exchange.cost,
    });
    Statement::new(before)
        .then("INSERT INTO requests (digest, body) VALUES ")
        .rows(dialect, requests)
        .then(" ON CONFLICT (digest) DO NOTHING")
        .then(between)
        .answers(dialect, run, answers)
}

/// An answer at its address.
#[derive(Clone)]
struct Answer<'a> {
    address: Digest,
    /// The request, where it is known: a run file does not hold it.
    request: Option<Digest>,
    repeat: u32,
    answered: &'a Answered,
    /// What was paid for it by whoever keeps this history.
    cost: Option<Cost>,
}

impl Statement {
    fn answers<'a>(
        self,
        dialect: Dialect,
        run: &str,
        answers: impl Iterator<Item = Answer<'a>>,
    ) -> Self {
        // A row is written once in a statement; the last answer at an address counts.
        let answers: BTreeMap<Digest, Answer<'_>> =
            answers.map(|answer| (answer.address, answer)).collect();
        let rows = answers.into_values().map(|answer| {
            let request = answer.request.map(|digest| digest.to_string());
            let ok = matches!(answer.answered.reply, Reply::Response(_));
            [
                run.into(),
                answer.address.to_string().into(),
                request.unwrap_or_default().into(),
                i64::from(answer.repeat).into(),
                i64::from(ok).into(),
                answer.answered.sent_at.into(),
                to_json(answer.answered).into(),
                answer.cost.unwrap_or_default().usd().into(),
            ]
        });
        self.then(
            "INSERT INTO exchanges (run, address, request, repeat, ok, sent_at, answer, cost) VALUES ",
        )
        .rows(dialect, rows)
        .then(
            " ON CONFLICT (address, run) DO UPDATE \
                 SET ok = excluded.ok, sent_at = excluded.sent_at, answer = excluded.answer, \
                 cost = CASE WHEN excluded.cost > 0 THEN excluded.cost ELSE exchanges.cost END",
        )
    }
}

/// A finished run on its way into the history.
pub(super) struct Record<'a> {
    run: &'a Run,
    /// Whether it came from a file, with all of its answers; else its exchanges are in the history already.
    imported: bool,
    /// Digest and body of each case.
    cases: Vec<(String, String)>,
    series: Vec<SeriesMeans>,
}

impl<'a> Record<'a> {
    pub(super) fn new(run: &'a Run, imported: bool) -> Self {
        let case = |case| {
            let (digest, body) = point::digested(case);
            (digest.to_string(), body)
        };
        Self {
            run,
            imported,
            cases: run.cases.iter().map(case).collect(),
            series: SeriesMeans::of(run),
        }
    }

    pub(super) fn statements(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        self.cleared()
            .chain(self.bodies(dialect))
            .chain(self.list(dialect))
            .chain(self.answers(dialect))
            .chain(self.trials(dialect))
            .chain(self.results(dialect))
            .chain(self.header())
    }

    fn id(&self) -> &str {
        &self.run.header.id
    }

    fn cleared(&self) -> impl Iterator<Item = Statement> {
        let tables = [
            "DELETE FROM run_cases WHERE run = $1",
            "DELETE FROM trials WHERE run = $1",
            "DELETE FROM results WHERE run = $1",
        ];
        tables
            .into_iter()
            .map(|sql| Statement::new(sql).bind(self.id()))
    }

    fn bodies(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        let mut bodies: Vec<&(String, String)> = self.cases.iter().collect();
        bodies.sort_unstable();
        batches(bodies.len()).map(move |batch| {
            let rows = bodies[batch].iter();
            Statement::new("INSERT INTO cases (digest, body) VALUES ")
                .rows(
                    dialect,
                    rows.map(|(digest, body)| [digest.as_str().into(), body.as_str().into()]),
                )
                .then(" ON CONFLICT (digest) DO NOTHING")
        })
    }

    fn list(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        batches(self.cases.len()).map(move |batch| {
            let rows = batch.map(|index| {
                let (digest, _) = &self.cases[index];
                [self.id().into(), number(index), (**digest).into()]
            });
            Statement::new("INSERT INTO run_cases (run, position, digest) VALUES ")
                .rows(dialect, rows)
        })
    }

    fn answers(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        let trials: &[TrialRecord] = if self.imported { &self.run.trials } else { &[] };
        trials.chunks(BATCH).map(move |batch| {
            let answered: Vec<(&TrialRecord, Digest, Answered)> = batch
                .iter()
                .filter_map(|trial| Some((trial, trial.address?, trial.answer.as_ref()?.read())))
                .collect();
            let answers = answered.iter().map(|(trial, address, answered)| Answer {
                address: *address,
                request: None,
                repeat: trial.repeat,
                answered,
                cost: None,
            });
            Statement::new("").answers(dialect, self.id(), answers)
        })
    }

    fn trials(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        batches(self.run.trials.len()).map(move |batch| {
            let rows = batch.map(|index| {
                let trial = &self.run.trials[index];
                let source = match &trial.origin {
                    Origin::Reused(earlier) if !self.imported => &**earlier,
                    _ => self.id(),
                };
                [
                    self.id().into(),
                    number(index),
                    source.into(),
                    trial.address.map(|address| address.to_string()).into(),
                    to_json(trial).into(),
                ]
            });
            Statement::new("INSERT INTO trials (run, position, source, address, body) VALUES ")
                .rows(dialect, rows)
        })
    }

    fn results(&self, dialect: Dialect) -> impl Iterator<Item = Statement> {
        batches(self.series.len()).map(move |batch| {
            let rows = self.series[batch].iter().map(|series| {
                [
                    self.id().into(),
                    number(series.subject),
                    series.metric.as_str().into(),
                    series.value.into(),
                    to_json(&series.means).into(),
                ]
            });
            Statement::new("INSERT INTO results (run, subject, metric, value, means) VALUES ")
                .rows(dialect, rows)
        })
    }

    /// Last, so that a run never looks finished before it is.
    fn header(&self) -> impl Iterator<Item = Statement> {
        let mut list = String::new();
        list.extend(self.cases.iter().map(|(digest, _)| digest.as_str()));
        let list = Digest::of_bytes(list.as_bytes()).to_string();
        let listed = Statement::new("UPDATE runs SET case_list = $2 WHERE id = $1")
            .bind(self.id())
            .bind(list);
        [noted(&self.run.header), listed].into_iter()
    }
}

/// Ranges of at most [`BATCH`] rows.
fn batches(rows: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..rows)
        .step_by(BATCH)
        .map(move |start| start..rows.min(start + BATCH))
}

fn number(index: usize) -> Value {
    Value::Number(position(index))
}

/// A place in a list as databases count.
pub(super) fn position(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

pub(super) fn from_json<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Diagnostic::new("a record of the history cannot be read")
            .because(&error)
            .help("it was written by another version of regauge, or the history is damaged")
            .into()
    })
}

pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our records serialise to JSON")
}
