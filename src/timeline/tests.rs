//! What courses over time tell, on points made by hand.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::{CASE_RUNS, Past, Rule, Series, Timeline, inputs, outputs};
use crate::digest::Digest;
use crate::golden::Case;
use crate::history::answers::Answers;
use crate::history::point::{Point, SeriesMeans};
use crate::history::run::{Header, Run};
use crate::suite::gate::Policy;

const DAY: i64 = 86_400_000;

fn header(day: usize, version: u32) -> Header {
    let digest = |text: &str| Digest::of_bytes(text.as_bytes());
    serde_json::from_value(json!({
        "id": format!("r{:02}", day + 1), "invocation": "i", "suite": "words", "file": "suites/words.yaml",
        "started_at": 1_767_225_600_000 + i64::try_from(day).unwrap() * DAY, "status": "complete", "trials": 1,
        "selection": {}, "gates": [], "policy": Policy::default(), "dataset": digest("dataset"), "regauge": "0",
        "subjects": [{
            "prompt": "repeat", "version": version, "alias": "small", "provider": "openai", "model": "m",
            "prompt_digest": digest(&format!("prompt {version}")), "params_digest": digest("params"), "template": "",
        }],
        "metrics": [{
            "name": "exact", "unit": "share", "binary": true, "lower_is_better": false, "informational": false,
            "fingerprint": digest("exact"),
        }, {
            "name": "latency", "unit": "milliseconds", "binary": false, "lower_is_better": true,
            "informational": true, "fingerprint": digest("latency"),
        }],
    }))
    .unwrap()
}

fn digests(cases: std::ops::Range<usize>) -> Arc<[Digest]> {
    cases
        .map(|case| Digest::of_bytes(&case.to_le_bytes()))
        .collect()
}

/// A point of which a metric has this value in each of its cases.
fn point(day: usize, version: u32, metric: &str, value: f64) -> Point {
    let cases = digests(0..10);
    let means = SeriesMeans {
        subject: 0,
        metric: metric.to_owned(),
        value,
        means: vec![Some(value); cases.len()],
    };
    Point {
        header: header(day, version),
        cases,
        means: vec![means],
    }
}

/// Points of one metric; the second version of the prompt comes with the `changed`-th run, counted from 1.
fn points(metric: &str, values: &[f64], changed: usize) -> Vec<Point> {
    let runs = values.iter().enumerate();
    runs.map(|(day, value)| point(day, if day + 1 >= changed { 2 } else { 1 }, metric, *value))
        .collect()
}

fn series_of(points: &[Point], metric: &str) -> Series {
    let timeline = Timeline::of(points).unwrap();
    timeline
        .series_of("repeat · small", metric)
        .unwrap()
        .clone()
}

/// A level with a small ripple.
fn ripple(level: f64, from: usize, count: usize) -> Vec<f64> {
    [0.0, 0.01, -0.01, 0.005]
        .into_iter()
        .cycle()
        .skip(from)
        .take(count)
        .map(|ripple| level + ripple)
        .collect()
}

#[test]
fn a_drop_is_found_with_its_first_bad_run_and_what_came_with_it() {
    let values = [ripple(0.9, 0, 8), ripple(0.7, 8, 6)].concat();
    let series = series_of(&points("exact", &values, 9), "exact");
    let bad = series.first_bad.unwrap();
    assert_eq!((bad.run.as_str(), bad.rule), ("r09", Rule::ChangePoint));
    assert_eq!(bad.changes[0].what, "prompt repeat");
    insta::assert_snapshot!(bad.sentence, @"exact of repeat · small fell from 90.1 % to 70.2 % with run r09 of 2026-01-09; with it came prompt repeat v1 (7e5b8ad56422) → v2 (259a648c7737)");
    assert_eq!(series.shifts.len(), 1);
    assert_eq!(series.drift, None, "a step is no drift");
}

#[test]
fn a_drop_is_news_until_a_run_has_told_it() {
    let told = |runs: usize| {
        let values = [ripple(0.9, 0, 12), ripple(0.6, 12, runs)].concat();
        let series = series_of(&points("exact", &values, 99), "exact");
        series
            .first_bad
            .map(|bad| (bad.at, bad.rule, bad.is_news))
            .unwrap()
    };
    assert_eq!(told(1), (12, Rule::FirstThisLow, true));
    assert_eq!(told(2), (12, Rule::FirstThisLow, false));
    assert_eq!(told(3), (12, Rule::ChangePoint, true));
    assert_eq!(told(6), (12, Rule::ChangePoint, false));
}

#[test]
fn a_metric_of_which_less_is_better_gets_worse_when_it_rises() {
    let values = [ripple(100.0, 0, 10), ripple(150.0, 2, 10)].concat();
    let worse = series_of(&points("latency", &values, 11), "latency");
    assert_eq!(worse.first_bad.unwrap().at, 10);
    let falling: Vec<f64> = values.iter().rev().copied().collect();
    let better = series_of(&points("latency", &falling, 11), "latency");
    assert_eq!((better.shifts.len(), better.first_bad), (1, None));
}

#[test]
fn a_change_below_the_tolerance_is_shown_and_not_told() {
    let fine: Vec<f64> = (0..24)
        .map(|run| 0.9 - if run >= 12 { 0.02 } else { 0.0 } + 0.0001 * f64::from(run % 3))
        .collect();
    let series = series_of(&points("exact", &fine, 99), "exact");
    assert_eq!((series.shifts.len(), series.first_bad), (1, None));
}

#[test]
fn a_level_that_recovered_has_no_first_bad_run() {
    let values = [ripple(0.9, 0, 20), ripple(0.6, 20, 10), ripple(0.9, 30, 5)].concat();
    let series = series_of(&points("exact", &values, 11), "exact");
    let drops: Vec<usize> = series.shifts.iter().map(|shift| shift.at).collect();
    assert_eq!((drops, series.first_bad), (vec![20, 30], None));
}

#[test]
fn with_few_runs_the_first_one_that_is_this_low_is_told() {
    let series = series_of(&points("exact", &[0.9, 0.95, 0.7, 0.65], 3), "exact");
    let bad = series.first_bad.unwrap();
    assert_eq!(
        (bad.at, bad.rule, bad.is_news),
        (2, Rule::FirstThisLow, false)
    );
    insta::assert_snapshot!(bad.sentence, @"exact of repeat · small is at 70.0 % in run r03 of 2026-01-03, the first that is this low (before it never below 90.0 %); with it came prompt repeat v1 (7e5b8ad56422) → v2 (259a648c7737)");
    assert_eq!(
        series_of(&points("exact", &[0.9, 0.7, 0.88], 2), "exact").first_bad,
        None,
        "it came back"
    );
    let pair = series_of(&points("exact", &[0.9, 0.7], 2), "exact");
    assert_eq!(pair.first_bad.unwrap().at, 1);
    assert!((pair.since_previous.unwrap() + 0.2).abs() < 1e-9);
}

#[test]
fn a_slow_loss_is_a_drift_and_blames_no_run() {
    let noise = [0.0, 0.03, -0.03].into_iter().cycle();
    let values: Vec<f64> = (0..40)
        .zip(noise)
        .map(|(run, noise)| 0.95 - 0.0015 * f64::from(run) + noise)
        .collect();
    let scale = super::level::Scale {
        lower_is_better: false,
        relative: false,
    };
    let slope = super::level::slope(&values, scale, 0.03).unwrap();
    assert!(slope.p < 0.01 && slope.loss > 0.05, "{slope:?}");
    assert_eq!(super::level::slope(&values, scale, 0.2), None);
}

#[test]
fn small_losses_add_up_to_an_alarm() {
    let values = [ripple(0.9, 0, 40), ripple(0.9, 0, 20), ripple(0.86, 0, 4)].concat();
    let found = super::level::alarm(
        &values,
        0,
        super::level::Scale {
            lower_is_better: false,
            relative: false,
        },
        0.03,
    );
    assert_eq!(found.map(|found| found.at), Some(60));
}

#[test]
fn values_are_about_the_cases_that_all_runs_have() {
    let mut points = points("exact", &[0.8, 0.8, 0.8], 9);
    // The newest run has a case less and one of its own.
    points[2].cases = digests(1..11);
    for (place, mean) in points[0].means[0].means.iter_mut().enumerate() {
        *mean = Some(if place == 0 { 0.0 } else { 1.0 });
    }
    points[2].means[0].means[9] = Some(0.0);
    let series = series_of(&points, "exact");
    assert_eq!(series.cases, 9);
    assert!((series.values[0] - 1.0).abs() < 1e-12);
    assert!((series.values[2] - 0.8).abs() < 1e-12);
}

#[test]
fn a_run_of_other_cases_is_left_out() {
    let mut points = points("exact", &[0.8, 0.5, 0.8], 9);
    points[1].cases = digests(6..16);
    let timeline = Timeline::of(&points).unwrap();
    assert_eq!((timeline.runs.len(), timeline.left_out), (2, 1));
    assert_eq!(timeline.series[0].values, [0.8, 0.8]);
}

#[test]
fn a_run_without_means_has_its_recorded_result() {
    let mut points = points("exact", &[0.8, 0.7], 9);
    points[0].means.clear();
    points[0].header.results = serde_json::from_value(json!([
        {"subject": 0, "metric": "exact", "value": 0.75},
    ]))
    .unwrap();
    assert_eq!(series_of(&points, "exact").values, [0.75, 0.7]);
}

#[test]
fn without_a_run_there_is_no_course() {
    assert_eq!(Timeline::of(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_same_points_give_the_same_course(values in prop::collection::vec(0.0..1.0_f64, 1..30)) {
        let points = points("exact", &values, 5);
        prop_assert_eq!(Timeline::of(&points), Timeline::of(&points));
        let series = series_of(&points, "exact");
        prop_assert!(series.shifts.iter().all(|shift| shift.at > 0 && shift.at < values.len()));
        prop_assert!(series.first_bad.is_none_or(|bad| bad.at > 0 && bad.at < values.len()));
    }
}

fn case(id: usize, text: &str) -> Case {
    serde_json::from_value(json!({"id": format!("c-{id}"), "vars": {"text": text}})).unwrap()
}

#[test]
fn the_same_cases_have_not_drifted() {
    let cases: Vec<Case> = (0..30).map(|id| case(id, "where is my parcel")).collect();
    assert_eq!(inputs::drift(&cases, &cases), []);
}

#[test]
fn longer_inputs_in_other_words_are_a_drift() {
    let before: Vec<Case> = (0..60).map(|id| case(id, "where is my parcel")).collect();
    let long = "I was charged twice for the same order and nobody answers my mails";
    let now: Vec<Case> = (30..90)
        .map(|id| case(id, if id < 60 { "where is my parcel" } else { long }))
        .collect();
    let found = inputs::drift(&before, &now);
    assert_eq!(
        found[0].sentence,
        "since the baseline 30 cases were added, 30 removed, 0 changed"
    );
    let warned: Vec<&str> = found
        .iter()
        .filter(|moved| moved.is_warning)
        .map(|moved| moved.feature)
        .collect();
    assert_eq!(warned, ["characters", "words", "vocabulary"]);
}

#[test]
fn a_variable_that_inputs_lost_is_a_drift() {
    let whole: Vec<Case> = (0..40)
        .map(|id| {
            serde_json::from_value(
                json!({"id": format!("c-{id}"), "vars": {"text": "a", "order": "b"}}),
            )
            .unwrap()
        })
        .collect();
    let now: Vec<Case> = (0..40).map(|id| case(id, "a")).collect();
    let found = inputs::drift(&whole, &now);
    let variables = found
        .iter()
        .find(|moved| moved.feature == "variables")
        .unwrap();
    assert!(variables.is_warning);
    assert_eq!(
        found[0].sentence,
        "since the baseline 0 cases were added, 0 removed, 40 changed"
    );
}

/// A run with one answer for each case.
fn answered(texts: &[&str]) -> Run {
    let answers = Answers::default();
    let trials = texts.iter().enumerate().map(|(case, text)| {
        let mut trial: crate::history::run::TrialRecord = serde_json::from_value(json!({
            "subject": 0, "case": case, "repeat": 1, "outcome": "ok", "origin": "live",
        }))
        .unwrap();
        let answered = serde_json::from_value(json!({
            "reply": {"response": {"text": text, "finish": "stop"}},
            "attempts": 1, "latency_ms": 1.0, "sent_at": 0,
        }));
        trial.answer = Some(answers.keep(&answered.unwrap()).unwrap());
        trial
    });
    Run {
        header: header(0, 1),
        cases: Arc::new((0..texts.len()).map(|id| case(id, "a")).collect()),
        trials: trials.collect(),
    }
}

#[test]
fn answers_that_are_longer_and_no_json_are_a_drift() {
    let before = answered(&["[1]"; 24]);
    let now = answered(&["Here is the list: [1]"; 24]);
    let found = outputs::drift(&before, &now, None);
    let said: Vec<&str> = found.iter().map(|moved| moved.sentence.as_str()).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    100 % of the outputs of repeat · small have another text than in the baseline
    answers of repeat · small are 600 % longer than in the baseline
    0.0 % of the answers of repeat · small are valid JSON, before 100.0 %
    ");
    assert!(found[1..].iter().all(|moved| moved.is_warning));
}

#[test]
fn equal_answers_have_not_drifted() {
    let run = answered(&["yes", "no", "maybe"]);
    let found = outputs::drift(&run, &run, Some(&run));
    assert!(found.iter().all(|moved| !moved.is_warning));
    assert_eq!(
        found[0].sentence,
        "0 % of the outputs of repeat · small have another text than in the baseline; re-running the baseline alone \
         changes 0 %"
    );
}

#[test]
fn each_case_has_its_course_as_long_as_it_is_the_same_case() {
    let mut points = points("pass", &[1.0, 0.5, 0.0], 9);
    points[0].cases = digests(5..15);
    points[1].means[0].means[7] = None;
    let timeline = Timeline::of(&points).unwrap();
    let courses = &timeline.cases[0];
    assert_eq!(courses.subject, "repeat · small");
    let [zero, half, one] = [0.0, 0.5, 1.0].map(Past::Passed);
    assert_eq!(courses.cases[0], [Past::Absent, half, zero]);
    assert_eq!(courses.cases[6], [one, half, zero]);
    assert_eq!(courses.cases[7], [one, Past::Unmeasured, zero]);
    let many = (0..20).map(|day| point(day, 1, "pass", 1.0));
    let many = Timeline::of(&many.collect::<Vec<_>>()).unwrap();
    assert_eq!(many.cases[0].cases[0], [one; CASE_RUNS]);
}
