//! Metrics that are made of others, on the real program.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::metric;

/// Of forty words those above this number are said again, the others not.
fn wrong_up_to(most: usize) -> Behaviour {
    Behaviour {
        answers: Answers::by(move |asked| {
            let user = asked.user();
            let is_wrong = number_of(&user) <= most;
            Answer::text(if is_wrong { "no".to_owned() } else { user })
        }),
        ..Behaviour::default()
    }
}

fn project(endpoint: &Endpoint, at_least: f64) -> Project {
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    project.write(
        "suites/words.yaml",
        format!(
            "name: words\nprompts: [repeat@v1]\nmodels: [small]\ndataset: golden/words.jsonl\n\
             scorers: [exact, word-count]\n\
             derived:\n  - {{ name: hits per word, expression: exact / word_count }}\n\
             gates:\n  - {{ metric: exact, informational: true }}\n  \
             - {{ metric: hits per word, at_least: {at_least} }}\n"
        ),
    );
    project
}

#[test]
fn a_metric_is_made_of_others_of_each_side_and_held_by_its_limit() {
    let endpoint = Endpoint::start(wrong_up_to(0));
    let project = project(&endpoint, 0.3);
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    // Every answer has two words.
    let value = |summary: &Value, side: &str| {
        metric(summary, "hits per word")[side]["value"]
            .as_f64()
            .unwrap()
    };
    assert!((value(&summary, "now") - 0.5).abs() < 1e-12);
    endpoint.behave(wrong_up_to(30));
    let summary = project.run(&["run", "--json"]).expect_code(1).json();
    // A quarter is right, and the mean answer has 30 of one word and 10 of two: 1.25.
    let found = metric(&summary, "hits per word");
    assert!((value(&summary, "now") - 0.2).abs() < 1e-12);
    assert!((value(&summary, "before") - 0.5).abs() < 1e-12);
    let change = found["difference"]["value"].as_f64().unwrap();
    assert!((change - (1.0 - 0.5 / 0.2)).abs() < 1e-9, "{change}");
    assert_eq!(found["p_drop"], Value::Null, "a drop is not tested");
    assert_eq!(found["gate"]["limit"], "broken");
}

#[test]
fn a_missing_input_makes_it_unmeasured_and_never_0() {
    let endpoint = Endpoint::start(wrong_up_to(40));
    let project = project(&endpoint, 0.3);
    let suite = project.read("suites/words.yaml");
    project.write(
        "suites/words.yaml",
        suite.replace("exact / word_count", "word_count / exact"),
    );
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    let found = metric(&summary, "hits per word");
    assert_eq!(
        (&found["now"], &found["verdict"]),
        (&Value::Null, &json!("unmeasured"))
    );
    insta::assert_snapshot!(found["sentence"].as_str().unwrap(), @"hits per word was not measured");
}
