//! That pipelines are told what the exit code says.

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::Project;

/// A project whose second run regresses.
fn regressing(endpoint: &Endpoint) -> Project {
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    project.run(&["run", "--report", "none"]).expect_code(0);
    endpoint.behave(Behaviour {
        answers: Answers::by(|_| Answer::text("nothing")),
        ..Behaviour::default()
    });
    project
}

#[test]
fn the_runner_of_github_is_told_in_its_own_way() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = regressing(&endpoint);
    let summary = project.dir().join("step.md").display().to_string();
    let project = project
        .file("step.md", "what another step said\n")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary);
    let output = project
        .run(&["run", "--quiet", "--report", "github,comment"])
        .expect_code(1);
    let text = output.to_string();
    assert!(
        text.contains("::error title=words%3A regressed,file=suites/words.yaml,line=1::"),
        "{text}"
    );
    let step = project.read("step.md");
    assert!(
        step.starts_with("what another step said\n<!-- regauge:suite=words -->\n"),
        "{step}"
    );
    assert!(step.contains("Exit code 1: regressed: exact"), "{step}");
    assert!(
        project
            .read("reports/comment.md")
            .starts_with("<!-- regauge:suite=words -->\n")
    );
    assert!(
        !project
            .files()
            .contains(&"reports/annotations.txt".to_owned())
    );
    // What is for a program stays JSON.
    let report = project
        .run(&["report", "--json", "--report", "github"])
        .expect_code(1);
    assert_eq!(report.json()["exit"]["code"], 1);
}

#[test]
fn elsewhere_annotations_are_a_file() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = regressing(&endpoint);
    let output = project
        .run(&["run", "--quiet", "--report", "github,gitlab,ctrf"])
        .expect_code(1);
    assert!(!output.to_string().contains("::error"), "{output}");
    assert!(
        project
            .read("reports/annotations.txt")
            .starts_with("::error title=words")
    );
    let issues: serde_json::Value =
        serde_json::from_str(&project.read("reports/gl-code-quality-report.json")).unwrap();
    assert_eq!(issues[0]["severity"], "blocker");
    let report: serde_json::Value =
        serde_json::from_str(&project.read("reports/ctrf-report.json")).unwrap();
    assert_eq!(report["results"]["summary"]["extra"]["exitCode"], 1);
}
