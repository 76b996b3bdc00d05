//! A history of many runs, made by hand.

use std::sync::Arc;

use std::time::{Duration, Instant};

use regauge::digest::Digest;
use regauge::golden::Case;
use regauge::history::run::{Header, ResultRecord, Run};
use regauge::history::store::History;
use serde_json::json;

use crate::process::Failed;

/// The suite of all runs.
pub(crate) const SUITE: &str = "triage";
const TRIALS: u32 = 2;

/// Puts complete runs with so many trials each into a history, one an hour.
pub(crate) async fn seed(history: &History, runs: usize, trials: usize) -> Result<(), Failed> {
    let cases: Arc<Vec<Case>> = (0..trials / TRIALS as usize)
        .map(|n| read(json!({"id": format!("t-{n:06}"), "vars": {"ticket": format!("{n}: where is my parcel?")}})))
        .collect::<Result<Vec<_>, _>>()
        .map(Arc::new)?;
    for number in 0..runs {
        let mut run = Run {
            header: header(number)?,
            trials: Vec::with_capacity(trials),
            cases: cases.clone(),
        };
        for case in 0..cases.len() {
            for repeat in 1..=TRIALS as usize {
                run.trials.push(read(trial(number, case, repeat))?);
            }
        }
        let results: Vec<ResultRecord> = run.results();
        run.header.results = results;
        history
            .finish(&run)
            .await
            .map_err(|error| Failed::because(error.to_string()))?;
    }
    Ok(())
}

/// How long it takes to read the newest points.
pub(crate) async fn read_points(history: &History, limit: u32) -> Result<Duration, Failed> {
    let start = Instant::now();
    let points = history
        .points(SUITE, limit)
        .await
        .map_err(|error| Failed::because(error.to_string()))?;
    if points.len() == usize::try_from(limit).unwrap_or_default() {
        Ok(start.elapsed())
    } else {
        Err(Failed::because("there are too few points"))
    }
}

fn header(number: usize) -> Result<Header, Failed> {
    let digest = Digest::of_bytes(b"");
    let started_at = 1_700_000_000_000 + 3_600_000 * i64::try_from(number).unwrap_or_default();
    read(json!({
        "id": format!("00000000-0000-7000-8000-{number:012}"), "invocation": format!("{number}"), "suite": SUITE,
        "file": "suites/triage.yaml", "started_at": started_at, "finished_at": started_at + 60_000,
        "status": "complete", "trials": TRIALS, "selection": {},
        "subjects": [{
            "prompt": "triage", "version": 1, "alias": "small", "provider": "openai", "model": "m",
            "prompt_digest": digest, "params_digest": digest, "template": "Name the queue of this ticket. ".repeat(60),
        }],
        "metrics": [metric("exact", "share", true), metric("similarity", "share", false), metric("latency", "milliseconds", false)],
        "gates": [], "policy": {"alpha": 0.05, "max_missing": 0.05, "on_inconclusive": "warn"},
        "dataset": digest, "regauge": "0.1.0",
    }))
}

fn metric(name: &str, unit: &str, binary: bool) -> serde_json::Value {
    json!({
        "name": name, "unit": unit, "binary": binary, "lower_is_better": false, "informational": false,
        "fingerprint": Digest::of_bytes(name.as_bytes()),
    })
}

fn trial(run: usize, case: usize, repeat: usize) -> serde_json::Value {
    // Numbers of many digits, as measured ones are.
    let measured = f64::from(
        u32::try_from(run * 7919 + case * 104_729 + repeat * 611).unwrap_or_default() % 99_991,
    ) / 99_991.0;
    let score = |metric: usize, value: f64| json!({"metric": metric, "result": {"score": {"value": value, "passed": value > 0.1}}});
    json!({
        "subject": 0, "case": case, "repeat": repeat, "outcome": "ok", "origin": "live",
        "grades": [score(0, measured.round()), score(1, measured), score(2, 1000.0 * measured)],
    })
}

fn read<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> Result<T, Failed> {
    serde_json::from_value(value).map_err(|error| Failed::because(error.to_string()))
}
