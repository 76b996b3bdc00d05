//! A session of decisions, one proposal after the other: what a key does. It draws nothing and writes nothing.

use super::decision::{Action, Decision, Decisions, FORMAT};
use super::proposal::{Kind, Proposal};
use crate::golden::as_golden;

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter.
    Char(char),
    /// To the one before.
    Left,
    /// To the next one.
    Right,
    /// Any other, which does nothing.
    Other,
}

/// What to do after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Draw the proposal, or the question.
    Draw,
    /// Let a person edit the proposal, and hand the text to [`Session::edit`].
    Edit,
    /// Let a person write a note, and hand it to [`Session::note`].
    Note,
    /// Carry out what was decided.
    Done,
}

/// Several proposals that are accepted at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Many {
    /// All that are left of the kind.
    OfKind,
    /// All that are left of the cluster.
    OfCluster,
}

/// What is decided of a proposal.
#[derive(Debug, Clone, PartialEq)]
struct Answer {
    action: Action,
    /// What a person made of it.
    text: Option<String>,
}

/// How far a person has come with the proposals of a run.
#[derive(Debug)]
pub struct Session<'p> {
    proposals: &'p [Proposal],
    answers: Vec<Option<Answer>>,
    notes: Vec<Option<String>>,
    at: usize,
    /// What each step has changed, so that it can be undone: where it was made, and the answers before.
    undo: Vec<(usize, Vec<Option<Answer>>)>,
    asking: Option<Many>,
}

impl<'p> Session<'p> {
    /// A session at the first proposal; there is at least one.
    pub fn new(proposals: &'p [Proposal]) -> Self {
        Self {
            proposals,
            answers: vec![None; proposals.len()],
            notes: vec![None; proposals.len()],
            at: 0,
            undo: Vec::new(),
            asking: None,
        }
    }

    /// The proposal that is looked at.
    pub fn current(&self) -> &'p Proposal {
        &self.proposals[self.at]
    }

    /// Which of how many it is, why it is one, and what is decided so far, in a line.
    pub fn title(&self) -> String {
        let decided = |action: Action| {
            let answers = self.answers.iter().flatten();
            answers.filter(|answer| answer.action == action).count()
        };
        let here = self.answers[self.at].as_ref();
        let here = here.map_or("", |answer| match answer.action {
            Action::Accept => " [accepted]",
            Action::Reject => " [rejected]",
            Action::Skip => " [skipped]",
            Action::Edit => " [edited]",
        });
        format!(
            "case {} of {}: {}{here} · {} accepted, {} rejected, {} skipped",
            self.at + 1,
            self.proposals.len(),
            self.current().kind.name(),
            decided(Action::Accept) + decided(Action::Edit),
            decided(Action::Reject),
            decided(Action::Skip),
        )
    }

    /// The question that is open, where one is.
    pub fn question(&self) -> Option<String> {
        let many = self.asking?;
        let number = self.left(many).len();
        let which = match many {
            Many::OfKind => self.current().kind.name(),
            Many::OfCluster => &self.current().cluster,
        };
        Some(format!(
            "accept {number} as golden ({which})?  y yes   n no"
        ))
    }

    /// The note on the proposal that is looked at.
    pub fn note_here(&self) -> Option<&str> {
        self.notes[self.at].as_deref()
    }

    /// Does what a key stands for. Enter and Escape decide nothing.
    pub fn press(&mut self, key: Key) -> Step {
        if let Some(many) = self.asking.take() {
            return match key {
                Key::Char('y') => self.accept_many(many),
                Key::Char('n') => Step::Draw,
                _ => {
                    self.asking = Some(many);
                    Step::Draw
                }
            };
        }
        match key {
            Key::Char('a') => self.answer(Action::Accept, None),
            Key::Char('r') => self.answer(Action::Reject, None),
            Key::Char('s') => self.answer(Action::Skip, None),
            Key::Char('e') => Step::Edit,
            Key::Char('n') => Step::Note,
            Key::Char('u') => self.undo(),
            Key::Char('q') => Step::Done,
            // What is worse is accepted one by one, or by what is wrong with it.
            Key::Char('A') if self.current().kind != Kind::Regressed => self.ask(Many::OfKind),
            Key::Char('C') => self.ask(Many::OfCluster),
            Key::Left => {
                self.at = self.at.saturating_sub(1);
                Step::Draw
            }
            Key::Right => {
                self.at = (self.at + 1).min(self.proposals.len() - 1);
                Step::Draw
            }
            Key::Char(_) | Key::Other => Step::Draw,
        }
    }

    /// Takes what a person made of the proposal.
    pub fn edit(&mut self, text: String) -> Step {
        self.answer(Action::Edit, Some(text))
    }

    /// Takes a note on the proposal; an empty one takes the note away.
    pub fn note(&mut self, text: &str) {
        let text = text.trim();
        self.notes[self.at] = (!text.is_empty()).then(|| text.to_owned());
    }

    /// What was decided, in the form of a file.
    pub fn decisions(&self, suite: &str, run: &str) -> Decisions {
        let answered = self.proposals.iter().zip(&self.answers).zip(&self.notes);
        let decisions = answered.filter_map(|((proposal, answer), note)| {
            let answer = answer.as_ref()?;
            let edited = answer.text.as_deref();
            Some(Decision {
                case: proposal.case.clone(),
                action: answer.action,
                old: proposal.old,
                output: Some(proposal.output),
                value: edited.map(|text| as_golden(proposal.golden.as_ref(), text)),
                why: note.clone(),
            })
        });
        Decisions {
            format: FORMAT.to_owned(),
            suite: suite.to_owned(),
            run: run.to_owned(),
            decisions: decisions.collect(),
        }
    }

    fn answer(&mut self, action: Action, text: Option<String>) -> Step {
        self.remember();
        self.answers[self.at] = Some(Answer { action, text });
        self.go_on()
    }

    fn accept_many(&mut self, many: Many) -> Step {
        self.remember();
        for index in self.left(many) {
            self.answers[index] = Some(Answer {
                action: Action::Accept,
                text: None,
            });
        }
        self.go_on()
    }

    fn ask(&mut self, many: Many) -> Step {
        if !self.left(many).is_empty() {
            self.asking = Some(many);
        }
        Step::Draw
    }

    /// The proposals like this one that nothing is decided about, this one included.
    fn left(&self, many: Many) -> Vec<usize> {
        let current = self.current();
        let is_like = |other: &Proposal| match many {
            Many::OfKind => other.kind == current.kind,
            Many::OfCluster => other.kind == current.kind && other.cluster == current.cluster,
        };
        (0..self.proposals.len())
            .filter(|index| self.answers[*index].is_none() && is_like(&self.proposals[*index]))
            .collect()
    }

    fn remember(&mut self) {
        self.undo.push((self.at, self.answers.clone()));
    }

    fn undo(&mut self) -> Step {
        if let Some((at, answers)) = self.undo.pop() {
            self.at = at;
            self.answers = answers;
        }
        Step::Draw
    }

    /// To the next proposal without an answer, or to the end where there is none.
    fn go_on(&mut self) -> Step {
        let count = self.proposals.len();
        let next = (self.at..count).chain(0..self.at);
        match next
            .into_iter()
            .find(|index| self.answers[*index].is_none())
        {
            Some(next) => {
                self.at = next;
                Step::Draw
            }
            None => Step::Done,
        }
    }
}

#[cfg(test)]
mod tests;
