//! That a run ends with the exit code that its gates ask for.

use serde_json::json;

use crate::endpoint::{Answer, Answers, Behaviour, Completion, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::metric;

#[test]
fn a_broken_floor_ends_with_1() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::Same(Completion::text("no")),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    let summary = project.run(&["run", "--json"]).expect_code(1).json();
    assert_eq!(metric(&summary, "exact")["gate"]["limit"], "broken");
    assert_eq!(summary["exit"]["code"], 1);
}

#[test]
fn a_drop_against_the_baseline_ends_with_1_and_noise_does_not() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(60);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "");
    project.write("suites/words.yaml", suite);
    project.run(&["run", "--json"]).expect_code(0);
    endpoint.behave(wrong_for(1));
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_ne!(metric(&summary, "exact")["verdict"], "regressed");
    endpoint.behave(wrong_for(30));
    let summary = project
        .run(&["run", "--json", "--trials", "3"])
        .expect_code(1)
        .json();
    let exact = metric(&summary, "exact");
    assert_eq!(exact["verdict"], "regressed");
    assert_eq!(
        (&exact["before"]["value"], &exact["now"]["value"]),
        (&json!(59.0 / 60.0), &json!(0.5))
    );
}

#[test]
fn an_open_verdict_ends_with_4_where_that_was_asked_for() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(3);
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(summary["verdict"], "inconclusive");
    project.run(&["run", "--strict"]).expect_code(4);
    let suite = project.read("suites/words.yaml") + "gate: { on_inconclusive: fail }\n";
    project.write("suites/words.yaml", suite);
    project.run(&["run"]).expect_code(4);
}

/// Answers wrong to the first so many cases.
fn wrong_for(cases: usize) -> Behaviour {
    Behaviour {
        answers: Answers::by(move |asked| {
            let user = asked.user();
            let number = number_of(&user);
            Answer::text(if number <= cases {
                "no".to_owned()
            } else {
                user
            })
        }),
        ..Behaviour::default()
    }
}
