//! From plans to runs: what is known is looked up, what is missing is called, all of it is graded and kept.
//!
//! Resume, reuse, replay and grading again are this one path; they differ in where answers may come from. A run is
//! made in waves: where a suite adds trials look by look, the verdicts so far say whether there is another.

pub mod finish;
pub mod judging;
pub mod parts;
pub mod record;
mod wave;
mod waves;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::digest::Digest;
use crate::engine::batch::Batching;
use crate::engine::budget::Budgets;
use crate::engine::endpoint::{Endpoint, Surroundings};
use crate::engine::keeper::Keeper;
use crate::engine::shared::SharedLimits;
use crate::engine::telemetry::{Telemetry, Undelivered};
use crate::engine::{Ends, Engine, Event, GivenUp};
use crate::error::{Error, Result};
use crate::history::baseline::Choice;
use crate::history::recording;
use crate::history::run::{Header, Run};
use crate::history::store::History;
use crate::plan::{Plan, Trial};
use crate::provider::price::Price;
use crate::units::Cost;
use crate::workspace::Workspace;
use crate::workspace::model::Model;
use wave::Missing;

/// A suite to run, with the record that is made of it.
#[derive(Debug)]
pub struct Order {
    /// What is to be done.
    pub plan: Plan,
    /// The record; that of an earlier run where it is resumed.
    pub header: Header,
    /// What the run is compared with.
    pub against: Against,
}

/// What a run is compared with.
#[derive(Debug)]
pub enum Against {
    /// A run of the history, or a run file, or nothing.
    Chosen(Box<Choice>),
    /// The order of this index, which is called in the same window.
    Order(usize),
    /// It is itself made for the sake of another order, which its record names.
    Part,
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
    /// What the budget of the month leaves.
    pub left_this_month: Option<Cost>,
    /// Most time to take.
    pub deadline: Option<Duration>,
    /// The first wait between two looks at a batch.
    pub batch_poll: Duration,
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

/// One order on its way.
struct Progressing {
    run: Run,
    against: Against,
    /// The digest of the request of each case of each subject, by subject, then case.
    requests: Arc<[Digest]>,
    /// Looks that were taken of each subject.
    looks: Vec<usize>,
    /// Fresh trials of suspects that were drawn.
    confirmed: u32,
    reasons: GivenUp,
    /// What judges were asked and what they said, for a recording.
    asked: Vec<recording::Line>,
}

/// What came of the orders.
#[derive(Debug)]
pub struct Executed {
    /// The plans, in the order of the orders.
    pub plans: Arc<Vec<Plan>>,
    /// Each run with what it is compared with, in the order of the orders. A canary that was not needed has no trials
    /// and is not in the history.
    pub runs: Vec<(Run, Against)>,
    /// What of the traces and metrics could not be delivered.
    pub undelivered: Undelivered,
    /// What the judges of each order were asked and what they said, for recordings.
    pub asked: Vec<Vec<recording::Line>>,
}

/// Carries out all orders together, so that they share the limits of their endpoints. The runs come back in the
/// order of the orders; each is in the history.
pub async fn execute(
    workspace: &Workspace,
    history: &History,
    orders: Vec<Order>,
    options: &Options,
    mut progress: impl FnMut(Progress<'_>),
) -> Result<Executed> {
    let (keeper, writer) = Keeper::start(history.clone());
    let settings = workspace.telemetry.as_ref();
    let settings = settings.filter(|_| options.source != Source::Recordings);
    let (telemetry, delivery) = settings.map(Telemetry::start).unzip();
    let ends = Ends {
        budgets: budgets(&orders, options),
        deadline: options.deadline,
        telemetry: telemetry.zip(Some(workspace.trace_headers)),
        stop: options.stop.clone(),
        abort: options.abort.clone(),
    };
    let mut plans = Vec::with_capacity(orders.len());
    let mut under_way = Vec::with_capacity(orders.len());
    for order in orders {
        under_way.push(Progressing::new(&order.plan, order.header, order.against)?);
        plans.push(order.plan);
    }
    let mut execution = Execution {
        workspace,
        history,
        options,
        plans: Arc::new(plans),
        engine: Engine::new(ends, keeper),
        batching: batching(history, &under_way, options),
    };
    let mut wave = Some(waves::first(&mut under_way));
    while let Some(trials) = wave {
        execution
            .carry_out(trials, &mut under_way, &mut progress)
            .await?;
        let ended = under_way.iter().any(|order| !order.reasons.is_empty());
        wave = if ended {
            None
        } else {
            waves::next(&mut under_way)
        };
    }
    let plans = execution.plans.clone();
    drop(execution);
    writer
        .await
        .map_err(|error| Error::new(format!("the history stopped: {error}")))?;
    let undelivered = match delivery {
        Some(delivery) => delivery.await.unwrap_or_default(),
        None => Undelivered::default(),
    };
    let asked = under_way
        .iter_mut()
        .map(|order| std::mem::take(&mut order.asked));
    Ok(Executed {
        plans,
        undelivered,
        asked: asked.collect(),
        runs: finished(history, under_way).await?,
    })
}

/// How calls are made in batches, where they are: the runs of one invocation are all made in one way.
fn batching(history: &History, under_way: &[Progressing], options: &Options) -> Option<Batching> {
    let in_batches = |order: &Progressing| order.run.header.batch;
    under_way.iter().any(in_batches).then(|| Batching {
        history: history.clone(),
        poll: options.batch_poll,
    })
}

/// The runs with their last facts, which the history has, too.
async fn finished(history: &History, under_way: Vec<Progressing>) -> Result<Vec<(Run, Against)>> {
    let mut runs = Vec::new();
    for order in under_way {
        let (run, against) = finish::finish(order);
        if !run.trials.is_empty() {
            history.finish(&run).await?;
        }
        runs.push((run, against));
    }
    Ok(runs)
}

/// What the calls of the orders may cost. The runs that are made for the sake of a suite's run count to the suite.
fn budgets(orders: &[Order], options: &Options) -> Budgets {
    let mut budgets = Budgets::default();
    if let Some(limit) = options.budget {
        budgets.limit_all(limit, "run");
    }
    if let Some(left) = options.left_this_month {
        budgets.limit_all(left, "month");
    }
    let mut suites: BTreeMap<&str, (Cost, Vec<String>)> = BTreeMap::new();
    for order in orders {
        let suite = &order.plan.suite;
        if let Some(limit) = suite.budget {
            let (_, runs) = suites.entry(&suite.name).or_insert((limit, Vec::new()));
            runs.push(order.header.id.clone());
        }
    }
    for (limit, runs) in suites.into_values() {
        budgets.limit_runs(runs, limit);
    }
    budgets
}

impl Progressing {
    fn new(plan: &Plan, header: Header, against: Against) -> Result<Self> {
        let cases = plan.dataset.cases.len();
        let mut requests = Vec::with_capacity(plan.subjects.len() * cases);
        for subject in 0..plan.subjects.len() {
            for case in 0..cases {
                requests.push(Digest::of(&plan.request(subject, case)?));
            }
        }
        Ok(Self {
            run: Run {
                header,
                cases: plan.dataset.cases.clone(),
                trials: Vec::new(),
            },
            against,
            requests: requests.into(),
            looks: vec![0; plan.subjects.len()],
            confirmed: 0,
            reasons: GivenUp::default(),
            asked: Vec::new(),
        })
    }

    fn address(&self, trial: Trial) -> Digest {
        let request = self.requests[place(trial, self.run.cases.len())];
        crate::exchange::address(request, trial.repeat)
    }
}

/// Where the request of a trial stands among those of its order, which has so many cases.
fn place(trial: Trial, cases: usize) -> usize {
    trial.subject * cases + trial.case
}

/// What all steps of an execution need.
struct Execution<'a> {
    workspace: &'a Workspace,
    history: &'a History,
    options: &'a Options,
    plans: Arc<Vec<Plan>>,
    engine: Engine,
    /// How the calls of trials are made in batches, where they are.
    batching: Option<Batching>,
}

impl Execution<'_> {
    /// Prepares the endpoints that calls need; an unset key is an error before anything is noted.
    fn prepare_endpoints(&mut self, jobs: &[Missing]) -> Result<()> {
        let plans = self.plans.clone();
        for missing in jobs {
            let subject = &plans[missing.order].subjects[missing.trial.subject];
            self.prepare_endpoint(&subject.alias, &subject.model, subject.price.as_ref())?;
        }
        Ok(())
    }

    /// Prepares the endpoint behind an alias, where it is not yet.
    fn prepare_endpoint(
        &mut self,
        alias: &str,
        model: &Model,
        price: Option<&Price>,
    ) -> Result<()> {
        if self.engine.has(alias) {
            return Ok(());
        }
        let ca_file = self
            .workspace
            .ca_file
            .as_ref()
            .map(|file| self.workspace.path(file));
        let surroundings = Surroundings {
            folder: &self.workspace.root,
            ca_file: ca_file.as_deref(),
            redactor: self.workspace.redactor(),
        };
        let mut endpoint = Endpoint::new(alias, model, price.cloned(), surroundings)?;
        let limits = &mut endpoint.limits;
        limits.concurrency = self.options.concurrency.unwrap_or(limits.concurrency);
        let address = (model.base_url.get()?, &*model.model);
        endpoint.shared = SharedLimits::new(self.history, endpoint.limits, address);
        self.engine.add(endpoint);
        Ok(())
    }
}
