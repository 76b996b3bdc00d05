//! What comparisons conclude, on small runs made by hand.

use std::sync::{Arc, LazyLock};
mod reduce;
mod whole;

use serde_json::json;

use super::summary::{CaseVerdict, Estimate, MetricSummary, Summary, Verdict};
use super::{Compared, summarize};
use crate::digest::Digest;
use crate::exchange::{Answered, Failure, FailureKind, Outcome, Reply, Response, WireFormat};
use crate::golden::Case;
use crate::history::answers::{Answers, Kept};
use crate::history::run::{Header, Origin, Run, Status, SubjectRecord, TrialRecord};
use crate::plan::selection::Selection;
use crate::plan::{Grade, Graded, Metric};
use crate::scorer::{Score, Unit};
use crate::stats::unit::Scope;
use crate::suite::cluster::Sharing;
use crate::suite::gate::{GateRule, OnInconclusive, Policy};
use crate::suite::quarantine::Quarantine;

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
        cases: Arc::new((0..cases.len()).map(case).collect()),
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
        batch: false,
        trials: u32::try_from(trials).unwrap(),
        sampling: None,
        part: None,
        eyes_off: false,
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
            reduce: None,
            labels: None,
            judge: None,
        }],
        derived: Vec::new(),
        gates: Vec::new(),
        policy: Policy::default(),
        quarantine: Vec::new(),
        quarantine_expired: Vec::new(),
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

/// A case of a run, to be changed.
fn case_of(run: &mut Run, index: usize) -> &mut Case {
    &mut Arc::make_mut(&mut run.cases)[index]
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
        // Every answer has words of its own, as those of a real model do.
        Reply::Response(Box::new(Response::of(format!("{outcome} {case} {repeat}"))))
    };
    let score = Score {
        value: if passed { 1.0 } else { 0.0 },
        passed: Some(passed),
        note: None,
        cells: Vec::new(),
    };
    TrialRecord {
        subject: 0,
        case,
        repeat: u32::try_from(repeat).unwrap(),
        fresh: false,
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
                judged: None,
            }]
        },
        reason: None,
        address: None,
        answer: Some(kept(reply)),
    }
}

fn kept(reply: Reply) -> Kept {
    static ANSWERS: LazyLock<Answers> = LazyLock::new(Answers::default);
    let answered = Answered {
        reply,
        attempts: 1,
        latency_ms: Some(1.0),
        first_token_ms: None,
        sent_at: 0,
        batch: false,
    };
    ANSWERS.keep(&answered).unwrap()
}

fn with_gate(mut run: Run, gate: GateRule) -> Run {
    run.header.gates.push(gate);
    run
}

fn gate(at_least: Option<f64>, informational: bool) -> GateRule {
    GateRule {
        at_least,
        informational,
        ..GateRule::on_drop("exact", 0.03)
    }
}

/// Runs a check on the summary of a comparison.
fn compare(now: &Run, before: Option<&Run>, check: impl FnOnce(&Summary<'_>)) {
    let compared = [Compared::new(now, before, "named".into())];
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
        insta::assert_snapshot!(summary.headline, @"Cannot tell yet: triage · small: exact measured −5, 90 % interval −19.5 to +11.2; this run can see drops of 23.2 points or more; 21 more trials per case and 21 of the baseline (840 calls) would settle it");
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
fn a_first_run_of_which_too_little_was_graded_is_unmeasured_and_passes_no_floor() {
    let mut now = run("b", &["1"; 5]);
    now.header.gates = vec![gate(Some(0.5), false)];
    compare(&now, None, |summary| {
        assert_eq!(summary.verdict, Verdict::NoBaseline);
    });
    for trial in now.trials.iter_mut().skip(1) {
        trial.grades[0].result = Graded::Error("the judge said nothing".into());
    }
    compare(&now, None, |summary| {
        assert_eq!(
            (summary.verdict, summary.exit.code),
            (Verdict::Unmeasured, 3)
        );
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
        let run = run(id, &["1", "0"]);
        saying(run, |_| "same".into())
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
    case_of(&mut now, 19).expected = Some(json!("no"));
    compare(&now, Some(&before), |summary| {
        let subject = &summary.suites[0].subjects[0];
        assert_eq!(subject.metrics[0].pairs, 19);
        assert!(subject.counts.contains(&(CaseVerdict::InputChanged, 1)));
    });
}

#[test]
fn cases_come_and_go() {
    let (before, mut now) = (run("a", &["111"; 3]), run("b", &["111"; 3]));
    case_of(&mut now, 2).id = "c-new".into();
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

/// With flags set for a case.
fn flagged(mut run: Run, index: usize, flag: impl Fn(&mut Case)) -> Run {
    flag(case_of(&mut run, index));
    run
}

#[test]
fn a_critical_case_is_a_gate_of_its_own_and_counts_in_the_family() {
    let critical = |case: &mut Case| case.critical = true;
    let before = run("a", &["11111111"; 60]);
    let now = run("b", &[&["00000000"][..], &["11111111"; 59]].concat());
    compare(&flagged(now, 0, critical), Some(&before), |summary| {
        let subject = &summary.suites[0].subjects[0];
        let (exact, critical) = (&subject.metrics[0], &subject.critical[0]);
        assert_ne!(exact.verdict, Some(Verdict::Regressed));
        assert_eq!(
            (critical.case, critical.verdict),
            (Some("c-0"), Some(Verdict::Regressed))
        );
        insta::assert_snapshot!(critical.sentence, @"critical case c-0 (pass) fell 100 points, 100.0 % to 0.0 %, more than the 50 allowed; noise alone does this 0.01 % of the time (adjusted for 2 comparisons)");
        assert_eq!(summary.exit.code, 1);
    });
}

#[test]
fn an_interval_holds_its_estimate_also_where_one_case_has_a_few_trials() {
    let critical = |case: &mut Case| case.critical = true;
    let before = flagged(run("a", &["111"; 50]), 0, critical);
    let mut outcomes = ["111"; 50];
    outcomes[0] = "000";
    let now = flagged(run("b", &outcomes), 0, critical);
    compare(&now, Some(&before), |summary| {
        let difference = summary.suites[0].subjects[0].critical[0].difference;
        let Estimate { value, low, high } = difference.unwrap();
        assert!(low <= value && value <= high, "{low} {value} {high}");
    });
}

#[test]
fn a_new_critical_case_is_compared_with_nothing() {
    let critical = |case: &mut Case| case.critical = true;
    let before = run("a", &["111"; 50]);
    let mut now = flagged(run("b", &["111"; 50]), 0, critical);
    case_of(&mut now, 0).id = "c-new".into();
    compare(&now, Some(&before), |summary| {
        assert!(summary.suites[0].subjects[0].critical.is_empty());
        assert_eq!(summary.verdict, Verdict::Pass);
    });
}

#[test]
fn a_case_that_must_pass_is_broken_by_a_trial_without_an_answer() {
    let must_pass = |case: &mut Case| case.must_pass = true;
    let mut now = flagged(run("b", &[["11!"; 1], ["111"; 1]].concat()), 0, must_pass);
    compare(&now, None, |summary| {
        let subject = &summary.suites[0].subjects[0];
        assert_eq!((subject.must_pass[0].holds, summary.exit.code), (false, 1));
        let case = subject.cases.iter().find(|case| case.id == "c-0").unwrap();
        insta::assert_snapshot!(case.why, @"must pass in every trial: provider-error: HTTP 500: overloaded");
    });
    // A call that was never made says nothing of the model.
    now.trials[2].outcome = Outcome::Skipped;
    compare(&now, None, |summary| {
        assert!(summary.suites[0].subjects[0].must_pass[0].holds);
    });
}

#[test]
fn a_quarantine_takes_a_case_out_of_means_and_gates_of_both_sides() {
    let flag = |case: &mut Case| (case.critical, case.must_pass) = (true, true);
    let before = run("a", &["1111"; 30]);
    let worse = run("b", &[&["0000"][..], &["1111"; 29]].concat());
    let mut now = flagged(worse, 0, flag);
    now.header.quarantine.push(Quarantine {
        case: "c-0".into(),
        owner: "ops".into(),
        reason: "two right answers".into(),
        until: "2026-12-31".into(),
    });
    compare(&now, Some(&before), |summary| {
        let subject = &summary.suites[0].subjects[0];
        let exact = &subject.metrics[0];
        let values = [exact.now, exact.before].map(|side| side.unwrap().value);
        assert_eq!((values, exact.pairs), ([1.0, 1.0], 29));
        assert!(subject.critical.is_empty() && subject.must_pass.is_empty());
        assert_eq!(subject.chance.informative, 0);
        let held = subject.cases.iter().find(|case| case.quarantine.is_some());
        assert_eq!(held.map(|case| case.id), Some("c-0"));
    });
    assert!((now.results()[1].value - 1.0).abs() < 1e-12);
}

#[test]
fn noise_is_how_often_two_trials_of_a_case_disagree() {
    compare(
        &run("b", &["1110", "1111", "0000", "1100"]),
        None,
        |summary| {
            let subject = &summary.suites[0].subjects[0];
            let noise = subject.noise.unwrap();
            assert!((noise - (0.5 + 4.0 / 6.0) / 4.0).abs() < 1e-12, "{noise}");
        },
    );
    compare(&run("b", &["1", "0"]), None, |summary| {
        assert_eq!(
            summary.suites[0].subjects[0].noise, None,
            "one trial shows none"
        );
    });
}

#[test]
fn the_worst_case_of_missing_trials_is_printed() {
    let (before, now) = (
        run("a", &["1111"; 40]),
        run("b", &[&["11!!"; 2][..], &["1111"; 38]].concat()),
    );
    compare(&now, Some(&before), |summary| {
        let exact = &summary.suites[0].subjects[0].metrics[0];
        assert!((exact.worst_case.unwrap() + 0.025).abs() < 1e-12);
        insta::assert_snapshot!(exact.sentence, @"a drop larger than 2 points is ruled out (allowed: 3); −2.5 if every missing trial were worst");
    });
}

#[test]
fn cases_that_a_metric_is_not_about_are_not_missing() {
    let ungraded = |mut run: Run| {
        for trial in run.trials.iter_mut().filter(|trial| trial.case < 20) {
            trial.grades.clear();
        }
        run
    };
    let before = ungraded(run("a", &["1111"; 60]));
    let now = ungraded(run("b", &["1111"; 60]));
    compare(&now, Some(&before), |summary| {
        let exact = &summary.suites[0].subjects[0].metrics[0];
        assert_eq!(exact.verdict, Some(Verdict::Pass), "{}", exact.sentence);
        assert_eq!((exact.pairs, exact.missing), (40, 0));
        assert_eq!((exact.bounds, exact.worst_case), (None, None));
    });
}

#[test]
fn the_cases_of_a_trajectory_are_one_unit() {
    let cluster = |mut run: Run| {
        for (index, case) in Arc::make_mut(&mut run.cases).iter_mut().enumerate() {
            case.cluster = Some(format!("talk {}", index / 5));
        }
        run
    };
    let before = cluster(run("a", &["111"; 40]));
    let mut now = cluster(run("b", &[&["000"; 5][..], &["111"; 35]].concat()));
    let p = |now: &Run| {
        let mut found = (0, 0.0, 0.0);
        compare(now, Some(&before), |summary| {
            let exact = &summary.suites[0].subjects[0].metrics[0];
            found = (
                exact.pairs,
                exact.p_drop.unwrap(),
                exact.difference.unwrap().value,
            );
        });
        found
    };
    let (cases, sure, difference) = p(&now);
    now.header.policy.clusters = Sharing::Trajectory;
    let (talks, unsure, same) = p(&now);
    assert_eq!((cases, talks, difference), (40, 8, same));
    assert!(sure < 0.001 && unsure > 0.02, "{sure} {unsure}");
}

#[test]
fn in_population_scope_cases_are_added_where_trials_cannot_help() {
    let before = run("a", &["1111"; 30]);
    // Some cases are better for good and others worse: no number of trials shows what other cases would do.
    let mixed = [&["0000"; 3][..], &["1111"; 27]].concat();
    let mut now = run("b", &mixed);
    now.header.policy.scope = Scope::Population;
    now.header.gates = vec![GateRule::on_drop("exact", 0.15)];
    compare(&now, Some(&before), |summary| {
        let exact = &summary.suites[0].subjects[0].metrics[0];
        assert_eq!(
            (exact.verdict, exact.scope),
            (Some(Verdict::Inconclusive), Scope::Population)
        );
        let settle = exact.settle.as_ref().unwrap();
        assert_eq!(settle.trials_per_case, None);
        assert!(settle.cases.is_some_and(|cases| cases > 50), "{settle:?}");
        insta::assert_snapshot!(exact.sentence, @"exact measured −10, 90 % interval −21.8 to +4.2; this run can see drops of 21.5 points or more; cannot be settled with this suite: add about 410 cases");
    });
}

#[test]
fn a_rare_failure_that_cannot_be_ruled_out_says_how_many_trials_it_takes() {
    let graded = |id| {
        let mut run = run(id, &["1"; 20]);
        for trial in &mut run.trials {
            for grade in &mut trial.grades {
                if let Graded::Score(score) = &mut grade.result {
                    score.value = 0.9;
                }
            }
        }
        run
    };
    let mut now = graded("b");
    // Answers that are the same to the letter would pass.
    now.trials[0].origin = Origin::Replayed;
    compare(&now, Some(&graded("a")), |summary| {
        let exact = &summary.suites[0].subjects[0].metrics[0];
        let settle = exact.settle.as_ref().unwrap();
        // ln(20) x 0.9 / 0.03
        assert_eq!(settle.trial_pairs, Some(90));
        insta::assert_snapshot!(exact.sentence, @"exact measured +0, 90 % interval +0 to +0; too few trials to rule out a rare failure: it takes 90 pairs of trials, these are 20; this run can see drops of 3 points or more; 4 more trials per case and 4 of the baseline (160 calls) would settle it");
    });
}

/// Gives all answers of a run the text for their case.
fn saying(mut run: Run, text: impl Fn(usize) -> String) -> Run {
    for trial in &mut run.trials {
        if trial.features().is_some() {
            trial.answer = Some(kept(Reply::Response(Box::new(Response::of(text(
                trial.case,
            ))))));
        }
    }
    run
}

#[test]
fn forty_differences_become_two_findings() {
    let before = saying(run("a", &["1111"; 40]), |case| {
        format!("The fee of order {case} is 5 euros.")
    });
    let now = saying(run("b", &["0000"; 40]), |case| match case % 4 {
        0 => "I\u{2019}m sorry, but I cannot help with that.".to_owned(),
        _ => format!("The fee of order {case} is 7 euros."),
    });
    compare(&now, Some(&before), |summary| {
        let clusters = &summary.suites[0].clusters;
        let found: Vec<(Option<&str>, &str, usize)> = clusters
            .iter()
            .map(|cluster| (cluster.check, cluster.change.name(), cluster.cases.len()))
            .collect();
        assert_eq!(
            found,
            [
                (Some("exact"), "other numbers", 30),
                (Some("exact"), "refuses", 10)
            ]
        );
    });
}

#[test]
fn what_is_in_quarantine_is_no_finding() {
    let (before, mut now) = (run("a", &["1111"; 3]), run("b", &["0000"; 3]));
    now.header.quarantine.push(Quarantine {
        case: "c-1".into(),
        owner: "the team".into(),
        reason: "known".into(),
        until: "2099-01-01".into(),
    });
    compare(&now, Some(&before), |summary| {
        let suite = &summary.suites[0];
        let places = suite.clusters.iter().flat_map(|cluster| &cluster.cases);
        let ids = places.map(|place| suite.subjects[place.subject].cases[place.case].id);
        assert_eq!(ids.collect::<Vec<_>>(), ["c-0", "c-2"]);
    });
}

#[test]
fn groups_begin_with_the_surest_drop() {
    let outcomes = [["1111"; 20], ["0000"; 20]].concat();
    let tagged = |mut run: Run| {
        for (index, case) in Arc::make_mut(&mut run.cases).iter_mut().enumerate() {
            let tag = match index {
                0..19 => "calm",
                19..21 => "few",
                _ => "worse",
            };
            case.tags = vec![tag.to_owned(), "all".to_owned()];
        }
        run
    };
    let (before, now) = (tagged(run("a", &["1111"; 40])), tagged(run("b", &outcomes)));
    compare(&now, Some(&before), |summary| {
        let groups = &summary.suites[0].subjects[0].groups;
        let found: Vec<(&str, usize, usize)> = groups
            .iter()
            .map(|group| (group.name, group.cases, group.bad))
            .collect();
        assert_eq!(found, [("worse", 19, 19), ("few", 2, 1), ("calm", 19, 0)]);
        let drop = groups[0].difference.unwrap();
        assert!((drop.value + 1.0).abs() < 1e-9 && drop.high < -0.5);
    });
}

#[test]
fn one_group_alone_is_none() {
    let (before, now) = (run("a", &["11"; 3]), run("b", &["10"; 3]));
    compare(&now, Some(&before), |summary| {
        assert!(summary.suites[0].subjects[0].groups.is_empty());
    });
}

#[test]
fn what_was_recorded_with_texts_withheld_stays_so_and_its_verdicts_are_those_of_the_texts() {
    let (before, mut now) = (run("a", &["1111"; 20]), run("b", &["0000"; 20]));
    let open = [Compared::new(&now.clone(), Some(&before), String::new())]
        .each_ref()
        .map(|compared| {
            let summary = summarize(std::slice::from_ref(compared), false);
            (summary.headline, summary.suites[0].clusters.len())
        });
    now.header.eyes_off = true;
    let compared = [Compared::new(&now, Some(&before), String::new())];
    let (one, other) = (summarize(&compared, false), summarize(&compared, false));
    let withheld = serde_json::to_string(&one).unwrap();
    assert_eq!(withheld, serde_json::to_string(&other).unwrap());
    assert_eq!(open, [(one.headline.clone(), one.suites[0].clusters.len())]);
    let trial = &one.suites[0].subjects[0].cases[0].worst_trial().unwrap();
    assert_eq!(trial.output, "[withheld: 5 characters]");
    assert!(
        trial
            .changed
            .is_some_and(|changed| changed.baseline > Some(0.0))
    );
    assert!(!withheld.contains("\"yes\""), "the golden");
}
