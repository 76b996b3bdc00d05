//! Since when a suite is worse, and what came with it.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::run_id;

/// Runs of the suite, and the first one in which the endpoint is worse.
const RUNS: usize = 14;
const FIRST_BAD: usize = 9;

/// A newer model behind the same name, which is wrong for every third word.
fn worse() -> Behaviour {
    Behaviour {
        answers: Answers::by(|asked| match number_of(&asked.user()) {
            n if n % 3 == 0 => Answer::text("something else"),
            _ => Answer::text(asked.user()),
        }),
        served_model: Some("small-2".to_owned()),
        ..better()
    }
}

fn better() -> Behaviour {
    Behaviour {
        served_model: Some("small-1".to_owned()),
        ..Behaviour::default()
    }
}

/// A project in which the endpoint got worse, the ids of its runs, and the summary of the last one.
fn declined() -> (Project, Vec<String>, Value) {
    let endpoint = Endpoint::start(better());
    let project = Project::new().workspace(&endpoint.url()).cases(12);
    let mut ids = Vec::new();
    let mut last = Value::Null;
    for run in 1..=RUNS {
        if run == FIRST_BAD {
            endpoint.behave(worse());
        }
        last = project.run(&["run", "--json"]).json();
        ids.push(run_id(&last).to_owned());
    }
    (project, ids, last)
}

/// The text with names for what differs from day to day.
fn masked(text: &str, ids: &[String]) -> String {
    let mut masked = text.to_owned();
    for (index, id) in ids.iter().enumerate() {
        masked = masked.replace(id.as_str(), &format!("[run {}]", index + 1));
    }
    let day = regex::Regex::new(r"\d{4}-\d{2}-\d{2}").expect("the pattern is one");
    day.replace_all(&masked, "[day]").into_owned()
}

#[test]
fn history_names_the_run_from_which_on_a_suite_is_worse_and_what_came_with_it() {
    let (project, ids, last) = declined();
    let shown = project.run(&["history", "words"]).expect_code(0).stdout;
    insta::assert_snapshot!(masked(&shown, &ids));

    let timeline = project.run(&["history", "words", "--json"]).json();
    let series = timeline["series"].as_array().unwrap();
    let exact = series.iter().find(|one| one["metric"] == "exact").unwrap();
    let bad = &exact["first_bad"];
    assert_eq!(bad["run"], json!(ids[FIRST_BAD - 1]));
    assert_eq!(bad["rule"], "change-point");
    let served = json!([{"what": "model small as served", "from": "small-1", "to": "small-2"}]);
    assert_eq!(bad["changes"], served);

    // The report of the last run tells the same.
    let of_report = &last["suites"][0]["timeline"]["series"];
    assert_eq!(of_report, &timeline["series"]);
    let page = project.read("reports/report.html");
    assert!(page.contains("Since when") && page.contains("first bad run, "));
    let again = project.run(&["report", &ids[RUNS - 1], "--json"]).json();
    assert_eq!(
        &again["suites"][0]["timeline"],
        &last["suites"][0]["timeline"]
    );
    let before = project
        .run(&["report", &ids[FIRST_BAD - 2], "--json"])
        .json();
    let runs = before["suites"][0]["timeline"]["runs"].as_array().unwrap();
    assert_eq!(
        runs.len(),
        FIRST_BAD - 1,
        "a report of then knows nothing of later runs"
    );
}

#[test]
fn a_candidate_that_regressed_is_the_first_bad_run() {
    let endpoint = Endpoint::start(better());
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    project.run(&["run"]).expect_code(0);
    endpoint.behave(worse());
    let run = project.run(&["run", "--json"]).expect_code(1).json();
    let series = run["suites"][0]["timeline"]["series"].as_array().unwrap();
    let exact = series.iter().find(|one| one["metric"] == "exact").unwrap();
    assert_eq!(exact["first_bad"]["run"], json!(run_id(&run)));
    assert_eq!(exact["first_bad"]["rule"], "first-this-low");
    let shown = project.run(&["report"]).stdout;
    let words: Vec<&str> = shown.split_whitespace().collect();
    assert!(
        words
            .join(" ")
            .contains("first bad run: exact of repeat · small"),
        "{shown}"
    );
}

#[test]
fn a_baseline_from_a_file_is_the_first_point() {
    let endpoint = Endpoint::start(better());
    let elsewhere = Project::new().workspace(&endpoint.url()).cases(12);
    let first = elsewhere.run(&["run", "--json"]).expect_code(0).json();
    elsewhere
        .run(&["export", "latest", "-o", "run.jsonl"])
        .expect_code(0);
    let project = Project::new().workspace(&endpoint.url()).cases(12);
    project.write("run.jsonl", elsewhere.read("run.jsonl"));
    let run = project
        .run(&["run", "--json", "--baseline", "run.jsonl"])
        .json();
    let runs = run["suites"][0]["timeline"]["runs"].as_array().unwrap();
    let ids: Vec<&Value> = runs.iter().map(|run| &run["id"]).collect();
    assert_eq!(ids, [&json!(run_id(&first)), &json!(run_id(&run))]);
}

#[test]
fn inputs_that_moved_are_told_and_gate_nothing() {
    let endpoint = Endpoint::start(better());
    let project = Project::new().workspace(&endpoint.url()).cases(60);
    project.run(&["run"]).expect_code(0);
    let longer: String = (31..=90)
        .map(|n| {
            let word = if n > 60 {
                format!("please say the word {n} twice")
            } else {
                format!("word {n}")
            };
            json!({"id": format!("w-{n:05}"), "word": word, "expected": word}).to_string() + "\n"
        })
        .collect();
    project.write("golden/words.jsonl", longer);
    let run = project.run(&["run", "--json"]).expect_code(0).json();
    let drift = run["suites"][0]["drift"].as_array().unwrap();
    assert_eq!(
        drift[0]["sentence"],
        "since the baseline 30 cases were added, 30 removed, 0 changed"
    );
    let is_warned = |feature: &str| {
        let mut moved = drift.iter().filter(|moved| moved["of"] == "inputs");
        moved.any(|moved| moved["feature"] == feature && moved["is_warning"] == true)
    };
    assert!(is_warned("characters") && is_warned("words") && is_warned("vocabulary"));
    let shown = project.run(&["report"]).expect_code(0).stdout;
    assert!(shown.contains("words of inputs: 4."), "{shown}");
}

#[test]
fn a_suite_without_a_run_has_no_course() {
    let endpoint = Endpoint::start(better());
    let project = Project::new().workspace(&endpoint.url());
    let output = project.run(&["history", "words"]).expect_code(0);
    assert_eq!(output.stdout, "");
    assert!(output.stderr.contains("no complete run yet"));
    assert_eq!(
        project.run(&["history", "words", "--json"]).stdout,
        "null\n"
    );
}
