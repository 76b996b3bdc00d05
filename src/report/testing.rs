//! One dummy [`Summary`] for the tests of all formats: a regressed subject, one that passes, a first run, and the
//! worst texts that a model can write.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::show::is_control;

use crate::compare::cluster::clusters;
use crate::compare::summary::labels::{Counted, LabelRow, LabelSummary};
use crate::compare::summary::{
    CaseSummary, CaseVerdict, Chance, Estimate, Exit, FORMAT, GateSummary, GroupSummary,
    LimitVerdict, MetricSummary, MustPass, Passed, RunFacts, Settle, SubjectSummary, SuiteSummary,
    Summary, Verdict,
};
use crate::compare::trials::{Columns, Trials};
use crate::digest::Digest;
use crate::exchange::{Answered, Failure, FailureKind, Outcome, Reply, Response, ToolCall, Usage};
use crate::history::answers::Answers;
use crate::history::change::Change;
use crate::history::run::{Git, Origin, Status, TrialRecord};
use crate::plan::{Grade, Graded, Metric};
use crate::scorer::{Score, Unit};
use crate::stats::confusion::LabelScores;
use crate::stats::floor::FloorMode;
use crate::stats::unit::Scope;
use crate::suite::quarantine::Quarantine;
use crate::timeline::{self, FirstBad, Moved, Past, Rule, RunPoint, Series, Timeline};
use crate::units::Cost;

/// Index of the worst text in [`World::outputs`].
pub(super) const HOSTILE: usize = 0;

/// A critical case, one that must pass, and what is said of a quarantine that is over.
const CRITICAL: &str = "refund/late-01";
const MUST_PASS: &str = "=cmd|' /C calc'!A0";
const EXPIRED: &str =
    "the quarantine of case `refund/late-01` expired on 2026-01-01: it counts again";

const METRICS: [&str; 3] = ["exact", "polite", "latency"];

/// Everything that the summary borrows from.
pub(super) struct World {
    /// Texts that must be inert in every format.
    pub(super) outputs: Vec<String>,
    suites: Vec<OwnSuite>,
    git: Git,
    answers: Answers,
    quarantine: Quarantine,
    timeline: Timeline,
}

struct OwnSuite {
    name: &'static str,
    has_baseline: bool,
    verdict: Verdict,
    headline: &'static str,
    subjects: Vec<OwnSubject>,
}

struct OwnSubject {
    name: &'static str,
    alias: &'static str,
    verdict: Verdict,
    served: Vec<String>,
    cases: Vec<OwnCase>,
}

struct OwnCase {
    id: String,
    verdict: CaseVerdict,
    why: String,
    tags: Vec<String>,
    input: Map<String, Value>,
    expected: Option<Value>,
    now: Vec<OwnTrial>,
    before: Vec<OwnTrial>,
    /// What both become.
    records: [OnceLock<Vec<TrialRecord>>; 2],
    p: Option<f64>,
}

struct OwnTrial {
    outcome: Outcome,
    output: String,
    tool_calls: Vec<ToolCall>,
    failure: Option<String>,
    exact: bool,
    polite: f64,
    note: Option<String>,
}

impl World {
    pub(super) fn new() -> Self {
        let outputs = hostile_outputs();
        let suites = vec![triage(&outputs), extract()];
        Self {
            outputs,
            suites,
            git: Git {
                commit: "9f3c2ab5d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f".into(),
                dirty: true,
            },
            answers: Answers::default(),
            quarantine: Quarantine {
                case: "routing/mixed-01".into(),
                owner: "the <b>routing</b> team".into(),
                reason: "two right answers | until the policy is new".into(),
                until: "2026-12-31".into(),
            },
            timeline: course(),
        }
    }

    /// The first suite alone.
    pub(super) fn one_suite() -> Self {
        let mut world = Self::new();
        world.suites.truncate(1);
        world
    }

    /// With an output of one million characters in one line.
    pub(super) fn with_long_line() -> Self {
        let mut world = Self::one_suite();
        let long = "x".repeat(1_000_000);
        world.suites[0].subjects[0].cases[0].now[0]
            .output
            .clone_from(&long);
        world.outputs.push(long);
        world
    }

    /// A suite with a case for each text, which stands in every place of the case that text from outside comes to; a
    /// very long one stands whole in one answer only.
    pub(super) fn of_texts(texts: &[String]) -> Self {
        let mut world = Self::one_suite();
        let verdicts = [
            CaseVerdict::Regressed,
            CaseVerdict::Suspect,
            CaseVerdict::Flaky,
            CaseVerdict::Changed,
            CaseVerdict::New,
        ];
        let cases = texts.iter().zip(0..).map(|(text, index)| {
            let start: String = text.chars().take(200).collect();
            let (whole, text) = (text, text.chars().take(5_000).collect::<String>());
            let text = &text;
            let again = format!("{text} again");
            let mut of = case(&format!("{start}{index}"), verdicts[index % verdicts.len()])
                .asked(text, text)
                .now([(&**whole, false), (&*again, true)])
                .before([(&*again, true), (&**text, false)])
                .because(text, 0.01)
                .tagged(text);
            of.input.insert(start.clone(), text.as_str().into());
            of.now.push(OwnTrial {
                outcome: Outcome::ProviderError,
                failure: Some(text.clone()),
                ..trial("", false)
            });
            for trial in of.now.iter_mut().chain(&mut of.before) {
                trial.note = Some(text.clone());
                trial.tool_calls.push(ToolCall {
                    id: start.clone(),
                    name: start.clone(),
                    arguments: text.clone(),
                });
            }
            of
        });
        world.suites[0].subjects[0].cases = cases.collect();
        world.suites[0].subjects[0].served = texts[..texts.len() - 1].to_vec();
        world
    }

    /// A suite of many cases with short answers.
    pub(super) fn large(cases: usize) -> Self {
        let mut world = Self::one_suite();
        let subject = &mut world.suites[0].subjects[0];
        subject.cases = (0..cases)
            .map(|i| {
                let verdict = match i * 100 / cases {
                    0..5 => CaseVerdict::Regressed,
                    5..15 => CaseVerdict::Changed,
                    _ => CaseVerdict::Unchanged,
                };
                let old = format!("The parcel {i} left on Monday and will be there in two days. ")
                    .repeat(8);
                let new = if verdict == CaseVerdict::Unchanged {
                    old.clone()
                } else {
                    old.replace("two days", "a week or so")
                };
                let pass = verdict != CaseVerdict::Regressed;
                case(&format!("case-{i:06}"), verdict)
                    .asked("Where is my parcel?", "shipping")
                    .now([(&*new, pass), (&*new, pass), (&*new, pass)])
                    .before([(&*old, true), (&*old, true), (&*old, true)])
            })
            .collect();
        world
    }

    /// The text for a snapshot: without what is different in other versions, and with controls that can be seen.
    pub(super) fn shortened(text: &str) -> String {
        let text = text.replace("\r\n", "\n");
        let text = text.replace(env!("CARGO_PKG_VERSION"), "[version]");
        let show = |c: char| {
            if is_control(c) {
                format!("{{U+{:04X}}}", u32::from(c))
            } else {
                c.to_string()
            }
        };
        text.chars().map(show).collect()
    }

    pub(super) fn summary(&self) -> Summary<'_> {
        let suites: Vec<SuiteSummary<'_>> =
            self.suites.iter().map(|suite| self.suite(suite)).collect();
        Summary {
            format: FORMAT,
            regauge: env!("CARGO_PKG_VERSION"),
            verdict: suites[0].verdict,
            exit: Exit {
                code: 1,
                cause: "regressed: exact on triage · small of support-triage".into(),
            },
            headline: if suites.len() == 1 {
                suites[0].headline.clone()
            } else {
                format!("{}: {}", suites[0].suite, suites[0].headline)
            },
            suites,
        }
    }

    fn suite<'a>(&'a self, suite: &'a OwnSuite) -> SuiteSummary<'a> {
        let cases = suite.subjects[0].cases.len();
        let own = suite.subjects.iter();
        let subjects: Vec<SubjectSummary<'a>> =
            own.map(|subject| self.subject(suite, subject)).collect();
        SuiteSummary {
            suite: suite.name,
            file: "suites/support.yaml",
            run: self.run("0198a2b4-7c1d-7e3f-8a9b-0c1d2e3f4a5b", cases),
            baseline: suite
                .has_baseline
                .then(|| self.run("0197f001-1111-7222-8333-444455556666", cases)),
            baseline_rule: if suite.has_baseline {
                "the last accepted run of this suite".into()
            } else {
                "there is no earlier run of this suite".into()
            },
            verdict: suite.verdict,
            headline: suite.headline.into(),
            warnings: if suite.has_baseline {
                vec![EXPIRED.to_owned()]
            } else {
                Vec::new()
            },
            changes: if suite.has_baseline {
                changes()
            } else {
                Vec::new()
            },
            timeline: suite.has_baseline.then_some(&self.timeline),
            drift: if suite.has_baseline {
                vec![moved()]
            } else {
                Vec::new()
            },
            eyes_off: false,
            clusters: clusters(&subjects, &METRICS),
            metric_names: METRICS.to_vec(),
            subjects,
        }
    }

    fn run<'a>(&'a self, id: &'a str, cases: usize) -> RunFacts<'a> {
        RunFacts {
            id,
            started_at: 1_768_480_245_000,
            status: Status::Complete,
            reason: None,
            git: Some(&self.git),
            dataset: Digest::of_bytes(b"dataset"),
            cases,
            trials_per_case: 3,
            is_adaptive: false,
            outcomes: vec![(Outcome::Ok, 3 * cases - 3), (Outcome::Timeout, 3)],
            live: 3 * cases,
            batched: 0,
            saved: 0,
            confirming: 0,
            judging: 0,
            judging_cost: None,
            cost: Cost::from_usd(3.786),
        }
    }

    fn subject<'a>(&'a self, suite: &OwnSuite, subject: &'a OwnSubject) -> SubjectSummary<'a> {
        let cases: Vec<CaseSummary<'a>> =
            subject.cases.iter().map(|case| self.case(case)).collect();
        SubjectSummary {
            name: subject.name.into(),
            prompt: "triage@v2".into(),
            prompt_before: suite.has_baseline.then(|| "triage@v1".into()),
            alias: subject.alias,
            model: "smollm2-135m-instruct",
            served: &subject.served,
            template: "system:\nYou route tickets. Be brief.\nuser:\n{{ ticket }}\n",
            template_before: suite.has_baseline.then_some(
                "system:\nYou route tickets. Answer with one word.\nuser:\n{{ ticket }}\n",
            ),
            template_changed: None,
            verdict: subject.verdict,
            cause: None,
            split: Vec::new(),
            canary: None,
            metrics: match subject.verdict {
                Verdict::Regressed => regressed_metrics(),
                Verdict::NoBaseline => first_metrics(),
                _ => passing_metrics(),
            },
            critical: match subject.verdict {
                Verdict::Regressed => vec![critical_case()],
                _ => Vec::new(),
            },
            must_pass: cases
                .iter()
                .filter(|case| case.must_pass)
                .map(|case| MustPass {
                    case: case.id,
                    holds: false,
                    sentence: format!(
                        "case {} must pass in every trial and did not in 3 of 3",
                        case.id
                    ),
                })
                .collect(),
            judges: Vec::new(),
            noise: suite.has_baseline.then_some(0.13),
            chance: Chance {
                informative: 5,
                listed: 0.1,
            },
            counts: counts_of(&cases),
            outcomes: vec![(Outcome::Ok, 3 * cases.len())],
            labels: vec![label_table()],
            groups: groups(subject.verdict),
            cases,
        }
    }

    fn case<'a>(&'a self, case: &'a OwnCase) -> CaseSummary<'a> {
        CaseSummary {
            id: &case.id,
            verdict: case.verdict,
            why: case.why.clone(),
            passed: passed(&case.now),
            passed_before: (!case.before.is_empty()).then(|| passed(&case.before)),
            score: score_of(&case.now),
            score_before: score_of(&case.before),
            p: case.p,
            disagreement: (case.now.len() > 1).then(|| {
                let failed = case.now.iter().filter(|trial| !trial.exact).count();
                if failed == 0 || failed == case.now.len() {
                    0.0
                } else {
                    2.0 / 3.0
                }
            }),
            critical: case.id == CRITICAL,
            must_pass: case.id == MUST_PASS,
            quarantine: (case.id == self.quarantine.case).then_some(&self.quarantine),
            history: history(case),
            bad_since: (case.verdict == CaseVerdict::Regressed).then_some(4),
            group: case.tags.first().map(String::as_str),
            tags: &case.tags,
            input: &case.input,
            expected: case.expected.as_ref(),
            trials: self.trials((&case.now, &case.records[0]), &Origin::Live),
            trials_before: self.trials(
                (&case.before, &case.records[1]),
                &Origin::Reused("0197c0de-0000-7000-8000-00000000beef".into()),
            ),
        }
    }

    fn trials<'a>(
        &self,
        (trials, records): (&[OwnTrial], &'a OnceLock<Vec<TrialRecord>>),
        origin: &Origin,
    ) -> Trials<'a> {
        let records = records.get_or_init(|| {
            let records = (1..).zip(trials);
            records
                .map(|(repeat, trial)| self.record(repeat, trial, origin))
                .collect()
        });
        let metrics = METRICS.map(|name| Metric {
            name: name.into(),
            unit: Unit::Share,
            binary: false,
            lower_is_better: false,
            informational: false,
            fingerprint: Digest::of_bytes(name.as_bytes()),
            reduce: None,
            labels: None,
            judge: None,
        });
        Trials::new(records, &[], Columns::new(&metrics, &metrics))
    }

    fn record(&self, repeat: u32, trial: &OwnTrial, origin: &Origin) -> TrialRecord {
        let measured = trial.outcome.is_measured();
        let score = |value, passed, note: &Option<String>| Score {
            value,
            passed,
            note: note.clone(),
            cells: Vec::new(),
        };
        let scores = [
            score(
                f64::from(u8::from(trial.exact)),
                Some(trial.exact),
                &trial.note,
            ),
            score(trial.polite, Some(trial.polite >= 0.5), &None),
            score(812.5, None, &None),
        ];
        let grades = scores.into_iter().enumerate().map(|(metric, score)| Grade {
            metric,
            result: Graded::Score(score),
            judged: None,
        });
        let answered = Answered {
            reply: trial.reply(),
            attempts: if measured { 1 } else { 4 },
            latency_ms: Some(812.5),
            first_token_ms: None,
            sent_at: 0,
            batch: false,
        };
        TrialRecord {
            subject: 0,
            case: 0,
            repeat,
            fresh: false,
            outcome: trial.outcome,
            origin: if measured {
                origin.clone()
            } else {
                Origin::Nowhere
            },
            cost: Cost::from_usd(0.0012),
            grades: grades.filter(|_| measured).collect(),
            reason: None,
            address: None,
            answer: Some(self.answers.keep(&answered).unwrap()),
        }
    }
}

impl OwnTrial {
    fn reply(&self) -> Reply {
        if let Some(message) = &self.failure {
            return Reply::Failure(Failure {
                kind: FailureKind::Timeout,
                status: None,
                message: message.clone(),
                retryable: true,
            });
        }
        Reply::Response(Box::new(Response {
            tool_calls: self.tool_calls.clone(),
            usage: Usage {
                input: Some(120),
                output: Some(45),
                ..Usage::default()
            },
            ..Response::of(&self.output)
        }))
    }
}

/// Cases by verdict, in the order in which they come.
fn counts_of(cases: &[CaseSummary<'_>]) -> Vec<(CaseVerdict, usize)> {
    let mut counts: Vec<(CaseVerdict, usize)> = Vec::new();
    for case in cases {
        let mut known = counts.iter_mut();
        match known.find(|(verdict, _)| *verdict == case.verdict) {
            Some((_, count)) => *count += 1,
            None => counts.push((case.verdict, 1)),
        }
    }
    counts
}

fn passed(trials: &[OwnTrial]) -> Passed {
    let measured: Vec<&OwnTrial> = trials
        .iter()
        .filter(|trial| trial.outcome.is_measured())
        .collect();
    Passed {
        passed: measured
            .iter()
            .filter(|trial| trial.exact && trial.polite >= 0.5)
            .count(),
        measured: measured.len(),
        trials: trials.len(),
    }
}

/// The share of trials that passed all checks.
fn score_of(trials: &[OwnTrial]) -> Option<f64> {
    let passed = passed(trials);
    let share = |passed| f64::from(u32::try_from(passed).unwrap_or(0));
    (passed.measured > 0).then(|| share(passed.passed) / share(passed.measured))
}

/// Six runs: the case is new in the second, and as it is now from the fifth on.
fn history(case: &OwnCase) -> Vec<Past> {
    let past = |score: Option<f64>| score.map_or(Past::Unmeasured, Past::Passed);
    let (before, now) = (past(score_of(&case.before)), past(score_of(&case.now)));
    vec![Past::Absent, before, before, before, now, now]
}

fn groups(verdict: Verdict) -> Vec<GroupSummary<'static>> {
    if verdict != Verdict::Regressed {
        return Vec::new();
    }
    let group = |name, cases, bad, difference| GroupSummary {
        name,
        cases,
        bad,
        difference: Some(difference),
    };
    vec![
        group("refund", 37, 5, estimate(-0.124, -0.21, -0.04)),
        group("<b>tag</b>", 20, 0, estimate(0.029, -0.04, 0.10)),
    ]
}

fn case(id: &str, verdict: CaseVerdict) -> OwnCase {
    OwnCase {
        id: id.into(),
        verdict,
        why: String::new(),
        tags: Vec::new(),
        input: Map::new(),
        expected: None,
        now: Vec::new(),
        before: Vec::new(),
        records: [OnceLock::new(), OnceLock::new()],
        p: None,
    }
}

fn trial(output: &str, exact: bool) -> OwnTrial {
    OwnTrial {
        outcome: Outcome::Ok,
        output: output.into(),
        tool_calls: Vec::new(),
        failure: None,
        exact,
        polite: 0.9,
        note: (!exact).then(|| "expected `shipping`".to_owned()),
    }
}

impl OwnCase {
    fn asked(mut self, ticket: &str, expected: &str) -> Self {
        self.input.insert("ticket".into(), ticket.into());
        self.expected = Some(expected.into());
        self
    }

    fn now<'t>(mut self, trials: impl IntoIterator<Item = (&'t str, bool)>) -> Self {
        self.now = trials
            .into_iter()
            .map(|(text, ok)| trial(text, ok))
            .collect();
        self
    }

    fn before<'t>(mut self, trials: impl IntoIterator<Item = (&'t str, bool)>) -> Self {
        self.before = trials
            .into_iter()
            .map(|(text, ok)| trial(text, ok))
            .collect();
        self
    }

    fn because(mut self, why: &str, p: f64) -> Self {
        self.why = why.into();
        self.p = Some(p);
        self
    }

    fn tagged(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }
}

/// What must stay text: markup, escapes of terminals, controls that turn text around, formulas, fences.
fn hostile_outputs() -> Vec<String> {
    [
        "</script><script>alert('pwned')</script><img src=x onerror=\"alert(1)\">\0\u{1b}[31mred\u{1b}]0;title\u{7}\
         \u{202e}drow\u{2066}\u{200b}\u{85} & \"quoted\" 'single' <!-- ]]> -->",
        "=HYPERLINK(\"http://example.invalid/\"&A1,\"click\")",
        "````\n# a heading | with a pipe\n```` \n<details><summary>x</summary>\n| a | b |\n",
        "{{ 7 * 7 }}{% raw %} [link](javascript:alert(1)) ![](http://example.invalid/x.png) @someone #1",
    ]
    .map(str::to_owned)
    .into()
}

/// Cases that are wrong in one way or another.
fn bad_cases(hostile: &[String]) -> Vec<OwnCase> {
    let old = "Thank you for returning the linen duvet set, Amara. As soon as the warehouse has checked it in, we \
               refund €48.90 to your original payment method, which takes up to 5 business days. We will email you \
               once it is done. Reference: order A-10240.";
    let new = "Thank you so much for returning the linen duvet set, Amara! We have already refunded €48.90 to your \
               original payment method, and it will be in your account by Friday. We will email you once it is done.";
    let hostile_now = [
        (hostile[HOSTILE].as_str(), false),
        (hostile[1].as_str(), false),
        (hostile[2].as_str(), false),
    ];
    let [suspect, unmeasured] = odd_cases();
    vec![
        case("refund/late-01", CaseVerdict::Regressed)
            .asked("Hi, I sent back the linen duvet set (order A-10240) on Monday. When do I get my money?", old)
            .now([(new, false), (new, false), (new, false)])
            .before([(old, true), (old, true), (old, true)])
            .because("exact: expected the approved answer", 0.004)
            .tagged("refund"),
        case("=cmd|' /C calc'!A0", CaseVerdict::Regressed)
            .asked(&hostile[HOSTILE], &hostile[2])
            .now(hostile_now)
            .before([(hostile[3].as_str(), true), (hostile[2].as_str(), true), ("", true)])
            .because(&format!("exact: {}", hostile[HOSTILE]), 0.004)
            .tagged("<b>tag</b>"),
        suspect,
        unmeasured,
        case("routing/mixed-01", CaseVerdict::Flaky)
            .asked("The set is broken and I was charged twice.", "billing")
            .now([("billing", true), ("shipping", false), ("billing", true)])
            .before([("billing", true), ("billing", true), ("other", false)])
            .because("exact: expected `billing`", 0.5),
    ]
}

/// A case that is worse, but not for certain, and one without any answer.
fn odd_cases() -> [OwnCase; 2] {
    let mut unmeasured = case("shipping/late-04", CaseVerdict::Unmeasured)
        .asked("Where is my rain jacket?", "shipping")
        .before([("shipping", true); 3])
        .because("timeout: no answer within 60 s", 1.0);
    unmeasured.p = None;
    unmeasured.now = (0..3)
        .map(|_| OwnTrial {
            outcome: Outcome::Timeout,
            failure: Some("no answer within 60 s".into()),
            ..trial("", false)
        })
        .collect();
    let mut suspect = case("tone/angry-03", CaseVerdict::Suspect)
        .asked("THIRD time I am writing!", "other")
        .now([
            ("Calm down.", true),
            ("I am sorry to hear that.", true),
            ("Calm down.", true),
        ])
        .before([("I am sorry to hear that.", true); 3])
        .because("polite failed", 0.1);
    suspect.now[0].polite = 0.1;
    suspect.now[2].polite = 0.1;
    [suspect, unmeasured]
}

/// Cases that nobody need worry about.
fn calm_cases() -> Vec<OwnCase> {
    vec![
        case("shipping/late-05", CaseVerdict::Changed)
            .asked(
                "Where is it?",
                "It left on 2026-02-10 with the usual carrier and is on its way.",
            )
            .now(
                [(
                    "It left on 2026-02-11 with the usual carrier and is on its way.",
                    true,
                ); 3],
            )
            .before(
                [(
                    "It left on 2026-02-10 with the usual carrier and is on its way.",
                    true,
                ); 3],
            ),
        case("billing/twice-02", CaseVerdict::Improved)
            .asked("Charged twice!", "billing")
            .now([("billing", true); 3])
            .before([("other", false); 3])
            .because("", 1.0),
        case("billing/new-09", CaseVerdict::New)
            .asked("What is this fee?", "billing")
            .now([("billing", true); 3]),
        case("billing/edited-01", CaseVerdict::InputChanged)
            .asked("What is this other fee?", "billing")
            .now([("billing", true); 3])
            .before([("billing", true); 3]),
        case("billing/gone-01", CaseVerdict::Removed).before([("billing", true); 3]),
        case("shipping/plain-01", CaseVerdict::Unchanged)
            .asked("Where is my parcel?", "shipping")
            .now([("shipping", true); 3])
            .before([("shipping", true); 3]),
    ]
}

fn triage(hostile: &[String]) -> OwnSuite {
    let mut cases = bad_cases(hostile);
    cases.extend(calm_cases());
    let unchanged = (0..3)
        .map(|i| {
            case(&format!("shipping/plain-{i:02}"), CaseVerdict::Unchanged)
                .asked("Where is my parcel?", "shipping")
                .now([("shipping", true); 3])
                .before([("shipping", true); 3])
        })
        .collect();
    OwnSuite {
        name: "support-triage",
        has_baseline: true,
        verdict: Verdict::Regressed,
        headline: "triage · small: exact fell 4.7 points, 97.4 % to 92.7 %, more than the 2 allowed; noise alone \
                   does this 0.01 % of the time",
        subjects: vec![
            OwnSubject {
                name: "triage · small",
                alias: "small",
                verdict: Verdict::Regressed,
                served: vec!["smollm2-135m-instruct-q8".into()],
                cases,
            },
            OwnSubject {
                name: "triage · large",
                alias: "large",
                verdict: Verdict::Pass,
                served: Vec::new(),
                cases: unchanged,
            },
        ],
    }
}

fn extract() -> OwnSuite {
    let mut tool = case("order/tool-01", CaseVerdict::New)
        .asked("Cancel order A-11", "{\"order\": \"A-11\"}")
        .now([("", true), ("", true), ("", true)]);
    for trial in &mut tool.now {
        trial.tool_calls.push(ToolCall {
            id: "call_1".into(),
            name: "cancel_order".into(),
            arguments: "{\"order\":\"A-11\",\"note\":\"</script>\"}".into(),
        });
    }
    let mut data = case("order/data-01", CaseVerdict::New)
        .asked("Order A-12 of two chairs", "")
        .now([
            ("{\"order\":\"A-12\",\"items\":2}", true),
            ("{\"items\":2,\"order\":\"A-12\"}", true),
        ]);
    data.expected = Some(json!({"order": "A-12", "items": 2}));
    OwnSuite {
        name: "order-extract",
        has_baseline: false,
        verdict: Verdict::NoBaseline,
        headline: "No baseline: 2 cases recorded, 0 with a failed check",
        subjects: vec![OwnSubject {
            name: "extract · small",
            alias: "small",
            verdict: Verdict::NoBaseline,
            served: Vec::new(),
            cases: vec![tool, data],
        }],
    }
}

fn changes() -> Vec<Change> {
    let change = |what: &str, from: &str, to: &str| Change {
        what: what.into(),
        from: from.into(),
        to: to.into(),
    };
    vec![
        change("prompt triage", "v1 (0f3c2ab59d1e)", "v2 (77ab01c2d3e4)"),
        change("dataset", "1a2b3c4d5e6f", "a1b2c3d4e5f6"),
        change("commit", "9f3c2ab5d0e1", "77ab01c2d3e4 with changes"),
    ]
}

/// A course of six runs that is worse from the fifth on, with which came a change of a hostile name.
fn course() -> Timeline {
    let change = Change {
        what: "prompt <b>triage</b>\u{202e}".into(),
        from: "v1".into(),
        to: "v2".into(),
    };
    let changes = |run: usize| {
        if run == 4 {
            vec![change.clone()]
        } else {
            Vec::new()
        }
    };
    let day = 86_400_000;
    let started = |run: usize| 1_767_225_600_000 + i64::try_from(run).expect("small") * day;
    let id = |run: usize| match run {
        2 => "0197f001-1111-7222-8333-444455556666".to_owned(),
        5 => "0198a2b4-7c1d-7e3f-8a9b-0c1d2e3f4a5b".to_owned(),
        _ => format!("0197e000-0000-7000-8000-00000000000{run}"),
    };
    let series = Series {
        subject: "triage · small".into(),
        metric: "exact".into(),
        unit: Unit::Share,
        lower_is_better: false,
        gated: true,
        tolerance: 0.02,
        relative: false,
        cases: 199,
        runs: (0..6).collect(),
        values: vec![0.971, 0.98, 0.974, 0.977, 0.93, 0.927],
        since_previous: Some(-0.003),
        shifts: Vec::new(),
        first_bad: Some(first_bad(&change, &id(4), started(4))),
        drift: None,
        alarm: None,
    };
    let run = |run: usize| RunPoint {
        id: id(run),
        started_at: started(run),
        changes: changes(run),
    };
    Timeline {
        suite: "support-triage".into(),
        runs: (0..6).map(run).collect(),
        left_out: 1,
        series: vec![series],
        cases: Vec::new(),
    }
}

fn first_bad(change: &Change, run: &str, started_at: i64) -> FirstBad {
    FirstBad {
        at: 4,
        run: run.to_owned(),
        started_at,
        rule: Rule::FirstThisLow,
        is_news: false,
        adjusted: None,
        changes: vec![change.clone()],
        sentence: format!(
            "exact of triage · small is at 93.0 % in run {run} of 2026-01-05, the first that is this low (before it \
             never below 97.1 %); with it came {}",
            change.in_words()
        ),
    }
}

fn moved() -> Moved {
    Moved {
        of: timeline::Side::Inputs,
        subject: None,
        feature: "words",
        size: 0.41,
        p: Some(0.001),
        adjusted: Some(0.004),
        is_warning: true,
        sentence:
            "words of inputs: 23.1 on the mean, before 12.4 (distance 0.41, stability index 0.62)"
                .into(),
    }
}

/// What a classification took for what, of twelve cases.
fn label_table() -> LabelSummary<'static> {
    let row = |label, now: [f64; 3], before: [f64; 3], scores: Option<[f64; 4]>| {
        let scores = scores.map(|[support, precision, recall, f1]| LabelScores {
            support,
            precision,
            recall,
            f1,
        });
        let cells = now.into_iter().zip(before);
        LabelRow {
            label,
            cells: cells
                .map(|(now, before)| Counted {
                    now,
                    before: Some(before),
                })
                .collect(),
            now: scores,
            before: scores,
        }
    };
    LabelSummary {
        metric: "kind",
        columns: vec!["refund", "<b>other</b>", "none of these"],
        rows: vec![
            row(
                "refund",
                [5.0, 2.5, 0.5],
                [7.0, 1.0, 0.0],
                Some([8.0, 5.0 / 6.0, 0.625, 5.0 / 7.0]),
            ),
            row(
                "<b>other</b>",
                [1.0, 3.0, 0.0],
                [1.0, 3.0, 0.0],
                Some([4.0, 6.0 / 11.0, 0.75, 12.0 / 19.0]),
            ),
        ],
    }
}

fn estimate(value: f64, low: f64, high: f64) -> Estimate {
    Estimate { value, low, high }
}

fn metric(name: &'static str, unit: Unit) -> MetricSummary<'static> {
    MetricSummary {
        name,
        case: None,
        reduce: None,
        unit,
        lower_is_better: matches!(unit, Unit::Milliseconds | Unit::Usd),
        now: None,
        before: None,
        difference: None,
        scope: Scope::Suite,
        other_scope: None,
        relative: matches!(unit, Unit::Milliseconds | Unit::Usd),
        p_drop: None,
        pairs: 199,
        missing: 5,
        bounds: None,
        worst_case: None,
        visible_drop: None,
        settle: None,
        gate: None,
        looked_at: None,
        verdict: None,
        sentence: String::new(),
    }
}

fn gate(tolerance: f64) -> GateSummary {
    GateSummary {
        tolerance,
        at_least: None,
        at_most: None,
        mode: FloorMode::Tested,
        limit: None,
    }
}

fn regressed_metrics() -> Vec<MetricSummary<'static>> {
    vec![
        MetricSummary {
            now: Some(estimate(0.927, 0.90, 0.95)),
            before: Some(estimate(0.974, 0.955, 0.99)),
            difference: Some(estimate(-0.047, -0.078, -0.018)),
            p_drop: Some(0.0001),
            bounds: Some((0.91, 0.935)),
            visible_drop: Some(0.03),
            gate: Some(GateSummary {
                at_least: Some(0.8),
                limit: Some(LimitVerdict::Holds),
                ..gate(0.02)
            }),
            verdict: Some(Verdict::Regressed),
            sentence: "exact fell 4.7 points, 97.4 % to 92.7 %, more than the 2 allowed; noise alone does this \
                       0.01 % of the time (adjusted for 6 comparisons)"
                .into(),
            ..metric("exact", Unit::Share)
        },
        MetricSummary {
            now: Some(estimate(0.938, 0.88, 0.98)),
            before: Some(estimate(0.95, 0.9, 0.985)),
            difference: Some(estimate(-0.012, -0.092, 0.063)),
            p_drop: Some(0.41),
            other_scope: Some(estimate(-0.012, -0.11, 0.081)),
            visible_drop: Some(0.12),
            settle: Some(Settle {
                trials_per_case: Some(3),
                baseline_trials_per_case: 0,
                calls: Some(600),
                cost: Cost::from_usd(1.8),
                cases: None,
                trial_pairs: None,
            }),
            gate: Some(gate(0.02)),
            verdict: Some(Verdict::Inconclusive),
            sentence: "polite measured −1.2, 90 % interval −9.2 to +6.3; this run can see drops of 12 points or \
                       more; 3 more trials per case (600 calls, about $1.80) would settle it"
                .into(),
            ..metric("polite", Unit::Share)
        },
        MetricSummary {
            now: Some(estimate(1594.0, 1550.0, 1640.0)),
            before: Some(estimate(1576.0, 1540.0, 1610.0)),
            difference: Some(estimate(-0.011, -0.036, 0.01)),
            gate: Some(gate(0.10)),
            verdict: Some(Verdict::Pass),
            sentence: "a drop larger than 3.6 % is ruled out (allowed: 10 %)".into(),
            ..metric("latency", Unit::Milliseconds)
        },
        MetricSummary {
            now: Some(estimate(0.0038, 0.0037, 0.0039)),
            before: Some(estimate(0.0035, 0.0034, 0.0036)),
            difference: Some(estimate(-0.079, f64::MIN, f64::MAX)),
            sentence: "cost rose 7.9 %, $0.003500 to $0.003800".into(),
            ..metric("cost", Unit::Usd)
        },
    ]
}

fn critical_case() -> MetricSummary<'static> {
    MetricSummary {
        case: Some(CRITICAL),
        now: Some(estimate(0.0, 0.0, 0.47)),
        before: Some(estimate(1.0, 0.53, 1.0)),
        difference: Some(estimate(-1.0, -1.0, 0.0)),
        p_drop: Some(0.025),
        pairs: 1,
        missing: 0,
        gate: Some(gate(0.5)),
        verdict: Some(Verdict::Inconclusive),
        sentence: "critical case refund/late-01 (pass) measured −100, 90 % interval −100 to 0"
            .into(),
        ..metric("pass", Unit::Share)
    }
}

fn passing_metrics() -> Vec<MetricSummary<'static>> {
    vec![MetricSummary {
        now: Some(estimate(1.0, 0.97, 1.0)),
        before: Some(estimate(1.0, 0.97, 1.0)),
        difference: Some(estimate(0.0, -0.007, 0.007)),
        gate: Some(gate(0.02)),
        verdict: Some(Verdict::Pass),
        sentence: "a drop larger than 0.7 points is ruled out (allowed: 2)".into(),
        ..metric("exact", Unit::Share)
    }]
}

fn first_metrics() -> Vec<MetricSummary<'static>> {
    vec![
        MetricSummary {
            now: Some(estimate(0.864, 0.801, 0.912)),
            gate: Some(GateSummary {
                at_least: Some(0.85),
                limit: Some(LimitVerdict::Open),
                ..gate(0.02)
            }),
            verdict: Some(Verdict::NoBaseline),
            sentence:
                "exact is 86.4 % (90 % interval 80.1 % to 91.2 %); whether its limit holds is open"
                    .into(),
            ..metric("exact", Unit::Share)
        },
        metric("polite", Unit::Share),
    ]
}
