//! That the history gives back what it was given, whatever database it is kept in.

use std::sync::Arc;

use regauge::digest::Digest;
use regauge::exchange::{Answered, Call, Exchange};
use regauge::history::run::{Run, Status};
use regauge::history::store::{Baseline, History};
use regauge::workspace::Workspace;
use serde_json::{Value, json};

use crate::database::{Engine, engines};
use crate::project::Project;

/// One trial of a case: its score, or `None` where the call failed.
type Trials<'a> = &'a [&'a [Option<f64>]];

/// A complete run of the suite `words`, begun at `started_at`, with one subject and the metric `exact`.
fn run(started_at: i64, cases: Trials<'_>) -> Run {
    let digest = "0".repeat(64);
    let header = json!({
        "id": format!("00000000-0000-7000-8000-{started_at:012}"), "invocation": "i", "suite": "words", "file": "suites/words.yaml",
        "started_at": started_at, "finished_at": started_at + 1, "status": "complete", "trials": 1, "selection": {},
        "subjects": [{
            "prompt": "repeat", "version": 1, "alias": "small", "provider": "openai", "model": "m",
            "prompt_digest": digest, "params_digest": digest, "template": "",
        }],
        "metrics": [{
            "name": "exact", "unit": "share", "binary": true, "lower_is_better": false, "informational": false,
            "fingerprint": digest,
        }],
        "gates": [], "policy": {"alpha": 0.05, "max_missing": 0.05, "on_inconclusive": "warn"},
        "dataset": digest, "regauge": "0.1.0",
    });
    let mut run = Run {
        header: serde_json::from_value(header).unwrap(),
        cases: Arc::new((0..cases.len()).map(case).collect()),
        trials: Vec::new(),
    };
    for (case, scores) in cases.iter().enumerate() {
        for (repeat, score) in scores.iter().enumerate() {
            let trial = trial(case, repeat + 1, *score);
            run.trials.push(serde_json::from_value(trial).unwrap());
        }
    }
    run
}

fn case(index: usize) -> regauge::golden::Case {
    let case = json!({"id": format!("c-{index}"), "vars": {"word": index}, "weight": index + 1});
    serde_json::from_value(case).unwrap()
}

fn trial(case: usize, repeat: usize, score: Option<f64>) -> Value {
    let (outcome, grades) = match score {
        Some(value) => {
            let score = json!({"value": value, "passed": value > 0.5});
            ("ok", json!([{"metric": 0, "result": {"score": score}}]))
        }
        None => ("timeout", json!([])),
    };
    json!({
        "subject": 0, "case": case, "repeat": repeat, "outcome": outcome, "origin": "live", "grades": grades,
    })
}

/// A workspace without models, whose history is in a new database.
fn workspace(engine: Engine) -> (Project, Workspace) {
    let project = Project::new()
        .file("regauge.yaml", "version: 1\nmodels: {}\n")
        .kept_in(engine);
    let workspace = load(&project);
    (project, workspace)
}

/// Reads its `regauge.yaml`.
pub(crate) fn load(project: &Project) -> Workspace {
    let environment = project.environment().into_iter().collect();
    Workspace::load(&project.dir(), &environment).unwrap()
}

/// Carries out a test on a new history in every kind of database.
fn on_each(test: impl AsyncFn(History)) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for engine in engines() {
        let (_project, workspace) = workspace(engine);
        runtime.block_on(async { test(History::open(&workspace).await.unwrap()).await });
    }
}

fn exchange(asked: &str, repeat: u32, answered: &str) -> Exchange {
    let request = json!({
        "provider": "openai", "alias": "small", "model": "m", "messages": [{"role": "user", "text": asked}],
        "params": {},
    });
    Exchange {
        call: Arc::new(Call::new(serde_json::from_value(request).unwrap())),
        repeat,
        answer: answer(answered),
        cost: None,
    }
}

fn answer(text: &str) -> Answered {
    let response = json!({"text": text, "finish": "stop"});
    let answer = json!({
        "reply": {"response": response}, "attempts": 1, "latency_ms": 0.1, "sent_at": 7,
    });
    serde_json::from_value(answer).unwrap()
}

/// Texts that are hard to keep.
const HARD: &[&str] = &[
    "",
    "\0",
    "a\0b\\u0000",
    "\u{202e}\u{feff}\u{10ffff}",
    "'; DROP TABLE runs; --",
    "$1 ? {} %s",
];

#[test]
fn exchanges_come_back_as_they_were_whatever_stands_in_them() {
    on_each(async |history| {
        let exchanges: Vec<Exchange> = (1..=1200)
            .map(|n| {
                exchange(
                    &format!("{n} {}", HARD[n % HARD.len()]),
                    1,
                    HARD[n % HARD.len()],
                )
            })
            .collect();
        history.keep("r", &exchanges).await.unwrap();
        let addresses: Vec<Digest> = exchanges.iter().map(Exchange::address).collect();
        let found = history.answers(&addresses, Some("r")).await.unwrap();
        assert_eq!(found.len(), 1200);
        for exchange in &exchanges {
            let (run, kept) = &found[&exchange.address()];
            assert_eq!((&**run, kept.read()), ("r", exchange.answer.clone()));
        }
        assert!(
            history
                .answers(&addresses, Some("s"))
                .await
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn of_two_answers_at_one_address_the_last_is_kept() {
    on_each(async |history| {
        let (first, second) = (exchange("a", 1, "first"), exchange("a", 1, "second"));
        let address = first.address();
        history
            .keep("r", &[first.clone(), second.clone()])
            .await
            .unwrap();
        let kept = history.answers(&[address], None).await.unwrap();
        assert_eq!(kept[&address].1.read(), second.answer);
        history
            .keep("r", std::slice::from_ref(&first))
            .await
            .unwrap();
        let kept = history.answers(&[address], None).await.unwrap();
        assert_eq!(kept[&address].1.read(), first.answer);
    });
}

#[test]
fn a_run_comes_back_as_it_was_however_often_it_is_finished() {
    on_each(async |history| {
        let cases: Vec<Vec<Option<f64>>> = (1..=1300)
            .map(|n| vec![Some(1.0 / f64::from(n)), None])
            .collect();
        let cases: Vec<&[Option<f64>]> = cases.iter().map(Vec::as_slice).collect();
        let mut run = run(1, &cases);
        history.finish(&run).await.unwrap();
        run.header.status = Status::Incomplete;
        run.trials.truncate(5);
        history.finish(&run).await.unwrap();
        assert_eq!(history.load(&run.header.id).await.unwrap(), run);
        let series = history.points("words", 10).await.unwrap();
        assert_eq!(series, [], "it is not complete any more");
    });
}

#[test]
fn names_may_be_hostile_too() {
    on_each(async |history| {
        let mut run = run(1, &[&[Some(1.0)]]);
        let name = HARD.concat();
        run.header.suite.clone_from(&name);
        run.header.metrics[0].name.clone_from(&name);
        history.note([&run.header].into_iter()).await.unwrap();
        history.finish(&run).await.unwrap();
        let baseline = Baseline {
            run: run.header.id.clone(),
            who: "o'hara".into(),
            why: "a % of $1".into(),
            set_at: 3,
        };
        history.set_baseline(&name, &baseline).await.unwrap();
        assert_eq!(history.baselines(&name).await.unwrap(), [baseline]);
        assert_eq!(history.headers(Some(&name), 5).await.unwrap(), [run.header]);
        assert_eq!(history.points(&name, 5).await.unwrap().len(), 1);
    });
}

#[test]
fn an_imported_run_is_known_and_never_written_over() {
    on_each(async |history| {
        let mut run = run(1, &[&[Some(1.0), Some(0.0)]]);
        for (trial, text) in run.trials.iter_mut().zip(["one", "two"]) {
            trial.address = Some(Digest::of_bytes(text.as_bytes()));
            trial.answer = Some(history.scratch().keep(&answer(text)).unwrap());
        }
        let import = async |run: &Run| history.import(std::slice::from_ref(run)).await;
        assert_eq!(import(&run).await.unwrap(), [true]);
        assert_eq!(import(&run).await.unwrap(), [false]);
        assert_eq!(history.load(&run.header.id).await.unwrap(), run);
        let address = run.trials[1].address.unwrap();
        let answers = history.answers(&[address], None).await.unwrap();
        let (source, kept) = &answers[&address];
        assert_eq!((source, kept.read()), (&run.header.id, answer("two")));
        assert_eq!(history.points("words", 1).await.unwrap().len(), 1);
        let mut other = run.clone();
        other.trials[0].repeat = 3;
        assert!(import(&other).await.is_err());
        assert_eq!(history.load(&run.header.id).await.unwrap(), run);
    });
}

#[test]
fn many_processes_may_make_the_tables_at_once() {
    for engine in engines() {
        let (project, _) = workspace(engine);
        let open = || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            let opened = runtime.block_on(History::open(&load(&project)));
            opened.map(drop)
        };
        std::thread::scope(|scope| {
            let opening: Vec<_> = (0..12).map(|_| scope.spawn(open)).collect();
            for opened in opening {
                opened.join().unwrap().unwrap();
            }
        });
    }
}

#[test]
fn only_one_process_has_the_right_to_make_a_run() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for engine in engines() {
        let (_project, workspace) = workspace(engine);
        runtime.block_on(async {
            let one = History::open(&workspace).await.unwrap();
            let other = History::open(&workspace).await.unwrap();
            let right = one.own("i").await.unwrap();
            assert!(other.own("i").await.is_err());
            other.own("j").await.unwrap();
            drop(right);
            other.own("i").await.unwrap();
        });
    }
}

#[test]
fn a_point_holds_the_mean_of_every_case_in_their_order() {
    on_each(async |history| {
        let run = run(
            1,
            &[&[Some(1.0), Some(0.0)], &[None, None], &[Some(1.0), None]],
        );
        history.finish(&run).await.unwrap();
        let points = history.points("words", 10).await.unwrap();
        let [point] = points.as_slice() else {
            panic!("one run is one point")
        };
        assert_eq!(point.header, run.header);
        assert_eq!(point.cases.len(), 3);
        let means = |metric: &str| {
            let mut series = point.means.iter();
            let found = series.find(|series| series.metric == metric).unwrap();
            (found.subject, found.means.clone(), found.value)
        };
        // The weights of the cases are 1, 2 and 3.
        let passed = (0, vec![Some(0.5), None, Some(1.0)], 3.5 / 4.0);
        assert_eq!(means("pass"), passed);
        assert_eq!(means("exact"), passed);
        let failed = vec![Some(0.0), Some(1.0), Some(0.5)];
        assert_eq!(means("error_rate"), (0, failed, 3.5 / 6.0));
    });
}

#[test]
fn points_are_the_newest_whole_runs_oldest_first_and_share_their_cases() {
    on_each(async |history| {
        for started_at in 1..=9 {
            let mut run = run(started_at, &[&[Some(1.0)], &[Some(0.0)]]);
            match started_at {
                3 => run.header.status = Status::Interrupted,
                5 => run.header.rescored_from = Some("another".into()),
                6 | 7 => run.header.selection.shard = Some("1/2".parse().unwrap()),
                8 => Arc::make_mut(&mut run.cases).swap(0, 1),
                9 => run.header.suite = "other".into(),
                _ => {}
            }
            history.finish(&run).await.unwrap();
        }
        let points = history.points("words", 3).await.unwrap();
        let began: Vec<i64> = points.iter().map(|point| point.header.started_at).collect();
        assert_eq!(began, [2, 4, 8]);
        assert!(Arc::ptr_eq(&points[0].cases, &points[1].cases));
        let swapped: Vec<_> = points[2].cases.iter().rev().collect();
        assert_eq!(swapped, points[0].cases.iter().collect::<Vec<_>>());
        assert_eq!(history.points("words", 0).await.unwrap(), []);
    });
}
