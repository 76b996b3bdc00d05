//! Every wire format meets every fault, streamed and not; the page `docs/faults.md` is made of what came of it.
//!
//! `REGAUGE_UPDATE_DOCS=1 cargo test --test it matrix` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::endpoint::{Answers, Behaviour, Delivery, Endpoint, Fault};
use crate::project::Project;

/// A wire format with a recorded answer and a recorded stream.
struct Format {
    name: &'static str,
    whole: &'static str,
    stream: Option<(&'static str, &'static str)>,
    /// More lines of the entry of its model.
    more: &'static str,
}

const SSE: &str = "text/event-stream";

const FORMATS: &[Format] = &[
    Format {
        name: "openai",
        whole: "openai-chat/text.response.json",
        stream: Some((SSE, "openai-chat/stream.sse")),
        more: "",
    },
    Format {
        name: "azure-openai",
        whole: "azure-openai/text.response.json",
        stream: Some((SSE, "azure-openai/stream.sse")),
        more: "",
    },
    Format {
        name: "openai-responses",
        whole: "openai-responses/text.response.json",
        stream: Some((SSE, "openai-responses/stream.sse")),
        more: "",
    },
    Format {
        name: "anthropic",
        whole: "anthropic-messages/text.response.json",
        stream: Some((SSE, "anthropic-messages/stream.sse")),
        more: "",
    },
    Format {
        name: "gemini",
        whole: "gemini/text.response.json",
        stream: Some((SSE, "gemini/stream.sse")),
        more: "",
    },
    Format {
        name: "ollama",
        whole: "ollama/chat.response.json",
        stream: Some(("application/x-ndjson", "ollama/chat-stream.ndjson")),
        more: "",
    },
    Format {
        name: "mistral",
        whole: "mistral/chat.response.json",
        stream: Some((SSE, "mistral/stream.sse")),
        more: "",
    },
    Format {
        name: "cohere",
        whole: "cohere/chat.response.json",
        stream: Some((SSE, "cohere/stream.sse")),
        more: "",
    },
    Format {
        name: "bedrock",
        whole: "bedrock-converse/text.response.json",
        stream: Some((
            "application/vnd.amazon.eventstream",
            "bedrock-converse/stream.eventstream.bin",
        )),
        more: "    region: us-east-1\n",
    },
    Format {
        name: "http",
        whole: "ollama/chat.response.json",
        stream: None,
        more: "    body: { max: \"{{ max_tokens }}\", system: \"{{ system }}\", text: \"{{ prompt }}\" }\n    \
               answer: { text: /message/content, error: /error/message }\n",
    },
];

/// What goes wrong, in words of the page.
const FAULTS: &[&str] = &[
    "nothing",
    "400 with an error",
    "401",
    "404",
    "429",
    "500",
    "503 with HTML",
    "302 to another host",
    "200 with HTML",
    "200 and an empty body",
    "200 with `{}`",
    "200 with an error inside",
    "200, bytes that are none of the format",
    "200, cut with an unfinished body",
    "200, ended early in good order",
    "200, then silence",
    "no reply at all",
    "connection closed",
    "connection reset",
    "no HTTP",
];

fn recorded(path: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    fs::read(root.join(path)).unwrap()
}

fn reply(status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Fault {
    Fault::Reply {
        status,
        headers: vec![("content-type".into(), kind.into())],
        body: body.into(),
    }
}

/// What the endpoint does to a format.
fn fault(format: &Format, streams: bool, fault: &str) -> (Fault, Option<Delivery>) {
    let (kind, good) = if let Some((kind, path)) = format.stream.filter(|_| streams) {
        (kind, recorded(path))
    } else {
        let file: Value = serde_json::from_slice(&recorded(format.whole)).unwrap();
        ("application/json", file["body"].to_string().into_bytes())
    };
    let error = json!({"error": {"message": "no", "type": "server_error"}}).to_string();
    let json = "application/json";
    let whole = match fault {
        "nothing" => reply(200, kind, good),
        "400 with an error" => reply(400, json, error),
        "401" => reply(401, json, error),
        "404" => reply(404, json, error),
        "429" => Fault::rate_limited("1"),
        "500" => reply(500, json, error),
        "503 with HTML" => Fault::Html(503),
        "302 to another host" => Fault::Reply {
            status: 302,
            headers: vec![("location".into(), "http://127.0.0.1:1/".into())],
            body: Vec::new(),
        },
        "200 with HTML" => Fault::Html(200),
        "200 and an empty body" => reply(200, kind, ""),
        "200 with `{}`" => reply(200, kind, if kind == SSE { "data: {}\n\n" } else { "{}" }),
        "200 with an error inside" => reply(200, json, error),
        "200, bytes that are none of the format" => reply(200, kind, vec![0xff; 64]),
        "200, cut with an unfinished body" => return (reply(200, kind, good), Some(Delivery::Cut)),
        "200, ended early in good order" => reply(200, kind, &good[..good.len() / 2]),
        "200, then silence" => return (reply(200, kind, good), Some(Delivery::Stalled)),
        "no reply at all" => Fault::Hang,
        "connection closed" => Fault::Dropped,
        "connection reset" => Fault::Reset,
        "no HTTP" => Fault::NotHttp,
        other => panic!("no fault {other}"),
    };
    (whole, None)
}

/// The file of models, with their aliases: one for each format and way.
fn models(endpoint: &Endpoint) -> (String, Vec<String>) {
    let mut config = String::from("version: 1\nmodels:\n");
    let mut aliases = Vec::new();
    for format in FORMATS {
        for streams in [false, true] {
            if streams && format.stream.is_none() {
                continue;
            }
            let alias = format.name.to_owned() + if streams { "-stream" } else { "" };
            write!(
                config,
                "  {alias}:\n    provider: {}\n    base_url: {}/{alias}\n    model: m\n    params: {{ max_tokens: 9, \
                 stream: {streams} }}\n    limits: {{ concurrency: 1 }}\n    timeout: 3s\n    retries: 0\n{}",
                format.name,
                endpoint.origin(),
                format.more
            )
            .unwrap();
            aliases.push(alias);
        }
    }
    (config, aliases)
}

/// Runs all of it at once: a model for each format and way, a case for each fault, with good answers between them so
/// that no endpoint seems to be down.
fn outcomes() -> BTreeMap<(String, usize), String> {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::raw(|line, body| {
            let body = String::from_utf8_lossy(body);
            let name = line.split('/').nth(1).unwrap_or_default();
            let (name, streams) = match name.strip_suffix("-stream") {
                Some(name) => (name, true),
                None => (name, false),
            };
            let format = FORMATS.iter().find(|format| format.name == name).unwrap();
            let number = body.split("word ").nth(1).unwrap();
            let number: String = number.chars().take_while(char::is_ascii_digit).collect();
            let number: usize = number.parse().unwrap();
            let which = if number.is_multiple_of(2) {
                FAULTS[number / 2 - 1]
            } else {
                "nothing"
            };
            fault(format, streams, which)
        }),
        ..Behaviour::default()
    });
    let (config, aliases) = models(&endpoint);
    let project = Project::new()
        .workspace(&endpoint.url())
        .cases(2 * FAULTS.len())
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret-0123456789");
    project.write("regauge.yaml", config);
    let suite = project.read("suites/words.yaml");
    let (head, _) = suite.split_once("scorers:").unwrap();
    let suite = format!("{head}scorers:\n  - length: {{ min: 1 }}\n")
        .replace("[small]", &format!("[{}]", aliases.join(", ")));
    project.write("suites/words.yaml", suite);
    let summary = project.run(&["run", "--json"]).json();
    let mut found = BTreeMap::new();
    for subject in summary["suites"][0]["subjects"].as_array().unwrap() {
        let alias = subject["alias"].as_str().unwrap();
        for case in subject["cases"].as_array().unwrap() {
            let number = case["id"].as_str().unwrap().trim_start_matches("w-");
            let number: usize = number.parse().unwrap();
            let outcome = case["trials"][0]["outcome"].as_str().unwrap();
            if number.is_multiple_of(2) {
                found.insert((alias.to_owned(), number / 2 - 1), outcome.to_owned());
            } else {
                assert_eq!(outcome, "ok", "{alias} {number}: {case}");
            }
        }
    }
    found
}

#[test]
fn every_format_meets_every_fault() {
    let found = outcomes();
    let mut page = String::from(HEAD);
    let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
    writeln!(page, "| fault | {} |", names.join(" | ")).unwrap();
    writeln!(page, "|---{}|", "|---".repeat(names.len())).unwrap();
    for (index, fault) in FAULTS.iter().enumerate() {
        write!(page, "| {fault} |").unwrap();
        for name in &names {
            let plain = &found[&((*name).to_owned(), index)];
            let streamed = found.get(&(format!("{name}-stream"), index));
            let cell = match streamed {
                Some(streamed) if streamed != plain => format!("{plain} / {streamed}"),
                _ => plain.clone(),
            };
            write!(page, " {cell} |").unwrap();
            let good = *fault == "nothing";
            for outcome in [Some(plain), streamed].into_iter().flatten() {
                assert_eq!(outcome == "ok", good, "{name}: {fault} is {outcome}");
            }
        }
        page.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    if std::env::var_os("REGAUGE_UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/faults.md is old; REGAUGE_UPDATE_DOCS=1 cargo test --test it matrix\n{page}"
    );
}

const HEAD: &str = "# Faults

What becomes of a trial whose last attempt meets a fault, for each wire format. Where a streamed answer ends otherwise,
both are named: whole / streamed. No fault is ever an answer, and all of them stay in the denominator. This page is
made by a test that runs the program against an endpoint with each of these faults.

";
