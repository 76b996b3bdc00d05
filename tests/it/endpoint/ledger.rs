//! What the endpoint has seen, by its own count.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::http::Request;

/// How long a test waits for something that the program should do soon, before it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The counts, and a way to wait for them.
pub(crate) struct Ledger {
    counts: Mutex<Counts>,
    changed: Condvar,
    started: Instant,
}

/// The counts.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) calls: u64,
    pub(crate) answered: u64,
    pub(crate) in_flight: usize,
    pub(crate) most_in_flight: usize,
    pub(crate) connections: u64,
    pub(crate) recorded: Vec<Recorded>,
    contents: HashMap<u64, (String, Tally)>,
}

/// How often a body was asked, and how often that was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Requests with this body.
    pub(crate) asked: u64,
    /// Of these, answered with 200 and a whole body.
    pub(crate) answered: u64,
}

/// A request that was kept.
#[derive(Debug, Clone)]
pub(crate) struct Recorded {
    /// Method and path, as in `POST /v1/messages`.
    pub(crate) line: String,
    /// Headers, with their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
    /// When it was there whole, from the start of the endpoint.
    pub(crate) at: Duration,
}

impl Recorded {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other == name);
        header.map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).expect("the program sends JSON")
    }
}

/// A request that waits for its answer; dropped, it does not wait any more.
pub(crate) struct InFlight<'a> {
    ledger: &'a Ledger,
    digest: u64,
    /// How often this body has been asked, this time included.
    pub(crate) times: u64,
    /// How many requests have been seen, this one included.
    pub(crate) number: u64,
    waiting: bool,
}

impl Ledger {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self {
            counts: Mutex::default(),
            changed: Condvar::new(),
            started: Instant::now(),
        }
    }

    /// The counts as they are now.
    pub(crate) fn read(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("counting does not panic")
    }

    /// Blocks until the counts are so.
    pub(crate) fn wait(&self, what: &str, until: impl Fn(&Counts) -> bool) {
        let (counts, waited) = self
            .changed
            .wait_timeout_while(self.read(), PATIENCE, |counts| !until(counts))
            .expect("counting does not panic");
        assert!(
            !waited.timed_out(),
            "the endpoint waited {PATIENCE:?} for {what}; it has seen {} calls, {} answered, {} in flight",
            counts.calls,
            counts.answered,
            counts.in_flight,
        );
    }

    /// Notes a new connection.
    pub(crate) fn connected(&self) {
        self.read().connections += 1;
    }

    /// Notes a request, and keeps it if fewer than `keep` are kept.
    pub(crate) fn asked(&self, request: &Request<'_>, digest: u64, keep: usize) -> InFlight<'_> {
        let mut counts = self.read();
        counts.calls += 1;
        counts.in_flight += 1;
        counts.most_in_flight = counts.most_in_flight.max(counts.in_flight);
        if counts.recorded.len() < keep {
            let at = self.started.elapsed();
            counts.recorded.push(record(request, at));
        }
        let content = counts.contents.entry(digest);
        let (_, tally) = content.or_insert_with(|| (text(request.body), Tally::default()));
        tally.asked += 1;
        let in_flight = InFlight {
            ledger: self,
            digest,
            times: tally.asked,
            number: counts.calls,
            waiting: true,
        };
        drop(counts);
        self.changed.notify_all();
        in_flight
    }
}

impl Counts {
    /// The tally of each body.
    pub(crate) fn by_content(&self) -> BTreeMap<String, Tally> {
        self.contents.values().cloned().collect()
    }
}

impl InFlight<'_> {
    /// Notes that the answer goes out. That comes before the sending, so that whoever has the answer finds it counted.
    pub(crate) fn answered(mut self) {
        let mut counts = self.ledger.read();
        counts.answered += 1;
        if let Some((_, tally)) = counts.contents.get_mut(&self.digest) {
            tally.answered += 1;
        }
        self.waiting = false;
        counts.in_flight -= 1;
        drop(counts);
        self.ledger.changed.notify_all();
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if self.waiting {
            self.ledger.read().in_flight -= 1;
            self.ledger.changed.notify_all();
        }
    }
}

fn record(request: &Request<'_>, at: Duration) -> Recorded {
    let headers = request.headers();
    Recorded {
        line: request.line().to_owned(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: text(request.body),
        at,
    }
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}
