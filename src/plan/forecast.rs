//! What the calls of a plan will cost, of subjects and of judges, before any is made.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::digest::Digest;
use crate::exchange::{Call, Usage};
use crate::provider::price::Price;
use crate::scorer::asking::Outlook;
use crate::scorer::{LONGEST_STAND_IN, Target, stand_in};
use crate::units::Cost;

/// What calls are expected to cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Forecast {
    /// Calls.
    pub calls: usize,
    /// Tokens of all prompts, estimated.
    pub input_tokens: u64,
    /// Tokens of all answers at most; `None` where no limit is set.
    pub output_tokens: Option<u64>,
    /// Money at most, as far as price and limit are known.
    pub cost: Option<Cost>,
}

/// What all calls of a plan are expected to cost.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Forecasts {
    /// Those of each subject.
    pub subjects: Vec<Forecast>,
    /// Those of each judge.
    pub judges: Vec<JudgeForecast>,
}

/// What the calls of a judge are expected to cost, over all subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgeForecast {
    /// Index into [`Plan::metrics`].
    pub metric: usize,
    /// The alias of the model that judges.
    pub alias: String,
    /// Its calls, as if all that it waits for passed and no reply were known. The prompts hold answers as long as their
    /// limit allows; where there is none, the cost is not known.
    pub forecast: Forecast,
}

/// The calls of a judge as they are counted.
#[derive(Default)]
struct Tally<'a> {
    /// What was asked once for all cases.
    once: BTreeSet<Digest>,
    calls: usize,
    input_tokens: u64,
    output_tokens: Option<u64>,
    /// Whether an answer that it reads has no limit.
    is_open: bool,
    price: Option<&'a Price>,
}

impl Plan {
    /// What all calls are expected to cost if no verdict closes before the last look. `has_rival`: whether there are
    /// answers of a baseline that judges may compare with; `in_batches`: whether subjects are called in batches, at half
    /// the price.
    pub fn forecasts(&self, has_rival: bool, in_batches: bool) -> Forecasts {
        Forecasts {
            subjects: (0..self.subjects.len())
                .map(|subject| self.forecast(subject, in_batches))
                .collect(),
            judges: self.judge_forecasts(has_rival),
        }
    }

    fn forecast(&self, subject: usize, in_batches: bool) -> Forecast {
        let repeats = u64::from(self.sampling.most());
        let calls = self.dataset.cases.len() * self.sampling.most() as usize;
        let requests =
            (0..self.dataset.cases.len()).filter_map(|case| self.request(subject, case).ok());
        let input_tokens = requests
            .map(|request| request.estimated_input_tokens())
            .sum::<u64>()
            * repeats;
        let subject = &self.subjects[subject];
        let output_tokens = subject.params.max_tokens.map(|most| most * calls as u64);
        let cost = cost_of(subject.price.as_ref(), input_tokens, output_tokens);
        Forecast {
            calls,
            input_tokens,
            output_tokens,
            cost: if in_batches {
                cost.map(Cost::half)
            } else {
                cost
            },
        }
    }

    /// All trials are judged, by all votes and in all orders.
    fn judge_forecasts(&self, has_rival: bool) -> Vec<JudgeForecast> {
        let mut tallies: BTreeMap<(usize, &str), Tally<'_>> = BTreeMap::new();
        if self.judges.is_empty() {
            return Vec::new();
        }
        for subject in &self.subjects {
            let most = subject.params.max_tokens;
            let is_open = most.is_none_or(|most| most > LONGEST_STAND_IN);
            let answer = stand_in(most);
            for (index, case) in self.dataset.cases.iter().enumerate() {
                let target = Target {
                    case: &case.id,
                    expected: case.expected.as_ref(),
                    vars: &case.vars,
                    tags: &case.tags,
                };
                for (metric, scorer) in self.applicable(index, has_rival) {
                    let Some(asks) = scorer.asks() else {
                        continue;
                    };
                    let tally = tallies.entry((metric, asks.alias)).or_default();
                    let judge = self.judges.get(asks.alias);
                    tally.price = judge.and_then(|judge| judge.price.as_ref());
                    tally.is_open |= is_open;
                    tally.add(&scorer.foresee(&target, &answer), self.sampling.most());
                }
            }
        }
        let found = tallies.into_iter();
        found
            .map(|((metric, alias), tally)| JudgeForecast {
                metric,
                alias: alias.to_owned(),
                forecast: tally.forecast(),
            })
            .collect()
    }
}

impl Forecasts {
    /// The calls of subjects, and those of judges at most.
    pub fn calls(&self) -> (usize, usize) {
        let judges = self.judges.iter().map(|judge| judge.forecast.calls);
        (
            self.subjects.iter().map(|forecast| forecast.calls).sum(),
            judges.sum(),
        )
    }

    /// What each of them may cost; `None` where that is not known.
    pub fn costs(&self) -> impl Iterator<Item = Option<Cost>> {
        let judges = self.judges.iter().map(|judge| judge.forecast);
        let all = self.subjects.iter().copied().chain(judges);
        all.map(|forecast| forecast.cost)
    }

    /// What all of them may cost, as far as that is known.
    pub fn known_cost(&self) -> Cost {
        self.costs()
            .flatten()
            .fold(Cost::ZERO, |sum, cost| sum + cost)
    }
}

impl Tally<'_> {
    /// Counts what is asked about the trials of a case.
    fn add(&mut self, outlook: &Outlook, trials: u32) {
        for call in &outlook.once {
            if self.once.insert(call.address(1)) {
                self.count(call, 1);
            }
        }
        for call in &outlook.each {
            self.count(call, u64::from(outlook.votes) * u64::from(trials));
        }
    }

    fn count(&mut self, call: &Call, times: u64) {
        // An answer without a limit leaves the sum without one.
        let own = call.request.params.max_tokens.map(|most| most * times);
        self.output_tokens = if self.calls == 0 {
            own
        } else {
            self.output_tokens.zip(own).map(|(sum, own)| sum + own)
        };
        self.calls += usize::try_from(times).unwrap_or(usize::MAX);
        self.input_tokens += call.request.estimated_input_tokens() * times;
    }

    fn forecast(&self) -> Forecast {
        let cost = cost_of(self.price, self.input_tokens, self.output_tokens);
        Forecast {
            calls: self.calls,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cost: if self.calls == 0 {
                Some(Cost::ZERO)
            } else {
                cost.filter(|_| !self.is_open)
            },
        }
    }
}

fn cost_of(price: Option<&Price>, input: u64, output: Option<u64>) -> Option<Cost> {
    price?.cost(&Usage {
        input: Some(input),
        output,
        ..Usage::default()
    })
}
