//! Scorers that compare by meaning, and a filter: what they ask of models, and that their calls are calls like others.

use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Endpoint, Fault};
use crate::project::Project;
use crate::summary::{scores, trials};

/// The vector of a text: how many of its letters are each of `a`, `b` and `c`, and one that all texts share.
fn vector(text: &str) -> Vec<f64> {
    let count = |letter: char| {
        let number = text.chars().filter(|c| *c == letter).count();
        f64::from(u32::try_from(number).unwrap())
    };
    vec![count('a'), count('b'), count('c'), 0.1]
}

/// An endpoint that echoes the user, and makes vectors of texts.
fn endpoint() -> Endpoint {
    Endpoint::start(Behaviour {
        answers: Answers::raw(|place, body| (reply(place, body), None)),
        ..Behaviour::default()
    })
}

fn reply(place: &str, body: &[u8]) -> Fault {
    let body: Value = serde_json::from_slice(body).unwrap();
    let reply = match place {
        "POST /v1/embeddings" => {
            let texts = texts_of(&body);
            let item = |(index, text): (usize, &String)| json!({"index": index, "embedding": vector(text)});
            let data: Vec<Value> = texts.iter().enumerate().map(item).collect();
            let bytes: usize = texts.iter().map(|text| text.len() + 8).sum();
            let tokens = bytes.div_ceil(4);
            json!({"data": data, "model": body["model"], "usage": {"prompt_tokens": tokens}})
        }
        "POST /v1/moderations" => {
            let text = body["input"].as_str().unwrap();
            let score = if text.contains("hit") { 0.9 } else { 0.02 };
            let result = json!({"flagged": score > 0.5, "category_scores": {"violence": score, "hate": 0.1}});
            json!({"model": body["model"], "results": [result]})
        }
        _ => {
            let user = body["messages"].as_array().unwrap().last().unwrap();
            let message = json!({"role": "assistant", "content": user["content"]});
            json!({
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 40, "completion_tokens": 10},
            })
        }
    };
    Fault::Reply {
        status: 200,
        headers: Vec::new(),
        body: reply.to_string().into_bytes(),
    }
}

fn texts_of(body: &Value) -> Vec<String> {
    match &body["input"] {
        Value::String(text) => vec![text.clone()],
        texts => serde_json::from_value(texts.clone()).unwrap(),
    }
}

/// A workspace whose answers are the words of its cases, with a second model at the endpoint.
fn project(endpoint: &Endpoint, scorers: &str, cases: &[(&str, Value)]) -> Project {
    let project = Project::new().workspace(&endpoint.url());
    let other = format!(
        "  other:\n    provider: openai\n    base_url: {}\n    model: other-model\n    retries: 0\n    limits: {{ concurrency: 1 }}\n    \
         price: {{ input: 1, output: 2 }}\n",
        endpoint.url()
    );
    project.write("regauge.yaml", project.read("regauge.yaml") + &other);
    project.write(
        "suites/words.yaml",
        format!(
            "name: words\nprompts: [repeat@v1]\nmodels: [small]\ndataset: golden/words.jsonl\ntrials: 2\nscorers:\n{scorers}"
        ),
    );
    let row = |(index, (word, expected)): (usize, &(&str, Value))| {
        json!({"id": format!("c-{index}"), "word": word, "expected": expected}).to_string() + "\n"
    };
    let rows: String = cases.iter().enumerate().map(row).collect();
    project.write("golden/words.jsonl", rows);
    project
}

/// Calls that went to a place of the endpoint.
fn calls_to(endpoint: &Endpoint, place: &str) -> usize {
    let requests = endpoint.requests();
    requests
        .iter()
        .filter(|request| request.line == format!("POST {place}"))
        .count()
}

/// Values with three digits, as tests compare them.
fn rounded(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    values.iter().map(|value| value.map(round)).collect()
}

const SIMILAR: &str = "  - similar: { model: other, threshold: 0.9 }\n";

fn three() -> [(&'static str, Value); 3] {
    [
        ("aaaa", json!("aaaa a")),
        ("bbbb", json!(["cccc", "bbb b"])),
        ("cccc", json!("aabb")),
    ]
}

#[test]
fn meanings_are_compared_by_vectors_that_are_asked_for_once() {
    let endpoint = endpoint();
    let project = project(&endpoint, SIMILAR, &three());
    let output = project.run(&["run", "--json"]).expect_code(0);
    assert_eq!(
        rounded(&scores(&output.json(), "similar")),
        [Some(1.0), Some(1.0), Some(0.001)]
    );
    // Three answers and three lists of expected texts; the second trial asks nothing anew.
    assert_eq!(calls_to(&endpoint, "/v1/embeddings"), 6);
    let run = &output.json()["suites"][0]["run"];
    assert_eq!(run["judging"], 6, "{run}");
    // 6 answers at 0.15 and 0.60 USD per million, and 23 tokens of texts at 1.
    let cost = 6.0 * (40.0 * 0.15 + 10.0 * 0.6) + 23.0;
    assert!(
        (run["cost_usd"].as_f64().unwrap() - cost / 1e6).abs() < 1e-12,
        "{run}"
    );
}

#[test]
fn vectors_are_replayed_from_recordings_without_a_call() {
    let endpoint = endpoint();
    let project = project(&endpoint, SIMILAR, &three());
    project.run(&["run", "--record", "--quiet"]).expect_code(0);
    let calls = endpoint.calls();
    std::fs::remove_dir_all(project.dir().join(".regauge")).expect("the history can go");
    drop(endpoint);
    let replayed = project.run(&["run", "--replay", "--json"]).expect_code(0);
    assert_eq!(calls, 12);
    assert_eq!(
        rounded(&scores(&replayed.json(), "similar")),
        [Some(1.0), Some(1.0), Some(0.001)]
    );
    let euclidean = project
        .read("suites/words.yaml")
        .replace("other,", "other, by: euclidean,");
    project.write("suites/words.yaml", euclidean);
    let again = project.run(&["rescore", "latest", "--json"]).expect_code(0);
    assert_eq!(
        rounded(&scores(&again.json(), "similar")),
        [Some(0.5), Some(1.0), Some(0.17)]
    );
}

#[test]
fn a_check_counts_the_calls_for_vectors_of_answers_and_of_expected_texts() {
    let endpoint = endpoint();
    let project = project(&endpoint, SIMILAR, &three());
    let checked = project.run(&["check", "--trials", "1"]).expect_code(0);
    assert_eq!(endpoint.calls(), 0);
    project.run(&["run", "--trials", "1", "--quiet"]);
    let made = calls_to(&endpoint, "/v1/embeddings");
    let most = format!("at most {made} of judges");
    assert!(checked.stdout.contains(&most), "{most}: {checked}");
}

#[test]
fn vectors_keep_within_the_budget() {
    let endpoint = endpoint();
    let project = project(&endpoint, SIMILAR, &three());
    // The answers cost 72 millionths of a dollar; what is left pays for 13 tokens of texts, of which there are 23.
    let output = project
        .run(&["run", "--budget", "0.000085", "--json"])
        .expect_code(3);
    assert_eq!(
        rounded(&scores(&output.json(), "similar")),
        [Some(1.0), None, None]
    );
    assert_eq!(calls_to(&endpoint, "/v1/embeddings"), 4);
    assert!(
        output.stdout.contains("the budget of the run was spent"),
        "{output}"
    );
}

#[test]
fn an_answer_is_nearest_to_its_own_golden_or_to_that_of_another_case() {
    let endpoint = endpoint();
    let scorers = "  - nearest-golden: { model: other }\n  - nearest-golden: { model: other, value: similarity, metric: near }\n";
    let cases = [
        ("aaaa", json!("aaa")),
        ("bbbb", json!("ccc")),
        ("cb", json!("bbb")),
        ("ccc", json!("ccc")),
    ];
    let project = project(&endpoint, scorers, &cases);
    let output = project.run(&["run", "--json"]).expect_code(0);
    let summary = output.json();
    assert_eq!(
        scores(&summary, "nearest-golden"),
        [Some(1.0), Some(0.0), Some(1.0), Some(1.0)]
    );
    assert_eq!(
        rounded(&scores(&summary, "near")),
        [Some(1.0), Some(1.0), Some(0.707), Some(1.0)]
    );
    // Four answers, and all goldens together in one call.
    assert_eq!(calls_to(&endpoint, "/v1/embeddings"), 5);
    // The goldens are those of the dataset, whichever cases are selected.
    let one = project.run(&["run", "--filter", "c-1", "--json"]);
    assert_eq!(
        scores(&one.json(), "nearest-golden"),
        [None, Some(0.0), None, None]
    );
}

#[test]
fn a_failed_call_for_a_vector_is_no_score() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::raw(|place, body| {
            let fault = match place {
                "POST /v1/embeddings" => Fault::Status(500),
                place => reply(place, body),
            };
            (fault, None)
        }),
        ..Behaviour::default()
    });
    let project = project(&endpoint, SIMILAR, &three());
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert_eq!(scores(&output.json(), "similar"), [None; 3]);
    assert_eq!(output.json()["verdict"], "unmeasured");
    assert!(
        output.stdout.contains("`other` gave no answer: HTTP 500"),
        "{output}"
    );
}

#[test]
fn a_filter_is_asked_about_each_answer_once() {
    let endpoint = endpoint();
    let scorers = "  - moderation: other\n  \
                   - moderation: { model: other, max: 0.05, metric: strict }\n  \
                   - moderation: { model: other, categories: { violence: 95% }, metric: lenient }\n  \
                   - moderation: { model: other, categories: [hate, sloth], metric: unknown }\n";
    let cases = [("I will hit him.", json!("x")), ("I like him.", json!("x"))];
    let project = project(&endpoint, scorers, &cases);
    let output = project.run(&["run", "--json"]);
    let summary = output.json();
    assert_eq!(
        rounded(&scores(&summary, "moderation")),
        [Some(0.1), Some(0.9)]
    );
    assert_eq!(
        rounded(&scores(&summary, "lenient")),
        [Some(0.1), Some(0.98)]
    );
    assert_eq!(scores(&summary, "unknown"), [None, None]);
    assert_eq!(calls_to(&endpoint, "/v1/moderations"), 2);
    let trial = trials(&summary)[0].1;
    let shown: Vec<String> = trial["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    {"value":0.09999999999999998,"passed":false,"note":"flagged, most for violence 0.900"}
    {"value":0.09999999999999998,"passed":false,"note":"too much of violence 0.900, hate 0.100"}
    {"value":0.09999999999999998,"passed":true,"note":null}
    {"value":null,"passed":null,"note":"no category `sloth` among violence, hate"}
    "#);
}

/// The files of a model with a vector of two numbers for each of `a` and `b`.
fn with_files(project: Project) -> Project {
    let tokenizer = json!({
        "normalizer": null,
        "pre_tokenizer": null,
        "model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
    });
    let header =
        json!({"vectors": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).to_string();
    let mut matrix = u64::try_from(header.len()).unwrap().to_le_bytes().to_vec();
    matrix.extend(header.bytes());
    matrix.extend(
        [1.0_f32, 0.0, 0.0, 1.0]
            .iter()
            .flat_map(|number| number.to_le_bytes()),
    );
    project.write("vectors/model.safetensors", matrix);
    project.file("vectors/tokenizer.json", &tokenizer.to_string())
}

#[test]
fn vectors_are_made_from_files_without_a_call() {
    let endpoint = endpoint();
    let scorers = "  - similar: { files: vectors, threshold: 0.9 }\n  \
                   - nearest-golden: { files: vectors }\n  \
                   - any: { of: [exact, { similar: { files: vectors, threshold: 0.9 } }] }\n";
    let cases = [
        ("aaab", json!("aa")),
        ("b", json!("ab")),
        ("xyz", json!("bb")),
    ];
    let project = with_files(project(&endpoint, scorers, &cases));
    let output = project.run(&["run", "--json"]);
    let summary = output.json();
    assert_eq!(
        rounded(&scores(&summary, "similar")),
        [Some(0.949), Some(0.707), None]
    );
    assert_eq!(
        scores(&summary, "nearest-golden"),
        [Some(1.0), Some(0.0), None]
    );
    assert_eq!(scores(&summary, "any"), [Some(1.0), Some(0.0), None]);
    assert!(
        output.stdout.contains("no piece of the text has a vector"),
        "{output}"
    );
    assert_eq!(endpoint.calls(), 6, "the answers alone are asked for");
    let scorer = "similar: { files: vectors }";
    let graded = project.run(&[
        "score",
        "--scorer",
        scorer,
        "--output",
        "ab",
        "--expected",
        "ba",
    ]);
    assert_eq!(graded.expect_code(0).stdout, "graded 1.0\n");
    let asking = project.run(&[
        "score",
        "--scorer",
        "similar: other",
        "--output",
        "a",
        "--expected",
        "b",
    ]);
    insta::assert_snapshot!(asking.expect_code(2).stdout, @"cannot be graded: a model has to be asked for it, which `regauge run` does");
}
