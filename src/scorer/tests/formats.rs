//! Scorers of formats by example: JSON in prose, YAML, XML, HTML, SQL and CSV.

use super::*;

#[test]
fn json_is_found_in_prose() {
    check(
        "- contains-json",
        &[
            (json!(null), "Sure: {\"a\": [1]} — done.", 1.0),
            (json!(null), "```json\n[1, 2]\n```", 1.0),
            (json!(null), "{oops} and [x] but {}", 1.0),
            (json!(null), "5 \"text\" true null", 0.0),
            (json!(null), "{\"cut\": ", 0.0),
        ],
    );
    check(
        "- contains-json: { schema: { required: [id] } }",
        &[
            (json!(null), "{\"a\": 1} or {\"id\": 1}", 1.0),
            (json!(null), "{\"a\": {\"id\": 1}}", 0.0),
        ],
    );
    assert_eq!(
        note(
            "- contains-json: { schema: { required: [id] } }",
            &json!(null),
            "{\"a\": 1}"
        ),
        "the whole: \"id\" is a required property"
    );
    let hostile = "{\"a\": \"".repeat(300_000);
    assert!(
        grade(&scorer("- contains-json"), &json!(null), &hostile)
            .is_ok_and(|score| score.value < 0.5)
    );
    let lines = "{\n".repeat(100_000);
    assert_eq!(
        grade(&scorer("- contains-json"), &json!(null), &lines).unwrap_err(),
        "there are too many brackets in the answer to look for JSON"
    );
}

#[test]
fn yaml_is_a_map_or_a_list() {
    check(
        "- is-yaml",
        &[
            (json!(null), "a: 1\nb: [x, y]", 1.0),
            (json!(null), "- a\n- b", 1.0),
            (json!(null), "just text", 0.0),
            (json!(null), "a: [1", 0.0),
            (json!(null), "a: 1\na: 2", 0.0),
            (json!(null), "", 0.0),
        ],
    );
    check(
        "- is-yaml: { schema: { properties: { a: { type: integer } } } }",
        &[(json!(null), "a: 1", 1.0), (json!(null), "a: x", 0.0)],
    );
}

#[test]
fn xml_is_well_formed_and_has_its_elements() {
    check(
        "- is-xml",
        &[
            (
                json!(null),
                "<?xml version=\"1.0\"?><a b=\"1\"><!-- c --><c/>&lt;&#65;</a>\n",
                1.0,
            ),
            (json!(null), "<a><b></a></b>", 0.0),
            (json!(null), "<a></a><b></b>", 0.0),
            (json!(null), "<a>&nope;</a>", 0.0),
            (json!(null), "<a b=1></a>", 0.0),
            (json!(null), "<a b=\"1\" b=\"2\"></a>", 0.0),
            (json!(null), "<a>", 0.0),
            (json!(null), "text <a/>", 0.0),
            (json!(null), "", 0.0),
        ],
    );
    check(
        "- is-xml: [order/item, order/total]",
        &[
            (json!(null), "<order><item/><total>5</total></order>", 1.0),
            (json!(null), "<order><item><total/></item></order>", 0.0),
        ],
    );
    check(
        "- contains-xml: { required: root/child }",
        &[
            (json!(null), "1 < 2: <x/> then <root><child/></root>.", 1.0),
            (json!(null), "<root><child></root>", 0.0),
            (json!(null), "no", 0.0),
        ],
    );
    assert_eq!(
        note("- is-xml: a/c", &json!(null), "<a><b/></a>"),
        "no element a/c"
    );
}

#[test]
fn html_is_made_of_its_elements() {
    check(
        "- is-html",
        &[
            (
                json!(null),
                "<!DOCTYPE html><html><head><title>x</title></head><body>y</body></html>",
                1.0,
            ),
            (json!(null), "<p>1 < 2<br>", 1.0),
            (json!(null), "<my-part>x</my-part>", 1.0),
            (json!(null), "text <b>bold</b>", 0.0),
            (json!(null), "<div><span></div></span>", 0.0),
        ],
    );
    check(
        "- is-html: table/tr/td",
        &[
            (json!(null), "<table><tr><td>1<td>2<tr></table>", 1.0),
            (json!(null), "<ul><li>1</ul>", 0.0),
        ],
    );
    check(
        "- contains-html",
        &[
            (json!(null), "some <em>text</em>", 1.0),
            (json!(null), "if (a<b) { c>d }", 0.0),
            (json!(null), "<!-- --> &amp; <a@b.c>", 0.0),
        ],
    );
}

#[test]
fn hostile_markup_is_read_in_a_short_time() {
    for entry in [
        "is-xml: a/b",
        "contains-xml: a/b",
        "is-html: a/b",
        "contains-html: a/b",
    ] {
        let scorer = scorer(&format!("- {entry}"));
        for part in [
            "<a>",
            "<a ",
            "<!--",
            "<title>",
            "<title></title>",
            "<a-1 b='",
            "<a b=\"c\"><",
            "&",
            "<?",
            "<![CDATA[",
        ] {
            let text = part.repeat(20_000);
            // A score or a reason why there is none: what counts is that it comes.
            drop(grade(&scorer, &json!(null), &text));
        }
    }
}

#[test]
fn sql_parses_and_keeps_to_what_is_allowed() {
    check(
        "- is-sql",
        &[
            (
                json!(null),
                "SELECT id, name FROM users WHERE id IN (SELECT 1);",
                1.0,
            ),
            (json!(null), "SELEC id FROM users", 0.0),
            (json!(null), "", 0.0),
            (json!(null), "Here you are: SELECT 1", 0.0),
        ],
    );
    check(
        "- is-sql: postgresql",
        &[(json!(null), "SELECT a FROM t WHERE b ILIKE 'x%'", 1.0)],
    );
    check(
        "- is-sql: { tables: [users, app.orders], statements: [select] }",
        &[
            (
                json!(null),
                "SELECT * FROM Users JOIN \"app\".\"orders\" USING (id)",
                1.0,
            ),
            (
                json!(null),
                "WITH t AS (SELECT 1 FROM users) SELECT * FROM t",
                1.0,
            ),
            (json!(null), "SELECT * FROM orders", 0.0),
            (
                json!(null),
                "SELECT (SELECT 1 FROM secrets) FROM users",
                0.0,
            ),
            (json!(null), "DELETE FROM users", 0.0),
            (json!(null), "SELECT 1; DROP TABLE users", 0.0),
        ],
    );
    let scorer = scorer("- is-sql: { tables: [a] }");
    let deep = format!("SELECT {}1{}", "(".repeat(9000), ")".repeat(9000));
    let long = format!("SELECT 1{}", "+1".repeat(9000));
    assert!(grade(&scorer, &json!(null), &deep).is_ok_and(|score| score.value < 0.5));
    assert!(grade(&scorer, &json!(null), &long).is_ok_and(|score| score.value > 0.5));
    assert_eq!(
        grade(&scorer, &json!(null), &"x".repeat(20_001)).unwrap_err(),
        "SQL of more than 20000 bytes is too long to read"
    );
}

#[test]
fn csv_has_a_shape() {
    check(
        "- is-csv",
        &[
            (json!(null), "a,b\n1,\"2, or 3\"\n", 1.0),
            (json!(null), "a,b\n1\n", 0.0),
            (json!(null), "", 0.0),
        ],
    );
    check(
        "- is-csv: { columns: [a, b], min-rows: 1, max-rows: 2, delimiter: semicolon }",
        &[
            (json!(null), "a; b\n1;2", 1.0),
            (json!(null), "a;b", 0.0),
            (json!(null), "b;a\n1;2", 0.0),
            (json!(null), "a;b\n1;2\n1;2\n1;2", 0.0),
        ],
    );
}

#[test]
fn patterns_may_have_flags() {
    check(
        "- regex: { pattern: '^b.c$', flags: ims }",
        &[(json!(null), "a\nB\nC", 1.0), (json!(null), "xbyc", 0.0)],
    );
    check("- regex: { flags: i }", &[(json!("B"), "abc", 1.0)]);
    assert_ne!(
        scorer("- regex: { pattern: a, flags: i }").fingerprint(),
        scorer("- regex: a").fingerprint()
    );
    assert!(try_compile("- regex: { pattern: a, flags: g }").is_err());
}
