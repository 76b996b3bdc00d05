//! How fast scorers are, on one core and through the same entries that suites have.
//!
//! `cargo bench --bench scorers` measures every row. The targets of `rouge-l`, `levenshtein`, `bleu`, `chrf` and
//! `ter-accuracy` are what rouge-score 0.1, rapidfuzz 3.14 and sacrebleu 2.6 took for such texts on one machine; the
//! bench prints ratios and fails on none, since machines differ.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a bench prints its table, and stops where it cannot go on"
)]

use std::time::Instant;

use regauge::document::{Document, Source};
use regauge::error::Error;
use regauge::exchange::Response;
use regauge::scorer::{self, Answer, Scorer, Surroundings, Target};
use serde_json::{Map, Value, json};

/// A row: a scorer, how its texts are made, how often it grades, and the seconds that it may take.
struct Row {
    entry: &'static str,
    text: fn(&mut Numbers) -> String,
    times: usize,
    seconds: f64,
}

const ROWS: &[Row] = &[
    Row {
        entry: "exact",
        text: |numbers| words(numbers, 10),
        times: 1_000_000,
        seconds: 1.0,
    },
    Row {
        entry: "exact: { normalize: [nfc, casefold, punctuation, whitespace, trim] }",
        text: |numbers| words(numbers, 10),
        times: 100_000,
        seconds: 1.0,
    },
    Row {
        entry: "rouge-l",
        text: |numbers| words(numbers, 100),
        times: 100_000,
        seconds: 173.0,
    },
    Row {
        entry: "levenshtein",
        text: |numbers| characters(numbers, 200, "abcdefghijklmnop "),
        times: 100_000,
        seconds: 0.382,
    },
    Row {
        entry: "levenshtein",
        text: |numbers| characters(numbers, 200, "abcdéfghijklmnöpзд "),
        times: 100_000,
        seconds: 0.446,
    },
    Row {
        entry: "bleu",
        text: |numbers| words(numbers, 30),
        times: 10_000,
        seconds: 1.54,
    },
    Row {
        entry: "chrf",
        text: |numbers| words(numbers, 30),
        times: 10_000,
        seconds: 4.95,
    },
    Row {
        entry: "ter-accuracy",
        text: |numbers| words(numbers, 30),
        times: 1_000,
        seconds: 2.66,
    },
    Row {
        entry: "expr: output|length < 500",
        text: |numbers| words(numbers, 30),
        times: 100_000,
        seconds: 1.0,
    },
];

/// Pseudo-random numbers, the same on every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

fn words(numbers: &mut Numbers, count: usize) -> String {
    let words: Vec<String> = (0..count)
        .map(|_| format!("word{}", numbers.below(500)))
        .collect();
    words.join(" ")
}

fn characters(numbers: &mut Numbers, count: usize, from: &str) -> String {
    let from: Vec<char> = from.chars().collect();
    (0..count)
        .map(|_| from[numbers.below(from.len())])
        .collect()
}

fn main() {
    if !std::env::args().any(|argument| argument == "--bench") {
        eprintln!("measurements are made by cargo bench --bench scorers");
        return;
    }
    println!(
        "{:<70} {:>9} {:>10} {:>9} {:>8}",
        "", "times", "seconds", "target", "÷ target"
    );
    for row in ROWS {
        let seconds = measure(row);
        println!(
            "{:<70} {:>9} {seconds:>10.3} {:>9} {:>8.3}",
            row.entry,
            row.times,
            row.seconds,
            seconds / row.seconds
        );
    }
}

/// The seconds that the row takes, texts and answers made before.
fn measure(row: &Row) -> f64 {
    let scorer = compile(row.entry);
    let mut numbers = Numbers(1);
    let texts: Vec<String> = (0..1001).map(|_| (row.text)(&mut numbers)).collect();
    let pairs: Vec<(Value, Response)> = texts
        .windows(2)
        .map(|pair| (json!(pair[0]), response(&pair[1])))
        .collect();
    let vars = Map::new();
    let start = Instant::now();
    let mut sum = 0.0;
    for (expected, response) in pairs.iter().cycle().take(row.times) {
        let target = Target {
            case: "",
            expected: Some(expected),
            vars: &vars,
            tags: &[],
        };
        let answer = Answer {
            first_token_ms: None,
            response,
            latency_ms: 1.0,
            cost: None,
        };
        sum += scorer.grade(&target, &answer).unwrap().value;
    }
    assert!(sum.is_finite());
    start.elapsed().as_secs_f64()
}

fn compile(entry: &str) -> Scorer {
    let document = Document::parse(Source::new("bench", format!("- {entry}"))).unwrap();
    let node = &document.root.items()[0];
    let surroundings = Surroundings {
        load: &|path, _| Err(Error::new(path.to_owned())),
        workspace: None,
        cases: &[],
    };
    scorer::compile(&document, node, &surroundings).unwrap()
}

fn response(text: &str) -> Response {
    Response::of(text)
}
