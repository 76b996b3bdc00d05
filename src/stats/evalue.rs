//! E-values: evidence of a stream without planned looks, valid at any stopping time
//! (Ville 1939). A value of 1/alpha or more rejects at the level alpha.

use super::real;

/// Evidence for a drop from `losses` (pass to fail) against `wins`: how much likelier
/// they are when the share of losses is uniform between one half and 1 than when it
/// is one half.
///
/// It equals `2^(b+c+1) B(b+1, c+1) P(Beta(b+1, c+1) > 1/2)`. Written out as a sum of
/// ratios of binomial coefficients every term is positive and none needs a
/// logarithm. A value beyond `f64::MAX` is cut there.
pub fn evalue_discordant(losses: usize, wins: usize) -> f64 {
    let pairs = real(losses + wins + 1);
    let mut ratio = pairs / real(wins + 1);
    let mut total = ratio;
    for i in (1..=losses).rev() {
        ratio *= real(i) / (pairs - real(i) + 1.0);
        total += ratio;
    }
    (total / pairs).min(f64::MAX)
}

/// The wealth of bets against "the mean is at most 0" on values of at least -1
/// (Waudby-Smith and Ramdas 2024), after each value. Use the negated difference for
/// "no drop", the difference plus the tolerance for "a drop beyond the tolerance".
/// `None` if a value is below -1 or not finite.
pub fn evalue_bets(values: &[f64]) -> Option<Vec<f64>> {
    if values.iter().any(|x| !x.is_finite() || *x < -1.0) {
        return None;
    }
    let (mut wealth, mut bet) = (1.0_f64, 0.0);
    let (mut total, mut squares) = (0.0, 0.25);
    let path = values.iter().enumerate().map(|(seen, x)| {
        wealth = (wealth * (1.0 + bet * x)).min(f64::MAX);
        // Both estimates count one imaginary value, so that the first bets are small.
        let count = real(seen + 2);
        total += x;
        let mean: f64 = total / count;
        squares += (x - mean).powi(2);
        bet = (mean / (squares / count + mean * mean)).clamp(0.0, 0.5);
        wealth
    });
    Some(path.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pair_is_no_evidence() {
        assert!((evalue_discordant(0, 0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_value_of_a_fair_coin_averages_to_one() {
        // An e-value has expectation 1 at the edge of the null hypothesis.
        let chances = [1.0, 4.0, 6.0, 4.0, 1.0].map(|ways| ways / 16.0);
        let mean: f64 = (0..5)
            .map(|losses| chances[losses] * evalue_discordant(losses, 4 - losses))
            .sum();
        assert!((mean - 1.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn overwhelming_evidence_stays_finite() {
        assert!(evalue_discordant(100_000, 0).is_finite());
        assert!(
            evalue_bets(&vec![1.0; 5_000])
                .unwrap()
                .iter()
                .all(|wealth| wealth.is_finite())
        );
    }

    #[test]
    fn a_value_below_minus_one_is_refused() {
        assert_eq!(evalue_bets(&[0.5, -1.5]), None);
        assert_eq!(evalue_bets(&[f64::NAN]), None);
    }
}
