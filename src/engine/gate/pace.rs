//! The pace that an endpoint keeps up with, where it does not say which: found by being refused, as rarely as may be.
//!
//! Calls go unpaced until the first refusal. A refusal closes the way for all calls, as long as the endpoint asks or a
//! little longer each time; then one call tries it. When that is taken, the pace becomes what was taken since the way
//! was opened before, a little less, and then rises: slowly at first, since that is where the limit was, and faster the
//! longer nothing is refused, since then it is somewhere else. That is additive increase and multiplicative decrease
//! (Chiu and Jain, 1989) with the decrease taken from a measurement, and with the search of CUBIC (RFC 9438, 4.1).

use std::time::Duration;

use tokio::time::Instant;

use super::Ticket;

/// What of the measured pace is used after a refusal.
const DECREASE: f64 = 0.98;
/// How far the pace rises, as a share of itself, until the search is faster.
const RISE: f64 = 0.05;
/// The longest time that the first rise takes, and the fewest calls that it takes: twice those before the refusal, from and to.
const LONGEST_RISE: Duration = Duration::from_mins(1);
const CALLS_OF_A_RISE: (f64, f64) = (10.0, 200.0);
/// The pace is never cut by more at once, since a measurement over few calls may be far off.
const LARGEST_CUT: f64 = 0.5;
/// The slowest pace.
const SLOWEST: f64 = 1.0 / 60.0;
/// How long the way is closed where the endpoint asks for nothing: at first, and at most.
const FIRST_CLOSED: Duration = Duration::from_millis(500);
const LONGEST_CLOSED: Duration = Duration::from_secs(5);
/// A refusal comes soon, an answer may take long: a try that was not refused for so long counts as taken.
const TRIES_FOR: Duration = Duration::from_millis(250);
/// Calls that were not sent in time are caught up for as long as this.
const CATCH_UP: Duration = Duration::from_millis(20);

/// The pace of one endpoint.
#[derive(Debug)]
pub(super) struct Pace {
    /// Calls a second; `None` until something was refused.
    rate: Option<f64>,
    /// When the next call may be sent.
    next: Instant,
    way: Way,
    /// Since when calls are counted, and how many were sent and not refused.
    since: Instant,
    taken: u64,
    /// By how much the way may have been closed for longer than was needed.
    doubt: Duration,
    /// The rise of this time, and how long it takes, in seconds.
    rise: f64,
    rise_takes: f64,
    risen: f64,
}

/// Whether calls may pass.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Open,
    /// From then on one call may try. So many were refused in a row.
    Closed {
        until: Instant,
        refused: u32,
    },
    /// A call that was sent then tries.
    Trying {
        number: u64,
        sent_at: Instant,
        refused: u32,
    },
}

/// When a call may be sent that may not be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not before then.
    Until(Instant),
    /// Not before another call has its reply.
    ForAnother,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            rate: None,
            next: now,
            // The first call goes alone: what its reply says of the limits holds for the second.
            way: Way::Closed {
                until: now,
                refused: 0,
            },
            since: now,
            taken: 0,
            doubt: Duration::ZERO,
            rise: RISE,
            rise_takes: LONGEST_RISE.as_secs_f64(),
            risen: 0.0,
        }
    }

    /// Whether a call may be sent now.
    pub(super) fn ready(&mut self, now: Instant) -> Result<(), Wait> {
        match self.way {
            Way::Trying { sent_at, .. } if now < sent_at + TRIES_FOR => {
                return Err(Wait::Until(sent_at + TRIES_FOR));
            }
            Way::Trying {
                sent_at, refused, ..
            } => self.reopen(now, sent_at, refused),
            Way::Closed { until, .. } if now < until => return Err(Wait::Until(until)),
            Way::Closed { .. } => return Ok(()),
            Way::Open => {}
        }
        if self.rate.is_some() && now < self.next {
            return Err(Wait::Until(self.next));
        }
        Ok(())
    }

    /// Notes that the call of this number is sent.
    pub(super) fn begin(&mut self, now: Instant, number: u64) {
        if let Way::Closed { refused, .. } = self.way {
            self.way = Way::Trying {
                number,
                sent_at: now,
                refused,
            };
        } else {
            self.taken += 1;
        }
        if let Some(rate) = self.rate {
            let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
            self.next = self.next.max(earliest) + Duration::from_secs_f64(1.0 / rate);
        }
    }

    /// Notes that the endpoint took a call, whatever it made of it.
    pub(super) fn taken(&mut self, now: Instant, ticket: &Ticket) {
        match self.way {
            Way::Trying {
                number,
                sent_at,
                refused,
            } if number == ticket.number => self.reopen(now, sent_at, refused),
            _ => self.rise(),
        }
    }

    /// Notes that a call ended without a word of the endpoint, so that nothing is known of its limits.
    pub(super) fn lost(&mut self, now: Instant, ticket: &Ticket) {
        if let Way::Trying {
            number, refused, ..
        } = self.way
            && number == ticket.number
        {
            self.way = Way::Closed {
                until: now,
                refused,
            };
        }
    }

    /// Notes that a call was refused, and how long the endpoint asked to wait. Returns whether that is news: of calls
    /// that were under way together, the first refusal says it all.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        ticket: &Ticket,
        asked: Option<Duration>,
    ) -> bool {
        if ticket.sent_at >= self.since {
            self.taken = self.taken.saturating_sub(1);
        }
        let refused = match self.way {
            Way::Trying {
                number, refused, ..
            } if number == ticket.number => refused + 1,
            Way::Open if ticket.sent_at >= self.since => 1,
            Way::Closed { until, refused } => {
                let until = asked.map_or(until, |asked| until.max(now + asked));
                self.way = Way::Closed { until, refused };
                return false;
            }
            Way::Open | Way::Trying { .. } => return false,
        };
        let closed = asked.unwrap_or_else(|| self.closed_for(refused));
        self.doubt = asked.map_or(closed, |_| Duration::ZERO);
        self.way = Way::Closed {
            until: now + closed,
            refused,
        };
        refused == 1
    }

    /// Twice as long each time, and from the start long enough for a call to come free at the pace that was kept.
    fn closed_for(&self, refused: u32) -> Duration {
        let one_call = self.rate.map_or(Duration::ZERO, |rate| {
            Duration::from_secs_f64((1.5 / rate).min(60.0))
        });
        let doubled = FIRST_CLOSED
            .saturating_mul(2_u32.saturating_pow(refused - 1))
            .min(LONGEST_CLOSED);
        doubled.max(one_call)
    }

    /// The try was taken: what was taken since the last opening is what the endpoint keeps up with, if it was a refusal
    /// that closed the way.
    fn reopen(&mut self, now: Instant, sent_at: Instant, refused: u32) {
        let seconds = (sent_at - self.since).as_secs_f64() - self.doubt.as_secs_f64() / 2.0;
        let taken = f64::from(u32::try_from(self.taken).unwrap_or(u32::MAX)).max(1.0);
        self.way = Way::Open;
        self.since = sent_at;
        // The try itself.
        self.taken = 1;
        if refused == 0 {
            return;
        }
        let measured = taken / seconds.max(1e-3);
        let kept = self
            .rate
            .map_or(measured, |rate| rate.min(measured.max(rate * LARGEST_CUT)));
        let rate = (DECREASE * kept).max(SLOWEST);
        self.rate = Some(rate);
        self.next = now + Duration::from_secs_f64(1.0 / rate);
        self.rise = RISE;
        let (fewest, most) = CALLS_OF_A_RISE;
        self.rise_takes = (2.0 * seconds)
            .min(LONGEST_RISE.as_secs_f64())
            .max((2.0 * taken).clamp(fewest, most) / rate);
        self.risen = 0.0;
    }

    /// The pace rises with each call that is taken; a rise that nothing stopped is followed by one twice as high.
    fn rise(&mut self) {
        let (Some(rate), Way::Open) = (self.rate, self.way) else {
            return;
        };
        let calls = (rate * self.rise_takes).max(1.0);
        let step = self.rise / calls;
        self.risen += step;
        self.rate = Some(rate * (1.0 + step));
        if self.risen >= self.rise {
            self.risen = 0.0;
            self.rise = (2.0 * self.rise).min(1.0);
        }
    }
}
