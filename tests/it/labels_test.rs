//! Metrics of the whole dataset that are read off a table of labels, on the real program.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::metric;

const SUITE: &str = "
name: words
prompts: [repeat@v1]
models: [small]
dataset: golden/words.jsonl
scorers:
  - classification: { classes: [good, bad], abstain: unknown, normalize: [trim] }
gates:
  - metric: classification/macro-f1
    tolerance: 0.05
    at_least: 0.6
";

/// Sixty cases, every third one bad.
fn project(endpoint: &Endpoint) -> Project {
    let project = Project::new().workspace(&endpoint.url());
    let case = |number: usize| {
        let expected = if number.is_multiple_of(3) {
            "bad"
        } else {
            "good"
        };
        json!({"id": format!("w-{number:05}"), "word": format!("word {number}"), "expected": expected})
    };
    let cases = (1..=60).map(|number| format!("{}\n", case(number)));
    project.write("golden/words.jsonl", cases.collect::<String>());
    project.write("suites/words.yaml", SUITE);
    project
}

/// Answers right, but for bad words up to this number, which it calls good.
fn right_but_for(most: usize) -> Behaviour {
    Behaviour {
        answers: Answers::by(move |asked| {
            let number = number_of(&asked.user());
            let is_bad = number.is_multiple_of(3) && number > most;
            Answer::text(if is_bad { "bad\n" } else { "good" }.to_owned())
        }),
        ..Behaviour::default()
    }
}

fn subject(summary: &Value) -> &Value {
    &summary["suites"][0]["subjects"][0]
}

#[test]
fn a_class_that_breaks_fails_the_gate_on_macro_f1_and_stands_in_every_report() {
    let endpoint = Endpoint::start(right_but_for(0));
    let project = project(&endpoint);
    let plan = project.run(&["check"]).expect_code(0).stdout;
    assert!(plan.contains("classification/macro-f1"), "{plan}");
    project.run(&["run"]).expect_code(0);
    endpoint.behave(right_but_for(45));
    let run = [
        "run",
        "--json",
        "--report",
        "markdown,html,json",
        "--out",
        "out",
    ];
    let summary = project.run(&run).expect_code(1).json();
    let macro_f1 = metric(&summary, "classification/macro-f1");
    // Of 20 bad words 5 are found: F1 is 40 words of 55 for the good ones, 5 of 12.5 for the bad ones.
    let wanted = f64::midpoint(80.0 / 95.0, 10.0 / 25.0);
    let value = macro_f1["now"]["value"].as_f64().unwrap();
    assert!((value - wanted).abs() < 1e-12, "{value}");
    assert_eq!(macro_f1["verdict"], "regressed");
    let table = &subject(&summary)["labels"][0];
    assert_eq!(table["columns"], json!(["good", "bad"]));
    assert_eq!(
        table["rows"][1]["cells"],
        json!([{"now": 15.0, "before": 0.0}, {"now": 5.0, "before": 20.0}])
    );
    let markdown = project.read("out/summary.md");
    assert!(
        markdown.contains("| `bad` | 15 (+15) | 5 (\u{2212}15) |"),
        "{markdown}"
    );
    let html = project.read("out/report.html");
    assert!(html.contains("What classification takes for what"));
    let written: Value = serde_json::from_str(&project.read("out/report.json")).unwrap();
    assert_eq!(subject(&written)["labels"], subject(&summary)["labels"]);
}

#[test]
fn an_abstention_is_counted_apart() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|asked| {
            let is_bad = number_of(&asked.user()).is_multiple_of(3);
            Answer::text(if is_bad { "unknown" } else { "good" }.to_owned())
        }),
        ..Behaviour::default()
    });
    let summary = project(&endpoint).run(&["run", "--json"]).json();
    let value = |name: &str| metric(&summary, name)["now"]["value"].as_f64().unwrap();
    assert!((value("classification/coverage") - 2.0 / 3.0).abs() < 1e-12);
    assert!((value("classification/selective-accuracy") - 1.0).abs() < 1e-12);
    assert!((value("classification/balanced-accuracy") - 0.5).abs() < 1e-12);
    let table = &subject(&summary)["labels"][0];
    assert_eq!(table["columns"], json!(["good", "bad", "abstained"]));
    assert_eq!(
        metric(&summary, "classification/coverage")["gate"],
        Value::Null
    );
}

#[test]
fn scores_of_lines_end_with_what_is_measured_over_all_of_them() {
    let line = |scorer: &str, output: &str| json!({"scorer": {"classification": {"classes": ["a", "b"], "metric": scorer}}, "output": output, "expected": "a"});
    let lines = [line("one", "a"), line("one", "b"), line("two", "a")];
    let project = Project::new();
    project.write(
        "cases.jsonl",
        lines.map(|line| format!("{line}\n")).concat(),
    );
    let output = project
        .run(&["score", "--cases", "cases.jsonl"])
        .expect_code(0);
    let written: Vec<Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let values: Vec<&Value> = written.iter().map(|line| &line["value"]).collect();
    assert_eq!(
        values,
        [
            &json!(1.0),
            &json!(0.0),
            &Value::Null,
            &json!(1.0),
            &Value::Null
        ]
    );
    // Of `a` a half is found and all that is called so is it; `b` has no case and is never right.
    assert_eq!(written[2]["measures"]["balanced-accuracy"], json!(0.5));
    assert_eq!(written[2]["measures"]["macro-f1"], json!(1.0 / 3.0));
    assert_eq!(written[4]["measures"]["macro-f1"], json!(1.0));
}
