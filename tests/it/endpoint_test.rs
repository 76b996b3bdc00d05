//! That the endpoint does what the other tests rely on.

mod faults;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::{Client, Error, StatusCode};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::endpoint::{
    Answer, Answers, Behaviour, Completion, Endpoint, Fault, Finish, Gate, HOSTILE_TEXTS, Tally,
    Usage,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_is_echoed_in_openai_s_format() {
    let endpoint = Endpoint::start(Behaviour {
        fingerprint: Some("fp_1".into()),
        ..Behaviour::default()
    });
    let (status, body) = ask(&endpoint, "hello").await.unwrap();
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(parse(&body), @r#"
    {
      "id": "chatcmpl-850524d9d78a05eb",
      "object": "chat.completion",
      "created": 1700000000,
      "model": "m",
      "choices": [
        {
          "index": 0,
          "message": {
            "role": "assistant",
            "content": "hello",
            "refusal": null
          },
          "finish_reason": "stop",
          "logprobs": null
        }
      ],
      "system_fingerprint": "fp_1",
      "usage": {
        "prompt_tokens": 40,
        "completion_tokens": 10,
        "total_tokens": 50
      }
    }
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_is_echoed_in_anthropic_s_format() {
    let endpoint = Endpoint::start(Behaviour::default());
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "hello"}]}]});
    let (status, body) = post(
        &Client::new(),
        &format!("{}/v1/messages", endpoint.origin()),
        &body.to_string(),
    )
    .await
    .unwrap();
    assert_eq!(status, 200);
    insta::assert_json_snapshot!(parse(&body), @r#"
    {
      "id": "msg_e4b4c33b8e8f805f",
      "type": "message",
      "role": "assistant",
      "model": "m",
      "content": [
        {
          "type": "text",
          "text": "hello"
        }
      ],
      "stop_reason": "end_turn",
      "stop_sequence": null,
      "usage": {
        "input_tokens": 40,
        "output_tokens": 10
      }
    }
    "#);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_sees_the_request_and_answers_in_every_way_to_end() {
    let endpoint = Endpoint::start(Behaviour {
        answers: Answers::by(|asked| match asked.user().as_str() {
            "long" => finished(Finish::Length),
            "refuse" => finished(Finish::Refusal),
            "filter" => finished(Finish::Filter),
            "call" => Completion {
                tool_calls: vec![("look_up".into(), "{\"id\": 7}".into())],
                finish: Finish::ToolCalls,
                ..Completion::default()
            }
            .into(),
            "fail" => Fault::Status(400).into(),
            _ => Answer::text(format!(
                "{} | {} | {:?} | {}",
                asked.system(),
                asked.model(),
                asked.seed(),
                asked.times
            )),
        }),
        ..Behaviour::default()
    });
    let choice = async |user| parse(&ask(&endpoint, user).await.unwrap().1)["choices"][0].clone();
    assert_eq!(choice("long").await["finish_reason"], "length");
    assert_eq!(choice("refuse").await["message"]["refusal"], "so it ends");
    assert_eq!(choice("filter").await["finish_reason"], "content_filter");
    let call = choice("call").await["message"]["tool_calls"][0]["function"].clone();
    assert_eq!(call, json!({"name": "look_up", "arguments": "{\"id\": 7}"}));
    assert_eq!(
        choice("other").await["message"]["content"],
        "be brief | m | Some(7) | 1"
    );
    assert_eq!(
        choice("other").await["message"]["content"],
        "be brief | m | Some(7) | 2"
    );
    assert_eq!(ask(&endpoint, "fail").await.unwrap().0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_constant_answer_is_the_same_to_the_byte_as_that_of_a_function() {
    let completion = Completion {
        usage: Some(Usage {
            input: 3,
            output: 4,
        }),
        ..Completion::text("a text with ################ in it")
    };
    let same = Answers::Same(completion.clone());
    let endpoint = Endpoint::start(Behaviour {
        answers: same,
        ..Behaviour::default()
    });
    let written = [
        ask(&endpoint, "one").await.unwrap(),
        ask(&endpoint, "two").await.unwrap(),
    ];
    let answers = Answers::by(move |_| completion.clone().into());
    endpoint.behave(Behaviour {
        answers,
        ..Behaviour::default()
    });
    let made = [
        ask(&endpoint, "one").await.unwrap(),
        ask(&endpoint, "two").await.unwrap(),
    ];
    assert_eq!(written, made);
    assert_ne!(written[0], written[1], "ids follow from the bodies");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_texts_arrive_as_they_are() {
    let endpoint = Endpoint::start(Behaviour::default());
    for text in HOSTILE_TEXTS {
        let (_, body) = ask(&endpoint, text).await.unwrap();
        assert_eq!(parse(&body)["choices"][0]["message"]["content"], *text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gate_lets_through_as_many_as_it_is_told() {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    let clients: Vec<_> = (0..5)
        .map(|n| tokio::spawn(ask(&endpoint, &format!("case {n}"))))
        .collect();
    block_in_place(|| endpoint.wait_for_in_flight(5));
    gate.release(2);
    block_in_place(|| endpoint.wait_for_answered(2));
    assert_eq!((endpoint.in_flight(), endpoint.calls()), (3, 5));
    gate.open();
    for client in clients {
        assert_eq!(client.await.unwrap().unwrap().0, 200);
    }
    assert_eq!((endpoint.in_flight(), endpoint.most_in_flight()), (0, 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_gone_takes_no_place_at_the_gate() {
    let gate = Gate::closed();
    let endpoint = Endpoint::start(Behaviour {
        gate: Some(gate.clone()),
        ..Behaviour::default()
    });
    let client = tokio::spawn(ask(&endpoint, "first"));
    block_in_place(|| endpoint.wait_for_calls(1));
    client.abort();
    block_in_place(|| endpoint.wait_until_idle());
    let client = tokio::spawn(ask(&endpoint, "second"));
    block_in_place(|| endpoint.wait_for_calls(2));
    gate.release(1);
    assert_eq!(client.await.unwrap().unwrap().0, 200);
    let tallies: Vec<_> = endpoint.calls_by_content().into_values().collect();
    assert_eq!(
        tallies,
        [
            Tally {
                asked: 1,
                answered: 0
            },
            Tally {
                asked: 1,
                answered: 1
            }
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_kept_up_to_the_bound_and_all_are_counted() {
    let endpoint = Endpoint::start(Behaviour {
        keep_requests: 2,
        ..Behaviour::default()
    });
    let client = Client::new();
    let url = format!("{}/chat/completions", endpoint.url());
    for user in ["one", "one", "two"] {
        post(&client, &url, &body(user)).await.unwrap();
    }
    let kept = endpoint.requests();
    assert_eq!(
        (kept.len(), endpoint.calls(), endpoint.connections()),
        (2, 3, 1)
    );
    assert_eq!(kept[0].line, "POST /v1/chat/completions");
    assert_eq!(
        kept[0].header("content-length"),
        Some(body("one").len().to_string().as_str())
    );
    assert_eq!(kept[0].json()["seed"], 7);
    assert!(kept[0].at < kept[1].at);
    assert_eq!(
        endpoint.calls_by_content()[&body("one")],
        Tally {
            asked: 2,
            answered: 2
        }
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_take_their_time_and_may_come_in_another_order() {
    let latency = Duration::from_millis(20);
    let endpoint = Endpoint::start(Behaviour {
        latency,
        answers: Answers::by(|asked| {
            let delay = Duration::from_millis(if asked.user() == "slow" { 1000 } else { 0 });
            Completion {
                delay,
                ..Completion::text(asked.user())
            }
            .into()
        }),
        ..Behaviour::default()
    });
    let timed = async |user| {
        let start = Instant::now();
        ask(&endpoint, user).await.unwrap();
        (start.elapsed(), Instant::now())
    };
    let (slow, fast) = tokio::join!(timed("slow"), timed("fast"));
    assert!(fast.0 >= latency && slow.0 >= Duration::from_millis(1020));
    assert!(fast.1 < slow.1);
}

#[test]
fn requests_in_pieces_and_ahead_of_their_turn_are_answered_in_order() {
    let endpoint = Endpoint::start(Behaviour {
        latency: Duration::from_millis(1),
        ..Behaviour::default()
    });
    let mut stream = TcpStream::connect(endpoint.origin().trim_start_matches("http://")).unwrap();
    let requests: String = ["one", "two"]
        .map(|user| {
            let body = body(user);
            format!(
                "POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
        })
        .concat();
    let (first, rest) = requests.split_at(20);
    stream.set_nodelay(true).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    stream.write_all(rest.as_bytes()).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut answers = String::new();
    while !answers.contains("\"two\"") {
        let mut bytes = [0; 4096];
        let length = stream.read(&mut bytes).unwrap();
        answers += str::from_utf8(&bytes[..length]).unwrap();
    }
    assert!(answers.find("\"one\"") < answers.find("\"two\""));
}

fn finished(finish: Finish) -> Answer {
    Completion {
        finish,
        ..Completion::text("so it ends")
    }
    .into()
}

fn body(user: &str) -> String {
    let messages =
        json!([{"role": "system", "content": "be brief"}, {"role": "user", "content": user}]);
    json!({"model": "m", "messages": messages, "seed": 7}).to_string()
}

/// Asks in OpenAI's format, on a new connection.
fn ask(
    endpoint: &Endpoint,
    user: &str,
) -> impl Future<Output = Result<(StatusCode, String), Error>> + use<> {
    let url = format!("{}/chat/completions", endpoint.url());
    let body = body(user);
    async move { post(&Client::new(), &url, &body).await }
}

async fn post(client: &Client, url: &str, body: &str) -> Result<(StatusCode, String), Error> {
    let response = client.post(url).body(body.to_owned()).send().await?;
    Ok((response.status(), response.text().await?))
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).expect("the endpoint answers with JSON")
}
