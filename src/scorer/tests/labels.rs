//! Scorers that give labels: classes and entities.

use super::*;
use crate::stats::confusion::Answered;

fn graded(entry: &str, expected: &Value, text: &str) -> OrMissing<Score> {
    grade_response(&scorer(entry), Some(expected), &response(text))
}

/// The cells of a score, as `expected given times`.
fn cells(score: &Score) -> Vec<String> {
    let index = |index: Option<usize>| index.map_or_else(|| "-".to_owned(), |i| i.to_string());
    let shown = |cell: &Cell| {
        let given = match cell.answered {
            Answered::Label(label) => label.to_string(),
            Answered::Other => "other".to_owned(),
            Answered::Abstained => "abstained".to_owned(),
        };
        format!("{} {given} {}", index(cell.expected), cell.times)
    };
    score.cells.iter().map(shown).collect()
}

const CLASSES: &str = "- classification: { classes: [Billing, Shipping], abstain: unknown, normalize: [trim, casefold] }";

#[test]
fn an_answer_is_a_class_an_abstention_or_none_of_them() {
    for (text, value, cell) in [
        (" shipping\n", 1.0, "1 1 1"),
        ("BILLING", 0.0, "1 0 1"),
        ("Unknown", 0.0, "1 abstained 1"),
        ("shipping, I think", 0.0, "1 other 1"),
        ("", 0.0, "1 other 1"),
    ] {
        let score = graded(CLASSES, &json!("Shipping"), text).unwrap();
        assert_eq!(
            (score.value, score.passed),
            (value, Some(value > 0.5)),
            "{text}"
        );
        assert_eq!(cells(&score), [cell], "{text}");
    }
}

#[test]
fn why_an_answer_is_not_the_class_is_said() {
    let note = |text| {
        graded(CLASSES, &json!("Shipping"), text)
            .unwrap()
            .note
            .unwrap()
    };
    insta::assert_snapshot!(note("billing"), @"expected Shipping, the answer is Billing");
    insta::assert_snapshot!(note("unknown"), @"expected Shipping, the answer abstains");
    insta::assert_snapshot!(note("hm"), @r#"expected Shipping, the answer is no class: "hm""#);
}

#[test]
fn a_case_without_one_of_the_classes_has_no_score() {
    for expected in [
        json!("technical"),
        json!(["Billing", "Shipping"]),
        json!({"a": 1}),
    ] {
        let missing = graded(CLASSES, &expected, "billing");
        assert!(missing.is_err(), "{expected}: {missing:?}");
    }
}

#[test]
fn an_answer_that_a_transform_finds_nothing_in_is_in_the_table_too() {
    let entry = "- classification: { classes: [yes, no], transform: [{ regex: 'kind: (\\w+)' }] }";
    let entry = entry.replace("[yes, no]", "[good, bad]");
    let score = graded(&entry, &json!("bad"), "good").unwrap();
    assert_eq!(
        (score.value, cells(&score)),
        (0.0, vec!["1 other 1".to_owned()])
    );
    let entry = "- entities: { transform: [{ regex: 'list: (.+)' }] }";
    let score = graded(entry, &json!(["a", "b"]), "none").unwrap();
    assert_eq!(cells(&score), ["0 other 1", "0 other 1"]);
}

#[test]
fn entities_are_found_missed_or_made_up() {
    let expected = json!({"person": ["Ada", "Alan"], "place": ["London"], "date": ["1843"]});
    let entry = "- entities: { types: [person, place], normalize: [casefold] }";
    let answer = r#"[{"type": "person", "text": "ADA"}, {"type": "place", "text": "Alan"}, {"type": "day", "text": "1843"}]"#;
    let score = graded(entry, &expected, answer).unwrap();
    // One right, two missed, one made up; a date has no part in it.
    assert_eq!(cells(&score), ["0 0 1", "0 other 1", "1 other 1", "- 1 1"]);
    assert!((score.value - 2.0 / 5.0).abs() < 1e-12);
    assert_eq!(score.passed, None);
}

#[test]
fn entities_are_the_same_in_either_form_and_count_as_often_as_they_stand_there() {
    let entry = "- entities: { threshold: 1 }";
    for (expected, answer, value) in [
        (json!(["a", "a", "b"]), r#"["a", "b", "a"]"#, 1.0),
        (json!(["a", "b"]), r#"["a", "a"]"#, 0.5),
        (json!({"x": ["a"]}), r#"[{"type": "x", "text": "a"}]"#, 1.0),
        (json!({"x": ["a"]}), r#"["a"]"#, 0.0),
        (json!([]), "[]", 1.0),
        (json!([]), r#"["a"]"#, 0.0),
        (json!([]), "none", 0.0),
        (json!(["a"]), r#"{"x": "a"}"#, 0.0),
        (json!(r#"["a"]"#), r#"["a"]"#, 1.0),
    ] {
        let score = graded(entry, &expected, answer).unwrap();
        assert!((score.value - value).abs() < 1e-12, "{expected} {answer}");
        assert_eq!(score.passed, Some(value > 0.5), "{expected} {answer}");
    }
    let missing = graded(entry, &json!(["a", 5]), "[]").unwrap_err();
    insta::assert_snapshot!(missing, @"entities are a list of texts or of objects with `type` and `text`, or an object of lists of texts; found 5");
}
