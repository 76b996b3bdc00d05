//! The gate against endpoints whose limits it does not know: hours of calls in simulated time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Wait;
use super::{Limits, Need, State, Ticket, Word};
use crate::provider::advertised::{Advertised, Allowance};
use crate::stats::rng::SplitMix64;

/// How an endpoint counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Counts {
    /// A bucket that holds a minute's calls, filled steadily.
    Bucket,
    /// A bucket that holds calls of this many seconds.
    SmallBucket(f64),
    /// So many in each minute of its clock, which began this many seconds before the first call.
    Minutes(f64),
    /// So many in any minute.
    AnyMinute,
    /// As many as it likes, but only this many at once.
    AtOnce(u32),
}

#[derive(Debug, Clone, Copy)]
struct Server {
    per_minute: f64,
    counts: Counts,
    /// Whether a refusal says how long to wait.
    says_wait: bool,
    /// Whether each reply says what is left.
    advertises: bool,
    /// The time that a call takes, in seconds, give or take a half.
    latency: f64,
}

/// What came of a simulation.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Calls that were admitted after the first minute, as a share of what was allowed.
    used: f64,
    /// Calls that were refused, as a share of all.
    refused: f64,
}

/// The state of a server; times in seconds.
struct Running {
    server: Server,
    level: f64,
    at: f64,
    log: VecDeque<f64>,
    in_flight: u32,
}

impl Running {
    fn new(server: Server) -> Self {
        let mut running = Self {
            server,
            level: 0.0,
            at: 0.0,
            log: VecDeque::new(),
            in_flight: 0,
        };
        running.level = running.holds();
        if let Counts::Minutes(before) = server.counts {
            running.at = -before;
        }
        running
    }

    fn holds(&self) -> f64 {
        match self.server.counts {
            Counts::SmallBucket(seconds) => (self.server.per_minute / 60.0 * seconds).max(1.0),
            _ => self.server.per_minute,
        }
    }

    /// Whether it lets a call in.
    fn admits(&mut self, now: f64) -> bool {
        let rate = self.server.per_minute / 60.0;
        match self.server.counts {
            Counts::Bucket | Counts::SmallBucket(_) => {
                self.level = (self.level + rate * (now - self.at)).min(self.holds());
                self.at = now;
            }
            Counts::Minutes(_) => {
                if now - self.at >= 60.0 {
                    self.at += 60.0 * ((now - self.at) / 60.0).floor();
                    self.level = self.holds();
                }
            }
            Counts::AnyMinute => {
                while self.log.front().is_some_and(|first| first + 60.0 <= now) {
                    self.log.pop_front();
                }
                self.level = self.holds() - f64::from(u32::try_from(self.log.len()).unwrap());
            }
            Counts::AtOnce(most) => self.level = f64::from(most - self.in_flight),
        }
        if self.level < 1.0 {
            return false;
        }
        self.level -= 1.0;
        self.log.push_back(now);
        self.in_flight += 1;
        true
    }

    /// When a call would be let in that is not.
    fn wait(&self, now: f64) -> f64 {
        match self.server.counts {
            Counts::Bucket | Counts::SmallBucket(_) => {
                (1.0 - self.level) / (self.server.per_minute / 60.0)
            }
            Counts::Minutes(_) => self.at + 60.0 - now,
            Counts::AnyMinute => self.log.front().map_or(0.0, |first| first + 60.0 - now),
            Counts::AtOnce(_) => self.server.latency,
        }
    }

    /// Takes a call in or refuses it; it takes this share of the latency.
    fn receive(&mut self, (start, now): (Instant, Instant), ticket: Ticket, share: f64) -> Reply {
        let seconds = (now - start).as_secs_f64();
        let latency = self.server.latency;
        let (word, takes) = if self.admits(seconds) {
            (Word::Taken, latency)
        } else {
            let wait = Duration::from_secs_f64(self.wait(seconds));
            // A refusal costs no thought.
            (
                Word::Refused(self.server.says_wait.then_some(wait)),
                latency.min(0.05),
            )
        };
        Reply {
            at: now + Duration::from_secs_f64(takes * share),
            ticket,
            word,
            advertised: self.advertised(seconds),
        }
    }

    fn advertised(&self, now: f64) -> Advertised {
        let reset = match self.server.counts {
            Counts::Minutes(_) => self.at + 60.0 - now,
            _ => (self.holds() - self.level) / (self.server.per_minute / 60.0),
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and positive"
        )]
        let requests = Allowance {
            limit: Some(self.holds() as u64),
            remaining: Some(self.level.max(0.0) as u64),
            reset: Some(Duration::from_secs_f64(reset.max(0.0))),
        };
        Advertised {
            requests: self.server.advertises.then_some(requests),
            ..Advertised::default()
        }
    }
}

/// What happens next: a reply comes back.
struct Reply {
    at: Instant,
    ticket: Ticket,
    word: Word,
    advertised: Advertised,
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Reply {}

impl PartialOrd for Reply {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Reply {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.ticket.number).cmp(&(other.at, other.ticket.number))
    }
}

/// Sends as many calls as the gate lets through, for so many minutes.
fn simulate(server: Server, concurrency: usize, minutes: u32, seed: u64) -> Seen {
    let start = Instant::now();
    let end = start + Duration::from_mins(1) * minutes;
    let limits = Limits {
        concurrency,
        requests_per_minute: None,
        tokens_per_minute: None,
    };
    let mut gate = State::new(limits, start);
    let mut running = Running::new(server);
    let mut random = SplitMix64::new(seed, "latency");
    let mut replies: BinaryHeap<Reverse<Reply>> = BinaryHeap::new();
    let (mut admitted, mut refused, mut late) = (0_u32, 0_u32, 0_u32);
    let mut now = start;
    while now < end {
        let wait = match gate.begin(now, Need::default()) {
            Ok(ticket) => {
                let share = 0.5 + f64::from(u32::try_from(random.below(1001)).unwrap()) / 1000.0;
                let reply = running.receive((start, now), ticket, share);
                if reply.word == Word::Taken {
                    admitted += 1;
                    late += u32::from(now >= start + Duration::from_mins(1));
                } else {
                    refused += 1;
                }
                replies.push(Reverse(reply));
                continue;
            }
            Err(Wait::ForAnother) => None,
            Err(Wait::Until(at)) => Some(at),
        };
        let next = replies.peek().map(|Reverse(reply)| reply.at);
        match (wait, next) {
            (Some(at), next) if next.is_none_or(|next| at < next) => now = at.max(now),
            (_, Some(_)) => {
                let Some(Reverse(reply)) = replies.pop() else {
                    continue;
                };
                now = reply.at;
                running.in_flight -= u32::from(reply.word == Word::Taken);
                gate.tell(now, &reply.ticket, (reply.word, &reply.advertised, None));
                gate.slots.end();
            }
            (_, None) => unreachable!("a gate that waits for a reply has one to wait for"),
        }
    }
    let allowed = match server.counts {
        Counts::AtOnce(most) => f64::from(most) * 60.0 / server.latency,
        _ => server.per_minute,
    };
    Seen {
        used: f64::from(late) / (allowed * f64::from(minutes - 1)),
        refused: f64::from(refused) / f64::from(admitted + refused),
    }
}

/// Every way to count that a limit of calls a minute may mean.
const EVERY: [Counts; 5] = [
    Counts::Bucket,
    Counts::SmallBucket(10.0),
    Counts::Minutes(0.0),
    Counts::Minutes(42.0),
    Counts::AnyMinute,
];
const MINUTES: u32 = 20;

/// Simulates servers of every kind, rate and latency, and holds what was seen against the least use and the most
/// refusals that are wanted.
fn check(says_wait: bool, advertises: bool, (least, most): (f64, f64)) {
    for (seed, counts) in (1..).zip(EVERY) {
        // Whoever counts back from each call has no one reset to tell.
        if advertises && counts == Counts::AnyMinute {
            continue;
        }
        for per_minute in [300.0, 3000.0] {
            for latency in [0.02, 2.0] {
                let server = Server {
                    per_minute,
                    counts,
                    says_wait,
                    advertises,
                    latency,
                };
                let concurrency = if per_minute * latency > 1000.0 {
                    200
                } else {
                    20
                };
                let seen = simulate(server, concurrency, MINUTES, seed);
                assert!(
                    seen.used >= least && seen.refused < most,
                    "{server:?}: {seen:?}"
                );
            }
        }
    }
}

#[test]
fn an_unknown_limit_is_used_with_few_refusals_where_the_wait_is_said() {
    check(true, false, (0.95, 0.02));
}

#[test]
fn an_unknown_limit_is_used_with_few_refusals_where_nothing_is_said() {
    check(false, false, (0.95, 0.02));
}

#[test]
fn an_advertised_limit_is_used_and_hardly_ever_hit() {
    check(true, true, (0.95, 0.001));
}

#[test]
fn a_slow_limit_is_found_too() {
    for counts in EVERY {
        let server = Server {
            per_minute: 60.0,
            counts,
            says_wait: false,
            advertises: false,
            latency: 0.4,
        };
        let seen = simulate(server, 4, 60, 1);
        assert!(
            seen.used >= 0.92 && seen.refused < 0.02,
            "{server:?}: {seen:?}"
        );
    }
}

#[test]
fn a_limit_on_calls_at_once_is_found() {
    for most in [4, 16] {
        let server = Server {
            per_minute: 0.0,
            counts: Counts::AtOnce(most),
            says_wait: false,
            advertises: false,
            latency: 2.0,
        };
        let seen = simulate(server, 64, 60, 1);
        assert!(
            seen.used >= 0.5 && seen.refused < 0.02,
            "{server:?}: {seen:?}"
        );
    }
}

#[test]
fn an_endpoint_that_never_refuses_is_never_paced() {
    let server = Server {
        per_minute: 1e9,
        counts: Counts::Bucket,
        says_wait: false,
        advertises: false,
        latency: 0.02,
    };
    // 16 at once, 20 ms each: 800 a second, but for the first call, which goes alone.
    let seen = simulate(server, 16, 2, 1);
    let a_minute = seen.used * server.per_minute;
    assert!((46_000.0..50_000.0).contains(&a_minute), "{a_minute}");
}
