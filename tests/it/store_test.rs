//! That the history gives back what it was given, whatever database it is kept in.

use std::sync::Arc;

use regauge::history::run::{Run, Status};
use regauge::history::store::History;
use serde_json::{Value, json};

/// One trial of a case: its score, or `None` where the call failed.
type Trials<'a> = &'a [&'a [Option<f64>]];

/// A complete run of the suite `words`, begun at `started_at`, with one subject and the metric `exact`.
fn run(started_at: i64, cases: Trials<'_>) -> Run {
    let digest = "0".repeat(64);
    let header = json!({
        "id": format!("run-{started_at:05}"), "invocation": "i", "suite": "words", "file": "suites/words.yaml",
        "started_at": started_at, "finished_at": started_at + 1, "status": "complete", "trials": 1, "selection": {},
        "subjects": [{
            "prompt": "repeat", "version": 1, "alias": "small", "provider": "openai", "model": "m",
            "prompt_digest": digest, "params_digest": digest, "template": "",
        }],
        "metrics": [{
            "name": "exact", "unit": "share", "binary": true, "lower_is_better": false, "informational": false,
            "fingerprint": digest,
        }],
        "gates": [], "policy": {"alpha": 0.05, "max_missing": 0.05, "on_inconclusive": "warn"},
        "dataset": digest, "regauge": "0.1.0",
    });
    let mut run = Run {
        header: serde_json::from_value(header).unwrap(),
        cases: (0..cases.len()).map(case).collect(),
        trials: Vec::new(),
    };
    for (case, scores) in cases.iter().enumerate() {
        for (repeat, score) in scores.iter().enumerate() {
            let trial = trial(case, repeat + 1, *score);
            run.trials.push(serde_json::from_value(trial).unwrap());
        }
    }
    run
}

fn case(index: usize) -> regauge::golden::Case {
    let case = json!({"id": format!("c-{index}"), "vars": {"word": index}, "weight": index + 1});
    serde_json::from_value(case).unwrap()
}

fn trial(case: usize, repeat: usize, score: Option<f64>) -> Value {
    let (outcome, grades) = match score {
        Some(value) => {
            let score = json!({"value": value, "passed": value > 0.5});
            ("ok", json!([{"metric": 0, "result": {"score": score}}]))
        }
        None => ("timeout", json!([])),
    };
    json!({
        "subject": 0, "case": case, "repeat": repeat, "outcome": outcome, "origin": "live", "grades": grades,
    })
}

#[tokio::test]
async fn a_point_holds_the_mean_of_every_case_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open_file(&folder.path().join("h.db"))
        .await
        .unwrap();
    let run = run(
        1,
        &[&[Some(1.0), Some(0.0)], &[None, None], &[Some(1.0), None]],
    );
    history.finish(&run).await.unwrap();
    let points = history.points("words", 10).await.unwrap();
    let [point] = points.as_slice() else {
        panic!("one run is one point")
    };
    assert_eq!(point.header, run.header);
    assert_eq!(point.cases.len(), 3);
    let means = |metric: &str| {
        let mut series = point.means.iter();
        let found = series.find(|series| series.metric == metric).unwrap();
        (found.subject, found.means.clone(), found.value)
    };
    // The weights of the cases are 1, 2 and 3.
    let passed = (0, vec![Some(0.5), None, Some(1.0)], 3.5 / 4.0);
    assert_eq!(means("pass"), passed);
    assert_eq!(means("exact"), passed);
    let failed = vec![Some(0.0), Some(1.0), Some(0.5)];
    assert_eq!(means("error_rate"), (0, failed, 3.5 / 6.0));
}

#[tokio::test]
async fn points_are_the_newest_whole_runs_oldest_first_and_share_their_cases() {
    let folder = tempfile::tempdir().unwrap();
    let history = History::open_file(&folder.path().join("h.db"))
        .await
        .unwrap();
    for started_at in 1..=9 {
        let mut run = run(started_at, &[&[Some(1.0)], &[Some(0.0)]]);
        match started_at {
            3 => run.header.status = Status::Interrupted,
            5 => run.header.rescored_from = Some("run-00004".into()),
            6 | 7 => run.header.selection.shard = Some("1/2".parse().unwrap()),
            8 => run.cases.swap(0, 1),
            9 => run.header.suite = "other".into(),
            _ => {}
        }
        history.finish(&run).await.unwrap();
    }
    let points = history.points("words", 3).await.unwrap();
    let began: Vec<i64> = points.iter().map(|point| point.header.started_at).collect();
    assert_eq!(began, [2, 4, 8]);
    assert!(Arc::ptr_eq(&points[0].cases, &points[1].cases));
    let swapped: Vec<_> = points[2].cases.iter().rev().collect();
    assert_eq!(swapped, points[0].cases.iter().collect::<Vec<_>>());
    assert_eq!(history.points("words", 0).await.unwrap(), []);
}
