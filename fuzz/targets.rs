//! One function for each parser of foreign bytes; what they are given may be anything, and they may only return.
//!
//! `cargo fuzz` and the tests on the stable compiler run the same functions.

use regauge::document::{Document, Source};
use regauge::error::{Place, Problems};
use regauge::exchange::{Request, WireFormat};
use regauge::golden::{self, Columns};
use regauge::history::{recording, run_file};
use regauge::provider::{self, HttpReply, Stream};
use regauge::review::decision::Decisions;
use regauge::scorer::Surroundings;
use regauge::shape::Shape;
use regauge::{prompt, suite, workspace};

/// What is given any bytes.
type Target = fn(&[u8]);

/// Every target with its name.
pub(crate) const ALL: &[(&str, Target)] = &[
    ("response", response),
    ("stream", stream),
    ("yaml", yaml),
    ("prompt", prompt),
    ("dataset", dataset),
    ("run_file", run_file),
    ("recording", recording),
    ("decisions", decisions),
];

/// A reply in each wire format, with success and with failure, with these bytes as its headers too.
pub(crate) fn response(bytes: &[u8]) {
    let header = |_: &str| std::str::from_utf8(bytes).ok();
    for &format in WireFormat::ALL {
        for status in [200, 400, 429, 500] {
            let reply = HttpReply {
                status,
                header: &header,
                body: bytes,
                received_at: 0,
            };
            for streams in [false, true] {
                drop(provider::decode(&request(format, streams), &reply));
            }
        }
    }
}

/// A stream in each wire format, in pieces of different lengths; what comes of it does not hang on the pieces.
pub(crate) fn stream(bytes: &[u8]) {
    for &format in WireFormat::ALL {
        let read = |size: usize| {
            let mut stream = Stream::of(&request(format, true), None)?;
            for piece in bytes.chunks(size) {
                if stream.push(piece).is_err() {
                    return None;
                }
            }
            stream.finish().ok()
        };
        let whole = read(bytes.len().max(1));
        assert_eq!(read(7), whole, "{}", format.name());
        if let Some(body) = whole {
            response(&body);
        }
    }
}

/// `regauge.yaml`, suites and labels.
pub(crate) fn yaml(bytes: &[u8]) {
    let Some(source) = text(bytes, "f.yaml") else {
        return;
    };
    let Ok(document) = Document::parse(source) else {
        return;
    };
    for shape in [&workspace::SHAPE, &suite::SHAPE, &prompt::LABELS] {
        check(&document, shape);
    }
    let load = |_: &str, _: &Place| Ok(serde_json::Value::Bool(true));
    let surroundings = Surroundings {
        load: &load,
        workspace: None,
        cases: &[],
    };
    drop(regauge::scorer::compile(
        &document,
        &document.root,
        &surroundings,
    ));
}

fn check(document: &Document, shape: &Shape) {
    let mut problems = Problems::default();
    shape.check(document, &document.root, "", &mut problems);
    if let Err(error) = problems.finish() {
        drop(error.render(false));
    }
}

/// A version of a prompt: front matter, role lines and templates.
pub(crate) fn prompt(bytes: &[u8]) {
    if let Some(source) = text(bytes, "prompts/p/v1.md")
        && let Ok(prompt) = prompt::parse(source, "p", 1, std::path::Path::new("/nowhere"))
    {
        drop(prompt.render("case", &serde_json::Map::new()));
    }
}

/// A dataset in each of its forms.
pub(crate) fn dataset(bytes: &[u8]) {
    for name in ["d.jsonl", "d.csv", "d.yaml"] {
        if let Some(source) = text(bytes, name) {
            drop(golden::parse(
                &source,
                &Columns::default(),
                &Place::file(name),
            ));
        }
    }
}

/// A run that someone exported.
pub(crate) fn run_file(bytes: &[u8]) {
    if let Some(source) = text(bytes, "run.jsonl") {
        drop(run_file::parse_foreign(&source));
    }
}

/// A recording.
pub(crate) fn recording(bytes: &[u8]) {
    if let Some(source) = text(bytes, "r.jsonl")
        && let Ok(lines) = recording::parse(&source)
    {
        drop(recording::answers(lines));
    }
}

/// A file of decisions for `regauge review`.
pub(crate) fn decisions(bytes: &[u8]) {
    if let Some(source) = text(bytes, "decisions.json") {
        drop(Decisions::parse(&source));
    }
}

fn text(bytes: &[u8], name: &str) -> Option<Source> {
    std::str::from_utf8(bytes)
        .ok()
        .map(|text| Source::new(name, text))
}

fn request(format: WireFormat, streams: bool) -> Request {
    let request = serde_json::json!({
        "provider": format, "alias": "m", "model": "m", "messages": [], "params": {"stream": streams},
    });
    serde_json::from_value(request).expect("it is a request")
}
