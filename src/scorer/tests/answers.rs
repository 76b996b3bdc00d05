//! Scorers of answers by example.

use super::*;

#[test]
fn a_number_may_be_near_and_have_a_unit() {
    check(
        "- number",
        &[
            (json!(60), "28 + 32 = 60\nThis solves the problem.", 1.0),
            (json!("5"), "The answer is 25", 0.0),
            (json!(1e3), "the value is 1,000", 1.0),
            (json!(-5), "the result is -5.0 exactly", 1.0),
            (json!([3, 4]), "4", 1.0),
            (json!(0.3), "0.30000000000000004", 1.0),
            (json!(3), "three", 0.0),
            (json!("60%"), "60 percent", 1.0),
        ],
    );
    check(
        "- number: { which: first, relative: 1% }",
        &[(json!(100), "101 of 7", 1.0), (json!(100), "101.5", 0.0)],
    );
    check(
        "- number: { which: only, absolute: 0.5 }",
        &[(json!(5), " 5.5.", 1.0), (json!(5), "5 some text", 0.0)],
    );
    check(
        "- number: { which: any, unit: [km, kilometres], expected: 12 }",
        &[
            (json!(null), "12 km by 3 m", 1.0),
            (json!(null), "12 m", 0.0),
        ],
    );
    check(
        "- number: { decimal: comma }",
        &[(json!(1234.5), "1.234,5 €", 1.0)],
    );
    assert_eq!(
        grade(&scorer("- number"), &json!("many"), "5").unwrap_err(),
        "the expected value must be a number, found \"many\""
    );
    assert_eq!(
        note("- number", &json!(5), "four"),
        "expected 5, found no such number in \"four\""
    );
}

#[test]
fn numeric_diff_falls_with_the_distance() {
    check(
        "- numeric-diff",
        &[
            (json!(0), "0", 1.0),
            (json!(1), "0", 0.0),
            (json!(2), "about 1.0", 2.0 / 3.0),
            (json!(2), "-1", 0.0),
            (json!(2), "none", 0.0),
        ],
    );
}

#[test]
fn a_choice_is_compared_by_its_label() {
    check(
        "- choice",
        &[
            (json!("B"), "A is wrong, so the answer is (B).", 1.0),
            (json!("b"), "**B**", 1.0),
            (json!(["A", "C"]), "C", 1.0),
            (json!("A"), "I do not know", 0.0),
        ],
    );
    check(
        "- choice: { choices: [positive, negative], expected: negative }",
        &[(json!(null), "It is NEGATIVE, I think.", 1.0)],
    );
    assert_eq!(
        note("- choice", &json!("A"), "no idea"),
        "expected choice \"A\", got none in \"no idea\""
    );
}

#[test]
fn math_compares_formulas_and_values_if_asked() {
    check(
        "- math",
        &[
            (json!(r"\frac{1}{2}"), r"So it is $\boxed{\dfrac12}$.", 1.0),
            (json!(r"\boxed{0.25}"), "1/4", 0.0),
            (json!(7), "7", 1.0),
        ],
    );
    check(
        "- math: { values: true }",
        &[(json!(r"\boxed{0.25}"), "1/4", 1.0)],
    );
}

#[test]
fn lists_share_items_in_any_order_or_in_one() {
    check(
        "- list",
        &[
            (json!(["a", "b"]), "[\"b\", \"a\"]", 1.0),
            (json!(["a", "b"]), "- b\n- a\n- c", 0.8),
            (json!("a, b"), "1. a\n2. b", 1.0),
            (json!([]), "[]", 1.0),
            (json!([]), "x", 0.0),
            (json!([1, 2]), "1; 2", 1.0),
            (json!(["a", "a"]), "a", 2.0 / 3.0),
        ],
    );
    check(
        "- list: { ordered: true, value: recall, normalize: [casefold] }",
        &[(json!(["a", "b", "c"]), "C, A, B", 2.0 / 3.0)],
    );
    assert_eq!(
        note("- list: { threshold: 1 }", &json!(["a", "b"]), "b, c"),
        "0.500, expected at least 1: 1 missing, such as \"a\"; 1 too many, such as \"c\""
    );
}

#[test]
fn a_date_may_be_some_days_away() {
    check(
        "- date",
        &[
            (json!("2026-02-10"), "It was on February 10th, 2026.", 1.0),
            (json!("2026-02-10"), "2026-02-11", 0.0),
            (json!("2026-02-10"), "soon", 0.0),
        ],
    );
    check(
        "- date: { days: 1, slashes: day, which: first }",
        &[(json!("2026-02-10"), "11/02/2026 or 2027-01-01", 1.0)],
    );
    assert_eq!(
        grade(&scorer("- date"), &json!("soon"), "2026-02-10").unwrap_err(),
        "the expected value must be a date, found \"soon\"; write it as 2026-02-10"
    );
}
