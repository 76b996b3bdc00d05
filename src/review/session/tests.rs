//! What keys do, by the actions that they leave behind.

use serde_json::Value;

use super::*;
use crate::compare::summary::CaseVerdict;
use crate::digest::Digest;

fn proposal(case: &str, kind: Kind, cluster: &str) -> Proposal {
    Proposal {
        case: case.into(),
        subject: "p · m".into(),
        kind,
        verdict: CaseVerdict::Changed,
        cluster: cluster.into(),
        moved: Vec::new(),
        proposed_by: None,
        old: Some(Digest::of_bytes(b"old")),
        output: Digest::of_bytes(case.as_bytes()),
        golden: Some("old".into()),
        proposed: case.into(),
        place: (0, 0),
    }
}

fn proposals() -> Vec<Proposal> {
    vec![
        proposal("a", Kind::Changed, "words"),
        proposal("b", Kind::Changed, "space"),
        proposal("c", Kind::Changed, "words"),
        proposal("d", Kind::Regressed, "exact"),
        proposal("e", Kind::Regressed, "exact"),
    ]
}

/// The actions after these keys, a letter each: the first of its name, `.` for none.
fn after(keys: &str) -> String {
    let proposals = proposals();
    let mut session = Session::new(&proposals);
    for c in keys.chars() {
        let key = match c {
            '<' => Key::Left,
            '>' => Key::Right,
            '!' => Key::Other,
            c => Key::Char(c),
        };
        if session.press(key) == Step::Edit {
            session.edit("mine".into());
        }
    }
    let decisions = session.decisions("s", "r").decisions;
    let of = |case: &str| decisions.iter().find(|decision| decision.case == case);
    let letter = |case: &str| match of(case).map(|decision| decision.action) {
        None => '.',
        Some(Action::Accept) => 'a',
        Some(Action::Reject) => 'r',
        Some(Action::Skip) => 's',
        Some(Action::Edit) => 'e',
    };
    ["a", "b", "c", "d", "e"].map(letter).iter().collect()
}

#[test]
fn a_key_decides_and_goes_to_the_next() {
    assert_eq!(after("arse"), "arse.");
    assert_eq!(after("!!zx"), ".....", "Enter and Escape decide nothing");
    assert_eq!(after(">>a<<<r"), "r.a..");
}

#[test]
fn undo_takes_back_one_step_each() {
    assert_eq!(after("aru"), "a....");
    assert_eq!(after("aruu"), ".....");
    assert_eq!(after("Ayu"), ".....", "also one that decided many");
    assert_eq!(after("uuu"), ".....");
}

#[test]
fn many_are_accepted_after_a_question_and_none_that_is_decided() {
    assert_eq!(after("Ay"), "aaa..");
    assert_eq!(after("rAy"), "raa..");
    assert_eq!(after("An"), ".....");
    assert_eq!(after("A!r"), ".....", "nothing but y or n answers it");
    assert_eq!(after("Cy"), "a.a..", "those of the cluster");
}

#[test]
fn worse_cases_are_accepted_one_by_one_or_by_what_is_wrong_with_them() {
    assert_eq!(after(">>>Ay"), ".....");
    assert_eq!(after(">>>Cy"), "...aa");
}

#[test]
fn the_question_names_the_number_and_the_title_counts() {
    let proposals = proposals();
    let mut session = Session::new(&proposals);
    assert_eq!(session.press(Key::Char('a')), Step::Draw);
    assert_eq!(
        session.title(),
        "case 2 of 5: changed, still passes · 1 accepted, 0 rejected, 0 skipped"
    );
    session.press(Key::Char('A'));
    let question = session.question().unwrap();
    assert_eq!(
        question,
        "accept 2 as golden (changed, still passes)?  y yes   n no"
    );
    for key in ['y', 'r'] {
        session.press(Key::Char(key));
    }
    assert_eq!(session.press(Key::Char('s')), Step::Done, "nothing is left");
}

#[test]
fn decisions_name_what_was_looked_at_and_why() {
    let proposals = proposals();
    let mut session = Session::new(&proposals);
    session.note(" the policy is new \n");
    session.press(Key::Char('e'));
    session.edit("mine".into());
    let decisions = session.decisions("s", "r");
    let text = serde_json::to_string(&decisions).unwrap();
    let source = crate::document::Source::new("d.json", text);
    assert_eq!(Decisions::parse(&source).unwrap(), decisions);
    let decision = &decisions.decisions[0];
    assert_eq!(decision.old, proposals[0].old);
    assert_eq!(decision.output, Some(proposals[0].output));
    assert_eq!(decision.value, Some(Value::from("mine")));
    assert_eq!(decision.why.as_deref(), Some("the policy is new"));
}
