//! The batches that are under way at endpoints.

use super::record::{from_json, to_json};
use super::statement::Statement;
use super::{History, get};
use crate::error::Result;
use crate::history::batch::Batch;
use crate::history::run::Status;

impl History {
    /// Notes a batch that is about to be submitted.
    pub async fn note_batch(&self, batch: &Batch) -> Result<()> {
        let statement = || {
            Statement::new(
                "INSERT INTO batches (id, run, alias, noted_at, remote, addresses) VALUES ($1, $2, $3, $4, $5, $6) \
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(&*batch.id)
            .bind(&*batch.run)
            .bind(&*batch.alias)
            .bind(batch.noted_at)
            .bind(batch.remote.clone())
            .bind(to_json(&batch.addresses))
        };
        self.database.run(statement).await.map(drop)
    }

    /// Notes the name that the endpoint gave to a batch.
    pub async fn name_batch(&self, id: &str, remote: &str) -> Result<()> {
        let statement = || {
            Statement::new("UPDATE batches SET remote = $2 WHERE id = $1")
                .bind(id)
                .bind(remote)
        };
        self.database.run(statement).await.map(drop)
    }

    /// Notes that nothing more can come of a batch.
    pub async fn end_batch(&self, id: &str) -> Result<()> {
        let statement = || Statement::new("UPDATE batches SET ended = 1 WHERE id = $1").bind(id);
        self.database.run(statement).await.map(drop)
    }

    /// The batches of a run with a model of which something may still come, the oldest first.
    pub async fn open_batches(&self, run: &str, alias: &str) -> Result<Vec<Batch>> {
        let statement = || {
            Statement::new(
                "SELECT id, noted_at, remote, addresses FROM batches \
                 WHERE run = $1 AND alias = $2 AND ended = 0 ORDER BY noted_at, id",
            )
            .bind(run)
            .bind(alias)
        };
        let rows = self.database.run(statement).await?;
        let batch = |row| {
            Ok(Batch {
                id: get(row, "id")?,
                run: run.to_owned(),
                alias: alias.to_owned(),
                noted_at: get(row, "noted_at")?,
                remote: get(row, "remote")?,
                addresses: from_json(get(row, "addresses")?)?,
            })
        };
        rows.iter().map(batch).collect()
    }

    /// Unfinished runs with a batch that was noted since a moment (milliseconds since 1970, UTC) and of which something
    /// may still come.
    pub async fn runs_with_batches(&self, since: i64) -> Result<Vec<String>> {
        let statement = || {
            Statement::new(
                "SELECT DISTINCT b.run AS run FROM batches b JOIN runs r ON r.id = b.run \
                 WHERE b.ended = 0 AND b.noted_at >= $1 AND r.status <> $2 ORDER BY b.run",
            )
            .bind(since)
            .bind(Status::Complete.name())
        };
        let rows = self.database.run(statement).await?;
        rows.iter().map(|row| get(row, "run")).collect()
    }

    /// Whether a batch of the endpoint is known to be one of ours.
    pub async fn knows_batch(&self, remote: &str) -> Result<bool> {
        let statement = || Statement::new("SELECT id FROM batches WHERE remote = $1").bind(remote);
        Ok(!self.database.run(statement).await?.is_empty())
    }
}
