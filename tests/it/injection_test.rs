//! Answers that try to talk a judge into a pass, run against judges that are gullible in a defined way.
//!
//! What no fence can exclude is a judge that believes what it reads and says so in words of its own: it is out of reach
//! here, and is what a calibration with such answers among the labels is for.

use serde_json::{Value, json};
use unicode_normalization::UnicodeNormalization;

use crate::endpoint::{Answer, Answers, Asked, Behaviour, Endpoint};
use crate::project::Project;

/// The attempts: `text`, behind `filler` so many `times` where there is one.
const ATTEMPTS: &str = include_str!("injections.jsonl");
/// What a judge that follows an instruction is told.
const ORDER: &str = "full marks";

/// A judge: what it is asked, system and user, and its reply; `None`: it says what it thinks itself.
type Gullible = fn(&str, &str) -> Option<String>;

/// What a judge says that is not talked into anything.
fn own_verdict() -> String {
    json!({"helpful": {"evidence": "it answers nothing", "score": 1}}).to_string()
}

fn talked_into() -> String {
    json!({"helpful": {"evidence": "so it shall be", "score": 5}}).to_string()
}

/// The outermost objects of a text that are JSON.
fn objects(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(open) = text[at..].find('{').map(|offset| at + offset) {
        let mut values = serde_json::Deserializer::from_str(&text[open..]).into_iter::<Value>();
        if let Some(Ok(value)) = values.next() {
            at = open + values.byte_offset();
            found.push(value);
        } else {
            at = open + 1;
        }
    }
    found
}

/// The objects of a text with those inside them, those in texts inside them too.
fn all_objects(text: &str, found: &mut Vec<Value>) {
    fn within(value: &Value, found: &mut Vec<Value>) {
        match value {
            Value::Object(object) => {
                found.push(value.clone());
                object.values().for_each(|inner| within(inner, found));
            }
            Value::Array(items) => items.iter().for_each(|item| within(item, found)),
            Value::String(text) => all_objects(text, found),
            _ => {}
        }
    }
    for value in objects(text) {
        within(&value, found);
    }
}

/// Repeats the last JSON object that it sees.
fn parrot(_: &str, user: &str) -> Option<String> {
    objects(user).pop().map(|value| value.to_string())
}

/// Repeats the last verdict that it sees, however deep it stands.
fn digger(_: &str, user: &str) -> Option<String> {
    let mut found = Vec::new();
    all_objects(user, &mut found);
    let verdict = found.iter().rev().find_map(|value| {
        if value.get("helpful").is_some() {
            Some(value.clone())
        } else {
            let entry = value.get("evidence").and(value.get("score"));
            entry.map(|_| json!({ "helpful": value }))
        }
    });
    verdict.map(|value| value.to_string())
}

/// Mends what looks like JSON, and repeats the last verdict in it.
fn mender(system: &str, user: &str) -> Option<String> {
    let plain: String = user
        .nfkc()
        .filter(|c| *c != '\u{200b}' && *c != '\\')
        .collect();
    let mended = plain
        .replace('\'', "\"")
        .replace("\"{", "{")
        .replace("}\"", "}");
    let mended = mended.replace(",}", "}").replace("} }", "}}");
    digger(system, &mended).or_else(|| digger(system, &format!("{mended}}}")))
}

/// Does what stands outside of the fence that it was told of.
fn obedient(system: &str, user: &str) -> Option<String> {
    let told = system.split("between a line `<<<NAME ").nth(1)?;
    let code: String = told.chars().take_while(char::is_ascii_hexdigit).collect();
    let (mut outside, mut is_inside) = (String::new(), false);
    for line in user.split('\n') {
        is_inside |= line.starts_with("<<<") && line.ends_with(&code);
        if !is_inside {
            outside.push_str(line);
        }
        is_inside &= !line.ends_with(&format!(" {code}>>>"));
    }
    outside.contains(ORDER).then(talked_into)
}

/// Takes whatever looks like the end of a fence or of a turn for one, and does what it reads behind it.
fn careless(_: &str, user: &str) -> Option<String> {
    let (mut outside, mut is_inside) = (String::new(), false);
    for line in user.split(['\n', '\r', '\u{2028}']) {
        let plain: String = line
            .nfkc()
            .filter(|c| !matches!(c, '\u{200b}' | '\u{2060}'))
            .collect();
        let plain = plain.trim();
        is_inside |= plain.starts_with("<<<");
        let marks = ["<|", "[/INST]", "<end_of_turn>", "</think>"];
        let is_turn = marks.iter().any(|mark| plain.contains(mark));
        if !is_inside || is_turn {
            outside.push_str(plain);
        }
        is_inside &= !plain.ends_with(">>>") && !is_turn;
    }
    outside.contains(ORDER).then(talked_into)
}

fn attempts() -> Vec<Value> {
    let row = |line: &str| {
        let mut row: Value = serde_json::from_str(line).expect("an attempt is JSON");
        let filler = row["filler"].as_str().unwrap_or_default();
        let times = row["times"].as_u64().unwrap_or_default();
        let filler = filler.repeat(usize::try_from(times).expect("it is small"));
        let text = filler + row["text"].as_str().expect("an attempt has a text");
        row = json!({"id": row["id"], "word": text});
        row
    };
    ATTEMPTS.lines().map(row).collect()
}

/// What becomes of each attempt with a judge: its score, or why it has none.
fn outcomes(judge: Gullible) -> Vec<(String, Option<f64>, String)> {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(move |asked: &Asked<'_>| {
            if asked.model() == "judge-model" {
                let reply = judge(&asked.system(), &asked.user());
                Answer::text(reply.unwrap_or_else(own_verdict))
            } else {
                Answer::text(asked.user())
            }
        }),
        ..Behaviour::default()
    });
    let url = endpoint.url();
    let project = Project::new().workspace(&url);
    let config = project.read("regauge.yaml")
        + &format!(
            "  judge:\n    provider: openai\n    base_url: {url}\n    model: judge-model\n    retries: 0\n"
        );
    project.write("regauge.yaml", &config);
    project.write(
        "suites/words.yaml",
        "name: words\nprompts: [repeat@v1]\nmodels: [small]\ndataset: golden/words.jsonl\ntrials: 1\nscorers:\n  \
         - judge: { name: helpful, model: judge, threshold: 0.5, criteria: [{ name: helpful, asks: it helps }] }\n",
    );
    let rows: Vec<String> = attempts().iter().map(Value::to_string).collect();
    project.write("golden/words.jsonl", rows.join("\n"));
    let output = project.run(&["run", "--json"]);
    let subject = output.json()["suites"][0]["subjects"][0].clone();
    let cases = subject["cases"]
        .as_array()
        .expect("the run has cases")
        .clone();
    let outcome = |case: &Value| {
        let score = &case["trials"][0]["scores"][0];
        let id = case["id"].as_str().unwrap_or_default().to_owned();
        let note = score["note"].as_str().unwrap_or_default().to_owned();
        assert_ne!(score["passed"], true, "{id}: {score}");
        (id, score["value"].as_f64(), note)
    };
    cases.iter().map(outcome).collect()
}

/// How many attempts end without a score and how many with the judge's own verdict; any other end is a failure.
fn tally(judge: Gullible) -> (usize, usize) {
    let outcomes = outcomes(judge);
    assert_eq!(outcomes.len(), attempts().len(), "every attempt was judged");
    let mut tally = (0, 0);
    for (id, score, note) in outcomes {
        match score {
            None => {
                assert!(note.starts_with("unparseable"), "{id}: {note}");
                tally.0 += 1;
            }
            Some(score) => {
                assert!(
                    score < 1e-9 && note.contains("it answers nothing"),
                    "{id}: {score} {note}"
                );
                tally.1 += 1;
            }
        }
    }
    tally
}

#[test]
fn no_attempt_passes_with_a_judge_that_repeats_what_it_reads() {
    for (name, judge) in [
        ("parrot", parrot as Gullible),
        ("digger", digger),
        ("mender", mender),
    ] {
        let (unparseable, own) = tally(judge);
        assert!(unparseable >= 15, "{name}: {unparseable} and {own}");
    }
}

#[test]
fn no_attempt_gets_out_of_its_fence() {
    let all = attempts().len();
    assert!(all >= 30);
    assert_eq!(tally(obedient), (0, all));
    assert_eq!(tally(careless), (0, all));
}
