//! Scorers of overlap by example; that the numbers are those of other tools, `scripts/conformance.py` shows.

use super::*;

#[test]
fn rouge_counts_runs_and_words_in_order() {
    check(
        "- rouge-n",
        &[
            (json!("testing one two"), "testing", 0.5),
            (json!(["x", "testing one two"]), "Testing, one!", 0.8),
            (json!("größe"), "gr e", 1.0),
            (json!("中文"), "中文", 0.0),
            (json!(""), "", 0.0),
        ],
    );
    check(
        "- rouge-n: { words: unicode }",
        &[(json!("Größe 中文"), "größe 中文", 1.0)],
    );
    check(
        "- rouge-n: { n: 2, value: recall }",
        &[(json!("testing one two"), "testing one", 0.5)],
    );
    check(
        "- rouge-n: { stemmer: true }",
        &[(json!("cats running"), "cat ran", 0.5)],
    );
    check(
        "- rouge-l",
        &[(json!("testing one two"), "testing two", 0.8)],
    );
    check(
        "- rouge-lsum: { value: recall }",
        &[(
            json!("w1 w2 w3 w4 w5"),
            "w1 w2 w6 w7 w8\nw1 w3 w8 w9 w5",
            0.8,
        )],
    );
}

#[test]
fn meteor_pairs_words_and_stems_and_counts_the_pieces() {
    let wanted = json!("the cat sat on the mat");
    check(
        "- meteor",
        &[
            (
                wanted.clone(),
                "the cat sat on the mat",
                0.997_685_185_185_185_2,
            ),
            (wanted, "On the mat cats sit", 0.635_593_220_338_983),
            (json!("It is running"), "it runs", 0.344_827_586_206_896_5),
            (json!(["a b", "c d"]), "c d", 0.9375),
            (json!("a b"), "c d", 0.0),
            (json!(""), "", 0.0),
        ],
    );
}

#[test]
fn bleu_takes_all_expected_texts_together() {
    check(
        "- bleu: { tokenizer: none }",
        &[
            (json!(["a b", "a b c d e f"]), "a b c d", 1.0),
            (json!("a b c d e f g"), "a b c d e", (-0.4_f64).exp()),
            (json!("x"), "", 0.0),
        ],
    );
    check(
        "- gleu",
        &[
            (json!("a b c"), "a b c", 1.0),
            (json!("a b c d"), "a b", 0.3),
        ],
    );
}

#[test]
fn rates_are_turned_round_and_never_below_0() {
    check(
        "- wer-accuracy",
        &[
            (json!("a b c d"), "a x c", 0.5),
            (json!("a"), "x y z", 0.0),
            (json!(""), "", 1.0),
            (json!(""), "a", 0.0),
        ],
    );
    check("- cer-accuracy", &[(json!(" abcd"), "abcx\n", 0.75)]);
    check(
        "- ter-accuracy",
        &[
            (json!("a b c d e f g h"), "d e f g h a b c", 0.875),
            (json!("a B"), "A b", 1.0),
            (json!("a"), "x y z", 0.0),
            (json!(""), "", 1.0),
        ],
    );
    // Any white space at the end of a text, or none, is the same.
    check(
        "- ter-accuracy: { normalized: true }",
        &[(json!("a it's b"), "a it's\u{3000}", 0.75)],
    );
}

#[test]
fn short_answers_are_made_plain() {
    check(
        "- token-f1",
        &[
            (json!("Paris, Texas"), "the Paris", 2.0 / 3.0),
            (json!(["", "Paris"]), "A Paris!", 1.0),
            (json!("the"), "…", 0.0),
            (json!("the"), "A.", 1.0),
        ],
    );
    check(
        "- squad-exact",
        &[
            (json!("The cat's hat"), " cats  hat.", 1.0),
            (json!("«hat»"), "hat", 0.0),
            (json!(["no", "hat"]), "A hat", 1.0),
        ],
    );
    check(
        "- squad-exact: { words: unicode }",
        &[(json!("«hat»"), "hat", 1.0)],
    );
}

#[test]
fn ratios_are_those_of_windows_and_sorted_words() {
    check(
        "- partial-ratio",
        &[
            (json!("physics 2 vid"), "study physics physics 2 video", 1.0),
            (json!(""), "a", 0.0),
            (json!(""), "", 1.0),
        ],
    );
    check("- token-sort-ratio", &[(json!("b  a"), "a b", 1.0)]);
    check(
        "- token-set-ratio",
        &[(json!("js"), "vue js js", 1.0), (json!(" "), " ", 0.0)],
    );
}

#[test]
fn very_long_texts_have_no_score() {
    let words = "a b ".repeat(60_000);
    for (entry, note) in [
        (
            "- rouge-l",
            "texts of more than 200000 words are too long to compare",
        ),
        (
            "- bleu",
            "texts of more than 200000 words are too long to compare",
        ),
        (
            "- ter-accuracy",
            "texts of more than 1000 words are too long for `ter-accuracy`",
        ),
        (
            "- rouge-lsum",
            "texts of 120000 and 120000 words are too long for `rouge-lsum`; `rouge-l` takes longer ones",
        ),
    ] {
        assert_eq!(
            grade(&scorer(entry), &json!(words), &words).unwrap_err(),
            note
        );
    }
}

#[test]
fn a_scorer_with_tags_is_for_cases_that_have_one_of_them() {
    let scorer = scorer("- exact: { tags: [de, fr] }");
    assert!(scorer.applies_to(&["it".into(), "fr".into()]));
    assert!(!scorer.applies_to(&["it".into()]));
    assert!(!scorer.applies_to(&[]));
    assert_ne!(scorer.fingerprint(), super::scorer("- exact").fingerprint());
}
