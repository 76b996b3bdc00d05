//! Metrics of the whole dataset, which are read off a table of labels.

use proptest::prelude::*;

use super::*;
use crate::plan::{LabelRecord, WholeMetric};
use crate::stats::confusion::{Answered, Cell, Measure};

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Cases whose right class is the capital, with what was given in each trial: a class, `-` none of them, `?` an
/// abstention, `!` no answer.
fn classified(id: &str, cases: &[&str]) -> Run {
    let outcomes: Vec<String> = cases
        .iter()
        .map(|case| case[1..].replace(|given| given != '!', "1"))
        .collect();
    let outcomes: Vec<&str> = outcomes.iter().map(String::as_str).collect();
    let mut run = run(id, &outcomes);
    let place = |given: char| NAMES.iter().position(|name| name.starts_with(given));
    for trial in &mut run.trials {
        let case = cases[trial.case];
        let right = place(case.chars().next().unwrap().to_ascii_lowercase());
        let given = case.chars().nth(trial.repeat as usize).unwrap();
        for grade in &mut trial.grades {
            let Graded::Score(score) = &mut grade.result else {
                continue;
            };
            let answered = match given {
                '?' => Answered::Abstained,
                given => place(given).map_or(Answered::Other, Answered::Label),
            };
            score.value = if answered == Answered::Label(right.unwrap()) {
                1.0
            } else {
                0.0
            };
            score.passed = Some(score.value > 0.5);
            score.cells = vec![Cell {
                expected: right,
                answered,
                times: 1,
            }];
        }
    }
    let measures = [
        Measure::MacroF1,
        Measure::BalancedAccuracy,
        Measure::Mcc,
        Measure::Coverage,
    ];
    run.header.metrics[0].labels = Some(LabelRecord {
        names: NAMES.map(str::to_owned).into(),
        measures: measures
            .map(|measure| WholeMetric {
                name: format!("exact/{}", measure.name()),
                measure,
            })
            .into(),
    });
    run
}

fn gated(mut run: Run, at_least: Option<f64>) -> Run {
    run.header.gates.push(GateRule {
        at_least,
        ..GateRule::on_drop("exact/macro-f1", 0.05)
    });
    run
}

fn whole<'s, 'a>(summary: &'s Summary<'a>, name: &str) -> &'s MetricSummary<'a> {
    let mut metrics = summary.suites[0].subjects[0].metrics.iter();
    metrics.find(|metric| metric.name == name).unwrap()
}

/// So many cases of each class, all right.
fn right(each: usize) -> Vec<&'static str> {
    [vec!["Aaaa"; each], vec!["Bbbb"; each], vec!["Cccc"; each]].concat()
}

#[test]
fn a_measure_is_read_off_the_table_of_all_cases() {
    let now = classified("b", &["Aa", "Aa", "Ab", "Bb", "B-", "Cc", "C?"]);
    compare(&now, None, |summary| {
        // F1: a 4/5, b 2/4, c 2/3.
        let macro_f1 = whole(summary, "exact/macro-f1").now.unwrap();
        assert!((macro_f1.value - (0.8 + 0.5 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
        assert!(macro_f1.low < macro_f1.value && macro_f1.value < macro_f1.high);
        let coverage = whole(summary, "exact/coverage").now.unwrap();
        assert!((coverage.value - 6.0 / 7.0).abs() < 1e-12);
        assert_eq!(
            whole(summary, "exact/macro-f1").gate,
            None,
            "gated only where a gate names it"
        );
    });
}

#[test]
fn the_trials_of_a_case_count_its_part_and_its_weight() {
    let mut now = classified("b", &["Aab", "Bbb"]);
    case_of(&mut now, 0).weight = 2.0;
    compare(&now, None, |summary| {
        // Of a half is found, with the weight 2: a 1 right, 1 as b; b 1 right. F1: a 2/3, b 2/3.
        let macro_f1 = whole(summary, "exact/macro-f1").now.unwrap();
        assert!((macro_f1.value - 2.0 / 3.0).abs() < 1e-12);
        let table = &summary.suites[0].subjects[0].labels[0];
        let counts: Vec<f64> = table.rows[0].cells.iter().map(|cell| cell.now).collect();
        assert_eq!(counts, [1.0, 1.0, 0.0]);
        assert_eq!(table.columns, NAMES, "nothing else was given");
    });
}

#[test]
fn a_class_that_breaks_is_a_regression_of_the_measure() {
    let before = classified("a", &right(20));
    let cases = [vec!["Aaaa"; 20], vec!["Bbbb"; 20], vec!["Caac"; 20]].concat();
    let now = gated(classified("b", &cases), None);
    compare(&now, Some(&before), |summary| {
        let macro_f1 = whole(summary, "exact/macro-f1");
        assert_eq!(macro_f1.verdict, Some(Verdict::Regressed));
        insta::assert_snapshot!(macro_f1.sentence, @"exact/macro-f1 fell 25 points, 100.0 % to 75.0 %, more than the 5 allowed; noise alone does this 0.01 % of the time (adjusted for 2 comparisons)");
        let row = &summary.suites[0].subjects[0].labels[0].rows[2];
        assert_eq!(
            (row.cells[2].before, row.before.unwrap().recall),
            (Some(20.0), 1.0)
        );
        assert!((row.cells[0].now - 20.0 * 2.0 / 3.0).abs() < 1e-9);
    });
}

#[test]
fn a_measure_passes_only_where_failures_of_the_rarest_class_would_have_been_seen() {
    let (before, now) = (
        classified("a", &right(20)),
        gated(classified("b", &right(20)), None),
    );
    compare(&now, Some(&before), |summary| {
        // 180 trials a side, and 60 / 0.05 would do with classes alike.
        assert_eq!(
            whole(summary, "exact/macro-f1").verdict,
            Some(Verdict::Pass)
        );
    });
    let rare = |id| {
        let cases = [vec!["Aaaa"; 30], vec!["Bbbb"; 29], vec!["Cccc"; 1]].concat();
        classified(id, &cases)
    };
    compare(&gated(rare("b"), None), Some(&rare("a")), |summary| {
        let macro_f1 = whole(summary, "exact/macro-f1");
        assert_eq!(macro_f1.verdict, Some(Verdict::Inconclusive));
        insta::assert_snapshot!(macro_f1.sentence, @"exact/macro-f1 measured +0, 90 % interval −28.3 to +0; this run can see drops of 42.8 points or more");
    });
}

#[test]
fn a_floor_holds_only_where_the_data_show_it() {
    for (each, floor, verdict) in [
        (2, 0.9, Verdict::Inconclusive),
        (20, 0.9, Verdict::NoBaseline),
    ] {
        let now = gated(classified("b", &right(each)), Some(floor));
        compare(&now, None, |summary| {
            assert_eq!(
                whole(summary, "exact/macro-f1").verdict,
                Some(verdict),
                "{each}"
            );
        });
    }
    let wrong = [vec!["Abbb"; 20], vec!["Bbbb"; 20]].concat();
    compare(
        &gated(classified("b", &wrong), Some(0.9)),
        None,
        |summary| {
            assert_eq!(summary.exit.code, 1);
            insta::assert_snapshot!(whole(summary, "exact/macro-f1").sentence, @"exact/macro-f1 is 33.3 %, below the floor of 90.0 % (90 % interval 27.3 % to 38.5 %)");
        },
    );
}

#[test]
fn failures_bound_the_measure_and_are_no_answers() {
    let before = classified("a", &right(10));
    let cases = [vec!["Aaaa"; 10], vec!["Bbbb"; 10], vec!["Ccc!"; 10]].concat();
    compare(&classified("b", &cases), Some(&before), |summary| {
        let macro_f1 = whole(summary, "exact/macro-f1");
        assert!((macro_f1.now.unwrap().value - 1.0).abs() < 1e-12);
        // If each were wrong, of c two thirds would be found: F1 is 4/5.
        let (worst, best) = macro_f1.bounds.unwrap();
        assert!((worst - 2.8 / 3.0).abs() < 1e-12 && (best - 1.0).abs() < 1e-12);
        assert!((macro_f1.worst_case.unwrap() + 0.2 / 3.0).abs() < 1e-12);
    });
}

#[test]
fn a_class_of_which_every_case_failed_is_known_by_what_is_expected() {
    let mut now = classified("b", &["Aa", "Bb", "C!"]);
    case_of(&mut now, 2).expected = Some(json!("c"));
    compare(&now, None, |summary| {
        let (worst, best) = whole(summary, "exact/macro-f1").bounds.unwrap();
        assert!((worst - 2.0 / 3.0).abs() < 1e-12 && (best - 1.0).abs() < 1e-12);
    });
}

#[test]
fn turns_of_one_conversation_are_one_unit_of_the_measure() {
    let clustered = |mut run: Run| {
        for (index, case) in Arc::make_mut(&mut run.cases).iter_mut().enumerate() {
            case.cluster = Some(format!("talk {}", index % 2));
        }
        run.header.policy.clusters = Sharing::Trajectory;
        gated(run, None)
    };
    let before = clustered(classified("a", &right(10)));
    let wrong = [vec!["Abbb"; 10], vec!["Bbbb"; 10], vec!["Cccc"; 10]].concat();
    compare(
        &clustered(classified("b", &wrong)),
        Some(&before),
        |summary| {
            // Two talks of three trials a side: no exchange of six trials is rarer than one of 400.
            let metric = whole(summary, "exact/macro-f1");
            assert_eq!(metric.pairs, 2);
            assert!(metric.p_drop.unwrap() >= 1.0 / 400.0);
        },
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn a_measure_hangs_on_no_order_of_cases(
        given in proptest::collection::vec((0usize..3, 0usize..5), 2..12),
        at in 0usize..12,
    ) {
        let text = |(right, given): &(usize, usize)| {
            let right = ["A", "B", "C"][*right];
            format!("{right}{}", ["a", "b", "c", "-", "?"][*given])
        };
        let cases: Vec<String> = given.iter().map(text).collect();
        let mut turned = cases.clone();
        turned.rotate_left(at % cases.len());
        let values = |cases: &[String]| {
            let cases: Vec<&str> = cases.iter().map(String::as_str).collect();
            let run = classified("b", &cases);
            let mut found = Vec::new();
            compare(&run, None, |summary| {
                let metrics = &summary.suites[0].subjects[0].metrics;
                found = metrics.iter().map(|metric| metric.now.map(|now| now.value)).collect();
            });
            found
        };
        for (one, other) in values(&cases).into_iter().zip(values(&turned)) {
            prop_assert_eq!(one.is_some(), other.is_some());
            let near = one.zip(other).is_none_or(|(one, other)| (one - other).abs() < 1e-9);
            prop_assert!(near);
        }
    }
}
