//! That an endpoint may fail in any way, and every trial still has its outcome.

use std::fmt::Write as _;

use serde_json::json;

use crate::endpoint::{
    Answer, Answers, Behaviour, Completion, Endpoint, Fault, Faults, Finish, Gate, Nowhere, Usage,
};
use crate::project::{Project, number_of};
use crate::summary::{metric, outcomes, trials};

#[test]
fn every_fault_is_healed_by_another_attempt() {
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::mixed(0.1),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(600);
    let summary = project
        .run(&["run", "--json", "--concurrency", "32"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 600)].into());
    let attempts = trials(&summary)
        .into_iter()
        .map(|(_, trial)| trial["attempts"].as_u64().unwrap());
    assert_eq!(attempts.sum::<u64>(), endpoint.calls());
    let tallies = endpoint.calls_by_content();
    let failed = tallies.values().filter(|tally| tally.asked > 1).count();
    assert!((30..90).contains(&failed), "{failed} failed");
    assert!(
        tallies
            .values()
            .all(|tally| tally.answered == 1 && tally.asked <= 2)
    );
    assert_eq!((tallies.len(), endpoint.answered()), (600, 600));
}

#[test]
fn every_fault_that_stays_has_its_outcome_and_its_place_in_the_denominator() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|asked| {
            let user = asked.user();
            let number = number_of(&user);
            // Far apart, so that the endpoint never seems to be down.
            let fault = number
                .is_multiple_of(20)
                .then(|| lasting().into_iter().nth(number / 20 - 1));
            fault.flatten().unwrap_or_else(|| Answer::text(user))
        }),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(400);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("retries: 3", "retries: 1"));
    let summary = project
        .run(&["run", "--json", "--concurrency", "16"])
        .expect_code(0)
        .json();
    let mut table = String::new();
    for (index, (_, trial)) in trials(&summary)
        .into_iter()
        .skip(19)
        .step_by(20)
        .enumerate()
    {
        let [outcome, failure] =
            ["outcome", "failure"].map(|name| trial[name].as_str().unwrap_or("-"));
        writeln!(
            table,
            "{index:2}: {outcome}, {} attempts: {failure}",
            trial["attempts"]
        )
        .unwrap();
    }
    insta::assert_snapshot!(table, @r#"
     0: rate-limited, 2 attempts: HTTP 429: Rate limit reached for requests
     1: rate-limited, 1 attempts: HTTP 429: Rate limit reached for requests (the endpoint asks us to wait 1 h 00 m, which is too long)
     2: provider-error, 1 attempts: HTTP 400: The request was refused with status 400
     3: provider-error, 1 attempts: HTTP 404: The request was refused with status 404
     4: provider-error, 2 attempts: HTTP 500: The server had an error while processing your request
     5: provider-error, 2 attempts: HTTP 502: HTML instead of JSON ("Bad gateway")
     6: unparseable, 2 attempts: HTTP 200: HTML instead of JSON ("Bad gateway")
     7: unparseable, 2 attempts: HTTP 200: an empty body
     8: unparseable, 2 attempts: HTTP 200: no JSON: unexpected end of hex escape at line 1 column 12
     9: unparseable, 2 attempts: HTTP 200: JSON without `choices`
    10: provider-error, 2 attempts: the reply was cut: end of file before message length reached
    11: timeout, 2 attempts: no answer within 2.0 s
    12: provider-error, 2 attempts: the connection broke: connection closed before message completed
    13: provider-error, 2 attempts: the connection broke: Connection reset by peer (os error 104)
    14: timeout, 2 attempts: no answer within 2.0 s
    15: provider-error, 2 attempts: the connection broke: invalid HTTP version parsed
    16: provider-error, 1 attempts: HTTP 302: an empty body
    17: truncated, 1 attempts: -
    18: refused, 1 attempts: -
    19: filtered, 1 attempts: -
    "#);
    assert_eq!(outcomes(&summary).values().sum::<u64>(), 400);
    // 380 are right, 3 wrong, and of 17 nobody knows.
    let bounds = &metric(&summary, "exact")["bounds"];
    assert_eq!(bounds, &json!([380.0 / 400.0, 397.0 / 400.0]));
}

/// What lasts, one after the other.
fn lasting() -> Vec<Answer> {
    let redirect = Fault::Reply {
        status: 302,
        headers: vec![("location".into(), "/v1/messages".into())],
        body: Vec::new(),
    };
    let faults = [
        Fault::rate_limited("0.05"),
        Fault::rate_limited("3600"),
        Fault::Status(400),
        Fault::Status(404),
        Fault::Status(500),
        Fault::Html(502),
        Fault::Html(200),
        Fault::EmptyBody,
        Fault::json("[1, \"\\ud800\"]"),
        Fault::json("{\"choices\": []}"),
        Fault::CutBody,
        Fault::StalledBody,
        Fault::Dropped,
        Fault::Reset,
        Fault::Hang,
        Fault::NotHttp,
        redirect,
    ];
    let endings = [Finish::Length, Finish::Refusal, Finish::Filter].map(|finish| Completion {
        finish,
        ..Completion::text("so it ends")
    });
    let faults = faults.map(Answer::from).into_iter();
    faults.chain(endings.map(Answer::from)).collect()
}

#[test]
fn an_endpoint_that_is_down_ends_the_run_long_before_every_call_was_tried() {
    let nowhere = Nowhere::new();
    let project = Project::new().workspace(&nowhere.url()).cases(1000);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("retries: 3", "retries: 1"));
    let output = project
        .run(&["run", "--json", "--deadline", "1m"])
        .expect_code(3);
    let summary = output.json();
    let outcomes = outcomes(&summary);
    assert_eq!(outcomes["provider-error"] + outcomes["skipped"], 1000);
    assert!(outcomes["provider-error"] < 100, "{outcomes:?}");
    let reason = summary["suites"][0]["run"]["reason"].as_str().unwrap();
    assert!(
        reason.contains("failed 20 times in a row") && reason.contains("Connection refused"),
        "{reason}"
    );
    assert_eq!(summary["verdict"], "unmeasured");
    assert!(output.stderr.contains("regauge run --resume"), "{output}");
}

#[test]
fn an_endpoint_that_goes_down_leaves_what_it_has_answered() {
    let endpoint = Endpoint::start(Behaviour {
        down_after: Some((100, Fault::Dropped)),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(1000);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("retries: 3", "retries: 0"));
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    assert_eq!(outcomes(&summary)["ok"], 100);
    assert!(endpoint.calls() < 200, "{} calls", endpoint.calls());
    assert_eq!(metric(&summary, "exact")["bounds"], json!([0.1, 1.0]));
}

#[test]
fn a_wrong_key_ends_the_run_after_a_few_calls() {
    let endpoint = Endpoint::start(Behaviour {
        key: Some("sk-right-0123456789".into()),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url())
        .cases(500)
        .env("KEY", "sk-wrong-0123456789");
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert!(endpoint.calls() <= 3 + 8, "{} calls", endpoint.calls());
    let summary = output.json();
    let reason = summary["suites"][0]["run"]["reason"].as_str().unwrap();
    assert!(reason.contains("401") && reason.contains("***"), "{reason}");
    assert!(!output.to_string().contains("sk-wrong"), "{output}");
}

#[test]
fn a_deadline_ends_the_run_and_the_rest_can_follow() {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(50);
    let config = project.read("regauge.yaml");
    project.write("regauge.yaml", config.replace("timeout: 2s", "timeout: 1m"));
    gate.release(5);
    let output = project
        .run(&["run", "--json", "--deadline", "1s"])
        .expect_code(3);
    let summary = output.json();
    assert_eq!(
        outcomes(&summary),
        [("ok".to_owned(), 5), ("skipped".to_owned(), 45)].into()
    );
    assert_eq!(
        summary["suites"][0]["run"]["reason"],
        "the time of the run was spent (45 trials)"
    );
    gate.open();
    let summary = project
        .run(&["run", "--resume", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary)["ok"], 50);
}

#[test]
fn a_budget_is_not_overspent_and_ends_the_run() {
    // What the prompt is estimated to be, and the most that an answer may be: 11.1 millionths of a dollar.
    let usage = Usage {
        input: 10,
        output: 16,
    };
    let completion = Completion {
        usage: Some(usage),
        ..Completion::text("word")
    };
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::Same(completion),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(100);
    let suite = project.read("suites/words.yaml");
    project.write(
        "suites/words.yaml",
        suite.replace("    at_least: 0.80\n", ""),
    );
    let summary = project
        .run(&["run", "--json", "--budget", "0.00030"])
        .expect_code(3)
        .json();
    let run = &summary["suites"][0]["run"];
    let ok = outcomes(&summary)["ok"];
    assert!((20..=27).contains(&ok), "{ok} answers");
    assert_eq!(
        (ok, outcomes(&summary)["skipped"]),
        (endpoint.calls(), 100 - ok)
    );
    #[expect(clippy::cast_precision_loss, reason = "a count below a hundred")]
    let expected = ok as f64 * 11.1e-6;
    assert!(
        (run["cost_usd"].as_f64().unwrap() - expected).abs() < 1e-12,
        "{run}"
    );
    assert_eq!(
        run["reason"],
        format!("the budget of the run was spent ({} trials)", 100 - ok)
    );

    let unpriced = project
        .read("regauge.yaml")
        .replace("    price: { input: 0.15, output: 0.60 }\n", "");
    project.write("regauge.yaml", unpriced);
    let output = project.run(&["run", "--budget", "1"]).expect_code(2);
    assert!(
        output.stderr.contains("no price for model `small`"),
        "{output}"
    );
}

#[test]
fn a_redirect_is_not_followed_so_that_no_other_host_sees_the_key() {
    let other = Endpoint::start(Behaviour::default());
    for status in [301, 302, 303, 307, 308] {
        let redirect = Fault::Reply {
            status,
            headers: vec![(
                "location".into(),
                format!("{}/chat/completions", other.url()),
            )],
            body: Vec::new(),
        };
        let endpoint = Endpoint::start(Behaviour {
            faults: Faults::always(redirect),
            ..Behaviour::default()
        });
        let project = keyed(&endpoint.url())
            .cases(1)
            .env("KEY", "sk-right-0123456789");
        let summary = project.run(&["run", "--json"]).expect_code(3).json();
        assert_eq!(outcomes(&summary)["provider-error"], 1);
        assert_eq!((endpoint.calls(), other.connections()), (1, 0), "{status}");
    }
}

#[test]
fn a_body_without_end_is_not_read_to_its_end() {
    let endless = Fault::json("x".repeat(33 * 1024 * 1024));
    assert_eq!(
        failure_of(endless),
        "the body is longer than 33554432 bytes"
    );
}

#[test]
fn a_body_that_unpacks_without_end_is_not_unpacked_to_its_end() {
    // 34 MiB of zeros, a thousandth as long when packed.
    let packed = include_bytes!("endpoint/zeros.gz");
    let bomb = Fault::Reply {
        status: 200,
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("content-encoding".into(), "gzip".into()),
        ],
        body: packed.to_vec(),
    };
    assert_eq!(failure_of(bomb), "the body is longer than 33554432 bytes");
}

#[test]
fn headers_without_end_are_no_reply() {
    let long = Fault::Reply {
        status: 200,
        headers: vec![("x-long".into(), "x".repeat(2 * 1024 * 1024))],
        body: Vec::new(),
    };
    let failure = failure_of(long);
    assert!(failure.starts_with("the connection broke"), "{failure}");
}

#[test]
fn a_body_that_nests_without_end_is_no_json() {
    let deep = format!("{{\"choices\": {}", "[".repeat(1_000_000));
    let failure = failure_of(Fault::json(deep));
    assert!(failure.contains("recursion limit exceeded"), "{failure}");
}

/// What is said of a trial that meets this fault.
fn failure_of(fault: Fault) -> String {
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::always(fault),
        ..Behaviour::default()
    });
    let project = Project::new().workspace(&endpoint.url()).cases(1);
    let config = project.read("regauge.yaml");
    let config = config
        .replace("retries: 3", "retries: 0")
        .replace("timeout: 2s", "timeout: 1m");
    project.write("regauge.yaml", config);
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    trials(&summary)[0].1["failure"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn keyed(url: &str) -> Project {
    let project = Project::new().workspace(url);
    let config = project.read("regauge.yaml");
    project.write(
        "regauge.yaml",
        config.replace("    timeout", "    api_key: ${KEY}\n    timeout"),
    );
    project
}
