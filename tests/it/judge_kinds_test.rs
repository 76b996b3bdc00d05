//! Each kind of judge, end to end: what it is shown, what its score is made of, and that its calls are kept.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Asked, Behaviour, Endpoint, Gate};
use crate::judges::{HELPFUL, endpoint, project, scored, scores};
use crate::process::Output;
use crate::project::Project;

/// The number of the word that a judge sees.
fn number_in(asked: &str) -> usize {
    let word = asked.split("word ").nth(1).unwrap_or_default();
    let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("the judge sees the word")
}

/// A judge of numbered parts: one holds where its text has this word.
fn deciding_by(word: &'static str) -> Endpoint {
    endpoint(move |asked| {
        let fenced = asked.split("<<<statements ").nth(1).unwrap_or_default();
        let parts: Vec<Value> = fenced
            .lines()
            .skip(1)
            .take_while(|line| !line.ends_with(">>>"))
            .enumerate()
            .map(|(index, line)| {
                json!({"number": index + 1, "evidence": line, "holds": line.contains(word)})
            })
            .collect();
        json!({ "parts": parts }).to_string()
    })
}

/// Writes the one case of a project.
fn case(project: &Project, row: &Value) {
    project.write("golden/words.jsonl", format!("{row}\n"));
}

/// The notes of the first score, by case.
fn notes(output: &Output) -> Vec<String> {
    let cases = output.json()["suites"][0]["subjects"][0]["cases"].clone();
    let mut cases = cases.as_array().expect("the run has cases").clone();
    cases.sort_by_key(|case| case["id"].to_string());
    let note = |case: &Value| {
        case["trials"][0]["scores"][0]["note"]
            .as_str()
            .map(str::to_owned)
    };
    cases.iter().filter_map(note).collect()
}

/// Runs it; then once more without a call, from what is kept.
fn run_and_replay(endpoint: &Endpoint, project: &Project) -> Output {
    let output = project.run(&["run", "--json", "--baseline", "none"]);
    let calls = endpoint.calls();
    let again = project.run(&["run", "--replay", "--json", "--baseline", "none"]);
    assert_eq!(endpoint.calls(), calls, "nothing is asked twice");
    let grades = |output: &Output| {
        let cases = output.json()["suites"][0]["subjects"][0]["cases"].clone();
        let cases = cases.as_array().expect("the run has cases").clone();
        let scores = cases.iter().map(|case| case["trials"][0]["scores"].clone());
        scores.collect::<Vec<Value>>()
    };
    assert_eq!(grades(&output), grades(&again));
    output
}

#[test]
fn factuality_is_worth_what_the_relation_of_the_facts_is_worth() {
    for (worth, expected) in [
        ("", [0.4, 0.6, 1.0, 0.0, 1.0]),
        (", worth: { A: 1, E: 25% }", [1.0, 0.6, 1.0, 0.0, 0.25]),
    ] {
        let endpoint = endpoint(|asked| {
            assert!(asked.contains("The approved answer:"), "{asked}");
            let choice = ["A", "B", "C", "D", "E"][number_in(asked) - 1];
            json!({"evidence": "compared", "choice": choice}).to_string()
        });
        let project = project(
            &endpoint,
            &format!("  - factuality: {{ model: judge{worth} }}\n"),
        );
        let output = run_and_replay(&endpoint, &project);
        assert_eq!(scores(&output, "factuality"), expected.map(Some));
        assert_eq!(endpoint.calls(), 10);
    }
}

#[test]
fn a_closed_question_is_decided_by_the_majority_of_votes() {
    let votes = AtomicUsize::new(0);
    let endpoint = endpoint(move |asked| {
        assert!(asked.contains("it is short"), "{asked}");
        let vote = votes.fetch_add(1, Ordering::SeqCst);
        // One of three says no to the first word; two of three to the second.
        let noes = number_in(asked);
        json!({"evidence": "counted", "meets": vote % 3 >= noes}).to_string()
    });
    let scorers = "  - closed-qa: { model: judge, criterion: it is short, votes: 3 }\n";
    let project = project(&endpoint, scorers).cases(2);
    let config = project.read("regauge.yaml");
    // One call at a time, so that the votes come word by word.
    let serial = config.replace(
        "    model: judge-model\n",
        "    model: judge-model\n    limits: { concurrency: 1 }\n",
    );
    project.write("regauge.yaml", serial);
    let output = run_and_replay(&endpoint, &project);
    assert_eq!(scores(&output, "closed-qa"), [Some(1.0), Some(0.0)]);
    assert_eq!(endpoint.calls(), 2 + 6);
    assert_eq!(
        notes(&output),
        ["met: counted", "not met: counted"],
        "the note is that of a vote which says the same as the score"
    );
}

#[test]
fn g_eval_asks_for_its_steps_once_and_scores_by_them() {
    let endpoint = endpoint(|asked| {
        if asked.contains("\"steps\"") {
            return json!({"steps": ["count the words", "judge their number"]}).to_string();
        }
        assert!(
            asked.contains("1. count the words\n2. judge their number"),
            "{asked}"
        );
        json!({"evidence": "counted", "score": number_in(asked) * 2}).to_string()
    });
    let scorers = "  - geval: { model: judge, criterion: brevity, scale: [0, 10] }\n";
    let project = project(&endpoint, scorers);
    let output = run_and_replay(&endpoint, &project);
    assert_eq!(
        scores(&output, "geval"),
        [Some(0.2), Some(0.4), Some(0.6), Some(0.8), Some(1.0)]
    );
    assert_eq!(endpoint.calls(), 5 + 1 + 5);
}

#[test]
fn g_eval_without_steps_that_can_be_read_gives_no_score() {
    let endpoint = endpoint(|_| json!({"steps": [], "note": "none"}).to_string());
    let scorers = "  - geval: { model: judge, criterion: brevity }\n";
    let project = project(&endpoint, scorers);
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert_eq!(scores(&output, "geval"), [None; 5]);
    assert_eq!(endpoint.calls(), 5 + 1);
}

#[test]
fn sentences_of_the_answer_are_decided_on_one_by_one() {
    for name in ["faithfulness", "answer-relevance"] {
        let endpoint = deciding_by("Paris");
        let project = project(&endpoint, &format!("  - {name}: {{ model: judge }}\n"));
        let answer =
            "Paris is the capital. It has ten rivers. Paris lies on the Seine. Ignore the rest.";
        let context = ["Paris is the capital of France.", "It lies on the Seine."];
        case(
            &project,
            &json!({"id": "q", "word": answer, "context": context}),
        );
        let output = run_and_replay(&endpoint, &project);
        assert_eq!(scores(&output, name), [Some(0.5)]);
        let note = notes(&output).remove(0);
        assert!(note.starts_with("2 of 4 hold; part 2:"), "{note}");
        assert_eq!(endpoint.calls(), 2);
    }
}

#[test]
fn the_context_is_graded_by_what_of_it_was_of_use_and_what_it_supports() {
    let endpoint = deciding_by("Paris");
    let project = project(
        &endpoint,
        "  - context-precision: { model: judge, context: sources }\n  - context-recall: { model: judge, context: sources }\n",
    );
    let row = json!({
        "id": "q", "word": "anything", "expected": "Paris is the capital. The Seine is a river. It is old.",
        "sources": ["Paris is the capital.", "Rome is old.", "Paris lies on the Seine."],
    });
    case(&project, &row);
    let output = run_and_replay(&endpoint, &project);
    // The mean of 1/1 and 2/3, and one of three sentences.
    let precision = scores(&output, "context-precision")[0].expect("it was scored");
    assert!((precision - 5.0 / 6.0).abs() < 1e-12, "{precision}");
    let recall = scores(&output, "context-recall")[0].expect("it was scored");
    assert!((recall - 1.0 / 3.0).abs() < 1e-12, "{recall}");
    case(
        &project,
        &json!({"id": "q", "word": "anything", "expected": "Paris."}),
    );
    let without = project.run(&["run", "--json"]).expect_code(3);
    assert_eq!(scores(&without, "context-recall"), [None]);
    assert!(
        without
            .stdout
            .contains("the case has no context in the column `sources`"),
        "{without}"
    );
}

#[test]
fn verdicts_are_graded_again_without_a_call_and_only_those_that_were_given() {
    let endpoint = endpoint(|asked| scored(number_in(asked)));
    let project = project(&endpoint, HELPFUL);
    project.run(&["run", "--quiet"]).expect_code(0);
    let calls = endpoint.calls();
    let suite = project.read("suites/words.yaml");
    project.write(
        "suites/words.yaml",
        suite.replace("model: judge,", "model: judge, threshold: 0.5,"),
    );
    let again = project.run(&["rescore", "--json", "--baseline", "none"]);
    let quarters = [0.0, 0.25, 0.5, 0.75, 1.0].map(Some);
    assert_eq!(scores(&again, "helpful"), quarters);
    let helpful = again.json()["suites"][0]["subjects"][0]["cases"].clone();
    let passed = helpful.as_array().expect("the run has cases").iter();
    let passed = passed.filter(|case| case["trials"][0]["passed"] == true);
    assert_eq!(passed.count(), 3);
    project.write(
        "suites/words.yaml",
        suite.replace("it helps", "it is polite"),
    );
    let unasked = project.run(&["rescore", "--json", "--baseline", "none"]);
    assert_eq!(scores(&unasked, "helpful"), [None; 5]);
    assert!(
        unasked
            .stdout
            .contains("not asked: no reply of `judge` to this request is stored"),
        "{unasked}"
    );
    assert_eq!(endpoint.calls(), calls, "grading again makes no call");
}

#[test]
fn a_budget_stops_judges_and_a_resumed_run_asks_only_what_is_missing() {
    let endpoint = endpoint(|_| scored(5));
    let scorers = HELPFUL.replace("model: judge,", "model: judge, params: { max_tokens: 10 },");
    let project = project(&endpoint, &scorers).cases(20);
    // The answers cost 20 × $0.000012; of verdicts at $0.00006 each the rest pays for a few.
    let stopped = project
        .run(&["run", "--budget", "0.0008", "--concurrency", "1", "--json"])
        .expect_code(3);
    let run = stopped.json()["suites"][0]["run"].clone();
    assert_eq!(run["status"], "incomplete", "{run}");
    assert!(
        run["reason"]
            .as_str()
            .is_some_and(|why| why.contains("budget")),
        "{run}"
    );
    let judged = run["judging"].as_u64().expect("judges were asked");
    assert!((1..20).contains(&judged), "{run}");
    assert!(
        run["cost_usd"].as_f64().is_some_and(|cost| cost <= 0.0008),
        "{run}"
    );
    let resumed = project.run(&["run", "--resume", "--json"]).expect_code(0);
    assert_eq!(scores(&resumed, "helpful"), [Some(1.0); 20]);
    assert_eq!(endpoint.calls(), 40, "no verdict is paid for twice");
}

#[test]
fn after_a_kill_only_verdicts_under_way_are_asked_for_again() {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        answers: Answers::by(|asked: &Asked<'_>| {
            let is_judge = asked.model() == "judge-model";
            Answer::text(if is_judge { scored(5) } else { asked.user() })
        }),
        ..Behaviour::default()
    });
    let project = project(&endpoint, HELPFUL).cases(40);
    let run = project.spawn(&["run", "--concurrency", "4"]);
    // All answers and half of the verdicts.
    gate.release(60);
    endpoint.wait_for_answered(60);
    endpoint.wait_for_in_flight(1);
    assert_eq!(run.kill9().signal(), Some(9));
    endpoint.wait_until_idle();
    gate.open();
    let resumed = project.run(&["run", "--resume", "--json"]).expect_code(0);
    assert_eq!(scores(&resumed, "helpful"), [Some(1.0); 40]);
    let calls = endpoint.calls();
    assert!(calls <= 80 + 2 * 4, "{calls} calls");
    let tallies = endpoint.calls_by_content();
    assert_eq!(tallies.len(), 80);
}
