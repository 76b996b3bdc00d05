//! Parsers of foreign bytes take anything: the functions of the fuzz targets on damaged copies of real files.
//!
//! This is a bounded search that finds the same things in every run; `cargo fuzz` in `fuzz/` searches without end.
//! `REGAUGE_FUZZ_ROUNDS` sets how many damaged copies are made for each target.

use std::fs;
use std::path::{Path, PathBuf};

use regauge::stats::rng::SplitMix64;

#[path = "../../fuzz/targets.rs"]
mod targets;

const ROUNDS: usize = 400;

#[test]
fn no_parser_of_foreign_bytes_ever_panics() {
    let rounds = std::env::var_os("REGAUGE_FUZZ_ROUNDS");
    let rounds = rounds
        .and_then(|text| text.to_str()?.parse().ok())
        .unwrap_or(ROUNDS);
    for (name, target) in targets::ALL {
        let seeds = corpus(name);
        assert!(!seeds.is_empty(), "{name} has a corpus");
        let words: Vec<&[u8]> = seeds.iter().flat_map(|seed| pieces(seed)).collect();
        let mut draws = SplitMix64::new(20_260_115, name);
        for seed in &seeds {
            target(seed);
        }
        for _ in 0..rounds {
            let mut bytes = seeds[below(&mut draws, seeds.len())].clone();
            for _ in 0..=below(&mut draws, 4) {
                damage(&mut bytes, &words, &mut draws);
            }
            target(&bytes);
        }
    }
}

/// Changes, takes out, doubles or puts in something.
fn damage(bytes: &mut Vec<u8>, words: &[&[u8]], draws: &mut SplitMix64) {
    let at = below(draws, bytes.len() + 1);
    let end = (at + below(draws, 32)).min(bytes.len());
    match below(draws, 6) {
        0 if at < bytes.len() => bytes[at] = byte(draws),
        1 => drop(bytes.drain(at..end)),
        2 => bytes.truncate(at),
        3 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => drop(bytes.splice(at..end, words[below(draws, words.len())].iter().copied())),
        _ => bytes.insert(at, byte(draws)),
    }
}

fn below(draws: &mut SplitMix64, count: usize) -> usize {
    usize::try_from(draws.next_u64() % count.max(1) as u64).unwrap()
}

/// Any byte, more often one that means something.
fn byte(draws: &mut SplitMix64) -> u8 {
    const SIGNS: &[u8] = b"{}[]\",:\\\n\r\t -#&*!|>%@`0\xff\0";
    let chance = usize::from(draws.next_u64().to_le_bytes()[0]);
    if chance < 128 {
        SIGNS[chance % SIGNS.len()]
    } else {
        draws.next_u64().to_le_bytes()[1]
    }
}

/// Words, numbers and signs of a file.
fn pieces(seed: &[u8]) -> impl Iterator<Item = &[u8]> {
    let is_border = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b',' | b':');
    seed.split(is_border)
        .filter(|piece| !piece.is_empty() && piece.len() < 200)
}

/// The files that a target begins with: recorded bodies, the example, and workspaces with mistakes.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = |folder: &str, endings: &[&str]| {
        let mut found = Vec::new();
        collect(&root.join(folder), &mut found);
        found.retain(|path| {
            let name = path.to_string_lossy();
            endings.iter().any(|ending| name.ends_with(ending))
        });
        found.sort();
        found
    };
    let paths = match target {
        "response" => below("tests/wire", &[".response.json"]),
        "stream" => below("tests/wire", &[".sse", ".ndjson", ".bin"]),
        "yaml" => [
            below("suites", &[".yaml"]),
            below("tests/it/broken", &[".yaml"]),
            vec![root.join("regauge.yaml")],
        ]
        .concat(),
        "prompt" => [
            below("prompts", &[".md"]),
            below("tests/it/broken", &[".md"]),
        ]
        .concat(),
        "dataset" => [
            below("golden", &[".jsonl", ".csv", ".yaml"]),
            below("tests/it/broken", &[".csv"]),
        ]
        .concat(),
        "recording" => below("golden/recordings", &[".jsonl"]),
        "run_file" => below("golden/baselines", &[".jsonl"]),
        own => below(&format!("fuzz/corpus/{own}"), &[""]),
    };
    let bytes = paths.into_iter().map(|path| {
        let body = fs::read(&path).unwrap();
        match serde_json::from_slice::<serde_json::Value>(&body) {
            // A recorded reply is more than its body.
            Ok(file) if target == "response" => file["body"].to_string().into_bytes(),
            // A few lines of a long file show all that it has.
            _ if body.len() > 20_000 => cut_to_lines(&body),
            _ => body,
        }
    });
    bytes.collect()
}

fn cut_to_lines(body: &[u8]) -> Vec<u8> {
    let end = body[..20_000].iter().rposition(|byte| *byte == b'\n');
    body[..end.map_or(20_000, |at| at + 1)].to_vec()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else {
            found.push(path);
        }
    }
}
