//! The drop test for a metric of the whole corpus, such as F1, BLEU or a rank
//! correlation, which is not a mean over cases.

use super::rng::SplitMix64;
use super::{SLACK, real};

/// Number of relabellings drawn.
pub const RELABELLINGS: usize = 9_999;

/// One unit as it is labelled in a draw: its baseline's and its candidate's trials.
pub type Labelled<'a, T> = (&'a [T], &'a [T]);

/// P-value of a drop of a corpus metric: the share of random within-unit relabellings
/// with a difference as small as the observed one, which itself counts as one draw
/// (Phipson and Smyth 2010).
///
/// `units` holds the trials of each side; `difference` gives candidate metric less
/// baseline metric, or `None` where it is not defined. `None` if the observed one is
/// not defined; a draw without a value counts against a drop.
pub fn corpus_shuffle<T: Clone>(
    units: &[Labelled<T>],
    difference: impl Fn(&[Labelled<T>]) -> Option<f64>,
    rng: &mut SplitMix64,
) -> Option<f64> {
    let observed = difference(units)?;
    let mut pooled: Vec<Vec<T>> = units
        .iter()
        .map(|(base, cand)| [*base, *cand].concat())
        .collect();
    let mut as_low = 0;
    for _ in 0..RELABELLINGS {
        for trials in &mut pooled {
            rng.shuffle(trials);
        }
        let labelled = pooled.iter().zip(units);
        let labelled: Vec<Labelled<T>> = labelled
            .map(|(trials, (base, _))| trials.split_at(base.len()))
            .collect();
        if difference(&labelled).is_none_or(|drawn| drawn <= observed + SLACK) {
            as_low += 1;
        }
    }
    Some(real(1 + as_low) / real(RELABELLINGS + 1))
}

#[cfg(test)]
mod tests {
    use super::super::shuffle::label_shuffle;
    use super::super::unit::{Unit, average};
    use super::*;

    fn mean_difference(units: &[Labelled<f64>]) -> Option<f64> {
        let difference = |(base, cand): &Labelled<f64>| average(cand) - average(base);
        (!units.is_empty()).then(|| units.iter().map(difference).sum())
    }

    #[test]
    fn for_a_mean_it_agrees_with_the_exact_test() {
        let units: [Labelled<f64>; 4] = [
            (&[0.9, 0.8], &[0.5]),
            (&[0.7, 0.6], &[0.65]),
            (&[0.8, 0.9], &[0.6]),
            (&[0.4, 0.5], &[0.45]),
        ];
        let drawn = corpus_shuffle(&units, mean_difference, &mut SplitMix64::new(42, "f1"));
        let units = units.map(|(base, cand)| Unit {
            base,
            cand,
            ..Unit::default()
        });
        let exact = label_shuffle(&units).unwrap().p_exact.unwrap();
        assert!((drawn.unwrap() - exact).abs() < 0.01, "{drawn:?} {exact}");
    }

    #[test]
    fn an_undefined_metric_has_no_p() {
        let units: [Labelled<f64>; 1] = [(&[1.0], &[0.0])];
        assert_eq!(
            corpus_shuffle(&units, |_| None, &mut SplitMix64::new(1, "")),
            None
        );
    }
}
