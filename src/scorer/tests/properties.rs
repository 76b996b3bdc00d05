//! What holds of every scorer, for any text.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// One entry of every kind that reads texts.
const TEXTUAL: &[&str] = &[
    "- exact: { normalize: [nfkc, casefold, punctuation, whitespace, trim] }",
    "- contains",
    "- icontains",
    "- contains-any",
    "- contains-all",
    "- starts-with",
    "- ends-with: { negate: true }",
    "- regex: { pattern: '(.)(.*)$' }",
    "- regex",
    "- equals-json",
    "- equals-json: { expected: { a: 1 }, transform: [strip-fence] }",
    "- json-schema: { schema: { type: [object, string], maxLength: 3 } }",
    "- levenshtein: { threshold: 0.5 }",
    "- jaro-winkler: { negate: true }",
    "- diff-ratio",
    "- osa",
    "- damerau-levenshtein",
    "- hamming",
    "- indel",
    "- lcs",
    "- jaro",
    "- partial-ratio",
    "- token-sort-ratio",
    "- token-set-ratio",
    "- rouge-n: { n: 2, stemmer: true }",
    "- rouge-n: { words: unicode, value: recall }",
    "- rouge-l: { words: unicode }",
    "- rouge-lsum: { value: precision }",
    "- bleu",
    "- bleu: { tokenizer: intl, smoothing: floor, smoothing-value: 0 }",
    "- bleu: { tokenizer: char, smoothing: add-k, order: 9, effective-order: false }",
    "- gleu: { tokenizer: unicode }",
    "- chrf: { words: 2, whitespace: true }",
    "- chrf: { beta: 0, eps-smoothing: true }",
    "- ter-accuracy: { normalized: true, no-punctuation: true }",
    "- wer-accuracy",
    "- wer-accuracy: { words: unicode }",
    "- cer-accuracy",
    "- token-f1: { words: unicode }",
    "- squad-exact",
    "- number",
    "- number: { expected: 1.5, which: any, unit: [a, $], decimal: comma }",
    "- numeric-diff: { expected: -2 }",
    "- choice",
    "- choice: { choices: [a, '[', é] }",
    "- math: { values: true }",
    "- list: { ordered: true, split: lines }",
    "- list",
    "- date: { expected: 2026-02-10, which: only, days: 3 }",
    "- contains-json: { schema: { type: array } }",
    "- is-yaml: { schema: { type: object } }",
    "- is-xml: a/b",
    "- contains-xml",
    "- is-html: p",
    "- contains-html: [p, svg/b]",
    "- is-sql: { dialect: mysql, tables: [a], statements: [select] }",
    "- is-csv: { columns: [a, b], max-rows: 2 }",
    "- regex: { flags: ix }",
    "- json-path: { path: '$..a', expected: 1 }",
    "- json-fields: { fields: { /a: levenshtein } }",
    "- json-diff",
    "- language: { is: en, among: [en, de] }",
    "- language: [de, zh]",
    "- forbidden: [a, 'b  C', é, '.']",
    "- no-pii: { allow: ['a@b.cc'] }",
    "- readability: { formula: grade, max: 5 }",
    "- length: { unit: sentences, max: 2 }",
    "- all: [contains: a, not: [is-json]]",
    "- weighted: [levenshtein, is-json]",
    "- expr: output|length < 3",
    "- tool-call-f1",
    "- word-count: { max: 5 }",
    "- exact: { transform: [last-line, { regex: '(a)?b' }, { json-pointer: /0 }] }",
];

static COMPILED: LazyLock<Vec<(&str, Scorer)>> = LazyLock::new(|| {
    TEXTUAL
        .iter()
        .map(|entry| (*entry, scorer(entry)))
        .collect()
});

/// What is symmetric, and 1 for a text and itself.
const ALIKE: &[&str] = &[
    "levenshtein",
    "osa",
    "damerau-levenshtein",
    "hamming",
    "indel",
    "lcs",
    "jaro",
    "jaro-winkler",
    "partial-ratio",
    "token-sort-ratio",
    "diff-ratio",
];

fn likeness(name: &str, left: &str, right: &str) -> f64 {
    let scorer = scorer(&format!("- {name}"));
    grade(&scorer, &json!(left), right).unwrap().value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_a_scorer_panic_or_leave_its_bounds(
        expected in any::<String>(),
        text in prop_oneof![
            any::<String>(),
            "[\\[\\]{}:,\"a1. \\n`~-]{0,30}",
            r#"(<|</|<p|<a|>|/>|&|;|<!--|-->|'|"|=| |svg|title|<li>|é|\n){0,30}"#,
            r"(SELECT|FROM|WITH|a|b|,|\(|\)|\*|;|'|\+|1| ){0,30}",
            "[-−+0-9eE.,' €a\\\\fracsqtboxed{}$/]{0,30}",
            Just("[[[[".repeat(500)),
        ],
    ) {
        for (entry, scorer) in COMPILED.iter() {
            let Ok(score) = grade(scorer, &json!(expected), &text) else { continue };
            prop_assert!((0.0..=1.0).contains(&score.value), "{entry}: {score:?}");
            let note = score.note.unwrap_or_default();
            prop_assert!(note.chars().count() <= LONGEST_NOTE);
        }
    }
}

proptest! {
    #[test]
    fn a_text_is_most_like_itself(text in any::<String>()) {
        for name in ["exact", "contains", "icontains", "contains-all", "starts-with", "ends-with"] {
            prop_assert!((likeness(name, &text, &text) - 1.0).abs() < f64::EPSILON);
        }
        for name in ALIKE.iter().chain(&["wer-accuracy", "cer-accuracy", "ter-accuracy", "token-f1", "squad-exact"]) {
            prop_assert!((likeness(name, &text, &text) - 1.0).abs() < f64::EPSILON, "{name}");
        }
        // These share nothing where there is nothing to share.
        for name in ["rouge-n", "rouge-l", "rouge-lsum", "bleu", "gleu", "chrf", "token-set-ratio"] {
            let value = likeness(name, &text, &text);
            prop_assert!(value == 0.0 || (value - 1.0).abs() < 1e-12, "{name}: {value}");
        }
    }

    #[test]
    fn likeness_is_the_same_both_ways(
        left in "[abcß \\n]{0,20}",
        right in "[abcß \\n]{0,20}",
    ) {
        for name in ALIKE.iter().chain(&["token-set-ratio", "rouge-n", "rouge-l", "gleu", "token-f1"]) {
            let there = likeness(name, &left, &right);
            let back = likeness(name, &right, &left);
            prop_assert!((there - back).abs() < f64::EPSILON, "{name}: {there} and {back}");
        }
    }

    #[test]
    fn shared_ends_do_not_change_the_distance(
        left in "[ab]{0,12}",
        right in "[ab]{0,12}",
    ) {
        let whole = strsim::normalized_levenshtein(&left, &right);
        prop_assert!((likeness("levenshtein", &left, &right) - whole).abs() < 1e-12);
    }

    #[test]
    fn distances_are_those_of_plain_tables(
        left in "[abcé]{0,150}",
        right in "[abcé]{0,150}",
    ) {
        let longest = left.chars().count().max(right.chars().count()).max(1);
        let near = |name: &str, distance: usize| {
            let value = 1.0 - f64::from(u32::try_from(distance).unwrap()) / f64::from(u32::try_from(longest).unwrap());
            (likeness(name, &left, &right) - value).abs() < 1e-12
        };
        prop_assert!(near("levenshtein", strsim::levenshtein(&left, &right)));
        prop_assert!(near("osa", strsim::osa_distance(&left, &right)));
        prop_assert!(near("damerau-levenshtein", strsim::damerau_levenshtein(&left, &right)));
    }

    #[test]
    fn freer_edits_are_never_more(left in "[abc]{0,20}", right in "[abc]{0,20}") {
        let value = |name| likeness(name, &left, &right);
        prop_assert!(value("hamming") <= value("levenshtein") + 1e-12);
        prop_assert!(value("levenshtein") <= value("osa") + 1e-12);
        prop_assert!(value("osa") <= value("damerau-levenshtein") + 1e-12);
        prop_assert!(value("jaro") <= value("jaro-winkler") + 1e-12);
    }

    #[test]
    fn another_expected_text_takes_nothing_away(
        text in "[ab ]{0,20}",
        first in "[ab ]{0,20}",
        second in "[ab ]{0,20}",
    ) {
        for name in ["levenshtein", "rouge-l", "rouge-n", "gleu", "chrf", "wer-accuracy", "token-f1"] {
            let scorer = scorer(&format!("- {name}"));
            let both = grade(&scorer, &json!([first, second]), &text).unwrap().value;
            prop_assert!(both >= likeness(name, &first, &text) - 1e-12, "{name}");
        }
    }

    #[test]
    fn the_ratio_is_that_of_a_shortest_diff(
        left in proptest::collection::vec("[a-e]", 0..150),
        right in proptest::collection::vec("[a-e]", 0..150),
    ) {
        let ops = similar::capture_diff_slices(similar::Algorithm::RawMyers, &left, &right);
        let ratio = similar::diff_ratio(&ops, left.len(), right.len());
        let value = likeness("diff-ratio", &left.join(" "), &right.join(" "));
        prop_assert!((value - f64::from(ratio)).abs() < 1e-6, "{value} and {ratio}");
    }

    #[test]
    fn negated_values_add_up_to_one(left in "[ab ]{0,9}", right in "[ab ]{0,9}") {
        for name in ["exact", "contains", "levenshtein", "diff-ratio"] {
            let negated = scorer(&format!("- {name}: {{ negate: true }}"));
            let value = grade(&negated, &json!(left), &right).unwrap().value;
            prop_assert!((value + likeness(name, &left, &right) - 1.0).abs() < 1e-12);
        }
    }
}
