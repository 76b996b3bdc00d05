//! That a run goes from one history to another and stays what it was.

use std::fmt::Write as _;
use std::process::Command;

use crate::database::{Engine, engines};
use crate::endpoint::{Answers, Behaviour, Completion, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::run_id;

fn workspace(endpoint: &Endpoint, engine: Engine) -> Project {
    Project::new()
        .workspace(&endpoint.url())
        .cases(30)
        .kept_in(engine)
}

#[test]
fn what_is_exported_imported_and_exported_again_is_the_same_to_the_byte() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let (here, there) = (
            workspace(&endpoint, Engine::Sqlite),
            workspace(&endpoint, engine),
        );
        let run = here.run(&["run", "--trials", "3", "--json"]).json();
        // One with answers of an earlier run, and one that was graded again.
        here.run(&["run", "--trials", "4", "--reuse"])
            .expect_code(0);
        let reused = here.run(&["export"]).stdout;
        here.run(&["rescore"]).expect_code(0);
        let graded = here.run(&["export"]).stdout;
        for exported in [here.run(&["export", run_id(&run)]).stdout, reused, graded] {
            there.write("run.jsonl", &exported);
            let said = there.run(&["import", "run.jsonl"]).expect_code(0).stdout;
            assert!(said.starts_with("imported run "), "{said}");
            let id = said.split(' ').nth(2).unwrap();
            assert_eq!(there.run(&["export", id]).expect_code(0).stdout, exported);
            let again = there.run(&["import", "run.jsonl"]).expect_code(0).stdout;
            assert_eq!(
                again,
                format!("run {id} of suite words is in the history already\n")
            );
        }
    }
}

#[test]
fn imported_runs_are_compared_reported_accepted_and_reused() {
    for engine in engines() {
        let endpoint = Endpoint::start(Behaviour::default());
        let (here, there) = (workspace(&endpoint, engine), workspace(&endpoint, engine));
        let before = here.run(&["run", "--json"]).expect_code(0).json();
        here.run(&["export", "--output", "before.jsonl"])
            .expect_code(0);
        endpoint.behave(Behaviour {
            answers: Answers::by(|asked| {
                let user = asked.user();
                let wrong = number_of(&user).is_multiple_of(3);
                Completion::text(if wrong { "no".to_owned() } else { user }).into()
            }),
            ..Behaviour::default()
        });
        let after = here.run(&["run", "--json"]).expect_code(1).json();
        here.run(&["export", "--output", "after.jsonl"])
            .expect_code(0);
        for file in ["before.jsonl", "after.jsonl"] {
            there.write(file, here.read(file));
        }
        there
            .run(&["import", "before.jsonl", "after.jsonl"])
            .expect_code(0);
        let compare = [
            "compare",
            run_id(&before),
            run_id(&after),
            "--json",
            "--report",
            "none",
        ];
        let compared = here.run(&compare).expect_code(1).stdout;
        assert_eq!(there.run(&compare).expect_code(1).stdout, compared);
        there
            .run(&["report", "latest", "--report", "json"])
            .expect_code(1);
        there
            .run(&["baseline", "set", run_id(&before)])
            .expect_code(0);
        let calls = endpoint.calls();
        let reused = there.run(&["run", "--reuse", "--json"]).json();
        assert_eq!(endpoint.calls(), calls);
        assert_eq!(reused["suites"][0]["baseline"]["id"], run_id(&before));
    }
}

#[test]
fn a_run_can_be_imported_from_a_pipe() {
    let endpoint = Endpoint::start(Behaviour::default());
    let (here, there) = (
        workspace(&endpoint, Engine::Sqlite),
        workspace(&endpoint, Engine::Sqlite),
    );
    here.run(&["run"]).expect_code(0);
    let mut command = Command::new("sh");
    let pipe = format!(
        "regauge export --workspace '{}' | regauge import -",
        here.dir().display()
    );
    let regauge = env!("CARGO_BIN_EXE_regauge");
    command.args(["-c", &pipe.replace("regauge ", &format!("'{regauge}' "))]);
    let said = there.start(command).wait().expect_code(0).stdout;
    assert!(said.ends_with(" of suite words: 30 trials\n"), "{said}");
}

#[test]
fn a_file_that_is_no_sound_run_is_refused_and_nothing_is_imported() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = workspace(&endpoint, Engine::Sqlite).cases(2);
    let id = project.run(&["run", "--json"]).expect_code(0).json();
    let id = run_id(&id);
    let run = project.run(&["export"]).stdout;
    let other = "01890000-0000-7000-8000-000000000000";
    let moved = run.replace(id, other);
    let invocation = moved.split("\"invocation\":\"").nth(1).unwrap()[..36].to_owned();
    let files = [
        (
            "another run of the same id",
            run.replacen("\"repeat\":1", "\"repeat\":2", 1),
        ),
        (
            "a newer format",
            moved.replacen("\"format\":1,", "\"format\":2,\"mood\":\"good\",", 1),
        ),
        ("two runs in one file", format!("{moved}{moved}")),
        (
            "an id that leads elsewhere",
            moved.replace(other, "../../x"),
        ),
        (
            "a lock that leads elsewhere",
            moved.replace(&invocation, "../../x"),
        ),
        (
            "a suite that lies elsewhere",
            moved.replace("suites/words.yaml", "../words.yaml"),
        ),
        ("an answer without an address", without_address(&moved)),
        ("no run at all", "{}\n".to_owned()),
        ("nothing", String::new()),
    ];
    let mut said = String::new();
    project.write("good.jsonl", &moved);
    for (what, text) in files {
        project.write("bad.jsonl", text);
        let output = project.run(&["import", "good.jsonl", "bad.jsonl"]);
        assert_eq!(output.code(), Some(2), "{what}: {output}");
        let refusal = output.stderr.replace(id, "[ID]");
        writeln!(said, "--- {what}\n{refusal}").unwrap();
    }
    let runs = project.run(&["history", "--json"]).json();
    assert_eq!(runs.as_array().unwrap().len(), 1);
    insta::assert_snapshot!(said);
}

fn without_address(run: &str) -> String {
    let start = run.find(",\"address\":\"").unwrap();
    let end = start + 12 + 64 + 1;
    [&run[..start], &run[end..]].concat()
}
