//! That the endpoint fails as it is told to.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use reqwest::Client;

use super::{ask, body, post};
use crate::endpoint::{Behaviour, Endpoint, Fault, Faults, Lasting, Nowhere};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_arrives_as_it_should() {
    let client = Client::builder()
        .timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let seen = async |fault: Fault| {
        let endpoint = Endpoint::start(Behaviour {
            faults: Faults::always(fault),
            ..Behaviour::default()
        });
        let url = format!("{}/chat/completions", endpoint.url());
        let seen = post(&client, &url, &body("hello")).await;
        assert_eq!((endpoint.calls(), endpoint.answered()), (1, 0));
        match seen {
            Ok((status, body)) => format!(
                "{} {}",
                status.as_u16(),
                body.lines().next().unwrap_or("nothing")
            ),
            Err(error) if error.is_timeout() => "timeout".into(),
            Err(error) => innermost(&error),
        }
    };
    let mut lines = Vec::new();
    for fault in Fault::all_kinds() {
        lines.push(format!("{fault:?}: {}", seen(fault.clone()).await));
    }
    let wrong_shape = Fault::json("[1, \"\\ud800\"]");
    lines.push(format!("a wrong shape: {}", seen(wrong_shape).await));
    insta::assert_snapshot!(lines.join("\n"), @r#"
    RateLimited { retry_after: Some("0.05") }: 429 {"error":{"message":"Rate limit reached for requests","type":"requests","param":null,"code":"rate_limit_exceeded"}}
    Status(500): 500 {"error":{"message":"The server had an error while processing your request","type":"server_error","param":null,"code":null}}
    Status(503): 503 {"error":{"message":"The server had an error while processing your request","type":"server_error","param":null,"code":null}}
    Html(502): 502 <!doctype html>
    Html(200): 200 <!doctype html>
    EmptyBody: 200 nothing
    CutBody: end of file before message length reached
    StalledBody: timeout
    Dropped: connection closed before message completed
    Reset: Connection reset by peer
    Hang: timeout
    NotHttp: invalid HTTP version parsed
    a wrong shape: 200 [1, "\ud800"]
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_may_come_without_a_word_on_how_long() {
    let wait_of = async |fault| {
        let endpoint = Endpoint::start(Behaviour {
            faults: Faults::always(fault),
            ..Behaviour::default()
        });
        let url = format!("{}/chat/completions", endpoint.url());
        let response = Client::new()
            .post(url)
            .body(body("hello"))
            .send()
            .await
            .unwrap();
        response
            .headers()
            .get("retry-after")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        wait_of(Fault::rate_limited("2")).await.as_deref(),
        Some("2")
    );
    assert_eq!(
        wait_of(Fault::RateLimited { retry_after: None }).await,
        None
    );
}

#[test]
fn a_tenth_of_the_bodies_fails_in_every_way_and_heals() {
    let faults = Faults::mixed(0.1);
    let digest = |n: u64| crate::endpoint::digest(body(&format!("case {n}")).as_bytes());
    let failing: Vec<_> = (0..10_000)
        .filter_map(|n| faults.of(digest(n), 1))
        .collect();
    assert!(
        (900..1100).contains(&failing.len()),
        "{} of 10,000",
        failing.len()
    );
    let kinds = Fault::all_kinds();
    assert!(kinds.iter().all(|kind| failing.contains(&kind)));
    assert!((0..10_000).all(|n| faults.of(digest(n), 2).is_none()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_fails_as_often_as_it_shall() {
    let endpoint = Endpoint::start(Behaviour {
        faults: Faults::first(2, Fault::Status(503)),
        ..Behaviour::default()
    });
    let statuses = async || {
        let mut statuses = Vec::new();
        for _ in 0..4 {
            statuses.push(ask(&endpoint, "hello").await.unwrap().0.as_u16());
        }
        statuses
    };
    assert_eq!(statuses().await, [503, 503, 200, 200]);
    let faults = Faults {
        lasting: Lasting::Forever,
        ..Faults::first(2, Fault::Status(500))
    };
    endpoint.behave(Behaviour {
        faults,
        ..Behaviour::default()
    });
    assert_eq!(statuses().await, [500, 500, 500, 500]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_can_go_down_for_good() {
    let endpoint = Endpoint::start(Behaviour {
        down_after: Some((2, Fault::Dropped)),
        ..Behaviour::default()
    });
    for n in 1..=5 {
        assert_eq!(ask(&endpoint, &format!("case {n}")).await.is_ok(), n <= 2);
    }
    let nowhere = Nowhere::new();
    let refused = post(&Client::new(), &nowhere.url(), "{}").await;
    assert!(refused.unwrap_err().is_connect());
}

#[test]
fn a_dropped_endpoint_hangs_up() {
    let endpoint = Endpoint::start(Behaviour::default());
    let mut stream = TcpStream::connect(endpoint.origin().trim_start_matches("http://")).unwrap();
    drop(endpoint);
    // Zero bytes or a reset, by whether the connection had been taken by then.
    assert_eq!(stream.read(&mut [0]).unwrap_or(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_is_refused_and_echoed_in_every_form() {
    let endpoint = Endpoint::start(Behaviour {
        key: Some("sk-right".into()),
        ..Behaviour::default()
    });
    let request = |key| {
        let post = Client::new().post(format!("{}/chat/completions", endpoint.url()));
        post.bearer_auth(key).body(body("hello")).send()
    };
    assert_eq!(request("sk-right").await.unwrap().status(), 200);
    let refused = request("sk-wrong/1").await.unwrap();
    assert_eq!(refused.status(), 401);
    let text = refused.text().await.unwrap();
    for form in ["sk-wrong/1", "c2std3JvbmcvMQ==", "sk%2Dwrong%2F1"] {
        assert!(text.contains(form), "{form} is not in {text}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_a_call_is_an_error_that_says_so() {
    let endpoint = Endpoint::start(Behaviour::default());
    let client = Client::new();
    let wrong_path = post(&client, &format!("{}/v1/messages", endpoint.url()), "{}")
        .await
        .unwrap();
    assert_eq!(wrong_path.0, 404);
    assert!(wrong_path.1.contains("POST /v1/v1/messages"));
    let no_json = post(
        &client,
        &format!("{}/chat/completions", endpoint.url()),
        "{",
    )
    .await
    .unwrap();
    assert_eq!(no_json.0, 400);
}

/// The cause at the bottom, without the number that the system has for it.
fn innermost(error: &dyn std::error::Error) -> String {
    if let Some(source) = error.source() {
        return innermost(source);
    }
    let words = error.to_string();
    words
        .split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
