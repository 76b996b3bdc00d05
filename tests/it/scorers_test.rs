//! The scorers on the command line.

use regauge::scorer::registry::KINDS;
use serde_json::json;

use crate::endpoint::{Behaviour, Endpoint};
use crate::project::Project;

#[test]
fn all_scorers_are_listed_with_their_options() {
    let project = Project::new();
    let listed = project.run(&["scorers"]).expect_code(0);
    for kind in KINDS {
        assert!(listed.stdout.contains(kind.name), "{}", kind.name);
    }
    let data = project.run(&["scorers", "--json"]).expect_code(0).json();
    let names: Vec<&str> = data
        .as_array()
        .unwrap()
        .iter()
        .map(|kind| kind["name"].as_str().unwrap())
        .collect();
    let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(names, known);
    assert_eq!(data[0]["main"], json!("expected"));
}

#[test]
fn one_scorer_is_shown_with_its_definition() {
    let project = Project::new();
    let shown = project.run(&["scorers", "numeric-diff"]).expect_code(0);
    insta::assert_snapshot!(shown.stdout);
    let unknown = project.run(&["scorers", "levenstein"]).expect_code(2);
    assert!(
        unknown.stderr.contains("did you mean `levenshtein`?"),
        "{unknown}"
    );
}

#[test]
fn outputs_made_elsewhere_may_have_tool_calls_and_tags() {
    let lines = [
        json!({"scorer": "tool-calls: [find]", "tool_calls": [{"id": "1", "name": "find", "arguments": "{}"}]}),
        json!({"id": 2, "scorer": "exact: { tags: [de] }", "output": "a", "expected": "a", "tags": ["de"]}),
        json!({"id": 3, "scorer": "exact: { tags: [de] }", "output": "a", "expected": "a"}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let project = Project::new().file("outputs.jsonl", &text);
    let scored = project
        .run(&["score", "--cases", "outputs.jsonl"])
        .expect_code(0);
    insta::assert_snapshot!(scored.stdout, @r#"
    {"value":1.0,"passed":true,"note":null}
    {"value":1.0,"passed":true,"note":null,"id":2}
    {"id":3,"skipped":"the scorer is for cases with other tags"}
    "#);
}

#[test]
fn a_scorer_with_tags_leaves_other_cases_out() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let suite = project.read("suites/words.yaml");
    let scorers = "  - exact\n  - contains: { expected: o, tags: [with-o] }\n";
    project.write("suites/words.yaml", suite.replace("  - exact\n", scorers));
    project.write(
        "golden/words.jsonl",
        "{\"id\": \"a\", \"word\": \"one\", \"expected\": \"one\", \"tags\": [\"with-o\"]}\n\
         {\"id\": \"b\", \"word\": \"six\", \"expected\": \"six\"}\n",
    );
    project.run(&["run", "--report", "csv", "--out", "out"]);
    let trials = project.read("out/trials.csv");
    assert!(
        trials.contains(r#""{""exact"":1.0,""contains"":1.0}""#),
        "{trials}"
    );
    assert!(trials.contains(r#""{""exact"":1.0}""#), "{trials}");
}
