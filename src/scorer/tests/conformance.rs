//! What the tests of other tools expect of such scorers, as far as we have them.
//!
//! The rows lie outside of the project, in the folder that `REGAUGE_SHARED` names, by default `../shared`.

use std::path::PathBuf;

use super::*;

/// Rows in which we differ on purpose, and why.
const DIFFERENT: &[(&[&str], &str)] = &[
    (
        &[
            "pf-0130", "pf-0131", "pf-0132", "pf-0133", "pf-0134", "pf-0135", "pf-0136", "pf-0137",
            "pf-0139", "pf-0140", "pf-0141", "pf-0142", "pf-0143", "pf-0144", "pf-0145",
        ],
        "a text is one text and is not split at commas, nor are quotes and spaces taken off; YAML has lists",
    ),
    (
        &["pf-0216"],
        "options hold no templates; `column` takes the expected value from the case",
    ),
    (
        &["pf-0119"],
        "a number is compared by its JSON text and is no error",
    ),
    (
        &["pf-0173", "pf-0174"],
        "without bounds the number of words is shown",
    ),
    (&["pf-0245"], "without a limit the latency is shown"),
    (
        &["pf-0379"],
        "reasons are our own words, written as they are listed",
    ),
    (
        &["pf-0063", "pf-0188", "pf-0189"],
        "a schema in a text is a path; YAML holds it as it is",
    ),
    (
        &["autoevals.exact_match-0009", "autoevals.exact_match-0012"],
        "the order of keys is no data",
    ),
    (
        &["exact.inspect-0008"],
        "a currency sign is a symbol and no punctuation",
    ),
];

/// An entry with what it is given, and what is wanted of it.
struct Row {
    entry: Value,
    text: String,
    finish: Option<String>,
    latency_ms: f64,
    cost: Option<Cost>,
    wanted: Wanted,
}

enum Wanted {
    Error,
    Score {
        passed: Option<bool>,
        value: Option<f64>,
        tolerance: f64,
    },
    /// At most, or exactly, so many characters to change.
    Distance {
        most: Option<f64>,
        passed: bool,
        exactly: Option<f64>,
    },
}

fn rows_of(file: &str) -> Option<Vec<Value>> {
    let shared = std::env::var_os("REGAUGE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(shared.join("conformance").join(file)).ok()?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// Grades a row; `Err` says in what it differs.
fn run(row: &Row) -> std::result::Result<(), String> {
    let entry = json!([row.entry]).to_string();
    let graded = try_compile(&entry)
        .map_err(|error| error.to_string())
        .and_then(|scorer| grade_row(row, &scorer));
    match (&row.wanted, graded) {
        (Wanted::Error, Err(_)) => Ok(()),
        (Wanted::Error, Ok(score)) => Err(format!("no error but {score:?}")),
        (_, Err(error)) => Err(error),
        (
            Wanted::Score {
                passed,
                value,
                tolerance,
            },
            Ok(score),
        ) => {
            let is_passed = passed.is_none() || score.passed == *passed;
            let is_value =
                value.is_none_or(|value| (score.value - value).abs() <= tolerance + 1e-9);
            if is_passed && is_value {
                Ok(())
            } else {
                Err(format!("{score:?}"))
            }
        }
        (
            Wanted::Distance {
                most,
                passed,
                exactly,
            },
            Ok(score),
        ) => {
            let expected = row.entry["levenshtein"]["expected"]
                .as_str()
                .unwrap_or_default();
            let longest = expected.chars().count().max(row.text.chars().count());
            let longest = f64::from(u32::try_from(longest).unwrap());
            let distance = (1.0 - score.value) * longest;
            let is_near = most.is_none_or(|most| (distance <= most + 1e-9) == *passed);
            let is_exact = exactly.is_none_or(|exactly| (distance - exactly).abs() < 1e-9);
            if is_near && is_exact {
                Ok(())
            } else {
                Err(format!("{distance} of {longest}"))
            }
        }
    }
}

fn grade_row(row: &Row, scorer: &Scorer) -> OrMissing<Score> {
    let mut response = response(&row.text);
    if let Some(finish) = &row.finish {
        response.finish =
            serde_json::from_value(json!(finish.to_lowercase())).unwrap_or(Finish::Other);
    }
    let vars = Map::new();
    let target = Target {
        expected: None,
        vars: &vars,
    };
    let answer = Answer {
        response: &response,
        latency_ms: row.latency_ms,
        cost: row.cost,
    };
    scorer.grade(&target, &answer)
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// The row of an assertion, where we have a scorer of that kind.
fn assertion(row: &Value) -> Option<Row> {
    let name = row["type"].as_str()?;
    let kind = name.strip_prefix("not-").unwrap_or(name);
    let value = &row["value"];
    let (scorer, mut options) = match kind {
        "equals" if value.is_object() => ("equals-json", json!({"expected": value})),
        "equals" => ("exact", json!({"expected": value})),
        "contains" | "icontains" | "contains-any" | "contains-all" | "starts-with"
        | "levenshtein" => (kind, json!({"expected": value})),
        "icontains-any" | "icontains-all" => (
            &kind[1..],
            json!({"expected": value, "normalize": ["casefold"]}),
        ),
        "regex" => (kind, json!({"pattern": value})),
        "is-json" if value.is_null() => (kind, json!({})),
        "is-json" => ("json-schema", json!({"schema": value})),
        "word-count" => (kind, word_bounds(value)),
        "latency" if row["threshold"].is_null() => (kind, json!({})),
        "latency" => (kind, json!({"max": format!("{}ms", row["threshold"])})),
        "cost" => (kind, json!({"max": row["threshold"]})),
        "finish-reason" => (kind, json!({"is": value})),
        _ => return None,
    };
    if name.starts_with("not-") {
        options["negate"] = json!(true);
    }
    let expected = &row["expected"];
    let passed = expected["pass"].as_bool();
    let wanted = if expected["error"] == json!(true) {
        Wanted::Error
    } else if kind == "levenshtein" {
        Wanted::Distance {
            most: Some(row["threshold"].as_f64().unwrap_or(5.0)),
            passed: passed?,
            exactly: None,
        }
    } else {
        Wanted::Score {
            passed,
            // A measured quantity is no 0 or 1.
            value: expected["score"]
                .as_f64()
                .filter(|_| !matches!(kind, "latency" | "cost")),
            tolerance: expected["score_tolerance"].as_f64().unwrap_or(0.0),
        }
    };
    Some(Row {
        entry: json!({scorer: options}),
        text: text_of(&row["output"]),
        finish: row.get("finish_reason").map(text_of),
        latency_ms: row["latency_ms"].as_f64().unwrap_or(f64::NAN),
        cost: row["cost"].as_f64().and_then(Cost::from_usd),
        wanted,
    })
}

fn word_bounds(value: &Value) -> Value {
    match value {
        Value::Object(_) => value.clone(),
        Value::Null => json!({}),
        value => match text_of(value).parse::<u64>() {
            Ok(count) => json!({"min": count, "max": count}),
            Err(_) => json!({"min": value}),
        },
    }
}

/// The row of a metric, where we have a scorer that computes it.
fn metric(row: &Value) -> Option<Row> {
    let params = &row["params"];
    let references = row["references"].as_array()?;
    let one = references.first();
    let name = row["metric"].as_str()?;
    let is_unit = params["weights"].is_null()
        || params["weights"] == json!({"insert": 1, "delete": 1, "substitute": 1});
    let entry = match name {
        "levenshtein_distance" if !is_unit => return None,
        "levenshtein_distance" | "levenshtein_normalized_similarity" => {
            json!({"levenshtein": {"expected": one?}})
        }
        "jaro_winkler_similarity" => json!({"jaro-winkler": {"expected": one?}}),
        "json_schema" => json!({"json-schema": {"schema": params["schema"], "formats": false}}),
        "autoevals.valid_json" if params["schema"].is_null() => {
            json!({"json-schema": {"schema": {"type": ["object", "array"]}}})
        }
        "autoevals.valid_json" => json!({"json-schema": {"schema": params["schema"]}}),
        "autoevals.exact_match" if row["output"].is_string() || row["output"].is_number() => {
            json!({"exact": {"expected": one?}})
        }
        "autoevals.exact_match" => json!({"equals-json": {"expected": one?}}),
        "exact.inspect" => {
            json!({"exact": {"expected": references, "normalize": ["casefold", "punctuation", "whitespace", "trim"]}})
        }
        _ => return None,
    };
    let value = row["expected"].as_f64().or_else(|| {
        row["expected"]
            .as_bool()
            .map(|valid| f64::from(u8::from(valid)))
    });
    let wanted = match name {
        "levenshtein_distance" => Wanted::Distance {
            most: None,
            passed: true,
            exactly: value,
        },
        _ => Wanted::Score {
            passed: None,
            value,
            tolerance: row["tolerance"].as_f64().unwrap_or(0.0),
        },
    };
    let text = match name {
        "json_schema" => row["output"].to_string(),
        "autoevals.exact_match" if row["output"].is_null() => "null".to_owned(),
        _ => text_of(&row["output"]),
    };
    Some(Row {
        entry,
        text,
        finish: None,
        latency_ms: f64::NAN,
        cost: None,
        wanted,
    })
}

/// Runs the rows of a file that we have a scorer for, and says how many there were.
fn check_rows(file: &str, read: impl Fn(&Value) -> Option<Row>, least: usize) {
    let Some(rows) = rows_of(file) else {
        println!("skipped: no {file}");
        return;
    };
    let (mut agree, mut differ, mut wrong) = (0, 0, Vec::new());
    for row in &rows {
        let Some(prepared) = read(row) else { continue };
        let id = row["id"].as_str().unwrap_or_default();
        let is_different = DIFFERENT.iter().any(|(ids, _)| ids.contains(&id));
        match run(&prepared) {
            Ok(()) if is_different => {
                wrong.push(format!("{id} agrees, but is listed as different"));
            }
            Ok(()) => agree += 1,
            Err(_) if is_different => differ += 1,
            Err(how) => wrong.push(format!("{id}: {how}")),
        }
    }
    println!(
        "{file}: {agree} rows agree, {differ} differ on purpose, of {} in all",
        rows.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(agree >= least, "only {agree} rows");
}

#[test]
fn assertions_of_others_mean_the_same_here() {
    check_rows("promptfoo-assertions.jsonl", assertion, 100);
}

#[test]
fn metrics_of_others_are_the_same_here() {
    check_rows("metrics.jsonl", metric, 200);
}
