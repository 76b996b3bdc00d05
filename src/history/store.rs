//! The history: runs, the exchanges that were paid for, and baselines, in a file or on a server.
//!
//! What is read and written is the same in both; `store/` holds what differs.

mod batches;
mod database;
mod postgres;
mod record;
mod sqlite;
mod statement;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use super::answers::{Answers, Kept};
use super::ownership::Ownership;
use super::point::{Point, SeriesMeans};
use super::run::{Header, Run, Status, TrialRecord};
use crate::digest::Digest;
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Exchange};
use crate::golden::Case;
use crate::units::Cost;
use crate::workspace::Workspace;
use crate::workspace::history::Location;
use database::Database;
use record::{BATCH, Record, from_json, position};
use statement::{Dialect, Row, Statement};

/// Cases or trials that are read together.
const READ_TOGETHER: usize = 5_000;

/// An open history.
#[derive(Debug, Clone)]
pub struct History {
    database: Database,
    scratch: Answers,
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
        match &workspace.history {
            Location::File(path) => Self::open_file(&workspace.path(path)).await,
            Location::Server { url, place } => {
                let server = postgres::Server::open(url, place).await?;
                Ok(Self {
                    database: Database::Postgres(Arc::new(server)),
                    scratch: Answers::default(),
                })
            }
        }
    }

    /// Opens the history that a workspace names, where there is one. A server that does not let us in counts as none,
    /// since what asks this way can do without.
    pub async fn open_existing(workspace: &Workspace) -> Result<Option<Self>> {
        match &workspace.history {
            Location::File(path) if !workspace.path(path).is_file() => Ok(None),
            Location::File(_) => Self::open(workspace).await.map(Some),
            Location::Server { .. } => Ok(Self::open(workspace).await.ok()),
        }
    }

    /// Opens the history in a file.
    pub async fn open_file(path: &Path) -> Result<Self> {
        let file = sqlite::File::open(path).await?;
        Ok(Self {
            database: Database::Sqlite(file),
            scratch: Answers::default(),
        })
    }

    /// Where the answers of its runs are while this process works on them.
    pub fn scratch(&self) -> &Answers {
        &self.scratch
    }

    /// Takes the runs of an invocation for this process; two processes that make the same run would pay twice. The
    /// right ends with what is returned, or with the process.
    pub async fn own(&self, invocation: &str) -> Result<Ownership> {
        self.database.own(invocation).await
    }

    /// Notes runs that are about to begin, or how far runs came.
    pub async fn note<'h>(&self, headers: impl Iterator<Item = &'h Header>) -> Result<()> {
        let headers: Vec<&Header> = headers.collect();
        let statements = || headers.iter().map(|header| record::noted(header));
        self.database.write(statements).await
    }

    /// Keeps exchanges of a run; when this returns, they are safe.
    pub async fn keep(&self, run: &str, exchanges: &[Exchange]) -> Result<()> {
        let dialect = self.database.dialect();
        for batch in exchanges.chunks(BATCH) {
            let statement = || record::kept(dialect, run, batch);
            self.database.run(statement).await?;
        }
        Ok(())
    }

    /// Keeps the cases and trials of a run together with its header.
    pub async fn finish(&self, run: &Run) -> Result<()> {
        self.write(&Record::new(run, false)).await
    }

    /// Takes runs from elsewhere with their answers. Returns of each whether it is new; a run of a known id that says
    /// something else is an error, and then none is taken.
    pub async fn import(&self, runs: &[Run]) -> Result<Vec<bool>> {
        for run in runs {
            self.is_new(run).await?;
        }
        let mut new = Vec::with_capacity(runs.len());
        for run in runs {
            let is_new = self.is_new(run).await?;
            if is_new {
                self.write(&Record::new(run, true)).await?;
            }
            new.push(is_new);
        }
        Ok(new)
    }

    async fn is_new(&self, run: &Run) -> Result<bool> {
        let id = &run.header.id;
        if !self.knows(id).await? {
            return Ok(true);
        }
        if self.load(id).await? == *run {
            return Ok(false);
        }
        Err(
            Diagnostic::new(format!("the history has another run of the id {id}"))
                .help(format!(
                    "see it with `regauge report {id}`; a run is never written over"
                ))
                .into(),
        )
    }

    async fn write(&self, record: &Record<'_>) -> Result<()> {
        let dialect = self.database.dialect();
        self.database.write(|| record.statements(dialect)).await
    }

    /// Whether a run was noted before.
    pub async fn knows(&self, run: &str) -> Result<bool> {
        let statement = || Statement::new("SELECT id FROM runs WHERE id = $1").bind(run);
        Ok(!self.database.run(statement).await?.is_empty())
    }

    /// The newest answers at these addresses, of one run or of any, each with its run; failures are left out, since
    /// they are worth another call.
    pub async fn answers(
        &self,
        addresses: &[Digest],
        run: Option<&str>,
    ) -> Result<HashMap<Digest, (String, Kept)>> {
        let dialect = self.database.dialect();
        let mut found = HashMap::new();
        for batch in addresses.chunks(BATCH) {
            let addresses = || batch.iter().map(|address| address.to_string().into());
            let statement = || {
                let of_all = Statement::new(
                    "SELECT address, run, answer FROM exchanges WHERE ok = 1 AND address IN ",
                )
                .list(dialect, addresses());
                let wanted = match run {
                    Some(run) => of_all.then(" AND run IN ").list(dialect, [run.into()]),
                    None => of_all,
                };
                wanted.then(" ORDER BY sent_at, run")
            };
            for row in &self.database.run(statement).await? {
                let answer: Answered = from_json(get(row, "answer")?)?;
                let address = digest_of(get(row, "address")?)?;
                found.insert(address, (get(row, "run")?, self.scratch.keep(&answer)?));
            }
        }
        Ok(found)
    }

    /// What calls since a moment cost, in milliseconds since 1970, UTC, as far as that is known.
    pub async fn spent_since(&self, moment: i64) -> Result<Cost> {
        let statement = || {
            Statement::new(
                "SELECT SUM(cost) AS spent FROM exchanges WHERE cost > 0 AND sent_at >= $1",
            )
            .bind(moment)
        };
        let rows = self.database.run(statement).await?;
        let spent: Option<f64> = rows.first().map_or(Ok(None), |row| get(row, "spent"))?;
        Ok(spent.and_then(Cost::from_usd).unwrap_or_default())
    }

    /// Whether several processes keep it together on a server, and could share more than that.
    pub fn is_shared(&self) -> bool {
        self.database.dialect() == Dialect::Postgres
    }

    /// Takes so much of a limit that processes share on a server, if it is there: a bucket that holds so much and fills
    /// with so much a second. Only for a history that [is shared](Self::is_shared).
    pub async fn take(
        &self,
        name: &str,
        wanted: f64,
        (holds, per_second): (f64, f64),
    ) -> Result<bool> {
        let statement = || {
            Statement::new(
                "INSERT INTO shared_limits AS s (name, level, taken_at) \
                 VALUES ($1, $2 - $3, EXTRACT(EPOCH FROM clock_timestamp())::float8) \
                 ON CONFLICT (name) DO UPDATE SET taken_at = excluded.taken_at, \
                 level = LEAST($2, s.level + $4 * GREATEST(0, excluded.taken_at - s.taken_at)) - $3 \
                 WHERE LEAST($2, s.level + $4 * GREATEST(0, excluded.taken_at - s.taken_at)) >= $3 \
                 RETURNING level",
            )
            .bind(name)
            .bind(holds)
            .bind(wanted)
            .bind(per_second)
        };
        Ok(!self.database.run(statement).await?.is_empty())
    }

    /// Headers of runs, newest first, of one suite or of all.
    pub async fn headers(&self, suite: Option<&str>, limit: u32) -> Result<Vec<Header>> {
        let limit = i64::from(limit);
        let statement = || {
            match suite {
            Some(suite) => Statement::new(
                "SELECT header FROM runs WHERE suite = $1 ORDER BY started_at DESC, id DESC LIMIT $2",
            )
            .bind(suite)
            .bind(limit),
            None => {
                Statement::new("SELECT header FROM runs ORDER BY started_at DESC, id DESC LIMIT $1")
                    .bind(limit)
            }
        }
        };
        let rows = self.database.run(statement).await?;
        rows.iter()
            .map(|row| from_json(get(row, "header")?))
            .collect()
    }

    /// The newest complete runs of a suite as points in time, at most `limit`, oldest first. Runs that were graded
    /// again and runs of a shard are no points: they say nothing new, or not of the whole suite.
    pub async fn points(&self, suite: &str, limit: u32) -> Result<Vec<Point>> {
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut chosen: Vec<(Header, Option<String>)> = Vec::new();
        let mut before = (i64::MAX, String::new());
        while chosen.len() < wanted {
            let statement = || {
                Statement::new(
                    "SELECT id, started_at, header, case_list FROM runs \
                     WHERE suite = $1 AND status = $2 AND (started_at, id) < ($3, $4) \
                     ORDER BY started_at DESC, id DESC LIMIT $5",
                )
                .bind(suite)
                .bind(Status::Complete.name())
                .bind(before.0)
                .bind(&*before.1)
                .bind(i64::from(limit))
            };
            let rows = self.database.run(statement).await?;
            let Some(last) = rows.last() else { break };
            before = (get(last, "started_at")?, get(last, "id")?);
            for row in &rows {
                let header: Header = from_json(get(row, "header")?)?;
                if header.is_point() {
                    chosen.push((header, get(row, "case_list")?));
                }
            }
        }
        chosen.truncate(wanted);
        chosen.reverse();
        self.points_of(chosen).await
    }

    /// The points of these runs, each with the digest of its list of cases where that is known.
    async fn points_of(&self, chosen: Vec<(Header, Option<String>)>) -> Result<Vec<Point>> {
        let mut known: HashMap<String, Arc<[Digest]>> = HashMap::new();
        let mut means = self.means_of(&chosen).await?;
        let mut points = Vec::with_capacity(chosen.len());
        for (header, list) in chosen {
            let name = list.unwrap_or_else(|| header.id.clone());
            let cases = match known.get(&name) {
                Some(cases) => Arc::clone(cases),
                None => self.digests_of(&header.id).await?,
            };
            known.insert(name, Arc::clone(&cases));
            points.push(Point {
                means: means.remove(&header.id).unwrap_or_default(),
                header,
                cases,
            });
        }
        Ok(points)
    }

    async fn digests_of(&self, run: &str) -> Result<Arc<[Digest]>> {
        let statement = || {
            Statement::new("SELECT digest FROM run_cases WHERE run = $1 ORDER BY position")
                .bind(run)
        };
        let rows = self.database.run(statement).await?;
        rows.iter()
            .map(|row| digest_of(get(row, "digest")?))
            .collect()
    }

    /// What came out of these runs, by the id of the run.
    async fn means_of(
        &self,
        chosen: &[(Header, Option<String>)],
    ) -> Result<HashMap<String, Vec<SeriesMeans>>> {
        let dialect = self.database.dialect();
        let mut found: HashMap<String, Vec<SeriesMeans>> = HashMap::new();
        for batch in chosen.chunks(BATCH) {
            let runs = || batch.iter().map(|(header, _)| header.id.as_str().into());
            let statement = || {
                Statement::new(
                    "SELECT run, subject, metric, value, means FROM results WHERE run IN ",
                )
                .list(dialect, runs())
            };
            for row in &self.database.run(statement).await? {
                let subject: i64 = get(row, "subject")?;
                let series = SeriesMeans {
                    subject: usize::try_from(subject).map_err(|_| damaged())?,
                    metric: get(row, "metric")?,
                    value: get(row, "value")?,
                    means: from_json(get(row, "means")?)?,
                };
                found.entry(get(row, "run")?).or_default().push(series);
            }
        }
        for series in found.values_mut() {
            series.sort_by(|a, b| (a.subject, &a.metric).cmp(&(b.subject, &b.metric)));
        }
        Ok(found)
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
        let statement = || Statement::new("SELECT id FROM runs ORDER BY started_at DESC, id DESC");
        let rows = self.database.run(statement).await?;
        let ids: Vec<String> = rows
            .iter()
            .map(|row| get(row, "id"))
            .collect::<Result<_>>()?;
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
        let statement = || Statement::new("SELECT header FROM runs WHERE id = $1").bind(id);
        let rows = self.database.run(statement).await?;
        let Some(row) = rows.first() else {
            return Err(Diagnostic::new(format!("unknown run `{id}`"))
                .help("list runs with `regauge history`")
                .into());
        };
        let header: Header = from_json(get(row, "header")?)?;
        let cases = Arc::new(self.cases_of(id).await?);
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
            let start = cases.len();
            let statement = || {
                Statement::new(
                    "SELECT c.body AS body FROM run_cases r JOIN cases c ON c.digest = r.digest \
                     WHERE r.run = $1 AND r.position >= $2 AND r.position < $3 ORDER BY r.position",
                )
                .bind(id)
                .bind(position(start))
                .bind(position(start + READ_TOGETHER))
            };
            let rows = self.database.run(statement).await?;
            for row in &rows {
                cases.push(from_json(get(row, "body")?)?);
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
            let statement = || {
                Statement::new(
                    "SELECT t.body AS body, e.answer AS answer FROM trials t \
                     LEFT JOIN exchanges e ON e.run = t.source AND e.address = t.address \
                     WHERE t.run = $1 AND t.position >= $2 AND t.position < $3 ORDER BY t.position",
                )
                .bind(id)
                .bind(position(start))
                .bind(position(start + READ_TOGETHER))
            };
            let rows = self.database.run(statement).await?;
            trials.reserve_exact(rows.len());
            for row in &rows {
                let mut trial: TrialRecord = from_json(get(row, "body")?)?;
                trial.grades.shrink_to_fit();
                let answer: Option<&str> = get(row, "answer")?;
                let keep = |answer| self.scratch.keep(&from_json(answer)?);
                trials.push(TrialRecord {
                    answer: answer.map(keep).transpose()?,
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
        let statement = || {
            Statement::new(
                "INSERT INTO baselines (suite, set_at, run, who, why) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (suite, set_at) DO UPDATE \
                 SET run = excluded.run, who = excluded.who, why = excluded.why",
            )
            .bind(suite)
            .bind(baseline.set_at)
            .bind(&*baseline.run)
            .bind(&*baseline.who)
            .bind(&*baseline.why)
        };
        self.database.run(statement).await.map(drop)
    }

    /// The baselines of a suite over time, newest first.
    pub async fn baselines(&self, suite: &str) -> Result<Vec<Baseline>> {
        let statement = || {
            Statement::new(
                "SELECT run, who, why, set_at FROM baselines WHERE suite = $1 ORDER BY set_at DESC",
            )
            .bind(suite)
        };
        let baseline = |row: &Row| {
            Ok(Baseline {
                run: get(row, "run")?,
                who: get(row, "who")?,
                why: get(row, "why")?,
                set_at: get(row, "set_at")?,
            })
        };
        let rows = self.database.run(statement).await?;
        rows.iter().map(baseline).collect()
    }
}

/// The value of a column of a row.
fn get<'r, T>(row: &'r Row, column: &str) -> Result<T>
where
    T: statement::Column<'r>,
{
    row.get(column).map_err(|_| damaged())
}

fn digest_of(text: &str) -> Result<Digest> {
    text.parse().map_err(|_| damaged())
}

fn damaged() -> Error {
    Diagnostic::new("the history is damaged")
        .help("restore it from a copy")
        .into()
}
