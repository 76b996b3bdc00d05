//! Which trials come next: those of the next look while a verdict is open, then those that confirm suspects.

use super::{Against, Progressing};
use crate::compare::Compared;
use crate::compare::looks::{self, Standing};
use crate::history::run::{Role, SubjectRecord};
use crate::plan::Trial;

/// The trials of each order in one wave.
type Trials = Vec<Vec<Trial>>;

/// The trials of the first look. A canary waits until there is something to blame.
pub(super) fn first(under_way: &mut [Progressing]) -> Trials {
    under_way
        .iter_mut()
        .map(|order| {
            let subjects = order.looks.len();
            if order.is(Role::Canary) {
                return Vec::new();
            }
            (0..subjects)
                .flat_map(|subject| order.next_look(subject))
                .collect()
        })
        .collect()
}

/// The trials that the verdicts so far ask for; `None` where nothing is open any more.
pub(super) fn next(under_way: &mut [Progressing]) -> Option<Trials> {
    let may_go_on =
        |order: &Progressing| order.run.header.sampling().is_adaptive() || order.is(Role::Canary);
    if !under_way.iter().any(may_go_on) {
        return None;
    }
    let places: Vec<usize> = (0..under_way.len())
        .filter(|index| !matches!(under_way[*index].against, Against::Part))
        .collect();
    let standings = looks::standings(&compared(under_way, &places));
    let asked = more_looks(under_way, &places, &standings)
        .or_else(|| canaries(under_way, &places, &standings));
    asked.or_else(|| confirmations(under_way, &places))
}

/// The runs so far, each with its baseline.
fn compared<'a>(under_way: &'a [Progressing], places: &[usize]) -> Vec<Compared<'a>> {
    places
        .iter()
        .map(|place| {
            let order = &under_way[*place];
            let baseline = match &order.against {
                Against::Chosen(choice) => choice.run.as_ref(),
                Against::Order(other) => Some(&under_way[*other].run),
                Against::Part => None,
            };
            Compared::new(&order.run, baseline, String::new())
        })
        .collect()
}

fn more_looks(
    under_way: &mut [Progressing],
    places: &[usize],
    standings: &[Vec<Standing>],
) -> Option<Trials> {
    let mut asked = nothing(under_way);
    for (place, subjects) in places.iter().zip(standings) {
        for (subject, standing) in subjects.iter().enumerate() {
            if !standing.is_open {
                continue;
            }
            asked[*place].extend(under_way[*place].next_look(subject));
            if let Some((other, twin)) = twin_of(under_way, *place, subject) {
                asked[other].extend(under_way[other].next_look(twin));
            }
        }
    }
    some(asked)
}

/// A second look at an old baseline, once for each subject that looks worse than it.
fn canaries(
    under_way: &mut [Progressing],
    places: &[usize],
    standings: &[Vec<Standing>],
) -> Option<Trials> {
    let mut asked = nothing(under_way);
    for (place, subjects) in places.iter().zip(standings) {
        let id = under_way[*place].run.header.id.clone();
        let blamed: Vec<SubjectRecord> = subjects
            .iter()
            .zip(&under_way[*place].run.header.subjects)
            .filter(|(standing, _)| standing.is_regressed)
            .map(|(_, subject)| subject.clone())
            .collect();
        for (order, trials) in under_way.iter_mut().zip(&mut asked) {
            let part = order.run.header.part.as_ref();
            if part.is_none_or(|part| part.of != id || part.role != Role::Canary) {
                continue;
            }
            for subject in &blamed {
                if let Some(twin) = order
                    .run
                    .header
                    .twin(subject)
                    .filter(|twin| order.looks[*twin] == 0)
                {
                    trials.extend(order.next_look(twin));
                }
            }
        }
    }
    some(asked)
}

/// One more trial for each suspect case that trials of its own can still convict.
fn confirmations(under_way: &mut [Progressing], places: &[usize]) -> Option<Trials> {
    let mut asked = nothing(under_way);
    for place in places {
        let order = &under_way[*place];
        let drawn = order.confirmed;
        let sampling = order.run.header.sampling();
        // Without a bank neither side has enough first trials to be told from four.
        let both = matches!(order.against, Against::Order(_));
        let most = sampling.confirm + u32::from(both && sampling.confirm > 0);
        if drawn >= most {
            continue;
        }
        let left = (most - drawn) as usize;
        let suspects = looks::suspects(&compared(under_way, &[*place])[0], left);
        let repeat = sampling.most() + drawn + 1;
        for (subject, case) in suspects {
            let trial = |subject| Trial {
                subject,
                case,
                repeat,
                fresh: true,
            };
            asked[*place].push(trial(subject));
            if let Some((other, twin)) = twin_of(under_way, *place, subject) {
                asked[other].push(trial(twin));
            }
        }
        under_way[*place].confirmed += 1;
    }
    some(asked)
}

fn nothing(under_way: &[Progressing]) -> Trials {
    under_way.iter().map(|_| Vec::new()).collect()
}

fn some(asked: Trials) -> Option<Trials> {
    asked
        .iter()
        .any(|trials| !trials.is_empty())
        .then_some(asked)
}

impl Progressing {
    fn is(&self, role: Role) -> bool {
        let part = self.run.header.part.as_ref();
        part.is_some_and(|part| part.role == role)
    }

    /// The trials of the next look of a subject, which counts as taken from now on.
    fn next_look(&mut self, subject: usize) -> Vec<Trial> {
        let looks = self.run.header.sampling().looks;
        let taken = self.looks[subject];
        let Some(most) = looks.get(taken).copied() else {
            return Vec::new();
        };
        self.looks[subject] += 1;
        let before = taken.checked_sub(1).map_or(0, |last| looks[last]);
        (0..self.run.cases.len())
            .flat_map(|case| {
                (before + 1..=most).map(move |repeat| Trial {
                    subject,
                    case,
                    repeat,
                    fresh: false,
                })
            })
            .collect()
    }
}

/// Where the other side of a subject stands that is called in the same window.
fn twin_of(under_way: &[Progressing], place: usize, subject: usize) -> Option<(usize, usize)> {
    let Against::Order(other) = under_way[place].against else {
        return None;
    };
    let subject = &under_way[place].run.header.subjects[subject];
    Some((other, under_way[other].run.header.twin(subject)?))
}
