//! Ways to look into what `--json` prints.

use std::collections::BTreeMap;

use serde_json::Value;

/// Trials by outcome, over all suites.
pub(crate) fn outcomes(summary: &Value) -> BTreeMap<String, u64> {
    let mut outcomes = BTreeMap::new();
    for suite in list(&summary["suites"]) {
        for pair in list(&suite["run"]["outcomes"]) {
            let name = pair[0].as_str().expect("an outcome has a name");
            *outcomes.entry(name.to_owned()).or_default() +=
                pair[1].as_u64().expect("it is a count");
        }
    }
    outcomes
}

/// The trials of all cases, each with the id of its case, in the order of ids and repeats.
pub(crate) fn trials(summary: &Value) -> Vec<(&str, &Value)> {
    let suites = list(&summary["suites"]).iter();
    let subjects = suites.flat_map(|suite| list(&suite["subjects"]));
    let cases = subjects.flat_map(|subject| list(&subject["cases"]));
    let mut trials: Vec<_> = cases
        .flat_map(|case| {
            let id = case["id"].as_str().expect("a case has an id");
            list(&case["trials"]).iter().map(move |trial| (id, trial))
        })
        .collect();
    trials.sort_by_key(|(id, trial)| (*id, trial["repeat"].as_u64()));
    trials
}

/// The scores of a metric of the first subject, in the first trial of each case by the order of ids; `None` where there
/// is none.
pub(crate) fn scores(summary: &Value, metric: &str) -> Vec<Option<f64>> {
    let suite = &summary["suites"][0];
    let at = list(&suite["metric_names"])
        .iter()
        .position(|name| name == metric);
    let at = at.unwrap_or_else(|| panic!("there is no metric {metric}"));
    let mut cases: Vec<&Value> = list(&suite["subjects"][0]["cases"]).iter().collect();
    cases.sort_by_key(|case| case["id"].as_str());
    let trial = |case: &&Value| case["trials"][0]["scores"][at]["value"].as_f64();
    cases.iter().map(trial).collect()
}

/// A metric of the first subject.
pub(crate) fn metric<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let metrics = list(&summary["suites"][0]["subjects"][0]["metrics"]);
    let found = metrics.iter().find(|metric| metric["name"] == name);
    found.unwrap_or_else(|| panic!("there is no metric {name}"))
}

/// The id of the run of the first suite.
pub(crate) fn run_id(summary: &Value) -> &str {
    let id = summary["suites"][0]["run"]["id"].as_str();
    id.expect("a run has an id")
}

/// A summary without what differs between two runs that find the same: ids of runs, times, latencies, attempts, and
/// the runs that came before.
pub(crate) fn masked(mut summary: Value) -> Value {
    mask(&mut summary);
    summary
}

/// That two summaries are the same; the test fails with the first lines in which they are not.
#[track_caller]
pub(crate) fn assert_same(one: &Value, other: &Value) {
    if one == other {
        return;
    }
    let (one, other) = (format!("{one:#}"), format!("{other:#}"));
    let lines: Vec<(&str, &str)> = one.lines().zip(other.lines()).collect();
    let first = lines.iter().position(|(one, other)| one != other);
    let first = first.unwrap_or(lines.len());
    let around = &lines[first.saturating_sub(8)..lines.len().min(first + 4)];
    panic!("the summaries differ in line {}:\n{around:#?}", first + 1);
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "history" | "bad_since"));
            for (name, value) in fields {
                match name.as_str() {
                    "started_at" | "latency_ms" | "attempts" | "origin" | "live" | "timeline" => {
                        *value = Value::Null;
                    }
                    "id" if value.as_str().is_some_and(is_run_id) => *value = Value::Null,
                    _ => mask(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// Whether this is a UUID.
fn is_run_id(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}
