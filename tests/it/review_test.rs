//! That a person decides what becomes a golden, and that the files hold that and nothing else.

use regex::Regex;
use rexpect::session::{PtySession, spawn_command};
use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Endpoint};
use crate::process::PATIENCE;
use crate::project::Project;

const SUITE: &str = "\
name: words
prompts: [repeat@v1]
models: [small]
dataset: golden/words.yaml
trials: 2
scorers:
  - regex: '(?i)^word'
gates:
  - metric: regex
    tolerance: 0.5
";

const GOLDEN: &str = "\
# What people say.
- id: one   # the first
  word: word 1
  expected: word 1   # as in March
- { id: two, word: word 2, expected: 'word 2' }
- id: three
  word: word 3
  tags: [new]   # nobody has approved anything yet

# Not so sure about these.
- id: four
  word: word 4
  expected: |
    word 4
- id: five
  word: word 5
  expected: word 5
  golden: { proposed_by: large, at: 2026-01-01 }
";

/// A project with two runs: in the second the answers to the first two words are louder, the fourth is wrong.
fn project(endpoint: &Endpoint, golden: &str, dataset: &str) -> Project {
    let project = Project::new()
        .workspace(&endpoint.url())
        .file("suites/words.yaml", &SUITE.replace("words.yaml", dataset))
        .file(&format!("golden/{dataset}"), golden)
        .env("USER", "reviewer");
    project.run(&["run", "--report", "none"]).expect_code(0);
    let answers = Answers::by(|asked| {
        let user = asked.user();
        let text = match user.as_str() {
            "word 1" | "word 2" => format!("{} !", user.to_uppercase()),
            "word 4" => "nothing".to_owned(),
            _ => user,
        };
        crate::endpoint::Answer::text(text)
    });
    endpoint.behave(Behaviour {
        answers,
        ..Behaviour::default()
    });
    drop(project.run(&["run", "--report", "none"]));
    project
}

fn endpoint() -> Endpoint {
    Endpoint::start(Behaviour::default())
}

/// A golden file without what differs from run to run.
fn stable(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, stands_for) in [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "[TIME]"),
        (r"[0-9a-f]{8}-[0-9a-f-]{27}", "[RUN]"),
        (r"\b[0-9a-f]{12}\b", "[DIGEST]"),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, stands_for)
            .into_owned();
    }
    text
}

/// A session at a terminal of its own.
fn session(project: &Project, arguments: &[&str]) -> PtySession {
    let mut command = project.command(arguments);
    command
        .env("TERM", "xterm")
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1");
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
    spawn_command(command, Some(patience)).expect("there are pseudo-terminals")
}

/// Waits until this is drawn, and presses a key.
fn press(session: &mut PtySession, drawn: &str, key: &str) {
    session
        .exp_string(drawn)
        .unwrap_or_else(|error| panic!("{drawn} is not drawn: {error}"));
    // The keys are drawn last.
    session.exp_string("C accept all left").unwrap();
    session.send(key).unwrap();
    session.flush().unwrap();
}

#[test]
fn a_session_at_a_terminal_writes_what_was_accepted_and_nothing_else() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let mut session = session(&project, &["review", "--why", "the tone is new"]);
    press(&mut session, "case 1 of 5: changed, still passes", "a");
    press(&mut session, "case 2 of 5: changed, still passes", "u");
    press(
        &mut session,
        "case 1 of 5: changed, still passes",
        "\u{1b}[C",
    );
    press(&mut session, "case 2 of 5: changed, still passes", "a");
    press(&mut session, "case 3 of 5: new, no golden yet", "a");
    press(
        &mut session,
        "case 4 of 5: proposed by a model, not approved",
        "a",
    );
    press(&mut session, "case 5 of 5: regressed", "r");
    press(&mut session, "case 1 of 5: changed, still passes", "q");
    session
        .exp_string("3 goldens written into golden/words.yaml; 1 left as they are")
        .unwrap();
    session.exp_eof().unwrap();
    insta::assert_snapshot!(stable(&project.read("golden/words.yaml")));
}

#[test]
fn many_are_accepted_at_once_after_a_question_and_an_edit_is_kept() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml").env(
        "EDITOR",
        "sh -c 'printf \"%s\\n\" \"word 4, mended\" > \"$1\"' sh",
    );
    let mut session = session(&project, &["review"]);
    press(&mut session, "case 1 of 5", "A");
    session
        .exp_string("accept 2 as golden (changed, still passes)?")
        .unwrap();
    session.send("y").unwrap();
    session.flush().unwrap();
    press(&mut session, "case 3 of 5", "s");
    press(&mut session, "case 4 of 5", "s");
    press(&mut session, "case 5 of 5", "e");
    session.exp_string("3 goldens written").unwrap();
    session.exp_eof().unwrap();
    let text = project.read("golden/words.yaml");
    assert!(
        text.contains("  expected: WORD 1 !   # as in March\n"),
        "{text}"
    );
    assert!(text.contains("expected: 'WORD 2 !', golden: {"), "{text}");
    assert!(text.contains("\"edited\": true"), "{text}");
    assert!(text.contains("word 4, mended"), "{text}");
}

#[test]
fn a_session_that_is_left_writes_nothing() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let mut session = session(&project, &["review"]);
    press(&mut session, "case 1 of 5", "a");
    press(&mut session, "case 2 of 5", "\u{3}");
    session.exp_eof().unwrap();
    assert_eq!(project.read("golden/words.yaml"), GOLDEN);
}

/// The proposals as a script gets them.
fn proposals(project: &Project) -> Value {
    project
        .run(&["review", "--list", "--json"])
        .expect_code(0)
        .json()
}

/// A file of decisions that does the same with each of these cases.
fn decide(project: &Project, cases: &[&str], action: &str) {
    let list = proposals(project);
    let of = |case: &str| {
        let all = list["proposals"].as_array().unwrap();
        all.iter()
            .find(|proposal| proposal["case"] == case)
            .unwrap()
    };
    let decisions: Vec<Value> = cases
        .iter()
        .map(|case| {
            json!({"case": case, "action": action, "old": of(case)["old"], "output": of(case)["output"]})
        })
        .collect();
    let file = json!({
        "format": "regauge-decisions/1",
        "suite": list["suite"],
        "run": list["run"],
        "decisions": decisions,
    });
    project.write("decisions.json", file.to_string());
}

#[test]
fn the_list_says_why_each_case_is_there() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let output = project.run(&["review", "--list"]).expect_code(0);
    insta::assert_snapshot!(output);
    let list = proposals(&project);
    let kinds: Vec<&str> = list["proposals"]
        .as_array()
        .unwrap()
        .iter()
        .map(|proposal| proposal["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["changed", "changed", "new", "unapproved", "regressed"]
    );
}

const CSV: &str =
    "id,word,expected\r\none,word 1,\"word 1\"\r\ntwo,word 2,word 2\r\nthree,word 3,\r\n";
const JSONL: &str = "{\"id\": \"one\", \"word\": \"word 1\", \"expected\": \"word 1\"}\n\n{\"id\":\"two\",\"word\":\"word 2\",\"expected\":\"word 2\",\"tags\":[\"a\"]}\n{\"id\":\"three\",\"word\":\"word 3\"}";

#[test]
fn a_script_decides_with_a_file_and_csv_and_json_lines_keep_their_form() {
    for (dataset, golden) in [("words.csv", CSV), ("words.jsonl", JSONL)] {
        let endpoint = endpoint();
        let project = project(&endpoint, golden, dataset);
        decide(&project, &["one", "three"], "accept");
        project
            .run(&["review", "--apply", "decisions.json", "--by", "maintainer"])
            .expect_code(0);
        let text = stable(&project.read(&format!("golden/{dataset}")));
        insta::assert_snapshot!(dataset.replace('.', "_"), text.replace('\r', "␍"));
        project.run(&["check"]).expect_code(0);
        let left = proposals(&project);
        assert_eq!(left["proposals"].as_array().unwrap().len(), 1, "{left:#}");
    }
}

#[test]
fn a_decision_about_a_golden_that_has_moved_is_refused_with_all_others() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    decide(&project, &["one", "two"], "accept");
    let moved = GOLDEN.replace("'word 2'", "'Word 2'");
    project.write("golden/words.yaml", &moved);
    let output = project
        .run(&["review", "--apply", "decisions.json"])
        .expect_code(2);
    insta::assert_snapshot!(output);
    assert_eq!(
        project.read("golden/words.yaml"),
        moved,
        "nothing is written"
    );
}

#[test]
fn nothing_is_accepted_in_ci_or_without_a_terminal() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let output = project.run(&["review"]).expect_code(2);
    assert!(
        output.to_string().contains("this is no terminal"),
        "{output}"
    );
    decide(&project, &["one"], "accept");
    let project = project.env("CI", "true");
    for arguments in [&["review"][..], &["review", "--apply", "decisions.json"]] {
        let output = project.run(arguments).expect_code(2);
        assert!(
            output
                .to_string()
                .contains("goldens are approved by people, never in CI")
        );
    }
    project.run(&["review", "--list"]).expect_code(0);
    assert_eq!(project.read("golden/words.yaml"), GOLDEN);
}

#[test]
fn a_golden_is_stale_once_its_prompt_has_moved_and_can_be_approved_again() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    decide(&project, &["one"], "accept");
    project
        .run(&["review", "--apply", "decisions.json"])
        .expect_code(0);
    let prompt = project
        .read("prompts/repeat/v1.md")
        .replace("Say what", "Say aloud what");
    project.write("prompts/repeat/v2.md", prompt);
    project.write("suites/words.yaml", SUITE.replace("@v1", "@v2"));
    drop(project.run(&["run", "--report", "none"]));
    let list = proposals(&project);
    let first = list["proposals"].as_array().unwrap();
    let stale = first
        .iter()
        .find(|proposal| proposal["case"] == "one")
        .unwrap();
    assert_eq!(
        (&stale["kind"], &stale["moved"]),
        (&json!("stale"), &json!(["prompt"]))
    );
}

#[test]
fn what_a_model_proposed_is_shown_and_does_not_gate_until_a_person_approves_it() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let quarantine = |summary: &Value| {
        let cases = summary["suites"][0]["subjects"][0]["cases"]
            .as_array()
            .unwrap();
        let five = cases.iter().find(|case| case["id"] == "five").unwrap();
        five["quarantine"].clone()
    };
    let before = project.run(&["run", "--json", "--report", "none"]).json();
    assert_eq!(quarantine(&before)["owner"], "proposed by large");
    decide(&project, &["five"], "accept");
    project
        .run(&["review", "--apply", "decisions.json"])
        .expect_code(0);
    let after = project.run(&["run", "--json", "--report", "none"]).json();
    assert_eq!(quarantine(&after), Value::Null);
}

#[test]
fn a_case_is_shown_by_a_part_of_its_id() {
    let endpoint = endpoint();
    let project = project(&endpoint, GOLDEN, "words.yaml");
    let output = project.run(&["show", "latest", "fou"]).expect_code(0);
    assert!(output.to_string().contains("nothing"), "{output}");
    let output = project.run(&["show", "latest", "o"]).expect_code(2);
    assert!(output.to_string().contains("`o` fits 3 cases"), "{output}");
    let output = project.run(&["show", "latest", "onne"]).expect_code(2);
    assert!(
        output.to_string().contains("did you mean `one`?"),
        "{output}"
    );
    let case = project
        .run(&["show", "latest", "one", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(case["subjects"][0]["case"]["id"], "one");
}
