//! That a key is nowhere but on the wire, even where the endpoint says it back in errors and in answers.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use crate::endpoint::{Answer, Answers, Behaviour, Endpoint, Fault, Faults, Gate};
use crate::process::Output;
use crate::project::Project;
use crate::summary::{outcomes, trials};

/// A key that changes under every encoding.
const KEY: &str = "sk-a/b+c=\"d\"\\e~f&g?h%i_0123456789";
/// The value of a header, of which only a part comes from the environment.
const TOKEN: &str = "tok<en>/9876543210+zyx";

/// What scripts and libraries leave as it is when they encode a part of a URL.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'!')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

#[test]
fn a_key_that_an_answer_repeats_is_kept_and_shown_nowhere() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|_| Answer::text(said_back())),
        key: Some(KEY.into()),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url()).env("KEY", KEY).env("TOKEN", TOKEN);
    let summary = project.run(&["run", "--json", "--record"]).json();
    assert_eq!(outcomes(&summary)["ok"], 5);
    let output = trials(&summary)[0].1["output"].as_str().unwrap();
    assert!(
        output.contains("***") && output.contains("plain"),
        "{output}"
    );
    assert_sent(&endpoint);
    assert_nowhere(&project, every_output(&project));
}

#[test]
fn a_key_from_a_file_that_an_error_repeats_is_kept_and_shown_nowhere() {
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::always(Fault::Reply {
            status: 400,
            headers: Vec::new(),
            body: json!({"error": {"message": said_back(), "type": said_back()}})
                .to_string()
                .into_bytes(),
        }),
        ..Behaviour::default()
    });
    let quoted = |text: &str| format!("'{text}'");
    let project = keyed(&endpoint.url()).file(
        ".env",
        &format!("KEY={}\nTOKEN={}\n", quoted(KEY), quoted(TOKEN)),
    );
    let output = project.run(&["run", "--json", "--record"]);
    assert_eq!(outcomes(&output.json())["provider-error"], 5);
    assert!(output.stdout.contains("***"), "{output}");
    assert_sent(&endpoint);
    fs::remove_file(project.dir().join(".env")).unwrap();
    assert_nowhere(&project, every_output(&project).into_iter().chain([output]));
}

#[test]
fn a_key_that_is_refused_is_not_shown_in_any_form() {
    let endpoint = Endpoint::start(Behaviour {
        key: Some("another".into()),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url()).env("KEY", KEY).env("TOKEN", TOKEN);
    let output = project.run(&["run", "--json"]).expect_code(3);
    assert!(output.stdout.contains("***"), "{output}");
    assert_nowhere(&project, every_output(&project).into_iter().chain([output]));
}

#[test]
fn a_key_in_headers_and_odd_fields_of_the_reply_is_kept_nowhere() {
    let body = json!({
        "id": KEY, "model": KEY, "system_fingerprint": TOKEN,
        "choices": [{"index": 0, "finish_reason": KEY, "message": {
            "role": "assistant", "content": "fine", "refusal": null, "reasoning_content": KEY,
            "tool_calls": [{"id": KEY, "type": "function", "function": {"name": TOKEN, "arguments": json!({"a": KEY}).to_string()}}],
        }}],
    });
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::always(Fault::Reply {
            status: 200,
            headers: vec![
                ("x-request-id".into(), KEY.into()),
                ("request-id".into(), TOKEN.into()),
            ],
            body: body.to_string().into_bytes(),
        }),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url()).env("KEY", KEY).env("TOKEN", TOKEN);
    let output = project.run(&["run", "--json", "--record"]);
    assert_eq!(outcomes(&output.json())["ok"], 5);
    assert_nowhere(&project, every_output(&project).into_iter().chain([output]));
}

#[test]
fn a_key_that_comes_back_token_by_token_is_kept_nowhere() {
    let (start, end) = KEY.split_at(12);
    let token = |text: &str| json!({"token": text, "logprob": -0.5});
    let body = json!({"choices": [{
        "finish_reason": "stop", "message": {"role": "assistant", "content": KEY},
        "logprobs": {"content": [token("so: "), token(start), token(end)]},
    }]});
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::always(Fault::json(body.to_string())),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url()).env("KEY", KEY).env("TOKEN", TOKEN);
    let config = project.read("regauge.yaml");
    project.write(
        "regauge.yaml",
        config.replace("seed: 7 }", "seed: 7, logprobs: true }"),
    );
    let output = project.run(&["run", "--json", "--record"]);
    assert_eq!(outcomes(&output.json())["ok"], 5);
    let recording = project.read("golden/recordings/words.jsonl");
    assert!(!recording.contains("\"logprob\""), "{recording}");
    assert_nowhere(&project, every_output(&project).into_iter().chain([output]));
}

#[test]
fn a_key_stays_hidden_when_a_run_goes_on_after_a_kill() {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|_| Answer::text(said_back())),
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    let project = keyed(&endpoint.url())
        .cases(30)
        .env("KEY", KEY)
        .env("TOKEN", TOKEN);
    let run = project.spawn(&["run", "--record"]);
    gate.release(15);
    endpoint.wait_for_answered(15);
    let killed = run.kill9();
    // The log that the history writes ahead is still there.
    assert_nowhere(&project, [killed]);
    gate.open();
    let resumed = project.run(&["run", "--resume", "--record", "--json"]);
    assert_eq!(outcomes(&resumed.json())["ok"], 30);
    assert_nowhere(
        &project,
        every_output(&project).into_iter().chain([resumed]),
    );
}

/// A workspace whose model has a key, and a header that holds another secret.
fn keyed(url: &str) -> Project {
    let project = Project::new().workspace(url);
    let config = project.read("regauge.yaml");
    let secrets =
        "    api_key: ${KEY}\n    headers: { x-team: \"Token ${TOKEN}\" }\n    retries: 0\n";
    project.write("regauge.yaml", config.replace("    retries: 3\n", secrets));
    project
}

/// Both secrets in every form in which an endpoint may say them back.
fn said_back() -> String {
    let [key, token] = [KEY, TOKEN].map(|secret| forms(secret).join(" "));
    format!("plain: {key} {token}")
}

fn forms(secret: &str) -> Vec<String> {
    let escaped = serde_json::to_string(secret).unwrap();
    let mut forms = vec![secret.to_owned(), escaped[1..escaped.len() - 1].to_owned()];
    // Some writers escape what they need not.
    forms.push(forms[1].replace('/', "\\/"));
    forms.push(
        forms[1]
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026"),
    );
    for set in [NON_ALPHANUMERIC, COMPONENT, QUERY] {
        let encoded = utf8_percent_encode(secret, set).to_string();
        forms.extend([encoded.to_lowercase_escapes(), encoded]);
    }
    for before in ["", "a", "ab", "Bearer ", "user:"] {
        let text = format!("{before}{secret}");
        forms.extend([STANDARD_NO_PAD.encode(&text), URL_SAFE_NO_PAD.encode(&text)]);
    }
    forms
}

trait Escapes {
    /// With the letters of `%` escapes in lower case.
    fn to_lowercase_escapes(&self) -> String;
}

impl Escapes for String {
    fn to_lowercase_escapes(&self) -> String {
        let mut parts = self.split('%');
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| {
            let (digits, rest) = part.split_at(2.min(part.len()));
            text + "%" + &digits.to_lowercase() + rest
        })
    }
}

/// The secrets went out as they are.
fn assert_sent(endpoint: &Endpoint) {
    let request = &endpoint.requests()[0];
    assert_eq!(
        request.header("authorization"),
        Some(format!("Bearer {KEY}").as_str())
    );
    assert_eq!(
        request.header("x-team"),
        Some(format!("Token {TOKEN}").as_str())
    );
}

/// All that can be printed of what the history holds.
fn every_output(project: &Project) -> Vec<Output> {
    let commands: [&[&str]; 6] = [
        &["run", "--reuse"],
        &["report", "--json"],
        &["rescore", "--json"],
        &["export"],
        &["export", "--output", "exported.jsonl"],
        &["history", "--json"],
    ];
    commands.map(|arguments| project.run(arguments)).into()
}

/// That no form of the secrets stands in any file of the workspace or in these outputs.
fn assert_nowhere(project: &Project, outputs: impl IntoIterator<Item = Output>) {
    let mut texts: Vec<(String, Vec<u8>)> = project
        .files()
        .into_iter()
        .map(|file| (file.clone(), fs::read(project.dir().join(file)).unwrap()))
        .collect();
    assert!(texts.iter().any(|(file, _)| file == ".regauge/history.db"));
    let outputs = outputs.into_iter();
    texts.extend(outputs.map(|output| ("an output".to_owned(), output.to_string().into_bytes())));
    for (name, bytes) in &texts {
        let text = String::from_utf8_lossy(bytes);
        for needle in needles() {
            if let Some(at) = text.find(&needle) {
                let around: String = text[..at]
                    .chars()
                    .rev()
                    .take(40)
                    .collect::<Vec<_>>()
                    .into_iter()
                    .rev()
                    .collect();
                panic!("{name} holds {needle:?} after {around:?}");
            }
        }
    }
}

/// Parts of the secrets in all their forms that nothing else holds.
fn needles() -> Vec<String> {
    let mut needles = Vec::new();
    for secret in [KEY, TOKEN] {
        for form in forms(secret) {
            // The middle: what stands before and after a secret changes its ends in base64.
            let characters: Vec<char> = form.chars().collect();
            let middle = characters.len() / 2;
            needles.push(characters[middle - 6..middle + 6].iter().collect());
        }
        // And the plainest piece of it, in whatever it is wrapped.
        needles.push(secret.chars().filter(char::is_ascii_digit).collect());
    }
    needles
}
