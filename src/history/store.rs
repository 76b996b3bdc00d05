//! The history in a file of `SQLite`, which several processes may use at once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{QueryBuilder, Row as _, Sqlite, Transaction};

use super::ownership::Ownership;
use super::point::{Point, SeriesMeans};
use super::run::{Header, Run, Status, TrialRecord};
use crate::digest::Digest;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::exchange::{Answered, Exchange, Reply};
use crate::golden::Case;
use crate::workspace::Workspace;

/// Rows that one statement writes; `SQLite` allows 32,766 values.
const BATCH: usize = 500;
/// Cases or trials that are read together.
const READ_TOGETHER: usize = 5_000;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_mins(1);

/// The changes of the schema, in order; never edited, only added to.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "first", include_str!("migrations/0001_first.sql")),
    (2, "results", include_str!("migrations/0002_results.sql")),
];

/// An open history.
#[derive(Debug, Clone)]
pub struct History {
    pool: SqlitePool,
    file: PathBuf,
}

/// Which run a suite is compared with unless another is named, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// The run.
    pub run: String,
    /// Who set it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When: milliseconds since 1970, UTC.
    pub set_at: i64,
}

impl History {
    /// Opens the history that a workspace names, and makes or migrates it first where that is needed.
    pub async fn open(workspace: &Workspace) -> Result<Self> {
        Self::open_file(&workspace.path(&workspace.history)).await
    }

    /// Opens the history in a file.
    pub async fn open_file(path: &Path) -> Result<Self> {
        let cannot = |cause: &dyn std::error::Error| {
            Error::from(
                Diagnostic::new("cannot open the history")
                    .at(Place::file(path.display().to_string()))
                    .because(cause)
                    .help("see that the folder can be written to, or name another file with `history:`"),
            )
        };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| cannot(&error))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY)
            // A checkpoint waits for the disk, and calls wait for it: rather fewer and longer ones.
            .pragma("wal_autocheckpoint", "10000")
            // Addresses are random, so every insert may touch any page: 16 MB of them stay in memory.
            .pragma("cache_size", "-16000");
        // SQLite knows no locks for migrations; two processes that start at once would both make the tables.
        let lock = File::create(beside(path, ".lock")).map_err(|error| cannot(&error))?;
        lock.lock().map_err(|error| cannot(&error))?;
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .test_before_acquire(false)
            .connect_with(options)
            .await
            .map_err(|error| cannot(&error))?;
        migrator()
            .run(&pool)
            .await
            .map_err(|error| cannot(&error))?;
        drop(lock);
        Ok(Self {
            pool,
            file: path.to_owned(),
        })
    }

    /// Takes the runs of an invocation for this process; two processes that make the same run would pay twice. The
    /// right ends with what is returned, or with the process.
    pub fn own(&self, invocation: &str) -> Result<Ownership> {
        Ownership::take(beside(&self.file, &format!(".{invocation}.lock")))
    }

    /// Notes runs that are about to begin, or how far runs came.
    pub async fn note<'h>(&self, headers: impl Iterator<Item = &'h Header>) -> Result<()> {
        let mut transaction = self.begin().await?;
        for header in headers {
            note(&mut transaction, header).await?;
        }
        transaction.commit().await.map_err(|error| failed(&error))
    }

    /// Keeps exchanges of a run; when this returns, they are safe.
    pub async fn keep(&self, run: &str, exchanges: &[Exchange]) -> Result<()> {
        if exchanges.is_empty() {
            return Ok(());
        }
        for batch in exchanges.chunks(BATCH) {
            // One message to the database. A request without its exchange, should the second half fail, does no harm.
            let mut query = QueryBuilder::<Sqlite>::new("");
            push_requests(&mut query, batch);
            query.push("; ");
            push_exchanges(&mut query, run, batch);
            query
                .build()
                .execute(&self.pool)
                .await
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// Keeps the cases and trials of a run together with its header.
    pub async fn finish(&self, run: &Run) -> Result<()> {
        let id = run.header.id.as_str();
        let mut transaction = self.begin().await?;
        for table in [
            "DELETE FROM run_cases WHERE run = $1",
            "DELETE FROM trials WHERE run = $1",
            "DELETE FROM results WHERE run = $1",
        ] {
            sqlx::query(table)
                .bind(id)
                .execute(&mut *transaction)
                .await
                .map_err(|error| failed(&error))?;
        }
        let mut list = String::new();
        for (start, cases) in run.cases.chunks(BATCH).enumerate() {
            let digests = keep_cases(&mut transaction, id, start * BATCH, cases).await?;
            list.extend(digests);
        }
        for (start, trials) in run.trials.chunks(BATCH).enumerate() {
            keep_trials(&mut transaction, id, start * BATCH, trials).await?;
        }
        for series in SeriesMeans::of(run).chunks(BATCH) {
            keep_results(&mut transaction, id, series).await?;
        }
        note(&mut transaction, &run.header).await?;
        sqlx::query("UPDATE runs SET case_list = $2 WHERE id = $1")
            .bind(id)
            .bind(Digest::of_bytes(list.as_bytes()).to_string())
            .execute(&mut *transaction)
            .await
            .map_err(|error| failed(&error))?;
        transaction.commit().await.map_err(|error| failed(&error))
    }

    /// Whether a run was noted before.
    pub async fn knows(&self, run: &str) -> Result<bool> {
        let row = sqlx::query("SELECT 1 FROM runs WHERE id = $1")
            .bind(run)
            .fetch_optional(&self.pool)
            .await;
        row.map(|row| row.is_some()).map_err(|error| failed(&error))
    }

    /// The newest answers at these addresses, of one run or of any, each with its run; failures are left out, since
    /// they are worth another call.
    pub async fn answers(
        &self,
        addresses: &[Digest],
        run: Option<&str>,
    ) -> Result<HashMap<Digest, (String, Answered)>> {
        let mut found = HashMap::new();
        for batch in addresses.chunks(BATCH) {
            let mut query = QueryBuilder::<Sqlite>::new(
                "SELECT address, run, answer FROM exchanges WHERE ok = 1 AND address IN (",
            );
            let mut list = query.separated(", ");
            for address in batch {
                list.push_bind(address.to_string());
            }
            query.push(")");
            if let Some(run) = run {
                query.push(" AND run = ").push_bind(run.to_owned());
            }
            query.push(" ORDER BY sent_at, run");
            let rows = query
                .build()
                .fetch_all(&self.pool)
                .await
                .map_err(|error| failed(&error))?;
            for row in &rows {
                let answer: Answered = from_json(row.get("answer"))?;
                found.insert(digest_of(row.get("address"))?, (row.get("run"), answer));
            }
        }
        Ok(found)
    }

    /// Headers of runs, newest first, of one suite or of all.
    pub async fn headers(&self, suite: Option<&str>, limit: u32) -> Result<Vec<Header>> {
        let rows = sqlx::query(
            "SELECT header FROM runs WHERE $1 IS NULL OR suite = $1 ORDER BY started_at DESC, id DESC LIMIT $2",
        )
        .bind(suite)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| failed(&error))?;
        rows.iter()
            .map(|row| from_json(row.get("header")))
            .collect()
    }

    /// The newest complete runs of a suite as points in time, oldest first. Runs that were graded again and runs of a
    /// shard are no points: they say nothing new, or not of the whole suite.
    pub async fn points(&self, suite: &str, limit: u32) -> Result<Vec<Point>> {
        let mut known: HashMap<String, Arc<[Digest]>> = HashMap::new();
        let mut points = Vec::new();
        let mut before = (i64::MAX, String::new());
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        while points.len() < wanted {
            let rows = sqlx::query(
                "SELECT id, started_at, header, case_list FROM runs \
                 WHERE suite = $1 AND status = $2 AND (started_at, id) < ($3, $4) \
                 ORDER BY started_at DESC, id DESC LIMIT $5",
            )
            .bind(suite)
            .bind(Status::Complete.name())
            .bind(before.0)
            .bind(&before.1)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
            let Some(last) = rows.last() else { break };
            before = (last.get("started_at"), last.get("id"));
            for row in &rows {
                let header: Header = from_json(row.get("header"))?;
                if points.len() < wanted && header.is_point() {
                    let shared: Option<String> = row.get("case_list");
                    let name = shared.unwrap_or_else(|| header.id.clone());
                    let cases = match known.get(&name) {
                        Some(cases) => Arc::clone(cases),
                        None => self.digests_of(&header.id).await?,
                    };
                    known.insert(name, Arc::clone(&cases));
                    let means = self.means_of(&header.id).await?;
                    points.push(Point {
                        header,
                        cases,
                        means,
                    });
                }
            }
        }
        points.reverse();
        Ok(points)
    }

    async fn digests_of(&self, run: &str) -> Result<Arc<[Digest]>> {
        let rows = sqlx::query("SELECT digest FROM run_cases WHERE run = $1 ORDER BY position")
            .bind(run)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
        rows.iter()
            .map(|row| digest_of(row.get("digest")))
            .collect()
    }

    async fn means_of(&self, run: &str) -> Result<Vec<SeriesMeans>> {
        let rows = sqlx::query(
            "SELECT subject, metric, value, means FROM results WHERE run = $1 ORDER BY subject, metric",
        )
        .bind(run)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| failed(&error))?;
        let series = |row: &sqlx::sqlite::SqliteRow| {
            Ok(SeriesMeans {
                subject: usize::try_from(row.get::<i64, _>("subject")).map_err(|_| damaged())?,
                metric: row.get("metric"),
                value: row.get("value"),
                means: from_json(row.get("means"))?,
            })
        };
        rows.iter().map(series).collect()
    }

    /// Headers of the unfinished runs of the newest invocation that has any, or of the run that is named, in the
    /// order in which they were planned.
    pub async fn unfinished(&self, named: Option<&str>) -> Result<Vec<Header>> {
        let recent = self.headers(None, 1000).await?;
        // A run that was graded again has no calls of its own: what it lacks is called for the run that it came from.
        let open =
            |header: &&Header| header.status != Status::Complete && header.rescored_from.is_none();
        let mut headers: Vec<Header> = recent.iter().filter(open).cloned().collect();
        if let Some(name) = named {
            let id = self.resolve(name).await?;
            headers.retain(|header| header.id == id);
        } else {
            let newest = headers.first().map(|header| header.invocation.clone());
            headers.retain(|header| Some(&header.invocation) == newest.as_ref());
        }
        headers.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(headers)
    }

    /// The id of the run that a person named: in full, by its first or last characters, or as `latest`.
    pub async fn resolve(&self, name: &str) -> Result<String> {
        let rows = sqlx::query("SELECT id FROM runs ORDER BY started_at DESC, id DESC")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
        let ids: Vec<String> = rows.iter().map(|row| row.get("id")).collect();
        let Some(newest) = ids.first() else {
            return Err(Diagnostic::new("there are no runs yet")
                .help("begin one with `regauge run`")
                .into());
        };
        if name == "latest" {
            return Ok(newest.clone());
        }
        let fits: Vec<&String> = ids
            .iter()
            .filter(|id| !name.is_empty() && (id.starts_with(name) || id.ends_with(name)))
            .collect();
        match fits.as_slice() {
            [id] => Ok((*id).clone()),
            [] => Err(Diagnostic::new(format!("unknown run `{name}`"))
                .help("list runs with `regauge history`")
                .into()),
            _ => Err(
                Diagnostic::new(format!("`{name}` fits {} runs", fits.len()))
                    .help("give more of the id")
                    .into(),
            ),
        }
    }

    /// A finished run with its cases, trials and answers.
    pub async fn load(&self, id: &str) -> Result<Run> {
        let row = sqlx::query("SELECT header FROM runs WHERE id = $1")
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
        let Some(row) = row else {
            return Err(Diagnostic::new(format!("unknown run `{id}`"))
                .help("list runs with `regauge history`")
                .into());
        };
        let header: Header = from_json(row.get("header"))?;
        let cases = self.cases_of(id).await?;
        let trials = self.trials_of(id).await?;
        Ok(Run {
            header,
            cases,
            trials,
        })
    }

    async fn cases_of(&self, id: &str) -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        loop {
            let rows = sqlx::query(
                "SELECT c.body AS body FROM run_cases r JOIN cases c ON c.digest = r.digest \
                 WHERE r.run = $1 AND r.position >= $2 AND r.position < $3 ORDER BY r.position",
            )
            .bind(id)
            .bind(position(cases.len()))
            .bind(position(cases.len() + READ_TOGETHER))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
            for row in &rows {
                cases.push(from_json(row.get("body"))?);
            }
            if rows.len() < READ_TOGETHER {
                return Ok(cases);
            }
        }
    }

    /// The trials of a run, read in parts so that rows and trials do not fill the memory together.
    async fn trials_of(&self, id: &str) -> Result<Vec<TrialRecord>> {
        let mut trials = Vec::new();
        loop {
            let start = trials.len();
            let rows = sqlx::query(
                "SELECT t.body AS body, e.answer AS answer FROM trials t \
                 LEFT JOIN exchanges e ON e.run = t.source AND e.address = t.address \
                 WHERE t.run = $1 AND t.position >= $2 AND t.position < $3 ORDER BY t.position",
            )
            .bind(id)
            .bind(position(start))
            .bind(position(start + READ_TOGETHER))
            .fetch_all(&self.pool)
            .await
            .map_err(|error| failed(&error))?;
            for row in &rows {
                let trial: TrialRecord = from_json(row.get("body"))?;
                let answer: Option<&str> = row.get("answer");
                trials.push(TrialRecord {
                    answer: answer.map(from_json).transpose()?,
                    ..trial
                });
            }
            if rows.len() < READ_TOGETHER {
                return Ok(trials);
            }
        }
    }

    /// Makes a run the baseline of its suite.
    pub async fn set_baseline(&self, suite: &str, baseline: &Baseline) -> Result<()> {
        sqlx::query(
            "INSERT INTO baselines (suite, set_at, run, who, why) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (suite, set_at) DO UPDATE SET run = excluded.run, who = excluded.who, why = excluded.why",
        )
        .bind(suite)
        .bind(baseline.set_at)
        .bind(&baseline.run)
        .bind(&baseline.who)
        .bind(&baseline.why)
        .execute(&self.pool)
        .await
        .map_err(|error| failed(&error))?;
        Ok(())
    }

    /// The baselines of a suite over time, newest first.
    pub async fn baselines(&self, suite: &str) -> Result<Vec<Baseline>> {
        let rows = sqlx::query(
            "SELECT run, who, why, set_at FROM baselines WHERE suite = $1 ORDER BY set_at DESC",
        )
        .bind(suite)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| failed(&error))?;
        let baseline = |row: &sqlx::sqlite::SqliteRow| Baseline {
            run: row.get("run"),
            who: row.get("who"),
            why: row.get("why"),
            set_at: row.get("set_at"),
        };
        Ok(rows.iter().map(baseline).collect())
    }

    /// A transaction that has the right to write from its start, so that it never has to give up half-way.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.pool
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| failed(&error))
    }
}

/// The path with something added to its last part.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn migrator() -> Migrator {
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

async fn note(transaction: &mut Transaction<'static, Sqlite>, header: &Header) -> Result<()> {
    sqlx::query(
        "INSERT INTO runs (id, invocation, suite, started_at, status, header) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET status = excluded.status, header = excluded.header",
    )
    .bind(&header.id)
    .bind(&header.invocation)
    .bind(&header.suite)
    .bind(header.started_at)
    .bind(header.status.name())
    .bind(to_json(header))
    .execute(&mut **transaction)
    .await
    .map_err(|error| failed(&error))?;
    Ok(())
}

fn push_requests(query: &mut QueryBuilder<Sqlite>, batch: &[Exchange]) {
    query.push("INSERT INTO requests (digest, body) ");
    query.push_values(batch, |mut row, exchange| {
        row.push_bind(exchange.call.digest.to_string())
            .push_bind(to_json(&exchange.call.request));
    });
    query.push(" ON CONFLICT (digest) DO NOTHING");
}

fn push_exchanges(query: &mut QueryBuilder<Sqlite>, run: &str, batch: &[Exchange]) {
    query.push("INSERT INTO exchanges (run, address, request, repeat, ok, sent_at, answer) ");
    query.push_values(batch, |mut row, exchange| {
        row.push_bind(run.to_owned())
            .push_bind(exchange.address().to_string())
            .push_bind(exchange.call.digest.to_string())
            .push_bind(i64::from(exchange.repeat))
            .push_bind(i64::from(matches!(
                exchange.answer.reply,
                Reply::Response(_)
            )))
            .push_bind(exchange.answer.sent_at)
            .push_bind(to_json(&exchange.answer));
    });
    query.push(
        " ON CONFLICT (address, run) DO UPDATE SET ok = excluded.ok, sent_at = excluded.sent_at, answer = excluded.answer",
    );
}

async fn keep_cases(
    transaction: &mut Transaction<'static, Sqlite>,
    run: &str,
    start: usize,
    cases: &[Case],
) -> Result<Vec<String>> {
    let bodies: Vec<(String, String)> = cases
        .iter()
        .map(|case| {
            let body = to_json(case);
            (Digest::of_bytes(body.as_bytes()).to_string(), body)
        })
        .collect();
    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO cases (digest, body) ");
    query.push_values(&bodies, |mut row, (digest, body)| {
        row.push_bind(digest.clone()).push_bind(body.clone());
    });
    query.push(" ON CONFLICT (digest) DO NOTHING");
    query
        .build()
        .execute(&mut **transaction)
        .await
        .map_err(|error| failed(&error))?;

    let mut query = QueryBuilder::<Sqlite>::new("INSERT INTO run_cases (run, position, digest) ");
    query.push_values(bodies.iter().enumerate(), |mut row, (i, (digest, _))| {
        row.push_bind(run.to_owned())
            .push_bind(position(start + i))
            .push_bind(digest.clone());
    });
    query
        .build()
        .execute(&mut **transaction)
        .await
        .map_err(|error| failed(&error))?;
    Ok(bodies.into_iter().map(|(digest, _)| digest).collect())
}

async fn keep_results(
    transaction: &mut Transaction<'static, Sqlite>,
    run: &str,
    series: &[SeriesMeans],
) -> Result<()> {
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO results (run, subject, metric, value, means) ");
    query.push_values(series, |mut row, series| {
        row.push_bind(run.to_owned())
            .push_bind(position(series.subject))
            .push_bind(series.metric.clone())
            .push_bind(series.value)
            .push_bind(to_json(&series.means));
    });
    query
        .build()
        .execute(&mut **transaction)
        .await
        .map_err(|error| failed(&error))?;
    Ok(())
}

async fn keep_trials(
    transaction: &mut Transaction<'static, Sqlite>,
    run: &str,
    start: usize,
    trials: &[TrialRecord],
) -> Result<()> {
    let mut query =
        QueryBuilder::<Sqlite>::new("INSERT INTO trials (run, position, source, address, body) ");
    query.push_values(trials.iter().enumerate(), |mut row, (i, trial)| {
        let source = match &trial.origin {
            super::run::Origin::Reused(earlier) => earlier.clone(),
            _ => run.to_owned(),
        };
        row.push_bind(run.to_owned())
            .push_bind(position(start + i))
            .push_bind(source)
            .push_bind(trial.address.map(|address| address.to_string()))
            .push_bind(to_json(trial));
    });
    query
        .build()
        .execute(&mut **transaction)
        .await
        .map_err(|error| failed(&error))?;
    Ok(())
}

fn position(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

fn digest_of(text: &str) -> Result<Digest> {
    text.parse().map_err(|_| damaged())
}

fn from_json<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Diagnostic::new("a record of the history cannot be read")
            .because(&error)
            .help("it was written by another version of regauge, or the file is damaged")
            .into()
    })
}

fn damaged() -> Error {
    Diagnostic::new("the history is damaged")
        .help("restore the file from a copy")
        .into()
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our records serialise to JSON")
}

fn failed(error: &sqlx::Error) -> Error {
    Diagnostic::new("the history cannot be read or written")
        .because(error)
        .help("see that the disk has room and that the file can be written to")
        .into()
}
