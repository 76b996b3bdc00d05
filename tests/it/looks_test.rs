//! That trials are added look by look, only while a verdict is open, and that suspects are confirmed with fresh ones.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::metric;

/// A suite that draws up to eight trials, and a bank of eight as its baseline.
fn banked(endpoint: &Endpoint, cases: usize, tolerance: &str) -> Project {
    let project = Project::new().workspace(&endpoint.url()).cases(cases);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "")
        .replace("0.03", tolerance);
    let suite = suite.replace("trials: 1\n", "") + "trials: { looks: [1, 2, 4, 8] }\n";
    project.write("suites/words.yaml", suite);
    project.run(&["baseline", "bank", "words"]).expect_code(0);
    project
}

/// Answers wrong to the first so many cases, always, and otherwise right but each time in other words.
fn wrong_for(cases: usize) -> Behaviour {
    let asked = AtomicUsize::new(0);
    Behaviour {
        answers: Answers::by(move |request| {
            let user = request.user();
            let count = asked.fetch_add(1, Ordering::Relaxed);
            Answer::text(if number_of(&user) <= cases {
                format!("no {count}")
            } else {
                user
            })
        }),
        ..Behaviour::default()
    }
}

fn run(project: &Project, code: i32, more: &[&str]) -> Value {
    let arguments = [&["run", "words", "--json"], more].concat();
    project.run(&arguments).expect_code(code).json()
}

#[test]
fn a_bank_holds_eight_trials_of_each_case_and_is_the_baseline_from_then_on() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 5, "0.05");
    assert_eq!(endpoint.requests().len(), 5 * 8);
    let shown = project.run(&["baseline", "show", "words"]).expect_code(0);
    assert!(shown.stdout.contains("banked"), "{}", shown.stdout);
}

#[test]
fn a_clear_drop_takes_one_look_and_the_calls_that_were_not_needed_are_counted() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 60, "0.30");
    let before = endpoint.requests().len();
    endpoint.behave(wrong_for(30));
    let summary = run(&project, 1, &[]);
    let exact = metric(&summary, "exact");
    assert_eq!(
        (&exact["verdict"], &exact["looked_at"]),
        (&"regressed".into(), &1.into())
    );
    // One trial of each case, and four fresh ones of each that failed.
    assert_eq!(endpoint.requests().len() - before, 60 + 30 * 4);
    let suite = &summary["suites"][0]["run"];
    assert_eq!(suite["saved"], 60 * 7);
    assert_eq!(suite["confirming"], 30 * 4);
}

#[test]
fn trials_are_added_while_the_verdict_is_open() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 20, "0.05");
    let before = endpoint.requests().len();
    endpoint.behave(wrong_for(1));
    // One failure of one case could be noise; that it fails four times in four could not.
    let summary = run(&project, 1, &[]);
    let exact = metric(&summary, "exact");
    assert_eq!(
        (&exact["verdict"], &exact["looked_at"]),
        (&"regressed".into(), &4.into())
    );
    assert_eq!(endpoint.requests().len() - before, 20 * 4);
}

#[test]
fn fresh_trials_convict_a_case_that_fails_and_clear_one_that_failed_once() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 60, "0.30");
    let first = AtomicUsize::new(0);
    endpoint.behave(Behaviour {
        answers: Answers::by(move |request| {
            let user = request.user();
            let fails = match number_of(&user) {
                1 => true,
                2 => first.fetch_add(1, Ordering::Relaxed) == 0,
                _ => false,
            };
            Answer::text(if fails { "no".to_owned() } else { user })
        }),
        ..Behaviour::default()
    });
    let summary = run(&project, 0, &[]);
    let verdict = |id: &str| {
        let cases = summary["suites"][0]["subjects"][0]["cases"].as_array();
        let case = cases.expect("cases").iter().find(|case| case["id"] == id);
        case.expect("the case is there")["verdict"].clone()
    };
    assert_eq!(verdict("w-00001"), "regressed");
    assert_eq!(verdict("w-00002"), "flaky");
}

#[test]
fn a_report_that_is_written_again_says_what_the_run_acted_on() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 60, "0.30");
    endpoint.behave(wrong_for(3));
    let first = run(&project, 0, &[]);
    let again = project.run(&["report", "--json"]).expect_code(0).json();
    assert_eq!(first, again);
}

#[test]
fn a_run_that_was_recorded_look_by_look_is_replayed_look_by_look() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = banked(&endpoint, 20, "0.05");
    endpoint.behave(wrong_for(1));
    let live = run(&project, 1, &["--record"]);
    let calls = endpoint.requests().len();
    let replayed = run(&project, 1, &["--replay"]);
    assert_eq!(endpoint.requests().len(), calls);
    assert_eq!(metric(&live, "exact"), metric(&replayed, "exact"));
}

#[test]
fn both_sides_of_one_window_are_called_alike_and_compared() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|request| {
            let user = request.user();
            let is_new = request.system().contains("Say it again");
            Answer::text(if is_new { "no".to_owned() } else { user })
        }),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    let newer = project
        .read("prompts/repeat/v1.md")
        .replace("Say what the user says.", "Say it again.");
    project.write("prompts/repeat/v2.md", newer);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "");
    project.write(
        "suites/words.yaml",
        suite.replace("[repeat@v1]", "[repeat@v2]"),
    );
    let summary = run(&project, 1, &["--against", "repeat@v1"]);
    let listed = project.run(&["history"]).expect_code(0).stdout;
    assert!(listed.contains("complete, control"), "{listed}");
    assert_eq!(endpoint.requests().len(), 60);
    assert_eq!(metric(&summary, "exact")["verdict"], "regressed");
    let subject = &summary["suites"][0]["subjects"][0];
    assert_eq!(
        (&subject["prompt"], &subject["prompt_before"]),
        (&"repeat@v2".into(), &"repeat@v1".into())
    );
    // Neither side goes first.
    let order: Vec<bool> = endpoint
        .requests()
        .iter()
        .map(|request| request.body.contains("Say it again"))
        .collect();
    let changes = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(changes > 10, "{order:?}");
    // The report finds the other side again.
    let again = project.run(&[
        "report",
        summary["suites"][0]["run"]["id"].as_str().expect("an id"),
        "--json",
    ]);
    assert_eq!(again.expect_code(1).json(), summary);
}

#[test]
fn the_same_prompt_on_both_sides_raises_no_alarm() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    let summary = run(&project, 0, &["--against", "repeat@v1"]);
    assert_ne!(metric(&summary, "exact")["verdict"], "regressed");
}
