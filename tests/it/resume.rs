//! That nothing paid for is lost: a run that was killed, interrupted or left alone by its endpoint goes on where it was.

use serde_json::Value;

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint, Fault, Gate};
use crate::project::Project;
use crate::summary::{assert_same, masked, outcomes, run_id, trials};

/// Calls that are under way at once.
const CONCURRENCY: u64 = 8;

#[test]
fn after_a_kill_only_calls_under_way_are_made_again() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(1000);
    let run = project.spawn(&["run", "--trials", "2", "--baseline", "none"]);
    gate.release(777);
    endpoint.wait_for_answered(777);
    endpoint.wait_for_in_flight(1);
    assert_eq!(run.kill9().signal(), Some(9));
    endpoint.wait_until_idle();
    let at_kill = endpoint.calls();
    assert!(at_kill <= 777 + CONCURRENCY, "{at_kill} calls at the kill");

    gate.open();
    let resumed = project
        .run(&["run", "--resume", "--json", "--baseline", "none"])
        .expect_code(0)
        .json();
    // An answer that was on its way counts as a call under way: one slot is one call that is not yet in the history.
    assert!(
        endpoint.calls() <= 2000 + CONCURRENCY,
        "{} calls",
        endpoint.calls()
    );
    assert_eq!(outcomes(&resumed)["ok"], 2000);
    let tallies = endpoint.calls_by_content();
    assert_eq!(tallies.len(), 2000);
    assert!(tallies.values().all(|tally| tally.answered >= 1));

    let fresh = Project::new().workspace(&endpoint.url()).cases(1000);
    let whole = fresh
        .run(&["run", "--trials", "2", "--json", "--baseline", "none"])
        .expect_code(0)
        .json();
    assert_same(&masked(resumed), &masked(whole));
    assert_eq!(statuses(&project), ["complete"]);
}

#[test]
fn a_run_that_is_killed_again_and_again_comes_to_its_end() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(100);
    let mut arguments = vec!["run", "--baseline", "none"];
    for kills in 1..=5 {
        let run = project.spawn(&arguments);
        gate.release(15);
        endpoint.wait_for_answered(15 * kills);
        run.kill9();
        endpoint.wait_until_idle();
        arguments = vec!["run", "--resume"];
    }
    gate.open();
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary)["ok"], 100);
    assert!(
        endpoint.calls() <= 100 + 5 * CONCURRENCY,
        "{} calls",
        endpoint.calls()
    );
    assert_eq!(statuses(&project), ["complete"]);
}

#[test]
fn a_run_that_another_process_is_making_is_not_made_twice() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(20);
    let run = project.spawn(&["run", "--baseline", "none"]);
    endpoint.wait_for_in_flight(1);
    let refused = project.run(&["run", "--resume"]).expect_code(2);
    assert!(
        refused
            .stderr
            .contains("another process is making this run"),
        "{refused}"
    );
    gate.open();
    run.wait().expect_code(0);
    assert_eq!(endpoint.calls(), 20);
    project.run(&["run", "--resume"]).expect_code(2);
}

#[test]
fn an_interrupted_run_waits_for_its_calls_and_says_how_to_go_on() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(50);
    let run = project.spawn(&["run", "--json"]);
    gate.release(10);
    endpoint.wait_for_answered(10);
    endpoint.wait_for_calls(10 + CONCURRENCY);
    run.interrupt();
    run.wait_for_stderr("stopping");
    gate.open();
    let output = run.wait().expect_code(130);
    assert_eq!(output.stdout, "");
    let said: Vec<&str> = output.stderr.lines().collect();
    assert!(said[3].starts_with("18/50 calls"), "{output}");
    assert_eq!(
        (said[2], said[4]),
        (
            "stopping: calls under way are waited for; press Ctrl-C again to stop at once",
            "interrupted: 18 of 50 trials have their answer; go on with `regauge run --resume`"
        )
    );
    assert_eq!(
        (endpoint.calls(), statuses(&project)),
        (10 + CONCURRENCY, vec!["interrupted".to_owned()])
    );

    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((outcomes(&summary)["ok"], endpoint.calls()), (50, 50));
}

#[test]
fn a_second_interrupt_drops_the_calls_under_way() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(50);
    let run = project.spawn(&["run", "--json"]);
    gate.release(10);
    endpoint.wait_for_answered(10);
    endpoint.wait_for_calls(10 + CONCURRENCY);
    run.interrupt();
    run.wait_for_stderr("stopping");
    run.interrupt();
    // The gate stays closed: a program that waited for its calls would not end.
    let output = run.wait().expect_code(130);
    assert!(output.stderr.contains("10 of 50 trials"), "{output}");
    endpoint.wait_until_idle();

    gate.open();
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (outcomes(&summary)["ok"], endpoint.calls()),
        (50, 50 + CONCURRENCY)
    );
}

#[test]
fn after_an_outage_only_what_failed_is_called_again() {
    let endpoint = Endpoint::start(Behaviour {
        down_after: Some((30, Fault::Status(500))),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(100);
    without_retries(&project);
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert_eq!(
        (outcomes(&output.json())["ok"], statuses(&project)),
        (30, vec!["incomplete".to_owned()])
    );
    assert!(output.stderr.contains("regauge run --resume"), "{output}");

    let before = endpoint.calls();
    endpoint.behave(Behaviour::default());
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(
        (outcomes(&summary)["ok"], endpoint.calls() - before),
        (100, 70)
    );
    assert_eq!(statuses(&project), ["complete"]);
}

#[test]
fn a_complete_run_is_left_as_it_is_and_reuse_calls_what_failed() {
    let endpoint = Endpoint::start(failing_for("word 7"));
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    without_retries(&project);
    let first = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(
        (outcomes(&first)["ok"], outcomes(&first)["provider-error"]),
        (39, 1)
    );
    let resume = format!("--resume={}", run_id(&first));
    let output = project.run(&["run", &resume]).expect_code(2);
    assert!(output.stderr.contains("is complete"), "{output}");
    assert!(output.stderr.contains("`regauge run --reuse`"), "{output}");

    endpoint.behave(Behaviour::default());
    let summary = project
        .run(&["run", "--reuse", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((outcomes(&summary)["ok"], endpoint.calls()), (40, 41));
}

#[test]
fn a_resumed_run_asks_what_it_was_begun_with() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    let run = project.spawn(&["run", "--trials", "2", "--filter", "w-0001"]);
    gate.release(5);
    endpoint.wait_for_answered(5);
    run.kill9();
    gate.open();
    let summary = project.run(&["run", "--resume", "--json"]).json();
    let ids: Vec<_> = trials(&summary).into_iter().map(|(id, _)| id).collect();
    assert_eq!((ids.len(), ids[0], ids[19]), (20, "w-00010", "w-00019"));
}

#[test]
fn a_suite_that_changed_meanwhile_is_not_resumed() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    let run = project.spawn(&["run"]);
    gate.release(20);
    endpoint.wait_for_answered(20);
    run.kill9();
    endpoint.wait_until_idle();
    gate.open();
    let before = endpoint.calls();
    let project = project.cases(41);
    let output = project.run(&["run", "--resume"]).expect_code(2);
    assert!(
        output.stderr.contains("is not what it was when run"),
        "{output}"
    );
    assert!(output.stderr.contains("--reuse"), "{output}");
    assert_eq!(endpoint.calls(), before);
    // The way that the message names: the answers that still fit are used, but for those that were under way.
    project.run(&["run", "--reuse"]).expect_code(0);
    assert!(
        endpoint.calls() - before <= 21 + CONCURRENCY,
        "{} calls",
        endpoint.calls() - before
    );
}

#[test]
fn a_resumed_run_that_reused_answers_does_not_pay_for_them() {
    let (gate, endpoint) = gated();
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    gate.release(30);
    project.run(&["run"]).expect_code(0);
    let project = project.cases(60);
    let run = project.spawn(&["run", "--reuse"]);
    gate.release(10);
    endpoint.wait_for_answered(40);
    run.kill9();
    endpoint.wait_until_idle();
    gate.open();
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary)["ok"], 60);
    assert!(
        endpoint.calls() <= 60 + CONCURRENCY,
        "{} calls",
        endpoint.calls()
    );
}

#[test]
fn a_run_that_was_graded_again_is_not_what_is_resumed() {
    let endpoint = Endpoint::start(Behaviour {
        down_after: Some((30, Fault::Status(500))),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(100);
    without_retries(&project);
    let first = project.run(&["run", "--json"]).expect_code(3).json();
    project.run(&["rescore", "--json"]).expect_code(3);
    let before = endpoint.calls();
    endpoint.behave(Behaviour::default());
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(run_id(&summary), run_id(&first));
    assert_eq!(
        (outcomes(&summary)["ok"], endpoint.calls() - before),
        (100, 70)
    );
}

fn gated() -> (Gate, Endpoint) {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    (gate, endpoint)
}

fn failing_for(user: &'static str) -> Behaviour {
    Behaviour {
        answers: Answers::by(move |asked| match asked.user() {
            text if text == user => Fault::Status(500).into(),
            text => Answer::text(text),
        }),
        ..Behaviour::default()
    }
}

fn without_retries(project: &Project) {
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("retries: 3", "retries: 0"));
}

/// How far the runs of the history came, newest first.
fn statuses(project: &Project) -> Vec<String> {
    let runs = project.run(&["history", "--json"]).expect_code(0).json();
    let status = |run: &Value| run["status"].as_str().unwrap().to_owned();
    runs.as_array().unwrap().iter().map(status).collect()
}
