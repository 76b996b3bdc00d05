//! That endpoints with limits are not run into, on the real binary: a minute of theirs lasts a second here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::endpoint::{Answer, Answers, Behaviour, Completion, Endpoint, Fault, Usage};
use crate::project::Project;
use crate::summary::outcomes;

/// Calls that the endpoint lets in, in any second.
const A_SECOND: usize = 100;

/// An endpoint that lets in so many calls in any second, and does not say so.
fn limited() -> Endpoint {
    let log: Arc<Mutex<VecDeque<Instant>>> = Arc::default();
    Endpoint::start(Behaviour {
        answers: Answers::by(move |asked| {
            let mut log = log.lock().unwrap();
            let now = Instant::now();
            while log
                .front()
                .is_some_and(|first| *first + Duration::from_secs(1) <= now)
            {
                log.pop_front();
            }
            if log.len() >= A_SECOND {
                let wait = log[0] + Duration::from_secs(1) - now;
                return Fault::rate_limited(&format!("{:.3}", wait.as_secs_f64())).into();
            }
            log.push_back(now);
            Answer::text(asked.user())
        }),
        keep_requests: 0,
        ..Behaviour::default()
    })
}

#[test]
fn a_limit_that_nobody_told_is_found_and_hardly_a_call_is_refused() {
    let endpoint = limited();
    let project = Project::new().workspace(&endpoint.url()).cases(600);
    let summary = project
        .run(&["run", "--json", "--concurrency", "8"])
        .expect_code(0)
        .json();
    assert_eq!(outcomes(&summary), [("ok".to_owned(), 600)].into());
    let refused = endpoint.calls() - endpoint.answered();
    // Up to eight that were under way at the first refusal, and one at each later look at the limit.
    assert!(
        refused <= 30,
        "{refused} of {} calls refused",
        endpoint.calls()
    );
}

/// A hundred cases without a floor for what is right, on an endpoint that is.
fn project(endpoint: &Endpoint) -> Project {
    let project = Project::new().workspace(&endpoint.url()).cases(100);
    let suite = project.read("suites/words.yaml");
    project.write(
        "suites/words.yaml",
        suite.replace("    at_least: 0.80\n", ""),
    );
    project
}

/// An endpoint whose answers cost what is forecast of them: 11.1 millionths of a dollar.
fn priced() -> Endpoint {
    let usage = Some(Usage {
        input: 10,
        output: 16,
    });
    Endpoint::start(Behaviour {
        answers: Answers::Same(Completion {
            usage,
            ..Completion::text("word")
        }),
        ..Behaviour::default()
    })
}

#[test]
fn a_suite_does_not_spend_more_than_its_budget() {
    let endpoint = priced();
    let project = project(&endpoint);
    let suite = project.read("suites/words.yaml");
    project.write("suites/words.yaml", format!("{suite}budget: 0.0003\n"));
    let checked = project.run(&["check"]).expect_code(0);
    assert!(
        checked.stderr.contains("and its budget is $0.0003"),
        "{checked}"
    );
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert!(
        output.stderr.contains("its budget leaves $0.0003"),
        "{output}"
    );
    let summary = output.json();
    let ok = outcomes(&summary)["ok"];
    assert!((20..=27).contains(&ok), "{ok} answers");
    assert_eq!(
        summary["suites"][0]["run"]["reason"],
        format!("the budget of the suite was spent ({} trials)", 100 - ok)
    );
}

#[test]
fn the_budget_of_the_month_counts_what_earlier_runs_spent() {
    let endpoint = priced();
    let project = project(&endpoint);
    let config = project.read("regauge.yaml");
    // Enough for one run and a half.
    project.write("regauge.yaml", format!("{config}monthly_budget: 0.0017\n"));
    let summary = project.run(&["run", "--json"]).json();
    assert_eq!(outcomes(&summary)["ok"], 100);
    let checked = project.run(&["check"]).expect_code(0);
    assert!(
        checked
            .stdout
            .contains("the budget of the month leaves $0.0006 of $0.0017"),
        "{checked}"
    );
    let summary = project.run(&["run", "--json"]).expect_code(3).json();
    let ok = outcomes(&summary)["ok"];
    assert!((45..=53).contains(&ok), "{ok} answers");
    assert_eq!(
        summary["suites"][0]["run"]["reason"],
        format!("the budget of the month was spent ({} trials)", 100 - ok)
    );
}
