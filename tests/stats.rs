//! Properties that the statistics keep for any data: symmetries, bounds, monotony, and
//! agreement of the quick ways with the slow and obvious ones.

use proptest::prelude::*;
use regauge::stats::agreement::{Measurement, cohen_kappa, gwet_ac1, krippendorff_alpha};
use regauge::stats::cases::case_p;
use regauge::stats::change_point::{Search, edivisive, energy_profile};
use regauge::stats::compare::{Settings, Verdict, comparison};
use regauge::stats::corpus::{Exchange, corpus_shuffle};
use regauge::stats::evalue::evalue_discordant;
use regauge::stats::family::{Test, benjamini_hochberg, holm, tarone_holm};
use regauge::stats::flakiness::pass_at_k;
use regauge::stats::interval::{clopper_pearson, jeffreys, wilson};
use regauge::stats::ks::ks_two_sample;
use regauge::stats::mcnemar::mcnemar;
use regauge::stats::moments::quantile;
use regauge::stats::plan::{Errors, Trials, mde, trials_needed};
use regauge::stats::psi::psi;
use regauge::stats::rng::SplitMix64;
use regauge::stats::shuffle::{
    CountGroup, label_shuffle, label_shuffle_counts, label_shuffle_saddlepoint, sign_flip,
};
use regauge::stats::trend::mann_kendall;
use regauge::stats::unit::{Kind, Scope, Unit};

/// The scores of the baseline and of the candidate.
type Sides = (Vec<f64>, Vec<f64>);

fn as_units(sides: &[Sides]) -> Vec<Unit<'_>> {
    sides
        .iter()
        .map(|(base, cand)| Unit {
            base,
            cand,
            ..Unit::default()
        })
        .collect()
}

fn exchanged(sides: &[Sides]) -> Vec<Sides> {
    sides
        .iter()
        .map(|(base, cand)| (cand.clone(), base.clone()))
        .collect()
}

fn trials(score: impl Strategy<Value = f64> + Clone) -> impl Strategy<Value = Sides> {
    let side = prop::collection::vec(score, 1..=3);
    (side.clone(), side)
}

fn binary_score() -> impl Strategy<Value = f64> + Clone {
    (0_u8..=1).prop_map(f64::from)
}

fn hundredths() -> impl Strategy<Value = f64> + Clone {
    (0_u8..=100).prop_map(|score| f64::from(score) / 100.0)
}

/// Either all units binary, or all continuous.
fn any_sides(units: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<Sides>> {
    prop_oneof![
        prop::collection::vec(trials(binary_score()), units.clone()),
        prop::collection::vec(trials(hundredths()), units),
    ]
}

fn mean(scores: &[f64]) -> f64 {
    scores.iter().sum::<f64>() / scores.iter().map(|_| 1.0).sum::<f64>()
}

/// Every difference of one unit under relabelling, by trying all ways.
fn all_differences((base, cand): &Sides) -> Vec<f64> {
    let pooled = [base.as_slice(), cand].concat();
    let is_deal = |mask: &u32| mask.count_ones() as usize == cand.len();
    (0_u32..1 << pooled.len())
        .filter(is_deal)
        .map(|mask| {
            let deal = pooled.iter().enumerate();
            let (cand, base): (Vec<_>, Vec<_>) = deal.partition(|(at, _)| mask >> at & 1 == 1);
            let scores = |side: Vec<(usize, &f64)>| -> Vec<f64> {
                side.into_iter().map(|(_, score)| *score).collect()
            };
            mean(&scores(cand)) - mean(&scores(base))
        })
        .collect()
}

/// The exact and the mid-p of a drop, by trying all ways for all units.
fn enumerated_p(sides: &[Sides]) -> (f64, f64) {
    let mut sums = vec![0.0];
    for unit in sides {
        let differences = all_differences(unit);
        let grown = |sum: &f64| {
            differences
                .iter()
                .map(move |add| sum + add)
                .collect::<Vec<_>>()
        };
        sums = sums.iter().flat_map(grown).collect();
    }
    let observed: f64 = sides
        .iter()
        .map(|(base, cand)| mean(cand) - mean(base))
        .sum();
    let share = |is_in: &dyn Fn(f64) -> bool| {
        mean(
            &sums
                .iter()
                .map(|s| f64::from(u8::from(is_in(*s))))
                .collect::<Vec<_>>(),
        )
    };
    let exact = share(&|sum| sum <= observed + 1e-9);
    let below = share(&|sum| sum < observed - 1e-9);
    (exact, f64::midpoint(exact, below))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn the_shuffle_agrees_with_trying_all_ways(sides in any_sides(1..=3)) {
        let shuffle = label_shuffle(&as_units(&sides)).unwrap();
        let (exact, mid) = enumerated_p(&sides);
        prop_assert!((shuffle.p_exact.unwrap() - exact).abs() < 1e-9);
        // Without an informative unit the p is 1 by definition, not one half.
        let is_open = exact < 1.0 || shuffle.p_drop < 1.0;
        prop_assert!(!is_open || (shuffle.p_drop - mid).abs() < 1e-9);
    }

    #[test]
    fn exchanging_the_sides_exchanges_drop_and_gain(sides in any_sides(1..=8)) {
        let one = label_shuffle(&as_units(&sides)).unwrap();
        let other = label_shuffle(&as_units(&exchanged(&sides))).unwrap();
        prop_assert!((one.p_drop - other.p_gain).abs() < 1e-9);
        prop_assert!((one.p_gain - other.p_drop).abs() < 1e-9);
    }

    #[test]
    fn p_values_lie_between_their_smallest_and_one(sides in any_sides(1..=8)) {
        let shuffle = label_shuffle(&as_units(&sides)).unwrap();
        prop_assert!(shuffle.p_min <= shuffle.p_drop + 1e-12);
        prop_assert!((0.0..=1.0).contains(&shuffle.p_drop) && shuffle.p_min > 0.0);
        prop_assert!(shuffle.p_exact.is_none_or(|exact| exact >= shuffle.p_drop - 1e-12));
    }

    #[test]
    fn the_order_of_units_and_trials_does_not_matter(sides in any_sides(2..=8)) {
        let mut turned = sides.clone();
        turned.reverse();
        for (base, cand) in &mut turned {
            base.reverse();
            cand.reverse();
        }
        let one = label_shuffle(&as_units(&sides)).unwrap();
        let other = label_shuffle(&as_units(&turned)).unwrap();
        prop_assert!((one.p_drop - other.p_drop).abs() < 1e-9);
    }

    #[test]
    fn a_worse_score_makes_a_drop_no_less_likely(sides in any_sides(1..=8), at in 0_usize..8) {
        let before = label_shuffle(&as_units(&sides)).unwrap();
        let mut worse = sides.clone();
        let unit = at % sides.len();
        let (base, cand) = &mut worse[unit];
        let (Some(high), Some(low)) = (
            cand.iter().position(|c| base.iter().any(|b| b < c)),
            base.iter().copied().reduce(f64::min),
        ) else { return Ok(()) };
        let from = base.iter().position(|b| *b <= low).unwrap();
        std::mem::swap(&mut base[from], &mut cand[high]);
        // Exchanging two scores between the sides keeps the pool, so that only the
        // observed difference moves.
        let after = label_shuffle(&as_units(&worse)).unwrap();
        prop_assert!(after.p_drop <= before.p_drop + 1e-9);
    }

    #[test]
    fn counts_are_the_same_as_cases(
        cells in prop::collection::vec((0_usize..=2, 0_usize..=2, 0_usize..=4), 1..=6),
    ) {
        let side = |passes: usize| [vec![1.0; passes], vec![0.0; 2 - passes]].concat();
        let case = |(base, cand, cases): &(usize, usize, usize)| {
            vec![(side(*base), side(*cand)); *cases]
        };
        let sides: Vec<Sides> = cells.iter().flat_map(case).collect();
        let groups: Vec<CountGroup> = cells
            .iter()
            .map(|(base_passes, cand_passes, cases)| CountGroup {
                base_passes: *base_passes,
                cand_passes: *cand_passes,
                cases: *cases,
            })
            .collect();
        let counted = label_shuffle_counts(2, 2, &groups).map(|shuffle| shuffle.p_drop);
        let listed = label_shuffle(&as_units(&sides)).map(|shuffle| shuffle.p_drop);
        prop_assert_eq!(counted.is_some(), listed.is_some());
        let off = counted.zip(listed).map_or(0.0, |(one, other)| (one - other).abs());
        prop_assert!(off < 1e-9);
    }

    #[test]
    fn one_trial_binary_units_are_mcnemar(losses in 0_usize..40, wins in 0_usize..40) {
        let sides = [
            vec![(vec![1.0], vec![0.0]); losses],
            vec![(vec![0.0], vec![1.0]); wins],
            vec![(vec![1.0], vec![1.0])],
        ]
        .concat();
        let test = mcnemar(losses, wins);
        let shuffle = label_shuffle(&as_units(&sides)).unwrap();
        prop_assert!((shuffle.p_drop - test.p_drop_mid).abs() < 1e-9);
        prop_assert!((shuffle.p_exact.unwrap() - test.p_drop).abs() < 1e-9);
        let signs = [vec![-1.0; losses], vec![1.0; wins]].concat();
        prop_assert!((sign_flip(&signs).p_drop - test.p_drop_mid).abs() < 1e-9);
    }

    #[test]
    fn mcnemar_is_symmetric_and_bounded(losses in 0_usize..5_000, wins in 0_usize..5_000) {
        let (one, other) = (mcnemar(losses, wins), mcnemar(wins, losses));
        prop_assert!((one.p_two - other.p_two).abs() < 1e-12);
        prop_assert!((one.p_two_mid - other.p_two_mid).abs() < 1e-9);
        prop_assert!(one.p_drop_mid <= one.p_drop && one.p_two_mid <= one.p_two + 1e-12);
        let both = one.p_drop_mid + other.p_drop_mid;
        prop_assert!(losses + wins == 0 || (both - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_comparison_never_claims_both_or_nonsense(sides in any_sides(1..=30)) {
        for kind in [Kind::Binary, Kind::Continuous, Kind::Ratio] {
            for scope in [Scope::Suite, Scope::Population] {
                let settings = Settings { kind, scope, ..Settings::default() };
                let result = comparison(&as_units(&sides), &settings);
                let Some(evidence) = result.measured.evidence else { continue };
                prop_assert!(evidence.diff.is_finite());
                let Some(bounds) = evidence.bounds else { continue };
                prop_assert!(bounds.lower <= bounds.upper + 1e-12);
                let drop_is_shown = evidence.shuffle.p_drop <= settings.level;
                prop_assert_eq!(bounds.upper <= 0.0 && drop_is_shown, drop_is_shown);
                let passes = matches!(result.verdict, Verdict::Pass | Verdict::Improved);
                prop_assert!(!passes || bounds.lower > -settings.tolerance_on_scale());
            }
        }
    }

    #[test]
    fn exchanging_the_sides_mirrors_the_bounds(
        sides in prop::collection::vec(trials(binary_score()), 2..=30),
    ) {
        let settings = Settings::default();
        let one = comparison(&as_units(&sides), &settings).measured.evidence.unwrap();
        let other = comparison(&as_units(&exchanged(&sides)), &settings).measured.evidence.unwrap();
        let (one, other) = (one.bounds.unwrap(), other.bounds.unwrap());
        prop_assert!((one.lower + other.upper).abs() < 1e-9);
        prop_assert!((one.upper + other.lower).abs() < 1e-9);
    }

    #[test]
    fn a_wider_tolerance_never_turns_a_pass_into_a_failure(sides in any_sides(1..=30)) {
        let verdict = |tolerance| {
            let settings = Settings { tolerance, ..Settings::default() };
            comparison(&as_units(&sides), &settings).verdict
        };
        let (narrow, wide) = (verdict(0.02), verdict(0.10));
        prop_assert!(narrow == Verdict::Regressed || wide != Verdict::Regressed);
        let passed = |verdict| matches!(verdict, Verdict::Pass | Verdict::Improved);
        prop_assert!(!passed(narrow) || passed(wide));
    }

    #[test]
    fn one_case_has_the_tails_of_all_ways(sides in trials(hundredths())) {
        let p = case_p(&sides.0, &sides.1).unwrap();
        let (lower, _) = enumerated_p(std::slice::from_ref(&sides));
        let (upper, _) = enumerated_p(&exchanged(std::slice::from_ref(&sides)));
        prop_assert!((p.lower - lower).abs() < 1e-9 && (p.upper - upper).abs() < 1e-9);
    }

    #[test]
    fn intervals_hold_their_rate_and_widen_with_confidence(
        n in 1_usize..3_000,
        share in 0.0_f64..=1.0,
    ) {
        let successes = (0..n).filter(|i| share * 3_000.0 > f64::from(u32::try_from(*i).unwrap())).count();
        let rate = mean(&[vec![1.0; successes], vec![0.0; n - successes]].concat());
        for interval in [wilson, clopper_pearson, jeffreys] {
            let narrow = interval(successes, n, 0.8).unwrap();
            let wide = interval(successes, n, 0.99).unwrap();
            prop_assert!(0.0 <= wide.lower && wide.upper <= 1.0);
            prop_assert!(wide.lower <= narrow.lower && narrow.upper <= wide.upper);
        }
        let exact = clopper_pearson(successes, n, 0.8).unwrap();
        prop_assert!(exact.lower <= rate + 1e-12 && rate <= exact.upper + 1e-12);
    }

    #[test]
    fn adjusted_values_only_grow_and_keep_their_order(
        p in prop::collection::vec(0.0_f64..=1.0, 1..12),
    ) {
        let (strict, lenient) = (holm(&p), benjamini_hochberg(&p));
        for (i, own) in p.iter().enumerate() {
            prop_assert!(*own <= lenient[i] + 1e-12 && lenient[i] <= strict[i] + 1e-12);
            prop_assert!(strict[i] <= 1.0);
            for (j, other) in p.iter().enumerate() {
                prop_assert!(own > other || strict[i] <= strict[j]);
            }
        }
    }

    #[test]
    fn tarone_rejects_what_bonferroni_rejects_and_maybe_more(
        p in prop::collection::vec((0.0_f64..=1.0, 0.0_f64..=1.0), 1..12),
    ) {
        let tests: Vec<Test> =
            p.iter().map(|(p, share)| Test { p: *p * 0.1, p_min: *p * 0.1 * share }).collect();
        let result = tarone_holm(&tests, 0.05);
        let limit = 0.05 / tests.iter().map(|_| 1.0).sum::<f64>();
        for (index, test) in tests.iter().enumerate() {
            prop_assert!(test.p > limit || result.rejected.contains(&index));
            let is_rejected = result.adjusted[index].is_some_and(|own| own <= 0.05 + 1e-9);
            prop_assert_eq!(is_rejected, result.rejected.contains(&index));
        }
    }

    #[test]
    fn more_noise_needs_more_trials_and_hides_larger_drops(
        error in 0.001_f64..0.1,
        distance in 0.005_f64..0.2,
        k in 2_usize..9,
    ) {
        let errors = Errors::default();
        let trials = Trials { base: k, cand: k, base_is_banked: false };
        let few = trials_needed(trials, error, distance, errors).unwrap();
        let many = trials_needed(trials, error * 1.5, distance, errors).unwrap();
        prop_assert!(k <= few && few <= many);
        prop_assert!(mde(error, 0.03, errors).unwrap() <= mde(error * 1.5, 0.03, errors).unwrap());
    }

    #[test]
    fn evidence_grows_with_losses_and_shrinks_with_wins(b in 0_usize..60, c in 0_usize..60) {
        let now = evalue_discordant(b, c);
        prop_assert!(now > 0.0 && evalue_discordant(b + 1, c) > now);
        prop_assert!(evalue_discordant(b, c + 1) < now);
    }

    #[test]
    fn any_is_no_less_likely_than_all(n in 1_usize..20, c in 0_usize..20, k in 1_usize..20) {
        if let Some(tries) = pass_at_k(n, c, k) {
            prop_assert!(tries.pass_hat_k <= tries.pass_at_k + 1e-12);
            prop_assert!(0.0 <= tries.pass_hat_k && tries.pass_at_k <= 1.0);
        } else {
            prop_assert!(k > n || c > n);
        }
    }

    #[test]
    fn two_samples_are_as_far_apart_either_way(
        a in prop::collection::vec(-5_i8..5, 1..30),
        b in prop::collection::vec(-5_i8..5, 1..30),
    ) {
        let sample = |values: &[i8]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        let (a, b) = (sample(&a), sample(&b));
        let (one, other) = (ks_two_sample(&a, &b).unwrap(), ks_two_sample(&b, &a).unwrap());
        prop_assert_eq!(one, other);
        prop_assert!((0.0..=1.0).contains(&one.d) && (0.0..=1.0).contains(&one.p));
        let index = psi(&a, &b, 10, 0.01);
        prop_assert!(index.is_none_or(|index| index.psi >= 0.0 && index.critical > 0.0));
    }

    #[test]
    fn a_reversed_series_has_the_opposite_trend(series in prop::collection::vec(hundredths(), 2..30)) {
        let mut reversed = series.clone();
        reversed.reverse();
        let (one, other) = (mann_kendall(&series).unwrap(), mann_kendall(&reversed).unwrap());
        prop_assert!((one.s + other.s).abs() < 1e-9 && (one.p - other.p).abs() < 1e-9);
        prop_assert!((one.slope + other.slope).abs() < 1e-9);
    }

    #[test]
    fn agreement_does_not_depend_on_who_is_first(
        cells in prop::collection::vec(0_usize..20, 4),
    ) {
        let table = [cells[..2].to_vec(), cells[2..].to_vec()];
        let turned = [vec![cells[0], cells[2]], vec![cells[1], cells[3]]];
        for coefficient in [cohen_kappa, gwet_ac1] {
            let one = coefficient(&table, 0.95).and_then(|it| it.coefficient);
            let other = coefficient(&turned, 0.95).and_then(|it| it.coefficient);
            prop_assert_eq!(one.is_some(), other.is_some());
            let off = one.zip(other).map_or(0.0, |(one, other)| (one - other).abs());
            prop_assert!(off < 1e-12 && one.is_none_or(|it| it <= 1.0 + 1e-12));
        }
    }

    #[test]
    fn alpha_does_not_depend_on_the_order_of_ratings(
        units in prop::collection::vec(prop::collection::vec(0_u8..4, 0..5), 1..10),
    ) {
        let rated = |unit: &Vec<u8>| unit.iter().copied().map(f64::from).collect::<Vec<_>>();
        let units: Vec<Vec<f64>> = units.iter().map(rated).collect();
        let turned: Vec<Vec<f64>> =
            units.iter().rev().map(|unit| unit.iter().rev().copied().collect()).collect();
        for level in [Measurement::Nominal, Measurement::Interval] {
            let (one, other) = (krippendorff_alpha(&units, level), krippendorff_alpha(&turned, level));
            prop_assert_eq!(one.is_some(), other.is_some());
            let off = one.zip(other).map_or(0.0, |(one, other)| (one - other).abs());
            prop_assert!(off < 1e-9 && one.is_none_or(|alpha| alpha <= 1.0 + 1e-12));
        }
    }

    #[test]
    fn a_quantile_lies_between_the_ends(
        values in prop::collection::vec(hundredths(), 1..30),
        fraction in 0.0_f64..=1.0,
    ) {
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let own = quantile(&sorted, fraction).unwrap();
        prop_assert!(sorted[0] <= own && own <= sorted[sorted.len() - 1] + 1e-12);
    }

    #[test]
    fn shuffling_keeps_every_item(seed in any::<u64>(), n in 0_usize..50) {
        let mut items: Vec<usize> = (0..n).collect();
        SplitMix64::new(seed, "any").shuffle(&mut items);
        items.sort_unstable();
        prop_assert!(items.into_iter().eq(0..n));
    }
}

// These take longer for each case, so they try fewer.
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(25) })]

    #[test]
    fn exact_and_saddlepoint_agree(
        sides in prop::collection::vec(trials(hundredths()), 16..=24),
    ) {
        let exact = label_shuffle(&as_units(&sides)).unwrap();
        let quick = label_shuffle_saddlepoint(&as_units(&sides)).unwrap();
        prop_assert!(exact.p_exact.is_none() || (exact.p_drop - quick).abs() < 0.006);
    }

    #[test]
    fn binary_exact_and_saddlepoint_agree(
        sides in prop::collection::vec(trials(binary_score()), 60..=90),
    ) {
        let exact = label_shuffle(&as_units(&sides)).unwrap();
        let quick = label_shuffle_saddlepoint(&as_units(&sides)).unwrap();
        prop_assert!(exact.p_exact.is_some() && (exact.p_drop - quick).abs() < 0.01);
    }

    #[test]
    fn change_points_lie_inside_and_repeat(series in prop::collection::vec(hundredths(), 0..24)) {
        let search = Search { permutations: 99, level: 0.05, ..Search::default() };
        let found = edivisive(&series, &search);
        prop_assert_eq!(&found, &edivisive(&series, &search));
        let profile = energy_profile(&series, 3);
        prop_assert_eq!(profile.q.len(), (series.len() + 1).saturating_sub(6));
        let borders: Vec<usize> =
            [vec![0], found.iter().map(|change| change.index).collect(), vec![series.len()]].concat();
        prop_assert!(found.is_empty() || borders.windows(2).all(|pair| pair[1] >= pair[0] + 3));
    }
}

#[test]
fn a_corpus_metric_draws_the_same_on_every_run() {
    let units: [(&[f64], &[f64]); 2] = [(&[0.9, 0.7], &[0.5, 0.6]), (&[0.8, 0.7], &[0.65, 0.8])];
    let difference = |units: &[(&[f64], &[f64])]| {
        let differences = units.iter().map(|(base, cand)| mean(cand) - mean(base));
        vec![differences.reduce(f64::min)]
    };
    let shuffle = || {
        let mut rng = SplitMix64::new(42, "shuffle:worst");
        corpus_shuffle(&units, Exchange::Trials, difference, &mut rng)
    };
    assert_eq!(shuffle(), shuffle());
    let p = shuffle()[0].map(|shuffle| shuffle.p_drop);
    assert!(p.is_some_and(|p| p > 0.0 && p <= 1.0));
}
