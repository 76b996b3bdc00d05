//! Which run another is compared with, and that it is fit to be.

use std::process::Command;

use serde_json::Value;

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::Project;
use crate::summary::metric;

fn git(project: &Project, arguments: &[&str]) {
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=t", "-c", "user.email=t@example.com"])
        .args(arguments);
    project.start(command).wait().expect_code(0);
}

fn run(project: &Project) -> Value {
    project.run(&["run", "words", "--json"]).json()
}

fn id(summary: &Value) -> String {
    summary["suites"][0]["run"]["id"]
        .as_str()
        .expect("a run has an id")
        .to_owned()
}

fn baseline(summary: &Value) -> &str {
    summary["suites"][0]["baseline"]["id"]
        .as_str()
        .expect("there is a baseline")
}

fn rule(summary: &Value) -> &str {
    summary["suites"][0]["baseline_rule"]
        .as_str()
        .expect("there is a rule")
}

#[test]
fn an_accepted_run_on_the_line_of_commits_comes_before_a_newer_one_beside_it() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    git(&project, &["init", "--quiet", "--initial-branch=main"]);
    git(&project, &["add", "."]);
    git(&project, &["commit", "--quiet", "-m", "one"]);
    let on_the_line = id(&run(&project));
    project
        .run(&["baseline", "set", &on_the_line])
        .expect_code(0);
    git(&project, &["switch", "--quiet", "-c", "beside"]);
    git(
        &project,
        &["commit", "--quiet", "--allow-empty", "-m", "two"],
    );
    let beside = id(&run(&project));
    project.run(&["baseline", "set", &beside]).expect_code(0);
    let summary = run(&project);
    assert_eq!(
        baseline(&summary),
        beside,
        "on the branch it is on the line"
    );
    git(&project, &["switch", "--quiet", "main"]);
    let summary = run(&project);
    assert_eq!(baseline(&summary), on_the_line);
    assert!(rule(&summary).contains("line of commits"), "{summary}");
}

#[test]
fn a_baseline_is_explained_with_all_that_was_accepted() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let first = id(&run(&project));
    project
        .run(&["baseline", "set", &first, "--why", "v1 is live"])
        .expect_code(0);
    let explained = project
        .run(&["baseline", "explain", "words"])
        .expect_code(0);
    for part in [
        &first,
        "the newest accepted run",
        "1 trial of 5 cases",
        "repeat@v1 on small",
        "v1 is live",
    ] {
        assert!(
            explained.stdout.contains(part),
            "{part}: {}",
            explained.stdout
        );
    }
}

#[test]
fn a_changed_scorer_grades_the_baseline_again_and_makes_no_call() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|request| Answer::text(request.user().to_uppercase())),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "");
    project.write("suites/words.yaml", &suite);
    let first = run(&project);
    assert_eq!(metric(&first, "exact")["now"]["value"], 0.0);
    project.write(
        "suites/words.yaml",
        suite.replace("- exact\n", "- exact: { normalize: [casefold] }\n"),
    );
    let calls = endpoint.requests().len();
    let second = run(&project);
    assert_eq!(endpoint.requests().len(), calls + 30);
    let exact = metric(&second, "exact");
    assert_eq!(
        (&exact["before"]["value"], &exact["now"]["value"]),
        (&1.0.into(), &1.0.into())
    );
    assert!(rule(&second).contains("graded again"), "{}", rule(&second));
    // The report that is written again does the same.
    let again = project.run(&["report", "--json"]).expect_code(0).json();
    assert_eq!(again, second);
}

#[test]
fn an_effect_that_has_one_cause_cannot_be_split() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    run(&project);
    let refused = project.run(&["run", "words", "--split"]).expect_code(2);
    assert!(
        refused.stderr.contains("nothing to split"),
        "{}",
        refused.stderr
    );
}

#[test]
fn the_other_side_must_be_a_version_that_there_is() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    for wrong in ["repeat@v7", "repaet@v1"] {
        project.run(&["run", "--against", wrong]).expect_code(2);
    }
    assert_eq!(endpoint.requests().len(), 0);
}
