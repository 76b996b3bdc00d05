//! That pipelines are told what the exit code says.

use std::process::Command;

use regauge::document::{Document, Node, Source};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint};
use crate::project::Project;

/// A project whose second run regresses.
fn regressing(endpoint: &Endpoint) -> Project {
    let project = Project::new().workspace(&endpoint.url()).cases(30);
    project.run(&["run", "--report", "none"]).expect_code(0);
    endpoint.behave(Behaviour {
        answers: Answers::by(|_| Answer::text("nothing")),
        ..Behaviour::default()
    });
    project
}

#[test]
fn the_runner_of_github_is_told_in_its_own_way() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = regressing(&endpoint);
    let summary = project.dir().join("step.md").display().to_string();
    let project = project
        .file("step.md", "what another step said\n")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", &summary);
    let output = project
        .run(&["run", "--quiet", "--report", "github,comment"])
        .expect_code(1);
    let text = output.to_string();
    assert!(
        text.contains("::error title=words%3A regressed,file=suites/words.yaml,line=1::"),
        "{text}"
    );
    let step = project.read("step.md");
    assert!(
        step.starts_with("what another step said\n<!-- regauge:suite=words -->\n"),
        "{step}"
    );
    assert!(step.contains("Exit code 1: regressed: exact"), "{step}");
    assert!(
        project
            .read("reports/comment.md")
            .starts_with("<!-- regauge:suite=words -->\n")
    );
    assert!(
        !project
            .files()
            .contains(&"reports/annotations.txt".to_owned())
    );
    // What is for a program stays JSON.
    let report = project
        .run(&["report", "--json", "--report", "github"])
        .expect_code(1);
    assert_eq!(report.json()["exit"]["code"], 1);
}

#[test]
fn elsewhere_annotations_are_a_file() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = regressing(&endpoint);
    let output = project
        .run(&["run", "--quiet", "--report", "github,gitlab,ctrf"])
        .expect_code(1);
    assert!(!output.to_string().contains("::error"), "{output}");
    assert!(
        project
            .read("reports/annotations.txt")
            .starts_with("::error title=words")
    );
    let issues: serde_json::Value =
        serde_json::from_str(&project.read("reports/gl-code-quality-report.json")).unwrap();
    assert_eq!(issues[0]["severity"], "blocker");
    let report: serde_json::Value =
        serde_json::from_str(&project.read("reports/ctrf-report.json")).unwrap();
    assert_eq!(report["results"]["summary"]["extra"]["exitCode"], 1);
}

/// The pipeline that `init` writes for the workspace of this project.
fn pipeline(project: &Project, server: &str, path: &str) -> Document {
    project.run(&["init", "--ci", server]).expect_code(0);
    Document::parse(Source::new(path, project.read(path))).unwrap()
}

fn get<'n>(node: &'n Node, path: &[&str]) -> &'n Node {
    path.iter().fold(node, |node, key| {
        node.get(key).unwrap_or_else(|| panic!("there is no {key}"))
    })
}

/// A workspace whose model takes a key.
fn keyed() -> Project {
    let project = Project::new().workspace("http://127.0.0.1:9/v1");
    let config = project.read("regauge.yaml").replace(
        "    model: test-model\n",
        "    model: test-model\n    api_key: ${WORDS_KEY}\n",
    );
    project.file("regauge.yaml", &config)
}

#[test]
fn a_workflow_for_github_pins_its_actions_and_hands_keys_to_one_step_only() {
    let project = keyed();
    let document = pipeline(&project, "github", ".github/workflows/regauge.yml");
    let text = &document.source.text;
    for event in ["pull_request", "schedule"] {
        get(&document.root, &["on", event]);
    }
    let steps = get(&document.root, &["jobs", "regauge", "steps"]).items();
    for step in steps {
        if let Some(uses) = step.get("uses").and_then(Node::text) {
            let (_, version) = uses.split_once("@v").unwrap();
            assert!(version.parse::<u32>().is_ok(), "{uses}");
        }
        let run = step.get("run").and_then(Node::text).unwrap_or_default();
        assert!(
            !run.contains("${{"),
            "nothing is pasted into a shell: {run}"
        );
        let is_legal = Command::new("bash")
            .args(["-n", "-c", run])
            .status()
            .unwrap();
        assert!(is_legal.success(), "{run}");
    }
    assert_eq!(text.matches("secrets.").count(), 1);
    assert!(
        text.contains("          WORDS_KEY: ${{ secrets.WORDS_KEY }}\n"),
        "{text}"
    );
    let again = project.run(&["init", "--ci", "github"]).expect_code(2);
    assert!(
        again
            .to_string()
            .contains("there is a file `.github/workflows/regauge.yml` already")
    );
}

#[test]
fn a_comment_is_made_once_and_written_over_from_then_on() {
    let project = keyed();
    let document = pipeline(&project, "github", ".github/workflows/regauge.yml");
    let steps = get(&document.root, &["jobs", "regauge", "steps"]).items();
    let run = steps
        .last()
        .unwrap()
        .get("run")
        .and_then(Node::text)
        .unwrap();
    project.write(
        "reports/comment.md",
        "<!-- regauge:suite=words -->\nit is fine\n",
    );
    project.write(
        "bin/gh",
        "#!/bin/sh\necho \"$@\" >> calls.txt\ncase \"$*\" in *--paginate*) cat comments.txt ;; esac\n",
    );
    Command::new("chmod")
        .arg("+x")
        .arg(project.dir().join("bin/gh"))
        .status()
        .unwrap();
    let comment = |there: &str| {
        project.write("comments.txt", there);
        project.write("calls.txt", "");
        let mut bash = Command::new("bash");
        bash.args(["-c", &format!("export PATH=\"$PWD/bin:$PATH\"\n{run}")]);
        let project = &project;
        project.start(bash).wait().expect_code(0);
        project.read("calls.txt").lines().last().unwrap().to_owned()
    };
    let made = comment("7\t<!-- regauge:suite=other -->\n8\thello\n");
    assert!(
        made.contains("--method POST repos//issues//comments"),
        "{made}"
    );
    let replaced = comment("7\t<!-- regauge:suite=other -->\n9\t<!-- regauge:suite=words -->\n");
    assert!(
        replaced.contains("--method PATCH repos//issues/comments/9"),
        "{replaced}"
    );
}

#[test]
fn a_pipeline_for_gitlab_reports_tests_and_code_quality() {
    let project = keyed();
    let document = pipeline(&project, "gitlab", ".gitlab-ci.yml");
    let job = get(&document.root, &["regauge"]);
    assert_eq!(
        get(job, &["artifacts", "reports", "codequality"]).text(),
        Some("./reports/gl-code-quality-report.json")
    );
    assert!(document.source.text.contains("asks for: WORDS_KEY."));
    for part in ["script", "after_script"] {
        for line in get(job, &[part]).items() {
            let is_legal = Command::new("sh")
                .args(["-n", "-c", line.text().unwrap()])
                .status();
            assert!(is_legal.unwrap().success());
        }
    }
}

#[test]
fn the_pipeline_of_a_workspace_in_a_folder_stands_at_the_root_of_the_repository() {
    let project = Project::new();
    let init = Command::new("git")
        .arg("init")
        .arg("-q")
        .arg(project.dir())
        .status();
    assert!(init.unwrap().success());
    let output = project
        .run(&["init", "evals", "--ci", "github"])
        .expect_code(0);
    assert!(
        output.to_string().contains("made a workspace of 8 files"),
        "{output}"
    );
    let text = project.read(".github/workflows/regauge.yml");
    assert!(
        text.contains("        working-directory: evals\n"),
        "{text}"
    );
    assert!(text.contains("path: evals/reports\n"), "{text}");
}
