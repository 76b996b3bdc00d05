//! Scorers of tool calls, and scorers made of others, by example.

use super::*;
use crate::exchange::{ToolCall, Usage};

fn calling(calls: &[(&str, &str)]) -> Response {
    let mut response = response("");
    response.tool_calls = calls
        .iter()
        .map(|(name, arguments)| ToolCall {
            id: "1".into(),
            name: (*name).into(),
            arguments: (*arguments).into(),
        })
        .collect();
    response
}

/// The value of each entry for these calls.
fn check_calls(expected: &Value, calls: &[(&str, &str)], wanted: &[(&str, f64)]) {
    for (entry, value) in wanted {
        let score = grade_response(&scorer(entry), Some(expected), &calling(calls)).unwrap();
        assert!((score.value - value).abs() < 1e-9, "{entry}: {score:?}");
    }
}

#[test]
fn tool_calls_are_compared_by_name_arguments_and_order() {
    let expected = json!([
        {"name": "find", "arguments": {"city": "Bern", "limit": 1}},
        "book",
    ]);
    let find = ("find", r#"{"limit": 1.0, "city": "Bern"}"#);
    let book = ("book", r#"{"id": 7}"#);
    let more = ("find", r#"{"city": "Bern", "limit": 1, "lang": "de"}"#);
    check_calls(
        &expected,
        &[book, find],
        &[
            ("- tool-calls", 1.0),
            ("- tool-calls: { order: in-order }", 0.0),
            ("- tool-calls: { order: strict }", 0.0),
            ("- tool-calls: { extra: false }", 1.0),
        ],
    );
    check_calls(
        &expected,
        &[find, more, book],
        &[
            ("- tool-calls: { order: in-order }", 1.0),
            ("- tool-calls: { order: strict }", 0.0),
            ("- tool-calls: { extra: false }", 0.0),
        ],
    );
    check_calls(
        &expected,
        &[more, book],
        &[
            ("- tool-calls", 0.0),
            ("- tool-calls: { arguments: subset, order: strict }", 1.0),
            ("- tool-calls: { arguments: ignore }", 1.0),
        ],
    );
}

#[test]
fn tool_calls_may_keep_to_a_schema_or_be_counted() {
    check_calls(
        &json!([{"name": "find", "schema": {"required": ["city"]}}]),
        &[("find", "{\"city\": 1}")],
        &[("- tool-calls", 1.0)],
    );
    check_calls(
        &json!(["find"]),
        &[("find", "no json"), ("drop", "")],
        &[
            ("- tool-calls", 1.0),
            (
                "- tool-calls: { expected: [{ name: find, arguments: {} }] }",
                0.0,
            ),
            (
                "- tool-calls: { expected: [{ name: drop, arguments: {} }] }",
                1.0,
            ),
            ("- tool-calls: { expected: [], extra: false }", 0.0),
            ("- tool-call-f1", 2.0 / 3.0),
            ("- tool-call-f1: { value: precision }", 0.5),
            ("- tool-call-f1: { by: call, expected: [drop] }", 2.0 / 3.0),
            ("- tool-count: { min: 2, max: 2 }", 1.0),
            ("- tool-count: { max: 0, tools: drop }", 0.0),
            ("- tool-count: { max: 0, tools: [buy] }", 1.0),
        ],
    );
}

#[test]
fn each_tool_call_stands_for_one() {
    // One call is not two, and the general one does not take the place of the special one.
    check_calls(
        &json!(["a", {"name": "a", "arguments": {"x": 1}}]),
        &[("a", "{\"x\": 1}"), ("a", "{}")],
        &[("- tool-calls", 1.0)],
    );
    check_calls(&json!(["a", "a"]), &[("a", "{}")], &[("- tool-calls", 0.0)]);
}

#[test]
fn notes_name_the_calls() {
    let book = ("book", r#"{"id": 7}"#);
    let note = |entry: &str, expected: Value| {
        let score = grade_response(&scorer(entry), Some(&expected), &calling(&[book])).unwrap();
        score.note.unwrap_or_default()
    };
    assert_eq!(
        note(
            "- tool-calls",
            json!([{"name": "find", "arguments": {"a": 1}}])
        ),
        "expected find({\"a\":1}), got book({\"id\":7})"
    );
    assert_eq!(
        note("- tool-count: { max: 0, tools: [book] }", json!(null)),
        "1 call of book, expected at most 0"
    );
    assert_eq!(
        grade_response(
            &scorer("- tool-calls"),
            Some(&json!([{"tool": "x"}])),
            &calling(&[])
        )
        .unwrap_err(),
        "an expected call is a name, or has a `name` with `arguments` or a `schema`, found {\"tool\":\"x\"}"
    );
}

#[test]
fn all_any_and_not_know_what_is_unknown() {
    let unknown = "exact: { column: none }";
    for (entry, wanted) in [
        ("- all: [contains: a, contains: b]".to_owned(), Ok(1.0)),
        ("- all: [contains: a, contains: x]".to_owned(), Ok(0.0)),
        ("- any: [contains: x, contains: b]".to_owned(), Ok(1.0)),
        ("- any: [contains: x]".to_owned(), Ok(0.0)),
        ("- not: [contains: x, contains: y]".to_owned(), Ok(1.0)),
        ("- not: [contains: x, contains: b]".to_owned(), Ok(0.0)),
        (
            "- not: [any: [contains: x, all: [contains: y]]]".to_owned(),
            Ok(1.0),
        ),
        (format!("- all: [contains: x, {unknown}]"), Ok(0.0)),
        (format!("- any: [contains: a, {unknown}]"), Ok(1.0)),
        (
            format!("- all: [contains: a, {unknown}]"),
            Err("exact: the case has no column `none`"),
        ),
        (
            format!("- not: [contains: x, {unknown}]"),
            Err("exact: the case has no column `none`"),
        ),
        (
            "- all: [latency]".to_owned(),
            Err("`latency` does not say what is enough"),
        ),
        (
            "- all: [exact: { tags: [x] }]".to_owned(),
            Err("none of the scorers is for this case"),
        ),
        (
            "- all: [contains: { expected: x, tags: [x] }, contains: a]".to_owned(),
            Ok(1.0),
        ),
    ] {
        let value = grade(&scorer(&entry), &json!(null), "a b").map(|score| score.value);
        assert_eq!(value, wanted.map_err(str::to_owned), "{entry}");
    }
    assert_eq!(
        note(
            "- all: [contains: { expected: x, metric: polite }]",
            &json!(null),
            "a"
        ),
        "polite: no \"x\" in \"a\""
    );
    assert_eq!(
        note("- not: [contains: a]", &json!(null), "a"),
        "not wanted: contains"
    );
}

#[test]
fn a_weighted_mean_counts_each_by_its_weight() {
    let entry =
        "- weighted: { of: [contains: { expected: a, weight: 3 }, contains: x], threshold: 80% }";
    let score = grade(&scorer(entry), &json!(null), "a").unwrap();
    assert_eq!(score.passed, Some(false));
    assert_eq!(
        score.note.as_deref(),
        Some("0.750, expected at least 0.8: contains 1.000, contains 0.000")
    );
    assert_ne!(
        scorer(entry).fingerprint(),
        scorer(&entry.replace("weight: 3", "weight: 2")).fingerprint()
    );
    assert_eq!(
        grade(
            &scorer("- weighted: [exact: { expected: a, weight: 0 }]"),
            &json!(null),
            "a"
        )
        .unwrap_err(),
        "the weights of the scorers have no sum to divide by"
    );
}

#[test]
fn an_expression_is_true_or_false_or_no_score() {
    for (entry, wanted) in [
        ("output|length < 20 and usage.output == 5", Ok(1.0)),
        ("json.a > 2", Ok(0.0)),
        ("expected in output", Ok(1.0)),
        (
            "latency_ms < 2000 and cost < 1 and finish == 'stop'",
            Ok(1.0),
        ),
        (
            "vars.reply == 'hello' and not tool_calls and not tags",
            Ok(1.0),
        ),
        (
            "output",
            Err("`output` gives string, and not true or false"),
        ),
        ("json.b.c", Err("`json.b.c`: undefined value")),
        (
            "vars.nothing == 1",
            Err("`vars.nothing == 1`: undefined value"),
        ),
        (
            "range(100000)|list|length > 1",
            Err("`range(100000)|list|length > 1`: "),
        ),
    ] {
        let mut response = response("{\"a\": 1}");
        response.usage = Usage {
            output: Some(5),
            ..Usage::default()
        };
        let found = grade_response(
            &scorer(&format!("- expr: {entry:?}")),
            Some(&json!("a")),
            &response,
        );
        match (found, wanted) {
            (Ok(score), Ok(value)) => {
                assert!((score.value - value).abs() < 1e-9, "{entry}: {score:?}");
            }
            (Err(found), Err(wanted)) => assert!(found.starts_with(wanted), "{entry}: {found}"),
            (found, _) => panic!("{entry}: {found:?}"),
        }
    }
    let graded = scorer("- expr: { expr: 'json.a / 4', graded: true, threshold: 0.5 }");
    let score = grade(&graded, &json!(null), "{\"a\": 1}").unwrap();
    assert_eq!((score.value, score.passed), (0.25, Some(false)));
    assert_eq!(
        grade(&graded, &json!(null), "{\"a\": 9}").unwrap_err(),
        "`json.a / 4` gives 2.25, which is no share from 0 to 1"
    );
}

#[test]
fn what_cannot_be_composed_is_a_mistake_of_the_suite() {
    let nested = format!("- {}exact{}", "all: [".repeat(12), "]".repeat(12));
    let broken = [
        "- all: []",
        "- all: [levenshtein]",
        "- all: [word-count]",
        "- weighted: [latency: 2s]",
        "- any: [exat, contain: x]",
        "- expr: 'output ='",
        "- expr: 'ouput == 1'",
        "- expr: { expr: 'true', threshold: 0.5 }",
        nested.as_str(),
    ];
    let shown: Vec<String> = broken
        .iter()
        .map(|entry| {
            let error = try_compile(entry).expect_err(entry);
            format!("{entry}\n\n{}", error.render(false))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n\n----\n\n"));
}
