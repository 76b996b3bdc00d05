//! Waits for the end of a batch, and keeps its results one by one.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{Desk, News, Slot, Step, Ticket, failed};
use crate::digest::Digest;
use crate::engine::keeper::Receipt;
use crate::engine::receive::{Lines, Refused};
use crate::engine::{DOWN_AFTER, End, Event, backoff};
use crate::error::Result;
use crate::exchange::{Answered, Exchange, Outcome};
use crate::history::batch::Batch;
use crate::provider::Path;
use crate::provider::batch::{self, Line, Said, State, Unanswered};

/// The longest wait between two looks, unless the first is longer.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// The longest wait that an endpoint may ask for.
const LONGEST_ASKED: Duration = Duration::from_hours(1);
/// How much longer each wait is than the one before.
const GROWTH: f64 = 1.5;
/// Results that are handed to the history together.
const TOGETHER: usize = 256;
/// What cannot be had of a batch.
const NO_RESULTS: &str = "the results of the batch could not be read";

/// An answer on its way into the history.
struct Delivered {
    key: usize,
    address: Digest,
    receipt: Receipt,
}

/// What is found out while results are read.
struct Reading {
    /// The names of all calls of the batch.
    names: HashSet<String>,
    /// Calls that never will have a reply.
    never: HashMap<String, Unanswered>,
    /// Answers on their way into the history.
    delivered: Vec<Delivered>,
    /// Lines that belong to no call.
    strange: usize,
}

/// Why results were not read to their end.
enum Cut {
    /// The endpoint did not give them.
    Refused(Refused),
    /// The run is over.
    Over(End),
}

impl Desk {
    /// Looks at a batch until it has ended, each time after a longer wait.
    pub(super) async fn until_ended(&self, id: &str) -> Step<batch::End> {
        let http = self.protocol.look(id);
        let first = self.batching.poll;
        let (mut wait, mut failures, mut seen) = (first, 0, None);
        loop {
            let endpoint = &self.lane.endpoint;
            let looked = endpoint.get(&http, |reply| self.protocol.read_state(reply));
            let asked = match self.shared.unless_over(looked).await? {
                Ok(State {
                    word, counts, end, ..
                }) => {
                    failures = 0;
                    if seen.as_ref() != Some(&(word.clone(), counts)) {
                        seen = Some((word.clone(), counts));
                        self.tell(id, News::Moved { word, counts }).await;
                    }
                    if let Some(end) = end {
                        return Ok(end);
                    }
                    None
                }
                Err(Refused { failure, wait }) => {
                    failures += 1;
                    // A day is long enough to be patient, also with a wait that a single call would not accept.
                    let is_passing = failure.retryable || wait.is_some();
                    if !is_passing || failures >= DOWN_AFTER {
                        return Err(failed("the batch could not be looked at", &failure));
                    }
                    wait
                }
            };
            let pause = asked.unwrap_or_default().min(LONGEST_ASKED).max(wait);
            self.shared
                .unless_stopped(tokio::time::sleep(pause))
                .await?;
            wait = wait.mul_f64(GROWTH).min(LONGEST_WAIT.max(first));
        }
    }

    /// Keeps the results of a batch that has ended, and gives up the calls without one.
    pub(super) async fn collect(&self, ticket: &mut Ticket, ended: batch::End) -> Result<Step<()>> {
        let mut reading = Reading {
            names: names(&ticket.batch),
            never: HashMap::new(),
            delivered: Vec::new(),
            strange: 0,
        };
        let mut strange = 0;
        for path in &ended.results {
            if let Err(end) = self.read_results(ticket, path, &mut reading).await? {
                return Ok(Err(end));
            }
            strange += reading.strange;
        }
        if strange > 0 {
            self.tell(&ticket.remote, News::Strange { lines: strange })
                .await;
        }
        self.batching.history.end_batch(&ticket.batch.id).await?;
        let mut by_reason: Vec<(Unanswered, HashMap<String, Slot>)> = Vec::new();
        for (name, slot) in ticket.slots.drain() {
            let why = reading.never.remove(&name);
            let why = why.unwrap_or_else(|| ended.rest.clone());
            match by_reason.iter_mut().find(|(other, _)| *other == why) {
                Some((_, slots)) => drop(slots.insert(name, slot)),
                None => by_reason.push((why, HashMap::from([(name, slot)]))),
            }
        }
        for (why, slots) in by_reason {
            self.give_up_slots(slots, &end_of(&why)).await;
        }
        Ok(Ok(()))
    }

    /// Reads one of the results to its end, again from its start where it breaks off.
    async fn read_results(
        &self,
        ticket: &mut Ticket,
        path: &Path,
        reading: &mut Reading,
    ) -> Result<Step<()>> {
        let mut attempts = 0;
        loop {
            reading.strange = 0;
            let read = self.read_lines(ticket, path, reading).await;
            // Whatever ended the reading: what was handed over is kept, and told of.
            self.tell_delivered(reading).await?;
            match read? {
                Ok(()) => return Ok(Ok(())),
                Err(Cut::Over(end)) => return Ok(Err(end)),
                Err(Cut::Refused(refused)) => {
                    attempts += 1;
                    if let Err(end) = self.pause(attempts, &refused, NO_RESULTS).await {
                        return Ok(Err(end));
                    }
                }
            }
        }
    }

    async fn read_lines(
        &self,
        ticket: &mut Ticket,
        path: &Path,
        reading: &mut Reading,
    ) -> Result<std::result::Result<(), Cut>> {
        let mut seen = HashSet::new();
        let mut lines = match self.open(path).await {
            Ok(lines) => lines,
            Err(cut) => return Ok(Err(cut)),
        };
        loop {
            let text = match self.next_line(&mut lines).await {
                Ok(Some(text)) => text,
                Ok(None) => return Ok(Ok(())),
                Err(cut) => return Ok(Err(cut)),
            };
            if text.trim().is_empty() {
                continue;
            }
            let line = self.protocol.read_line(&text);
            let line = line.filter(|line| reading.names.contains(&line.id));
            let Some(line) = line.filter(|line| seen.insert(line.id.clone())) else {
                reading.strange += 1;
                continue;
            };
            self.take(ticket, line, reading).await?;
            if reading.delivered.len() >= TOGETHER {
                self.tell_delivered(reading).await?;
            }
        }
    }

    /// Hands the answer in a line to the history, unless the call has one already.
    async fn take(&self, ticket: &mut Ticket, line: Line, reading: &mut Reading) -> Result<()> {
        let Line { id, said } = line;
        let told = match said {
            Said::Never(why) => {
                reading.never.insert(id, why);
                return Ok(());
            }
            Said::Told(told) => told,
        };
        let Some(Slot { job, reserved }) = ticket.slots.remove(&id) else {
            return Ok(());
        };
        let call = (self.shared.render)(&job)?;
        let answer = Answered {
            reply: self.lane.endpoint.reply_of(&call.request, &told),
            attempts: 1,
            latency_ms: None,
            first_token_ms: None,
            sent_at: ticket.batch.noted_at,
            batch: true,
        };
        let cost = self.lane.cost(&answer);
        self.settle(&job.run, reserved, cost.unwrap_or_default());
        let exchange = Exchange {
            call: call.into(),
            repeat: job.repeat,
            answer,
            cost,
        };
        let keeper = &self.shared.common.keeper;
        reading.delivered.push(Delivered {
            key: job.key,
            address: job.address,
            receipt: keeper.deliver(job.run, exchange).await?,
        });
        Ok(())
    }

    /// Waits until what was handed over is safe, and tells of it.
    async fn tell_delivered(&self, reading: &mut Reading) -> Result<()> {
        for delivered in reading.delivered.drain(..) {
            let Exchange { answer, cost, .. } = delivered.receipt.safe().await?;
            let done = Event::Done {
                key: delivered.key,
                address: delivered.address,
                answer,
                cost,
            };
            self.shared.tell(done).await;
        }
        Ok(())
    }

    /// Waits for the end of a batch that may be ours, and looks whether its results are.
    pub(super) async fn is_ours(&self, batch: &Batch, remote: &str) -> Step<bool> {
        let names = names(batch);
        for path in &self.until_ended(remote).await?.results {
            let mut attempts = 0;
            let first = loop {
                match self.first_line(path).await {
                    Ok(first) => break first,
                    Err(Cut::Over(end)) => return Err(end),
                    Err(Cut::Refused(refused)) => {
                        attempts += 1;
                        self.pause(attempts, &refused, NO_RESULTS).await?;
                    }
                }
            };
            if first.is_some_and(|line| names.contains(&line.id)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn first_line(&self, path: &Path) -> std::result::Result<Option<Line>, Cut> {
        let mut lines = self.open(path).await?;
        while let Some(text) = self.next_line(&mut lines).await? {
            if let Some(line) = self.protocol.read_line(&text) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    async fn open(&self, path: &Path) -> std::result::Result<Lines, Cut> {
        let http = self.protocol.results(path);
        let opened = self.lane.endpoint.lines(&http);
        let opened = self.shared.unless_over(opened).await.map_err(Cut::Over)?;
        opened.map_err(Cut::Refused)
    }

    async fn next_line(&self, lines: &mut Lines) -> std::result::Result<Option<String>, Cut> {
        let next = self.lane.endpoint.next_line(lines);
        let next = self.shared.unless_over(next).await.map_err(Cut::Over)?;
        next.map_err(Cut::Refused)
    }

    /// Waits before the next attempt; an error where none is left.
    pub(super) async fn pause(&self, attempts: u32, refused: &Refused, what: &str) -> Step<()> {
        let Refused { failure, wait } = refused;
        if !failure.retryable || attempts > self.lane.endpoint.retries {
            return Err(failed(what, failure));
        }
        let key = Digest::of_bytes(self.lane.alias.as_bytes());
        let delay = backoff::delay(attempts, *wait, &key);
        self.shared.unless_stopped(tokio::time::sleep(delay)).await
    }
}

/// The names of the calls of a batch.
fn names(batch: &Batch) -> HashSet<String> {
    let addresses = batch.addresses.iter();
    addresses.map(|address| batch.call_id(address)).collect()
}

/// How trials end whose call has no reply.
fn end_of(why: &Unanswered) -> End {
    let (outcome, reason) = match why {
        Unanswered::Expired => (
            Outcome::Timeout,
            "the batch expired before it came to the call".into(),
        ),
        Unanswered::Cancelled => (
            Outcome::Skipped,
            "the batch was cancelled before it came to the call".into(),
        ),
        Unanswered::Failed(why) => (
            Outcome::ProviderError,
            format!("the batch failed: {why}").into(),
        ),
        Unanswered::Missing => (
            Outcome::ProviderError,
            "the results of the batch do not name the call".into(),
        ),
    };
    End { outcome, reason }
}
