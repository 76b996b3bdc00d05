//! That a run ends with the exit code that its gates ask for.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Completion, Endpoint};
use crate::project::{Project, number_of};
use crate::summary::metric;

#[test]
fn a_broken_floor_ends_with_1() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::Same(Completion::text("no")),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    let summary = project.run(&["run", "--json"]).expect_code(1).json();
    assert_eq!(metric(&summary, "exact")["gate"]["limit"], "broken");
    assert_eq!(summary["exit"]["code"], 1);
}

#[test]
fn a_drop_against_the_baseline_ends_with_1_and_noise_does_not() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(60);
    let suite = project
        .read("suites/words.yaml")
        .replace("    at_least: 0.80\n", "");
    project.write("suites/words.yaml", suite);
    project.run(&["run", "--json"]).expect_code(0);
    endpoint.behave(wrong_for(1));
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_ne!(metric(&summary, "exact")["verdict"], "regressed");
    endpoint.behave(wrong_for(30));
    let summary = project
        .run(&["run", "--json", "--trials", "3"])
        .expect_code(1)
        .json();
    let exact = metric(&summary, "exact");
    assert_eq!(exact["verdict"], "regressed");
    assert_eq!(
        (&exact["before"]["value"], &exact["now"]["value"]),
        (&json!(59.0 / 60.0), &json!(0.5))
    );
}

#[test]
fn a_case_counts_as_its_trials_are_reduced_to_one_value() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::Same(Completion::text("no")),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(20);
    let suite = project.read("suites/words.yaml");
    let suite = suite.replace("- exact", "- exact: { reduce: { pass-all: 3 } }");
    project.write("suites/words.yaml", suite.replace("trials: 1", "trials: 3"));
    let summary = project.run(&["run", "--json"]).expect_code(1).json();
    let exact = metric(&summary, "exact");
    assert_eq!(exact["reduce"], json!({"pass-all": 3}));
    assert_eq!(exact["now"]["value"], json!(0.0));
    // Fewer trials than it takes are no measurement, and no pass.
    let summary = project.run(&["run", "--json", "--trials", "1"]);
    let summary = summary.expect_code(3).json();
    let exact = metric(&summary, "exact");
    assert_eq!(
        (&exact["verdict"], &exact["now"]),
        (&json!("unmeasured"), &Value::Null)
    );
    insta::assert_snapshot!(exact["sentence"].as_str().unwrap(), @"exact (pass-all: 3) was not measured: no case has 3 usable trials");
}

#[test]
fn an_open_verdict_ends_with_4_where_that_was_asked_for() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(3);
    let summary = project.run(&["run", "--json"]).expect_code(0).json();
    assert_eq!(summary["verdict"], "inconclusive");
    project.run(&["run", "--strict"]).expect_code(4);
    let suite = project.read("suites/words.yaml") + "gate: { on_inconclusive: fail }\n";
    project.write("suites/words.yaml", suite);
    project.run(&["run"]).expect_code(4);
}

#[test]
fn a_critical_case_that_breaks_fails_a_run_whose_metrics_hold() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(60);
    mark(&project, 1, "critical");
    project.run(&["run", "--trials", "5"]).expect_code(0);
    endpoint.behave(wrong_for(1));
    let summary = project
        .run(&["run", "--trials", "5", "--json"])
        .expect_code(1)
        .json();
    assert_ne!(metric(&summary, "exact")["verdict"], "regressed");
    let subject = &summary["suites"][0]["subjects"][0];
    let critical = &subject["critical"][0];
    assert_eq!(
        (&critical["case"], &critical["verdict"], &subject["verdict"]),
        (&json!("w-00001"), &json!("regressed"), &json!("regressed"))
    );
    insta::assert_snapshot!(headline(&summary), @"repeat · small: critical case w-00001 (pass) fell 100 points, 100.0 % to 0.0 %, more than the 50 allowed");
    insta::assert_snapshot!(summary["exit"]["cause"].as_str().unwrap(), @"regressed: critical case w-00001 (pass) on repeat · small of words");
}

#[test]
fn a_case_that_must_pass_fails_the_run_on_its_own_without_a_baseline() {
    let endpoint = Endpoint::start(wrong_for(1));
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    mark(&project, 1, "must_pass");
    mark(&project, 2, "must_pass");
    let summary = project
        .run(&["run", "--trials", "2", "--json"])
        .expect_code(1)
        .json();
    let must_pass = &summary["suites"][0]["subjects"][0]["must_pass"];
    assert_eq!(
        (&must_pass[0]["holds"], &must_pass[1]["holds"]),
        (&json!(false), &json!(true))
    );
    insta::assert_snapshot!(headline(&summary), @"repeat · small: case w-00001 must pass in every trial and did not in 2 of 2");
    insta::assert_snapshot!(case(&summary, "w-00001")["why"].as_str().unwrap(), @r#"
must pass in every trial: exact: expected "word 1", got "no"
"#);
    insta::assert_snapshot!(summary["exit"]["cause"].as_str().unwrap(), @"regressed: must-pass case w-00001 on repeat · small of words");
}

#[test]
fn a_case_in_quarantine_is_run_and_shown_and_gates_nothing() {
    let endpoint = Endpoint::start(wrong_for(1));
    let project = Project::new().workspace(&endpoint.url()).cases(20);
    mark(&project, 1, "must_pass");
    project.run(&["run"]).expect_code(1);
    quarantine(&project, "w-00001", "2999-12-31");
    let output = project.run(&["run", "--json"]).expect_code(0);
    let summary = output.json();
    assert_eq!(
        (endpoint.calls(), &summary["verdict"]),
        (40, &json!("pass"))
    );
    let exact = metric(&summary, "exact");
    assert_eq!(
        (&exact["now"]["value"], &exact["pairs"]),
        (&json!(1.0), &json!(19))
    );
    let held = case(&summary, "w-00001");
    assert_eq!(
        (&held["passed"]["passed"], &held["quarantine"]["owner"]),
        (&json!(0), &json!("ops"))
    );
    assert_eq!(summary["suites"][0]["warnings"], json!([]));
    // What was in force when the run began is kept with it.
    project.write(
        "suites/words.yaml",
        project.read("suites/words.yaml").replace("2999", "2020"),
    );
    let again = project
        .run(&["report", "latest", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(case(&again, "w-00001")["quarantine"], held["quarantine"]);
}

#[test]
fn a_quarantine_that_has_expired_counts_the_case_again_and_says_so() {
    let endpoint = Endpoint::start(wrong_for(1));
    let project = Project::new().workspace(&endpoint.url()).cases(5);
    mark(&project, 1, "must_pass");
    quarantine(&project, "w-00001", "2020-12-31");
    let output = project.run(&["check"]).expect_code(0);
    assert!(output.stderr.contains("expired on 2020-12-31"), "{output}");
    let summary = project.run(&["run", "--json"]).expect_code(1).json();
    insta::assert_snapshot!(summary["suites"][0]["warnings"][0].as_str().unwrap(), @"the quarantine of case `w-00001` expired on 2020-12-31: it counts again; ops mends it, or gives the entry another day (reason: two right answers)");
    assert_eq!(case(&summary, "w-00001")["quarantine"], Value::Null);
    assert!(
        project
            .run(&["report"])
            .stdout
            .contains("warning: the quarantine")
    );
}

#[test]
fn a_suite_may_be_judged_as_a_sample_of_cases_like_these() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(40);
    let row = |n| {
        let (word, cluster) = (format!("word {n}"), n / 4);
        let row =
            json!({"id": format!("w-{n:05}"), "word": word, "expected": word, "cluster": cluster});
        format!("{row}\n")
    };
    let rows: String = (1..=40).map(row).collect();
    project.write("golden/words.jsonl", rows);
    project.run(&["run"]).expect_code(0);
    endpoint.behave(wrong_for(4));
    let intervals = |gate: &str| {
        let suite = project.read("suites/words.yaml");
        project.write("suites/words.yaml", format!("{suite}{gate}"));
        let summary = project.run(&["run", "--json"]).json();
        project.write("suites/words.yaml", suite);
        let exact = metric(&summary, "exact").clone();
        (
            exact["scope"].clone(),
            exact["difference"].clone(),
            exact["other_scope"].clone(),
            exact["pairs"].clone(),
        )
    };
    project
        .run(&["baseline", "set", "latest", "--why", "test"])
        .expect_code(0);
    let (suite, of_suite, other, _) = intervals("");
    let (population, of_population, back, _) = intervals("gate: { scope: population }\n");
    assert_eq!((suite, population), (json!("suite"), json!("population")));
    assert_eq!((&of_suite, &of_population), (&back, &other));
    assert_ne!(of_suite["low"], of_population["low"]);
    let (.., pairs) = intervals("cluster: { shares: trajectory }\n");
    assert_eq!(pairs, json!(11), "a conversation is one unit");
}

#[test]
fn an_open_verdict_says_what_would_settle_it_and_what_that_costs() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(20);
    let suite = project.read("suites/words.yaml");
    project.write("suites/words.yaml", suite.replace("0.03", "0.10"));
    project.run(&["run", "--trials", "4"]).expect_code(0);
    endpoint.behave(wrong_for(1));
    let summary = project
        .run(&["run", "--trials", "2", "--json"])
        .expect_code(0)
        .json();
    let exact = metric(&summary, "exact");
    assert_eq!(exact["verdict"], "inconclusive");
    let settle = &exact["settle"];
    let (trials, before) = (
        &settle["trials_per_case"],
        &settle["baseline_trials_per_case"],
    );
    let calls = 20 * (trials.as_u64().unwrap() + before.as_u64().unwrap());
    assert_eq!(settle["calls"], json!(calls));
    assert!(
        settle["cost_usd"].as_f64().is_some_and(|cost| cost > 0.0),
        "{settle}"
    );
    insta::assert_snapshot!(exact["sentence"].as_str().unwrap(), @"exact measured −5, 90 % interval −10.4 to +0; it is real, whether it is larger than allowed is not clear; this run can see drops of 12.9 points or more; 7 more trials per case and 5 of the baseline (240 calls, about $0.0029) would settle it");
}

#[test]
fn a_floor_is_held_as_its_gate_says() {
    let endpoint = Endpoint::start(wrong_for(5));
    let project = Project::new().workspace(&endpoint.url()).cases(20);
    let suite = project.read("suites/words.yaml").replace("0.80", "0.76");
    for (mode, limit, code) in [
        ("tested", "open", 0),
        ("point", "broken", 1),
        ("assured", "broken", 1),
    ] {
        project.write("suites/words.yaml", format!("{suite}    mode: {mode}\n"));
        let summary = project
            .run(&["run", "--json", "--baseline", "none"])
            .expect_code(code)
            .json();
        assert_eq!(metric(&summary, "exact")["gate"]["limit"], limit, "{mode}");
    }
}

#[test]
fn check_says_what_each_gate_can_see_and_makes_no_history() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(50);
    let output = project.run(&["check"]).expect_code(0);
    let assumed = "14.9 pt  an assumption: trials disagree on 13 % of cases";
    assert!(output.stdout.contains(assumed), "{output}");
    insta::assert_snapshot!(output.stderr, @"warning: words: exact on repeat · small allows a drop of 3.0 pt and sees one only from 14.9 pt on; it takes 19 trials a case in place of 1, or about 927 cases in place of 50");
    assert!(!project.dir().join(".regauge").exists());
    // With a run of two trials a case the noise is known, and here there is none.
    project.run(&["run", "--trials", "2"]).expect_code(0);
    let checked = project
        .run(&["check", "--json", "--trials", "3"])
        .expect_code(0)
        .json();
    let gate = &checked[0]["gates"][0];
    assert!(gate["noise"]["measured"].is_string(), "{gate}");
    assert_eq!(
        (&gate["enough"], &gate["baseline_trials"]),
        (&json!(false), &json!(2))
    );
    let checked = project
        .run(&["check", "--json", "--trials", "8"])
        .expect_code(0)
        .json();
    assert_eq!(
        checked[0]["warnings"].as_array().map(Vec::len),
        Some(1),
        "{}",
        checked[0]
    );
}

#[test]
fn more_than_five_gated_metrics_are_warned_of() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let scorer = |n| format!("  - contains: {{ expected: word, metric: m{n} }}\n");
    let scorers: String = (1..=5).map(scorer).collect();
    let suite = project
        .read("suites/words.yaml")
        .replace("  - exact\n", &format!("  - exact\n{scorers}"));
    project.write("suites/words.yaml", suite);
    let output = project.run(&["check"]).expect_code(0);
    assert!(
        output.stderr.contains("words: 6 metrics are gated"),
        "{output}"
    );
}

/// Sets a flag of a case.
fn mark(project: &Project, number: usize, flag: &str) {
    let id = format!("\"id\": \"w-{number:05}\"");
    let rows = project.read("golden/words.jsonl");
    project.write(
        "golden/words.jsonl",
        rows.replace(&id, &format!("{id}, \"{flag}\": true")),
    );
}

fn quarantine(project: &Project, case: &str, until: &str) {
    let entry = format!(
        "quarantine:\n  - {{ case: {case}, owner: ops, reason: two right answers, until: {until} }}\n"
    );
    project.write(
        "suites/words.yaml",
        project.read("suites/words.yaml") + &entry,
    );
}

fn case<'a>(summary: &'a Value, id: &str) -> &'a Value {
    let cases = summary["suites"][0]["subjects"][0]["cases"]
        .as_array()
        .unwrap();
    cases.iter().find(|case| case["id"] == id).unwrap()
}

fn headline(summary: &Value) -> &str {
    summary["headline"].as_str().unwrap()
}

/// Answers wrong to the first so many cases.
fn wrong_for(cases: usize) -> Behaviour {
    Behaviour {
        answers: Answers::by(move |asked| {
            let user = asked.user();
            let number = number_of(&user);
            Answer::text(if number <= cases {
                "no".to_owned()
            } else {
                user
            })
        }),
        ..Behaviour::default()
    }
}
