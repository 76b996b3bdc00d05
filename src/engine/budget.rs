//! The money of a run: what was spent, and what calls under way may yet cost.

use std::sync::{Mutex, PoisonError};

use crate::units::Cost;

/// A limit on money, shared by all calls of a run.
#[derive(Debug)]
pub struct Budget {
    limit: Option<Cost>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Cost,
    reserved: Cost,
}

impl Budget {
    /// At most this much; `None` is no limit.
    pub fn new(limit: Option<Cost>) -> Self {
        Self {
            limit,
            state: Mutex::default(),
        }
    }

    /// Sets money aside for a call; `false` where it is not there any more.
    pub fn reserve(&self, cost: Cost) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = self
            .limit
            .is_none_or(|limit| state.spent + state.reserved + cost <= limit);
        if fits {
            state.reserved += cost;
        }
        fits
    }

    /// Gives back what was set aside for a call, and books what it cost.
    pub fn settle(&self, reserved: Cost, cost: Cost) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reserved = state.reserved.minus(reserved);
        state.spent += cost;
    }

    /// What was spent so far.
    pub fn spent(&self) -> Cost {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .spent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(amount: f64) -> Cost {
        Cost::from_usd(amount).unwrap()
    }

    #[test]
    fn calls_under_way_count_against_the_budget() {
        let budget = Budget::new(Some(usd(1.0)));
        assert!(budget.reserve(usd(0.6)));
        assert!(!budget.reserve(usd(0.6)));
        budget.settle(usd(0.6), usd(0.2));
        assert!(budget.reserve(usd(0.6)));
        assert_eq!(budget.spent(), usd(0.2));
    }
}
