//! From plans to runs: what is known is looked up, what is missing is called, all of it is graded and kept.
//!
//! Resume, reuse, replay and grading again are this one path; they differ in where answers may come from.

pub mod finish;
pub mod record;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::digest::Digest;
use crate::engine::endpoint::Endpoint;
use crate::engine::keeper::Keeper;
use crate::engine::{self, Event, Job, Work};
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Call, Exchange, Outcome, address};
use crate::history::recording;
use crate::history::run::{Header, Origin, Run};
use crate::history::store::History;
use crate::plan::{Plan, Subject, Trial};
use crate::units::Cost;
use crate::workspace::Workspace;

/// Exchanges that are written to the history together when they come from a recording.
const TOGETHER: usize = 500;

/// A suite to run, with the record that is made of it.
#[derive(Debug)]
pub struct Order {
    /// What is to be done.
    pub plan: Plan,
    /// The record; that of an earlier run where it is resumed.
    pub header: Header,
}

/// Where answers may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Calls alone, so that every trial is a new draw.
    Calls,
    /// Answers of earlier runs where there are any, then calls.
    EarlierRuns,
    /// Recordings and earlier runs, and never a call.
    Recordings,
}

/// How orders are carried out.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where answers may come from.
    pub source: Source,
    /// Most money to spend.
    pub budget: Option<Cost>,
    /// Most time to take.
    pub deadline: Option<Duration>,
    /// Calls under way at once for each model, over the workspace's number.
    pub concurrency: Option<usize>,
    /// Cancelled: no new attempt is begun.
    pub stop: CancellationToken,
    /// Cancelled: calls under way are dropped.
    pub abort: CancellationToken,
}

/// What the owner of a progress display is told.
#[derive(Debug)]
pub enum Progress<'a> {
    /// So many calls are to be made; so many answers are known already.
    Begun {
        /// Calls to be made.
        calls: usize,
        /// Answers that are known.
        known: usize,
    },
    /// Something happened.
    Event(&'a Event),
}

/// The addresses of all trials of a plan, in their order.
fn addresses(plan: &Plan) -> Result<Vec<Digest>> {
    let mut addresses = Vec::with_capacity(plan.trial_count());
    for subject in 0..plan.subjects.len() {
        for case in 0..plan.dataset.cases.len() {
            let request = Digest::of(&plan.request(subject, case)?);
            addresses.extend((1..=plan.trials).map(|repeat| address(request, repeat)));
        }
    }
    Ok(addresses)
}

/// An answer with where it came from.
type Known = HashMap<Digest, (Origin, Answered)>;

/// One order on its way.
struct Progressing {
    header: Header,
    trials: Vec<Trial>,
    addresses: Vec<Digest>,
    known: Known,
    given_up: HashMap<Digest, (Outcome, Arc<str>)>,
}

/// Carries out all orders together, so that they share the limits of their endpoints. The runs come back in the
/// order of the orders; each is in the history.
pub async fn execute(
    workspace: &Workspace,
    history: &History,
    orders: Vec<Order>,
    options: &Options,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<(Arc<Vec<Plan>>, Vec<Run>)> {
    let (plans, headers): (Vec<Plan>, Vec<Header>) = orders
        .into_iter()
        .map(|order| (order.plan, order.header))
        .unzip();
    let execution = Execution {
        workspace,
        history,
        options,
        plans: Arc::new(plans),
    };
    let mut under_way = Vec::new();
    for (plan, header) in execution.plans.iter().zip(headers) {
        under_way.push(execution.look_up(plan, header).await?);
    }
    let jobs = missing_jobs(&under_way);
    if options.source == Source::Recordings
        && let Some(job) = jobs.first()
    {
        return Err(execution.not_recorded(job, jobs.len()));
    }
    // An unset key is an error before anything is noted.
    let endpoints = execution.endpoints(&jobs, &under_way)?;
    history
        .note(under_way.iter().map(|order| &order.header))
        .await?;
    for (plan, order) in execution.plans.iter().zip(&under_way) {
        execution.keep_replayed(plan, order).await?;
    }
    let known = under_way.iter().map(|order| order.known.len()).sum();
    progress(Progress::Begun {
        calls: jobs.len(),
        known,
    });
    execution
        .call(endpoints, &jobs, &mut under_way, &mut progress)
        .await?;
    let mut runs = Vec::new();
    for (plan, order) in execution.plans.iter().zip(under_way) {
        let run = finish::finish(plan, order);
        history.finish(&run).await?;
        runs.push(run);
    }
    Ok((execution.plans, runs))
}

/// The calls that no known answer spares, breadth first: every case once before any case twice, so that an end of
/// the budget leaves something of every case. Equal requests are called once.
fn missing_jobs(orders: &[Progressing]) -> Vec<Missing> {
    let mut jobs = Vec::new();
    for (order, progressing) in orders.iter().enumerate() {
        let mut seen = HashSet::new();
        for (trial, address) in progressing.trials.iter().zip(&progressing.addresses) {
            if !progressing.known.contains_key(address) && seen.insert(*address) {
                jobs.push(Missing {
                    order,
                    address: *address,
                    trial: *trial,
                });
            }
        }
    }
    jobs.sort_by_key(|job| {
        (
            job.trial.repeat,
            job.order,
            job.trial.case,
            job.trial.subject,
        )
    });
    jobs
}

/// A call that is to be made, with where it stands.
struct Missing {
    order: usize,
    address: Digest,
    trial: Trial,
}

/// What all steps of an execution need.
struct Execution<'a> {
    workspace: &'a Workspace,
    history: &'a History,
    options: &'a Options,
    plans: Arc<Vec<Plan>>,
}

impl Execution<'_> {
    /// Finds the answers that are known before anything is called.
    async fn look_up(&self, plan: &Plan, header: Header) -> Result<Progressing> {
        let addresses = addresses(plan)?;
        let mut known = Known::new();
        if self.history.knows(&header.id).await? {
            for (address, (_, answer)) in self.history.answers(&addresses, Some(&header.id)).await?
            {
                known.insert(address, (Origin::Live, answer));
            }
        }
        if self.options.source == Source::Recordings {
            self.look_up_recordings(plan, &addresses, &mut known)?;
        }
        if header.reuse || self.options.source != Source::Calls {
            let missing = addresses
                .iter()
                .filter(|address| !known.contains_key(*address));
            let missing: Vec<Digest> = missing.copied().collect();
            for (address, (run, answer)) in self.history.answers(&missing, None).await? {
                known.insert(address, (Origin::Reused(run), answer));
            }
        }
        let trials = plan.trials().collect();
        Ok(Progressing {
            header,
            trials,
            addresses,
            known,
            given_up: HashMap::new(),
        })
    }

    fn look_up_recordings(
        &self,
        plan: &Plan,
        addresses: &[Digest],
        known: &mut Known,
    ) -> Result<()> {
        let path = recording::path_of(&plan.suite.name);
        if !self.workspace.path(&path).is_file() {
            return Ok(());
        }
        let wanted: HashSet<Digest> = addresses.iter().copied().collect();
        let recorded = recording::answers(recording::parse(&self.workspace.read(&path)?)?);
        for (address, answer) in recorded
            .into_iter()
            .filter(|(address, _)| wanted.contains(address))
        {
            known.entry(address).or_insert((Origin::Replayed, answer));
        }
        Ok(())
    }

    fn not_recorded(&self, job: &Missing, count: usize) -> Error {
        let plan = &self.plans[job.order];
        let subject = &plan.subjects[job.trial.subject];
        let others = match count {
            0 | 1 => String::new(),
            2 => ", nor 1 other".to_owned(),
            _ => format!(", nor {} others", count - 1),
        };
        Diagnostic::new(format!(
            "no recording answers case `{}` of {} on {} (trial {}){others}",
            plan.dataset.cases[job.trial.case].id,
            subject.prompt.label(),
            subject.alias,
            job.trial.repeat,
        ))
        .help(format!(
            "record it with `regauge run {} --record`; a changed prompt, case or parameter is another request",
            plan.suite.name
        ))
        .into()
    }

    /// The endpoints that are needed, each with its jobs.
    fn endpoints(
        &self,
        jobs: &[Missing],
        orders: &[Progressing],
    ) -> Result<Vec<(Endpoint, Vec<Job>)>> {
        let runs: Vec<Arc<str>> = orders
            .iter()
            .map(|order| order.header.id.as_str().into())
            .collect();
        let mut by_alias: BTreeMap<&str, (Endpoint, Vec<Job>)> = BTreeMap::new();
        for (key, missing) in jobs.iter().enumerate() {
            let subject = &self.plans[missing.order].subjects[missing.trial.subject];
            let (_, list) = match by_alias.entry(&subject.alias) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert((self.endpoint(subject)?, Vec::new())),
            };
            list.push(Job {
                run: runs[missing.order].clone(),
                address: missing.address,
                repeat: missing.trial.repeat,
                key,
            });
        }
        Ok(by_alias.into_values().collect())
    }

    fn endpoint(&self, subject: &Subject) -> Result<Endpoint> {
        let ca_file = self
            .workspace
            .ca_file
            .as_ref()
            .map(|file| self.workspace.path(file));
        let price = subject.price.clone();
        let redactor = self.workspace.redactor();
        let mut endpoint = Endpoint::new(
            &subject.alias,
            &subject.model,
            price,
            ca_file.as_deref(),
            redactor,
        )?;
        endpoint.concurrency = self.options.concurrency.unwrap_or(endpoint.concurrency);
        Ok(endpoint)
    }

    /// Puts answers from a recording into the history, so that the run can be reported on like any other.
    async fn keep_replayed(&self, plan: &Plan, order: &Progressing) -> Result<()> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        for (trial, address) in order.trials.iter().zip(&order.addresses) {
            let Some((Origin::Replayed, answer)) = order.known.get(address) else {
                continue;
            };
            if seen.insert(*address) {
                let call = Arc::new(Call::new(plan.request(trial.subject, trial.case)?));
                batch.push(Exchange {
                    call,
                    repeat: trial.repeat,
                    answer: answer.clone(),
                });
            }
            if batch.len() == TOGETHER {
                self.history.keep(&order.header.id, &batch).await?;
                batch.clear();
            }
        }
        self.history.keep(&order.header.id, &batch).await
    }

    /// Makes the calls and puts what came of them into the orders.
    async fn call(
        &self,
        endpoints: Vec<(Endpoint, Vec<Job>)>,
        jobs: &[Missing],
        under_way: &mut [Progressing],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<()> {
        let (keeper, writer) = Keeper::start(self.history.clone());
        let places: Vec<(usize, Trial)> = jobs.iter().map(|job| (job.order, job.trial)).collect();
        let plans = self.plans.clone();
        let work = Work {
            endpoints,
            render: Arc::new(move |job: &Job| {
                let (order, trial) = places[job.key];
                Ok(Call::new(plans[order].request(trial.subject, trial.case)?))
            }),
            budget: self.options.budget,
            deadline: self.options.deadline,
            stop: self.options.stop.clone(),
            abort: self.options.abort.clone(),
        };
        let result = engine::run(work, keeper, |event| {
            progress(Progress::Event(&event));
            match event {
                Event::Done {
                    key,
                    address,
                    answer,
                    ..
                } => {
                    under_way[jobs[key].order]
                        .known
                        .insert(address, (Origin::Live, answer));
                }
                Event::GivenUp {
                    key,
                    address,
                    outcome,
                    reason,
                } => {
                    under_way[jobs[key].order]
                        .given_up
                        .insert(address, (outcome, reason));
                }
                Event::Retry { .. } => {}
            }
        })
        .await;
        writer
            .await
            .map_err(|error| Error::new(format!("the history stopped: {error}")))?;
        result
    }
}
