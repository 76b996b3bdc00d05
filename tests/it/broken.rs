//! Every mistake that a person can make in a workspace or on the command line is one clear message with its place, and
//! costs no call.
//!
//! `broken/NAME/` holds the files of a workspace with one mistake; the others are those of [`Project::workspace`]. What
//! is said of it stands in `broken/NAME.snap`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::endpoint::{Behaviour, Endpoint};
use crate::project::Project;

#[test]
fn every_mistake_is_shown_where_it_stands_and_costs_no_call() {
    let endpoint = Endpoint::start(Behaviour::default());
    let mut workspaces: Vec<PathBuf> = children(&folder());
    workspaces.retain(|path| path.is_dir());
    assert!(workspaces.len() >= 30, "{} workspaces", workspaces.len());
    for workspace in workspaces {
        let name = workspace.file_name().unwrap().to_string_lossy();
        let project = Project::new().workspace(&endpoint.url());
        copy(&workspace, &workspace, &project, &endpoint.url());
        let output = project.run(&["check"]);
        assert_eq!(
            (output.code(), output.stdout.as_str()),
            (Some(2), ""),
            "{name}:\n{output}"
        );
        assert!(
            !output.stderr.contains(['\u{1b}', '\u{7}', '\u{202e}']),
            "{name}:\n{output}"
        );
        settings().bind(|| insta::assert_snapshot!(name.as_ref(), output.stderr));
    }
    assert_eq!(endpoint.calls(), 0);
}

#[test]
fn mistakes_on_the_command_line_are_found_before_any_call() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let mut said = String::new();
    for arguments in [
        "run --filter nothing",
        "run --tag nothing",
        "run wrods",
        "run suites/wrods.yaml",
        "run --prompt repaet",
        "run --prompt repeat@v9",
        "run --model smal",
        "run --shard 3/2",
        "run --shard 2",
        "run --trials 0",
        "run --budget much",
        "run --deadline 5",
        "run --concurrency 0",
        "run --reuse --replay",
        "run --resume",
        "run --resume=0123",
        "run --baseline 0123",
        "compare latest latest",
        "report",
        "export 0123",
        "baseline set latest",
        "rnu",
        "-w elsewhere check",
    ] {
        let words: Vec<&str> = arguments.split(' ').collect();
        let output = project.run(&words).expect_code(2);
        assert_eq!(output.stdout, "", "{arguments}");
        writeln!(said, "$ regauge {arguments}\n{}", output.stderr).unwrap();
    }
    settings().bind(|| insta::assert_snapshot!("command-line", said));
    assert_eq!(endpoint.calls(), 0);
    let runs = project.run(&["history", "--json"]).expect_code(0);
    assert_eq!(runs.stdout, "[]\n", "nothing was begun");
}

#[test]
fn outside_any_workspace_the_next_step_is_named() {
    let output = Project::new().run(&["run"]).expect_code(2);
    insta::assert_snapshot!(output.stderr, @"
    error: no regauge.yaml here or in a folder above
    --> [WORKSPACE]
     = help: make a workspace with `regauge init`, or name one with `--workspace DIR`
    ");
}

#[test]
fn a_key_that_is_not_set_is_a_mistake_only_where_its_model_is_called() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let config = project.read("regauge.yaml");
    let other = "  other: { provider: openai, base_url: \"${OTHER_URL}\", model: m, api_key: \"${OTHER_KEY}\" }\n";
    project.write("regauge.yaml", &(config.clone() + other));
    project.run(&["run", "--json"]).expect_code(0);
    assert_eq!(endpoint.calls(), 5);

    let keyed = config.replace("    timeout", "    api_key: ${SMALL_KEY}\n    timeout");
    project.write("regauge.yaml", &keyed);
    project.run(&["check"]).expect_code(0);
    let output = project.run(&["run"]).expect_code(2);
    assert_eq!((output.stdout.as_str(), endpoint.calls()), ("", 5));
    insta::assert_snapshot!(output.stderr, @r"
    error: environment variable `SMALL_KEY` is not set
     --> regauge.yaml:9:14
      |
    9 |     api_key: ${SMALL_KEY}
      |              ^^^^^^^^^^^^
      |
      = help: set SMALL_KEY, or write it to a file .env beside regauge.yaml
    ");
    let runs = project.run(&["history", "--json"]).stdout;
    assert_eq!(runs.matches("\"status\"").count(), 1, "{runs}");
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/broken")
}

fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder());
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}

/// Copies the files below a folder into the workspace, with the address of the endpoint where `{url}` stands.
fn copy(root: &Path, folder: &Path, project: &Project, url: &str) {
    for path in children(folder) {
        if path.is_dir() {
            copy(root, &path, project, url);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let inside = path.strip_prefix(root).unwrap().display().to_string();
        match String::from_utf8(bytes) {
            Ok(text) => project.write(&inside, text.replace("{url}", url)),
            Err(error) => project.write(&inside, error.into_bytes()),
        }
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}
