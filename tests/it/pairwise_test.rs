//! Answers compared in pairs: when they are, what position does to them, and how they gate.

use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::endpoint::{Answer, Answers, Asked, Behaviour, Endpoint};
use crate::judges::{endpoint, project, said_of_judges, scores};
use crate::process::Output;

#[test]
fn a_judge_that_follows_the_position_is_reported_to_lean() {
    // Says that the first is better, but for answers with a 2: there it knows.
    let endpoint = endpoint(|asked| {
        let second = asked.split("The second answer:").nth(1).unwrap_or_default();
        let better = if second.contains("word 2") {
            "tie"
        } else {
            "first"
        };
        json!({"evidence": "it stands there", "better": better}).to_string()
    });
    let project = project(&endpoint, "  - exact\n  - pairwise: { model: judge }\n");
    project.run(&["run", "--quiet"]).expect_code(0);
    let output = project
        .run(&["run", "--json", "--report", "markdown,html"])
        .expect_code(0);
    assert_eq!(scores(&output, "pairwise"), [Some(0.5); 5]);
    let judge = output.json()["suites"][0]["subjects"][0]["judges"][0].clone();
    let lean = json!({"pairs": 5, "first": 4, "second": 0, "share": 0.8});
    assert_eq!(judge["lean"], lean, "{judge}");
    let line = "pairwise: the verdict followed the position in 4 of 5 pairs (80 %; 4 the first, 0 the second)";
    assert!(said_of_judges(&output).contains(line));
    assert!(project.read("reports/summary.md").contains(line));
    let page = project.read("reports/report.html").replace('\u{a0}', " ");
    assert!(page.contains(line));
    let shown = project.run(&["report", "latest"]);
    assert!(
        shown
            .stdout
            .replace('\n', " ")
            .contains("followed the position in"),
        "{shown}"
    );
}

/// An endpoint that puts the word behind each answer, and as the judge likes answers with it less.
fn disliking(word: Arc<Mutex<String>>) -> Endpoint {
    Endpoint::start(Behaviour {
        answers: Answers::by(move |asked: &Asked<'_>| {
            let (user, word) = (asked.user(), word.lock().unwrap().clone());
            if asked.model() != "judge-model" {
                return Answer::text(format!("{user}{word}"));
            }
            let first = user.split("The second answer:").next().unwrap_or_default();
            let second = user.split("The second answer:").nth(1).unwrap_or_default();
            let is_worse = |text: &str| !word.is_empty() && text.contains(&word);
            let better = match (is_worse(first), is_worse(second)) {
                (true, false) => "second",
                (false, true) => "first",
                _ => "tie",
            };
            Answer::text(json!({"evidence": "it is longer", "better": better}).to_string())
        }),
        ..Behaviour::default()
    })
}

#[test]
fn a_comparison_in_pairs_gates_by_its_limit_alone() {
    let worse = Arc::new(Mutex::new(String::new()));
    let endpoint = disliking(worse.clone());
    let project = project(
        &endpoint,
        "  - contains: { expected: word }\n  - pairwise: { model: judge }\ngates:\n  - { metric: pairwise, tolerance: 0.2 }\n",
    )
    .cases(30);
    let metric = |output: &Output| {
        let subject = output.json()["suites"][0]["subjects"][0].clone();
        let metrics = subject["metrics"].as_array().unwrap().clone();
        let mut metrics = metrics.into_iter();
        metrics.find(|metric| metric["name"] == "pairwise").unwrap()
    };
    let first = project.run(&["run", "--json"]).expect_code(0);
    assert_eq!(
        metric(&first)["verdict"],
        "no-baseline",
        "{}",
        metric(&first)
    );
    let same = project.run(&["run", "--json"]).expect_code(0);
    let same = metric(&same);
    assert_eq!(same["verdict"], "pass", "{same}");
    assert_eq!(same["gate"]["at_least"], 0.3);
    assert!(
        same["before"].is_null() && same["difference"].is_null(),
        "{same}"
    );
    assert_eq!(
        same["sentence"],
        "pairwise is 50.0 % (90 % interval 50.0 % to 50.0 %); one half is as good as the baseline"
    );
    *worse.lock().unwrap() = " and more".to_owned();
    let dropped = project.run(&["run", "--json"]).expect_code(1);
    let dropped = metric(&dropped);
    assert_eq!(dropped["verdict"], "regressed", "{dropped}");
    assert_eq!(dropped["now"]["value"], 0.0);
    let checked = project.run(&["check", "--json"]).expect_code(0).json();
    let gates = checked[0]["gates"].to_string();
    assert!(
        !gates.contains("pairwise"),
        "there is no drop to see: {gates}"
    );
}

#[test]
fn answers_are_compared_in_pairs_once_there_is_a_baseline() {
    let endpoint =
        endpoint(|_| json!({"evidence": "both say the same", "better": "tie"}).to_string());
    let project = project(&endpoint, "  - exact\n  - pairwise: { model: judge }\n");
    let first = project.run(&["run", "--json"]).expect_code(0);
    assert_eq!(scores(&first, "pairwise"), [None; 5]);
    assert_eq!(endpoint.calls(), 5, "there is nothing to compare with");
    project.run(&["run", "--json"]).expect_code(0);
    assert_eq!(
        endpoint.calls(),
        15,
        "five answers; both orders of equal ones are one question"
    );
}
