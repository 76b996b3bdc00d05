//! Scorers of how an answer is written, by example.

use super::*;

#[test]
fn the_language_is_guessed_from_a_sentence() {
    let german = "Ihr Paket ist heute Morgen angekommen und liegt bei Ihrem Nachbarn.";
    check(
        "- language: de",
        &[
            (json!(null), german, 1.0),
            (
                json!(null),
                "Your parcel arrived this morning and is with your neighbour.",
                0.0,
            ),
            (json!(null), "42!", 0.0),
        ],
    );
    check(
        "- language: { is: [zh, ja], among: [zh, ja, ko] }",
        &[(json!(null), "今天的天气很好。", 1.0)],
    );
    assert!(
        note("- language: fra", &json!(null), german).starts_with("expected French, got German: ")
    );
    assert!(try_compile("- language: deutsch").is_err());
    assert!(try_compile("- language: { is: de, among: [en] }").is_err());
}

#[test]
fn forbidden_phrases_are_whole_words() {
    check(
        "- forbidden: [ass, 'as an AI', naïve, '™']",
        &[
            (json!(null), "A classic assistant.", 1.0),
            (json!(null), "What an ASS!", 0.0),
            (json!(null), "As  an\nai I cannot", 0.0),
            (json!(null), "nai\u{308}ve", 0.0),
            (json!(null), "", 1.0),
        ],
    );
}

#[test]
fn personal_data_is_known_by_its_form() {
    check(
        "- no-pii",
        &[
            (
                json!(null),
                "Order ORD-1234 of 2026-02-10 costs 1,234.50 €, version 1.2.3.",
                1.0,
            ),
            (json!(null), "Write to jane.doe@example.co.uk.", 0.0),
            (json!(null), "Call +44 20 7946 0958 now", 0.0),
            (json!(null), "Call (555) 123-4567", 0.0),
            (json!(null), "Card 4111 1111 1111 1111", 0.0),
            (json!(null), "Number 4111 1111 1111 1112 of the series", 1.0),
            (json!(null), "DE89 3704 0044 0532 0130 00", 0.0),
            (json!(null), "SSN 123-45-6789", 0.0),
            (json!(null), "at 192.168.0.1", 0.0),
        ],
    );
    check(
        "- no-pii: { kinds: [email], allow: [Help@example.com] }",
        &[
            (json!(null), "help@example.com or +44 20 7946 0958", 1.0),
            (json!(null), "help@example.com or me@example.com", 0.0),
        ],
    );
    assert_eq!(
        note("- no-pii", &json!(null), "me@example.com"),
        "\"me@example.com\" that looks like email"
    );
}

#[test]
fn readability_lies_within_bounds() {
    let plain = "The cat sat on the mat. It was a good day. We all ate fish.";
    let heavy = "Notwithstanding considerable organizational complexities, implementation \
                 methodologies necessitate interdisciplinary collaboration.";
    check(
        "- readability: { min: 60 }",
        &[(json!(null), plain, 1.0), (json!(null), heavy, 0.0)],
    );
    check(
        "- readability: { formula: grade, max: 8 }",
        &[(json!(null), plain, 1.0), (json!(null), heavy, 0.0)],
    );
    assert_eq!(
        grade(&scorer("- readability: { min: 60 }"), &json!(null), "…").unwrap_err(),
        "the answer has no words"
    );
    assert!(try_compile("- readability").is_err());
}

#[test]
fn length_is_counted_in_a_unit() {
    for (entry, text, value) in [
        ("- length: 3", "a👩‍👩‍👧é", 1.0),
        ("- length: 2", "abc", 0.0),
        ("- length: { unit: words, min: 2 }", "one two.", 1.0),
        ("- length: { unit: sentences, max: 1 }", "One. Two.", 0.0),
        ("- length: { unit: lines, min: 2, max: 2 }", "a\n\nb\n", 1.0),
    ] {
        check(entry, &[(json!(null), text, value)]);
    }
    assert_eq!(
        grade(
            &scorer("- length: { unit: tokens, max: 5 }"),
            &json!(null),
            "a"
        )
        .unwrap_err(),
        "the endpoint did not count output tokens"
    );
    assert_eq!(
        note("- length: 2", &json!(null), "abc"),
        "3 characters, expected at most 2"
    );
    assert!(try_compile("- length").is_err());
    assert!(try_compile("- length: { min: 3, max: 2 }").is_err());
}
