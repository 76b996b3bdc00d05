//! What an endpoint allows: so many calls and so many tokens in any minute.
//!
//! The limit is a log of the last minute, so it holds in every minute and not only on average, and all of it can be
//! used. What a call needs is an estimate until its usage is known, and is then corrected.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The minute of the limits, with a margin for the way to the endpoint.
const WINDOW: Duration = Duration::from_millis(60_250);

/// The limits of one endpoint; shared by all of its calls.
#[derive(Debug)]
pub struct MinuteLimit {
    requests: Option<u64>,
    tokens: Option<u64>,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Entry>,
    tokens: u64,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    at: Instant,
    tokens: u64,
}

/// A call that was let through, by its number in the log.
#[derive(Debug, Clone, Copy)]
pub struct Passage(u64);

impl MinuteLimit {
    /// A limit of so many calls and tokens in any minute; `None` is no limit.
    pub fn new(requests: Option<u64>, tokens: Option<u64>) -> Self {
        Self {
            requests,
            tokens,
            log: Mutex::default(),
        }
    }

    /// Waits until a call that needs about so many tokens may be sent.
    pub async fn pass(&self, tokens: u64) -> Option<Passage> {
        if self.requests.is_none() && self.tokens.is_none() {
            return None;
        }
        loop {
            match self.try_pass(tokens, Instant::now()) {
                Ok(passage) => return Some(passage),
                Err(ready) => tokio::time::sleep_until(ready).await,
            }
        }
    }

    /// Replaces the estimate of a call by what it needed.
    pub fn correct(&self, passage: Option<Passage>, tokens: u64) {
        let Some(Passage(number)) = passage else {
            return;
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(first) = log.entries.front().map(|entry| entry.number) else {
            return;
        };
        let Some(index) = number
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        let Some(entry) = log.entries.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut entry.tokens, tokens);
        log.tokens = log.tokens - before + tokens;
    }

    /// Notes the call, or says when to ask again.
    fn try_pass(&self, tokens: u64, now: Instant) -> Result<Passage, Instant> {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = log.entries.front().filter(|entry| entry.at + WINDOW <= now) {
            log.tokens -= oldest.tokens;
            log.entries.pop_front();
        }
        let has_room = self.requests.is_none_or(|most| (log.entries.len() as u64) < most)
            // A call that alone is larger than the limit is sent when nothing else stands in the minute.
            && self.tokens.is_none_or(|most| log.tokens == 0 || log.tokens + tokens <= most);
        if !has_room {
            return Err(log.entries.front().map_or(now, |oldest| oldest.at + WINDOW));
        }
        let number = log.next;
        log.next += 1;
        log.tokens += tokens;
        log.entries.push_back(Entry {
            number,
            at: now,
            tokens,
        });
        Ok(Passage(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes `calls` calls of `tokens` tokens and returns the second at which each went.
    async fn seconds(limit: &MinuteLimit, calls: usize, tokens: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut at = Vec::new();
        for _ in 0..calls {
            limit.pass(tokens).await;
            at.push(start.elapsed().as_secs());
        }
        at
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_sees_more_calls_than_allowed() {
        let limit = MinuteLimit::new(Some(3), None);
        assert_eq!(seconds(&limit, 7, 0).await, [0, 0, 0, 60, 60, 60, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn no_minute_sees_more_tokens_than_allowed() {
        let limit = MinuteLimit::new(None, Some(100));
        assert_eq!(seconds(&limit, 3, 60).await, [0, 60, 120]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_corrected_estimate_makes_room() {
        let limit = MinuteLimit::new(None, Some(100));
        let first = limit.pass(90).await;
        limit.correct(first, 10);
        assert_eq!(seconds(&limit, 1, 90).await, [0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_larger_than_the_limit_is_not_stuck_for_ever() {
        let limit = MinuteLimit::new(None, Some(10));
        assert_eq!(seconds(&limit, 2, 50).await, [0, 60]);
    }
}
