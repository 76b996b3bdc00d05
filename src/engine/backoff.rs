//! How long to wait before the next attempt.

use std::time::Duration;

use crate::digest::Digest;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The wait before the attempt that follows `failed` attempts (from 1 up).
///
/// Exponential backoff with full jitter: a random share of `0.5 s · 2^(failed - 1)`, at most 30 s (Brooker, "Exponential
/// Backoff and Jitter", 2015). A wait that the endpoint asked for comes first, and is never cut short. The chance is
/// drawn from the address of the call, so that many calls spread while one call always waits the same.
pub fn delay(failed: u32, asked: Option<Duration>, address: &Digest) -> Duration {
    let ceiling = FIRST
        .saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1)))
        .min(LONGEST);
    let jitter = ceiling.mul_f64(share(address, failed));
    match asked {
        Some(asked) => asked + jitter.min(asked / 10),
        None => jitter,
    }
}

/// A number from 0 to 1 that depends on the address and the attempt alone.
fn share(address: &Digest, attempt: u32) -> f64 {
    let mut bytes = address.as_bytes().to_vec();
    bytes.extend_from_slice(&attempt.to_le_bytes());
    let digest = Digest::of_bytes(&bytes);
    let mut first = [0; 4];
    first.copy_from_slice(&digest.as_bytes()[..4]);
    f64::from(u32::from_le_bytes(first)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_spread_over_their_whole_range() {
        for failed in 1..=12 {
            let ceiling = Duration::from_millis(500 * (1 << (failed - 1))).min(LONGEST);
            let delays: Vec<Duration> = (0..200_u32)
                .map(|i| delay(failed, None, &Digest::of_bytes(&i.to_le_bytes())))
                .collect();
            let mean = delays.iter().sum::<Duration>() / 200;
            assert!(delays.iter().all(|delay| *delay <= ceiling));
            assert!(
                (0.4..0.6).contains(&mean.div_duration_f64(ceiling)),
                "{mean:?} of {ceiling:?}"
            );
        }
    }

    #[test]
    fn a_wait_that_was_asked_for_is_never_cut_short() {
        let asked = Duration::from_secs(7);
        let waited = delay(1, Some(asked), &Digest::of_bytes(b"x"));
        assert!(waited >= asked && waited <= asked + asked / 10);
    }
}
