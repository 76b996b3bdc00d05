//! That calls in batches come to the same as single calls, at half the price, and that no batch is paid for twice.

#[path = "batch_test/house.rs"]
mod house;
#[path = "batch_test/results.rs"]
mod results;
#[path = "batch_test/resume.rs"]
mod resume;

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint, Fault};
use crate::project::Project;
use crate::summary::{assert_same, masked, metric, outcomes, run_id, trials};
use house::{Conduct, Format, House};

/// A run in batches that looks at them often.
const RUN: &[&str] = &["run", "--batch", "--batch-poll", "5ms", "--json"];
/// The same, resumed.
const RESUME: &[&str] = &["run", "--resume", "--batch-poll", "5ms", "--json"];

/// A workspace whose model is the house.
fn project(house: &House, format: Format) -> Project {
    let project = Project::new().workspace(&house.endpoint.url());
    if format == Format::Anthropic {
        let origin = house.endpoint.origin();
        let config = project.read("regauge.yaml");
        let config = config
            .replace("provider: openai", "provider: anthropic")
            .replace(&format!("{origin}/v1"), &origin)
            .replace(", seed: 7", "");
        project.write("regauge.yaml", config);
    }
    project
}

/// Writes a file of the workspace with one text in the place of another.
fn edit(project: &Project, path: &str, old: &str, new: &str) {
    let text = project.read(path);
    assert!(text.contains(old), "{path} has no {old:?}");
    project.write(path, text.replace(old, new));
}

#[test]
fn a_batch_answers_all_calls_at_half_the_price() {
    for format in [Format::Openai, Format::Anthropic] {
        let house = House::open(Conduct::default());
        let project = project(&house, format);
        let output = project.run(RUN).expect_code(0);
        let summary = output.json();
        assert_eq!(outcomes(&summary), [("ok".to_owned(), 5)].into());
        assert_eq!(house.batches().len(), 1);
        for (_, trial) in trials(&summary) {
            // 40 tokens at 0.15 and 10 at 0.60 dollars a million are 12 millionths.
            assert_eq!(trial["cost_usd"], 6e-6, "{trial}");
            assert_eq!(trial["latency_ms"], Value::Null);
        }
        let said: Vec<&str> = output.stderr.lines().collect();
        assert_eq!(said[0], "5 calls");
        let starts = [
            "batch batch_1 of `small`: 5 calls submitted (",
            "batch batch_1 of `small`: in_progress, 0 of 5 done, 0 failed (",
        ];
        for (line, start) in said[1..].iter().zip(starts) {
            assert!(line.starts_with(start), "{output}");
        }
        // The exchanges are like any other: they are graded again, and reported on, without a call.
        let before = house.endpoint.calls();
        let again = project.run(&["rescore", "--json"]).expect_code(0).json();
        assert_eq!(trials(&again)[0].1["cost_usd"], 6e-6);
        assert_eq!(house.endpoint.calls(), before);
    }
}

#[test]
fn a_large_batch_is_kept_in_parts_and_said_to_be_one() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai).cases(700);
    let run = ["run", "--batch", "--batch-poll", "5ms"];
    let output = project.run(&run).expect_code(0);
    let size = "700 calls in batches at half the price";
    assert!(output.stdout.contains(size), "{output}");
    assert_eq!(house.batches()[0].len(), 700);
}

#[test]
fn a_batch_comes_to_the_same_as_single_calls_whatever_the_order_of_its_results() {
    let single = Endpoint::start(Behaviour::default());
    let forwards = Conduct {
        results: Box::new(|results| {
            results
                .calls
                .iter()
                .map(|call| results.echo(call))
                .collect()
        }),
        ..Conduct::default()
    };
    let (house, other) = (House::open(Conduct::default()), House::open(forwards));
    let summaries = [
        Project::new()
            .workspace(&single.url())
            .run_unpriced(&["run", "--json"]),
        project(&house, Format::Openai).run_unpriced(RUN),
        project(&other, Format::Openai).run_unpriced(RUN),
    ];
    let [single, batch, other] = summaries.map(|mut summary| {
        let run = summary["suites"][0]["run"].as_object_mut().unwrap();
        (run.remove("batched"), masked(summary))
    });
    assert_eq!((single.0, &batch.0), (None, &Some(json!(5))));
    assert_same(&single.1, &batch.1);
    assert_same(&batch.1, &other.1);
}

trait Unpriced {
    fn run_unpriced(self, arguments: &[&str]) -> Value;
}

impl Unpriced for Project {
    /// What a run comes to where nobody knows what it costs.
    fn run_unpriced(self, arguments: &[&str]) -> Value {
        edit(
            &self,
            "regauge.yaml",
            "    price: { input: 0.15, output: 0.60 }\n",
            "",
        );
        self.run(arguments).expect_code(0).json()
    }
}

#[test]
fn what_was_answered_in_a_batch_is_reused_and_replayed() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai);
    let run = [RUN, &["--record"]].concat();
    let first = project.run(&run).expect_code(0).json();
    let before = house.endpoint.calls();
    for source in ["--reuse", "--replay"] {
        let again = project.run(&["run", source, "--json"]).expect_code(0);
        let again = again.json();
        assert_eq!(trials(&again)[3].1["output"], trials(&first)[3].1["output"]);
        assert_eq!(trials(&again)[3].1["cost_usd"], 6e-6);
    }
    let again = [RUN, &["--reuse"]].concat();
    project.run(&again).expect_code(0);
    assert_eq!(house.endpoint.calls(), before);
}

#[test]
fn a_budget_is_held_by_half_the_price_before_anything_is_submitted() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai);
    // A call may cost 12 tokens in and 16 out, 11.4 millionths of a dollar: one of them fits, or three in a batch.
    let run = [RUN, &["--budget", "0.000020"]].concat();
    let output = project.run(&run).expect_code(3);
    assert!(
        output
            .stderr
            .contains("may cost up to $0.0000, and its budget leaves $0.0000"),
        "{output}"
    );
    let summary = output.json();
    let wanted = [("ok".to_owned(), 3), ("skipped".to_owned(), 2)];
    assert_eq!(outcomes(&summary), wanted.into());
    assert_eq!(house.batches()[0].len(), 3);
    project.run(RESUME).expect_code(0);
    assert_eq!(house.batches()[1].len(), 2);
}

#[test]
fn check_reckons_with_half_the_price() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai);
    let cost = |arguments: &[&str]| {
        let checked = project.run(arguments).expect_code(0).json();
        checked[0]["subjects"][0]["cost_usd"].as_f64().unwrap()
    };
    let single = cost(&["check", "--json"]);
    let batch = cost(&["check", "--batch", "--json"]);
    assert!((single / batch - 2.0).abs() < 1e-9, "{single} {batch}");
    let output = project.run(&["check", "--batch"]).expect_code(0);
    assert!(output.stdout.contains("by half the prices of"), "{output}");
    assert_eq!(house.endpoint.calls(), 0);
}

#[test]
fn what_cannot_be_done_in_batches_is_said_before_anything_is_called() {
    let house = House::open(Conduct::default());
    for (file, old, new, said) in [
        (
            "regauge.yaml",
            "provider: openai",
            "provider: mistral",
            "model `small` takes no batches: the format mistral has none",
        ),
        (
            "regauge.yaml",
            "seed: 7",
            "stream: true",
            "`repeat@v1` on `small` is streamed, and the answers of a batch are not",
        ),
        (
            "suites/words.yaml",
            "  - exact\ngates:",
            "  - exact\n  - latency: { max: 2s }\ngates:\n  - metric: latency",
            "the gate on `latency` cannot be held by batches: an answer of one has no time of its own",
        ),
    ] {
        let project = project(&house, Format::Openai);
        edit(&project, file, old, new);
        for arguments in [RUN, &["check", "--batch"]] {
            let output = project.run(arguments).expect_code(2);
            assert!(output.stderr.contains(said), "{output}");
            assert!(output.stderr.contains("without --batch"), "{output}");
        }
    }
    let conflict = project(&house, Format::Openai).run(&["run", "--batch", "--replay"]);
    conflict.expect_code(2);
    assert_eq!(house.endpoint.calls(), 0);
}

#[test]
fn time_is_not_measured_in_batches_and_everything_else_is() {
    let house = House::open(Conduct::default());
    let project = project(&house, Format::Openai);
    edit(
        &project,
        "suites/words.yaml",
        "  - exact\n",
        "  - exact\n  - latency: { max: 2s }\n  - cost\n",
    );
    let summary = project.run(RUN).expect_code(0).json();
    assert_eq!(metric(&summary, "latency")["now"], Value::Null);
    assert_eq!(metric(&summary, "exact")["now"]["value"], 1.0);
    assert_eq!(metric(&summary, "error_rate")["now"]["value"], 0.0);
    assert_eq!(metric(&summary, "cost")["now"]["value"], 6e-6);
}

#[test]
fn judges_are_asked_one_by_one() {
    let house = House::open(Conduct::default());
    let judge = Endpoint::start(Behaviour {
        answers: Answers::by(|_| {
            Answer::text(r#"{"helpful": {"evidence": "it says so", "score": 5}}"#)
        }),
        ..Behaviour::default()
    });
    let project = project(&house, Format::Openai);
    let config = project.read("regauge.yaml");
    let more = format!(
        "  judge:\n    provider: openai\n    base_url: {}\n    model: j\n    price: {{ input: 1, output: 1 }}\n",
        judge.url()
    );
    project.write("regauge.yaml", config + &more);
    edit(
        &project,
        "suites/words.yaml",
        "  - exact\n",
        "  - exact\n  - judge: { name: helpful, model: judge, criteria: [{ name: helpful, asks: it helps }] }\n",
    );
    project.run(RUN).expect_code(0);
    assert_eq!(house.batches().len(), 1);
    assert_eq!(judge.answered(), 5);
}

#[test]
fn a_key_goes_to_no_other_host_and_does_not_come_back() {
    const KEY: &str = "sk-a/b+c=\"d\"_0123456789";
    for format in [Format::Openai, Format::Anthropic] {
        let stranger = Endpoint::start(Behaviour::default());
        let house = House::open(Conduct {
            results: Box::new(|results| {
                let calls = results.calls.iter();
                calls.map(|call| results.answer(call, KEY)).collect()
            }),
            results_url: Some(format!("{}/v1/results", stranger.origin())),
            faults: vec![("GET /v1/", Fault::EchoesKey(500))],
            ..Conduct::default()
        });
        let project = project(&house, format).env("KEY", KEY);
        let config = project.read("regauge.yaml");
        project.write("regauge.yaml", config + "    api_key: ${KEY}\n");
        let output = project.run(RUN);
        let summary = output.json();
        assert_eq!(trials(&summary)[0].1["output"], "***");
        assert!(!output.to_string().contains("0123456789"), "{output}");
        for file in project.files() {
            let bytes = std::fs::read(project.dir().join(&file)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("0123456789"), "{file}");
        }
        assert_eq!(stranger.calls(), 0);
        let (name, value) = match format {
            Format::Openai => ("authorization", format!("Bearer {KEY}")),
            Format::Anthropic => ("x-api-key", KEY.to_owned()),
        };
        for request in house.endpoint.requests() {
            assert_eq!(
                request.header(name),
                Some(value.as_str()),
                "{}",
                request.line
            );
        }
    }
}
