//! Where texts are withheld, no report has one: not in a file, not on the terminal, not in packed data.

use std::fs;

use crate::endpoint::{Answer, Answers, Asked, Behaviour, Endpoint, Fault, Faults};
use crate::page::packed;
use crate::process::Output;
use crate::project::Project;

/// Words that stand in inputs, goldens, answers, prompts and errors, each in one of them and in nothing else.
const WORDS: [&str; 6] = [
    "zebrawood",
    "marzipan",
    "gramophone",
    "quicksilver",
    "thunderclap",
    "periwinkle",
];
const FORMATS: &str = "html,csv,json,junit,markdown,comment,github,gitlab,ctrf";

fn dataset() -> String {
    let row = |n| {
        format!(
            "{{\"id\": \"w-{n}\", \"tags\": [\"tag{}\"], \"word\": \"zebrawood {n}\", \"expected\": \"marzipan {n}\"}}\n",
            n % 2
        )
    };
    (1..=12).map(row).collect()
}

fn prompt(word: &str) -> String {
    format!(
        "---\ndescription: Say a word again\ninputs: [word]\n---\nsystem:\nSay the {word}.\nuser:\n{{{{ word }}}}\n"
    )
}

/// Answers as the golden says where the first prompt asks, and otherwise something else; a few with an error.
fn answer(asked: &Asked<'_>) -> Answer {
    let user = asked.user();
    let number = user.rsplit(' ').next().unwrap();
    if asked.system().contains("thunderclap") {
        Answer::text(format!("marzipan {number}"))
    } else {
        Answer::text(format!("gramophone {number}"))
    }
}

fn project(endpoint: &Endpoint) -> Project {
    Project::new()
        .workspace(&endpoint.url())
        .file("golden/words.jsonl", &dataset())
        .file("prompts/repeat/v1.md", &prompt("thunderclap"))
        .file("prompts/repeat/v2.md", &prompt("quicksilver"))
}

/// Everything that can be read of the project: what was printed, and the files of reports with their data unpacked.
fn everything(project: &Project, outputs: &[Output]) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> = outputs
        .iter()
        .map(|output| ("an output".to_owned(), output.to_string()))
        .collect();
    for file in project.files() {
        if !file.starts_with("reports/") {
            continue;
        }
        let text = fs::read_to_string(project.dir().join(&file)).unwrap();
        let data = packed(&text).into_iter();
        texts.extend(data.map(|json| (format!("the data of {file}"), json)));
        texts.push((file, text));
    }
    texts
}

fn assert_withheld(project: &Project, outputs: &[Output]) {
    let texts = everything(project, outputs);
    assert!(texts.len() > 12, "{} texts", texts.len());
    for (name, text) in &texts {
        for word in WORDS {
            assert!(!text.contains(word), "{name} has `{word}`:\n{text}");
        }
    }
    let has = |name: &str, word: &str| {
        let found = texts.iter().filter(|(of, _)| of == name);
        found.into_iter().any(|(_, text)| text.contains(word))
    };
    assert!(has(
        "the data of reports/report.html",
        "[withheld: 12 characters, "
    ));
    assert!(
        has("reports/report.json", "\"eyes_off\":true")
            || has("reports/report.json", "\"eyes_off\": true")
    );
    assert!(has("reports/report.html", "The texts are withheld."));
    assert!(has("reports/cases.csv", "regressed") || has("reports/cases.csv", "suspect"));
}

/// A regression from the first prompt to the second, in all reports.
fn run_all(project: &Project, endpoint: &Endpoint) -> Vec<Output> {
    let baseline = project.run(&["run", "--trials", "4", "--report", FORMATS]);
    endpoint.behave(Behaviour {
        answers: Answers::by(answer),
        ..Behaviour::default()
    });
    let worse = project.run(&[
        "run",
        "--prompt",
        "repeat@v2",
        "--trials",
        "4",
        "--report",
        FORMATS,
    ]);
    let worse = worse.expect_code(1);
    let shown: [&[&str]; 5] = [
        &["show", "latest", "w-3"],
        &["show", "latest", "w-3", "--json"],
        &["report", "latest", "--json"],
        &["report", "latest", "--report", FORMATS],
        &["history", "words"],
    ];
    let shown = shown.map(|arguments| project.run(arguments));
    [baseline, worse].into_iter().chain(shown).collect()
}

#[test]
fn no_report_of_a_workspace_has_a_text() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(answer),
        ..Behaviour::default()
    });
    let project = project(&endpoint);
    let config = project.read("regauge.yaml");
    let project = project.file(
        "regauge.yaml",
        &format!("{config}privacy: {{ eyes_off: true }}\n"),
    );
    let outputs = run_all(&project, &endpoint);
    assert_withheld(&project, &outputs);
}

#[test]
fn no_report_of_a_suite_has_a_text_and_old_runs_are_withheld_too() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(answer),
        ..Behaviour::default()
    });
    let project = project(&endpoint);
    let open = project.run(&["run", "--report", "json"]).expect_code(0);
    assert!(
        project.read("reports/report.json").contains("zebrawood"),
        "{open}"
    );
    let suite = project.read("suites/words.yaml");
    let project = project.file(
        "suites/words.yaml",
        &format!("{suite}privacy: {{ eyes_off: true }}\n"),
    );
    let outputs = run_all(&project, &endpoint);
    assert_withheld(&project, &outputs);
}

#[test]
fn what_a_call_failed_with_is_withheld() {
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::always(Fault::Reply {
            status: 400,
            headers: Vec::new(),
            body: serde_json::json!({"error": {"message": "periwinkle: zebrawood is not allowed"}})
                .to_string()
                .into_bytes(),
        }),
        ..Behaviour::default()
    });
    let project = project(&endpoint);
    let config = project.read("regauge.yaml");
    let project = project.file(
        "regauge.yaml",
        &format!("{config}privacy: {{ eyes_off: true }}\n"),
    );
    let output = project.run(&["run", "--report", FORMATS]).expect_code(3);
    let shown = project.run(&["show", "latest", "w-3"]);
    for (name, text) in everything(&project, &[output, shown]) {
        for word in WORDS {
            assert!(!text.contains(word), "{name} has `{word}`:\n{text}");
        }
    }
}
