//! Answers that are read while they are written: the same answers, with the times that only a stream tells.

use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Endpoint, Fault};
use crate::project::Project;
use crate::summary::{metric, outcomes, trials};

/// A workspace whose model streams, with the two scorers of times.
fn streaming(endpoint: &Endpoint) -> Project {
    let project = Project::new().workspace(&endpoint.url());
    let config = project.read("regauge.yaml");
    project.write(
        "regauge.yaml",
        config.replace("seed: 7 }", "seed: 7, stream: true }"),
    );
    let suite = project.read("suites/words.yaml");
    let scorers = "  - exact\n  - first-token\n  - tokens-per-second: { informational: true }\n";
    project.write("suites/words.yaml", suite.replace("  - exact\n", scorers));
    project
}

#[test]
fn a_streamed_answer_is_the_same_and_tells_when_it_began() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = streaming(&endpoint);
    let summary = project
        .run(&["run", "--json", "--record"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 5)].into());
    assert_eq!(metric(&summary, "exact")["now"]["value"], 1.0);
    let first = metric(&summary, "first-token")["now"]["value"]
        .as_f64()
        .unwrap();
    assert!(first > 0.0, "{first} ms");
    for request in endpoint.requests() {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["stream"], true);
        assert_eq!(body["stream_options"], json!({"include_usage": true}));
    }
    // The recording holds the times, so that it is graded alike.
    let again = project
        .run(&["run", "--json", "--replay"])
        .expect_code(0)
        .json();
    assert_eq!(
        metric(&again, "first-token")["now"]["value"],
        metric(&summary, "first-token")["now"]["value"]
    );
    assert_eq!(endpoint.calls(), 5);
}

#[test]
fn a_stream_that_ends_too_early_is_tried_again_and_then_no_answer() {
    let event = |delta: &Value| {
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": delta}]})
        )
    };
    let cut = event(&json!({"content": "word"}));
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::raw(move |_, _| {
            let fault = Fault::Reply {
                status: 200,
                headers: vec![("content-type".into(), "text/event-stream".into())],
                body: cut.clone().into_bytes(),
            };
            (fault, None)
        }),
        ..Behaviour::default()
    });
    let project = streaming(&endpoint).cases(1);
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    let (_, trial) = trials(&summary)[0];
    assert_eq!(trial["outcome"], "provider-error");
    assert_eq!(trial["failure"], "the stream ended before the answer did");
    assert_eq!((trial["attempts"].as_u64(), endpoint.calls()), (Some(4), 4));
}

#[test]
fn a_stream_is_refused_where_the_format_has_none() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url());
    let model = "provider: command\n    command: [cat]\n";
    let config = project.read("regauge.yaml");
    let url = format!("provider: openai\n    base_url: {}\n", endpoint.url());
    let config = config
        .replace(&url, model)
        .replace("seed: 7 }", "stream: true }");
    project.write("regauge.yaml", config);
    let output = project.run(&["check"]).expect_code(2);
    assert!(
        output
            .stderr
            .contains("the format command has no `stream: true`"),
        "{output}"
    );
}
