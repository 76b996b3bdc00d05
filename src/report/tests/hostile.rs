//! Every report with the worst texts in every place that text comes to, read with the parsers that its readers use.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag};
use quick_xml::events::Event as Xml;
use scraper::{Html, Node};
use serde_json::Value;

use super::super::DATA_BUDGET;
use super::super::html::PageData;
use super::super::show::is_control;
use super::super::terminal::{
    Question, Style, Subject, gate_line, render, render_case, render_question,
};
use super::super::testing::World;
use super::super::{csv, ctrf, github, gitlab, html, json, junit, markdown};
use crate::compare::summary::Summary;

/// A word in each text that would show that something of it took effect.
const CANARY: &str = "pwned";

fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "<script>alert('pwned')</script>",
        "</script></style></title></textarea><script>alert('pwned')</script>",
        "<style>* { display: none } /* pwned */</style>",
        "<img src=x onerror=\"alert('pwned')\"><svg/onload=alert('pwned')>",
        "\" autofocus onfocus=alert('pwned') x=\"",
        "' style='background: url(javascript:alert(\"pwned\"))'",
        "<a href=\"javascript:alert('pwned')\">x</a> [pwned](javascript:alert(1)) ![pwned](data:text/html,x)",
        "<https://example.invalid/pwned> https://example.invalid/pwned [a]: https://example.invalid/pwned",
        "<!-- pwned --> --> --!> ]]> <![CDATA[pwned]]> <?xml pwned?> <!DOCTYPE pwned [<!ENTITY a \"b\">]>",
        "&lt;script&gt;pwned&lt;/script&gt; &#60;pwned&#62; &amp;amp; \\u003cpwned\\u003e",
        "\u{202e}dnwp pwned\u{202c} \u{2066}pwned\u{2069} \u{200b}pw\u{200b}ned\u{feff}\u{ad}\u{e0041}",
        "\u{1b}[31mpwned\u{1b}[0m \u{1b}]0;pwned\u{7} \u{1b}]8;;http://example.invalid/\u{1b}\\pwned\u{1b}]8;;\u{1b}\\",
        "\u{9b}31mpwned \u{90}pwned\u{9c} \u{85}pwned\u{2028}pwned\u{2029}pwned\u{8}\u{8}\u{7f}",
        "=HYPERLINK(\"http://example.invalid/pwned\",\"x\")",
        "+pwned\n-pwned\n@SUM(A1)\n\t=pwned\r=pwned",
        "=cmd|' /C pwned'!A0,\";\n\"\"=pwned",
        "```\npwned\n````\n# pwned\n~~~\n<b>pwned</b>\n",
        "`` ` ``` ` | pwned | **pwned** | $$pwned$$ | <details><summary>pwned</summary>",
        "\n\n# pwned\n\n- pwned\n\n> pwned\n\n| a | b |\n|---|---|\n| pwned | pwned |\n\n    pwned\n",
        "@pwned #1 :pwned: [^1] \\` \\| \\\\| ~~pwned~~ _pwned_",
        "::error file=pwned::pwned\n::add-mask::pwned\n::set-output name=pwned::x%0A::stop-commands::pwned",
        "{{ pwned }} {% raw %} ${{ secrets.pwned }} $(pwned) `pwned` %s%n",
        "pwned\0pwned\0",
        "\\ud800 pwned \u{fffd}\u{fffe}\u{ffff}\u{fdd0}",
        "pwned\r\npwned\rpwned\u{b}pwned\u{c}pwned",
    ]
    .map(str::to_owned)
    .into();
    texts.push(format!("pwned{}", "<b>x".repeat(250_000)));
    texts
}

/// Hands over the summary of a run in which every text from outside is hostile.
fn with_summary(check: impl FnOnce(&Summary<'_>)) {
    let world = World::of_texts(&texts());
    let mut summary = world.summary();
    let all = texts().concat();
    let all: String = all.chars().take(2_000).collect();
    summary.headline.clone_from(&all);
    summary.exit.cause.clone_from(&all);
    let suite = &mut summary.suites[0];
    suite.headline.clone_from(&all);
    suite.baseline_rule.clone_from(&all);
    suite.warnings = texts()[..25].to_vec();
    for change in &mut suite.changes {
        change.what.clone_from(&all);
        change.to.clone_from(&all);
    }
    for subject in &mut suite.subjects {
        subject.prompt.clone_from(&all);
        for metric in subject.metrics.iter_mut().chain(&mut subject.critical) {
            metric.sentence.clone_from(&all);
        }
    }
    check(&summary);
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn page_of(summary: &Summary<'_>) -> String {
    written(|out| html::write(summary, DATA_BUDGET, out))
}

fn has_controls(text: &str) -> bool {
    text.chars().any(|c| c != '\n' && is_control(c))
}

/// The elements of a page, each with the names of its attributes.
fn shapes(page: &Html) -> BTreeSet<String> {
    let nodes = page.tree.values();
    let elements = nodes.filter_map(|node| match node {
        Node::Element(element) => Some(element),
        _ => None,
    });
    elements
        .flat_map(|element| {
            let name = element.name().to_owned();
            let attributes = element.attrs().map(|(name, _)| name.to_owned());
            let of_element: Vec<String> = attributes.map(|a| format!("{name} {a}")).collect();
            std::iter::once(name).chain(of_element)
        })
        .collect()
}

#[test]
fn a_page_has_no_element_attribute_link_or_script_that_a_text_brought() {
    let page = |summary: &Summary<'_>| Html::parse_document(&page_of(summary));
    let known = shapes(&page(&World::new().summary()));
    with_summary(|summary| {
        let page = page(summary);
        let brought: Vec<String> = shapes(&page).difference(&known).cloned().collect();
        assert_eq!(brought, [""; 0]);
        let mut shown = String::new();
        for node in page.tree.nodes() {
            let parent = node.parent().and_then(|parent| {
                let element = parent.value().as_element()?;
                Some(element.name().to_owned())
            });
            match node.value() {
                Node::Comment(comment) => assert!(!comment.contains(CANARY)),
                Node::Text(text) => {
                    let is_code = matches!(parent.as_deref(), Some("script" | "style"));
                    // Data stands in scripts that nothing runs; it may name the word, but end nothing.
                    let is_inert = !text.contains(CANARY) || !text.contains(['<', '>', '&']);
                    assert!(!is_code || is_inert, "text in a script");
                    if !is_code {
                        shown.push_str(text);
                    }
                }
                Node::Element(element) => {
                    for (name, value) in element.attrs() {
                        let is_safe = match name {
                            "href" => value.starts_with('#'),
                            "src" | "style" | "srcdoc" | "action" => false,
                            name => !name.starts_with("on"),
                        };
                        assert!(is_safe, "{name}={value}");
                    }
                }
                _ => {}
            }
        }
        assert!(!has_controls(&shown));
        assert!(
            shown.contains("<script>alert('pwned')</script>"),
            "it is there as text"
        );
    });
}

#[test]
fn the_data_of_a_page_has_every_text_as_it_was() {
    with_summary(|summary| {
        let data = PageData::of(&page_of(summary));
        let cases = data
            .blocks
            .iter()
            .flat_map(|block| block.as_array().unwrap());
        let shown: BTreeSet<String> = cases
            .flat_map(|case| case["outs"].as_array().unwrap())
            .map(|out| {
                out["t"]
                    .as_str()
                    .or(out["t"]["t"].as_str())
                    .unwrap()
                    .to_owned()
            })
            .collect();
        for text in texts() {
            let start: String = text.chars().take(20_000).collect();
            assert!(shown.contains(&start), "{start:?}");
        }
    });
}

#[test]
fn tables_have_their_columns_and_no_formula() {
    with_summary(|summary| {
        for text in [
            written(|out| csv::write_cases(summary, out)),
            written(|out| csv::write_trials(summary, out)),
        ] {
            let mut reader = ::csv::Reader::from_reader(text.as_bytes());
            let mut rows = 0;
            for row in reader.records() {
                for cell in &row.expect("every row has the columns of the header") {
                    let is_number = cell.parse::<f64>().is_ok();
                    let is_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                    assert!(is_number || !is_formula, "{cell:?}");
                }
                rows += 1;
            }
            assert!(rows >= texts().len(), "{rows}");
        }
    });
}

#[test]
fn xml_has_no_element_that_a_text_brought() {
    with_summary(|summary| {
        let text = written(|out| junit::write(summary, out));
        let mut reader = quick_xml::Reader::from_str(&text);
        loop {
            match reader.read_event().expect("it is XML") {
                Xml::Start(start) | Xml::Empty(start) => {
                    let name = String::from_utf8(start.name().as_ref().to_vec()).unwrap();
                    let known = [
                        "testsuites",
                        "testsuite",
                        "properties",
                        "property",
                        "testcase",
                        "failure",
                        "error",
                        "skipped",
                        "system-out",
                        "flakyFailure",
                    ];
                    assert!(known.contains(&name.as_str()), "{name}");
                }
                Xml::Comment(_) | Xml::CData(_) | Xml::PI(_) | Xml::DocType(_) => {
                    panic!("a text brought it")
                }
                Xml::Eof => break,
                _ => {}
            }
        }
        assert!(
            !text
                .chars()
                .any(|c| !matches!(c, '\n' | '\t' | '\r') && is_control(c))
        );
    });
}

#[test]
fn markdown_has_no_link_image_or_html_that_a_text_brought() {
    with_summary(|summary| {
        for page in [
            markdown::render(summary),
            written(|out| markdown::write_comment(summary, out)),
        ] {
            let mut inside: Vec<Tag<'_>> = Vec::new();
            let mut blocks = 0;
            for event in Parser::new_ext(&page, Options::all()) {
                match event {
                    Event::Start(tag) => {
                        let is_active = matches!(
                            tag,
                            Tag::Link { .. }
                                | Tag::Image { .. }
                                | Tag::Emphasis
                                | Tag::Strikethrough
                                | Tag::BlockQuote(_)
                                | Tag::FootnoteDefinition(_)
                        );
                        assert!(!is_active, "{tag:?}");
                        blocks += usize::from(matches!(tag, Tag::CodeBlock(_)));
                        inside.push(tag);
                    }
                    Event::End(_) => drop(inside.pop()),
                    Event::Html(html) | Event::InlineHtml(html) => {
                        let is_ours = html.starts_with("<!-- regauge:suite=")
                            || html.starts_with("<details><summary>")
                            || html.starts_with("</details>");
                        assert!(is_ours && !html.contains(CANARY), "{html}");
                    }
                    Event::FootnoteReference(_) | Event::InlineMath(_) | Event::DisplayMath(_) => {
                        panic!("{event:?}")
                    }
                    _ => {}
                }
            }
            assert!(!has_controls(&page));
            // A comment may be too short for answers.
            assert!(blocks > 0 || page.len() < 60_000, "{}", page.len());
        }
    });
}

#[test]
fn workflow_commands_are_ours_alone() {
    with_summary(|summary| {
        let text = github::render(summary, "evals/");
        let lines: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
        assert!((1..=8).contains(&lines.len()));
        for line in lines {
            assert!(line.starts_with("::error title=") || line.starts_with("::warning title="));
            let (head, _) = line[2..].split_once("::").unwrap();
            assert_eq!(head.matches(',').count(), 2, "{head}");
        }
        assert!(!has_controls(&text));
    });
}

/// Whether a text anywhere in a value has controls.
fn any_controls(value: &Value) -> bool {
    match value {
        Value::String(text) => has_controls(text),
        Value::Array(items) => items.iter().any(any_controls),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| has_controls(key) || any_controls(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[test]
fn json_for_viewers_has_no_controls_and_json_for_programs_every_text_as_it_was() {
    with_summary(|summary| {
        for text in [
            written(|out| ctrf::write(summary, out)),
            written(|out| gitlab::write(summary, "", out)),
        ] {
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(!any_controls(&value));
        }
        let value: Value = serde_json::from_str(&json::to_string(summary).unwrap()).unwrap();
        let cases = value["suites"][0]["subjects"][0]["cases"]
            .as_array()
            .unwrap();
        let outputs: Vec<&str> = cases
            .iter()
            .map(|case| case["trials"][0]["output"].as_str().unwrap())
            .collect();
        assert_eq!(outputs, texts());
    });
}

/// Whether all that a terminal would obey is the look of a text.
fn is_only_painted(text: &str) -> bool {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().unwrap_or_default();
    let is_look = |part: &str| {
        let code = part.strip_prefix('[').and_then(|rest| rest.split_once('m'));
        code.is_some_and(|(code, rest)| {
            code.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b';')
                && !has_controls(rest)
        })
    };
    !has_controls(plain) && parts.all(is_look)
}

#[test]
fn a_terminal_is_told_nothing_but_looks() {
    with_summary(|summary| {
        for colour in [false, true] {
            let style = Style {
                colour,
                width: 80,
                unicode: true,
            };
            assert!(is_only_painted(&render(summary, &style)));
            assert!(is_only_painted(&gate_line(summary)));
            let suite = &summary.suites[0];
            let subject = &suite.subjects[0];
            for (case, text) in subject.cases.iter().zip(texts()) {
                let shown = Subject {
                    suite,
                    subject,
                    case,
                };
                let page = render_case(shown, &style);
                assert!(is_only_painted(&page) && (colour || !page.contains('\u{1b}')));
                let question = Question {
                    title: &text,
                    golden: Some(&text),
                    proposed: "fine",
                    notes: std::slice::from_ref(&text),
                    keys: &["a accept"],
                };
                let page = render_question(shown, &question, &style);
                assert!(is_only_painted(&page) && page.lines().count() < 500);
            }
        }
    });
}
