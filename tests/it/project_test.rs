//! That a project starts programs as the other tests rely on.

use std::process::Command;

use crate::endpoint::{Behaviour, Endpoint};
use crate::project::Project;

#[test]
fn a_workspace_has_a_model_a_prompt_a_suite_and_cases() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(2);
    let files = [
        "golden/words.jsonl",
        "prompts/repeat/v1.md",
        "regauge.yaml",
        "suites/words.yaml",
    ];
    assert_eq!(project.files(), files);
    assert!(project.read("regauge.yaml").contains(&endpoint.url()));
    assert_eq!(project.read("golden/words.jsonl").lines().count(), 2);
}

#[test]
fn the_binary_runs_in_a_project() {
    let output = Project::new().run(&["--version"]);
    assert_eq!(output.expect_code(0).signal(), None);
}

#[test]
fn a_program_sees_no_environment_but_what_it_is_given() {
    let project = Project::new().env("SMALL_API_KEY", "sk-test");
    let output = project.start(Command::new("env")).wait().expect_code(0);
    let names: Vec<_> = output
        .stdout
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    let names: Vec<_> = names
        .into_iter()
        .filter(|(name, _)| *name != "PATH")
        .collect();
    assert_eq!(names, [("HOME", "[HOME]"), ("SMALL_API_KEY", "sk-test")]);
}

#[test]
fn outputs_name_neither_the_folder_nor_the_port() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let output = project
        .start(shell("pwd; grep base_url regauge.yaml >&2; exit 3"))
        .wait();
    insta::assert_snapshot!(output, @"
    exit status: 3
    --- stdout
    [WORKSPACE]
    --- stderr
        base_url: http://127.0.0.1:[PORT]/v1
    ");
}

#[test]
fn an_interrupted_program_can_end_in_good_order() {
    let project = Project::new();
    // The signal may come before the trap is set, so the shell says by a file when that is done.
    let running = project.start(shell(
        "trap 'exit 130' INT; : > ready; while :; do sleep 0.01; done",
    ));
    project.wait_for("ready");
    running.interrupt();
    running.wait().expect_code(130);
}

#[test]
fn a_killed_program_is_gone_when_the_call_returns() {
    let output = Project::new().start(shell("exec sleep 600")).kill9();
    assert_eq!((output.code(), output.signal()), (None, Some(9)));
}

#[test]
fn a_program_is_killed_when_its_handle_is_dropped() {
    let project = Project::new();
    let running = project.start(shell("echo $$ > new; mv new pid; exec sleep 600"));
    project.wait_for("pid");
    drop(running);
    let alive = project.start(shell("kill -0 $(cat pid)")).wait();
    assert_ne!(alive.code(), Some(0));
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}
