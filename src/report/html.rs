//! report.html: one page that makes no request, opens from a file, and needs no script to be read.
//!
//! All markup stands in templates that escape what they are given; Rust adds drawings made of numbers. The content
//! security policy names the digests of the one style and the one script that are embedded, so nothing else can run
//! even where escaping failed. Controls and direction marks are drawn as boxes.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::compare::summary::{CaseVerdict, Summary};
use crate::digest::Digest;

mod case;
mod chart;
mod page;
mod subject;
mod suite;
mod text;
mod trend;

use case::{Cases, Row};
use text::Diffs;

const STYLE: &str = include_str!("html/report.css");
const SCRIPT: &str = include_str!("html/report.js");
const TEMPLATES: [(&str, &str); 3] = [
    ("page.html", include_str!("html/page.html")),
    ("case.html", include_str!("html/case.html")),
    ("parts.html", include_str!("html/parts.html")),
];

/// Cases that have a row; the others are counted.
const ROWS: usize = 10_000;
/// Cases that can be opened, and of these the ones that did not change.
const DETAILED: usize = 2_000;
const DETAILED_UNCHANGED: usize = 500;
/// Bytes of all that can be opened.
const DETAIL_BYTES: usize = 25_000_000;

/// Writes the page.
pub fn write(summary: &Summary<'_>, out: impl Write) -> io::Result<()> {
    let pages = environment().map_err(io::Error::other)?;
    let rows = rows(summary, &pages).map_err(io::Error::other)?;
    let view = page::Page::of(summary, &rows);
    let page = pages.get_template("page.html").map_err(io::Error::other)?;
    page.render_captured_to(Value::from(Serde(&view)), out)
        .map(drop)
        .map_err(io::Error::other)
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in TEMPLATES {
        pages.add_template(name, source)?;
    }
    Ok(pages)
}

/// What a policy names to allow one embedded text.
fn source_digest(text: &str) -> String {
    let digest = STANDARD.encode(Digest::of_bytes(text.as_bytes()).as_bytes());
    format!("'sha256-{digest}'")
}

fn policy() -> String {
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        source_digest(SCRIPT),
        source_digest(STYLE)
    )
}

/// The rendered rows of each subject of each suite, as far as they fit.
type Rows = Vec<Vec<Vec<Value>>>;

/// Renders cases, the worst of all suites first, until the budgets are used up.
fn rows(summary: &Summary<'_>, pages: &Environment<'_>) -> Result<Rows, minijinja::Error> {
    let template = pages.get_template("case.html")?;
    let mut rows: Rows = summary
        .suites
        .iter()
        .map(|suite| vec![Vec::new(); suite.subjects.len()])
        .collect();
    let mut diffs = Diffs::new();
    let mut bytes = DETAIL_BYTES;
    for (index, place) in worst_first(summary).into_iter().take(ROWS).enumerate() {
        let suite = &summary.suites[place.suite];
        let subject = &suite.subjects[place.subject];
        let mut cases = Cases {
            suite,
            subject,
            diffs: &mut diffs,
        };
        let case = &subject.cases[place.case];
        let most = if case.verdict == CaseVerdict::Unchanged {
            DETAILED_UNCHANGED
        } else {
            DETAILED
        };
        let mut view = Row::of(case, place.key());
        let mut row = template.render(Value::from(Serde(&view)))?;
        if index < most && bytes > 0 {
            view.detail = Some(cases.detail(case));
            let whole = template.render(Value::from(Serde(&view)))?;
            if whole.len() <= bytes {
                bytes -= whole.len();
                row = whole;
            } else {
                bytes = 0;
            }
        }
        rows[place.suite][place.subject].push(Value::from_safe_string(row));
    }
    Ok(rows)
}

/// Where a case stands in the summary.
#[derive(Debug, Clone, Copy)]
struct Place {
    suite: usize,
    subject: usize,
    case: usize,
}

impl Place {
    /// The name that links use: numbers only.
    fn key(self) -> String {
        format!("c{}-{}-{}", self.suite + 1, self.subject + 1, self.case + 1)
    }
}

fn worst_first(summary: &Summary<'_>) -> Vec<Place> {
    let mut places: Vec<(CaseVerdict, Place)> = Vec::new();
    for (suite, of_suite) in summary.suites.iter().enumerate() {
        for (subject, of_subject) in of_suite.subjects.iter().enumerate() {
            let cases = of_subject.cases.iter().enumerate();
            places.extend(cases.map(|(case, summary)| {
                let place = Place {
                    suite,
                    subject,
                    case,
                };
                (summary.verdict, place)
            }));
        }
    }
    places.sort_by_key(|(verdict, _)| *verdict);
    places.into_iter().map(|(_, place)| place).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{HOSTILE, World};
    use super::*;

    fn written(summary: &Summary<'_>) -> String {
        let mut bytes = Vec::new();
        write(summary, &mut bytes).unwrap();
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

    #[test]
    fn the_page_of_one_suite() {
        let world = World::one_suite();
        let page = written(&world.summary());
        let page = page.replace(STYLE, "[style]").replace(SCRIPT, "[script]");
        let page = page
            .replace(&source_digest(STYLE), "[digest of the style]")
            .replace(&source_digest(SCRIPT), "[digest of the script]");
        insta::assert_snapshot!(World::shortened(&page));
    }

    #[test]
    fn hostile_text_is_text() {
        let world = World::new();
        let page = written(&world.summary());
        let (tags, text) = parts(&page);
        let scripts: Vec<&String> = tags
            .iter()
            .filter(|tag| tag.to_lowercase().starts_with("<script"))
            .collect();
        assert_eq!(scripts, ["<script>"]);
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
        let visible = "</script><script>alert('pwned')</script><img src=x onerror=\"alert(1)\">";
        assert!(world.outputs[HOSTILE].starts_with(visible));
        assert!(text.contains(visible), "the text itself is shown");
        assert!(text.contains("{{ 7 * 7 }}{% raw %}"));
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
        let between = |start: &str, end: &str| {
            let from = page.find(start).unwrap() + start.len();
            &page[from..from + page[from..].find(end).unwrap()]
        };
        let policy = between("Content-Security-Policy\" content=\"", "\">")
            .replace("&#x27;", "'")
            .replace("&#x2f;", "/");
        assert!(policy.contains(&source_digest(between("<style>", "</style>"))));
        assert!(policy.contains(&source_digest(between("<script>", "</script>"))));
        assert!(!policy.contains("unsafe") && !policy.contains("'self'"));
    }

    #[test]
    fn tags_are_closed_in_order_and_names_are_used_once() {
        let page = written(&World::new().summary());
        let (tags, _) = parts(&page);
        let mut open: Vec<String> = Vec::new();
        let mut names = std::collections::BTreeSet::new();
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
        for tag in tags.iter().filter(|tag| tag.contains("href=\"#")) {
            let target = tag
                .split("href=\"#")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            assert!(names.contains(target), "{target} is no place of the page");
        }
    }

    #[test]
    fn the_same_summary_gives_the_same_bytes() {
        let world = World::new();
        assert_eq!(written(&world.summary()), written(&world.summary()));
    }

    #[test]
    fn rows_and_details_have_a_limit_and_the_rest_is_counted() {
        let world = World::large(ROWS + 50);
        let page = written(&world.summary());
        assert_eq!(page.matches("<tbody class=\"case\"").count(), ROWS);
        assert_eq!(page.matches("<details><summary>").count(), 1508);
        assert!(
            page.contains("53 more cases of this subject")
                || page.contains("50 more cases of this subject")
        );
        assert!(page.contains("regauge report 0198a2b4-7c1d-7e3f-8a9b-0c1d2e3f4a5b --report csv"));
    }

    #[test]
    fn a_long_text_is_cut() {
        let page = written(&World::with_long_line().summary());
        assert!(page.contains("The first 20000 of 1000000 characters are shown."));
        assert!(page.len() < 500_000, "{}", page.len());
    }
}
