//! The committed example does what the README says, offline.

use std::fs;
use std::path::Path;

use crate::process::Output;
use crate::project::Project;

/// A copy of the example, since a run writes beside what it reads.
fn example() -> Project {
    let project = Project::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["prompts", "suites", "golden"] {
        copy(&root.join(folder), &project.dir().join(folder));
    }
    fs::copy(
        root.join("regauge.yaml"),
        project.dir().join("regauge.yaml"),
    )
    .expect("the example is there");
    project
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the folder can be made");
    for entry in fs::read_dir(from).expect("the folder is there").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the file can be copied");
        }
    }
}

fn summary(output: &Output) -> serde_json::Value {
    serde_json::from_str(&output.stdout).expect("--json prints JSON")
}

#[test]
fn the_example_replays_and_shows_a_regression_and_a_pass() {
    let project = example();
    let output = project.run(&["run", "--replay", "--json"]).expect_code(1);
    let summary = summary(&output);
    let verdicts: Vec<(&str, &str)> = summary["suites"]
        .as_array()
        .unwrap()
        .iter()
        .map(|suite| {
            (
                suite["suite"].as_str().unwrap(),
                suite["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("support-triage", "regressed"),
            ("shop-faq", "pass"),
            ("order-extract", "improved")
        ]
    );
    for file in ["report.html", "cases.csv", "trials.csv", "junit.xml"] {
        assert!(project.dir().join("reports").join(file).is_file(), "{file}");
    }
}

#[test]
fn reports_are_the_same_bytes_on_every_call() {
    let project = example();
    project.run(&["run", "--replay", "--quiet"]).expect_code(1);
    let all = [
        "report",
        "latest",
        "--report",
        "html,csv,junit,markdown,json",
        "--out",
    ];
    let write = |out: &str| project.run(&[&all[..], &[out]].concat());
    write("first");
    write("second");
    for file in [
        "report.html",
        "cases.csv",
        "trials.csv",
        "junit.xml",
        "summary.md",
        "report.json",
    ] {
        let read = |out: &str| fs::read(project.dir().join(out).join(file)).unwrap();
        assert!(read("first") == read("second"), "{file}");
    }
}

#[test]
fn the_good_version_of_the_prompt_is_no_regression() {
    let project = example();
    let output = project
        .run(&[
            "run",
            "support-triage",
            "--replay",
            "--prompt",
            "triage@v1",
            "--json",
        ])
        .expect_code(0);
    assert_ne!(summary(&output)["verdict"], "regressed");
}

#[test]
fn a_new_workspace_runs_offline_and_finds_the_regression() {
    let project = Project::new();
    project.run(&["init"]).expect_code(0);
    project.run(&["check"]).expect_code(0);
    project
        .run(&["run", "--replay", "--prompt", "triage@v1"])
        .expect_code(0);
    project.run(&["run", "--replay"]).expect_code(1);
    project.run(&["init"]).expect_code(2);
}
