//! That what was paid for once is used again: reuse, recordings, grading again, baselines.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::database::{Engine, engines};
use crate::endpoint::{Answer, Answers, Behaviour, Completion, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::{assert_same, masked, metric, outcomes, run_id, trials};

#[test]
fn reuse_makes_no_call_for_an_answer_that_is_there() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(20);
        project.run(&["run"]).expect_code(0);
        let summary = project
            .run(&["run", "--reuse", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(endpoint.calls(), 20);
        let run = &summary["suites"][0]["run"];
        assert_eq!((&run["live"], &run["cost_usd"]), (&json!(0), &json!(0.0)));
        assert_eq!(outcomes(&summary)["ok"], 20);

        // One more case and one more trial of each: only those are called.
        let project = project.cases(21);
        project
            .run(&["run", "--reuse", "--trials", "2"])
            .expect_code(0);
        assert_eq!(endpoint.calls(), 20 + 1 + 21);
        // Without the flag, a stale answer would hide drift.
        project.run(&["run"]).expect_code(0);
        assert_eq!(endpoint.calls(), 42 + 21);
    }
}

#[test]
fn what_was_recorded_is_replayed_elsewhere_without_history_and_endpoint() {
    for engine in engines() {
        let endpoint = Endpoint::start(wrong_for_every_third());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(30);
        let arguments = ["run", "--json", "--trials", "2"];
        let recorded = project
            .run(&[&arguments[..], &["--record"]].concat())
            .json();
        let clone = clone_of(engine, &project);
        drop(endpoint);
        let replayed = clone.run(&[&arguments[..], &["--replay"]].concat()).json();
        assert_eq!(outcomes(&replayed)["ok"], 60);
        assert_eq!(replayed["suites"][0]["run"]["live"], 0);
        // What the calls cost is a fact of the run that made them.
        let free = |summary| {
            let mut summary = masked(summary);
            summary["suites"][0]["run"]["cost_usd"] = Value::Null;
            summary
        };
        assert_same(&free(recorded), &free(replayed));
    }
}

#[test]
fn a_recording_is_the_same_to_the_byte_when_nothing_new_was_called() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(10);
        project.run(&["run", "--record"]).expect_code(0);
        let recording = project.read("golden/recordings/words.jsonl");
        project.run(&["run", "--record", "--replay"]).expect_code(0);
        assert_eq!(project.read("golden/recordings/words.jsonl"), recording);
        project
            .run(&["run", "--record", "--filter", "w-00003"])
            .expect_code(0);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let now = lines(&project.read("golden/recordings/words.jsonl"));
        let changed = now
            .iter()
            .zip(lines(&recording))
            .filter(|(now, before)| *now != before);
        assert_eq!((now.len(), changed.count()), (10, 1));
    }
}

#[test]
fn a_missing_recording_names_the_case_and_opens_no_connection() {
    let mut said = BTreeSet::new();
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(2);
        project.run(&["run", "--record"]).expect_code(0);
        let project = clone_of(engine, &project.cases(4));
        let connections = endpoint.connections();
        let output = project.run(&["run", "--replay"]).expect_code(2);
        assert_eq!(output.stdout, "");
        said.insert(output.stderr);
        assert_eq!(endpoint.connections(), connections);
        assert_eq!(project.run(&["history", "--json"]).stdout, "[]\n");
    }
    let said: Vec<String> = said.into_iter().collect();
    insta::assert_snapshot!(said.join("\nor\n"), @"
    error: no recording answers case `w-00003` of repeat@v1 on small (trial 1), nor 1 other
     |
     = help: record it with `regauge run words --record`; a changed prompt, case or parameter is another request
    ");
}

#[test]
fn a_changed_scorer_grades_old_answers_again_without_a_call() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour {
            answers: Answers::by(|asked| Answer::text(asked.user().to_uppercase())),
            ..Behaviour::default()
        });
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(40);
        let before = project.run(&["run", "--json"]).expect_code(1).json();
        assert_eq!(metric(&before, "exact")["now"]["value"], 0.0);
        let suite = project.read("suites/words.yaml");
        project.write(
            "suites/words.yaml",
            suite.replace("- exact", "- exact: { normalize: [casefold] }"),
        );
        let after = project.run(&["rescore", "--json"]).expect_code(0).json();
        assert_eq!(metric(&after, "exact")["now"]["value"], 1.0);
        assert_ne!(run_id(&before), run_id(&after));
        // The old run keeps the grades that it had.
        let old = project.run(&["report", run_id(&before), "--json", "--report", "none"]);
        assert_same(&masked(old.expect_code(1).json()), &masked(before));
        assert_eq!(endpoint.calls(), 40);
    }
}

#[test]
fn an_exported_run_is_a_baseline_for_others() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(40);
        let before = project.run(&["run", "--json"]).expect_code(0).json();
        project
            .run(&["export", "--output", "golden/baseline.jsonl"])
            .expect_code(0);
        let printed = project
            .run(&["export", run_id(&before)])
            .expect_code(0)
            .stdout;
        assert_eq!(printed, project.read("golden/baseline.jsonl"));

        let clone = clone_of(engine, &project);
        clone.write(
            "suites/words.yaml",
            clone.read("suites/words.yaml") + "baseline: golden/baseline.jsonl\n",
        );
        endpoint.behave(wrong_for_every_third());
        let after = clone.run(&["run", "--json"]).expect_code(1).json();
        assert_eq!(
            after["suites"][0]["baseline"]["id"],
            before["suites"][0]["run"]["id"]
        );
        assert_eq!(metric(&after, "exact")["verdict"], "regressed");
        let named = clone.run(&[
            "report",
            "--json",
            "--report",
            "none",
            "--baseline",
            "golden/baseline.jsonl",
        ]);
        assert_eq!(
            named.json()["suites"][0]["subjects"],
            after["suites"][0]["subjects"]
        );
        let compared = clone.run(&[
            "compare",
            "golden/baseline.jsonl",
            "latest",
            "--json",
            "--report",
            "none",
        ]);
        assert_eq!(
            compared.expect_code(1).json()["suites"][0]["subjects"],
            after["suites"][0]["subjects"]
        );
    }
}

#[test]
fn a_baseline_that_is_not_there_is_found_before_any_call() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    project
        .run(&["run", "--baseline", "golden/none.jsonl"])
        .expect_code(2);
    project.write(
        "suites/words.yaml",
        project.read("suites/words.yaml") + "baseline: golden/none.jsonl\n",
    );
    let output = project.run(&["run"]).expect_code(2);
    insta::assert_snapshot!(output.stderr, @"
    error: there is no baseline `golden/none.jsonl`
      --> suites/words.yaml:13:11
       |
    13 | baseline: golden/none.jsonl
       |           ^^^^^^^^^^^^^^^^^
       |
       = help: make it with `regauge export RUN --output golden/none.jsonl`
    ");
    assert_eq!(endpoint.calls(), 0);
}

#[test]
fn the_baseline_is_the_accepted_run_or_else_the_one_before() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .env("USER", "eve");
        let run = |arguments: &[&str]| {
            let arguments = [&["run", "--json"], arguments].concat();
            project.run(&arguments).expect_code(0).json()
        };
        let baseline = |summary: &Value| summary["suites"][0]["baseline"]["id"].clone();
        let first = run(&[]);
        assert_eq!(baseline(&first), Value::Null);
        let second = run(&[]);
        assert_eq!(baseline(&second), run_id(&first));
        let third = run(&["--baseline", "latest"]);
        assert_eq!(baseline(&third), run_id(&second));
        assert_eq!(baseline(&run(&["--baseline", "none"])), Value::Null);

        project
            .run(&["baseline", "set", run_id(&first), "--why", "release 1"])
            .expect_code(0);
        assert_eq!(baseline(&run(&[])), run_id(&first));
        project
            .run(&["baseline", "set", run_id(&second)])
            .expect_code(0);
        assert_eq!(baseline(&run(&[])), run_id(&second));
        let shown = project
            .run(&["baseline", "show", "words", "--json"])
            .expect_code(0)
            .json();
        let shown: Vec<_> = shown
            .as_array()
            .unwrap()
            .iter()
            .map(|one| [&one["run"], &one["who"], &one["why"]])
            .collect();
        let (eve, accepted, release) = (&json!("eve"), &json!("accepted"), &json!("release 1"));
        assert_eq!(
            shown,
            [
                [&json!(run_id(&second)), eve, accepted],
                [&json!(run_id(&first)), eve, release]
            ]
        );
    }
}

#[test]
fn history_lists_runs_with_their_results_newest_first() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(9);
        let first = project.run(&["run", "--json"]).expect_code(0).json();
        endpoint.behave(wrong_for_every_third());
        project.run(&["run", "--json", "--filter", "w-0000"]).json();
        let runs = project
            .run(&["history", "words", "--runs", "--json"])
            .expect_code(0)
            .json();
        assert_eq!(runs[1]["id"], run_id(&first));
        let exact = |run: usize| {
            let results = runs[run]["results"].as_array().unwrap();
            let found = results.iter().find(|result| result["metric"] == "exact");
            found.unwrap()["value"].clone()
        };
        assert_eq!((exact(0), exact(1)), (json!(2.0 / 3.0), json!(1.0)));
        assert_eq!(
            project
                .run(&["history", "--json", "-n", "1"])
                .json()
                .as_array()
                .map(Vec::len),
            Some(1)
        );
        assert_eq!(
            project.run(&["history", "other", "--json"]).stdout,
            "null\n"
        );
    }
}

#[test]
fn comparing_the_same_runs_gives_the_same_bytes() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(40);
        let first = project.run(&["run", "--json", "--trials", "2"]).json();
        endpoint.behave(wrong_for_every_third());
        let second = project.run(&["run", "--json", "--trials", "2"]).json();
        let compare = || {
            let arguments = [
                "compare",
                run_id(&first),
                run_id(&second),
                "--json",
                "--report",
                "none",
            ];
            project.run(&arguments).expect_code(1).stdout
        };
        let bytes = compare();
        assert_eq!(compare(), bytes);
        // The history elsewhere knows neither the endpoint nor the environment.
        let copy = clone_of(engine, &project);
        match engine {
            Engine::Sqlite => copy_file(&project, &copy, ".regauge/history.db"),
            Engine::Postgres => copy_file(&project, &copy, "regauge.yaml"),
        }
        let arguments = [
            "compare",
            run_id(&first),
            run_id(&second),
            "--json",
            "--report",
            "none",
        ];
        assert_eq!(
            copy.env("LANG", "C")
                .env("TZ", "Asia/Tokyo")
                .run(&arguments)
                .stdout,
            bytes
        );
        assert_eq!(endpoint.calls(), 160);
    }
}

#[test]
fn a_run_of_a_part_is_not_compared_with_a_run_of_another_part() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let project = Project::new()
            .workspace(&endpoint.url())
            .kept_in(engine)
            .cases(10);
        let first = project.run(&["run", "--json", "--shard", "1/2"]).json();
        let other = project.run(&["run", "--json", "--shard", "2/2"]).json();
        assert_eq!(other["suites"][0]["baseline"], Value::Null);
        let again = project.run(&["run", "--json", "--shard", "1/2"]).json();
        assert_eq!(again["suites"][0]["baseline"]["id"], run_id(&first));
        assert_eq!(trials(&again).len(), 5);
    }
}

/// The files of a workspace in a folder of its own, as a colleague has them from version control.
fn clone_of(engine: Engine, project: &Project) -> Project {
    let clone = Project::new();
    for file in project
        .files()
        .iter()
        .filter(|file| !file.starts_with(".regauge"))
    {
        copy_file(project, &clone, file);
    }
    clone.kept_in(engine)
}

fn copy_file(from: &Project, to: &Project, file: &str) {
    to.write(file, fs::read(from.dir().join(file)).unwrap());
}

fn wrong_for_every_third() -> Behaviour {
    Behaviour {
        answers: Answers::by(|asked| {
            let user = asked.user();
            let number = number_of(&user);
            Completion::text(if number.is_multiple_of(3) {
                "no".to_owned()
            } else {
                user
            })
            .into()
        }),
        ..Behaviour::default()
    }
}
