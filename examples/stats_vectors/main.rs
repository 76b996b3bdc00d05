//! Checks a file of test vectors of the shape of `stats_reference.json` against the
//! library: `cargo run --release --example stats_vectors -- FILE`.
//!
//! Each failing vector is named with its first difference; the last line is
//! `N passed, N failed`, and the exit code is 1 if any failed. Only what a vector
//! expects is compared, so that a vector may test a part of a result; `null` expects
//! that there is no answer.
#![expect(
    clippy::print_stdout,
    reason = "the result of this program is what it prints"
)]

mod comparisons;
mod decisions;
mod inputs;
mod judges;
mod rates;
mod series;

use std::process::ExitCode;

use inputs::Inputs;
use serde_json::Value;

/// The result of one statistic, or what is wrong with its inputs.
type Answer = Result<Value, String>;

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        println!("usage: stats_vectors FILE");
        return ExitCode::from(2);
    };
    match read_cases(&path) {
        Ok(cases) => check_all(&cases),
        Err(error) => {
            println!("{path}: {error}");
            ExitCode::from(2)
        }
    }
}

fn read_cases(path: &str) -> Result<Vec<Value>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let file: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    file["cases"]
        .as_array()
        .cloned()
        .ok_or_else(|| "no list of cases".to_owned())
}

fn check_all(cases: &[Value]) -> ExitCode {
    let failures: Vec<String> = cases.iter().filter_map(failure).collect();
    for failure in &failures {
        println!("{failure}");
    }
    println!(
        "{} passed, {} failed",
        cases.len() - failures.len(),
        failures.len()
    );
    if failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What is wrong with the result of a vector, if anything.
fn failure(case: &Value) -> Option<String> {
    let statistic = case["statistic"].as_str().unwrap_or_default();
    let limit = Limit {
        tolerance: case["tolerance"].as_f64().unwrap_or(0.0),
        is_relative: case["compare"] == "rel",
    };
    let difference = match answer(statistic, &Inputs(&case["inputs"])) {
        Ok(got) => limit.difference(&got, &case["expected"], "result"),
        Err(error) => Some(error),
    };
    difference.map(|what| format!("FAIL {}: {what}", case["id"].as_str().unwrap_or(statistic)))
}

/// How far a number may lie from the expected one.
struct Limit {
    tolerance: f64,
    is_relative: bool,
}

impl Limit {
    /// The first difference between two results, with the path to it.
    fn difference(&self, got: &Value, expected: &Value, path: &str) -> Option<String> {
        match (got, expected) {
            (Value::Object(_), Value::Object(wanted)) => wanted.iter().find_map(|(key, wanted)| {
                self.difference(&got[key], wanted, &format!("{path}.{key}"))
            }),
            (Value::Array(items), Value::Array(wanted)) if items.len() == wanted.len() => {
                let mut pairs = items.iter().zip(wanted).enumerate();
                pairs.find_map(|(index, (item, wanted))| {
                    self.difference(item, wanted, &format!("{path}[{index}]"))
                })
            }
            (Value::Number(_), Value::Number(_)) => {
                let (got, wanted) = (got.as_f64()?, expected.as_f64()?);
                let scale = if self.is_relative {
                    wanted.abs()
                } else {
                    wanted.abs().max(1.0)
                };
                let (off, allowed) = ((got - wanted).abs(), self.tolerance * scale);
                (off > allowed).then(|| {
                    format!("{path} expected {wanted}, got {got}, off by {off:e} of {allowed:e}")
                })
            }
            _ => (got != expected).then(|| format!("{path} expected {expected}, got {got}")),
        }
    }
}

/// The answer of the family of statistics that knows this one.
fn answer(statistic: &str, inputs: &Inputs) -> Answer {
    let families = [
        rates::answer,
        comparisons::answer,
        decisions::answer,
        series::answer,
        judges::answer,
    ];
    for family in families {
        if let Some(value) = family(statistic, inputs)? {
            return Ok(value);
        }
    }
    Err(format!("unknown statistic {statistic:?}"))
}
