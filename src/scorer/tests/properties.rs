//! What holds of every scorer, for any text.

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
    "- word-count: { max: 5 }",
    "- exact: { transform: [last-line, { regex: '(a)?b' }, { json-pointer: /0 }] }",
];

fn likeness(name: &str, left: &str, right: &str) -> f64 {
    let scorer = scorer(&format!("- {name}"));
    grade(&scorer, &json!(left), right).unwrap().value
}

proptest! {
    #[test]
    fn no_text_makes_a_scorer_panic_or_leave_its_bounds(
        expected in any::<String>(),
        text in prop_oneof![
            any::<String>(),
            "[\\[\\]{}:,\"a1. \\n`~-]{0,30}",
            Just("[[[[".repeat(500)),
        ],
    ) {
        for entry in TEXTUAL {
            let scorer = scorer(entry);
            let Ok(score) = grade(&scorer, &json!(expected), &text) else { continue };
            prop_assert!((0.0..=1.0).contains(&score.value), "{entry}: {score:?}");
            let note = score.note.unwrap_or_default();
            prop_assert!(note.chars().count() <= LONGEST_NOTE);
        }
    }

    #[test]
    fn a_text_is_most_like_itself(text in any::<String>()) {
        for name in ["exact", "contains", "icontains", "contains-all", "starts-with", "ends-with"] {
            prop_assert!((likeness(name, &text, &text) - 1.0).abs() < f64::EPSILON);
        }
        for name in ["levenshtein", "jaro-winkler", "diff-ratio"] {
            prop_assert!((likeness(name, &text, &text) - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn likeness_is_the_same_both_ways(
        left in "[abcß \\n]{0,20}",
        right in "[abcß \\n]{0,20}",
    ) {
        for name in ["levenshtein", "jaro-winkler", "diff-ratio"] {
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
