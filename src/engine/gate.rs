//! The gate before an endpoint: lets calls pass, in the order in which they came, as fast as the endpoint takes them.
//!
//! Four things hold a call back: the calls under way, the limits that the user set, those that the endpoint advertises,
//! and the pace that was found by being refused. All of them are plain values of what was seen; none reads a clock.

mod pace;
mod quota;
#[cfg(test)]
mod simulation;
mod slots;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::limit::{MinuteLimit, Passage};
use crate::provider::advertised::Advertised;
use pace::{Pace, Wait};
use quota::{Quota, Report};
use slots::Slots;

/// What a user allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Calls under way at once.
    pub concurrency: usize,
    /// Calls in any minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in any minute.
    pub tokens_per_minute: Option<u64>,
}

/// The tokens that a call may need, as far as that is known before.
#[derive(Debug, Clone, Copy, Default)]
pub struct Need {
    /// Of the prompt.
    pub input: u64,
    /// Of the answer, at most.
    pub output: u64,
}

/// What an attempt says of the limits of its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It was let in, whatever came of it.
    Taken,
    /// It was one too many; the endpoint may have said how long to wait.
    Refused(Option<Duration>),
    /// Nothing: the connection failed, or the endpoint did.
    Nothing,
}

/// The gate of one endpoint.
#[derive(Debug)]
pub struct Gate {
    /// Held by the call whose turn it is, so that none is overtaken.
    turn: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    changed: Notify,
}

/// A call that was let through. It counts as under way until this is dropped.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    ticket: Ticket,
    is_told: bool,
}

impl Gate {
    /// A gate that holds to these limits, and to those that will show.
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            turn: tokio::sync::Mutex::default(),
            state: Mutex::new(State::new(limits, Instant::now())),
            changed: Notify::new(),
        })
    }

    /// Waits until a call may be sent that needs so many tokens.
    pub async fn pass(self: &Arc<Self>, need: Need) -> Pass {
        let _turn = self.turn.lock().await;
        loop {
            let begun = self.with(|state| state.begin(Instant::now(), need));
            match begun {
                Ok(ticket) => {
                    return Pass {
                        gate: self.clone(),
                        ticket,
                        is_told: false,
                    };
                }
                Err(Wait::ForAnother) => self.changed.notified().await,
                Err(Wait::Until(at)) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = self.changed.notified() => {}
                    }
                }
            }
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Pass {
    /// Takes note of what came of the call: what the endpoint said of its limits, and the tokens that were used.
    pub fn tell(&mut self, word: Word, advertised: &Advertised, tokens: Option<u64>) {
        self.is_told = true;
        let ticket = self.ticket;
        self.gate
            .with(|state| state.tell(Instant::now(), &ticket, (word, advertised, tokens)));
        self.gate.changed.notify_one();
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(Word::Nothing, &Advertised::default(), None);
        }
        self.gate.with(|state| state.slots.end());
        self.gate.changed.notify_one();
    }
}

/// The kinds of what an endpoint may count: calls, tokens, tokens of prompts, tokens of answers.
const KINDS: usize = 4;

/// What was seen of an endpoint.
#[derive(Debug)]
struct State {
    slots: Slots,
    limit: MinuteLimit,
    pace: Pace,
    quotas: [Option<Quota>; KINDS],
    /// What all calls so far needed.
    sent: [f64; KINDS],
    calls: u64,
}

/// A call that was sent.
#[derive(Debug, Clone, Copy)]
struct Ticket {
    number: u64,
    sent_at: Instant,
    passage: Option<Passage>,
    /// How many were under way then, itself included.
    of: u32,
    /// What all calls up to this one needed.
    sent: [f64; KINDS],
}

impl State {
    fn new(limits: Limits, now: Instant) -> Self {
        Self {
            slots: Slots::new(limits.concurrency),
            limit: MinuteLimit::new(limits.requests_per_minute, limits.tokens_per_minute),
            pace: Pace::new(now),
            quotas: [const { None }; KINDS],
            sent: [0.0; KINDS],
            calls: 0,
        }
    }

    /// Lets a call pass, or says when to ask again.
    fn begin(&mut self, now: Instant, need: Need) -> Result<Ticket, Wait> {
        let needs = need.of_kinds();
        if !self.slots.has_room() {
            return Err(Wait::ForAnother);
        }
        self.pace.ready(now)?;
        for (quota, need) in self.quotas.iter().zip(needs) {
            if let Some(quota) = quota {
                quota.ready(now, need).map_err(Wait::Until)?;
            }
        }
        let tokens = need.input + need.output;
        let passage = self.limit.try_pass(tokens, now).map_err(Wait::Until)?;
        let number = self.calls;
        self.calls += 1;
        self.pace.begin(now, number);
        for ((quota, sent), need) in self.quotas.iter_mut().zip(&mut self.sent).zip(needs) {
            if let Some(quota) = quota {
                quota.begin(now, need);
            }
            *sent += need;
        }
        self.slots.begin();
        Ok(Ticket {
            number,
            sent_at: now,
            passage,
            of: self.slots.in_flight(),
            sent: self.sent,
        })
    }

    /// Takes note of what came of a call.
    fn tell(
        &mut self,
        now: Instant,
        ticket: &Ticket,
        (word, advertised, tokens): (Word, &Advertised, Option<u64>),
    ) {
        match word {
            Word::Taken => {
                self.pace.taken(now, ticket);
                self.slots.taken(ticket.of);
            }
            Word::Refused(asked) => {
                if self.pace.refused(now, ticket, asked) {
                    self.slots.refused(ticket.of);
                }
            }
            Word::Nothing => self.pace.lost(now, ticket),
        }
        if let Some(tokens) = tokens {
            self.limit.correct(ticket.passage, tokens);
        }
        let said = [
            advertised.requests,
            advertised.tokens,
            advertised.input_tokens,
            advertised.output_tokens,
        ];
        for (kind, allowance) in said.into_iter().enumerate() {
            if let Some(allowance) = allowance {
                let report = Report {
                    number: ticket.number,
                    sent_at: ticket.sent_at,
                    since: self.sent[kind] - ticket.sent[kind],
                    now,
                };
                Quota::update(&mut self.quotas[kind], allowance, report);
            }
        }
    }
}

impl Need {
    pub(super) fn tokens(self) -> f64 {
        self.of_kinds()[1]
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tokens are far below 2^52"
    )]
    fn of_kinds(self) -> [f64; KINDS] {
        let (input, output) = (self.input as f64, self.output as f64);
        [1.0, input + output, input, output]
    }
}
