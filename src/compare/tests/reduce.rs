//! Cases whose trials are reduced to one value.

use super::*;
use crate::stats::reduce::Reducer;

fn reduced(mut run: Run, reducer: Reducer) -> Run {
    run.header.metrics[0].reduce = Some(reducer);
    run
}

fn metric<'s, 'a>(summary: &'s Summary<'a>) -> &'s MetricSummary<'a> {
    &summary.suites[0].subjects[0].metrics[0]
}

#[test]
fn the_value_is_the_mean_of_what_the_trials_of_each_case_become() {
    // Any of two of three: 1, 1 - C(2,2)/C(3,2) = 2/3, 0. All of two of three: 1, 0, 0.
    for (reducer, wanted) in [
        (Reducer::PassAt(2), (1.0 + 2.0 / 3.0) / 3.0),
        (Reducer::PassAll(2), 1.0 / 3.0),
        (Reducer::Majority, 1.0 / 3.0),
        (Reducer::Max, 2.0 / 3.0),
        (Reducer::Min, 1.0 / 3.0),
    ] {
        let now = reduced(run("b", &["111", "100", "000"]), reducer);
        compare(&now, None, |summary| {
            let value = metric(summary).now.unwrap().value;
            assert!((value - wanted).abs() < 1e-12, "{reducer}: {value}");
        });
    }
}

#[test]
fn whole_cases_change_sides_where_trials_are_reduced() {
    // Of 20 cases 6 lose their majority and none gains it: McNemar's mid-p, 2^-7.
    let before = run("a", &["111"; 20]);
    let now = run("b", &[["111"; 14].as_slice(), &["001"; 6]].concat());
    compare(&reduced(now, Reducer::Majority), Some(&before), |summary| {
        let metric = metric(summary);
        assert_eq!(metric.p_drop, Some(0.5_f64.powi(7)));
        assert_eq!(metric.verdict, Some(Verdict::Regressed));
        insta::assert_snapshot!(metric.sentence, @"exact (majority) fell 30 points, 100.0 % to 70.0 %, more than the 3 allowed; noise alone does this 0.78 % of the time");
    });
}

#[test]
fn the_best_of_eight_is_not_held_against_the_best_of_two() {
    // Nothing has changed: each side passes in half of its trials, and the second is always one of the two kinds.
    let before = run("a", &["01010101"; 12]);
    let now = run("b", &[["01"; 6], ["10"; 6]].concat());
    compare(
        &reduced(now, Reducer::PassAt(2)),
        Some(&before),
        |summary| {
            let difference = metric(summary).difference.unwrap();
            assert!(difference.value.abs() < 1e-12, "{difference:?}");
        },
    );
}

#[test]
fn a_case_with_too_few_usable_trials_is_missing() {
    let cases = [["111"; 19].as_slice(), &["1!!"]].concat();
    let (before, now) = (run("a", &["111"; 20]), run("b", &cases));
    compare(
        &reduced(now, Reducer::PassAll(3)),
        Some(&before),
        |summary| {
            let metric = metric(summary);
            assert_eq!((metric.pairs, metric.missing), (19, 1));
            assert_eq!(metric.now.unwrap().value.to_bits(), 1.0_f64.to_bits());
            assert_eq!(metric.bounds, Some((0.95, 1.0)));
            assert_eq!(metric.worst_case, Some(-0.05));
        },
    );
}

#[test]
fn where_no_case_has_enough_trials_the_metric_is_unmeasured_and_says_why() {
    let now = reduced(run("b", &["11"; 20]), Reducer::PassAt(3));
    compare(&now, Some(&run("a", &["111"; 20])), |summary| {
        assert_eq!(metric(summary).verdict, Some(Verdict::Unmeasured));
        insta::assert_snapshot!(metric(summary).sentence, @"exact (pass-at: 3) was not measured: no case has 3 usable trials");
    });
}

#[test]
fn more_cases_and_no_trials_would_settle_what_trials_are_reduced_to() {
    let before = run("a", &["111"; 30]);
    let now = run("b", &[["111"; 29].as_slice(), &["000"]].concat());
    compare(&reduced(now, Reducer::Min), Some(&before), |summary| {
        let settle = metric(summary).settle.clone().unwrap();
        assert_eq!(settle.trials_per_case, None);
        assert!(settle.cases.is_some());
    });
}
