//! Judges compared with people: what is printed and kept, what a run says by it, and whether a judge may gate.

use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::judges::{HELPFUL, endpoint, project, said_of_judges, scored};
use crate::process::Output;
use crate::project::Project;

/// A judge that passes the answers with an even number, over so many cases.
fn judged_project(agreement: &str, cases: usize) -> (Endpoint, Project) {
    let endpoint = endpoint(|asked| {
        let word = asked.split("word ").nth(1).unwrap_or_default();
        let digits: String = word.chars().take_while(char::is_ascii_digit).collect();
        let number: u32 = digits.parse().unwrap_or_default();
        scored(if number.is_multiple_of(2) { 5 } else { 1 })
    });
    let scorers = format!(
        "  - judge: {{ name: helpful, model: judge, threshold: 0.5, {agreement}criteria: [{{ name: helpful, asks: it helps }}] }}\n"
    );
    let project = project(&endpoint, &scorers).cases(cases);
    (endpoint, project)
}

/// Labels that differ from the judge for every so many cases.
fn labels(differ: usize, cases: usize) -> String {
    let label = |n: usize| {
        let pass = n.is_multiple_of(2) != n.is_multiple_of(differ);
        let slice = if n <= 20 { "early" } else { "late" };
        json!({"case": format!("w-{n:05}"), "pass": pass, "slice": slice}).to_string() + "\n"
    };
    (1..=cases).map(label).collect()
}

#[test]
fn a_judge_is_compared_with_people_and_its_pass_rate_corrected() {
    let (_endpoint, project) = judged_project("", 40);
    project.run(&["run", "--quiet"]);
    project.write("labels.jsonl", labels(10, 40));
    let calibrated = project
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(0);
    insta::assert_snapshot!(calibrated.stdout, @r"
    helpful: 40 labels
                    judge passes  judge fails
      people pass             16            0
      people fail              4           20
      kappa  0.80 (95 % interval 0.62 to 0.98), the same on 90.0 %
      AC1    0.80 (95 % interval 0.61 to 0.99), the same on 90.0 %
        early: 20 labels, AC1 0.80 (95 % interval 0.53 to 1.00), the same on 90.0 %
        late: 20 labels, AC1 0.80 (95 % interval 0.53 to 1.00), the same on 90.0 %
      passes 20 of 40; corrected for its errors 40.0 % (90 % interval 19.6 to 59.7 %); it shrinks differences to 83 % (J 0.83), an allowed drop of 3.0 pt to 2.5 pt
      few labels: 100, with 30 of each kind, are asked for
    wrote golden/calibrations/words.helpful.json
    ");
    let wrong = project.file(
        "labels.jsonl",
        "{\"case\": \"w-00001\", \"passed\": true}\n",
    );
    let refused = wrong
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(2);
    assert!(refused.stderr.contains("labels.jsonl:1:1"), "{refused}");
    let label = "{\"case\": \"w-0001\", \"pass\": true}\n";
    let unknown = wrong.file("labels.jsonl", label);
    let refused = unknown
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(2);
    assert!(
        refused.stderr.contains("did you mean `w-00001`?"),
        "{refused}"
    );
    let twice = unknown.file("labels.jsonl", &label.repeat(50));
    let refused = twice
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(2);
    assert!(refused.stderr.contains("has two labels"), "{refused}");
}

#[test]
fn a_run_with_a_calibrated_judge_says_what_people_would_pass() {
    let (_endpoint, project) = judged_project("", 120);
    project.run(&["run", "--quiet"]);
    project.write("labels.jsonl", labels(10, 120));
    project
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(0);
    let output = project.run(&["run", "--json", "--report", "markdown,html"]);
    let trust = output.json()["suites"][0]["subjects"][0]["judges"][0]["trust"].clone();
    let near = |value: &Value, wanted: f64| {
        assert!((value.as_f64().unwrap() - wanted).abs() < 1e-9, "{trust}");
    };
    // Of 60 that the judge passes people pass 48; all 60 that it fails they fail.
    near(&trust["raw"], 0.5);
    near(&trust["youden"], 48.0 / 48.0 + 60.0 / 72.0 - 1.0);
    near(&trust["corrected"]["value"], 0.4);
    near(&trust["sharpened"]["value"], 0.4);
    near(&trust["shrunken_tolerance"], 0.03 * 60.0 / 72.0);
    assert_eq!(trust["slices"].as_array().unwrap().len(), 2);
    for (low, high) in [("corrected", "raw"), ("sharpened", "raw")] {
        assert!(trust[low]["low"].as_f64() < trust[high].as_f64(), "{trust}");
    }
    let said = "the judge passes 50.0 %; corrected for its errors by 120 labels, people would pass 40.0 % (90 % interval";
    assert!(said_of_judges(&output).contains(said), "{output}");
    let markdown = project.read("reports/summary.md");
    assert!(
        markdown.contains(said) && markdown.contains("(J 0.83)"),
        "{markdown}"
    );
    let page = project.read("reports/report.html").replace('\u{a0}', " ");
    assert!(page.contains(said));
    let again = project.run(&["report", "latest", "--json"]);
    assert_eq!(
        again.json()["suites"][0]["subjects"][0]["judges"][0]["trust"],
        trust,
        "a report that is written again says the same"
    );
}

#[test]
fn a_judge_that_agrees_too_little_is_warned_of_where_no_agreement_is_asked() {
    let (_endpoint, project) = judged_project("", 120);
    project.run(&["run", "--quiet"]);
    project.write("labels.jsonl", labels(3, 120));
    project
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(0);
    let output = project.run(&["run", "--json"]);
    let said = said_of_judges(&output);
    assert!(
        said.contains("helpful: on late the judge agrees too little with people (AC1 at most 0."),
        "{said}"
    );
    let suite = output.json()["suites"][0].clone();
    let warnings = suite["warnings"].to_string();
    assert!(
        warnings.contains(
            "the judge of helpful should not gate: its agreement with people may be as low as"
        ),
        "{warnings}"
    );
    let metrics = suite["subjects"][0]["metrics"].as_array().unwrap().clone();
    let mut metrics = metrics.iter();
    let helpful = metrics.find(|metric| metric["name"] == "helpful").unwrap();
    assert!(!helpful["gate"].is_null(), "it gates all the same");
}

/// Rows with labels of two raters: the second is missing twice and differs once, where people are divided.
fn rows_of_two_raters() -> String {
    let rows: Vec<String> = (1..=10)
        .map(|n| {
            let pass = n % 2 == 0;
            let mut row =
                json!({"id": format!("w-{n:02}"), "word": format!("word {n}"), "rater_a": pass});
            if n > 2 {
                row["rater_b"] = json!(pass != (n == 10));
            }
            row.to_string()
        })
        .collect();
    rows.join("\n")
}

#[test]
fn labels_of_several_raters_stand_in_columns_that_the_judge_does_not_see() {
    let endpoint = endpoint(|asked| {
        if asked.contains("brevity") {
            return json!({"evidence": "one line", "score": 5}).to_string();
        }
        assert!(!asked.contains("rater_"), "{asked}");
        let word = asked.split("word ").nth(1).unwrap_or_default();
        let is_even = |digit: char| digit.to_digit(10).is_some_and(|digit| digit % 2 == 0);
        let digits: Vec<char> = word.chars().take_while(char::is_ascii_digit).collect();
        scored(if digits.last().copied().is_some_and(is_even) {
            5
        } else {
            1
        })
    });
    let project = project(
        &endpoint,
        "  - judge: { name: helpful, model: judge, threshold: 0.5, labels: [rater_a, rater_b], criteria: [{ name: helpful }] }\n  \
         - geval: { model: judge, criterion: brevity, steps: [read it] }\n",
    );
    project.write("golden/words.jsonl", rows_of_two_raters());
    project.run(&["run", "--quiet"]);
    let calibrated = project.run(&["judge", "calibrate"]).expect_code(0);
    assert!(
        calibrated
            .stderr
            .contains("warning: the judge of geval names no columns as `labels`"),
        "{calibrated}"
    );
    insta::assert_snapshot!(calibrated.stdout, @r"
    helpful: 9 labels
                    judge passes  judge fails
      people pass              4            0
      people fail              0            5
      kappa  1.00 (95 % interval 1.00 to 1.00), the same on 100.0 %
      AC1    1.00 (95 % interval 1.00 to 1.00), the same on 100.0 %
      alpha  0.76 among 2 raters, 0.86 with the judge as one more
      left out, since people are divided: 1 answer
      passes 5 of 10; corrected for its errors 50.0 % (90 % interval 12.4 to 94.9 %); it shrinks differences to 100 % (J 1.00), an allowed drop of 3.0 pt to 3.0 pt
      few labels: 100, with 30 of each kind, are asked for
    wrote golden/calibrations/words.helpful.json
    ");
    let one = project
        .run(&["judge", "calibrate", "--column", "rater_b", "--json"])
        .expect_code(0);
    assert_eq!(one.json()[0]["raters"], 1);
    assert_eq!(one.json()[0]["counts"]["only_judge"], 1);
    assert!(
        one.stderr
            .contains("the judge of geval never says what passes"),
        "one judge without a threshold does not hold up the others: {one}"
    );
    let wrong = project
        .run(&["judge", "calibrate", "--column", "word"])
        .expect_code(2);
    assert!(wrong.stderr.contains("in `word`"), "{wrong}");
}

#[test]
fn scores_of_people_are_compared_with_a_judge_that_says_no_pass() {
    let endpoint = endpoint(|asked| {
        let word = asked.split("word ").nth(1).unwrap_or_default();
        let digit = word
            .chars()
            .next()
            .and_then(|c| c.to_digit(10))
            .unwrap_or(0);
        if digit == 5 {
            "no verdict".to_owned()
        } else {
            scored(digit)
        }
    });
    let project = project(&endpoint, HELPFUL);
    project.run(&["run", "--quiet"]);
    let label = |n: u32, rater: &str, score: f64| {
        let row = json!({"case": format!("w-{n:05}"), "score": score, "rater": rater});
        format!("{row}\n")
    };
    let labels: String = (1..=5)
        .map(|n| {
            let score = f64::from(n - 1) / 4.0;
            label(n, "a", score) + &label(n, "b", if n == 2 { 0.5 } else { score })
        })
        .collect();
    project.write("labels.jsonl", labels);
    let calibrated = project
        .run(&["judge", "calibrate", "labels.jsonl", "--json"])
        .expect_code(0);
    let found = calibrated.json()[0].clone();
    assert_eq!(found["without_verdict"], 1, "{found}");
    assert_eq!(found["alpha"]["level"], "interval");
    let alpha = found["alpha"]["people"].as_f64().unwrap();
    assert!(alpha > 0.7 && alpha < 1.0, "{alpha}");
    let again = project.run(&["run", "--json"]);
    let trust = again.json()["suites"][0]["subjects"][0]["judges"][0]["trust"].clone();
    // The judge scores 0, 1/4, 1/2 and 3/4; people a quarter of a quarter more on the mean.
    let sharpened = trust["sharpened"]["value"].as_f64().unwrap();
    assert!((sharpened - (0.375 + 0.125 / 4.0)).abs() < 1e-9, "{trust}");
    let outside = "{\"case\": \"w-00001\", \"score\": 4}\n";
    project.write("labels.jsonl", outside);
    let refused = project
        .run(&["judge", "calibrate", "labels.jsonl"])
        .expect_code(2);
    assert!(refused.stderr.contains("labels.jsonl:1:1"), "{refused}");
}

#[test]
fn a_judge_gates_only_with_the_agreement_that_is_asked_of_it() {
    let (_endpoint, project) = judged_project("agreement: 0.6, ", 120);
    let standing = |output: &Output| {
        let suite = output.json()["suites"][0].clone();
        let metrics = suite["subjects"][0]["metrics"].as_array().unwrap().clone();
        let metric = metrics
            .into_iter()
            .find(|metric| metric["name"] == "helpful");
        (
            !metric.unwrap()["gate"].is_null(),
            suite["warnings"].to_string(),
        )
    };
    let before = project.run(&["run", "--json"]);
    let (gated, warnings) = standing(&before);
    assert!(
        !gated && warnings.contains("was never compared with people"),
        "{warnings}"
    );
    for (differ, agrees) in [(3, false), (40, true)] {
        project.write("labels.jsonl", labels(differ, 120));
        project
            .run(&["judge", "calibrate", "labels.jsonl"])
            .expect_code(0);
        let (gated, warnings) = standing(&project.run(&["run", "--reuse", "--json"]));
        assert_eq!(gated, agrees, "{warnings}");
        assert_eq!(warnings.contains("may be as low as"), !agrees, "{warnings}");
    }
    let suite = project
        .read("suites/words.yaml")
        .replace("it helps", "it is polite");
    project.write("suites/words.yaml", &suite);
    let (gated, warnings) = standing(&project.run(&["run", "--json"]));
    assert!(
        !gated && warnings.contains("has changed since"),
        "{warnings}"
    );
}
