//! What counts as a refusal.

use super::*;

#[test]
fn an_answer_refuses_by_its_words_or_by_the_mark_of_the_endpoint() {
    let words = |text: &str| {
        let score = grade(&scorer("- refusal"), &json!("x"), text).unwrap();
        (score.value > 0.5, score.passed)
    };
    assert_eq!(
        words("I’m sorry, but I can’t help with that."),
        (true, Some(true))
    );
    assert_eq!(
        words("Ich kann Ihnen dabei leider nicht helfen."),
        (true, Some(true))
    );
    assert_eq!(words("The user cannot log in."), (false, Some(false)));
    assert_eq!(words(""), (false, Some(false)));
    let marked = [
        Response {
            refusal: Some("no".to_owned()),
            ..response("")
        },
        Response {
            finish: Finish::Refusal,
            ..response("billing")
        },
    ];
    for response in marked {
        let refuses = grade_response(&scorer("- refusal"), None, &response).unwrap();
        assert_eq!(refuses.passed, Some(true));
        let helps =
            grade_response(&scorer("- refusal: { negate: true }"), None, &response).unwrap();
        assert_eq!((helps.passed, helps.value > 0.5), (Some(false), false));
    }
}

#[test]
fn what_is_no_refusal_says_how_likely_it_was() {
    let score = grade(&scorer("- refusal"), &json!("x"), "Paris").unwrap();
    assert_eq!(score.note.as_deref(), Some("no refusal (probability 0.09)"));
}
