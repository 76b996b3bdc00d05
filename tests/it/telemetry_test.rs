//! That traces and metrics go where `OTEL_*` says, in the form of OpenTelemetry, and hold no text.

use serde_json::Value;

use crate::endpoint::{Behaviour, Endpoint, Fault, Faults};
use crate::project::Project;

/// A collector takes all that it gets, as an endpoint with constant replies does.
fn collector() -> Endpoint {
    Endpoint::start(Behaviour {
        faults: Faults::always(Fault::json("{}")),
        ..Behaviour::default()
    })
}

fn attribute<'a>(of: &'a Value, key: &str) -> &'a Value {
    let attributes = of["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == key);
    found.map_or(&Value::Null, |found| &found["value"])
}

#[test]
fn every_call_is_a_span_of_the_run_and_counted_and_no_text_leaves() {
    let endpoint = Endpoint::start(Behaviour::default());
    let collector = collector();
    let project = Project::new().workspace(&endpoint.url()).cases(5);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", format!("{config}trace_headers: true\n"));
    let traces = format!("{}/chat/completions", collector.url());
    let metrics = format!("{}/v1/messages", collector.origin());
    let project = project
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &traces)
        .env("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &metrics)
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-team=evals");
    let output = project.run(&["run"]).expect_code(0);
    assert!(!output.stderr.contains("collector"), "{output}");

    let received = collector.requests();
    let of_path = |line: &'static str| received.iter().filter(move |request| request.line == line);
    let spans: Vec<Value> = of_path("POST /v1/chat/completions")
        .flat_map(|request| {
            let body = request.json();
            body["resourceSpans"][0]["scopeSpans"][0]["spans"]
                .as_array()
                .unwrap()
                .clone()
        })
        .collect();
    let (root, calls): (Vec<&Value>, Vec<&Value>) =
        spans.iter().partition(|span| span["name"] == "regauge run");
    assert_eq!((root.len(), calls.len()), (1, 5));
    for call in &calls {
        assert_eq!(call["name"], "chat test-model");
        assert_eq!(
            (&call["traceId"], &call["parentSpanId"]),
            (&root[0]["traceId"], &root[0]["spanId"])
        );
        assert_eq!(
            attribute(call, "gen_ai.provider.name")["stringValue"],
            "openai"
        );
        assert_eq!(
            attribute(call, "gen_ai.usage.input_tokens")["intValue"],
            "40"
        );
    }
    assert_borne(&endpoint, &calls);

    let counted = of_path("POST /v1/messages").next_back().unwrap().json();
    let metrics = &counted["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    assert_eq!(metrics[0]["name"], "gen_ai.client.operation.duration");
    assert_eq!(metrics[0]["histogram"]["dataPoints"][0]["count"], "5");
    assert_eq!(metrics[1]["name"], "gen_ai.client.token.usage");
    assert_eq!(metrics[1]["histogram"]["dataPoints"][0]["sum"], 200.0);

    for request in &received {
        assert_eq!(request.header("x-team"), Some("evals"));
        let body = request.json().to_string();
        assert!(
            !body.contains("word 1") && !body.contains("Say what"),
            "{body}"
        );
    }
}

/// That each call was sent with the context of its own span.
fn assert_borne(endpoint: &Endpoint, calls: &[&Value]) {
    let borne: Vec<String> = endpoint
        .requests()
        .iter()
        .map(|request| request.header("traceparent").unwrap().to_owned())
        .collect();
    for call in calls {
        let (trace, span) = (
            call["traceId"].as_str().unwrap(),
            call["spanId"].as_str().unwrap(),
        );
        assert!(borne.contains(&format!("00-{trace}-{span}-01")));
    }
}

#[test]
fn nothing_is_told_where_nobody_asked_and_a_dead_collector_changes_no_run() {
    let endpoint = Endpoint::start(Behaviour::default());
    let project = Project::new().workspace(&endpoint.url()).cases(5);
    project.run(&["run"]).expect_code(0);
    assert!(
        endpoint
            .requests()
            .iter()
            .all(|request| request.header("traceparent").is_none())
    );
    let nowhere = crate::endpoint::Nowhere::new();
    let project = project.env("OTEL_EXPORTER_OTLP_ENDPOINT", &nowhere.url());
    let output = project.run(&["run"]).expect_code(0);
    assert!(
        output
            .stderr
            .contains("warning: the collector of OTEL_* did not take"),
        "{output}"
    );
}
