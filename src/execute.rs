//! From plans to runs: what is known is looked up, what is missing is called, all of it is graded and kept.
//!
//! Resume, reuse, replay and grading again are this one path; they differ in where answers may come from.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::digest::Digest;
use crate::engine::endpoint::{Endpoint, now_ms};
use crate::engine::keeper::Keeper;
use crate::engine::{self, Event, GivenUp, Job, Work};
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Call, Exchange, Outcome, address};
use crate::history::recording;
use crate::history::run::{Git, Header, Origin, Run, Status, SubjectRecord, TrialRecord};
use crate::history::store::History;
use crate::plan::{Plan, Trial};
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

/// A record for a run that is about to begin.
pub fn new_header(plan: &Plan, invocation: &str, git: Option<&Git>, started_at: i64) -> Header {
    Header {
        id: Uuid::now_v7().to_string(),
        invocation: invocation.to_owned(),
        suite: plan.suite.name.clone(),
        file: plan.suite.document.source.file.to_string(),
        started_at,
        finished_at: None,
        status: Status::Running,
        reason: None,
        rescored_from: None,
        trials: plan.trials,
        selection: plan.selection.clone(),
        subjects: plan.subjects.iter().map(subject_record).collect(),
        metrics: plan.metrics.clone(),
        gates: plan
            .suite
            .gates
            .iter()
            .map(|(rule, _)| rule.clone())
            .collect(),
        policy: plan.suite.policy,
        dataset: plan.dataset.digest,
        git: git.cloned(),
        regauge: env!("CARGO_PKG_VERSION").to_owned(),
        results: Vec::new(),
    }
}

/// An id that the runs of one invocation share.
pub fn new_invocation() -> String {
    Uuid::now_v7().to_string()
}

fn subject_record(subject: &crate::plan::Subject) -> SubjectRecord {
    SubjectRecord {
        prompt: subject.prompt.name.clone(),
        version: subject.prompt.version,
        alias: subject.alias.clone(),
        provider: subject.model.provider,
        model: subject.model.model.clone(),
        served: Vec::new(),
        prompt_digest: subject.prompt.digest,
        params_digest: Digest::of(&subject.params),
        template: subject.prompt.template().to_owned(),
    }
}

/// A run that is resumed must ask the same questions: the answers that it has belong to them.
pub fn check_resumable(plan: &Plan, header: &Header) -> Result<()> {
    let now: Vec<SubjectRecord> = plan.subjects.iter().map(subject_record).collect();
    let same = |one: &SubjectRecord, other: &SubjectRecord| {
        SubjectRecord {
            served: Vec::new(),
            ..one.clone()
        } == SubjectRecord {
            served: Vec::new(),
            ..other.clone()
        }
    };
    let subjects = now.len() == header.subjects.len()
        && now
            .iter()
            .zip(&header.subjects)
            .all(|(one, other)| same(one, other));
    if subjects && plan.dataset.digest == header.dataset && plan.trials == header.trials {
        return Ok(());
    }
    Err(Diagnostic::new(format!(
        "suite `{}` is not what it was when run {} began",
        header.suite, header.id
    ))
    .help("begin a new run; `regauge run --reuse` takes the answers that still fit")
    .into())
}

/// The state of the source tree around a folder; `None` where there is none, or no git.
pub fn git_state(folder: &Path) -> Option<Git> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(folder)
            .args(arguments)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"])?;
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    Some(Git { commit, dirty })
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
    let plans = Arc::new(plans);
    let mut under_way = Vec::new();
    for (plan, header) in plans.iter().zip(headers) {
        under_way.push(look_up(workspace, history, plan, header, options.source).await?);
    }
    history
        .note(
            &under_way
                .iter()
                .map(|order| &order.header)
                .collect::<Vec<_>>(),
        )
        .await?;
    let jobs = missing_jobs(&plans, &under_way);
    if options.source == Source::Recordings
        && let Some(job) = jobs.first()
    {
        return Err(not_recorded(&plans, job, jobs.len()));
    }
    for (plan, order) in plans.iter().zip(&under_way) {
        keep_replayed(history, plan, order).await?;
    }
    let known = under_way.iter().map(|order| order.known.len()).sum();
    progress(Progress::Begun {
        calls: jobs.len(),
        known,
    });
    call(
        workspace,
        history,
        &plans,
        jobs,
        options,
        &mut under_way,
        &mut progress,
    )
    .await?;
    let mut runs = Vec::new();
    for (plan, order) in plans.iter().zip(under_way) {
        let run = finish(plan, order);
        history.finish(&run).await?;
        runs.push(run);
    }
    Ok((plans, runs))
}

/// Finds the answers that are known before anything is called.
async fn look_up(
    workspace: &Workspace,
    history: &History,
    plan: &Plan,
    header: Header,
    source: Source,
) -> Result<Progressing> {
    let addresses = addresses(plan)?;
    let own = history.answers_of(&header.id).await?;
    let mut known: Known = own
        .into_iter()
        .map(|(address, answer)| (address, (Origin::Live, answer)))
        .collect();
    if source == Source::Recordings {
        let path = recording::path_of(&plan.suite.name);
        if workspace.path(&path).is_file() {
            let wanted: HashSet<Digest> = addresses.iter().copied().collect();
            let recorded = recording::answers(recording::parse(&workspace.read(&path)?)?);
            for (address, answer) in recorded
                .into_iter()
                .filter(|(address, _)| wanted.contains(address))
            {
                known.entry(address).or_insert((Origin::Replayed, answer));
            }
        }
    }
    if source != Source::Calls {
        let missing: Vec<Digest> = addresses
            .iter()
            .filter(|address| !known.contains_key(*address))
            .copied()
            .collect();
        for (address, (run, answer)) in history.newest(&missing).await? {
            known.insert(address, (Origin::Reused(run), answer));
        }
    }
    Ok(Progressing {
        header,
        trials: plan.trials().collect(),
        addresses,
        known,
        given_up: HashMap::new(),
    })
}

/// A call that is to be made, with where it stands.
struct Missing {
    order: usize,
    address: Digest,
    subject: usize,
    case: usize,
    repeat: u32,
}

/// The calls that no known answer spares, breadth first: every case once before any case twice, so that an end of
/// the budget leaves something of every case. Equal requests are called once.
fn missing_jobs(plans: &[Plan], orders: &[Progressing]) -> Vec<Missing> {
    let mut jobs = Vec::new();
    for (order, progressing) in orders.iter().enumerate() {
        let mut seen = HashSet::new();
        for (place, address) in progressing.trials.iter().zip(&progressing.addresses) {
            if !progressing.known.contains_key(address) && seen.insert(*address) {
                let Trial {
                    subject,
                    case,
                    repeat,
                } = *place;
                jobs.push(Missing {
                    order,
                    address: *address,
                    subject,
                    case,
                    repeat,
                });
            }
        }
    }
    jobs.sort_by_key(|job| (job.repeat, job.order, job.case, job.subject));
    debug_assert!(
        jobs.iter().all(|job| job.order < plans.len()),
        "every job belongs to a plan"
    );
    jobs
}

fn not_recorded(plans: &[Plan], job: &Missing, count: usize) -> Error {
    let plan = &plans[job.order];
    let subject = &plan.subjects[job.subject];
    Diagnostic::new(format!(
        "no recording answers case `{}` of {} on {} (trial {}){}",
        plan.dataset.cases[job.case].id,
        subject.prompt.label(),
        subject.alias,
        job.repeat,
        if count > 1 { format!(", nor {} others", count - 1) } else { String::new() },
    ))
    .help(format!(
        "record it with `regauge run {} --record`; a changed prompt, case or parameter is another request",
        plan.suite.name
    ))
    .into()
}

/// Puts answers from a recording into the history, so that the run can be reported on like any other.
async fn keep_replayed(history: &History, plan: &Plan, order: &Progressing) -> Result<()> {
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
            history.keep(&order.header.id, &batch).await?;
            batch.clear();
        }
    }
    if batch.is_empty() {
        Ok(())
    } else {
        history.keep(&order.header.id, &batch).await
    }
}

/// Makes the calls and puts what came of them into the orders.
async fn call(
    workspace: &Workspace,
    history: &History,
    plans: &Arc<Vec<Plan>>,
    jobs: Vec<Missing>,
    options: &Options,
    under_way: &mut [Progressing],
    progress: &mut impl FnMut(Progress<'_>),
) -> Result<()> {
    if jobs.is_empty() {
        return Ok(());
    }
    let endpoints = endpoints(workspace, plans, &jobs, under_way, options.concurrency)?;
    let (keeper, writer) = Keeper::start(history.clone());
    let orders: Vec<usize> = jobs.iter().map(|job| job.order).collect();
    let places: Vec<(usize, usize, usize)> = jobs
        .iter()
        .map(|job| (job.order, job.subject, job.case))
        .collect();
    let render_plans = plans.clone();
    let work = Work {
        endpoints,
        render: Arc::new(move |job: &Job| {
            let (order, subject, case) = places[job.key];
            Ok(Call::new(render_plans[order].request(subject, case)?))
        }),
        budget: options.budget,
        deadline: options.deadline,
        stop: options.stop.clone(),
        abort: options.abort.clone(),
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
                under_way[orders[key]]
                    .known
                    .insert(address, (Origin::Live, answer));
            }
            Event::GivenUp {
                key,
                address,
                outcome,
                reason,
            } => {
                under_way[orders[key]]
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

/// The endpoints that are needed, each with its jobs.
fn endpoints(
    workspace: &Workspace,
    plans: &[Plan],
    jobs: &[Missing],
    orders: &[Progressing],
    concurrency: Option<usize>,
) -> Result<Vec<(Endpoint, Vec<Job>)>> {
    let redactor = workspace.redactor();
    let ca_file = workspace.ca_file.as_ref().map(|file| workspace.path(file));
    let runs: Vec<Arc<str>> = orders
        .iter()
        .map(|order| order.header.id.as_str().into())
        .collect();
    let mut by_alias: BTreeMap<&str, (Endpoint, Vec<Job>)> = BTreeMap::new();
    for (key, missing) in jobs.iter().enumerate() {
        let subject = &plans[missing.order].subjects[missing.subject];
        if !by_alias.contains_key(subject.alias.as_str()) {
            let price = subject.price.clone();
            let mut endpoint = Endpoint::new(
                &subject.alias,
                &subject.model,
                price,
                ca_file.as_deref(),
                redactor.clone(),
            )?;
            endpoint.concurrency = concurrency.unwrap_or(endpoint.concurrency);
            by_alias.insert(&subject.alias, (endpoint, Vec::new()));
        }
        if let Some((_, list)) = by_alias.get_mut(subject.alias.as_str()) {
            list.push(Job {
                run: runs[missing.order].clone(),
                address: missing.address,
                repeat: missing.repeat,
                key,
            });
        }
    }
    Ok(by_alias.into_values().collect())
}

/// Grades all trials and closes the record.
fn finish(plan: &Plan, order: Progressing) -> Run {
    let Progressing {
        mut header,
        trials,
        addresses,
        mut known,
        given_up,
    } = order;
    let mut reasons = GivenUp::default();
    let mut uses: HashMap<Digest, u32> = HashMap::new();
    for address in &addresses {
        *uses.entry(*address).or_default() += 1;
    }
    let records: Vec<TrialRecord> = trials
        .into_iter()
        .zip(addresses)
        .map(|(trial, address)| {
            // The last use takes the answer, so that it is copied only where two trials share it.
            let last = uses.get_mut(&address).is_none_or(|left| {
                *left -= 1;
                *left == 0
            });
            let found = if last {
                known.remove(&address)
            } else {
                known.get(&address).cloned()
            };
            match found {
                Some((origin, answer)) => answered(plan, trial, address, origin, answer),
                None => {
                    let (outcome, reason) = given_up
                        .get(&address)
                        .cloned()
                        .unwrap_or_else(|| (Outcome::Skipped, "no call was made".into()));
                    reasons.count(reason.clone());
                    unanswered(trial, outcome, &reason)
                }
            }
        })
        .collect();
    for (index, subject) in header.subjects.iter_mut().enumerate() {
        subject.served = served(&records, index);
    }
    header.finished_at = Some(now_ms());
    header.reason = reasons.summary();
    header.status = if records
        .iter()
        .any(|trial| trial.outcome == Outcome::Cancelled)
    {
        Status::Interrupted
    } else if header.reason.is_some() {
        Status::Incomplete
    } else {
        Status::Complete
    };
    with_results(Run {
        header,
        cases: plan.dataset.cases.clone(),
        trials: records,
    })
}

fn with_results(mut run: Run) -> Run {
    run.header.results = run.results();
    run
}

fn answered(
    plan: &Plan,
    trial: Trial,
    address: Digest,
    origin: Origin,
    answer: Answered,
) -> TrialRecord {
    let price = plan.subjects[trial.subject].price.as_ref();
    let cost = answer
        .reply
        .response()
        .and_then(|response| price?.cost(&response.usage));
    TrialRecord {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        outcome: answer.reply.outcome(),
        origin,
        cost,
        grades: plan.grade(trial.case, &answer, cost),
        reason: None,
        address: Some(address),
        answer: Some(answer),
    }
}

fn unanswered(trial: Trial, outcome: Outcome, reason: &str) -> TrialRecord {
    TrialRecord {
        subject: trial.subject,
        case: trial.case,
        repeat: trial.repeat,
        outcome,
        origin: Origin::Nowhere,
        cost: None,
        grades: Vec::new(),
        reason: Some(reason.to_owned()),
        address: None,
        answer: None,
    }
}

/// The models that the endpoint said had served the trials of a subject.
fn served(trials: &[TrialRecord], subject: usize) -> Vec<String> {
    let own = trials.iter().filter(|trial| trial.subject == subject);
    let models = own.filter_map(|trial| trial.answer.as_ref()?.reply.response()?.model.clone());
    models.collect::<BTreeSet<String>>().into_iter().collect()
}

/// Grades the answers of a finished run again, with the scorers of the plan; no call is made.
pub fn rescore(plan: &Plan, run: &Run, invocation: &str, now: i64) -> Run {
    let mut header = new_header(plan, invocation, run.header.git.as_ref(), now);
    header.rescored_from = Some(run.header.id.clone());
    header.status = run.header.status;
    header.reason.clone_from(&run.header.reason);
    header.subjects.clone_from(&run.header.subjects);
    header.trials = run.header.trials;
    header.finished_at = Some(now);
    // A case that the suite still has is graded as the suite has it now; one that is gone keeps no grades.
    let by_id: HashMap<&str, usize> = plan
        .dataset
        .cases
        .iter()
        .enumerate()
        .map(|(index, case)| (case.id.as_str(), index))
        .collect();
    let trials = run.trials.iter().map(|trial| {
        let case = by_id.get(run.cases[trial.case].id.as_str()).copied();
        let grades = trial
            .answer
            .as_ref()
            .zip(case)
            .map(|(answer, case)| plan.grade(case, answer, trial.cost));
        let origin = match &trial.origin {
            Origin::Reused(source) => Origin::Reused(source.clone()),
            Origin::Nowhere => Origin::Nowhere,
            Origin::Live | Origin::Replayed => Origin::Reused(run.header.id.clone()),
        };
        TrialRecord {
            grades: grades.unwrap_or_default(),
            origin,
            ..trial.clone()
        }
    });
    let trials = trials.collect();
    let cases = run.cases.iter().map(|case| {
        let now = by_id
            .get(case.id.as_str())
            .map(|index| &plan.dataset.cases[*index]);
        now.unwrap_or(case).clone()
    });
    with_results(Run {
        trials,
        cases: cases.collect(),
        header,
    })
}

/// The recording of a run: its answers by request.
pub fn recording_of(plan: &Plan, run: &Run) -> Result<Vec<recording::Line>> {
    let mut lines: BTreeMap<(usize, usize), recording::Line> = BTreeMap::new();
    for trial in &run.trials {
        let Some(answer) = trial
            .answer
            .as_ref()
            .filter(|answer| answer.reply.response().is_some())
        else {
            continue;
        };
        let line = match lines.entry((trial.subject, trial.case)) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(recording::Line {
                prompt: plan.subjects[trial.subject].prompt.label(),
                case: plan.dataset.cases[trial.case].id.clone(),
                request: plan.request(trial.subject, trial.case)?,
                answers: BTreeMap::new(),
            }),
        };
        line.answers.insert(trial.repeat, answer.clone());
    }
    Ok(lines.into_values().collect())
}
