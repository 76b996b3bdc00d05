//! What becomes of everything that an endpoint may say of a batch.

use super::house::{Results, reply, said_in};
use super::{Conduct, Fault, Format, House, RESUME, RUN, Value, json, outcomes, project, trials};

/// A house whose results are these.
fn house(results: impl Fn(&Results<'_>) -> Vec<String> + Send + 'static) -> House {
    House::open(Conduct {
        results: Box::new(results),
        ..Conduct::default()
    })
}

/// The outcome and the failure of each trial.
fn ends(summary: &Value) -> Vec<String> {
    let ends = trials(summary).into_iter().map(|(id, trial)| {
        let failure = trial["failure"].as_str().unwrap_or_default();
        let outcome = trial["outcome"].as_str().unwrap();
        format!("{id} {outcome}: {failure}")
            .trim_end_matches(": ")
            .to_owned()
    });
    ends.collect()
}

#[test]
fn every_line_of_openai_ends_as_an_outcome() {
    let house = house(|results| {
        let mut lines = Vec::new();
        for call in results.calls {
            let id = &call["custom_id"];
            let failed = |code: &str| {
                let error = json!({"code": code, "message": "It could not be done."});
                json!({"custom_id": id, "response": null, "error": error}).to_string()
            };
            lines.push(match said_in(call).as_str() {
                "word 1" => results.echo(call),
                "word 2" => {
                    let error =
                        json!({"error": {"message": "Too long.", "type": "invalid_request_error"}});
                    reply(id, 400, &error)
                }
                "word 3" => failed("batch_expired"),
                "word 4" => failed("server_error"),
                _ => reply(id, 200, &json!("no completion")),
            });
        }
        lines
    });
    let output = project(&house, Format::Openai).run(RUN).expect_code(3);
    insta::assert_snapshot!(ends(&output.json()).join("\n"), @r"
    w-00001 ok
    w-00002 provider-error: HTTP 400: Too long.
    w-00003 timeout: the batch expired before it came to the call
    w-00004 provider-error: It could not be done.
    w-00005 unparseable: HTTP 200: JSON without `choices`
    ");
}

#[test]
fn every_line_of_anthropic_ends_as_an_outcome() {
    let house = house(|results| {
        let mut lines = Vec::new();
        for call in results.calls {
            let errored = |kind: &str| {
                let error = json!({"type": kind, "message": "It could not be done."});
                let error = json!({"type": "error", "error": error});
                json!({"type": "errored", "error": error})
            };
            let result = match said_in(call).as_str() {
                "word 1" => {
                    lines.push(results.echo(call));
                    continue;
                }
                "word 2" => errored("invalid_request_error"),
                "word 3" => errored("overloaded_error"),
                "word 4" => json!({"type": "canceled"}),
                _ => json!({"type": "expired"}),
            };
            lines.push(json!({"custom_id": call["custom_id"], "result": result}).to_string());
        }
        lines
    });
    let output = project(&house, Format::Anthropic).run(RUN).expect_code(3);
    insta::assert_snapshot!(ends(&output.json()).join("\n"), @r"
    w-00001 ok
    w-00002 provider-error: HTTP 400: It could not be done.
    w-00003 rate-limited: HTTP 529: It could not be done.
    w-00004 skipped: the batch was cancelled before it came to the call
    w-00005 timeout: the batch expired before it came to the call
    ");
}

#[test]
fn lines_that_belong_to_no_call_are_told_of_and_calls_without_a_line_are_no_success() {
    let house = house(|results| {
        let calls = results.calls;
        let mut stranger = calls[4].clone();
        stranger["custom_id"] = json!("another");
        vec![
            results.echo(&calls[0]),
            results.answer(&calls[0], "twice"),
            results.echo(&stranger),
            String::new(),
            "{\"custom_id\": \"".to_owned(),
            json!({"custom_id": calls[3]["custom_id"]}).to_string(),
            results.echo(&calls[1]),
            results.echo(&calls[2]),
        ]
    });
    let project = project(&house, Format::Openai);
    let output = project.run(RUN).expect_code(3);
    insta::assert_snapshot!(ends(&output.json()).join("\n"), @r"
    w-00001 ok
    w-00002 ok
    w-00003 ok
    w-00004 unparseable: the results of the batch hold a line without `response`
    w-00005 provider-error: the results of the batch do not name the call
    ");
    assert_eq!(trials(&output.json())[0].1["output"], "word 1");
    let warning =
        "warning: the results of batch batch_1 of `small` have 3 lines that belong to no call";
    assert!(output.stderr.contains(warning), "{output}");
    // Only what has no reply is called again.
    house.conduct(Conduct::default());
    project.run(RESUME);
    assert_eq!(house.batches()[1].len(), 2);
}

#[test]
fn a_batch_that_failed_as_a_whole_says_why_and_can_be_resumed() {
    let error = json!({"code": "invalid_json_line", "message": "This line is no JSON.", "line": 2});
    let house = House::open(Conduct {
        end: "failed",
        errors: json!({"object": "list", "data": [error]}),
        ..Conduct::default()
    });
    let project = project(&house, Format::Openai);
    let summary = project.run(RUN).expect_code(3).json();
    let wanted = "w-00001 provider-error: the batch failed: This line is no JSON. (line 2)";
    assert_eq!(ends(&summary)[0], wanted);
    house.conduct(Conduct::default());
    let summary = project.run(RESUME).expect_code(0).json();
    assert_eq!(outcomes(&summary)["ok"], 5);
}

#[test]
fn an_endpoint_that_has_no_room_or_fails_for_a_moment_is_asked_again() {
    for (format, submit, look) in [
        (Format::Openai, "POST /v1/batches", "GET /v1/batches/"),
        (
            Format::Anthropic,
            "POST /v1/messages/batches",
            "GET /v1/messages/batches/",
        ),
    ] {
        let house = House::open(Conduct {
            faults: vec![
                ("POST /v1/files", Fault::Dropped),
                (submit, Fault::rate_limited("0.01")),
                (submit, Fault::Status(500)),
                (look, Fault::rate_limited("0.01")),
                (look, Fault::Html(502)),
                (look, Fault::EmptyBody),
                (look, Fault::Reset),
            ],
            ..Conduct::default()
        });
        let output = project(&house, format).run(RUN).expect_code(0);
        assert_eq!(outcomes(&output.json())["ok"], 5);
        assert_eq!(house.batches().len(), 1);
    }
}

#[test]
fn an_endpoint_that_takes_no_batches_or_forgets_one_ends_the_calls_as_outcomes() {
    let house = House::open(Conduct {
        faults: vec![("POST /v1/files", Fault::Status(404))],
        ..Conduct::default()
    });
    let project = project(&house, Format::Openai);
    let summary = project.run(RUN).expect_code(3).json();
    let wanted = "w-00001 provider-error: the batch could not be submitted: HTTP 404: The request was refused with \
                  status 404";
    assert_eq!(ends(&summary)[0], wanted);
    house.conduct(Conduct {
        faults: vec![("GET /v1/batches/", Fault::Status(404))],
        ..Conduct::default()
    });
    let output = project.run(RESUME).expect_code(3);
    let wanted = "w-00001 provider-error: the batch could not be looked at: HTTP 404";
    assert!(ends(&output.json())[0].starts_with(wanted), "{output}");
    assert_eq!(house.batches().len(), 1);
    let summary = project.run(RESUME).expect_code(0).json();
    assert_eq!(outcomes(&summary)["ok"], 5);
    assert_eq!(house.batches().len(), 1);
}
