//! That a change is laid to what moved with it: the prompt, the model, both, or the endpoint itself.

use serde_json::Value;

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::{Project, number_of};

const CASES: usize = 30;

/// A suite with three trials a case and an endpoint that answers right on `test-model` with the first prompt, and
/// wrong on half of the cases otherwise.
fn project(endpoint: &Endpoint) -> Project {
    endpoint.behave(Behaviour {
        answers: Answers::by(|asked| {
            let user = asked.user();
            let is_new_prompt = asked.system().contains("Repeat");
            let is_new_model = asked.model() == "other-model";
            let fails = (is_new_prompt && number_of(&user) <= 12)
                || (is_new_model && number_of(&user) > 27);
            Answer::text(if fails {
                format!("no {}", asked.seed().unwrap_or(0))
            } else {
                user
            })
        }),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(CASES);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "")
        .replace("trials: 1", "trials: 3");
    project.write("suites/words.yaml", suite);
    project
}

fn new_prompt(project: &Project) {
    let text = project.read("prompts/repeat/v1.md");
    let text = text.replace("Say what the user says.", "Repeat.");
    project.write("prompts/repeat/v2.md", text);
    let suite = project.read("suites/words.yaml");
    project.write("suites/words.yaml", suite.replace("repeat@v1", "repeat@v2"));
}

fn new_model(project: &Project) {
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("test-model", "other-model"));
}

fn subject(summary: &Value) -> &Value {
    &summary["suites"][0]["subjects"][0]
}

fn cause(summary: &Value) -> &str {
    subject(summary)["cause"]["sentence"]
        .as_str()
        .unwrap_or_else(|| panic!("no cause: {}", subject(summary)["verdict"]))
}

fn run(project: &Project, more: &[&str]) -> Value {
    let arguments = [&["run", "words", "--json"], more].concat();
    project.run(&arguments).json()
}

#[test]
fn a_change_of_the_prompt_alone_is_what_the_drop_came_with() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = project(&endpoint);
    run(&project, &[]);
    new_prompt(&project);
    let summary = run(&project, &[]);
    assert!(
        cause(&summary).starts_with("came with prompt repeat v1"),
        "{}",
        cause(&summary)
    );
}

#[test]
fn another_model_behind_an_alias_is_what_the_drop_came_with() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = project(&endpoint);
    run(&project, &[]);
    new_model(&project);
    let summary = run(&project, &[]);
    assert_eq!(
        cause(&summary),
        "came with model small test-model → other-model"
    );
}

#[test]
fn an_effect_of_prompt_and_model_is_confounded_until_it_is_split() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = project(&endpoint);
    let first = run(&project, &[]);
    new_prompt(&project);
    new_model(&project);
    let summary = run(&project, &[]);
    let said = cause(&summary);
    assert!(
        said.contains("moved together") && said.contains("--split"),
        "{said}"
    );
    let first = first["suites"][0]["run"]["id"].as_str().expect("an id");
    let calls = endpoint.requests().len();
    let summary = run(&project, &["--split", "--baseline", first]);
    assert_eq!(endpoint.requests().len() - calls, 3 * 3 * CASES);
    let split = &subject(&summary)["split"][0];
    let mean = |part: &str| split[part]["mean"].as_f64().expect("a number");
    // Twelve of thirty cases fail by the prompt, three by the model, whatever the other is.
    assert!((mean("prompt") + 0.4).abs() < 1e-9, "{split}");
    assert!((mean("model") + 0.1).abs() < 1e-9, "{split}");
    let again = project.run(&[
        "report",
        summary["suites"][0]["run"]["id"].as_str().expect("an id"),
        "--baseline",
        first,
        "--json",
    ]);
    assert_eq!(subject(&again.json())["split"][0], *split);
}

#[test]
fn an_endpoint_that_answers_otherwise_with_nothing_of_ours_moved_has_drifted() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = project(&endpoint);
    run(&project, &[]);
    endpoint.behave(Behaviour {
        answers: Answers::by(|asked| {
            Answer::text(format!("something else {}", asked.seed().unwrap_or(0)))
        }),
        ..Behaviour::default()
    });
    let summary = run(&project, &[]);
    assert!(
        cause(&summary).contains("the endpoint drifted"),
        "{}",
        cause(&summary)
    );
    let p = subject(&summary)["cause"]["p"].as_f64().expect("a p-value");
    assert!(p < 0.01, "{p}");
}

/// Runs a baseline, makes it a month old in a file, and then a new prompt against it.
fn against_an_old_baseline(endpoint: &Endpoint, meanwhile: impl FnOnce()) -> Value {
    let project = project(endpoint);
    let first = run(&project, &[]);
    let id = first["suites"][0]["run"]["id"].as_str().expect("an id");
    let exported = project.run(&["export", id]).expect_code(0).stdout;
    let began = first["suites"][0]["run"]["started_at"]
        .as_i64()
        .expect("a time");
    let month_before = (began - 30 * 86_400_000).to_string();
    project.write(
        "old.jsonl",
        exported.replacen(&began.to_string(), &month_before, 1),
    );
    new_prompt(&project);
    meanwhile();
    run(&project, &["--baseline", "old.jsonl"])
}

#[test]
fn a_drop_against_an_old_baseline_is_not_blamed_on_the_run_before_a_second_look() {
    let endpoint = Endpoint::start(Behaviour::default());
    let summary = against_an_old_baseline(&endpoint, || {});
    let canary = &subject(&summary)["canary"];
    assert_eq!(canary["has_moved"], false, "{canary}");
    let rule = summary["suites"][0]["baseline_rule"]
        .as_str()
        .expect("a rule");
    assert!(rule.ends_with("30 days old"), "{rule}");
}

#[test]
fn a_second_look_at_an_old_baseline_sees_that_the_endpoint_has_moved() {
    let endpoint = Endpoint::start(Behaviour::default());
    let summary = against_an_old_baseline(&endpoint, || {
        endpoint.behave(Behaviour {
            answers: Answers::by(|asked| Answer::text(format!("no {}", asked.seed().unwrap_or(0)))),
            ..Behaviour::default()
        });
    });
    let canary = &subject(&summary)["canary"];
    assert_eq!(canary["has_moved"], true, "{canary}");
}

#[test]
fn the_gate_seldom_alarms_on_dealt_trials_of_a_baseline() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = project(&endpoint);
    endpoint.behave(Behaviour {
        // Two of three trials are right, by chance.
        answers: Answers::by(|asked| {
            let seed = asked.seed().unwrap_or(0);
            Answer::text(if seed % 3 == 0 {
                "no".to_owned()
            } else {
                asked.user()
            })
        }),
        ..Behaviour::default()
    });
    run(&project, &[]);
    let calls = endpoint.requests().len();
    let tested = project
        .run(&["selftest", "--json", "--repetitions", "200"])
        .expect_code(0)
        .json();
    assert_eq!(endpoint.requests().len(), calls);
    let gates = tested[0]["gates"].as_array().expect("gates");
    let exact = gates
        .iter()
        .find(|gate| gate["metric"] == "exact")
        .expect("exact is gated");
    let share = |rate: &str| exact[rate]["share"].as_f64().expect("a share");
    assert!(share("alarms") < 0.1 && share("any_drop") > 0.2, "{exact}");
}

#[test]
fn one_trial_a_case_cannot_be_dealt() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    run(&project, &[]);
    let refused = project.run(&["selftest"]).expect_code(2);
    assert!(
        refused.stderr.contains("two trials of each case"),
        "{}",
        refused.stderr
    );
}
