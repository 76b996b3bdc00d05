//! One tiny call to a model, step by step: its address, the connection, the key, the model, the answer.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::endpoint::{Attempt, Endpoint};
use crate::exchange::task::Task;
use crate::exchange::{Call, Failure, FailureKind, Message, Params, Reply, Request, Response};
use crate::units::show_duration;
use crate::workspace::model::Model;

/// Tokens of the answer, where the parameters of the model name no number.
const TOKENS: u64 = 16;
/// What the model is asked.
const QUESTION: &str = "Answer with the word: ready";

/// One step of the way to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub finding: Finding,
    /// The finding in words.
    pub text: String,
    /// What to do about it.
    pub help: Option<&'static str>,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// It is as it should be.
    Ok,
    /// It is not.
    Failed,
    /// The call did not come so far.
    Unknown,
}

/// What came of a probe.
#[derive(Debug)]
pub struct Probe {
    /// The steps, in their order.
    pub steps: Vec<Step>,
    /// The call.
    pub attempt: Attempt,
}

/// Looks up the address of a model, connects, and asks for a few tokens.
pub async fn probe(endpoint: &Endpoint, model: &Model) -> Probe {
    let mut steps = Vec::new();
    let address = look_up(endpoint, &mut steps).await;
    if let Some(address) = address {
        steps.push(connect(address, model.connect_timeout).await);
    }
    let call = Call::new(question(&endpoint.alias, model));
    let attempt = endpoint.attempt(&call, 1, None).await;
    let failure = match &attempt.reply {
        Reply::Response(_) => None,
        Reply::Failure(failure) => Some(failure),
    };
    steps.push(encryption(endpoint, failure));
    steps.push(key(model, failure));
    steps.push(model_exists(model, &attempt.reply));
    steps.push(answer(endpoint, &attempt));
    Probe { steps, attempt }
}

fn question(alias: &str, model: &Model) -> Request {
    let few = Params {
        max_tokens: Some(TOKENS),
        ..Params::default()
    };
    Request {
        provider: model.host.format,
        alias: alias.to_owned(),
        model: model.model.clone(),
        task: Task::Chat,
        messages: vec![Message::User {
            text: QUESTION.to_owned(),
            media: Vec::new(),
        }],
        tools: Vec::new(),
        tool_choice: None,
        schema: None,
        params: few.overridden_by(&model.params),
        form: model.form.clone(),
    }
}

fn step(name: &'static str, finding: Finding, text: impl Into<String>) -> Step {
    Step {
        name,
        finding,
        text: text.into(),
        help: None,
    }
}

async fn look_up(endpoint: &Endpoint, steps: &mut Vec<Step>) -> Option<SocketAddr> {
    let (host, port) = endpoint.host_and_port()?;
    let started = Instant::now();
    let found = lookup_host((host.trim_matches(['[', ']']), port)).await;
    let took = show_duration(started.elapsed());
    let addresses: Vec<SocketAddr> = found.map(Iterator::collect).unwrap_or_default();
    let first = addresses.first().copied();
    steps.push(match first {
        Some(first) => step(
            "name",
            Finding::Ok,
            format!("{host} is {} ({took})", first.ip()),
        ),
        None => Step {
            help: Some("see `base_url`; behind a proxy only the proxy may know the name"),
            ..step("name", Finding::Failed, format!("{host} is not known here"))
        },
    });
    first
}

async fn connect(address: SocketAddr, most: Duration) -> Step {
    let started = Instant::now();
    let connected = timeout(most, TcpStream::connect(address)).await;
    let took = show_duration(started.elapsed());
    let why = match connected {
        Ok(Ok(_)) => {
            return step("connection", Finding::Ok, format!("{address} ({took})"));
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no connection within {took}"),
    };
    Step {
        help: Some("is the server running, and does a firewall let us out?"),
        ..step("connection", Finding::Failed, format!("{address}: {why}"))
    }
}

fn encryption(endpoint: &Endpoint, failure: Option<&Failure>) -> Step {
    const NAME: &str = "encryption";
    let no_reply = failure.is_some_and(|failure| failure.status.is_none());
    match failure {
        _ if !endpoint.is_encrypted() => {
            step(NAME, Finding::Ok, "none: the address begins with http:")
        }
        Some(failure) if is_about_certificates(failure) => Step {
            help: Some("name the authority that signed it with `ca_file` in regauge.yaml"),
            ..step(NAME, Finding::Failed, failure.message.clone())
        },
        _ if no_reply => step(NAME, Finding::Unknown, "no reply to tell from"),
        _ => step(NAME, Finding::Ok, "the certificate is trusted"),
    }
}

fn is_about_certificates(failure: &Failure) -> bool {
    let words = failure.message.to_ascii_lowercase();
    let about = ["certificate", "tls", "handshake", "corrupt message"];
    failure.kind == FailureKind::Transport && about.iter().any(|word| words.contains(word))
}

fn key(model: &Model, failure: Option<&Failure>) -> Step {
    const NAME: &str = "key";
    let has_key = model.api_key.is_some() || model.bearer.is_some();
    match failure.map(|failure| (failure, failure.status)) {
        Some((failure, Some(401 | 403))) => Step {
            help: Some(if has_key {
                "is the key whole, of this account, and allowed to use the model?"
            } else {
                "set `api_key: ${NAME}` for the model"
            }),
            ..step(NAME, Finding::Failed, failure.to_string())
        },
        Some((_, None)) => step(NAME, Finding::Unknown, "no reply to tell from"),
        _ if has_key => step(NAME, Finding::Ok, "accepted"),
        _ => step(NAME, Finding::Ok, "none is set, and none was asked for"),
    }
}

fn model_exists(model: &Model, reply: &Reply) -> Step {
    const NAME: &str = "model";
    let asked = &model.model;
    match reply {
        Reply::Response(response) => {
            let served = response.model.as_deref().filter(|served| served != asked);
            let served = served.map_or(String::new(), |served| format!(", served as {served}"));
            step(NAME, Finding::Ok, format!("{asked}{served}"))
        }
        Reply::Failure(failure) if failure.status == Some(404) => Step {
            help: Some(
                "see `model`, and whether `base_url` ends where the interface begins, such as in /v1",
            ),
            ..step(NAME, Finding::Failed, failure.to_string())
        },
        Reply::Failure(_) => step(NAME, Finding::Unknown, "no answer to tell from"),
    }
}

fn answer(endpoint: &Endpoint, attempt: &Attempt) -> Step {
    const NAME: &str = "answer";
    match &attempt.reply {
        Reply::Response(response) => {
            let took = show_duration(attempt.latency);
            let tokens = tokens(response);
            let price = endpoint.price.as_ref();
            let cost = price.and_then(|price| price.cost(&response.usage));
            let cost = cost.map_or("price unknown".to_owned(), |cost| cost.to_string());
            step(NAME, Finding::Ok, format!("in {took}, {tokens}, {cost}"))
        }
        Reply::Failure(failure) => step(NAME, Finding::Failed, failure.to_string()),
    }
}

fn tokens(response: &Response) -> String {
    match (response.usage.input, response.usage.output) {
        (Some(input), Some(output)) => format!("{input} tokens in, {output} out"),
        _ => "tokens not said".to_owned(),
    }
}
