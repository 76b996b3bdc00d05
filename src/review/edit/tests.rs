//! That files keep their form, whatever is written into them.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::error::Place;
use crate::suite::CaseFile;

fn file() -> CaseSource {
    CaseSource::File(Box::new(CaseFile {
        path: String::new(),
        columns: crate::golden::Columns::default(),
        place: Place::file("s.yaml"),
    }))
}

fn change(row: usize, expected: impl Into<Value>) -> Change {
    Change {
        row,
        expected: expected.into(),
        golden: json!({"by": "reviewer", "run": "r1"}),
    }
}

/// The text after the edit, which is read again as the program does.
fn after(name: &str, text: &str, of: &CaseSource, changes: &[Change]) -> String {
    let source = Source::new(name, text);
    let before = of.parse(&source).unwrap().cases;
    let text = edited(&source, of, changes).unwrap();
    let after = of.parse(&Source::new(name, text.clone()));
    let after = after.unwrap_or_else(|error| panic!("{}\n{text}", error.render(false)));
    assert!(is_as_wanted(&before, &after.cases, changes), "{text}");
    text
}

#[test]
fn a_line_of_json_keeps_its_order_and_its_spaces() {
    let text = "{\"expected\": \"a\\u0062\",  \"id\": \"1\", \"q\": {\"x\": [1,2]}}\r\n\n{\"id\":\"2\",\"q\":\"x\"}\n{ \"id\" : \"3\" , \"q\": 1.50 }";
    assert_eq!(
        after(
            "a.jsonl",
            text,
            &file(),
            &[change(0, "ü\n\"x\""), change(1, json!({"a": [1, "b"]}))]
        ),
        "{\"expected\": \"ü\\n\\\"x\\\"\",  \"id\": \"1\", \"q\": {\"x\": [1,2]}, \"golden\": {\"by\": \"reviewer\", \"run\": \"r1\"}}\r\n\n{\"id\":\"2\",\"q\":\"x\",\"expected\":{\"a\":[1,\"b\"]},\"golden\":{\"by\":\"reviewer\",\"run\":\"r1\"}}\n{ \"id\" : \"3\" , \"q\": 1.50 }"
    );
}

#[test]
fn a_row_of_csv_keeps_its_quotes_and_its_line_ends() {
    let text = "id,\"q\", expected \r\n1,\"a\r\n\"\"b\"\"\",x\r\n\r\n2,c,\"y\"\r\n3,d,";
    assert_eq!(
        after(
            "a.csv",
            text,
            &file(),
            &[change(0, "x, \"y\""), change(1, "z"), change(2, "new")]
        ),
        "id,\"q\", expected ,golden\r\n1,\"a\r\n\"\"b\"\"\",\"x, \"\"y\"\"\",\"{\"\"by\"\": \"\"reviewer\"\", \"\"run\"\": \"\"r1\"\"}\"\r\n\r\n2,c,\"z\",\"{\"\"by\"\": \"\"reviewer\"\", \"\"run\"\": \"\"r1\"\"}\"\r\n3,d,new,\"{\"\"by\"\": \"\"reviewer\"\", \"\"run\"\": \"\"r1\"\"}\""
    );
    let text = "golden,id,q\n,1,a\n,2,b\n";
    assert_eq!(
        after("a.csv", text, &file(), &[change(1, "x")]),
        "golden,id,q,expected\n,1,a,\n\"{\"\"by\"\": \"\"reviewer\"\", \"\"run\"\": \"\"r1\"\"}\",2,b,x\n"
    );
}

const YAML: &str = "\
# What tickets look like.
- id: one # the first
  expected: plain text # as in March
  q: a
- id: two
  expected: 'it''s'
  golden: { by: maintainer }
  q: |
    several
    lines
- id: three
  # a comment that stays
  expected: |
    Dear customer,

    it is late.
  q: b

- { id: four, expected: \"x\", q: [1, 2] }
- {id: five, q: c}   # no golden yet
- id: six
  q:
    a: 1
    b: [2]
- id: seven
  expected:
    order: A-1 # the number
    items: [1, 2]
  q: d
- id: eight
  expected:   # to do
  q: e
";

#[test]
fn a_case_in_yaml_keeps_comments_order_and_style() {
    let changes = [
        change(0, "other text"),
        change(1, "it isn't"),
        change(2, "Dear customer,\n\nit is here.\n"),
        change(3, "y: \"z\" # no comment"),
        change(4, "no"),
        change(5, "several\nlines"),
        change(6, json!({"order": "A-2", "items": []})),
        change(7, "- done: # maybe"),
    ];
    insta::assert_snapshot!(after("a.yaml", YAML, &file(), &changes));
}

#[test]
fn a_change_of_one_case_touches_no_other_line() {
    for row in 0..8 {
        let text = after("a.yaml", YAML, &file(), &[change(row, "new text")]);
        let kept = YAML
            .lines()
            .filter(|line| text.lines().any(|other| other == *line));
        assert!(kept.count() >= YAML.lines().count() - 4, "{row}:\n{text}");
        assert_eq!(
            text.matches('#').count(),
            YAML.matches('#').count() - usize::from(row == 6)
        );
    }
}

#[test]
fn cases_in_a_suite_are_edited_there() {
    let suite = "name: s\ncases:\n  - id: a\n    q: 1\nscorers: [exact]\n";
    assert_eq!(
        after("s.yaml", suite, &CaseSource::Inline, &[change(0, "x")]),
        "name: s\ncases:\n  - id: a\n    q: 1\n    expected: x\n    golden: {\"by\": \"reviewer\", \"run\": \"r1\"}\nscorers: [exact]\n"
    );
}

#[test]
fn what_would_change_something_else_is_seen() {
    let text = "- { id: a, expected: &x old, q: *x }\n";
    let source = Source::new("a.yaml", text);
    let of = file();
    let before = of.parse(&source).unwrap().cases;
    let changes = [change(0, "new")];
    let after =
        edited(&source, &of, &changes).and_then(|text| of.parse(&Source::new("a.yaml", text)));
    assert!(!after.is_ok_and(|after| is_as_wanted(&before, &after.cases, &changes)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_can_be_a_golden(text in "(?s).{1,40}|[ \\n\\t#:'\"|>{}\\[\\],&*!%@`-]{1,12}", row in 0..8_usize) {
        prop_assume!(!text.contains('\r'));
        after("a.yaml", YAML, &file(), &[change(row, text.as_str())]);
        let jsonl = "{\"id\": \"a\", \"q\": 1}\n{\"id\":\"b\",\"expected\":2}\n";
        after("a.jsonl", jsonl, &file(), &[change(row % 2, text.as_str())]);
        let csv = "id,q,expected\n1,x,y\n2,\"a\nb\",\"\"\n";
        after("a.csv", csv, &file(), &[change(row % 2, text.as_str())]);
    }
}
