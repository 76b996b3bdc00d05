//! What the scorers of a plan say of an answer, and what some of them have to ask first.

use super::{Grade, Graded, Plan};
use crate::exchange::{Answered, Reply};
use crate::prompt::Prompt;
use crate::scorer::asking::{Assessed, Hearing, Judged, Question, Replies, Step, Told};
use crate::scorer::{Answer, Scorer, Target};
use crate::units::Cost;

/// How the reason begins why there is no score where a model was never asked.
const NOT_STORED: &str = "not asked: no reply of";

impl Grade {
    /// Whether it lacks the reply of a model that was never asked.
    pub fn is_unasked(&self) -> bool {
        matches!(&self.result, Graded::Error(error) if error.starts_with(NOT_STORED))
    }
}

/// An answer to a case that is to be graded.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// Index into the cases of [`Plan::dataset`].
    pub case: usize,
    /// Which trial of the case it is, counted from 1.
    pub repeat: u32,
    /// The answer.
    pub answered: &'a Answered,
    /// What it cost, where that is known.
    pub cost: Option<Cost>,
    /// The answer of the baseline to the same case, where there is one.
    pub rival: Option<&'a str>,
}

impl Plan {
    /// What the scorers say of an answer; nothing where there is none. One that has to ask more than the replies hold has
    /// no score.
    pub fn grade(&self, given: &Given<'_>, replies: &Replies) -> Vec<Grade> {
        let mut grades: Vec<Grade> = Vec::new();
        // A judge may wait for the others.
        for (metric, scorer) in self.asked_of(given) {
            let done = match self.step(scorer, given, replies, &grades) {
                None => return Vec::new(),
                Some(Step::Done(assessed)) => assessed,
                Some(Step::Ask(_)) => Assessed {
                    result: Err(format!(
                        "{NOT_STORED} `{}` to this request is stored",
                        scorer.asks().map(|asks| asks.alias).unwrap_or_default()
                    )),
                    judged: None,
                },
            };
            grades.push(Grade {
                metric,
                result: done.result.map_or_else(Graded::Error, Graded::Score),
                judged: done
                    .judged
                    .map(|judged| Box::new(self.priced(scorer, judged, replies))),
            });
        }
        grades.sort_by_key(|grade| grade.metric);
        grades.shrink_to_fit();
        grades
    }

    /// What the scorers have to ask about an answer and have not been told yet.
    pub fn questions(&self, given: &Given<'_>, replies: &Replies) -> Vec<Question> {
        if self.judges.is_empty() {
            return Vec::new();
        }
        let mut grades: Vec<Grade> = Vec::new();
        let mut questions = Vec::new();
        for (metric, scorer) in self.asked_of(given) {
            match self.step(scorer, given, replies, &grades) {
                Some(Step::Ask(asked)) => questions.extend(asked),
                Some(Step::Done(assessed)) => grades.push(Grade {
                    metric,
                    result: assessed.result.map_or_else(Graded::Error, Graded::Score),
                    judged: None,
                }),
                None => {}
            }
        }
        questions
    }

    /// The prompts of the workspace by which scorers ask.
    pub fn judge_prompts(&self) -> impl Iterator<Item = &Prompt> {
        self.all_scorers().filter_map(|(_, scorer)| {
            let asks = scorer.asks()?;
            asks.prompt.filter(|_| !asks.is_built_in)
        })
    }

    /// Whether a scorer compares answers with those of the baseline.
    pub fn compares(&self) -> bool {
        self.all_scorers().any(|(_, scorer)| scorer.compares())
    }

    /// The scorers of the suite and of its cases, with their metrics.
    pub(super) fn all_scorers(&self) -> impl Iterator<Item = &(usize, Scorer)> {
        self.scorers
            .iter()
            .chain(self.case_scorers.values().flatten())
    }

    /// The scorers of an answer with their metrics; those that measure time not where it has none of its own.
    fn asked_of(&self, given: &Given<'_>) -> impl Iterator<Item = (usize, &Scorer)> {
        let has_time = !given.answered.batch;
        let scorers = self.applicable(given.case, given.rival.is_some());
        let scorers = scorers.into_iter();
        scorers.filter(move |(metric, _)| has_time || !self.metrics[*metric].unit.is_time())
    }

    /// The scorers of a case with their metrics, those that ask a model behind the others; those that compare only where
    /// there is something to compare with. A scorer of the case takes the place of the suite's scorer of the same metric.
    pub(super) fn applicable(&self, case: usize, has_rival: bool) -> Vec<(usize, &Scorer)> {
        let own = self
            .case_scorers
            .get(&case)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let general = self
            .scorers
            .iter()
            .filter(|(metric, _)| !own.iter().any(|(other, _)| other == metric));
        let tags = &self.dataset.cases[case].tags;
        let mut scorers: Vec<(usize, &Scorer)> = general
            .chain(own)
            .filter(|(_, scorer)| scorer.applies_to(tags) && (has_rival || !scorer.compares()))
            .map(|(metric, scorer)| (*metric, scorer))
            .collect();
        if !self.judges.is_empty() {
            scorers.sort_by_key(|(metric, scorer)| (scorer.asks().is_some(), *metric));
        }
        scorers
    }

    /// How far a scorer comes; `None` where there is no answer.
    fn step(
        &self,
        scorer: &Scorer,
        given: &Given<'_>,
        replies: &Replies,
        grades: &[Grade],
    ) -> Option<Step> {
        let response = given.answered.reply.response()?;
        if let Some(result) = self.waits(scorer, grades) {
            return Some(Step::Done(Assessed {
                result,
                judged: None,
            }));
        }
        let case = &self.dataset.cases[given.case];
        let answer = Answer {
            response,
            latency_ms: given.answered.latency_ms,
            first_token_ms: given.answered.first_token_ms,
            cost: given.cost,
        };
        let target = Target {
            case: &case.id,
            expected: case.expected.as_ref(),
            vars: &case.vars,
            tags: &case.tags,
        };
        let hearing = Hearing {
            repeat: given.repeat,
            rival: given.rival,
            replies,
        };
        Some(scorer.step(&target, &answer, &hearing))
    }

    /// What stands for the score of a judge that waits for a scorer which did not pass.
    fn waits(
        &self,
        scorer: &Scorer,
        grades: &[Grade],
    ) -> Option<Result<crate::scorer::Score, String>> {
        scorer.only_if().iter().find_map(|(name, _)| {
            let grade = grades
                .iter()
                .find(|grade| self.metrics[grade.metric].name == *name);
            match grade.map(|grade| &grade.result) {
                Some(Graded::Score(score)) if score.passed == Some(true) => None,
                Some(Graded::Score(score)) if score.passed == Some(false) => {
                    Some(Ok(scorer.unasked(name)))
                }
                Some(Graded::Score(_)) => Some(Err(format!(
                    "not asked: `{name}` does not say what is enough"
                ))),
                Some(Graded::Error(error)) => Some(Err(format!("not asked: `{name}`: {error}"))),
                None => Some(Err(format!("not asked: `{name}` is not for this case"))),
            }
        })
    }

    /// The calls of a judge with what they cost.
    fn priced(&self, scorer: &Scorer, mut judged: Judged, replies: &Replies) -> Judged {
        let price = scorer
            .asks()
            .and_then(|asks| self.judges.get(asks.alias)?.price.as_ref());
        for call in &mut judged.calls {
            if let (Some(price), Some(Told::Answered { answer, .. })) =
                (price, replies.get(call.address))
            {
                call.cost = match answer.reply {
                    Reply::Response(_) => price.paid(answer),
                    // A failed call costs nothing.
                    Reply::Failure(_) => Some(Cost::ZERO),
                };
            }
        }
        judged
    }
}
