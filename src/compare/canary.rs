//! A second look at an old baseline: does what was asked then get the same answers now?

use super::Compared;
use super::looks::Pairing;
use super::metric::{self, Look, Measurement};
use super::side::Side;
use super::summary::{Canary, Verdict};
use super::wording;
use crate::stats::real;

/// The two-sided level at which an endpoint counts as moved.
const LEVEL: f64 = 0.01;

/// What the canary says of the metrics of a subject that regressed; `None` where it was not called.
pub(super) fn look(compared: &Compared<'_>, pairing: &Pairing<'_>) -> Option<Canary> {
    let (run, header) = (compared.canary?, &compared.run.header);
    let before = pairing.before.as_ref()?;
    let again = Side::new(run, run.header.twin(pairing.now.subject())?, header);
    let look = Look {
        share: 1.0,
        trials: None,
    };
    let measured = metric::measure_all(header, &again, Some(before), look);
    let regressed: Vec<&str> = pairing
        .measurements
        .iter()
        .filter(|measurement| measurement.verdict().0 == Some(Verdict::Regressed))
        .map(|measurement| measurement.name)
        .collect();
    let of_regressed = measured
        .iter()
        .filter(|measurement| regressed.contains(&measurement.name));
    // The smallest of several p-values, times their number (Bonferroni).
    let worst = of_regressed
        .filter_map(|measurement| Some((two_sided(measurement)?, measurement)))
        .min_by(|(one, _), (other, _)| one.total_cmp(other));
    let (p, measurement) = worst?;
    let p = (p * real(regressed.len())).min(1.0);
    let has_moved = p <= LEVEL;
    let summary = measurement.summary(&header.policy);
    Some(Canary {
        p,
        has_moved,
        sentence: wording::canary(&summary, p, has_moved),
    })
}

fn two_sided(measurement: &Measurement<'_>) -> Option<f64> {
    let shuffle = measurement.evidence()?.shuffle;
    Some((2.0 * shuffle.p_drop.min(shuffle.p_gain)).min(1.0))
}
