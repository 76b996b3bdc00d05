//! The page as its readers take it: markup as browsers read it, data as the script reads it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::DATA_BUDGET;
use super::super::testing::{HOSTILE, World};
use super::testing::PageData;
use super::*;
use crate::review::decision::Decisions;

fn written(summary: &Summary<'_>) -> String {
    written_within(summary, DATA_BUDGET)
}

fn written_within(summary: &Summary<'_>, budget: usize) -> String {
    let mut bytes = Vec::new();
    write(summary, budget, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The page without what we embed, as a browser reads it: tags, and the text between them.
fn parts(page: &str) -> (Vec<String>, String) {
    let page = page.replace(STYLE, "").replace(SCRIPT, "");
    let (mut tags, mut text) = (Vec::new(), String::new());
    let mut rest = page.as_str();
    while let Some(start) = rest.find('<') {
        text.push_str(&rest[..start]);
        let end = start + rest[start..].find('>').expect("every tag ends");
        tags.push(rest[start..=end].to_owned());
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    for (entity, sign) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, sign);
    }
    (tags, text)
}

fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    let from = page.find(start).unwrap() + start.len();
    &page[from..from + page[from..].find(end).unwrap()]
}

/// A digest as it stands in the page.
fn escaped(text: &str) -> String {
    text.replace('\'', "&#x27;").replace('/', "&#x2f;")
}

#[test]
fn the_page_of_one_suite() {
    let world = World::one_suite();
    let page = written(&world.summary());
    let data = PageData::of(&page);
    let page = page
        .replace(STYLE, "[style]")
        .replace(SCRIPT, "[script]")
        .replace(&escaped(&source_digest(STYLE)), "[digest of the style]")
        .replace(&escaped(&source_digest(SCRIPT)), "[digest of the script]");
    let index = between(&page, "id=\"index\">", "</script>");
    let block = between(&page, "id=\"d0\">", "</script>");
    let page = page.replace(index, "[index]").replace(block, "[block]");
    insta::assert_snapshot!(World::shortened(&page));
    let case = json!({"meta": data.meta, "index": data.index, "first": data.blocks[0][0]});
    insta::assert_snapshot!("data", World::shortened(&format!("{case:#}")));
}

#[test]
fn the_data_is_as_its_schema_says() {
    let schema: Value = serde_json::from_str(include_str!("report-1.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).expect("it is a schema");
    for world in [
        World::new(),
        World::one_suite(),
        World::large(200),
        World::with_long_line(),
    ] {
        let data = PageData::of(&written(&world.summary()));
        let whole = data.whole();
        let errors: Vec<String> = schema
            .iter_errors(&whole)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert_eq!(errors, [""; 0]);
        let size = usize::try_from(data.index["n"].as_u64().unwrap()).unwrap();
        for (name, column) in data.index.as_object().unwrap() {
            if let Some(column) = column.as_array() {
                assert_eq!(column.len(), size, "{name}");
            }
        }
        assert_eq!(data.index["hist"].as_str().unwrap().len(), 12 * size);
        let cases: usize = data
            .blocks
            .iter()
            .map(|block| block.as_array().unwrap().len())
            .sum();
        assert_eq!(cases, size);
    }
}

#[test]
fn edits_give_both_texts() {
    let page = written(&World::new().summary());
    let data = PageData::of(&page);
    let mut seen = 0;
    for case in data
        .blocks
        .iter()
        .flat_map(|block| block.as_array().unwrap())
    {
        for out in case["outs"].as_array().unwrap() {
            for (old, edits) in [(&case["golden"], &out["dg"]), (&case["base"], &out["db"])] {
                let Some(runs) = edits["o"].as_str() else {
                    continue;
                };
                let text = |own: &Value, raw: &Value| {
                    let text = own.as_str().or(raw.as_str()).unwrap();
                    text.encode_utf16().count()
                };
                let sum = |signs: &[char]| -> usize {
                    let runs = runs.split_inclusive(|c: char| "=-+_~".contains(c));
                    let runs: Vec<&str> = runs.collect();
                    let lengths = runs.windows(2).filter(|two| two[0].ends_with(signs));
                    lengths
                        .map(|two| {
                            two[1]
                                .trim_end_matches(['=', '-', '+', '_', '~'])
                                .parse::<usize>()
                                .unwrap()
                        })
                        .sum()
                };
                assert_eq!(sum(&['=', '-', '_']), text(&edits["a"], old), "{edits}");
                assert_eq!(
                    sum(&['=', '+', '~']),
                    text(&edits["b"], &out["t"]),
                    "{edits}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 10);
}

#[test]
fn what_is_decided_in_the_page_is_read_by_review() {
    let world = World::one_suite();
    let data = PageData::of(&written(&world.summary()));
    let case = &data.blocks[0][0];
    let out = &case["outs"][0];
    let file = json!({
        "format": "regauge-decisions/1",
        "suite": data.meta["suites"][0]["name"],
        "run": data.meta["suites"][0]["run"],
        "decisions": [{"case": data.index["ids"][0], "action": "accept", "old": case["gh"], "output": out["h"]}],
    });
    let source = crate::document::Source::new("decisions.json", file.to_string());
    let decisions = Decisions::parse(&source).unwrap();
    let decided = &decisions.decisions[0];
    let summary = world.summary();
    let first = &summary.suites[0].subjects[0].cases[0];
    assert_eq!(decided.case, first.id);
    assert_eq!(decided.old, first.expected.map(crate::golden::digest));
    let golden =
        crate::golden::as_golden(first.expected, &first.trials.iter().next().unwrap().output);
    assert_eq!(decided.output, Some(crate::golden::digest(&golden)));
}

#[test]
fn hostile_text_is_text() {
    let world = World::new();
    let page = written(&world.summary());
    let (tags, text) = parts(&page);
    for tag in &tags {
        let attributes = tag.split('"').step_by(2).collect::<String>();
        assert!(
            !tag.starts_with("<img") && !tag.starts_with("<!--"),
            "{tag}"
        );
        assert!(
            !attributes.contains(" on") && !attributes.contains(" style="),
            "{tag}"
        );
        assert!(!attributes.contains(" src="), "{tag}");
        if let Some(target) = tag.split("href=\"").nth(1) {
            assert!(target.starts_with('#'), "{tag}");
        }
    }
    let scripts = tags
        .iter()
        .filter(|tag| tag.to_lowercase().starts_with("<script"));
    let kinds: Vec<&str> = scripts.map(String::as_str).collect();
    assert_eq!(
        kinds,
        [
            "<script type=\"application/json\" id=\"meta\">",
            "<script type=\"text/plain\" id=\"index\">",
            "<script>",
            "<script type=\"text/plain\" id=\"d0\">",
        ]
    );
    let visible = "</script><script>alert('pwned')</script><img src=x onerror=\"alert(1)\">";
    assert!(world.outputs[HOSTILE].starts_with(visible));
    assert!(text.contains(visible), "the text itself is shown");
    let data = PageData::of(&page);
    let case = data.blocks[0].as_array().unwrap().iter();
    let mut answers = case.flat_map(|case| case["outs"].as_array().unwrap());
    assert!(
        answers.any(|out| out["t"] == world.outputs[HOSTILE].as_str()),
        "and in the data"
    );
}

#[test]
fn controls_are_drawn_and_never_written() {
    let page = written(&World::new().summary());
    assert!(page.contains(r#"<span class="ctl">U+202E</span>"#));
    assert!(page.contains(r#"<span class="ctl">U+0000</span>"#));
    let hidden = page.chars().find(|c| super::super::show::is_control(*c));
    assert_eq!(hidden, None);
}

#[test]
fn the_policy_names_exactly_what_is_embedded() {
    let page = written(&World::new().summary());
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\">")
        .replace("&#x27;", "'")
        .replace("&#x2f;", "/");
    assert!(policy.contains(&source_digest(between(&page, "<style>", "</style>"))));
    assert!(policy.contains(&source_digest(between(&page, "<script>", "</script>"))));
    assert!(!policy.contains("unsafe") && !policy.contains("'self'"));
}

#[test]
fn the_script_makes_no_markup_of_text_and_no_request() {
    for word in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        "fetch(",
        "XMLHttpRequest",
        "import(",
        "createContextualFragment",
        "srcdoc",
        "javascript:",
    ] {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

#[test]
fn tags_are_closed_in_order_and_names_are_used_once() {
    let page = written(&World::new().summary());
    let (tags, _) = parts(&page);
    let mut open: Vec<String> = Vec::new();
    let mut names = BTreeSet::new();
    for tag in &tags {
        let name: String = tag
            .chars()
            .skip(1)
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '/')
            .collect();
        if let Some(id) = tag.split(" id=\"").nth(1) {
            let id = id.split('"').next().unwrap();
            assert!(names.insert(id.to_owned()), "{id} is used twice");
        }
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{tag}");
        } else if !tag.ends_with("/>")
            && !matches!(name.as_str(), "" | "meta" | "col" | "input" | "br")
        {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for tag in tags
        .iter()
        .filter(|tag| tag.contains("href=\"#") && !tag.contains("href=\"#v="))
    {
        let target = between(tag, "href=\"#", "\"");
        assert!(names.contains(target), "{target} is no place of the page");
    }
}

#[test]
fn a_link_to_a_case_has_its_name() {
    let page = written(&World::new().summary());
    let keys = PageData::of(&page).index["keys"].clone();
    let (tags, _) = parts(&page);
    let links = tags.iter().filter(|tag| tag.contains("&amp;c="));
    let named: Vec<String> = links
        .map(|tag| {
            let key = between(tag, "&amp;c=", "&amp;");
            percent_encoding::percent_decode_str(key)
                .decode_utf8()
                .unwrap()
                .into_owned()
        })
        .collect();
    assert!(!named.is_empty());
    for key in named {
        assert!(keys.as_array().unwrap().contains(&json!(key)), "{key}");
    }
}

#[test]
fn the_same_summary_gives_the_same_bytes() {
    let world = World::new();
    assert_eq!(written(&world.summary()), written(&world.summary()));
}

#[test]
fn every_case_has_a_row_and_texts_as_far_as_the_budget_goes() {
    let world = World::large(1_000);
    let (whole, short) = (
        written(&world.summary()),
        written_within(&world.summary(), 20_000),
    );
    let (whole, short) = (PageData::of(&whole), PageData::of(&short));
    assert_eq!(whole.index["n"], short.index["n"]);
    assert!(
        (1..whole.blocks.len()).contains(&short.blocks.len()),
        "{}",
        short.blocks.len()
    );
    assert_eq!(short.blocks[..], whole.blocks[..short.blocks.len()]);
}

#[test]
fn above_ten_thousand_cases_unchanged_ones_have_no_preview() {
    let world = World::large(10_100);
    let index = PageData::of(&written_within(&world.summary(), 0)).index;
    let verdicts = index["v"].as_array().unwrap().iter();
    for (verdict, preview) in verdicts.zip(index["prev"].as_array().unwrap()) {
        let is_unchanged = *verdict == 9;
        assert_eq!(preview == "", is_unchanged);
    }
}

#[test]
fn a_long_text_is_cut() {
    let page = written(&World::with_long_line().summary());
    assert!(page.contains("The first 20000 of 1000000 characters are shown."));
    assert_eq!(
        PageData::of(&page).blocks[0][0]["outs"][0]["t"]["n"],
        1_000_000
    );
    assert!(page.len() < 500_000, "{}", page.len());
}
