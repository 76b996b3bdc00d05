//! What the tests of other tools expect of such scorers, as far as we have them.
//!
//! The rows lie outside of the project, in the folder that `REGAUGE_SHARED` names, by default `../shared`.

use std::path::PathBuf;

use super::*;
use crate::exchange::ToolCall;

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
        &["pf-0063", "pf-0068", "pf-0188", "pf-0189"],
        "a schema in a text is a path; YAML holds it as it is",
    ),
    (
        &["autoevals.exact_match-0009", "autoevals.exact_match-0012"],
        "the order of keys is no data",
    ),
    (
        &["pf-0002", "pf-0003", "pf-0005", "pf-0046", "pf-0048"],
        "the numbers are those of rouge-score: full stops are no words, and rouge-l knows no sentences",
    ),
    (
        &["pf-0079"],
        "the numbers are those of sacrebleu, which smooths runs without a match",
    ),
    (
        &[
            "pf-0197", "pf-0210", "pf-0413", "pf-0414", "pf-0415", "pf-0422", "pf-0423",
        ],
        "SQL is what sqlparser takes for it, which knows statements such as PRINT, and operators and functions of \
         several databases at once",
    ),
    (
        &["pf-0407", "pf-0408"],
        "a negated value is 1 - value, as everywhere",
    ),
    (
        &["pf-0409"],
        "an empty list says that no tool is expected, and is no error",
    ),
    (
        &["match.inspect-0005"],
        "a number is one with a percent sign behind it too",
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
    calls: Vec<ToolCall>,
    finish: Option<String>,
    latency_ms: Option<f64>,
    cost: Option<Cost>,
    wanted: Wanted,
}

enum Wanted {
    Error,
    Score(Bounds),
    /// So many edits, or whether there are at most so many.
    Distance(Distance),
}

/// What a score must be; what is `None` may be anything.
#[derive(Default)]
struct Bounds {
    passed: Option<bool>,
    value: Option<f64>,
    tolerance: f64,
    above: Option<f64>,
    below: Option<f64>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

struct Distance {
    most: Option<f64>,
    passed: bool,
    exactly: Option<f64>,
    /// Whether the likeness is over the length of both texts, and not of the longer one.
    of_both: bool,
}

impl Bounds {
    fn allow(&self, score: &Score) -> bool {
        let near = |value: f64| (score.value - value).abs() <= self.tolerance + 1e-9;
        self.passed
            .is_none_or(|passed| score.passed == Some(passed))
            && self.value.is_none_or(near)
            && self.above.is_none_or(|bound| score.value > bound)
            && self.below.is_none_or(|bound| score.value < bound)
            && self
                .at_least
                .is_none_or(|bound| score.value >= bound - 1e-9)
            && self.at_most.is_none_or(|bound| score.value <= bound + 1e-9)
    }
}

impl Distance {
    fn allow(&self, row: &Row, score: &Score) -> bool {
        let options = row
            .entry
            .as_object()
            .and_then(|entry| entry.values().next());
        let expected = options.and_then(|options| options["expected"].as_str());
        let lengths = [expected.unwrap_or_default(), &row.text].map(|text| text.chars().count());
        let [left, right] = lengths.map(|length| f64::from(u32::try_from(length).unwrap()));
        let whole = if self.of_both {
            left + right
        } else {
            left.max(right)
        };
        let distance = (1.0 - score.value) * whole;
        self.most
            .is_none_or(|most| (distance <= most + 1e-9) == self.passed)
            && self
                .exactly
                .is_none_or(|exactly| (distance - exactly).abs() < 1e-9)
    }
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
        (Wanted::Score(bounds), Ok(score)) if bounds.allow(&score) => Ok(()),
        (Wanted::Distance(distance), Ok(score)) if distance.allow(row, &score) => Ok(()),
        (_, Ok(score)) => Err(format!("{} of {:?}: {score:?}", row.entry, row.text)),
    }
}

fn grade_row(row: &Row, scorer: &Scorer) -> OrMissing<Score> {
    let mut response = response(&row.text);
    response.tool_calls.clone_from(&row.calls);
    if let Some(finish) = &row.finish {
        response.finish =
            serde_json::from_value(json!(finish.to_lowercase())).unwrap_or(Finish::Other);
    }
    let vars = Map::new();
    let target = Target {
        case: "",
        expected: None,
        vars: &vars,
        tags: &[],
    };
    let answer = Answer {
        response: &response,
        latency_ms: row.latency_ms,
        first_token_ms: None,
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
    let threshold = |usual: f64| row["threshold"].as_f64().unwrap_or(usual);
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
        "is-json" | "contains-json" if value.is_null() => (kind, json!({})),
        "is-json" => ("json-schema", json!({"schema": value})),
        "contains-json" => (kind, json!({"schema": value})),
        "is-xml" | "contains-xml" | "is-html" | "contains-html" => (kind, elements(value)),
        "is-sql" => (kind, sql(value)?),
        "contains-sql" => ("is-sql", json!({"transform": ["strip-fence"]})),
        "tool-call-f1" if is_commas(value) => return None,
        "tool-call-f1" => (
            kind,
            json!({"expected": value, "threshold": threshold(1.0)}),
        ),
        "word-count" => (kind, word_bounds(value)),
        "latency" if row["threshold"].is_null() => (kind, json!({})),
        "latency" => (kind, json!({"max": format!("{}ms", row["threshold"])})),
        "cost" => (kind, json!({"max": row["threshold"]})),
        "finish-reason" => (kind, json!({"is": value})),
        "rouge-n" | "rouge-l" => (
            kind,
            json!({"expected": value, "threshold": threshold(0.75)}),
        ),
        "bleu" if row["weights"].is_null() => (
            kind,
            json!({"expected": value, "tokenizer": "none", "threshold": threshold(0.5)}),
        ),
        "gleu" => (kind, gleu(row, threshold(0.5))),
        _ => return None,
    };
    if name.starts_with("not-") {
        options["negate"] = json!(true);
    }
    Some(Row {
        entry: json!({scorer: options}),
        text: text_of(&row["output"]),
        calls: calls_of(&row["output"]),
        finish: row.get("finish_reason").map(text_of),
        latency_ms: row["latency_ms"].as_f64(),
        cost: row["cost"].as_f64().and_then(Cost::from_usd),
        wanted: wanted_of_assertion(row, kind)?,
    })
}

/// Lists in a text are not ours.
fn is_commas(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains(','))
}

/// The tool calls of an output, in the forms that endpoints have; ours come from the wire formats.
fn calls_of(output: &Value) -> Vec<ToolCall> {
    let call = |name: &Value, arguments: Value| ToolCall {
        id: String::new(),
        name: text_of(name),
        arguments: text_of(&arguments),
    };
    match output {
        Value::Array(items) => items.iter().flat_map(calls_of).collect(),
        Value::Object(parts) => {
            let inner = [
                "tool_calls",
                "function",
                "functionCall",
                "toolCall",
                "functionCalls",
            ];
            let inner = inner.iter().find_map(|name| parts.get(*name));
            match (inner, parts.get("name")) {
                (Some(inner), _) => calls_of(inner),
                (None, Some(name)) => vec![call(name, json!({}))],
                (None, None) => Vec::new(),
            }
        }
        Value::String(text) => {
            let values = serde_json::Deserializer::from_str(
                text.trim_start_matches(|c| c != '{' && c != '['),
            );
            let values = values
                .into_iter::<Value>()
                .map_while(std::result::Result::ok);
            values.flat_map(|value| calls_of(&value)).collect()
        }
        _ => Vec::new(),
    }
}

/// Required elements, which are written `a.b,a.c` or as a list of such.
fn elements(value: &Value) -> Value {
    let path = |text: &str| text.trim().replace('.', "/");
    match value {
        Value::Null => json!({}),
        Value::String(text) => json!({"required": text.split(',').map(path).collect::<Vec<_>>()}),
        Value::Array(items) => {
            let paths = items.iter().filter_map(Value::as_str).map(path);
            json!({"required": paths.collect::<Vec<_>>()})
        }
        Value::Object(options) => match options.get("requiredElements") {
            Some(items) => elements(items),
            None => value.clone(),
        },
        other => json!({"required": other}),
    }
}

/// Dialect and tables, which are written `statement::schema::table`; we have no list of columns.
fn sql(value: &Value) -> Option<Value> {
    if !value["allowedColumns"].is_null() {
        return None;
    }
    let mut options = json!({});
    if let Some(dialect) = value["databaseType"].as_str() {
        options["dialect"] = json!(dialect.to_lowercase());
    }
    if let Some(rules) = value["allowedTables"].as_array() {
        let parts = rules
            .iter()
            .filter_map(|rule| rule.as_str()?.split_once("::null::"));
        let (statements, tables): (Vec<&str>, Vec<&str>) = parts.unzip();
        let statements = statements
            .iter()
            .flat_map(|words| words.trim_matches(['(', ')']).split('|'));
        options["tables"] = json!(tables);
        options["statements"] = json!(statements.collect::<Vec<_>>());
    }
    Some(options)
}

fn gleu(row: &Value, threshold: f64) -> Value {
    let mut options = json!({
        "expected": row["value"],
        "tokenizer": "unicode",
        "normalize": ["casefold"],
        "threshold": threshold,
    });
    for (theirs, ours) in [("min_n", "min"), ("max_n", "max")] {
        if let Some(order) = row.get(theirs) {
            options[ours] = order.clone();
        }
    }
    options
}

fn wanted_of_assertion(row: &Value, kind: &str) -> Option<Wanted> {
    let expected = &row["expected"];
    let passed = expected["pass"].as_bool();
    let number = |name: &str| expected[name].as_f64();
    Some(if expected["error"] == json!(true) {
        Wanted::Error
    } else if kind == "levenshtein" {
        Wanted::Distance(Distance {
            most: Some(row["threshold"].as_f64().unwrap_or(5.0)),
            passed: passed?,
            exactly: None,
            of_both: false,
        })
    } else {
        Wanted::Score(Bounds {
            passed,
            // A measured quantity is no 0 or 1.
            value: number("score").filter(|_| !matches!(kind, "latency" | "cost")),
            tolerance: number("score_tolerance").unwrap_or(0.0),
            above: number("score_gt"),
            below: number("score_lt"),
            at_least: number("score_ge"),
            at_most: number("score_le"),
        })
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

/// The rows of a metric, where we have a scorer that computes it.
fn metric(row: &Value) -> Vec<Row> {
    let parts: &[&str] = match &row["expected"] {
        Value::Object(_) => &["precision", "recall", "fmeasure"],
        _ => &[""],
    };
    parts
        .iter()
        .filter_map(|part| metric_part(row, part))
        .collect()
}

fn metric_part(row: &Value, part: &str) -> Option<Row> {
    let name = row["metric"].as_str()?;
    let (output, references) = segment(row)?;
    let entry = metric_entry(name, &row["params"], (&output, &references), part)?;
    let text = match name {
        "json_schema" => output.to_string(),
        // A text is a text there, unless it is to be read.
        "autoevals.json_diff" if row["params"]["parse_strings"].is_null() => output.to_string(),
        "autoevals.exact_match" if output.is_null() => "null".to_owned(),
        _ => text_of(&output),
    };
    Some(Row {
        entry,
        text,
        calls: Vec::new(),
        finish: None,
        latency_ms: None,
        cost: None,
        wanted: wanted_of_metric(row, part),
    })
}

/// The output and its references; of a corpus where it is of one segment, which has one reference in each stream.
fn segment(row: &Value) -> Option<(Value, Vec<Value>)> {
    let references = row["references"].as_array()?;
    if row["params"]["level"] != json!("corpus") {
        return Some((row["output"].clone(), references.clone()));
    }
    let [output] = row["output"].as_array()?.as_slice() else {
        return None;
    };
    let references = references.iter().map(|stream| stream[0].clone());
    Some((output.clone(), references.collect()))
}

fn metric_entry(
    name: &str,
    params: &Value,
    (output, references): (&Value, &[Value]),
    part: &str,
) -> Option<Value> {
    if let Some(scorer) = edit_scorer(name, params) {
        return Some(json!({scorer: {"expected": references.first()?}}));
    }
    let one = references.first();
    Some(match name {
        "rouge" => {
            let value = if part == "fmeasure" { "f1" } else { part };
            let options =
                json!({"expected": references, "value": value, "stemmer": params["stemmer"]});
            match params["type"].as_str()? {
                "rougeL" => json!({"rouge-l": options}),
                "rougeLsum" => json!({"rouge-lsum": options}),
                runs => {
                    let mut options = options;
                    options["n"] = json!(runs.strip_prefix("rouge")?.parse::<u8>().ok()?);
                    json!({"rouge-n": options})
                }
            }
        }
        "bleu" => json!({"bleu": bleu(params, references)}),
        "chrf" => json!({"chrf": {
            "expected": references,
            "characters": params["char_order"],
            "words": params["word_order"],
            "beta": params["beta"],
            "whitespace": params["whitespace"],
            "eps-smoothing": params["eps_smoothing"],
        }}),
        "ter" => json!({"ter-accuracy": {"expected": references}}),
        "f1.inspect" if params["stop_words"].is_null() => {
            json!({"token-f1": {"expected": references}})
        }
        "match.inspect" => json!({"number": {
            "expected": references,
            "which": match params["location"].as_str()? {
                "begin" => "first",
                "end" => "last",
                "exact" => "only",
                any => any,
            },
        }}),
        "autoevals.json_diff" => json!({"json-diff": {"expected": one?}}),
        "json_schema" => json!({"json-schema": {"schema": params["schema"], "formats": false}}),
        "autoevals.valid_json" if params["schema"].is_null() => {
            json!({"json-schema": {"schema": {"type": ["object", "array"]}}})
        }
        "autoevals.valid_json" => json!({"json-schema": {"schema": params["schema"]}}),
        "autoevals.exact_match" if output.is_string() || output.is_number() => {
            json!({"exact": {"expected": one?}})
        }
        "autoevals.exact_match" => json!({"equals-json": {"expected": one?}}),
        "exact.inspect" => {
            json!({"exact": {"expected": references, "normalize": ["casefold", "punctuation", "whitespace", "trim"]}})
        }
        _ => return None,
    })
}

/// The scorer of a metric of edits, which has no options.
fn edit_scorer(name: &str, params: &Value) -> Option<&'static str> {
    let unit = json!({"insert": 1, "delete": 1, "substitute": 1});
    let is_unit = params["weights"].is_null() || params["weights"] == unit;
    Some(match name {
        "levenshtein_distance" if !is_unit => return None,
        "levenshtein_distance" | "levenshtein_normalized_similarity" => "levenshtein",
        "damerau_levenshtein_distance" => "damerau-levenshtein",
        "osa_distance" => "osa",
        "hamming_distance" => "hamming",
        "indel_distance" | "fuzz_ratio" => "indel",
        "lcs_seq_distance" => "lcs",
        "jaro_similarity" => "jaro",
        "jaro_winkler_similarity" => "jaro-winkler",
        "fuzz_partial_ratio" => "partial-ratio",
        "fuzz_token_sort_ratio" => "token-sort-ratio",
        "fuzz_token_set_ratio" => "token-set-ratio",
        "autoevals.numeric_diff" => "numeric-diff",
        _ => return None,
    })
}

fn bleu(params: &Value, references: &[Value]) -> Value {
    let mut options = json!({
        "expected": references,
        "tokenizer": params["tokenize"],
        "smoothing": params["smooth_method"],
        "order": params["max_ngram_order"],
        "effective-order": params["effective_order"],
    });
    if let Some(value) = params["smooth_value"].as_f64() {
        options["smoothing-value"] = json!(value);
    }
    if params["lowercase"] == json!(true) {
        options["normalize"] = json!(["casefold"]);
    }
    options
}

fn wanted_of_metric(row: &Value, part: &str) -> Wanted {
    let name = row["metric"].as_str().unwrap_or_default();
    let expected = match part {
        "" => &row["expected"],
        part => &row["expected"][part],
    };
    let value = expected
        .as_f64()
        .or_else(|| expected.as_bool().map(|valid| f64::from(u8::from(valid))));
    if name.ends_with("_distance") {
        return Wanted::Distance(Distance {
            most: None,
            passed: true,
            exactly: value,
            of_both: name == "indel_distance",
        });
    }
    let scale = row["params"]["scale"].as_f64().unwrap_or(1.0);
    let value = value.map(|value| value / scale);
    let rounded = if name == "f1.inspect" { 0.005 } else { 0.0 };
    Wanted::Score(Bounds {
        value: match name {
            "ter" => value.map(|rate| (1.0 - rate).max(0.0)),
            _ => value,
        },
        tolerance: row["tolerance"].as_f64().unwrap_or(0.0) / scale + rounded,
        ..Bounds::default()
    })
}

/// Runs the rows of a file that we have a scorer for, and says how many there were.
fn check_rows(file: &str, read: impl Fn(&Value) -> Vec<Row>, least: usize) {
    let Some(rows) = rows_of(file) else {
        println!("skipped: no {file}");
        return;
    };
    let (mut agree, mut differ, mut wrong) = (0, 0, Vec::new());
    for row in &rows {
        let prepared = read(row);
        if prepared.is_empty() {
            continue;
        }
        let id = row["id"].as_str().unwrap_or_default();
        let is_different = DIFFERENT.iter().any(|(ids, _)| ids.contains(&id));
        match prepared.iter().try_for_each(run) {
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
    check_rows(
        "promptfoo-assertions.jsonl",
        |row| assertion(row).into_iter().collect(),
        180,
    );
}

#[test]
fn metrics_of_others_are_the_same_here() {
    check_rows("metrics.jsonl", metric, 430);
}

#[test]
fn reducers_of_others_are_the_same_here() {
    let Some(rows) = rows_of("metrics.jsonl") else {
        println!("skipped: no metrics.jsonl");
        return;
    };
    let reducers = rows.iter().filter(|row| row["metric"] == json!("reducer"));
    let mut agree = 0;
    for row in reducers {
        let tries = || usize::try_from(row["params"]["k"].as_u64().unwrap()).unwrap();
        let reducer = match row["params"]["name"].as_str().unwrap() {
            "pass_at" => Reducer::PassAt(tries()),
            "pass_k" => Reducer::PassAll(tries()),
            name => Reducer::named(name).unwrap(),
        };
        // A trial that was not scored is missing.
        let trials = row["output"].as_array().unwrap().iter();
        let scored: Vec<f64> = trials.filter_map(Value::as_f64).collect();
        assert_eq!(reducer.of(&scored), row["expected"].as_f64(), "{row}");
        agree += 1;
    }
    assert_eq!(agree, 8);
}
