//! What comparisons conclude, on small runs made by hand.

use serde_json::json;

use super::summary::{CaseVerdict, Summary, Verdict};
use super::{Compared, summarize};
use crate::digest::Digest;
use crate::exchange::{
    Answered, Failure, FailureKind, Finish, Outcome, Reply, Response, Usage, WireFormat,
};
use crate::golden::Case;
use crate::history::run::{Header, Origin, Run, Status, SubjectRecord, TrialRecord};
use crate::plan::selection::Selection;
use crate::plan::{Grade, Graded, Metric};
use crate::scorer::{Score, Unit};
use crate::suite::gate::{GateRule, OnInconclusive, Policy};

/// What became of one trial: `1` passed, `0` failed, `!` had no answer.
fn run(id: &str, cases: &[&str]) -> Run {
    let trials = cases.iter().enumerate().flat_map(|(case, outcomes)| {
        outcomes
            .chars()
            .enumerate()
            .map(move |(repeat, outcome)| trial(case, repeat + 1, outcome))
    });
    Run {
        header: header(id, cases.first().map_or(0, |trials| trials.len())),
        trials: trials.collect(),
        cases: (0..cases.len()).map(case).collect(),
    }
}

fn header(id: &str, trials: usize) -> Header {
    Header {
        id: id.into(),
        invocation: id.into(),
        suite: "triage".into(),
        file: "suites/triage.yaml".into(),
        started_at: 0,
        finished_at: Some(1),
        status: Status::Complete,
        reason: None,
        rescored_from: None,
        reuse: false,
        trials: u32::try_from(trials).unwrap(),
        selection: Selection::default(),
        subjects: vec![SubjectRecord {
            prompt: "triage".into(),
            version: 1,
            alias: "small".into(),
            provider: WireFormat::Openai,
            model: "m".into(),
            served: Vec::new(),
            prompt_digest: Digest::of_bytes(b"prompt"),
            params_digest: Digest::of_bytes(b"params"),
            template: String::new(),
        }],
        metrics: vec![Metric {
            name: "exact".into(),
            unit: Unit::Share,
            binary: true,
            lower_is_better: false,
            informational: false,
            fingerprint: Digest::of_bytes(b"exact"),
        }],
        gates: Vec::new(),
        policy: Policy {
            alpha: 0.05,
            max_missing: 0.05,
            on_inconclusive: OnInconclusive::Warn,
        },
        dataset: Digest::of_bytes(b"dataset"),
        git: None,
        regauge: "0".into(),
        results: Vec::new(),
    }
}

fn case(index: usize) -> Case {
    serde_json::from_value(
        json!({"id": format!("c-{index}"), "vars": {"q": index}, "expected": "yes"}),
    )
    .unwrap()
}

fn trial(case: usize, repeat: usize, outcome: char) -> TrialRecord {
    let passed = outcome == '1';
    let reply = if outcome == '!' {
        let kind = FailureKind::Server;
        Reply::Failure(Failure {
            kind,
            status: Some(500),
            message: "overloaded".into(),
            retryable: true,
        })
    } else {
        Reply::Response(Box::new(Response {
            // Every answer has words of its own, as those of a real model do.
            text: format!("{outcome} {case} {repeat}"),
            tool_calls: Vec::new(),
            refusal: None,
            reasoning: None,
            finish: Finish::Stop,
            finish_raw: None,
            usage: Usage::default(),
            model: None,
            fingerprint: None,
            request_id: None,
        }))
    };
    let score = Score {
        value: if passed { 1.0 } else { 0.0 },
        passed: Some(passed),
        note: None,
    };
    TrialRecord {
        subject: 0,
        case,
        repeat: u32::try_from(repeat).unwrap(),
        outcome: if outcome == '!' {
            Outcome::ProviderError
        } else {
            Outcome::Ok
        },
        origin: Origin::Live,
        cost: None,
        grades: if outcome == '!' {
            Vec::new()
        } else {
            vec![Grade {
                metric: 0,
                result: Graded::Score(score),
            }]
        },
        reason: None,
        address: None,
        answer: Some(Answered {
            reply,
            attempts: 1,
            latency_ms: 1.0,
            sent_at: 0,
        }),
    }
}

fn with_gate(mut run: Run, gate: GateRule) -> Run {
    run.header.gates.push(gate);
    run
}

fn gate(at_least: Option<f64>, informational: bool) -> GateRule {
    GateRule {
        metric: "exact".into(),
        at_least,
        at_most: None,
        tolerance: None,
        informational,
    }
}

/// Runs a check on the summary of a comparison.
fn compare(now: &Run, before: Option<&Run>, check: impl FnOnce(&Summary<'_>)) {
    let compared = [Compared {
        run: now,
        baseline: before,
        rule: "named".into(),
    }];
    check(&summarize(&compared, false));
}

#[test]
fn a_clear_drop_is_a_regression() {
    let (before, now) = (
        run("a", &["111"; 20]),
        run("b", &[["111"; 12], ["000"; 12]].concat()[..20]),
    );
    compare(&now, Some(&before), |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Regressed, 1)
        );
        insta::assert_snapshot!(summary.headline, @"triage · small: exact fell 40 points, 100.0 % to 60.0 %, more than the 3 allowed");
        let subject = &summary.suites[0].subjects[0];
        assert_eq!(
            subject.cases[0].verdict,
            CaseVerdict::Suspect,
            "three against three cannot convict a case"
        );
    });
}

#[test]
fn one_flipped_case_is_no_regression() {
    let (before, now) = (
        run("a", &["1"; 20]),
        run("b", &[["1"; 19].as_slice(), &["0"]].concat()),
    );
    compare(&now, Some(&before), |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Inconclusive, 0)
        );
        insta::assert_snapshot!(summary.headline, @"Cannot tell yet: triage · small: exact measured −5, 90 % interval −19.5 to +11.2; this run can see drops of 23.2 points or more");
    });
}

#[test]
fn an_open_verdict_fails_where_the_policy_says_so() {
    let (before, mut now) = (
        run("a", &["1"; 20]),
        run("b", &[["1"; 19].as_slice(), &["0"]].concat()),
    );
    now.header.policy.on_inconclusive = OnInconclusive::Fail;
    compare(&now, Some(&before), |summary| {
        assert_eq!(summary.exit.code, 4);
    });
}

#[test]
fn enough_equal_trials_rule_a_drop_out() {
    let (before, now) = (run("a", &["111"; 50]), run("b", &["111"; 50]));
    compare(&now, Some(&before), |summary| {
        assert_eq!((summary.verdict, summary.exit.code), (Verdict::Pass, 0));
        insta::assert_snapshot!(summary.headline, @"No regression: a drop of exact larger than 2.1 points is ruled out (allowed: 3 points)");
    });
}

#[test]
fn the_same_answers_pass_however_few_they_are() {
    let same = |id| {
        let mut run = run(id, &["1", "0"]);
        for trial in &mut run.trials {
            if let Some(Answered {
                reply: Reply::Response(response),
                ..
            }) = &mut trial.answer
            {
                response.text = "same".into();
            }
        }
        run
    };
    compare(&same("b"), Some(&same("a")), |summary| {
        assert_eq!(summary.verdict, Verdict::Pass);
    });
    let mut replayed = same("b");
    replayed.trials[0].origin = Origin::Replayed;
    compare(&replayed, Some(&same("a")), |summary| {
        assert_eq!(summary.verdict, Verdict::Inconclusive);
    });
}

#[test]
fn failures_stay_in_the_denominator() {
    let (before, now) = (
        run("a", &["111"; 40]),
        run("b", &[["111"; 36].as_slice(), &["!!!"; 4]].concat()),
    );
    compare(&now, Some(&before), |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Unmeasured, 3)
        );
        let metric = &summary.suites[0].subjects[0].metrics[0];
        assert_eq!(metric.bounds, Some((0.9, 1.0)));
        insta::assert_snapshot!(summary.headline, @"No verdict: 4 of 40 cases have no result (they count neither as passes nor as regressions)");
    });
}

#[test]
fn a_run_that_is_not_complete_never_passes() {
    let (before, mut now) = (run("a", &["111"; 50]), run("b", &["111"; 50]));
    now.header.status = Status::Incomplete;
    now.header.reason = Some("the budget of the run was spent (3 trials)".into());
    compare(&now, Some(&before), |summary| {
        assert_eq!(summary.exit.code, 3);
        insta::assert_snapshot!(summary.headline, @"No verdict: the run is incomplete: the budget of the run was spent (3 trials)");
    });
}

#[test]
fn scores_of_another_scorer_are_not_compared() {
    let (before, mut now) = (run("a", &["111"; 50]), run("b", &["000"; 50]));
    now.header.metrics[0].fingerprint = Digest::of_bytes(b"another");
    compare(&now, Some(&before), |summary| {
        assert_eq!(summary.exit.code, 3);
        insta::assert_snapshot!(summary.headline, @"No verdict: triage · small: exact is not comparable: the scorer of `exact` changed since the baseline; `regauge rescore` grades the baseline anew");
    });
}

#[test]
fn a_case_with_another_input_is_left_out_and_said() {
    let (before, mut now) = (
        run("a", &["111"; 20]),
        run("b", &[["111"; 19].as_slice(), &["000"]].concat()),
    );
    now.cases[19].expected = Some(json!("no"));
    compare(&now, Some(&before), |summary| {
        let subject = &summary.suites[0].subjects[0];
        assert_eq!(subject.metrics[0].pairs, 19);
        assert!(subject.counts.contains(&(CaseVerdict::InputChanged, 1)));
    });
}

#[test]
fn cases_come_and_go() {
    let (before, mut now) = (run("a", &["111"; 3]), run("b", &["111"; 3]));
    now.cases[2].id = "c-new".into();
    compare(&now, Some(&before), |summary| {
        let counts = &summary.suites[0].subjects[0].counts;
        assert!(
            counts.contains(&(CaseVerdict::New, 1)) && counts.contains(&(CaseVerdict::Removed, 1))
        );
    });
}

#[test]
fn a_broken_floor_fails_without_a_baseline() {
    let now = with_gate(
        run("b", &[["111"; 5], ["000"; 5]].concat()),
        gate(Some(0.9), false),
    );
    compare(&now, None, |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Regressed, 1)
        );
        insta::assert_snapshot!(summary.headline, @"triage · small: exact is 50.0 %, below the floor of 90.0 % (90 % interval 35.6 % to 64.4 %)");
    });
}

#[test]
fn a_floor_near_the_value_is_open() {
    let now = with_gate(run("b", &["1110"; 5]), gate(Some(0.75), false));
    compare(&now, None, |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Inconclusive, 0)
        );
    });
}

#[test]
fn what_is_shown_only_never_fails() {
    let (before, now) = (
        run("a", &["111"; 30]),
        with_gate(run("b", &["000"; 30]), gate(None, true)),
    );
    compare(&now, Some(&before), |summary| {
        assert_eq!(summary.exit.code, 0);
        let metric = &summary.suites[0].subjects[0]
            .metrics
            .iter()
            .find(|metric| metric.name == "exact")
            .unwrap();
        assert_eq!(metric.verdict, None);
    });
}

#[test]
fn a_first_run_says_so() {
    compare(&run("b", &["111", "110"]), None, |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::NoBaseline, 0)
        );
        insta::assert_snapshot!(summary.headline, @"No baseline: 2 cases recorded, 1 with a failed check");
    });
}

#[test]
fn a_rise_of_errors_is_a_regression_of_its_own() {
    let mut now = run("b", &[["111"; 30], ["!!!"; 30]].concat());
    now.header.policy.max_missing = 0.9;
    compare(&now, Some(&run("a", &["111"; 60])), |summary| {
        let metrics = &summary.suites[0].subjects[0].metrics;
        let errors = metrics
            .iter()
            .find(|metric| metric.name == "error_rate")
            .unwrap();
        assert_eq!(errors.verdict, Some(Verdict::Regressed));
    });
}
