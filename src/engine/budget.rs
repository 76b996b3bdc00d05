//! The money of an invocation: what was spent, and what calls under way may yet cost, of each budget that they count to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::units::Cost;

/// A limit on money.
#[derive(Debug)]
struct Budget {
    limit: Cost,
    /// What it is of, for the reason that trials are given up.
    of: &'static str,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    spent: Cost,
    reserved: Cost,
}

/// All limits on money that calls have to keep within.
#[derive(Debug, Default)]
pub struct Budgets {
    of_all: Vec<Arc<Budget>>,
    of_runs: BTreeMap<String, Arc<Budget>>,
}

impl Budgets {
    /// All calls together spend at most this much.
    pub fn limit_all(&mut self, limit: Cost, of: &'static str) {
        self.of_all.push(Arc::new(Budget::new(limit, of)));
    }

    /// The calls of these runs together spend at most this much.
    pub fn limit_runs(&mut self, runs: impl IntoIterator<Item = String>, limit: Cost) {
        let budget = Arc::new(Budget::new(limit, "suite"));
        let runs = runs.into_iter().map(|run| (run, budget.clone()));
        self.of_runs.extend(runs);
    }

    /// Sets money aside for a call of a run; where it is not there any more, says of what.
    pub(super) fn reserve(&self, run: &str, cost: Cost) -> Result<(), &'static str> {
        for (index, budget) in self.of(run).enumerate() {
            if !budget.reserve(cost) {
                self.of(run)
                    .take(index)
                    .for_each(|budget| budget.settle(cost, Cost::ZERO));
                return Err(budget.of);
            }
        }
        Ok(())
    }

    /// Sets money aside for a call of a run that an endpoint is already making, whether it is there or not.
    pub(super) fn owe(&self, run: &str, cost: Cost) {
        self.of(run).for_each(|budget| budget.owe(cost));
    }

    /// Gives back what was set aside for a call of a run, and books what it cost.
    pub(super) fn settle(&self, run: &str, reserved: Cost, cost: Cost) {
        self.of(run)
            .for_each(|budget| budget.settle(reserved, cost));
    }

    fn of(&self, run: &str) -> impl Iterator<Item = &Budget> {
        let all = self.of_all.iter().chain(self.of_runs.get(run));
        all.map(Arc::as_ref)
    }
}

impl Budget {
    fn new(limit: Cost, of: &'static str) -> Self {
        Self {
            limit,
            of,
            state: Mutex::default(),
        }
    }

    fn reserve(&self, cost: Cost) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = state.spent + state.reserved + cost <= self.limit;
        if fits {
            state.reserved += cost;
        }
        fits
    }

    fn owe(&self, cost: Cost) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reserved += cost;
    }

    fn settle(&self, reserved: Cost, cost: Cost) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.reserved = state.reserved.minus(reserved);
        state.spent += cost;
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
        let mut budgets = Budgets::default();
        budgets.limit_all(usd(1.0), "run");
        assert_eq!(budgets.reserve("a", usd(0.6)), Ok(()));
        assert_eq!(budgets.reserve("b", usd(0.6)), Err("run"));
        budgets.settle("a", usd(0.6), usd(0.2));
        assert_eq!(budgets.reserve("b", usd(0.6)), Ok(()));
        assert_eq!(budgets.reserve("b", usd(0.3)), Err("run"));
    }

    #[test]
    fn what_an_endpoint_is_already_making_leaves_less_for_other_calls() {
        let mut budgets = Budgets::default();
        budgets.limit_all(usd(1.0), "run");
        budgets.owe("a", usd(2.0));
        assert_eq!(budgets.reserve("a", usd(0.1)), Err("run"));
        budgets.settle("a", usd(2.0), usd(0.5));
        assert_eq!(budgets.reserve("a", usd(0.5)), Ok(()));
    }

    #[test]
    fn a_call_that_one_budget_refuses_takes_nothing_of_the_others() {
        let mut budgets = Budgets::default();
        budgets.limit_all(usd(1.0), "month");
        budgets.limit_runs(["a".to_owned(), "b".to_owned()], usd(0.5));
        assert_eq!(budgets.reserve("a", usd(0.6)), Err("suite"));
        assert_eq!(budgets.reserve("a", usd(0.4)), Ok(()));
        assert_eq!(budgets.reserve("b", usd(0.2)), Err("suite"));
        assert_eq!(budgets.reserve("c", usd(0.6)), Ok(()));
    }
}
