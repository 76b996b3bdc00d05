//! Makes calls in batches: submits them, waits for their end, and keeps each result like the exchange of a single call.
//!
//! A batch is in the history before it is submitted, and under its name at the endpoint before anything else happens
//! with it. What an endpoint replied to a call is the end of it, as after the last attempt of a single call. A call
//! that it never replied to is given up, and a resumed run makes it again.

mod collect;
mod submit;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::endpoint::now_ms;
use super::{End, Event, Job, Lane, Shared, flatten};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::exchange::{Call, Failure};
use crate::history::batch::Batch;
use crate::history::store::History;
use crate::provider::batch::{Counts, Protocol, protocol};
use crate::units::Cost;

/// How calls are made in batches.
#[derive(Debug, Clone)]
pub struct Batching {
    /// Where batches are kept.
    pub history: History,
    /// The first wait between two looks at a batch.
    pub poll: Duration,
}

/// What happened to a batch.
#[derive(Debug)]
pub enum News {
    /// It was submitted.
    Submitted {
        /// Its calls.
        calls: usize,
    },
    /// It was submitted earlier, and its results are waited for.
    TakenUp {
        /// Its calls without a reply.
        calls: usize,
    },
    /// It came further.
    Moved {
        /// The endpoint's word for its state.
        word: String,
        /// Its calls.
        counts: Counts,
    },
    /// Its results hold lines that belong to none of its calls, are no lines of results, or are there twice.
    Strange {
        /// How many.
        lines: usize,
    },
    /// It is left at the endpoint, where it goes on if it can, and nobody waits for it any more.
    Left {
        /// The run that takes its results when it is resumed.
        run: Arc<str>,
        /// The address to which an empty POST cancels it.
        cancel: String,
    },
}

/// What a step on the way of a batch came to, or what ended the way.
type Step<T> = std::result::Result<T, End>;

/// All that the batches of one endpoint share.
struct Desk {
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    batching: Batching,
    protocol: &'static Protocol,
}

/// A call on its way in a batch.
struct Slot {
    job: Job,
    /// What is set aside for it.
    reserved: Cost,
}

/// A batch at the endpoint, with its calls that have no reply, by their names in it.
struct Ticket {
    batch: Batch,
    /// The endpoint's id of it.
    remote: String,
    slots: HashMap<String, Slot>,
}

/// Makes the calls to one endpoint: takes up the batches that are there, submits the other calls, and waits for all.
pub(super) async fn feed(
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    jobs: Vec<Job>,
    batching: Batching,
) -> Result<()> {
    let mut of_runs: BTreeMap<Arc<str>, Vec<Job>> = BTreeMap::new();
    for job in jobs {
        of_runs.entry(job.run.clone()).or_default().push(job);
    }
    let mut waiting = JoinSet::new();
    for (run, jobs) in of_runs {
        let first = (shared.render)(&jobs[0])?;
        let protocol = protocol(first.request.provider).ok_or_else(|| {
            Error::new(format!("the endpoint of `{}` takes no batches", lane.alias))
        })?;
        let desk = Arc::new(Desk {
            shared: shared.clone(),
            lane: lane.clone(),
            batching: batching.clone(),
            protocol,
        });
        let jobs = desk.take_up(&run, jobs, &mut waiting).await?;
        desk.submit_all(&run, jobs, &mut waiting).await?;
    }
    let mut result = Ok(());
    while let Some(waited) = waiting.join_next().await {
        result = result.and(flatten(waited));
    }
    result
}

impl Desk {
    /// Waits for the batches of a run that were submitted earlier. Returns the jobs that are in none of them.
    async fn take_up(
        self: &Arc<Self>,
        run: &Arc<str>,
        mut jobs: Vec<Job>,
        waiting: &mut JoinSet<Result<()>>,
    ) -> Result<Vec<Job>> {
        let history = &self.batching.history;
        for batch in history.open_batches(run, &self.lane.alias).await? {
            let addresses: HashSet<&Digest> = batch.addresses.iter().collect();
            let own: Vec<Job> = jobs
                .extract_if(.., |job| addresses.contains(&job.address))
                .collect();
            if own.is_empty() {
                continue;
            }
            let remote = match &batch.remote {
                Some(remote) => Ok(Some(remote.clone())),
                None => self.find(&batch).await?,
            };
            match remote {
                Ok(Some(remote)) => {
                    history.name_batch(&batch.id, &remote).await?;
                    let ticket = self.ticket(batch, remote, own)?;
                    let calls = ticket.slots.len();
                    self.tell(&ticket.remote, News::TakenUp { calls }).await;
                    waiting.spawn(self.clone().wait_for(ticket));
                }
                Ok(None) => {
                    history.end_batch(&batch.id).await?;
                    jobs.extend(own);
                }
                Err(end) => self.give_up_all(own.iter(), &end).await,
            }
        }
        // Those of a batch that never came about are back in the order of all.
        jobs.sort_by_key(|job| job.key);
        Ok(jobs)
    }

    /// A batch that is at the endpoint; its calls are paid for whatever the budget says.
    fn ticket(&self, batch: Batch, remote: String, jobs: Vec<Job>) -> Result<Ticket> {
        let mut slots = HashMap::with_capacity(jobs.len());
        for job in jobs {
            let reserved = self.forecast(&(self.shared.render)(&job)?);
            self.shared.common.budgets.owe(&job.run, reserved);
            slots.insert(batch.call_id(&job.address), Slot { job, reserved });
        }
        Ok(Ticket {
            batch,
            remote,
            slots,
        })
    }

    /// Submits jobs of a run, in as many batches as they need.
    async fn submit_all(
        self: &Arc<Self>,
        run: &Arc<str>,
        jobs: Vec<Job>,
        waiting: &mut JoinSet<Result<()>>,
    ) -> Result<()> {
        let mut jobs = jobs.into_iter().peekable();
        while jobs.peek().is_some() {
            if let Some(end) = self.shared.end(&self.lane) {
                let rest: Vec<Job> = jobs.collect();
                self.give_up_all(rest.iter(), &end).await;
                return Ok(());
            }
            if let Some(ticket) = self.submit_some(run, &mut jobs).await? {
                waiting.spawn(self.clone().wait_for(ticket));
            }
        }
        Ok(())
    }

    /// Submits as many of the jobs as one batch takes.
    async fn submit_some(
        &self,
        run: &Arc<str>,
        jobs: &mut std::iter::Peekable<std::vec::IntoIter<Job>>,
    ) -> Result<Option<Ticket>> {
        let mut batch = Batch {
            id: Uuid::now_v7().to_string(),
            run: run.to_string(),
            alias: self.lane.alias.to_string(),
            noted_at: now_ms(),
            remote: None,
            addresses: Vec::new(),
        };
        let mut parcel = self.protocol.parcel();
        let mut slots = HashMap::new();
        let mut sample = None;
        while let Some(job) = jobs.peek() {
            let call = (self.shared.render)(job)?;
            let reserved = self.forecast(&call);
            let id = batch.call_id(&job.address);
            let bytes = self.protocol.call(&id, &call.request, job.repeat);
            let refusal = match self.shared.common.budgets.reserve(run, reserved) {
                Err(of) => Some(format!("the budget of the {of} was spent")),
                Ok(()) if parcel.put(&bytes) => None,
                Ok(()) => {
                    self.settle(run, reserved, Cost::ZERO);
                    if !parcel.is_empty() {
                        break;
                    }
                    Some("the call is larger than a batch may be".to_owned())
                }
            };
            let job = jobs.next().expect("it was there a moment ago");
            if let Some(reason) = refusal {
                self.shared.give_up(&job, &End::skipped(reason)).await;
                continue;
            }
            batch.addresses.push(job.address);
            slots.insert(id, Slot { job, reserved });
            sample.get_or_insert(call.request);
        }
        let Some(sample) = sample else {
            return Ok(None);
        };
        self.batching.history.note_batch(&batch).await?;
        match self.submit(&batch, &parcel, &sample).await? {
            Ok(remote) => {
                self.batching.history.name_batch(&batch.id, &remote).await?;
                let calls = slots.len();
                self.tell(&remote, News::Submitted { calls }).await;
                Ok(Some(Ticket {
                    batch,
                    remote,
                    slots,
                }))
            }
            Err(end) => {
                self.give_up_slots(slots, &end).await;
                Ok(None)
            }
        }
    }

    /// Waits for the end of a batch and keeps what came of it.
    async fn wait_for(self: Arc<Self>, mut ticket: Ticket) -> Result<()> {
        let collected = match self.until_ended(&ticket.remote).await {
            Ok(ended) => self.collect(&mut ticket, ended).await?,
            Err(end) => Err(end),
        };
        if let Err(end) = collected {
            let news = News::Left {
                run: ticket.batch.run.as_str().into(),
                cancel: self
                    .lane
                    .endpoint
                    .address_of(&self.protocol.cancel(&ticket.remote)),
            };
            self.tell(&ticket.remote, news).await;
            self.give_up_slots(ticket.slots, &end).await;
        }
        Ok(())
    }

    /// What a call may cost at most in a batch.
    fn forecast(&self, call: &Call) -> Cost {
        self.lane.forecast(call).half()
    }

    fn settle(&self, run: &str, reserved: Cost, cost: Cost) {
        self.shared.common.budgets.settle(run, reserved, cost);
    }

    /// Gives up calls of a batch in the order of their jobs.
    async fn give_up_slots(&self, slots: HashMap<String, Slot>, end: &End) {
        let mut slots: Vec<Slot> = slots.into_values().collect();
        slots.sort_by_key(|slot| slot.job.key);
        for slot in &slots {
            self.settle(&slot.job.run, slot.reserved, Cost::ZERO);
        }
        self.give_up_all(slots.iter().map(|slot| &slot.job), end)
            .await;
    }

    async fn give_up_all<'j>(&self, jobs: impl Iterator<Item = &'j Job>, end: &End) {
        for job in jobs {
            self.shared.give_up(job, end).await;
        }
    }

    async fn tell(&self, id: &str, news: News) {
        self.shared
            .tell(Event::Batch {
                alias: self.lane.alias.clone(),
                id: id.to_owned(),
                news,
            })
            .await;
    }
}

/// That something about a batch failed, so that its calls have no reply.
fn failed(what: &str, failure: &Failure) -> End {
    End {
        outcome: failure.outcome(),
        reason: format!("{what}: {failure}").into(),
    }
}
