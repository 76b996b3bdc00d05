//! What scorers ask of models about answers: looked up, called where it is not known, and kept like any other exchange.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use super::wave::{TOGETHER, Wave};
use super::{Against, Execution, Progress, Progressing, Source, finish};
use crate::digest::Digest;
use crate::engine::{Event, Job};
use crate::error::{Diagnostic, Error, Result};
use crate::exchange::{Answered, Exchange};
use crate::history::answers::Kept;
use crate::history::recording;
use crate::history::run::{Header, Origin, Run};
use crate::history::store::History;
use crate::plan::{Plan, Trial};
use crate::scorer::asking::{Question, Replies, Told};

/// The answers that trials are compared with, by subject, case and repeat.
#[derive(Debug, Default)]
pub struct Rivals(HashMap<(usize, usize, u32), String>);

impl Rivals {
    /// The answer that a trial is compared with.
    pub(super) fn of(&self, trial: Trial) -> Option<&str> {
        let Trial {
            subject,
            case,
            repeat,
            ..
        } = trial;
        let own = self.0.get(&(subject, case, repeat));
        // A baseline with fewer trials has a first one.
        own.or_else(|| self.0.get(&(subject, case, 1)))
            .map(String::as_str)
    }

    /// The answers of a baseline to the cases of a run.
    fn in_baseline(header: &Header, cases: &[crate::golden::Case], baseline: &Run) -> Self {
        let places: HashMap<&str, usize> = cases
            .iter()
            .enumerate()
            .map(|(index, case)| (case.id.as_str(), index))
            .collect();
        let subjects = &baseline.header.subjects;
        let twins: Vec<Option<usize>> = subjects.iter().map(|one| header.twin(one)).collect();
        let mut rivals = Self::default();
        for trial in &baseline.trials {
            let source = &baseline.cases[trial.case];
            let case = places.get(source.id.as_str()).copied();
            let case = case.filter(|case| cases[*case].vars == source.vars);
            if let (Some(subject), Some(case), Some(response)) =
                (twins[trial.subject], case, trial.response())
            {
                let place = (subject, case, trial.repeat);
                rivals.0.insert(place, response.text);
            }
        }
        rivals
    }
}

/// What grading again may take from the history.
#[derive(Debug, Default)]
pub struct Stored {
    pub(super) replies: Replies,
    pub(super) rivals: Rivals,
}

/// What the history holds of all that the scorers of a plan ask about the answers of a run; no call is made.
pub async fn stored(
    history: &History,
    plan: &Plan,
    run: &Run,
    baseline: Option<&Run>,
) -> Result<Stored> {
    let mut stored = Stored::default();
    if plan.judges.is_empty() {
        return Ok(stored);
    }
    if let Some(baseline) = baseline {
        stored.rivals = Rivals::in_baseline(&run.header, &run.cases, baseline);
    }
    let twins = finish::twins(plan, run);
    loop {
        let mut wanted = HashSet::new();
        for trial in &run.trials {
            let answered = trial.answer.as_ref().map(Kept::read);
            let given = answered.as_ref().and_then(|answered| {
                finish::given_again(&twins, (trial, answered), &stored.rivals)
            });
            if let Some(given) = given {
                let questions = plan.questions(&given, &stored.replies);
                wanted.extend(questions.iter().map(Question::address));
            }
        }
        let addresses: Vec<Digest> = wanted.into_iter().collect();
        let found = history.answers(&addresses, None).await?;
        if found.is_empty() {
            return Ok(stored);
        }
        for (address, (_, answer)) in found {
            stored.replies.tell(address, answered(answer.read(), false));
        }
    }
}

/// A baseline with the scores that the scorers of a run give to its answers; `None` where it has them already.
pub async fn with_scorers_of(
    history: &History,
    plan: &Plan,
    header: &Header,
    baseline: &Run,
) -> Result<Option<Run>> {
    if !finish::must_regrade(plan, header, baseline) {
        return Ok(None);
    }
    let stored = stored(history, plan, baseline, None).await?;
    Ok(finish::with_scorers_of(plan, header, baseline, &stored))
}

/// A question about an answer of an order.
struct Wanted {
    order: usize,
    case: usize,
    alias: String,
    question: Question,
}

impl Execution<'_> {
    /// Asks what the scorers have to ask about the answers of a wave, until none has a question left.
    pub(super) async fn judge(
        &mut self,
        under_way: &mut [Progressing],
        waves: &mut [Wave],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<()> {
        let plans = self.plans.clone();
        for order in 0..waves.len() {
            if plans[order].compares() {
                waves[order].rivals = rivals(under_way, waves, order);
            }
        }
        loop {
            let wanted = wanted(&plans, waves);
            if wanted.is_empty() {
                return Ok(());
            }
            let known = self.tell_known(&wanted, under_way, waves).await?;
            let missing: Vec<&Wanted> = wanted
                .iter()
                .filter(|one| {
                    waves[one.order]
                        .replies
                        .get(one.question.address())
                        .is_none()
                })
                .collect();
            if self.options.source == Source::Recordings
                && let Some(first) = missing.first()
            {
                return Err(not_recorded(&plans[first.order], first, missing.len()));
            }
            for one in &missing {
                if let Some(judge) = plans[one.order].judges.get(&one.alias) {
                    self.prepare_endpoint(&one.alias, &judge.model, judge.price.as_ref())?;
                }
            }
            progress(Progress::Begun {
                calls: missing.len(),
                known,
            });
            self.ask(&missing, under_way, waves, progress).await?;
            keep_lines(&wanted, under_way, waves, &plans);
        }
    }

    /// Tells what is known of the questions already; how many that are.
    async fn tell_known(
        &self,
        wanted: &[Wanted],
        under_way: &[Progressing],
        waves: &mut [Wave],
    ) -> Result<usize> {
        let mut count = 0;
        for (order, wave) in waves.iter_mut().enumerate() {
            let own: HashMap<Digest, &Question> = wanted
                .iter()
                .filter(|one| one.order == order)
                .map(|one| (one.question.address(), &one.question))
                .collect();
            let addresses: Vec<Digest> = own.keys().copied().collect();
            let progressing = &under_way[order];
            let known = self
                .known(&self.plans[order], progressing, &addresses)
                .await?;
            count += known.len();
            let mut replayed = Vec::new();
            for (address, (origin, answer)) in known {
                let answer = answer.read();
                if origin == Origin::Replayed {
                    replayed.push(Exchange {
                        call: own[&address].call.clone(),
                        repeat: own[&address].repeat,
                        answer: answer.clone(),
                        cost: None,
                    });
                }
                let live = origin == Origin::Live;
                wave.replies.tell(address, answered(answer, live));
            }
            for batch in replayed.chunks(TOGETHER) {
                self.history.keep(&progressing.run.header.id, batch).await?;
            }
        }
        Ok(count)
    }

    /// Makes the calls and tells what came of them.
    async fn ask(
        &self,
        missing: &[&Wanted],
        under_way: &mut [Progressing],
        waves: &mut [Wave],
        progress: &mut impl FnMut(Progress<'_>),
    ) -> Result<()> {
        let runs: Vec<Arc<str>> = under_way
            .iter()
            .map(|order| order.run.header.id.as_str().into())
            .collect();
        let mut by_alias: BTreeMap<String, Vec<Job>> = BTreeMap::new();
        for (key, one) in missing.iter().enumerate() {
            by_alias.entry(one.alias.clone()).or_default().push(Job {
                run: runs[one.order].clone(),
                address: one.question.address(),
                repeat: one.question.repeat,
                key,
            });
        }
        let calls: Vec<_> = missing
            .iter()
            .map(|one| one.question.call.clone())
            .collect();
        let render = Arc::new(move |job: &Job| Ok(calls[job.key].as_ref().clone()));
        let on_event = |event| {
            progress(Progress::Event(&event));
            match event {
                Event::Done {
                    key,
                    address,
                    answer,
                    ..
                } => {
                    let wave = &mut waves[missing[key].order];
                    wave.replies.tell(address, answered(answer, true));
                }
                Event::GivenUp {
                    key,
                    address,
                    reason,
                    ..
                } => {
                    let order = missing[key].order;
                    under_way[order].reasons.count(reason.clone());
                    waves[order].replies.tell(address, Told::GivenUp(reason));
                }
                Event::Retry { .. } | Event::Batch { .. } => {}
            }
        };
        // A question hangs on answers, and another one on its reply: a day for each would be too long.
        self.engine.run(render, by_alias, None, on_event).await?;
        // Whatever happened, no question is put twice.
        for one in missing {
            let never = Told::GivenUp("no call was made".into());
            waves[one.order].replies.tell(one.question.address(), never);
        }
        Ok(())
    }
}

fn answered(answer: Answered, live: bool) -> Told {
    Told::Answered {
        answer: Box::new(answer),
        live,
    }
}

/// The questions that the scorers of all orders have about the answers of a wave, each once, those about first trials
/// first.
fn wanted(plans: &[Plan], waves: &[Wave]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for (order, (plan, wave)) in plans.iter().zip(waves).enumerate() {
        if plan.judges.is_empty() {
            continue;
        }
        let mut seen = HashSet::new();
        let mut trials: Vec<(&Trial, &Digest)> = wave.trials.iter().zip(&wave.addresses).collect();
        trials.sort_by_key(|(trial, _)| trial.repeat);
        for (trial, address) in trials {
            let Some((_, answer)) = wave.known.get(address) else {
                continue;
            };
            let answered = answer.read();
            let given = finish::given(plan, *trial, &answered, &wave.rivals);
            let questions = plan.questions(&given, &wave.replies).into_iter();
            wanted.extend(
                questions
                    .filter(|question| seen.insert(question.address()))
                    .map(|question| Wanted {
                        order,
                        case: trial.case,
                        alias: question.call.request.alias.clone(),
                        question,
                    }),
            );
        }
    }
    wanted
}

/// The answers of the other side to the trials of an order in a wave.
fn rivals(under_way: &[Progressing], waves: &[Wave], order: usize) -> Rivals {
    let run = &under_way[order].run;
    let other = match &under_way[order].against {
        Against::Chosen(choice) => {
            let baseline = choice.run.as_ref();
            return baseline
                .map(|baseline| Rivals::in_baseline(&run.header, &run.cases, baseline))
                .unwrap_or_default();
        }
        Against::Order(other) => *other,
        Against::Part => return Rivals::default(),
    };
    let header = &under_way[other].run.header;
    let mut rivals = Rivals::default();
    for trial in &waves[order].trials {
        let subject = header.twin(&run.header.subjects[trial.subject]);
        let twin = subject.map(|subject| Trial { subject, ..*trial });
        let answer = twin.and_then(|twin| waves[other].known.get(&under_way[other].address(twin)));
        if let Some(response) = answer.and_then(|(_, answer)| answer.read().reply.into_response()) {
            let place = (trial.subject, trial.case, trial.repeat);
            rivals.0.insert(place, response.text);
        }
    }
    rivals
}

/// Notes what was asked and answered, for a recording.
fn keep_lines(wanted: &[Wanted], under_way: &mut [Progressing], waves: &[Wave], plans: &[Plan]) {
    for one in wanted {
        let told = waves[one.order].replies.get(one.question.address());
        let Some(Told::Answered { answer, .. }) = told else {
            continue;
        };
        if answer.reply.response().is_none() {
            continue;
        }
        let line = recording::Line {
            prompt: "a scorer".to_owned(),
            case: plans[one.order].dataset.cases[one.case].id.clone(),
            request: one.question.call.request.clone(),
            answers: BTreeMap::from([(one.question.repeat, answer.as_ref().clone())]),
        };
        under_way[one.order].asked.push(line);
    }
}

fn not_recorded(plan: &Plan, first: &Wanted, count: usize) -> Error {
    let others = if count > 1 {
        format!(", nor to {} others", count - 1)
    } else {
        String::new()
    };
    let case = &plan.dataset.cases[first.case].id;
    Diagnostic::new(format!(
        "no recording answers what a scorer asks `{}` about case `{case}`{others}",
        first.alias
    ))
    .help(format!(
        "record it with `regauge run {} --record`; a changed scorer, or another answer to score, is another request",
        plan.suite.name
    ))
    .into()
}
