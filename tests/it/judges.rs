//! A workspace with a judge, and what its runs say.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Answers, Asked, Behaviour, Endpoint};
use crate::process::Output;
use crate::project::Project;

/// An endpoint that echoes the user as the model, and replies as the judge what `verdict` makes of the judged text.
pub(crate) fn endpoint(verdict: impl Fn(&str) -> String + Send + Sync + 'static) -> Endpoint {
    Endpoint::start(Behaviour {
        answers: Answers::by(move |asked: &Asked<'_>| {
            if asked.model() == "judge-model" {
                Answer::text(verdict(&asked.user()))
            } else {
                Answer::text(asked.user())
            }
        }),
        keep_requests: 100,
        ..Behaviour::default()
    })
}

pub(crate) fn project(endpoint: &Endpoint, scorers: &str) -> Project {
    let project = Project::new().workspace(&endpoint.url());
    let judge = format!(
        "  judge:\n    provider: openai\n    base_url: {}\n    model: judge-model\n    retries: 0\n    \
         price: {{ input: 1, output: 2 }}\n",
        endpoint.url()
    );
    let config = project.read("regauge.yaml") + &judge;
    project.write("regauge.yaml", &config);
    project.write(
        "suites/words.yaml",
        format!(
            "name: words\nprompts: [repeat@v1]\nmodels: [small]\ndataset: golden/words.jsonl\ntrials: 1\nscorers:\n{scorers}"
        ),
    );
    project
}

pub(crate) const HELPFUL: &str =
    "  - judge: { name: helpful, model: judge, criteria: [{ name: helpful, asks: it helps }] }\n";

/// A verdict as the judge is asked for it.
pub(crate) fn scored(score: impl Into<Value>) -> String {
    json!({"helpful": {"evidence": "it says so", "score": score.into()}}).to_string()
}

/// The scores of a metric by case, `None` where there is none.
pub(crate) fn scores(output: &Output, metric: &str) -> Vec<Option<f64>> {
    crate::summary::scores(&output.json(), metric)
}

/// The sentences about the judges of the first subject.
pub(crate) fn said_of_judges(output: &Output) -> String {
    let suite = output.json()["suites"][0].clone();
    let judges = suite["subjects"][0]["judges"].as_array().unwrap().clone();
    judges
        .iter()
        .map(|judge| judge["sentences"].to_string())
        .collect()
}
