//! Requests to AWS are signed with the keys that its own clients would find, and no key comes back from anywhere.

use serde_json::json;

use crate::endpoint::{Answers, Behaviour, Endpoint, Fault};
use crate::project::Project;
use crate::summary::{outcomes, trials};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// An endpoint of Bedrock that says back what it must not, and beside it the place where a container finds its keys.
fn bedrock() -> Endpoint {
    Endpoint::start(Behaviour {
        answers: Answers::raw(|line, _| {
            let body = if line.starts_with("GET /keys") {
                json!({
                    "AccessKeyId": "ASIACONTAINER", "SecretAccessKey": SECRET, "Token": "token-0123456789",
                    "Expiration": "2999-01-01T00:00:00Z"
                })
            } else {
                json!({
                    "output": {"message": {"role": "assistant", "content": [{"text": format!("I know {SECRET}")}]}},
                    "stopReason": "end_turn", "usage": {"inputTokens": 3, "outputTokens": 2}
                })
            };
            (Fault::json(body.to_string()), None)
        }),
        ..Behaviour::default()
    })
}

fn workspace(endpoint: &Endpoint, more: &str) -> Project {
    let config = format!(
        "version: 1\nmodels:\n  small:\n    provider: bedrock\n    base_url: {}\n    model: amazon.nova-lite-v1:0\n    \
         region: eu-central-1\n{more}",
        endpoint.origin()
    );
    let project = Project::new().workspace(&endpoint.url()).cases(2);
    project.write("regauge.yaml", config);
    let suite = project.read("suites/words.yaml");
    let (head, _) = suite.split_once("scorers:").unwrap();
    project.write("suites/words.yaml", format!("{head}scorers: [is-json]\n"));
    project
}

/// The header of that name of every call of the model.
fn sent(endpoint: &Endpoint, name: &str) -> Vec<String> {
    let requests = endpoint.requests();
    let calls = requests
        .iter()
        .filter(|request| request.line.starts_with("POST"));
    calls
        .filter_map(|request| request.header(name).map(str::to_owned))
        .collect()
}

#[test]
fn keys_of_the_environment_sign_and_do_not_come_back() {
    let endpoint = bedrock();
    let project = workspace(&endpoint, "")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", SECRET);
    let output = project.run(&["run", "--json"]);
    assert_eq!(outcomes(&output.json()), [("ok".to_owned(), 2)].into());
    assert!(!output.to_string().contains(SECRET), "{output}");
    let signed = sent(&endpoint, "authorization");
    assert_eq!(signed.len(), 2);
    for header in signed {
        assert!(
            header.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"),
            "{header}"
        );
        assert!(
            header.contains("/eu-central-1/bedrock/aws4_request"),
            "{header}"
        );
    }
}

#[test]
fn keys_of_a_container_are_asked_for_once_and_do_not_come_back() {
    let endpoint = bedrock();
    let keys = format!("{}/keys", endpoint.origin());
    let project = workspace(&endpoint, "")
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &keys)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in");
    let output = project.run(&["run", "--json"]);
    let summary = output.json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 2)].into());
    assert!(!output.to_string().contains(SECRET), "{output}");
    assert_eq!(trials(&summary)[0].1["attempts"], 1);
    assert_eq!(endpoint.calls(), 3, "the keys and two calls");
    assert_eq!(
        sent(&endpoint, "x-amz-security-token"),
        ["token-0123456789"; 2]
    );
    let requests = endpoint.requests();
    let asked = requests
        .iter()
        .find(|request| request.line.starts_with("GET"))
        .unwrap();
    assert_eq!(asked.header("authorization"), Some("let-me-in"));
}

#[test]
fn a_key_of_bedrock_itself_goes_without_a_signature() {
    let endpoint = bedrock();
    let project = workspace(&endpoint, "    api_key: ${AWS_BEARER_TOKEN_BEDROCK}\n")
        .env("AWS_BEARER_TOKEN_BEDROCK", "bedrock-0123456789");
    project.run(&["run", "--json"]);
    assert_eq!(
        sent(&endpoint, "authorization"),
        ["Bearer bedrock-0123456789"; 2]
    );
    assert_eq!(sent(&endpoint, "x-amz-date"), [""; 0]);
}

#[test]
fn without_any_keys_the_run_does_not_begin() {
    let endpoint = bedrock();
    let output = workspace(&endpoint, "").run(&["run"]).expect_code(2);
    assert_eq!(endpoint.calls(), 0);
    insta::assert_snapshot!(output.stderr, @"
    error: there are no credentials for Bedrock
     --> regauge.yaml:3:3
      |
    3 |   small:
      |   ^^^^^
      |
      = help: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_BEARER_TOKEN_BEDROCK, or name a `profile`
    ");
}
