//! What an endpoint allows: so many calls and so many tokens in any minute.
//!
//! The limit is a log of the last minute, so it holds in every minute and not only on average, and all of it can be
//! used. What a call needs is an estimate until its usage is known, and is then corrected.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The minute of the limits, with a margin for the way to the endpoint.
const WINDOW: Duration = Duration::from_millis(60_250);

/// The limits that a user set for one endpoint.
#[derive(Debug)]
pub(super) struct MinuteLimit {
    requests: Option<u64>,
    tokens: Option<u64>,
    entries: VecDeque<Entry>,
    used: u64,
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
pub(super) struct Passage(u64);

impl MinuteLimit {
    /// A limit of so many calls and tokens in any minute; `None` is no limit.
    pub(super) fn new(requests: Option<u64>, tokens: Option<u64>) -> Self {
        Self {
            requests,
            tokens,
            entries: VecDeque::new(),
            used: 0,
            next: 0,
        }
    }

    /// Notes a call that needs about so many tokens, or says when to ask again. Without limits there is nothing to note.
    pub(super) fn try_pass(
        &mut self,
        tokens: u64,
        now: Instant,
    ) -> Result<Option<Passage>, Instant> {
        if self.requests.is_none() && self.tokens.is_none() {
            return Ok(None);
        }
        while let Some(oldest) = self
            .entries
            .front()
            .filter(|entry| entry.at + WINDOW <= now)
        {
            self.used -= oldest.tokens;
            self.entries.pop_front();
        }
        let has_room = self.requests.is_none_or(|most| (self.entries.len() as u64) < most)
            // A call that alone is larger than the limit is sent when nothing else stands in the minute.
            && self.tokens.is_none_or(|most| self.used == 0 || self.used + tokens <= most);
        if !has_room {
            return Err(self
                .entries
                .front()
                .map_or(now, |oldest| oldest.at + WINDOW));
        }
        let number = self.next;
        self.next += 1;
        self.used += tokens;
        self.entries.push_back(Entry {
            number,
            at: now,
            tokens,
        });
        Ok(Some(Passage(number)))
    }

    /// Replaces the estimate of a call by what it needed.
    pub(super) fn correct(&mut self, passage: Option<Passage>, tokens: u64) {
        let Some(Passage(number)) = passage else {
            return;
        };
        let Some(first) = self.entries.front().map(|entry| entry.number) else {
            return;
        };
        let Some(index) = number
            .checked_sub(first)
            .and_then(|index| usize::try_from(index).ok())
        else {
            return;
        };
        let Some(entry) = self.entries.get_mut(index) else {
            return;
        };
        let before = std::mem::replace(&mut entry.tokens, tokens);
        self.used = self.used - before + tokens;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes `calls` calls of `tokens` tokens and returns the second at which each went.
    fn seconds(limit: &mut MinuteLimit, calls: usize, tokens: u64) -> Vec<u64> {
        let start = Instant::now();
        let mut now = start;
        let mut at = Vec::new();
        for _ in 0..calls {
            while let Err(ready) = limit.try_pass(tokens, now) {
                now = ready;
            }
            at.push((now - start).as_secs());
        }
        at
    }

    #[test]
    fn no_minute_sees_more_calls_than_allowed() {
        let mut limit = MinuteLimit::new(Some(3), None);
        assert_eq!(seconds(&mut limit, 7, 0), [0, 0, 0, 60, 60, 60, 120]);
    }

    #[test]
    fn no_minute_sees_more_tokens_than_allowed() {
        let mut limit = MinuteLimit::new(None, Some(100));
        assert_eq!(seconds(&mut limit, 3, 60), [0, 60, 120]);
    }

    #[test]
    fn a_corrected_estimate_makes_room() {
        let mut limit = MinuteLimit::new(None, Some(100));
        let first = limit.try_pass(90, Instant::now()).unwrap();
        limit.correct(first, 10);
        assert_eq!(seconds(&mut limit, 1, 90), [0]);
    }

    #[test]
    fn a_call_larger_than_the_limit_is_not_stuck_for_ever() {
        let mut limit = MinuteLimit::new(None, Some(10));
        assert_eq!(seconds(&mut limit, 2, 50), [0, 60]);
    }
}
