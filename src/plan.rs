//! The plan: a suite with its prompts, models, cases and scorers found and checked, before anything is called.
//!
//! Everything that can go wrong with what people wrote goes wrong here. What the plan holds is in a fixed order:
//! subjects as the suite names them, cases as the dataset has them.

mod batching;
mod derived;
pub mod forecast;
pub mod grading;
mod labels;
mod metrics;
pub mod selection;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::calibration::{ADVISED, Record};
use crate::digest::Digest;
use crate::document::{Data, Document, Node, Source};
use crate::error::{Diagnostic, Place, Problems, Result};
use crate::exchange::task::Task;
use crate::exchange::{Params, Request};
use crate::golden::{Case, Dataset};
use crate::prompt::{self, Prompt, PromptRef};
use crate::provider;
use crate::provider::price::{self, Price};
use crate::scorer::asking::Judged;
use crate::scorer::{self, Score, Scorer, Surroundings, Unit};
use crate::stats::reduce::Reducer;
use crate::suite::quarantine::check_quarantine;
use crate::suite::{Sampling, Suite};
use crate::text::suggest;
use crate::workspace::Workspace;
use crate::workspace::model::Model;
pub use labels::{LabelRecord, WholeMetric};
use metrics::Metrics;
use selection::Selection;

/// The metric that every suite has: the share of trials that pass all their checks.
pub const PASS: &str = "pass";
/// The metric that every suite has: the share of trials without a usable answer.
pub const ERROR_RATE: &str = "error_rate";
/// Mistakes of one kind that are shown before the rest is left out.
const SHOWN_RENDERINGS: usize = 5;

/// A metric that a scorer gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub unit: Unit,
    /// Whether every score is 0 or 1.
    pub binary: bool,
    /// Whether less is better.
    pub lower_is_better: bool,
    /// Whether it is shown only.
    pub informational: bool,
    /// The digest of the scorer with its options, and of what else can change its scores.
    pub fingerprint: Digest,
    /// How the trials of a case become one value; `None`: they are averaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reduce: Option<Reducer>,
    /// The labels that are given, and what is read off their table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<LabelRecord>,
    /// Who is asked, where a model is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeRecord>,
}

impl Metric {
    /// Whether a model judges by a prompt; vectors and filters are no judges.
    pub fn is_judged(&self) -> bool {
        let judge = self.judge.as_ref();
        judge.is_some_and(|judge| judge.prompt.is_some())
    }
}

/// Who is asked for a metric, as a run keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JudgeRecord {
    /// The alias of the model.
    pub alias: String,
    /// The model id that is asked for.
    pub model: String,
    /// The prompt version of a judge, as in `judge@v1`; `None` where something else is asked for than an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// Whether the prompt is the one inside the program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_built_in: bool,
    /// Whether its value is itself a comparison with the baseline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub compares: bool,
    /// The columns with what people say of the answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// How far it agrees with people, where it was compared with them and that has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Box<Record>>,
    /// Why it does not gate though it would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
    /// Why it should not gate, where nothing is asked of it and it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caution: Option<String>,
}

/// What a scorer said of a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The score, or why there is none.
    pub result: Graded,
    /// What a model was asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<Box<Judged>>,
}

/// A score, or why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Graded {
    /// A score.
    Score(Score),
    /// The scorer could not say; the trial is missing from the metric and stays in its denominator.
    Error(String),
}

/// One prompt on one model: the thing that can regress.
#[derive(Debug)]
pub struct Subject {
    /// The prompt.
    pub prompt: Arc<Prompt>,
    /// The alias of the model.
    pub alias: String,
    /// What stands behind it.
    pub model: Model,
    /// Sampling parameters: the suite's over the prompt's over the model's.
    pub params: Params,
    /// What tokens cost, where that is known.
    pub price: Option<Price>,
}

/// One call for one case of one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// Index into [`Plan::subjects`].
    pub subject: usize,
    /// Index into the cases of [`Plan::dataset`].
    pub case: usize,
    /// Which repeat, counted from 1.
    pub repeat: u32,
    /// Whether it is drawn to confirm or clear a suspect case; then it belongs to no mean.
    pub fresh: bool,
}

/// A suite, ready to be run.
#[derive(Debug)]
pub struct Plan {
    /// The suite.
    pub suite: Suite,
    /// The cases that were selected.
    pub dataset: Dataset,
    /// What can regress.
    pub subjects: Vec<Subject>,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// Calls for each case of each subject.
    pub sampling: Sampling,
    /// What was selected.
    pub selection: Selection,
    /// Models that scorers ask, by alias.
    pub judges: BTreeMap<String, Judge>,
    scorers: Vec<(usize, Scorer)>,
    case_scorers: BTreeMap<usize, Vec<(usize, Scorer)>>,
}

/// A model that scorers ask.
#[derive(Debug)]
pub struct Judge {
    /// What stands behind the alias.
    pub model: Model,
    /// What tokens cost, where that is known.
    pub price: Option<Price>,
}

impl Plan {
    /// Finds and checks all that a suite names.
    pub fn new(
        workspace: &Workspace,
        suite: Suite,
        selection: &Selection,
        now: i64,
    ) -> Result<Option<Self>> {
        let mut problems = Problems::default();
        let subjects = subjects(workspace, &suite, selection, now, &mut problems);
        let mut metrics = Metrics::default();
        let mut unscored = Problems::default();
        let dataset = problems.take(suite.cases(workspace));
        let all_cases = dataset
            .as_ref()
            .map(|dataset| dataset.cases.clone())
            .unwrap_or_default();
        let compiler = Compiler {
            workspace,
            cases: &all_cases,
        };
        let scorers = suite_scorers(&compiler, &suite, &mut metrics, &mut unscored);
        let Some(mut dataset) = dataset else {
            problems.take(unscored.finish());
            problems.finish()?;
            return Ok(None);
        };
        let most = suite.policy.max_quarantine;
        check_quarantine(&suite.quarantine, &dataset, most, now, &mut problems);
        selection.narrow(&mut dataset.cases);
        let case_scorers = case_scorers(&compiler, &dataset, &mut metrics, &mut unscored);
        // A scorer that could not be read may be the one that a gate names.
        if unscored.is_empty() {
            derived::check(&suite, &metrics.list, &mut problems);
            check_gates(&suite, &metrics.list, &mut problems);
        }
        problems.take(unscored.finish());
        let all = || scorers.iter().chain(case_scorers.values().flatten());
        check_conditions(all().map(|(_, scorer)| scorer), &scorers, &mut problems);
        let first_look = suite.sampling.looks.first().copied().unwrap_or(1);
        for lacking in all().filter_map(|(_, scorer)| scorer.lacks_trials(first_look)) {
            problems.push(lacking);
        }
        metrics.bind_conditions(&scorers);
        let mut plan = Self {
            judges: judges(all().map(|(_, scorer)| scorer), now),
            sampling: selection
                .trials
                .map_or_else(|| suite.sampling.clone(), Sampling::fixed),
            suite,
            dataset,
            subjects,
            metrics: metrics.list,
            selection: selection.clone(),
            scorers,
            case_scorers,
        };
        plan.read_calibrations(workspace, now, &mut problems);
        if problems.is_empty() {
            plan.check_requests(&mut problems);
        }
        problems.finish()?;
        Ok(Some(plan).filter(|plan| plan.trial_count() > 0))
    }

    /// Reads how far each judge agrees with people. One that has not shown the agreement that is asked of it does not
    /// gate; where none is asked, a calibration that shows too little is a warning.
    fn read_calibrations(&mut self, workspace: &Workspace, now: i64, problems: &mut Problems) {
        let own = self.case_scorers.values().flatten();
        for (metric, scorer) in self.scorers.iter().chain(own) {
            let metric = &mut self.metrics[*metric];
            let Some(judge) = &mut metric.judge else {
                continue;
            };
            let record = Record::read(workspace, &self.suite.name, &metric.name);
            let Some(record) = problems.take(record) else {
                continue;
            };
            let objection_to = |required| {
                Some(
                    record
                        .as_ref()?
                        .objection(metric.fingerprint, required, now),
                )
            };
            match scorer.required_agreement() {
                Some(required) => {
                    let never = || Some("it was never compared with people".to_owned());
                    judge.objection = objection_to(required).unwrap_or_else(never);
                }
                None => judge.caution = objection_to(ADVISED).flatten(),
            }
            let is_held_back = judge.objection.is_some();
            judge.calibration = record
                .filter(|record| record.holds(metric.fingerprint, now))
                .map(Box::new);
            if is_held_back {
                metric.informational = true;
                let mut gates = self.suite.gates.iter_mut().map(|(rule, _)| rule);
                if let Some(rule) = gates.find(|rule| rule.metric == metric.name) {
                    rule.informational = true;
                }
            }
        }
    }

    /// How many trials there are if no verdict closes before the last look.
    pub fn trial_count(&self) -> usize {
        self.subjects.len() * self.dataset.cases.len() * self.sampling.most() as usize
    }

    /// The request that a subject makes of a case.
    pub fn request(&self, subject: usize, case: usize) -> Result<Request> {
        let (subject, case) = (&self.subjects[subject], &self.dataset.cases[case]);
        Ok(Request {
            provider: subject.model.host.format,
            alias: subject.alias.clone(),
            model: subject.model.model.clone(),
            task: Task::Chat,
            messages: subject.prompt.render(&case.id, &case.vars)?,
            tools: subject.prompt.tools.clone(),
            tool_choice: subject.prompt.tool_choice.clone(),
            schema: subject.prompt.output.clone(),
            params: subject.params.clone(),
            form: subject.model.form.clone(),
        })
    }

    /// Every request can be rendered, and its wire format can carry it.
    fn check_requests(&self, problems: &mut Problems) {
        self.check_judges(problems);
        for index in 0..self.subjects.len() {
            let mut shown = 0;
            for case in 0..self.dataset.cases.len() {
                let request = match self.request(index, case) {
                    Ok(request) => request,
                    Err(error) => {
                        shown += 1;
                        if shown <= SHOWN_RENDERINGS {
                            problems.take::<()>(Err(error));
                        }
                        continue;
                    }
                };
                // What a format cannot carry hangs on the subject and not on the case.
                if case == 0 {
                    self.check_format(&self.subjects[index], &request, problems);
                }
            }
        }
    }

    /// What a judge asks can be carried by the wire format of its model.
    fn check_judges(&self, problems: &mut Problems) {
        for (_, scorer) in self.all_scorers() {
            let (Some(asks), Some(sample)) = (scorer.asks(), scorer.sample()) else {
                continue;
            };
            let host = asks.model.host.unsupported(&sample);
            for what in provider::unsupported(&sample).into_iter().chain(host) {
                problems.push(
                    Diagnostic::new(format!("`{}` asks `{}`: {what}", scorer.metric, asks.alias))
                        .at(asks.model.place.clone())
                        .help(match asks.prompt {
                            Some(_) => {
                                "set `params` or `structured: false` in the entry of the scorer"
                            }
                            None => "let its entry fit what the scorer asks, or name another model",
                        }),
                );
            }
        }
    }

    fn check_format(&self, subject: &Subject, request: &Request, problems: &mut Problems) {
        let unsupported = provider::unsupported(request);
        for what in unsupported
            .into_iter()
            .chain(subject.model.host.unsupported(request))
        {
            problems.push(
                Diagnostic::new(format!(
                    "`{}` on `{}`: {what}",
                    subject.prompt.label(),
                    subject.alias
                ))
                .at(subject.model.place.clone())
                .help(format!(
                    "parameters are those of the model, the prompt and {}, the last over the first",
                    self.suite.document.source.file
                )),
            );
        }
    }
}

fn subjects(
    workspace: &Workspace,
    suite: &Suite,
    selection: &Selection,
    now: i64,
    problems: &mut Problems,
) -> Vec<Subject> {
    let prompts = prompts(workspace, suite, selection, problems);
    let mut models: Vec<(&String, &Model)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (alias, place) in &suite.models {
        if !seen.insert(alias) {
            problems.push(
                Diagnostic::new(format!("model `{alias}` stands twice"))
                    .at(place.clone())
                    .help("name it once; more answers to each case are `trials:`"),
            );
            continue;
        }
        let Some(model) = problems.take(workspace.model(alias, place.clone())) else {
            continue;
        };
        if selection.models.is_empty() || selection.models.contains(alias) {
            models.push((alias, model));
        }
    }
    let mut subjects = Vec::new();
    for prompt in &prompts {
        for (alias, model) in &models {
            let mut model = (*model).clone();
            if let Some(id) = selection.model_ids.get(*alias) {
                model.model.clone_from(id);
            }
            let params = model
                .params
                .overridden_by(&prompt.params)
                .overridden_by(&suite.params);
            subjects.push(Subject {
                prompt: prompt.clone(),
                alias: (*alias).clone(),
                params,
                price: price_of(&model, now),
                model,
            });
        }
    }
    subjects
}

fn prompts(
    workspace: &Workspace,
    suite: &Suite,
    selection: &Selection,
    problems: &mut Problems,
) -> Vec<Arc<Prompt>> {
    let selected: Vec<PromptRef> = selection
        .prompts
        .iter()
        .map(|text| PromptRef::parse(text))
        .collect();
    let mut seen = BTreeSet::new();
    let mut prompts = Vec::new();
    for (reference, place) in &suite.prompts {
        if !seen.insert(reference.name.as_str()) {
            problems.push(
                Diagnostic::new(format!("prompt `{}` stands twice", reference.name))
                    .at(place.clone())
                    .help("runs are paired by the name of the prompt; run another version with `--prompt NAME@vN` and compare the runs"),
            );
            continue;
        }
        let chosen = selected.iter().find(|wanted| wanted.name == reference.name);
        if !selected.is_empty() && chosen.is_none() {
            continue;
        }
        let chosen = chosen
            .filter(|wanted| wanted.selector.is_some())
            .map(|wanted| (wanted, Place::file("--prompt")));
        let (reference, place) = chosen
            .as_ref()
            .map_or((reference, place), |(wanted, place)| (*wanted, place));
        if let Some(prompt) = problems.take(prompt::load(workspace, reference, place)) {
            prompts.push(Arc::new(prompt));
        }
    }
    prompts
}

/// What the tokens of a model cost at a time (milliseconds since 1970, UTC), where that is known.
pub fn price_of(model: &Model, now: i64) -> Option<Price> {
    match model.price {
        Some(rates) => Price::from_usd(
            rates.input,
            rates.output,
            rates.cache_read,
            rates.cache_write,
        ),
        None => price::listed(
            price::vendor(model.host.format, model.base_url.get().ok()?),
            &model.model,
            now,
        )
        .cloned(),
    }
}

/// Reads the scorers of a suite and of its cases.
struct Compiler<'a> {
    workspace: &'a Workspace,
    cases: &'a [Case],
}

impl Compiler<'_> {
    fn compile(&self, document: &Document, node: &Node) -> Result<Scorer> {
        let surroundings = Surroundings {
            load: &|path, place| load_json(self.workspace, path, place),
            workspace: Some(self.workspace),
            cases: self.cases,
        };
        scorer::compile(document, node, &surroundings)
    }
}

fn suite_scorers(
    compiler: &Compiler<'_>,
    suite: &Suite,
    metrics: &mut Metrics,
    problems: &mut Problems,
) -> Vec<(usize, Scorer)> {
    let mut scorers = Vec::new();
    for node in suite.scorer_nodes() {
        let Some(scorer) = problems.take(compiler.compile(&suite.document, node)) else {
            continue;
        };
        let taken = metrics
            .list
            .iter()
            .any(|metric| metric.name == scorer.metric);
        if taken || [PASS, ERROR_RATE].contains(&scorer.metric.as_str()) {
            problems.push(
                Diagnostic::new(format!("two scorers give the metric `{}`", scorer.metric))
                    .at(suite.document.place(node))
                    .help("give one of them another name with `metric: NAME`"),
            );
            continue;
        }
        scorers.push((metrics.index_of(&scorer), scorer));
    }
    scorers
}

fn case_scorers(
    compiler: &Compiler<'_>,
    dataset: &Dataset,
    metrics: &mut Metrics,
    problems: &mut Problems,
) -> BTreeMap<usize, Vec<(usize, Scorer)>> {
    let mut found = BTreeMap::new();
    for (index, case) in dataset.cases.iter().enumerate() {
        let Some(entries) = &case.scorers else {
            continue;
        };
        // The cell is JSON or YAML text in a CSV file, and a value in the others.
        let text = entries
            .as_str()
            .map_or_else(|| entries.to_string(), str::to_owned);
        let source = Source::new(
            format!("{}, scorers of case {}", dataset.file, case.id),
            text,
        );
        let Some(document) = problems.take(Document::parse(source)) else {
            continue;
        };
        let Data::List(nodes) = &document.root.data else {
            problems.push(
                Diagnostic::new("the scorers of a case are a list")
                    .at(document.place(&document.root))
                    .help("write them as `[exact, { contains: hi }]`"),
            );
            continue;
        };
        let mut scorers = Vec::new();
        for node in nodes {
            if let Some(scorer) = problems.take(compiler.compile(&document, node)) {
                let index = metrics.index_of(&scorer);
                if !metrics.list[index].gives_labels_of(&scorer) {
                    let message =
                        format!("`{}` gives other labels here than elsewhere", scorer.metric);
                    problems.push(
                        Diagnostic::new(message)
                            .at(document.place(node))
                            .help("labels are counted in one table: name the same, or give the metric another name"),
                    );
                }
                scorers.push((index, scorer));
            }
        }
        found.insert(index, scorers);
    }
    found
}

/// A JSON file that a scorer names at `place`.
fn load_json(workspace: &Workspace, path: &str, place: &Place) -> Result<Value> {
    workspace.check_file(path, place)?;
    let source = workspace.read(path)?;
    serde_json::from_str(&source.text).map_err(|error| {
        let whole = error.to_string();
        let message = whole.split(" at line ").next().unwrap_or_default();
        let lines = source.text.split_inclusive('\n');
        let line_start: usize = lines
            .take(error.line().saturating_sub(1))
            .map(str::len)
            .sum();
        let at = (line_start + error.column().saturating_sub(1)).min(source.text.len());
        Diagnostic::new(format!("not valid JSON: {message}"))
            .at(source.place(at..at + 1))
            .into()
    })
}

/// The models that scorers ask, each once.
fn judges<'s>(scorers: impl Iterator<Item = &'s Scorer>, now: i64) -> BTreeMap<String, Judge> {
    let asked = scorers.filter_map(Scorer::asks);
    asked
        .map(|asks| {
            let judge = Judge {
                model: asks.model.clone(),
                price: price_of(asks.model, now),
            };
            (asks.alias.to_owned(), judge)
        })
        .collect()
}

/// What a judge waits for is a scorer of the suite that passes or fails without asking anyone.
fn check_conditions<'s>(
    scorers: impl Iterator<Item = &'s Scorer>,
    of_suite: &[(usize, Scorer)],
    problems: &mut Problems,
) {
    let named = |name: &str| of_suite.iter().find(|(_, scorer)| scorer.metric == name);
    for (name, place) in scorers.flat_map(Scorer::only_if) {
        let problem = match named(name) {
            Some((_, scorer)) if scorer.asks().is_none() => continue,
            Some(_) => Diagnostic::new(format!("`{name}` asks a model itself"))
                .help("a judge waits for scorers that ask no one"),
            None => {
                let pure = of_suite
                    .iter()
                    .filter(|(_, scorer)| scorer.asks().is_none());
                let metrics: Vec<&str> = pure.map(|(_, scorer)| scorer.metric.as_str()).collect();
                let help = match suggest(name, metrics.iter().copied()) {
                    Some(meant) => format!("did you mean `{meant}`?"),
                    None if metrics.is_empty() => {
                        "the suite has no scorer that asks no one".to_owned()
                    }
                    None => format!("the metrics are {}", metrics.join(", ")),
                };
                Diagnostic::new(format!("no scorer of the suite gives the metric `{name}`"))
                    .help(help)
            }
        };
        problems.push(problem.at(place.clone()));
    }
}

fn check_gates(suite: &Suite, metrics: &[Metric], problems: &mut Problems) {
    let known: Vec<&str> = metrics
        .iter()
        .flat_map(|metric| {
            let whole = metric.whole().map(|whole| whole.name.as_str());
            [metric.name.as_str()].into_iter().chain(whole)
        })
        .chain([PASS, ERROR_RATE])
        .chain(
            suite
                .derived
                .iter()
                .map(|(derived, _)| derived.name.as_str()),
        )
        .collect();
    let mut gated = BTreeSet::new();
    for (gate, place) in &suite.gates {
        if !gated.insert(&gate.metric) {
            problems.push(
                Diagnostic::new(format!("two gates watch the metric `{}`", gate.metric))
                    .at(place.clone())
                    .help("put both into one"),
            );
            continue;
        }
        if known.contains(&gate.metric.as_str()) {
            continue;
        }
        let help = match suggest(&gate.metric, known.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the metrics are {}", known.join(", ")),
        };
        problems.push(
            Diagnostic::new(format!("no scorer gives the metric `{}`", gate.metric))
                .at(place.clone())
                .help(help),
        );
    }
}
