//! One limit that an endpoint advertises: how much of it is left, as far as its last word and our calls since tell.

use std::time::Duration;

use tokio::time::Instant;

use crate::provider::advertised::Allowance;

/// Added to the time of a reset, which may be rounded.
const MARGIN: Duration = Duration::from_millis(250);
/// What a reset may move by without having moved: it is given in whole seconds by some.
const ROUNDING: Duration = Duration::from_millis(1200);
/// How long a reset must stand still before that counts.
const STANDS_STILL: Duration = Duration::from_secs(3);

/// A limit whose state is known.
#[derive(Debug)]
pub(super) struct Quota {
    limit: f64,
    /// What is left at `at`.
    left: f64,
    at: Instant,
    reset: Instant,
    kind: Kind,
    /// The report that the next one is held against.
    before: Seen,
    /// The number of the call that the last report came with.
    number: u64,
}

/// How what was used comes back. It shows in how the reset moves, since nobody says it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// All of it at the reset.
    AtOnce,
    /// Bit by bit; so much a second.
    Steadily(f64),
}

/// When a reply was written is known only as after the call and before the receipt, and so is the reset that it names.
#[derive(Debug, Clone, Copy)]
struct Seen {
    at: Instant,
    earliest_reset: Instant,
    latest_reset: Instant,
    left: f64,
}

/// A word of the endpoint, with the call that it came with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    /// The number of the call.
    pub(super) number: u64,
    /// When the call was sent.
    pub(super) sent_at: Instant,
    /// What was sent since needs so much.
    pub(super) since: f64,
    pub(super) now: Instant,
}

impl Quota {
    /// Takes a word of the endpoint; one that does not say all three parts tells nothing that could be held.
    pub(super) fn update(quota: &mut Option<Self>, allowance: Allowance, report: Report) {
        let (Some(remaining), Some(reset)) = (allowance.remaining, allowance.reset) else {
            return;
        };
        let left = number(remaining);
        let limit = number(allowance.limit.unwrap_or(remaining));
        let seen = Seen {
            at: report.now,
            earliest_reset: report.sent_at + reset,
            latest_reset: report.now + reset,
            left,
        };
        let known = quota.get_or_insert(Self {
            limit,
            left,
            at: report.now,
            reset: seen.latest_reset + MARGIN,
            kind: Kind::AtOnce,
            before: seen,
            number: report.number,
        });
        // A late reply tells of an earlier state.
        if report.number < known.number {
            return;
        }
        // So does one of a call that was sent before the reset that has come since.
        if known.kind == Kind::AtOnce && report.now >= known.reset && report.sent_at < known.reset {
            return;
        }
        known.number = report.number;
        known.limit = limit.max(left);
        known.learn(seen);
        known.left = left - report.since;
        known.at = report.now;
        let reset = seen.latest_reset + MARGIN;
        let stands = known.kind == Kind::AtOnce && known.reset > report.now;
        known.reset = if stands {
            reset.min(known.reset)
        } else {
            reset
        };
        if let Kind::Steadily(rate) = &mut known.kind {
            let used = known.limit - left;
            let seconds = allowance.reset.unwrap_or_default().as_secs_f64();
            if used >= 1.0 && seconds > 0.0 {
                *rate = used / seconds;
            }
            known.at = report.sent_at;
        }
    }

    /// A reset that stands still gives all back at once; one that moves away while more is used gives back bit by bit.
    fn learn(&mut self, seen: Seen) {
        let before = self.before;
        let moved = seen.earliest_reset > before.latest_reset + ROUNDING;
        let doubt = seen.latest_reset - seen.earliest_reset;
        if seen.left > before.left {
            self.before = seen;
        } else if moved {
            if self.kind == Kind::AtOnce {
                self.kind = Kind::Steadily(0.0);
            }
            self.before = seen;
        } else if seen.at - before.at > STANDS_STILL + 2 * doubt {
            self.kind = Kind::AtOnce;
            self.before = seen;
        }
    }

    /// Whether a call that needs so much may be sent, or when it may.
    pub(super) fn ready(&self, now: Instant, need: f64) -> Result<(), Instant> {
        // A call that alone is larger than the limit is sent when all of it is there.
        let need = need.min(self.limit);
        if self.left_at(now) >= need {
            return Ok(());
        }
        let at = match self.kind {
            Kind::Steadily(rate) if rate > 0.0 => {
                let seconds = ((need - self.left) / rate).min(3600.0);
                self.at + Duration::from_secs_f64(seconds)
            }
            Kind::AtOnce | Kind::Steadily(_) => self.reset,
        };
        Err(at.max(now + Duration::from_millis(1)))
    }

    /// Notes that a call is sent that needs so much.
    pub(super) fn begin(&mut self, now: Instant, need: f64) {
        let left = self.left_at(now);
        self.left = left - need;
        self.at = now;
    }

    fn left_at(&self, now: Instant) -> f64 {
        if now >= self.reset && self.left < self.limit && self.at < self.reset {
            return self.limit;
        }
        match self.kind {
            Kind::AtOnce => self.left,
            Kind::Steadily(rate) => {
                let seconds = now.saturating_duration_since(self.at).as_secs_f64();
                (self.left + rate * seconds).min(self.limit)
            }
        }
    }
}

fn number(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
