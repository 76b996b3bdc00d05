//! Scorers of one's own, programs and services: what they are given, and that whatever they do is a score or none.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Endpoint, Fault};
use crate::process::Output;
use crate::project::Project;
use crate::summary::{scores, trials};

/// A workspace whose model echoes the user, with an entry `grader` in regauge.yaml and this scorer.
fn project(endpoint: &Endpoint, grader: &str, scorer: &str) -> Project {
    let project = Project::new().workspace(&endpoint.url());
    let entry =
        format!("  grader:\n    model: grader-1\n    retries: 0\n    timeout: 5s\n{grader}");
    project.write("regauge.yaml", project.read("regauge.yaml") + &entry);
    let suite = project.read("suites/words.yaml");
    let (head, _) = suite.split_once("scorers:").unwrap();
    project.write(
        "suites/words.yaml",
        format!("{head}scorers:\n  - {scorer}\n"),
    );
    project
}

/// A program that is this shell script, started in this mode.
fn program(endpoint: &Endpoint, script: &str, mode: &str) -> Project {
    let grader = format!(
        "    provider: command\n    command: [sh, grade.sh]\n    mode: {mode}\n    limits: {{ concurrency: 1 }}\n"
    );
    project(
        endpoint,
        &grader,
        "command: { model: grader, with: { strict: true } }",
    )
    .file("grade.sh", script)
}

/// Why trials have no score, each reason once.
fn reasons(output: &Output) -> Vec<String> {
    let summary = output.json();
    let errors = trials(&summary);
    let mut reasons: Vec<String> = errors
        .iter()
        .filter_map(|(_, trial)| trial["scores"][0]["note"].as_str())
        .map(str::to_owned)
        .collect();
    reasons.dedup();
    reasons
}

/// What scores the answer "word 2" with 1 and any other with 0.25, for `sed`.
const SECOND: &str = r#"s/.*"id":"\([0-9a-f]*\)".*"output":"word 2".*/{"id":"\1","score":1}/;t;s/.*/{"score":0.25,"explanation":"no 2"}/"#;

#[test]
fn a_program_scores_and_its_scores_are_kept() {
    let endpoint = Endpoint::start(Behaviour::default());
    for (mode, script) in [
        (
            "one-shot",
            format!("echo start >> starts\ntee -a given | sed '{SECOND}'\n"),
        ),
        (
            "lines",
            format!(
                "echo start >> starts\nwhile read -r line; do echo \"$line\" | tee -a given | sed '{SECOND}'; done\n"
            ),
        ),
    ] {
        let project = program(&endpoint, &script, mode);
        project.run(&["check"]).expect_code(0);
        assert!(
            !project.files().contains(&"starts".to_owned()),
            "a check starts nothing"
        );
        let output = project.run(&["run", "--record", "--json"]).expect_code(0);
        let wanted = [Some(0.25), Some(1.0), Some(0.25), Some(0.25), Some(0.25)];
        assert_eq!(scores(&output.json(), "command"), wanted, "{mode}");
        assert!(output.stdout.contains("no 2"), "{output}");
        let starts = project.read("starts").lines().count();
        assert_eq!(starts, if mode == "lines" { 1 } else { 5 }, "{mode}");
        let given = project.read("given");
        let mut lines: Vec<Value> = given
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines.sort_by_key(|line| line["case"].to_string());
        let id = lines[0]["id"].as_str().unwrap().len();
        assert_eq!(id, 64);
        lines[0]["id"] = json!("the address of the exchange");
        assert_eq!(
            lines[0],
            json!({
                "id": "the address of the exchange",
                "case": "w-00001",
                "output": "word 1",
                "expected": "word 1",
                "vars": {"word": "word 1"},
                "tags": [],
                "tool_calls": [],
                "with": {"strict": true},
            })
        );
        std::fs::remove_dir_all(project.dir().join(".regauge")).expect("the history can go");
        let replayed = project.run(&["run", "--replay", "--json"]).expect_code(0);
        assert_eq!(scores(&replayed.json(), "command"), wanted);
        assert_eq!(
            project.read("starts").lines().count(),
            starts,
            "nothing was started again"
        );
    }
}

#[test]
fn a_threshold_or_the_program_says_what_passes() {
    let endpoint = Endpoint::start(Behaviour::default());
    let script = "echo '{\"score\": 0.5, \"passed\": true}'\n";
    for (scorer, passed) in [
        ("command: grader", json!(true)),
        ("command: { model: grader, threshold: 0.6 }", json!(false)),
        ("command: { model: grader, negate: true }", json!(false)),
    ] {
        let project = program(&endpoint, script, "one-shot").cases(1);
        let suite = project.read("suites/words.yaml");
        let (head, _) = suite.split_once("  - command").unwrap();
        project.write("suites/words.yaml", format!("{head}  - {scorer}\n"));
        let summary = project.run(&["run", "--json"]).expect_code(0).json();
        assert_eq!(
            trials(&summary)[0].1["scores"][0]["passed"],
            passed,
            "{scorer}"
        );
    }
}

#[test]
fn a_program_may_fail_in_any_way_and_it_is_never_a_score() {
    let endpoint = Endpoint::start(Behaviour::default());
    let mut table = String::new();
    for (mode, script, more) in [
        ("one-shot", "echo NaN", ""),
        ("one-shot", "echo '{\"score\": NaN}'", ""),
        ("one-shot", "echo 1.5", ""),
        ("one-shot", "echo '{\"passed\": true}'", ""),
        ("one-shot", "echo '{\"score\": 1, \"id\": \"another\"}'", ""),
        ("one-shot", "echo '{\"error\": \"no room\"}'", ""),
        ("one-shot", "echo good", ""),
        ("one-shot", "true", ""),
        ("one-shot", "echo oops >&2; exit 3", ""),
        ("one-shot", "sleep 60", "    timeout: 1s\n"),
        ("one-shot", "yes '{\"score\": 1}'", ""),
        ("lines", "read -r line; exit 0", ""),
        ("lines", "read -r line; yes 1 | tr -d '\\n'", ""),
        (
            "one-shot",
            "exec awk 'BEGIN { s = \"x\"; while (length(s) < 1e9) s = s s; print 1 }' 2>/dev/null",
            "    memory_mb: 64\n",
        ),
    ] {
        let project = program(&endpoint, &format!("{script}\n"), mode).cases(1);
        let config = project.read("regauge.yaml");
        // The grader is the last entry.
        let config = match config.rsplit_once("    timeout: 5s\n") {
            Some((head, tail)) if more.contains("timeout") => format!("{head}{tail}{more}"),
            Some((head, tail)) => format!("{head}    timeout: 1m\n{tail}{more}"),
            None => unreachable!("it was written above"),
        };
        project.write("regauge.yaml", config);
        let output = project.run(&["run", "--json"]).expect_code(3);
        assert_eq!(scores(&output.json(), "command"), [None], "{script}");
        assert_eq!(output.json()["verdict"], "unmeasured", "{script}");
        writeln!(table, "{mode}, {script}: {}", reasons(&output).join("; ")).unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    one-shot, echo NaN: `grader` gave no answer: no JSON: expected value at line 1 column 1
    one-shot, echo '{"score": NaN}': `grader` gave no answer: no JSON: expected value at line 1 column 11
    one-shot, echo 1.5: `grader` gave no score: a score that is no number from 0 to 1: 1.5
    one-shot, echo '{"passed": true}': `grader` gave no score: a reply without a `score`
    one-shot, echo '{"score": 1, "id": "another"}': `grader` gave no score: a reply to another question, by its `id`
    one-shot, echo '{"error": "no room"}': `grader` gave no answer: no room
    one-shot, echo good: `grader` gave no answer: no JSON: expected value at line 1 column 1
    one-shot, true: `grader` gave no answer: an empty body
    one-shot, echo oops >&2; exit 3: `grader` gave no answer: the program ended with exit status: 3: oops
    one-shot, sleep 60: `grader` gave no answer: no answer within 1.0 s
    one-shot, yes '{"score": 1}': `grader` gave no answer: the answer is longer than 33554432 bytes
    lines, read -r line; exit 0: `grader` gave no answer: the program broke: it ended before it answered
    lines, read -r line; yes 1 | tr -d '\n': `grader` gave no answer: the answer is longer than 33554432 bytes
    one-shot, exec awk 'BEGIN { s = "x"; while (length(s) < 1e9) s = s s; print 1 }' 2>/dev/null: `grader` gave no answer: the program ended with exit status: 2
    "#);
}

#[test]
fn a_line_too_many_never_gives_the_score_of_one_answer_to_another() {
    let endpoint = Endpoint::start(Behaviour::default());
    let script = "while read -r line; do\n  id=$(echo \"$line\" | sed 's/.*\"id\":\"\\([0-9a-f]*\\)\".*/\\1/')\n  \
                  echo \"{\\\"id\\\":\\\"$id\\\",\\\"score\\\":1}\"\n  echo \"{\\\"id\\\":\\\"$id\\\",\\\"score\\\":0}\"\ndone\n";
    let output = program(&endpoint, script, "lines").run(&["run", "--json"]);
    let found = scores(&output.json(), "command");
    let scored: Vec<&f64> = found.iter().flatten().collect();
    assert_eq!(scored, [&1.0], "the first answer alone: {found:?}");
    assert_eq!(
        reasons(&output),
        ["`grader` gave no score: a reply to another question, by its `id`"]
    );
}

/// A service that is asked for scores at `/grade`, beside the model that echoes the user.
fn service(reply: impl Fn(&Value) -> String + Send + Sync + 'static) -> Endpoint {
    Endpoint::start(Behaviour {
        answers: Answers::raw(move |place, body| {
            let body: Value = serde_json::from_slice(body).unwrap();
            let reply = if place == "POST /grade" {
                reply(&body)
            } else {
                let user = body["messages"].as_array().unwrap().last().unwrap();
                let message = json!({"role": "assistant", "content": user["content"]});
                json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
                    .to_string()
            };
            let fault = Fault::Reply {
                status: 200,
                headers: Vec::new(),
                body: reply.into_bytes(),
            };
            (fault, None)
        }),
        ..Behaviour::default()
    })
}

fn served(endpoint: &Endpoint) -> Project {
    let grader = format!(
        "    provider: http\n    base_url: {}/grade\n    body: {{ text: \"{{{{ output }}}}\", about: \"{{{{ vars.word }}}}\", \
         reference: \"{{{{ expected }}}}\" }}\n    answer: {{ text: /result, error: /failed }}\n",
        endpoint.origin()
    );
    project(endpoint, &grader, "http: grader")
}

#[test]
fn a_service_scores_what_its_body_asks_for() {
    let endpoint = service(|body| {
        assert_eq!(body["text"], body["about"]);
        assert_eq!(body["text"], body["reference"]);
        let score = if body["text"] == "word 2" {
            json!(1)
        } else {
            json!({"score": 0.25})
        };
        json!({"result": score}).to_string()
    });
    let project = served(&endpoint);
    let output = project.run(&["run", "--json"]).expect_code(0);
    let wanted = [Some(0.25), Some(1.0), Some(0.25), Some(0.25), Some(0.25)];
    assert_eq!(scores(&output.json(), "http"), wanted);
    let rescored = project.run(&["rescore", "latest", "--json"]).expect_code(0);
    assert_eq!(scores(&rescored.json(), "http"), wanted);
    assert_eq!(endpoint.calls(), 10);
}

#[test]
fn what_a_service_says_wrongly_is_never_a_score() {
    let mut table = String::new();
    for reply in [
        "{\"result\": 7}",
        "{\"result\": null}",
        "{\"result\": \"great\"}",
        "{\"failed\": \"no room\"}",
        "<html><title>Sign in</title>",
        "",
    ] {
        let endpoint = service(|_| reply.to_owned());
        let output = served(&endpoint)
            .cases(1)
            .run(&["run", "--json"])
            .expect_code(3);
        assert_eq!(scores(&output.json(), "http"), [None], "{reply}");
        writeln!(table, "{reply}: {}", reasons(&output).join("; ")).unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    {"result": 7}: `grader` gave no score: a score that is no number from 0 to 1: 7
    {"result": null}: `grader` gave no answer: HTTP 200: JSON without a text where the model says it stands
    {"result": "great"}: `grader` gave no score: a reply that is no JSON: expected value at line 1 column 1
    {"failed": "no room"}: `grader` gave no answer: HTTP 200: no room
    <html><title>Sign in</title>: `grader` gave no answer: HTTP 200: HTML instead of JSON ("Sign in")
    : `grader` gave no answer: HTTP 200: an empty body
    "#);
}
