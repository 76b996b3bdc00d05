//! Runs in batches that end too early, and what becomes of their batches.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::house::said_in;
use super::{Conduct, Format, House, RESUME, RUN, edit, json, outcomes, project, run_id, trials};
use crate::database::engines;
use crate::endpoint::Fault;

/// A house that never ends a batch.
fn endless() -> House {
    House::open(Conduct {
        looks: usize::MAX,
        ..Conduct::default()
    })
}

#[test]
fn after_kill_9_the_batch_is_waited_for_and_not_submitted_again() {
    for engine in engines() {
        for format in [Format::Openai, Format::Anthropic] {
            let house = endless();
            let project = project(&house, format).kept_in(engine);
            let run = project.spawn(RUN);
            run.wait_for_stderr("5 calls submitted");
            run.kill9();
            house.conduct(Conduct::default());
            let output = project.run(RESUME).expect_code(0);
            assert!(
                output.stderr.contains("5 calls submitted earlier"),
                "{output}"
            );
            assert_eq!(outcomes(&output.json())["ok"], 5);
            assert_eq!(house.batches().len(), 1);
        }
    }
}

#[test]
fn a_batch_whose_id_was_never_heard_of_is_found_and_not_submitted_again() {
    for format in [Format::Openai, Format::Anthropic] {
        let house = House::open(Conduct {
            swallows: true,
            ..Conduct::default()
        });
        let project = project(&house, format);
        let run = project.spawn(RUN);
        house.wait_for_a_batch();
        run.kill9();
        // Somebody else has a batch as large as ours; where batches bear no name, only its results say whose it is.
        let mut others = house.batches().remove(0);
        for call in &mut others {
            call["custom_id"] = json!("another");
        }
        house.take_of_another(others);
        let output = project.run(RESUME).expect_code(0);
        assert_eq!(outcomes(&output.json())["ok"], 5);
        assert_eq!(house.batches().len(), 2);
    }
}

#[test]
fn a_batch_that_was_never_submitted_is_submitted_once() {
    let house = House::open(Conduct {
        faults: vec![("POST /v1/files", Fault::Hang)],
        ..Conduct::default()
    });
    let project = project(&house, Format::Openai);
    let run = project.spawn(RUN);
    house.endpoint.wait_for_calls(1);
    run.kill9();
    let output = project.run(RESUME).expect_code(0);
    assert_eq!(outcomes(&output.json())["ok"], 5);
    assert_eq!(house.batches().len(), 1);
}

#[test]
fn a_submission_without_a_reply_is_looked_for_before_it_is_made_again() {
    for format in [Format::Openai, Format::Anthropic] {
        let house = House::open(Conduct {
            swallows: true,
            ..Conduct::default()
        });
        let project = project(&house, format);
        edit(&project, "regauge.yaml", "timeout: 2s", "timeout: 300ms");
        let output = project.run(RUN).expect_code(0);
        assert_eq!(outcomes(&output.json())["ok"], 5);
        assert_eq!(house.batches().len(), 1, "{output}");
    }
}

#[test]
fn an_interrupted_run_leaves_its_batch_and_says_how_to_go_on_and_how_to_cancel() {
    let house = endless();
    let project = project(&house, Format::Openai);
    let run = project.spawn(RUN);
    run.wait_for_stderr("in_progress");
    run.interrupt();
    let output = run.wait().expect_code(130);
    let cancel = "to cancel it, send an empty POST with your key to http://127.0.0.1:[PORT]/v1/batches/batch_1/cancel";
    assert!(
        output
            .stderr
            .contains("batch batch_1 of `small` is left at its endpoint"),
        "{output}"
    );
    assert!(output.stderr.contains(cancel), "{output}");
    assert!(
        output.stderr.contains("0 of 5 trials have their answer"),
        "{output}"
    );
    house.conduct(Conduct::default());
    let (_, rest) = output.stderr.split_once("`regauge run --resume=").unwrap();
    let id = rest.split('`').next().unwrap();
    let resume = format!("--resume={id}");
    let summary = project
        .run(&["run", &resume, "--batch-poll", "5ms", "--json"])
        .expect_code(0)
        .json();
    assert_eq!((run_id(&summary), outcomes(&summary)["ok"]), (id, 5));
    assert_eq!(house.batches().len(), 1);
}

#[test]
fn a_run_whose_time_is_spent_leaves_its_batch_and_can_be_resumed() {
    let house = endless();
    let project = project(&house, Format::Anthropic);
    let run = [RUN, &["--deadline", "300ms"]].concat();
    let output = project.run(&run).expect_code(3);
    assert_eq!(outcomes(&output.json())["skipped"], 5);
    assert!(
        output.stderr.contains("is left at its endpoint"),
        "{output}"
    );
    house.conduct(Conduct::default());
    let summary = project.run(RESUME).expect_code(0).json();
    assert_eq!(outcomes(&summary)["ok"], 5);
    assert_eq!(house.batches().len(), 1);
}

#[test]
fn what_a_batch_never_came_to_is_called_again_by_a_resumed_run() {
    for (end, outcome) in [("expired", "timeout"), ("cancelled", "skipped")] {
        let house = House::open(Conduct {
            end,
            results: Box::new(|results| {
                let some = results.calls[..2].iter();
                some.map(|call| results.echo(call)).collect()
            }),
            ..Conduct::default()
        });
        let project = project(&house, Format::Openai);
        let output = project.run(RUN).expect_code(3);
        let wanted = [("ok".to_owned(), 2), (outcome.to_owned(), 3)];
        assert_eq!(outcomes(&output.json()), wanted.into());
        assert!(output.stderr.contains("regauge run --resume"), "{output}");
        house.conduct(Conduct::default());
        let summary = project.run(RESUME).expect_code(0).json();
        assert_eq!(outcomes(&summary), [("ok".to_owned(), 5)].into());
        let sizes: Vec<usize> = house.batches().iter().map(Vec::len).collect();
        assert_eq!(sizes, [5, 3]);
    }
}

#[test]
fn results_that_break_off_are_kept_as_far_as_they_came_and_read_again() {
    let house = House::open(Conduct {
        faults: vec![("GET /v1/files/out-batch_1", Fault::CutBody)],
        ..Conduct::default()
    });
    let project = project(&house, Format::Openai);
    let output = project.run(RUN).expect_code(0);
    assert_eq!(outcomes(&output.json())["ok"], 5);
    assert_eq!(house.asked("GET /v1/files"), 2);

    let readings = AtomicUsize::new(0);
    let house = House::open(Conduct {
        stalls: true,
        results: Box::new(move |results| {
            let reading = readings.fetch_add(1, Ordering::Relaxed);
            let text = format!("reading {reading}");
            let calls = results.calls.iter();
            calls.map(|call| results.answer(call, &text)).collect()
        }),
        ..Conduct::default()
    });
    let project = super::project(&house, Format::Openai);
    edit(&project, "regauge.yaml", "timeout: 2s", "timeout: 300ms");
    let summary = project.run(RUN).json();
    let outputs: Vec<_> = trials(&summary)
        .into_iter()
        .map(|(_, trial)| trial["output"].as_str().unwrap().to_owned())
        .collect();
    let first = outputs.iter().filter(|text| *text == "reading 0").count();
    let second = outputs.iter().filter(|text| *text == "reading 1").count();
    assert!(
        first > 0 && second > 0 && first + second == 5,
        "{outputs:?}"
    );
}

#[test]
fn a_batch_whose_results_are_not_given_stays_open() {
    let house = House::open(Conduct {
        faults: vec![("GET /v1/files/out-batch_1", Fault::Status(403))],
        ..Conduct::default()
    });
    let project = project(&house, Format::Openai);
    let output = project.run(RUN).expect_code(3);
    assert_eq!(outcomes(&output.json())["provider-error"], 5);
    let summary = project.run(RESUME).expect_code(0).json();
    assert_eq!(outcomes(&summary)["ok"], 5);
    assert_eq!(house.batches().len(), 1);
}

#[test]
fn a_new_run_says_that_the_batch_of_another_waits() {
    let house = endless();
    let project = project(&house, Format::Openai);
    let run = project.spawn(RUN);
    run.wait_for_stderr("5 calls submitted");
    run.kill9();
    house.conduct(Conduct::default());
    let output = project.run(RUN).expect_code(0);
    let (before, _) = output
        .stderr
        .split_once(" may have a batch at an endpoint")
        .unwrap();
    let id = before.trim_start_matches("warning: run ");
    assert_eq!(house.batches().len(), 2);
    let resume = format!("--resume={id}");
    project
        .run(&["run", &resume, "--batch-poll", "5ms"])
        .expect_code(0);
    assert_eq!(house.batches().len(), 2);
    let output = project.run(RUN).expect_code(0);
    assert!(!output.stderr.contains("may have a batch"), "{output}");
}

#[test]
fn each_look_that_adds_trials_is_a_batch_of_its_own() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai).cases(20);
    edit(&project, "suites/words.yaml", "    at_least: 0.80\n", "");
    edit(
        &project,
        "suites/words.yaml",
        "trials: 1",
        "trials: { looks: [1, 2] }",
    );
    project.run(RUN).expect_code(0);
    house.conduct(Conduct {
        results: Box::new(|results| {
            let texts = results
                .calls
                .iter()
                .map(|call| match said_in(call).as_str() {
                    "word 1" => results.answer(call, "another"),
                    text => results.answer(call, text),
                });
            texts.collect()
        }),
        ..Conduct::default()
    });
    let output = project.run(RUN);
    let sizes: Vec<usize> = house.batches().iter().map(Vec::len).collect();
    assert_eq!(sizes, [20, 20, 20], "the baseline, and two looks: {output}");
}
