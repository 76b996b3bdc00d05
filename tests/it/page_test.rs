//! Goldens that are accepted in the HTML page are accepted by `regauge review`.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::page::{meta, packed};
use crate::project::Project;

/// What the script of the page downloads where the case of this id is accepted.
fn accepted(page: &str, id: &str) -> Value {
    let meta = meta(page);
    let parts: Vec<Value> = packed(page)
        .iter()
        .map(|json| serde_json::from_str(json).unwrap())
        .collect();
    let ids = parts[0]["ids"].as_array().unwrap();
    let at = ids.iter().position(|other| other == id).unwrap();
    let case = &parts[1][at];
    let shown = usize::try_from(case["rep"].as_u64().unwrap()).unwrap();
    json!({
        "format": "regauge-decisions/1",
        "suite": meta["suites"][0]["name"],
        "run": meta["suites"][0]["run"],
        "decisions": [
            {"case": id, "action": "accept", "old": case["gh"], "output": case["outs"][shown]["h"]},
        ],
    })
}

#[test]
fn what_is_accepted_in_the_page_becomes_the_golden() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|asked| Answer::text(format!("the {}", asked.user()))),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url());
    project.run(&["run", "--report", "html"]).expect_code(1);
    let decisions = accepted(&project.read("reports/report.html"), "w-00002");
    let project = project.file("decisions.json", &decisions.to_string());
    let apply = ["review", "--apply", "decisions.json", "--by", "a reviewer"];
    let output = project.run(&apply).expect_code(0);
    assert!(output.stdout.contains("1 golden written"), "{output}");
    let golden = project.read("golden/words.jsonl");
    assert!(
        golden.contains("\"expected\": \"the word 2\"")
            || golden.contains("\"expected\":\"the word 2\""),
        "{golden}"
    );
    let again = project.run(&apply).expect_code(2);
    assert!(again.stderr.contains("another golden"), "{again}");
}

#[test]
fn a_page_of_a_small_budget_has_all_rows_and_says_how_to_see_the_rest() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(200);
    let write = |budget| {
        project
            .run(&["run", "--report", "html", "--report-budget", budget])
            .expect_code(0);
        packed(&project.read("reports/report.html"))
    };
    let (whole, short) = (write("25"), write("0"));
    assert_eq!(
        whole.len(),
        1 + 4,
        "the index, and four blocks of at most 64 cases"
    );
    assert_eq!(short.len(), 1);
    let index: Value = serde_json::from_str(&short[0]).unwrap();
    assert_eq!(index["n"], 200);
}
