//! One wave of calls: what is known is looked up, what is missing is called, all of it is graded.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::judging::Rivals;
use super::{Execution, Progress, Progressing, Source, finish, place};
use crate::digest::Digest;
use crate::engine::{Event, Job, Render};
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Call, Exchange, Outcome};
use crate::history::answers::Kept;
use crate::history::recording;
use crate::history::run::{Origin, Role};
use crate::plan::{Plan, Trial};
use crate::scorer::asking::Replies;
use crate::stats::rng::SplitMix64;

/// Exchanges that are written to the history together when they come from a recording.
pub(super) const TOGETHER: usize = 500;
/// The seed of the order in which the sides of a comparison are called.
const SEED: u64 = 42;

/// An answer with where it came from.
pub(super) type Known = HashMap<Digest, (Origin, Kept)>;

/// The trials of one order in a wave, with what is known of them.
pub(super) struct Wave {
    pub(super) trials: Vec<Trial>,
    pub(super) addresses: Vec<Digest>,
    pub(super) known: Known,
    pub(super) given_up: HashMap<Digest, (Outcome, Arc<str>)>,
    /// What judges said so far.
    pub(super) replies: Replies,
    /// The answers that trials are compared with, where a judge compares.
    pub(super) rivals: Rivals,
}

/// A call that is to be made, with where it stands.
#[derive(Clone, Copy)]
pub(super) struct Missing {
    pub(super) order: usize,
    pub(super) trial: Trial,
}

impl Execution<'_> {
    /// Carries out a wave: the trials of each order.
    pub(super) async fn carry_out(
        &mut self,
        trials: Vec<Vec<Trial>>,
        under_way: &mut [Progressing],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<()> {
        let mut waves = Vec::new();
        for ((plan, order), trials) in self.plans.iter().zip(&*under_way).zip(trials) {
            waves.push(self.look_up(plan, order, trials).await?);
        }
        let jobs = Arc::new(missing_jobs(&waves, under_way));
        if self.options.source == Source::Recordings
            && let Some(job) = jobs.first()
        {
            return Err(self.not_recorded(job, jobs.len()));
        }
        self.prepare_endpoints(&jobs)?;
        // A run is noted when it begins.
        let begun = under_way
            .iter()
            .zip(&waves)
            .filter(|(order, wave)| order.run.trials.is_empty() && !wave.trials.is_empty());
        self.history
            .note(begun.map(|(order, _)| &order.run.header))
            .await?;
        for ((plan, order), wave) in self.plans.iter().zip(&*under_way).zip(&waves) {
            self.keep_replayed(plan, &order.run.header.id, wave).await?;
        }
        progress(Progress::Begun {
            calls: jobs.len(),
            known: waves.iter().map(|wave| wave.known.len()).sum(),
        });
        self.call(&jobs, under_way, &mut waves, progress).await?;
        drop(jobs);
        self.judge(under_way, &mut waves, progress).await?;
        for ((plan, order), wave) in self.plans.iter().zip(under_way).zip(waves) {
            finish::grade_wave(plan, order, wave);
        }
        Ok(())
    }

    /// Finds the answers that are known before anything is called.
    async fn look_up(&self, plan: &Plan, order: &Progressing, trials: Vec<Trial>) -> Result<Wave> {
        let addresses: Vec<Digest> = trials.iter().map(|trial| order.address(*trial)).collect();
        Ok(Wave {
            known: self.known(plan, order, &addresses).await?,
            trials,
            addresses,
            given_up: HashMap::new(),
            replies: Replies::default(),
            rivals: Rivals::default(),
        })
    }

    /// The answers at these addresses that are known.
    pub(super) async fn known(
        &self,
        plan: &Plan,
        order: &Progressing,
        addresses: &[Digest],
    ) -> Result<Known> {
        let mut known = Known::with_capacity(addresses.len());
        let header = &order.run.header;
        if self.history.knows(&header.id).await? {
            let own = self.history.answers(addresses, Some(&header.id)).await?;
            known.extend(
                own.into_iter()
                    .map(|(address, (_, answer))| (address, (Origin::Live, answer))),
            );
        }
        if self.options.source == Source::Recordings {
            self.look_up_recordings(plan, addresses, &mut known)?;
        }
        if header.reuse || self.options.source != Source::Calls {
            let missing = addresses
                .iter()
                .filter(|address| !known.contains_key(*address));
            let missing: Vec<Digest> = missing.copied().collect();
            for (address, (run, answer)) in self.history.answers(&missing, None).await? {
                known.insert(address, (Origin::Reused(run.into()), answer));
            }
        }
        Ok(known)
    }

    fn look_up_recordings(
        &self,
        plan: &Plan,
        addresses: &[Digest],
        known: &mut Known,
    ) -> Result<()> {
        let path = recording::path_of(&plan.suite.name);
        if addresses.is_empty() || !self.workspace.path(&path).is_file() {
            return Ok(());
        }
        let wanted: HashSet<Digest> = addresses.iter().copied().collect();
        let recorded = recording::answers(recording::parse(&self.workspace.read(&path)?)?);
        for (address, answer) in recorded
            .into_iter()
            .filter(|(address, _)| wanted.contains(address))
        {
            if let Entry::Vacant(entry) = known.entry(address) {
                entry.insert((Origin::Replayed, self.history.scratch().keep(&answer)?));
            }
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

    /// Puts answers from a recording into the history, so that the run can be reported on like any other.
    async fn keep_replayed(&self, plan: &Plan, run: &str, wave: &Wave) -> Result<()> {
        let mut batch = Vec::new();
        let mut seen = HashSet::new();
        for (trial, address) in wave.trials.iter().zip(&wave.addresses) {
            let Some((Origin::Replayed, answer)) = wave.known.get(address) else {
                continue;
            };
            if seen.insert(*address) {
                let call = Arc::new(Call::new(plan.request(trial.subject, trial.case)?));
                batch.push(Exchange {
                    call,
                    repeat: trial.repeat,
                    answer: answer.read(),
                    cost: None,
                });
            }
            if batch.len() == TOGETHER {
                self.history.keep(run, &batch).await?;
                batch.clear();
            }
        }
        self.history.keep(run, &batch).await
    }

    /// Makes the call of a job, whose request was digested when it was looked up.
    fn render(&self, jobs: &Arc<Vec<Missing>>, under_way: &[Progressing]) -> Render {
        let (plans, places) = (self.plans.clone(), jobs.clone());
        let orders = under_way.iter().map(|order| order.requests.clone());
        let digests: Vec<Arc<[Digest]>> = orders.collect();
        Arc::new(move |job: &Job| {
            let Missing { order, trial } = places[job.key];
            let plan = &plans[order];
            Ok(Call {
                request: plan.request(trial.subject, trial.case)?,
                digest: digests[order][place(trial, plan.dataset.cases.len())],
            })
        })
    }

    /// Makes the calls and puts what came of them into the waves.
    async fn call(
        &self,
        jobs: &Arc<Vec<Missing>>,
        under_way: &[Progressing],
        waves: &mut [Wave],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<()> {
        let runs: Vec<Arc<str>> = under_way
            .iter()
            .map(|order| order.run.header.id.as_str().into())
            .collect();
        let mut by_alias: BTreeMap<String, Vec<Job>> = BTreeMap::new();
        for (key, missing) in jobs.iter().enumerate() {
            let subject = &self.plans[missing.order].subjects[missing.trial.subject];
            let job = Job {
                run: runs[missing.order].clone(),
                address: under_way[missing.order].address(missing.trial),
                repeat: missing.trial.repeat,
                key,
            };
            match by_alias.get_mut(&subject.alias) {
                Some(list) => list.push(job),
                None => drop(by_alias.insert(subject.alias.clone(), vec![job])),
            }
        }
        let render = self.render(jobs, under_way);
        let mut kept = Ok(());
        let on_event = |event| {
            progress(Progress::Event(&event));
            match event {
                Event::Done {
                    key,
                    address,
                    answer,
                    ..
                } => {
                    let known = &mut waves[jobs[key].order].known;
                    match self.history.scratch().keep(&answer) {
                        Ok(answer) => drop(known.insert(address, (Origin::Live, answer))),
                        Err(error) => kept = Err(error),
                    }
                }
                Event::GivenUp {
                    key,
                    address,
                    outcome,
                    reason,
                } => {
                    let given_up = &mut waves[jobs[key].order].given_up;
                    given_up.insert(address, (outcome, reason));
                }
                Event::Retry { .. } | Event::Batch { .. } => {}
            }
        };
        let batching = self.batching.as_ref();
        self.engine
            .run(render, by_alias, batching, on_event)
            .await?;
        kept
    }
}

/// The calls that no known answer spares, breadth first: every case once before any case twice, so that an end of
/// the budget leaves something of every case. Suites take turns, so that none waits for another. Equal requests of a
/// run are called once. Two sides of a comparison that are called in one window are shuffled, so that a drift of the
/// endpoint falls on both alike.
fn missing_jobs(waves: &[Wave], under_way: &[Progressing]) -> Vec<Missing> {
    let mut jobs = Vec::new();
    for (order, wave) in waves.iter().enumerate() {
        let mut seen = HashSet::new();
        for (trial, address) in wave.trials.iter().zip(&wave.addresses) {
            if !wave.known.contains_key(address) && seen.insert(*address) {
                jobs.push(Missing {
                    order,
                    trial: *trial,
                });
            }
        }
    }
    let has_sides = under_way.iter().any(|order| {
        let part = order.run.header.part.as_ref();
        part.is_some_and(|part| part.role != Role::Canary)
    });
    if has_sides {
        SplitMix64::new(SEED, "interleave").shuffle(&mut jobs);
        // A stable sort: within a repeat the order stays random.
        jobs.sort_by_key(|job| job.trial.repeat);
    } else {
        jobs.sort_by_key(|job| {
            (
                job.trial.repeat,
                job.trial.case,
                job.order,
                job.trial.subject,
            )
        });
    }
    jobs
}
