//! Scorers by example, through entries as suites have them.

use serde_json::json;

use super::*;
use crate::document::Source;
use crate::error::Error;
use crate::exchange::Finish;

mod answers;
mod compose;
mod conformance;
mod fields;
mod formats;
mod labels;
mod overlap;
mod properties;
mod refusal;
mod style;

fn no_file(path: &str) -> Result<Value> {
    Err(Error::new(format!("no file `{path}`")))
}

fn try_compile(entry: &str) -> Result<Scorer> {
    let document = Document::parse(Source::new("suites/a.yaml", entry))?;
    let surroundings = Surroundings {
        load: &|path, _| match path {
            "word.json" => Ok(json!({"type": "string", "maxLength": 5})),
            path => no_file(path),
        },
        workspace: None,
        cases: &[],
    };
    compile(&document, &document.root.items()[0], &surroundings)
}

fn scorer(entry: &str) -> Scorer {
    try_compile(entry).unwrap_or_else(|error| panic!("{entry}: {}", error.render(false)))
}

fn response(text: &str) -> Response {
    Response::of(text)
}

fn grade_response(
    scorer: &Scorer,
    expected: Option<&Value>,
    response: &Response,
) -> OrMissing<Score> {
    let vars = json!({"reply": "hello", "empty": null});
    let target = Target {
        case: "",
        expected,
        vars: vars.as_object().unwrap(),
        tags: &[],
    };
    let answer = Answer {
        response,
        latency_ms: Some(1250.0),
        first_token_ms: Some(250.0),
        cost: Cost::from_usd(0.002),
    };
    scorer.grade(&target, &answer)
}

fn grade(scorer: &Scorer, expected: &Value, text: &str) -> OrMissing<Score> {
    grade_response(scorer, Some(expected), &response(text))
}

/// Rows of expected value, answer and wanted value.
fn check(entry: &str, rows: &[(Value, &str, f64)]) {
    let scorer = scorer(entry);
    for (expected, text, wanted) in rows {
        let score = grade(&scorer, expected, text).unwrap();
        assert!(
            (score.value - wanted).abs() < 1e-9,
            "{entry}, {expected}, {text:?}: {score:?}"
        );
        if scorer.binary() {
            assert_eq!(score.passed, Some(*wanted > 0.5), "{entry}, {text:?}");
            assert_eq!(
                score.note.is_some(),
                *wanted < 0.5,
                "{entry}, {text:?}: {score:?}"
            );
        }
    }
}

fn note(entry: &str, expected: &Value, text: &str) -> String {
    grade(&scorer(entry), expected, text)
        .unwrap()
        .note
        .unwrap_or_default()
}

#[test]
fn exact_compares_whole_texts() {
    check(
        "- exact",
        &[
            (json!("shipping"), "shipping", 1.0),
            (json!("shipping"), "Shipping", 0.0),
            (json!("shipping"), "shipping\n", 0.0),
            (json!(""), "", 1.0),
            (json!("a"), "", 0.0),
            (json!("é"), "e\u{301}", 0.0),
            (json!(5), "5", 1.0),
            (json!(5), "5.0", 0.0),
            (json!(true), "true", 1.0),
            (json!(["yes", "yeah", 1]), "yeah", 1.0),
            (json!(["yes", "yeah", 1]), "1", 1.0),
            (json!(["yes", "yeah"]), "no", 0.0),
            (json!("🙂\u{0}"), "🙂\u{0}", 1.0),
        ],
    );
    check(
        "- exact: { normalize: [nfc, casefold, trim, punctuation] }",
        &[
            (json!("Café"), " \"CAFE\u{301}\".\n", 1.0),
            (json!("STRASSE"), "straße", 1.0),
            (json!("cafe"), "café", 0.0),
        ],
    );
    check("- exact: hello", &[(json!("ignored"), "hello", 1.0)]);
    check("- exact: [hello, hi]", &[(json!("ignored"), "hi", 1.0)]);
    check(
        "- exact: { column: reply }",
        &[(json!("ignored"), "hello", 1.0)],
    );
}

#[test]
fn contains_looks_for_parts() {
    check(
        "- contains",
        &[
            (json!("ship"), "shipping", 1.0),
            (json!("Ship"), "shipping", 0.0),
            (json!(""), "", 1.0),
            (json!("a"), "", 0.0),
            (json!(["x", "pp"]), "shipping", 1.0),
            (json!(42), "The answer is 42.", 1.0),
        ],
    );
    check(
        "- icontains",
        &[
            (json!("WORLD"), "hello world", 1.0),
            (json!("straße"), "Hauptstrasse 1", 1.0),
            (json!("σασ"), "ΣΑΣ", 1.0),
            (json!("x"), "hello", 0.0),
        ],
    );
    check(
        "- contains-any",
        &[
            (json!(["a,b", "z"]), "x a,b", 1.0),
            (json!("a,b"), "a", 0.0),
        ],
    );
    check(
        "- contains-all: { normalize: [casefold] }",
        &[
            (json!(["HELLO", "world"]), "Hello World", 1.0),
            (json!(["hello", "moon"]), "Hello World", 0.0),
            (json!("hello"), "Hello", 1.0),
        ],
    );
    check(
        "- starts-with: [Dear, Hello]",
        &[
            (json!(null), "Hello!", 1.0),
            (json!(null), "Oh, Hello", 0.0),
        ],
    );
    check(
        "- ends-with: { expected: Best, normalize: [trim] }",
        &[
            (json!(null), "…\nBest\n", 1.0),
            (json!(null), "Best,\nX", 0.0),
        ],
    );
}

#[test]
fn regex_matches_anywhere_and_may_come_with_the_case() {
    check(
        r"- regex: '^\p{Lu}\w+$'",
        &[(json!(null), "Élan", 1.0), (json!(null), "élan", 0.0)],
    );
    check(
        r"- regex: { pattern: ['\bTODO\b', fixme], negate: true }",
        &[(json!(null), "done", 1.0), (json!(null), "a fixme", 0.0)],
    );
    check(
        "- regex",
        &[(json!(r"\d{4}"), "in 2026", 1.0), (json!("x"), "", 0.0)],
    );
    assert_eq!(
        grade(&scorer("- regex"), &json!("(a"), "a").unwrap_err(),
        "\"(a\" is not a regular expression: unclosed group"
    );
    // Exponential where a pattern is tried by going back and forth.
    let hostile = "a".repeat(50_000) + "!";
    check(
        "- regex: '^(a+)+$'",
        &[(json!(null), hostile.as_str(), 0.0)],
    );
}

#[test]
fn equals_json_compares_data() {
    check(
        "- equals-json",
        &[
            (
                json!({"a": 1, "b": [true]}),
                r#"{"b": [true], "a": 1.0}"#,
                1.0,
            ),
            (json!(r#"{"a": 1}"#), " {\"a\": 1e0}\n", 1.0),
            (json!([1, 2]), "[2, 1]", 0.0),
            (json!({"a": 1}), r#"{"a": 1, "b": 2}"#, 0.0),
            (json!({"a": 1}), "no JSON", 0.0),
            (json!("\"x\""), "\"x\"", 1.0),
            (json!({}), "", 0.0),
        ],
    );
    check(
        "- equals-json: { expected: { id: 7 }, transform: [strip-fence] }",
        &[(json!(null), "Sure:\n```json\n{\"id\": 7}\n```", 1.0)],
    );
    check("- equals-json: [1, 2]", &[(json!(null), "[1,2]", 1.0)]);
    assert_eq!(
        note(
            "- equals-json",
            &json!({"items": [{"price": 3}]}),
            r#"{"items": [{"price": 4}]}"#
        ),
        "/items/0/price: expected 3, got 4"
    );
    assert_eq!(
        note("- equals-json", &json!({"a": 1, "b": 2}), r#"{"a": 1}"#),
        "/b: expected 2, got nothing"
    );
    assert_eq!(
        grade(&scorer("- equals-json"), &json!("{a"), "{}").unwrap_err(),
        "the expected value is not JSON: key must be a string at line 1 column 2"
    );
}

#[test]
fn is_json_takes_any_value_and_nothing_beside_it() {
    check(
        "- is-json",
        &[
            (json!(null), " {\"a\": [1]}\n", 1.0),
            (json!(null), "5", 1.0),
            (json!(null), "{'a': 1}", 0.0),
            (json!(null), "{} and more", 0.0),
            (json!(null), "", 0.0),
            (json!(null), "NaN", 0.0),
        ],
    );
    assert_eq!(
        note("- is-json", &json!(null), "{\"a\": 1"),
        "not JSON: EOF while parsing an object at line 1 column 7"
    );
}

#[test]
fn json_schema_names_what_is_wrong_and_where() {
    let entry = "- json-schema: { schema: { type: object, required: [id, queue], properties: { id: { type: integer }, \
                 queue: { enum: [billing, shipping] } } } }";
    check(
        entry,
        &[
            (json!(null), r#"{"id": 1, "queue": "billing"}"#, 1.0),
            (json!(null), r#"{"id": "x", "queue": "billing"}"#, 0.0),
            (json!(null), "[]", 0.0),
            (json!(null), "", 0.0),
        ],
    );
    assert_eq!(
        note(entry, &json!(null), r#"{"id": "x", "queue": "other"}"#),
        "/id: \"x\" is not of type \"integer\" (and 1 more)"
    );
    check(
        "- json-schema: word.json",
        &[
            (json!(null), "\"five5\"", 1.0),
            (json!(null), "\"six666\"", 0.0),
        ],
    );
}

#[test]
fn json_schema_keeps_to_the_draft_that_is_named() {
    let entry = |draft: &str| {
        format!(
            "- json-schema: {{ schema: {{ $schema: '{draft}', items: [{{ type: integer }}], additionalItems: false }} }}"
        )
    };
    check(
        &entry("http://json-schema.org/draft-07/schema#"),
        &[(json!(null), "[1, 2]", 0.0), (json!(null), "[1]", 1.0)],
    );
    // In 2020-12 `items` is no list.
    assert!(try_compile(&entry("https://json-schema.org/draft/2020-12/schema")).is_err());
    let dated = |formats: bool| {
        format!("- json-schema: {{ formats: {formats}, schema: {{ format: date }} }}")
    };
    check(&dated(true), &[(json!(null), "\"2026-02-30\"", 0.0)]);
    check(&dated(false), &[(json!(null), "\"2026-02-30\"", 1.0)]);
}

#[test]
fn levenshtein_counts_characters() {
    check(
        "- levenshtein",
        &[
            (json!("kitten"), "sitting", 1.0 - 3.0 / 7.0),
            (json!(""), "", 1.0),
            (json!("abc"), "", 0.0),
            (json!(""), "abc", 0.0),
            (json!("größe"), "grosse", 1.0 - 3.0 / 6.0),
            (json!("🙂🙂"), "🙂🙁", 0.5),
            (json!(["far away", "kitten"]), "kitten", 1.0),
            (json!("aaab"), "aab", 0.75),
        ],
    );
    let long = "a b".repeat(5_000);
    let longer = format!("x{}y", "b a".repeat(10_000));
    assert_eq!(
        grade(&scorer("- levenshtein"), &json!(long), &longer).unwrap_err(),
        "texts of 15000 and 30002 characters are too long to compare; `diff-ratio` compares words"
    );
    // What is shared at the ends costs nothing.
    let edited = format!("{}!{}", "word ".repeat(40_000), " more".repeat(40_000));
    let same = edited.replace('!', "?");
    let score = grade(&scorer("- levenshtein"), &json!(edited), &same).unwrap();
    assert!(score.value > 0.999 && score.value < 1.0);
}

#[test]
fn jaro_winkler_gives_a_bonus_for_equal_starts() {
    check(
        "- jaro-winkler",
        &[
            (json!("martha"), "marhta", 0.961_111_111_111_111_1),
            (json!(""), "", 1.0),
            (json!(""), "a", 0.0),
            (json!("abc"), "xyz", 0.0),
        ],
    );
}

#[test]
fn diff_ratio_counts_words_in_order() {
    check(
        "- diff-ratio",
        &[
            (json!("the cat sat"), "the dog sat", 4.0 / 6.0),
            (json!("a b c"), "c b a", 2.0 / 6.0),
            (json!("a  b"), "a\nb", 1.0),
            (json!(" "), "", 1.0),
            (json!("a"), "", 0.0),
            (json!("🙂"), "🙁", 0.0),
        ],
    );
}

#[test]
fn texts_of_many_words_are_compared() {
    let words = |step: usize| -> String {
        let words: Vec<String> = (0..20_000)
            .map(|i| format!("w{}", i * step % 977))
            .collect();
        words.join(" ")
    };
    let score = grade(&scorer("- diff-ratio"), &json!(words(3)), &words(5)).unwrap();
    assert!((0.01..0.5).contains(&score.value));
}

#[test]
fn a_graded_scorer_passes_at_its_threshold_or_above() {
    let at = |threshold: &str| {
        let scorer = scorer(&format!("- levenshtein: {{ threshold: {threshold} }}"));
        grade(&scorer, &json!("ab"), "ac").unwrap()
    };
    assert_eq!(at("0.5").passed, Some(true));
    assert_eq!(at("50%").note, None);
    let below = at("0.51");
    assert_eq!(below.passed, Some(false));
    assert_eq!(
        below.note.as_deref(),
        Some("0.500, expected at least 0.51: \"ab\" and \"ac\"")
    );
    let shown = grade(&scorer("- levenshtein"), &json!("ab"), "xy").unwrap();
    assert_eq!((shown.passed, shown.note), (None, None));
}

#[test]
fn negate_turns_the_result_round() {
    let score = grade(
        &scorer("- contains: { expected: refund, negate: true }"),
        &json!(null),
        "a refund",
    )
    .unwrap();
    assert_eq!((score.value, score.passed), (0.0, Some(false)));
    assert_eq!(
        score.note.as_deref(),
        Some("not wanted: contains \"refund\"")
    );
    let entry = "- levenshtein: { expected: ab, threshold: 0.5, negate: true }";
    let score = grade(&scorer(entry), &json!(null), "abcd").unwrap();
    assert_eq!((score.value, score.passed), (0.5, Some(false)));
    let score = grade(&scorer(entry), &json!(null), "abcde").unwrap();
    assert_eq!((score.passed, score.note), (Some(true), None));
}

#[test]
fn word_count_with_bounds_passes_or_not_and_without_is_only_shown() {
    check(
        "- word-count: { min: 2, max: 3 }",
        &[
            (json!(null), "one", 0.0),
            (json!(null), "It's 3.5!", 1.0),
            (json!(null), "well-known fact", 1.0),
            (json!(null), "a b c d", 0.0),
            (json!(null), "中文", 1.0),
            (json!(null), "", 0.0),
        ],
    );
    let bounds = scorer("- word-count: { max: 3 }");
    assert_eq!(bounds.unit(), Unit::Share);
    assert!(bounds.binary() && !bounds.informational);
    assert_eq!(
        grade(&bounds, &json!(null), "a b c d")
            .unwrap()
            .note
            .unwrap(),
        "4 words, expected at most 3"
    );
    let shown = scorer("- word-count");
    assert_eq!(shown.unit(), Unit::Words);
    assert!(!shown.binary() && shown.informational);
    let score = grade(&shown, &json!(null), "a b c d").unwrap();
    assert_eq!((score.value, score.passed), (4.0, None));
}

#[test]
fn measures_pass_at_their_limit_or_below() {
    let grade = |entry: &str| {
        let mut response = response("x");
        response.usage.input = Some(90);
        response.usage.output = Some(30);
        let scorer = scorer(entry);
        let score = grade_response(&scorer, None, &response).unwrap();
        (
            score.value,
            score.passed,
            score.note,
            scorer.unit().lower_is_better(),
        )
    };
    assert_eq!(grade("- latency"), (1250.0, None, None, true));
    assert_eq!(grade("- latency: 1.25s"), (1250.0, Some(true), None, true));
    assert_eq!(
        grade("- latency: { max: 1s }"),
        (
            1250.0,
            Some(false),
            Some("took 1.2 s, at most 1.0 s".into()),
            true
        )
    );
    assert_eq!(grade("- cost: 0.002"), (0.002, Some(true), None, true));
    assert_eq!(
        grade("- cost: 0.0019"),
        (
            0.002,
            Some(false),
            Some("cost $0.0020, at most $0.0019".into()),
            true
        )
    );
    assert_eq!(grade("- tokens: 120"), (120.0, Some(true), None, true));
    assert_eq!(
        grade("- tokens: { kind: output, max: 29 }"),
        (
            30.0,
            Some(false),
            Some("30 output tokens, at most 29".into()),
            true
        )
    );
    assert_eq!(grade("- tokens: { kind: input }"), (90.0, None, None, true));
}

#[test]
fn what_was_not_measured_has_no_score() {
    let response = response("x");
    let vars = Map::new();
    let target = Target {
        case: "",
        expected: None,
        vars: &vars,
        tags: &[],
    };
    let grade = |entry: &str, latency_ms: f64| {
        let answer = Answer {
            response: &response,
            latency_ms: Some(latency_ms),
            first_token_ms: None,
            cost: None,
        };
        scorer(entry).grade(&target, &answer).unwrap_err()
    };
    for missing in [f64::NAN, f64::INFINITY, -1.0] {
        assert_eq!(grade("- latency", missing), "the latency was not measured");
    }
    assert_eq!(grade("- cost", 1.0), "the cost is not known");
    assert_eq!(
        grade("- tokens", 1.0),
        "the endpoint did not count total tokens"
    );
    assert_eq!(grade("- exact", 1.0), "the case has no expected value");
    assert_eq!(
        grade("- exact: {column: x}", 1.0),
        "the case has no column `x`"
    );
}

#[test]
fn an_expected_value_that_a_scorer_cannot_use_is_no_zero() {
    let missing = |entry: &str, expected: &Value| grade(&scorer(entry), expected, "x").unwrap_err();
    assert_eq!(
        missing("- exact", &json!(null)),
        "the expected value of the case is empty"
    );
    assert_eq!(
        missing("- exact: { column: empty }", &json!("x")),
        "the expected value of the case is empty"
    );
    assert_eq!(
        missing("- contains-all", &json!([])),
        "the expected value is an empty list"
    );
    assert_eq!(
        missing("- exact", &json!({"a": 1})),
        "the expected value must be a text or a list of texts, found {\"a\":1}; `equals-json` compares data"
    );
}

#[test]
fn finish_reason_is_that_of_the_answer() {
    let mut answer = response("");
    answer.finish = Finish::Length;
    answer.finish_raw = Some("max_tokens".into());
    let score = grade_response(&scorer("- finish-reason: stop"), None, &answer).unwrap();
    assert_eq!(score.passed, Some(false));
    assert_eq!(
        score.note.as_deref(),
        Some("expected stop, got length (`max_tokens`)")
    );
    let both = scorer("- finish-reason: { is: [stop, length] }");
    assert_eq!(
        grade_response(&both, None, &answer).unwrap().passed,
        Some(true)
    );
}

#[test]
fn an_answer_in_which_a_transform_finds_nothing_has_failed_even_if_negated() {
    for (entry, passed) in [
        (
            "- contains: { expected: x, transform: [json-pointer: /a] }",
            Some(false),
        ),
        (
            "- contains: { expected: x, negate: true, transform: [json-pointer: /a] }",
            Some(false),
        ),
        (
            "- levenshtein: { expected: x, transform: [json-pointer: /a] }",
            None,
        ),
    ] {
        let score = grade(&scorer(entry), &json!(null), "{\"b\": 1}").unwrap();
        assert_eq!((score.value, score.passed), (0.0, passed));
        assert_eq!(score.note.as_deref(), Some("transform: nothing at `/a`"));
    }
    check(
        r"- exact: { expected: '42', transform: [last-line, regex: 'Answer: (\d+)'] }",
        &[(json!(null), "Let me think.\nAnswer: 42\n", 1.0)],
    );
}

#[test]
fn a_note_is_short_and_cut_between_characters() {
    let long = "ü\u{1b}[31m🙂".repeat(400);
    let entry = "- exact";
    let note = note(
        entry,
        &json!([long, "b", "c", "d", "e"]),
        &long.replace('ü', "u"),
    );
    assert!(
        note.chars().count() <= LONGEST_NOTE,
        "{}",
        note.chars().count()
    );
    assert!(note.contains('\u{1b}'));
    assert_eq!(
        self::note("- contains-all", &json!(["a", "b", "c"]), "b"),
        "no \"a\", no \"c\" in \"b\""
    );
}

#[test]
fn the_fingerprint_covers_what_changes_a_score_and_nothing_else() {
    let print = |entry: &str| scorer(entry).fingerprint();
    let same = [
        "- exact",
        "- exact:",
        "- exact: {}",
        "- exact: { metric: queue, weight: 2, informational: true, negate: false, normalize: [] }",
    ];
    for entry in same {
        assert_eq!(print(entry), print("- exact"), "{entry}");
    }
    let other = [
        "- contains",
        "- icontains",
        "- exact: hi",
        "- exact: { column: reply }",
        "- exact: { negate: true }",
        "- exact: { normalize: [trim] }",
        "- exact: { transform: [last-line] }",
        "- exact: { transform: [regex: a] }",
    ];
    for entry in other {
        assert_ne!(print(entry), print("- exact"), "{entry}");
    }
    assert_eq!(
        print("- exact: { normalize: [trim, casefold] }"),
        print("- exact: { normalize: [casefold, trim] }")
    );
    assert_eq!(
        print("- json-schema: word.json"),
        print("- json-schema: { schema: { maxLength: 5, type: string } }")
    );
    assert_eq!(print("- latency: 1s"), print("- latency: { max: 1000ms }"));
    // Numbers beyond what a double holds are no reason to fail.
    assert_ne!(print("- exact: 18446744073709551615"), print("- exact"));
    assert_ne!(
        print("- tokens: 5"),
        print("- tokens: { max: 5, kind: output }")
    );
}

#[test]
fn names_weights_and_gating_come_from_the_entry() {
    let given = scorer("- exact: { metric: queue, weight: 0.5, informational: true }");
    assert_eq!(
        (given.metric.as_str(), given.name(), given.informational),
        ("queue", "exact", true)
    );
    assert!((given.weight - 0.5).abs() < f64::EPSILON);
    let plain = scorer("- exact");
    assert_eq!(
        (plain.metric.as_str(), plain.informational),
        ("exact", false)
    );
    assert!((plain.weight - 1.0).abs() < f64::EPSILON);
}

#[test]
fn all_mistakes_of_an_entry_are_shown_where_they_stand() {
    let broken = [
        "- contians: hi",
        "- exact: { normalise: [trim] }",
        "- exact: { normalize: [trim, lowercase], weight: -1, expected: { a: 1 }, column: x }",
        "- exact:\n  normalize: [trim]",
        "- exact:\n  latency: 2s",
        "- 5",
        "- {}",
        "- regex: '(?=a)b'",
        "- regex: { pattern: [a, '[z'] }",
        "- contains: []",
        "- equals-json: '{a'",
        "- json-schema",
        "- is-json: true",
        "- json-schema: missing.json",
        "- json-schema: { schema: { properties: { id: { type: integr } } } }",
        "- json-schema: { schema: { $ref: 'https://example.com/a.json' } }",
        "- word-count: 5",
        "- word-count: { min: 5, max: 3 }",
        "- word-count: { negate: true }",
        "- latency: 2",
        "- latency: { max: 2s, normalize: [trim] }",
        "- finish-reason: stopp",
        "- tokens: { kind: reasoning, max: -1 }",
        "- exact: { transform: [{ json-pointer: a.b }, strip_fence, { regex: '(' }, { regex: a, json-pointer: /b }] }",
        "- levenshtein: { threshold: high }",
        "- exact: { metric: ' ' }",
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

#[test]
fn the_schema_accepts_what_compiles_and_refuses_what_does_not() {
    let whole = json!({"$ref": "#/$defs/scorer", "$defs": {"scorer": schema()}});
    let validator = jsonschema::validator_for(&whole).unwrap();
    let is_valid = |entry: &str| {
        let document = Document::parse(Source::new("a.yaml", entry)).unwrap();
        validator.is_valid(&document.root.items()[0].to_json())
    };
    for entry in [
        "- exact",
        "- exact:",
        "- exact: 5",
        "- contains: [a, b]",
        "- exact: { normalize: [trim, casefold], weight: 2, metric: queue }",
        "- regex: { pattern: a, negate: true }",
        "- json-schema: a.json",
        "- json-schema: { schema: { type: object } }",
        "- equals-json: { expected: { a: 1 } }",
        "- latency: 2s",
        "- exact: { transform: [strip-fence, { regex: a }] }",
        "- levenshtein: { threshold: 80% }",
        "- all: [exact, any: [contains: a, is-json]]",
        "- weighted: { of: [exact: { weight: 2 }], threshold: 0.5 }",
        "- expr: output == 'a'",
        "- tool-calls: [{ name: find, arguments: { a: 1 } }]",
        "- exact: { tags: [de] }",
    ] {
        assert!(is_valid(entry), "{entry}");
    }
    for entry in [
        "- exat",
        "- json-schema",
        "- exact: { normalise: [trim] }",
        "- exact: { normalize: [lowercase] }",
        "- { exact: a, contains: b }",
        "- latency: 2",
        "- word-count: 5",
        "- finish-reason: done",
        "- all: [exat]",
        "- any: exact",
        "- rouge-n: { n: 0 }",
    ] {
        assert!(!is_valid(entry), "{entry}");
        assert!(try_compile(entry).is_err(), "{entry}");
    }
}

#[test]
fn every_kind_is_described_and_has_its_main_option() {
    for kind in KINDS {
        assert!(!kind.name.is_empty() && !kind.summary.is_empty() && !kind.definition.is_empty());
        assert!(!kind.definition.contains("  "), "{}", kind.definition);
        let fields = kind.fields();
        let has = |name: &str| fields.iter().any(|field| field.name == name);
        assert!(kind.main.is_none_or(has), "{}", kind.name);
        let mut names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), fields.len(), "{}", kind.name);
    }
    let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len());
}

#[test]
fn a_score_reads_back_as_it_was_written() {
    let score = Score {
        value: 0.1 + 0.2,
        passed: Some(false),
        note: Some("expected \"a\"".into()),
        cells: Vec::new(),
    };
    let text = serde_json::to_string(&score).unwrap();
    assert_eq!(serde_json::from_str::<Score>(&text).unwrap(), score);
    assert_eq!(
        serde_json::from_str::<Score>("{\"value\": 1}")
            .unwrap()
            .passed,
        None
    );
    assert!(serde_json::from_str::<Score>("{\"value\": 1, \"x\": 2}").is_err());
}
