//! Scorers that look into JSON, by example.

use super::*;

#[test]
fn a_path_selects_and_may_be_compared() {
    let text = r#"{"items": [{"price": 3, "name": "a"}, {"price": 4}], "total": 7.0}"#;
    for (entry, value) in [
        ("- json-path: $.items[*].price", 1.0),
        ("- json-path: /items/1/price", 1.0),
        ("- json-path: /items/2", 0.0),
        ("- json-path: { path: $.total, expected: 7 }", 1.0),
        (
            "- json-path: { path: '$.items[*].price', expected: 4 }",
            1.0,
        ),
        (
            "- json-path: { path: '$.items[*].price', expected: 4, every: true }",
            0.0,
        ),
        (
            "- json-path: { path: '$.items[?@.price > 3]', min: 1, max: 1 }",
            1.0,
        ),
        ("- json-path: { path: $.secret, max: 0 }", 1.0),
        ("- json-path: { path: $.total, max: 0 }", 0.0),
        (
            "- json-path: { path: '$.items[0].name', column: reply }",
            0.0,
        ),
        ("- json-path: { path: $.total, expected: '7' }", 0.0),
    ] {
        let score = grade(&scorer(entry), &json!(null), text).unwrap();
        assert!((score.value - value).abs() < 1e-9, "{entry}: {score:?}");
        assert_eq!(score.note.is_some(), value < 0.5, "{entry}");
    }
    check("- json-path: $", &[(json!(null), "no JSON", 0.0)]);
    for broken in [
        "- json-path: items",
        "- json-path: '$.['",
        "- json-path: { path: $, every: true }",
        "- json-path: { path: $, min: 2, max: 1 }",
    ] {
        assert!(try_compile(broken).is_err(), "{broken}");
    }
}

#[test]
fn fields_are_right_one_by_one() {
    let wanted = json!({"name": "Ada", "price": 10, "lines": [{"id": 1}, {"id": 2}], "none": {}});
    check(
        "- json-fields",
        &[
            (
                wanted.clone(),
                r#"{"name":"Ada","price":10,"lines":[{"id":1},{"id":2}],"none":{}}"#,
                1.0,
            ),
            (
                wanted.clone(),
                r#"{"name":"Ada","price":11,"lines":[{"id":1}],"extra":0}"#,
                4.0 / 9.0,
            ),
            (wanted.clone(), "no JSON", 0.0),
            (json!({}), "{}", 1.0),
        ],
    );
    check(
        "- json-fields: { value: recall, ignore: [/lines, /none] }",
        &[(wanted.clone(), r#"{"name":"Ada","price":11,"x":1}"#, 0.5)],
    );
    check(
        "- json-fields: { fields: { /price: { number: { relative: 10% } }, '/lines/*/id': levenshtein, /name: icontains } }",
        &[(
            wanted.clone(),
            r#"{"name":"ada L","price":10.5,"lines":[{"id":1},{"id":21}],"none":{}}"#,
            0.9,
        )],
    );
    assert_eq!(
        note(
            "- json-fields: { threshold: 1 }",
            &json!({"a": {"b": 1}}),
            r#"{"a": {"b": 2}}"#
        ),
        "0.000, expected at least 1: /a/b: expected 1, got 2"
    );
    assert_ne!(
        scorer("- json-fields: { fields: { /a: levenshtein } }").fingerprint(),
        scorer("- json-fields: { fields: { /a: osa } }").fingerprint()
    );
}

#[test]
fn json_diff_is_a_mean_at_any_depth() {
    check(
        "- json-diff",
        &[
            (
                json!({"a": 1, "b": "xy"}),
                r#"{"b": "xz", "a": 2}"#,
                7.0 / 12.0,
            ),
            (json!([1, 2]), "[1]", 0.5),
            (json!({"a": null}), "{}", 1.0),
            (json!("abc"), "abd", 2.0 / 3.0),
        ],
    );
}
