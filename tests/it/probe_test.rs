//! `regauge endpoint test`: that it says where on the way a call fails.

use serde_json::json;

use crate::endpoint::{Behaviour, Endpoint, Fault, Faults, Nowhere};
use crate::process::Output;
use crate::project::Project;

fn tested(url: &str, code: i32) -> Output {
    let project = Project::new().workspace(url);
    project
        .run(&["endpoint", "test", "small"])
        .expect_code(code)
}

/// An endpoint that always replies so.
fn replying(status: u16, headers: &[(&str, &str)], body: &serde_json::Value) -> Endpoint {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Endpoint::start(Behaviour {
        faults: Faults::always(Fault::Reply {
            status,
            headers: headers.collect(),
            body: body.to_string().into_bytes(),
        }),
        ..Behaviour::default()
    })
}

/// What each step found, by its name.
fn findings(output: &Output) -> Vec<String> {
    let text = output.stdout.clone();
    let steps = text
        .lines()
        .skip(1)
        .take_while(|line| !line.contains("can carry"));
    steps
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, finding) = (words.next()?, words.next()?);
            matches!(finding, "ok" | "failed" | "unknown").then(|| format!("{name} {finding}"))
        })
        .collect()
}

#[test]
fn a_model_that_answers_is_shown_with_its_limits_after_one_call() {
    let message = json!({"role": "assistant", "content": "ready"});
    let body = json!({
        "id": "x", "object": "chat.completion", "model": "test-model-2",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 13},
    });
    let headers = [
        ("content-type", "application/json"),
        ("x-ratelimit-limit-requests", "600"),
        ("x-ratelimit-remaining-requests", "599"),
        ("x-ratelimit-reset-requests", "100ms"),
    ];
    let endpoint = replying(200, &headers, &body);
    let output = tested(&endpoint.url(), 0);
    let all = [
        "name ok",
        "connection ok",
        "encryption ok",
        "key ok",
        "model ok",
        "answer ok",
    ];
    assert_eq!(findings(&output), all);
    let text = output.stdout.clone();
    assert!(
        text.contains("test-model, served as test-model-2"),
        "{text}"
    );
    assert!(text.contains("12 tokens in, 1 out, $0.0000"), "{text}");
    assert!(
        text.contains("requests: 599 of 600 left, all back in 100 ms"),
        "{text}"
    );
    assert_eq!(endpoint.calls(), 1);
}

#[test]
fn each_failure_is_laid_to_its_step() {
    let error = json!({"error": {"message": "No.", "type": "x"}});
    for (status, step) in [
        (401, "key failed"),
        (404, "model failed"),
        (500, "answer failed"),
    ] {
        let output = tested(&replying(status, &[], &error).url(), 3);
        let found = findings(&output);
        let first = found.iter().find(|finding| finding.ends_with("failed"));
        assert_eq!(first.map(String::as_str), Some(step), "{status}");
    }
    let nowhere = Nowhere::new();
    let found = findings(&tested(&nowhere.url(), 3));
    assert_eq!(found[..2], ["name ok", "connection failed"]);
}

#[test]
fn an_unknown_model_is_an_error_that_names_the_nearest() {
    let project = Project::new().workspace("http://127.0.0.1:9/v1");
    let output = project.run(&["endpoint", "test", "smal"]).expect_code(2);
    assert!(output.stderr.contains("did you mean `small`?"));
}
