//! Makes the calls of a run: as many at once as each endpoint allows, again where that may help, and never one twice.
//!
//! One task feeds each endpoint and one task lives for each call under way. Nothing is shared but limits. What happens
//! is told to one owner as [`Event`]s; each exchange is in the history before its event is sent.

pub mod backoff;
pub mod batch;
pub mod budget;
pub mod endpoint;
pub mod gate;
pub mod keeper;
mod limit;
pub mod probe;
mod program;
mod receive;
pub mod shared;
mod signer;
pub mod telemetry;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::exchange::{Answered, Call, Exchange, Failure, FailureKind, Outcome, Reply};
use crate::units::Cost;
use batch::{Batching, News};
use budget::Budgets;
use endpoint::{Attempt, Endpoint};
use gate::{Gate, Need, Pass, Word};
use keeper::Keeper;
use telemetry::Telemetry;

/// Calls that wait for their next attempt, for each one that may be under way.
const WAITING_PER_SLOT: usize = 8;
/// Trials in a row that an endpoint may fail to answer before it counts as down.
const DOWN_AFTER: u32 = 20;
/// The same where it says that it does not let us in.
const LOCKED_AFTER: u32 = 3;
/// Events that wait for the owner at most.
const EVENTS: usize = 256;

/// A call that is still to be made.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run that it belongs to.
    pub run: Arc<str>,
    /// Its address.
    pub address: Digest,
    /// Which repeat of its request it is, counted from 1.
    pub repeat: u32,
    /// What the caller knows it by.
    pub key: usize,
}

/// Makes the request of a job; called when its turn comes, so that requests do not fill the memory.
pub type Render = Arc<dyn Fn(&Job) -> Result<Call> + Send + Sync>;

/// What ends the calls of a run before all are made.
pub struct Ends {
    /// Most money to spend.
    pub budgets: Budgets,
    /// Most time to take.
    pub deadline: Option<Duration>,
    /// Where calls are told of, and whether they bear the trace context.
    pub telemetry: Option<(Telemetry, bool)>,
    /// Cancelled: no new attempt is begun; those under way are waited for.
    pub stop: CancellationToken,
    /// Cancelled: calls under way are dropped.
    pub abort: CancellationToken,
}

/// Makes the calls of a run, in one wave or in several that share limits, budget and deadline.
pub struct Engine {
    lanes: BTreeMap<String, Arc<Lane>>,
    common: Arc<Common>,
}

/// What happens while calls are made.
#[derive(Debug)]
pub enum Event {
    /// An attempt failed and another will be made.
    Retry {
        /// The endpoint.
        alias: Arc<str>,
        /// Why it failed.
        failure: Failure,
    },
    /// A call has its reply, and the reply is in the history.
    Done {
        /// Which job.
        key: usize,
        /// Its address.
        address: Digest,
        /// Its reply.
        answer: Answered,
        /// What it cost, where that is known.
        cost: Option<Cost>,
    },
    /// A call will not be made, or its batch ended without a reply to it.
    GivenUp {
        /// Which job.
        key: usize,
        /// Its address.
        address: Digest,
        /// How its trials end.
        outcome: Outcome,
        /// Why.
        reason: Arc<str>,
    },
    /// Something happened to a batch.
    Batch {
        /// The endpoint.
        alias: Arc<str>,
        /// The endpoint's id of the batch.
        id: String,
        /// What happened.
        news: News,
    },
}

impl Engine {
    /// An engine without endpoints; time runs from here on.
    pub fn new(ends: Ends, keeper: Keeper) -> Self {
        let common = Common {
            budgets: ends.budgets,
            deadline: ends.deadline.map(|limit| Instant::now() + limit),
            telemetry: ends.telemetry,
            stop: ends.stop,
            abort: ends.abort,
            keeper,
        };
        Self {
            lanes: BTreeMap::new(),
            common: Arc::new(common),
        }
    }

    /// Whether the endpoint behind an alias was added.
    pub fn has(&self, alias: &str) -> bool {
        self.lanes.contains_key(alias)
    }

    /// Adds an endpoint under its alias.
    pub fn add(&mut self, endpoint: Endpoint) {
        let lane = Lane::new(endpoint);
        self.lanes.insert(lane.alias.to_string(), Arc::new(lane));
    }

    /// Makes the calls of a wave, those for each endpoint in their order, each by itself or all in batches; `on_event`
    /// is told what happens, in the order in which it does. Every alias must have been added.
    pub async fn run(
        &self,
        render: Render,
        jobs: BTreeMap<String, Vec<Job>>,
        batching: Option<&Batching>,
        mut on_event: impl FnMut(Event),
    ) -> Result<()> {
        let (events, mut received) = mpsc::channel(EVENTS);
        let shared = Arc::new(Shared {
            render,
            common: self.common.clone(),
            events,
        });
        let mut feeders = JoinSet::new();
        for (alias, jobs) in jobs {
            let lane = self
                .lanes
                .get(&alias)
                .ok_or_else(|| Error::new(format!("no endpoint was prepared for `{alias}`")))?;
            let (shared, lane) = (shared.clone(), lane.clone());
            match batching {
                None => feeders.spawn(feed(shared, lane, jobs)),
                Some(batching) => feeders.spawn(batch::feed(shared, lane, jobs, batching.clone())),
            };
        }
        drop(shared);
        while let Some(event) = received.recv().await {
            on_event(event);
        }
        let mut result = Ok(());
        while let Some(fed) = feeders.join_next().await {
            let fed = fed.unwrap_or_else(|panic| {
                Err(Error::new(format!("a task of the engine failed: {panic}")))
            });
            result = result.and(fed);
        }
        result
    }
}

/// What all calls of a run share.
struct Common {
    budgets: Budgets,
    deadline: Option<Instant>,
    telemetry: Option<(Telemetry, bool)>,
    stop: CancellationToken,
    abort: CancellationToken,
    keeper: Keeper,
}

/// What all calls of a wave share.
struct Shared {
    render: Render,
    common: Arc<Common>,
    events: mpsc::Sender<Event>,
}

/// What all calls to one endpoint share.
struct Lane {
    endpoint: Endpoint,
    alias: Arc<str>,
    gate: Arc<Gate>,
    /// Calls under way, those that wait for their next attempt included.
    open: Arc<Semaphore>,
    unanswered: AtomicU32,
    down: Mutex<Option<Arc<str>>>,
}

/// Why calls are not made any more.
struct End {
    outcome: Outcome,
    reason: Arc<str>,
}

impl End {
    fn skipped(reason: impl Into<Arc<str>>) -> Self {
        Self {
            outcome: Outcome::Skipped,
            reason: reason.into(),
        }
    }

    fn interrupted() -> Self {
        Self {
            outcome: Outcome::Cancelled,
            reason: "the run was interrupted".into(),
        }
    }
}

impl Lane {
    fn new(endpoint: Endpoint) -> Self {
        Self {
            alias: endpoint.alias.as_str().into(),
            gate: Gate::new(endpoint.limits),
            open: Arc::new(Semaphore::new(
                endpoint.limits.concurrency.saturating_mul(WAITING_PER_SLOT),
            )),
            unanswered: AtomicU32::new(0),
            down: Mutex::new(None),
            endpoint,
        }
    }

    /// Counts failures in a row, so that a dead endpoint ends the run long before every call was tried in vain.
    fn observe(&self, reply: &Reply) {
        let Reply::Failure(failure) = reply else {
            self.unanswered.store(0, Ordering::Relaxed);
            return;
        };
        // A request that the endpoint finds wrong says nothing of the endpoint.
        if matches!(failure.status, Some(400 | 413 | 422)) {
            return;
        }
        let in_a_row = self.unanswered.fetch_add(1, Ordering::Relaxed) + 1;
        let locked = failure.kind == FailureKind::Rejected;
        if in_a_row >= DOWN_AFTER || (locked && in_a_row >= LOCKED_AFTER) {
            let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
            let alias = &self.alias;
            down.get_or_insert_with(|| {
                format!("the endpoint of `{alias}` failed {in_a_row} times in a row, last with: {failure}").into()
            });
        }
    }

    fn down(&self) -> Option<Arc<str>> {
        self.down
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn cost(&self, answer: &Answered) -> Option<Cost> {
        self.endpoint.price.as_ref()?.paid(answer)
    }

    /// What a call may cost at most, for the budget: nothing is known better before it is made.
    fn forecast(&self, call: &Call) -> Cost {
        let usage = crate::exchange::Usage {
            input: Some(call.request.estimated_input_tokens()),
            output: Some(call.request.params.max_tokens.unwrap_or(0)),
            ..Default::default()
        };
        self.endpoint
            .price
            .as_ref()
            .and_then(|price| price.cost(&usage))
            .unwrap_or_default()
    }
}

impl Shared {
    /// Whether something ended the work of a lane.
    fn end(&self, lane: &Lane) -> Option<End> {
        if self.common.stop.is_cancelled() {
            return Some(End::interrupted());
        }
        if self
            .common
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Some(End::skipped("the time of the run was spent"));
        }
        lane.down().map(End::skipped)
    }

    async fn tell(&self, event: Event) {
        // The owner is gone only when the program ends.
        drop(self.events.send(event).await);
    }

    async fn give_up(&self, job: &Job, end: &End) {
        let event = Event::GivenUp {
            key: job.key,
            address: job.address,
            outcome: end.outcome,
            reason: end.reason.clone(),
        };
        self.tell(event).await;
    }

    /// Makes one attempt and tells of it.
    async fn attempt(
        &self,
        lane: &Lane,
        call: &Call,
        repeat: u32,
    ) -> std::result::Result<Attempt, End> {
        let Some((telemetry, sends_trace)) = &self.common.telemetry else {
            let attempt = lane.endpoint.attempt(call, repeat, None);
            return self.unless_over(attempt).await;
        };
        let span = telemetry.begin();
        let trace = sends_trace.then(|| telemetry.header(&span));
        let attempt = lane.endpoint.attempt(call, repeat, trace.as_deref());
        let attempt = self.unless_over(attempt).await?;
        telemetry.end(span, call, &attempt);
        Ok(attempt)
    }

    /// Waits for something, but not beyond the end of the run.
    async fn unless_over<T>(&self, wanted: impl Future<Output = T>) -> std::result::Result<T, End> {
        let deadline = async {
            match self.common.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.common.abort.cancelled() => Err(End::interrupted()),
            value = wanted => Ok(value),
            () = deadline => Err(End::skipped("the time of the run was spent")),
        }
    }

    /// The same, but a first request to stop ends the waiting too.
    async fn unless_stopped<T>(
        &self,
        wanted: impl Future<Output = T>,
    ) -> std::result::Result<T, End> {
        tokio::select! {
            biased;
            () = self.common.stop.cancelled() => Err(End::interrupted()),
            value = self.unless_over(wanted) => value,
        }
    }
}

/// Begins the jobs of one endpoint in their order, and waits for all of them.
async fn feed(shared: Arc<Shared>, lane: Arc<Lane>, jobs: Vec<Job>) -> Result<()> {
    let mut calls = JoinSet::new();
    let mut result = Ok(());
    for job in jobs {
        let open = shared
            .unless_stopped(lane.open.clone().acquire_owned())
            .await;
        let end = shared.end(&lane);
        match (open, end) {
            (Ok(Ok(open)), None) if result.is_ok() => {
                let (shared, lane) = (shared.clone(), lane.clone());
                calls.spawn(async move {
                    let made = make(&shared, &lane, &job).await;
                    drop(open);
                    made
                });
            }
            (Err(end), _) | (_, Some(end)) => shared.give_up(&job, &end).await,
            _ => shared.give_up(&job, &End::skipped("the run failed")).await,
        }
        while let Some(made) = calls.try_join_next() {
            result = result.and(flatten(made));
        }
    }
    while let Some(made) = calls.join_next().await {
        result = result.and(flatten(made));
    }
    result
}

fn flatten(made: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    made.unwrap_or_else(|panic| {
        Err(Error::new(format!(
            "a call failed inside the engine: {panic}"
        )))
    })
}

/// Makes one call: attempts, keeps, tells.
async fn make(shared: &Shared, lane: &Lane, job: &Job) -> Result<()> {
    let call = Arc::new((shared.render)(job)?);
    let reserved = lane.forecast(&call);
    if let Err(of) = shared.common.budgets.reserve(&job.run, reserved) {
        let end = End::skipped(format!("the budget of the {of} was spent"));
        shared.give_up(job, &end).await;
        return Ok(());
    }
    match attempt_until_answered(shared, lane, job, &call).await {
        Ok(answered) => {
            let (mut exchange, pass) = answered;
            let cost = lane.cost(&exchange.answer);
            exchange.cost = cost;
            let paid = cost.unwrap_or_default();
            shared.common.budgets.settle(&job.run, reserved, paid);
            let exchange = shared.common.keeper.keep(job.run.clone(), exchange).await?;
            drop(pass);
            shared
                .tell(Event::Done {
                    key: job.key,
                    address: job.address,
                    answer: exchange.answer,
                    cost,
                })
                .await;
        }
        Err(end) => {
            let budgets = &shared.common.budgets;
            budgets.settle(&job.run, reserved, Cost::ZERO);
            shared.give_up(job, &end).await;
        }
    }
    Ok(())
}

/// Attempts a call until it is answered or no attempt is left. The pass of the last attempt is handed on, so that a
/// call counts as under way until its exchange is safe.
async fn attempt_until_answered(
    shared: &Shared,
    lane: &Lane,
    job: &Job,
    call: &Arc<Call>,
) -> std::result::Result<(Exchange, Pass), End> {
    let mut attempts = 0;
    loop {
        let mut pass = shared.unless_stopped(lane.gate.pass(need_of(call))).await?;
        if let Some(limits) = &lane.endpoint.shared {
            shared.unless_stopped(limits.take(need_of(call))).await?;
        }
        if let Some(end) = shared.end(lane) {
            return Err(end);
        }
        attempts += 1;
        let attempt = shared.attempt(lane, call, job.repeat).await?;
        tell(&mut pass, &attempt);
        let wait = attempt.wait;
        match &attempt.reply {
            Reply::Failure(failure) if failure.retryable && attempts <= lane.endpoint.retries => {
                // A call that another attempt might have saved is not failed, it is not done.
                if shared.common.stop.is_cancelled() {
                    return Err(End::interrupted());
                }
                let failure = failure.clone();
                drop(pass);
                shared
                    .tell(Event::Retry {
                        alias: lane.alias.clone(),
                        failure,
                    })
                    .await;
                let delay = backoff::delay(attempts, wait, &job.address);
                shared.unless_stopped(tokio::time::sleep(delay)).await?;
            }
            reply => {
                lane.observe(reply);
                return Ok((exchange_of(call, job, attempt, attempts), pass));
            }
        }
    }
}

fn need_of(call: &Call) -> Need {
    Need {
        input: call.request.estimated_input_tokens(),
        output: call.request.params.max_tokens.unwrap_or(0),
    }
}

/// Tells the gate what an attempt says of the limits of its endpoint. A quota that is used up for hours is no pace that
/// could be kept up with.
fn tell(pass: &mut Pass, attempt: &Attempt) {
    let word = match &attempt.reply {
        Reply::Response(_) => Word::Taken,
        Reply::Failure(failure) => match failure.kind {
            FailureKind::RateLimited if failure.retryable => Word::Refused(attempt.wait),
            FailureKind::Rejected => Word::Taken,
            _ => Word::Nothing,
        },
    };
    let response = attempt.reply.response();
    let tokens = response.and_then(|response| response.usage.total());
    pass.tell(word, &attempt.advertised, tokens);
}

fn exchange_of(call: &Arc<Call>, job: &Job, attempt: Attempt, attempts: u32) -> Exchange {
    // Microseconds are as much as a clock can tell.
    let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let answer = Answered {
        reply: attempt.reply,
        attempts,
        latency_ms: Some(ms(attempt.latency)),
        first_token_ms: attempt.first_token.map(ms),
        sent_at: attempt.sent_at,
        batch: false,
    };
    Exchange {
        call: call.clone(),
        repeat: job.repeat,
        answer,
        cost: None,
    }
}

/// Why trials were given up, with how many each reason took.
#[derive(Debug, Default)]
pub struct GivenUp {
    reasons: BTreeMap<Arc<str>, usize>,
}

impl GivenUp {
    /// Counts one.
    pub fn count(&mut self, reason: Arc<str>) {
        *self.reasons.entry(reason).or_default() += 1;
    }

    /// Whether nothing was given up.
    pub fn is_empty(&self) -> bool {
        self.reasons.is_empty()
    }

    /// The reasons as one text; `None` where nothing was given up.
    pub fn summary(&self) -> Option<String> {
        let parts: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{reason} ({})", crate::units::count(*count, "trial")))
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}
