//! report.html: one page that makes no request, opens from a file, and answers what matters without its script.
//!
//! All markup stands in templates that escape what they are given; Rust adds drawings made of numbers. What the list of
//! cases needs stands in the page as data (`report-1.schema.json`), which the script draws without ever making markup
//! of it. The content security policy names the digests of the one style and the one script that are embedded, so
//! nothing else can run even where escaping failed. Controls and direction marks are drawn as boxes.

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::compare::summary::Summary;
use crate::digest::Digest;

mod chart;
mod data;
mod detail;
mod order;
mod pack;
mod page;
mod subject;
mod suite;
#[cfg(test)]
mod testing;
mod text;
mod trend;

#[cfg(test)]
pub(in crate::report) use testing::PageData;

use data::Data;
use order::Order;

const STYLE: &str = include_str!("html/report.css");
/// One script in three parts: what is pure, the list of cases, one case.
const SCRIPT: &str = concat!(
    include_str!("html/core.js"),
    include_str!("html/list.js"),
    include_str!("html/case.js")
);
const TEMPLATES: [(&str, &str); 2] = [
    ("page.html", include_str!("html/page.html")),
    ("parts.html", include_str!("html/parts.html")),
];

/// Writes the page. Its blocks of data have at most `budget` bytes together; cases beyond it still have their row.
pub fn write(summary: &Summary<'_>, budget: usize, out: impl Write) -> io::Result<()> {
    let order = Order::of(summary);
    let title = page::title(summary);
    let data = Data::of(summary, &order, &title, budget)?;
    let view = page::Page::of(summary, &order, title, data);
    let pages = environment().map_err(io::Error::other)?;
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

#[cfg(test)]
mod tests;
