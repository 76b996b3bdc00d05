//! Local programs as models: what they are given, what they may not see, and that they may fail in any way.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::process::PATIENCE;
use crate::project::Project;
use crate::summary::{outcomes, trials};

/// A workspace whose model is this shell script, started in this mode, with more lines in its entry.
fn program(script: &str, mode: &str, lines: &str) -> Project {
    let config = format!(
        "version: 1\nmodels:\n  small:\n    provider: command\n    command: [sh, answer.sh, first]\n    \
         mode: {mode}\n    model: test-model\n    timeout: 5s\n    retries: 0\n{lines}"
    );
    Project::new()
        .workspace("http://127.0.0.1:1/v1")
        .file("regauge.yaml", &config)
        .file("answer.sh", script)
}

/// What the word of the user is in a line of the request, for `sed`.
const WORD: &str =
    r#"s/.*"text":"\(word [0-9]*\)".*/{"text":"\1","usage":{"input":3,"output":2}}/"#;

#[test]
fn a_program_answers_once_for_each_start() {
    let project = program(
        &format!("echo start >> starts\nsed '{WORD}'\n"),
        "one-shot",
        "",
    );
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 5)].into());
    assert_eq!(project.read("starts").lines().count(), 5);
    let replayed = project.run(&["run", "--json", "--reuse"]).expect_code(0);
    assert_eq!(outcomes(&replayed.json())["ok"], 5);
    assert_eq!(
        project.read("starts").lines().count(),
        5,
        "nothing was started again"
    );
}

#[test]
fn a_program_that_stays_answers_line_by_line() {
    let script = format!(
        "echo start >> starts\nwhile read -r line; do echo \"$line\" | sed '{WORD}'; done\n"
    );
    let project = program(&script, "lines", "    limits: { concurrency: 1 }\n");
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 5)].into());
    assert_eq!(project.read("starts").lines().count(), 1);
}

#[test]
fn a_program_sees_its_own_environment_and_no_key_of_another_model() {
    let script = format!("env > seen\nsed '{WORD}'\n");
    let more =
        "    env: { TOKEN: \"${MY_TOKEN}\" }\n  other:\n    provider: openai\n    model: m\n";
    let project = program(&script, "one-shot", more)
        .cases(1)
        .env("MY_TOKEN", "tok-0123456789")
        .env("OPENAI_API_KEY", "sk-0123456789");
    let output = project.run(&["run", "--json"]).expect_code(0);
    let seen = project.read("seen");
    assert!(seen.contains("TOKEN=tok-0123456789"), "{seen}");
    assert!(!seen.contains("sk-0123456789"), "{seen}");
    assert!(!output.to_string().contains("tok-0123456789"), "{output}");
}

#[test]
fn what_a_program_says_of_its_secrets_is_kept_nowhere() {
    let more = "    env: { TOKEN: \"${MY_TOKEN}\" }\n";
    let script = "echo \"no room for $TOKEN\" >&2\nexit 3\n";
    let project = program(script, "one-shot", more)
        .cases(1)
        .env("MY_TOKEN", "tok-0123456789");
    let output = project.run(&["run", "--json"]).expect_code(3);
    let summary = output.json();
    let failure = trials(&summary)[0].1["failure"].as_str().unwrap();
    assert_eq!(
        failure,
        "the program ended with exit status: 3: no room for ***"
    );
    assert!(!output.to_string().contains("tok-0123456789"), "{output}");
}

#[test]
fn a_program_may_fail_in_any_way_and_every_trial_has_its_outcome() {
    let mut table = String::new();
    for (mode, script) in [
        ("one-shot", "echo no json"),
        ("one-shot", "echo '{\"error\": \"no room\"}'"),
        ("one-shot", "echo '{\"tool_calls\": []}'"),
        ("one-shot", "true"),
        ("one-shot", "kill -9 $$"),
        ("one-shot", "sleep 60"),
        ("one-shot", "yes '{\"text\": \"without end\"}'"),
        ("lines", "read -r line; echo dying >&2; exit 7"),
        ("lines", "read -r line; printf half"),
        ("lines", "exec sleep 60"),
        ("lines", "read -r line; yes 'without end' | tr -d '\\n'"),
    ] {
        let project = program(&format!("{script}\n"), mode, "").cases(1);
        let config = project.read("regauge.yaml");
        let limit = if script.contains("sleep") {
            "timeout: 1s"
        } else {
            "timeout: 1m"
        };
        project.write("regauge.yaml", config.replace("timeout: 5s", limit));
        let summary = project.run(&["run", "--json"]).expect_code(3).json();
        let (_, trial) = trials(&summary)[0];
        let [outcome, failure] = ["outcome", "failure"].map(|name| trial[name].as_str().unwrap());
        writeln!(table, "{mode}, {script}: {outcome}: {failure}").unwrap();
    }
    insta::assert_snapshot!(table, @r#"
    one-shot, echo no json: unparseable: no JSON: expected ident at line 1 column 2
    one-shot, echo '{"error": "no room"}': unparseable: no room
    one-shot, echo '{"tool_calls": []}': unparseable: JSON without `text`
    one-shot, true: unparseable: an empty body
    one-shot, kill -9 $$: provider-error: the program ended with signal: 9 (SIGKILL)
    one-shot, sleep 60: timeout: no answer within 1.0 s
    one-shot, yes '{"text": "without end"}': unparseable: the answer is longer than 33554432 bytes
    lines, read -r line; echo dying >&2; exit 7: provider-error: the program broke: it ended before it answered: dying
    lines, read -r line; printf half: provider-error: the program broke: it ended before it answered
    lines, exec sleep 60: timeout: no answer within 1.0 s
    lines, read -r line; yes 'without end' | tr -d '\n': unparseable: the answer is longer than 33554432 bytes
    "#);
}

#[test]
fn what_a_program_has_started_ends_with_it() {
    let script = "sleep 600 &\necho $! > new\nmv new pid\nwait\n";
    let project = program(script, "one-shot", "").cases(1);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("timeout: 5s", "timeout: 1s"));
    project.run(&["run", "--json"]).expect_code(3);
    let pid = project.read("pid");
    let start = Instant::now();
    while is_alive(pid.trim()) {
        assert!(start.elapsed() < PATIENCE, "{pid} is still there");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether a process runs; one that has ended and that nobody has asked for does not.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let project = program("", "one-shot", "").cases(1);
    let config = project.read("regauge.yaml");
    project.write(
        "regauge.yaml",
        config.replace("[sh, answer.sh, first]", "[no-such-program]"),
    );
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    let failure = trials(&summary)[0].1["failure"].as_str().unwrap();
    assert!(
        failure.starts_with("cannot start the program `no-such-program`"),
        "{failure}"
    );
}
