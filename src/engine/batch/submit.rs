//! Submits a batch once: after an attempt that may have come through, the endpoint is asked whether it did.

use super::{Desk, Step};
use crate::engine::End;
use crate::engine::receive::Refused;
use crate::error::Result;
use crate::exchange::{Failure, FailureKind, Outcome, Request};
use crate::history::batch::Batch;
use crate::provider::batch::{Parcel, State, Submission, read_upload};

/// How far the clocks of an endpoint and of this machine may lie apart, in milliseconds.
const CLOCKS_APART: i64 = 3_600_000;
/// Pages of batches that are looked through; an endpoint that ignores where a page shall begin has no last one.
const MOST_PAGES: usize = 100;
/// What cannot be had of an endpoint, in words.
const NOT_SUBMITTED: &str = "the batch could not be submitted";
const NO_LIST: &str = "the batches of the endpoint could not be listed";

impl Desk {
    /// Submits a batch and returns the endpoint's id of it. Where it is sure that the endpoint has no such batch, the
    /// history is told.
    pub(super) async fn submit(
        &self,
        batch: &Batch,
        parcel: &Parcel,
        sample: &Request,
    ) -> Result<Step<String>> {
        let mut file = None;
        let mut attempts = 0;
        let end = loop {
            attempts += 1;
            let submission = Submission {
                name: &batch.id,
                run: &batch.run,
                parcel,
                file: file.as_deref(),
                request: sample,
            };
            let refused = match self.step(&submission).await {
                Err(end) => return Ok(Err(end)),
                Ok(Ok(Sent::Batch(id))) => return Ok(Ok(id)),
                Ok(Ok(Sent::File(id))) => {
                    (file, attempts) = (Some(id), 0);
                    continue;
                }
                Ok(Err(refused)) => refused,
            };
            let paused = self.pause(attempts, &refused, NOT_SUBMITTED).await;
            let was_submission = file.is_some() || !self.protocol.uploads();
            if was_submission && may_have_come_through(&refused.failure) {
                match self.find(batch).await? {
                    Ok(None) => {}
                    Ok(Some(id)) => return Ok(Ok(id)),
                    Err(end) => return Ok(Err(end)),
                }
            }
            if let Err(end) = paused {
                break end;
            }
        };
        self.batching.history.end_batch(&batch.id).await?;
        Ok(Err(end))
    }

    /// Makes the next step of a submission.
    async fn step(&self, submission: &Submission<'_>) -> Step<std::result::Result<Sent, Refused>> {
        let endpoint = &self.lane.endpoint;
        if submission.file.is_none()
            && let Some(upload) = self.protocol.upload(submission.parcel)
        {
            let uploaded = endpoint.post(upload, read_upload);
            return Ok(self.shared.unless_over(uploaded).await?.map(Sent::File));
        }
        let http = self.protocol.submit(submission);
        let submitted = endpoint.post(http, |reply| self.protocol.read_state(reply));
        let submitted = self.shared.unless_over(submitted).await?;
        Ok(submitted.map(|state| Sent::Batch(state.id)))
    }

    /// Looks for a batch of ours whose id we were never told. Where batches bear names, it is the one with our name.
    /// Where they do not, each that may be ours is waited for, since only its results say whose it is.
    pub(super) async fn find(&self, batch: &Batch) -> Result<Step<Option<String>>> {
        let recent = match self.recent(batch.noted_at).await {
            Ok(recent) => recent,
            Err(end) => return Ok(Err(end)),
        };
        if self.protocol.bears_name {
            let named = |state: &State| state.name.as_deref() == Some(batch.id.as_str());
            return Ok(Ok(recent.into_iter().find(named).map(|state| state.id)));
        }
        for state in recent {
            let is_as_large = state.counts.total == batch.addresses.len() as u64;
            if !is_as_large || self.batching.history.knows_batch(&state.id).await? {
                continue;
            }
            match self.is_ours(batch, &state.id).await {
                Ok(false) => {}
                Ok(true) => return Ok(Ok(Some(state.id))),
                Err(end) => return Ok(Err(end)),
            }
        }
        Ok(Ok(None))
    }

    /// The batches that were made since a moment, in milliseconds since 1970.
    async fn recent(&self, since: i64) -> Step<Vec<State>> {
        let since = (since - CLOCKS_APART) / 1000;
        let mut recent = Vec::new();
        let mut after: Option<String> = None;
        let (mut pages, mut attempts) = (0, 0);
        loop {
            let http = self.protocol.list(after.as_deref());
            let endpoint = &self.lane.endpoint;
            let page = endpoint.get(&http, |reply| self.protocol.read_list(reply));
            let (states, next) = match self.shared.unless_over(page).await? {
                Ok(page) => page,
                Err(refused) => {
                    attempts += 1;
                    self.pause(attempts, &refused, NO_LIST).await?;
                    continue;
                }
            };
            attempts = 0;
            pages += 1;
            let is_old = |state: &State| state.created_at.is_some_and(|at| at < since);
            let has_old = states.iter().any(is_old);
            recent.extend(states.into_iter().filter(|state| !is_old(state)));
            after = next.filter(|_| !has_old);
            if after.is_none() {
                return Ok(recent);
            }
            if pages == MOST_PAGES {
                return Err(End {
                    outcome: Outcome::ProviderError,
                    reason: format!("{NO_LIST}: there is no end of them").into(),
                });
            }
        }
    }
}

/// What came of a step of a submission.
enum Sent {
    /// The id of the file with the calls.
    File(String),
    /// The id of the batch.
    Batch(String),
}

/// Whether an endpoint may have done what was asked though it did not say so.
fn may_have_come_through(failure: &Failure) -> bool {
    !matches!(
        failure.kind,
        FailureKind::RateLimited | FailureKind::Rejected
    )
}
