//! Requests meet implementations that others made: llama.cpp's server with a real model, and Prism with the document
//! of OpenAI's interface. `scripts/acceptance.sh` starts them; without their addresses these tests say so and pass.

use std::time::Duration;

use regauge::exchange::{Request, Response};
use regauge::provider::{self, HttpReply, Stream};
use serde_json::{Value, json};

/// The address in a variable; without one the test is passed over.
fn address(variable: &str) -> Option<String> {
    let found = std::env::var_os(variable)?;
    Some(found.into_string().expect("an address is text"))
}

/// A request with what it has beside a model and one question.
fn request(format: &str, model: &str, more: &Value) -> Request {
    let mut fields = json!({
        "provider": format,
        "alias": "m",
        "model": model,
        "messages": [
            {"role": "system", "text": "You are concise."},
            {"role": "user", "text": "What is the capital of Japan?"}
        ],
    });
    for (name, value) in more.as_object().unwrap() {
        fields[name] = value.clone();
    }
    serde_json::from_value(fields).unwrap()
}

/// Sends a request, as the program does, and reads the reply; the status and the words of a refusal where there is one.
fn ask(base_url: &str, request: &Request) -> Result<Response, String> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        assert_eq!(provider::unsupported(request), [""; 0]);
        let http = provider::encode(request, 1);
        let client = reqwest::Client::builder()
            .timeout(Duration::from_mins(3))
            .build()
            .unwrap();
        let mut sent = client.post(http.url(base_url)).bearer_auth("sk-none");
        for (name, value) in &http.headers {
            sent = sent.header(*name, value);
        }
        let reply = sent.body(http.body).send().await.unwrap();
        let status = reply.status();
        let headers = reply.headers().clone();
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut body = reply.bytes().await.unwrap().to_vec();
        if status.is_success()
            && let Some(mut stream) = Stream::of(request, header("content-type"))
        {
            stream.push(&body).unwrap();
            body = stream.finish().unwrap();
        }
        let reply = HttpReply {
            status: status.as_u16(),
            header: &header,
            body: &body,
            received_at: 0,
        };
        provider::decode(request, &reply)
            .map_err(|refusal| format!("{status}: {}", refusal.failure.message))
    })
}

fn weather() -> Value {
    json!([{
        "name": "get_weather", "description": "Weather of a city",
        "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
            "additionalProperties": false
        }
    }])
}

fn schema() -> Value {
    json!({"name": "place", "schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"],
        "additionalProperties": false
    }})
}

#[test]
fn a_real_server_answers_every_format_that_it_speaks_streamed_and_not() {
    let Some(base_url) = address("REGAUGE_LLAMA_URL") else {
        return;
    };
    let model = "smollm2-135m-instruct";
    for format in ["openai", "llama-cpp", "openai-responses", "anthropic"] {
        let format = if format == "llama-cpp" {
            "openai"
        } else {
            format
        };
        for stream in [false, true] {
            let params = json!({"max_tokens": 24, "temperature": 0, "stream": stream});
            let answer = ask(
                &base_url,
                &request(format, model, &json!({"params": params})),
            );
            let answer = answer.unwrap_or_else(|why| panic!("{format} {stream}: {why}"));
            assert!(
                answer.text.contains("Tokyo"),
                "{format} {stream}: {answer:?}"
            );
            assert!(
                answer.usage.total().is_some(),
                "{format} {stream}: {answer:?}"
            );
            let params = json!({"max_tokens": 80, "temperature": 0, "stream": stream});
            let more = json!({"params": params, "tools": weather()});
            let answer = ask(&base_url, &request(format, model, &more)).unwrap();
            let call = &answer.tool_calls[0];
            assert_eq!(call.name, "get_weather", "{format} {stream}: {answer:?}");
        }
    }
    for stream in [false, true] {
        let params = json!({"max_tokens": 8, "temperature": 0, "logprobs": true, "stream": stream});
        let answer = ask(
            &base_url,
            &request("openai", model, &json!({"params": params})),
        );
        let tokens = answer.unwrap().logprobs;
        let joined: String = tokens.iter().map(|token| token.token.as_str()).collect();
        assert!(joined.contains("Tokyo"), "{stream}: {tokens:?}");
    }
    let more = json!({"params": {"max_tokens": 60, "temperature": 0}, "schema": schema()});
    let answer = ask(&base_url, &request("openai", model, &more)).unwrap();
    let value: Value = serde_json::from_str(&answer.text).unwrap();
    assert!(value["city"].is_string(), "{answer:?}");
}

#[test]
fn a_real_server_makes_vectors() {
    let Some(base_url) = address("REGAUGE_EMBEDDINGS_URL") else {
        return;
    };
    let texts = [
        "A man is eating food.",
        "The market fell.",
        "A person eats a meal.",
    ];
    let messages = texts.map(|text| json!({"role": "user", "text": text}));
    let mut all = Vec::new();
    for encoding in ["float", "base64"] {
        let more = json!({
            "task": "embed", "messages": messages,
            "params": {"extra": {"encoding_format": encoding}}
        });
        let answer = ask(&base_url, &request("openai", "all-minilm-l6-v2", &more)).unwrap();
        assert_eq!(answer.vectors.len(), 3);
        all.push(answer.vectors);
    }
    let cosine = |one: usize, other: usize| -> f32 {
        let (one, other) = (all[1][one].numbers(), all[1][other].numbers());
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    };
    assert!(cosine(0, 2) > cosine(0, 1) + 0.3);
    let (float, base64) = (all[0][0].numbers(), all[1][0].numbers());
    let far = float.iter().zip(&base64).map(|(a, b)| (a - b).abs());
    assert!(far.fold(0.0, f32::max) < 1e-4);
}

/// Requests with all that these formats can carry.
#[expect(clippy::too_many_lines, reason = "it is data")]
fn rich_requests() -> Vec<(&'static str, Value)> {
    let conversation = json!([
        {"role": "system", "text": "Be short."},
        {"role": "user", "text": "Weather?"},
        {"role": "assistant", "text": "", "tool_calls": [
            {"id": "call_1", "name": "get_weather", "arguments": "{\"city\":\"Oslo\"}"}
        ]},
        {"role": "tool", "call_id": "call_1", "text": "{\"temp\":-3}"},
        {"role": "assistant", "text": "-3 degrees."},
        {"role": "user", "text": "And tomorrow?"}
    ]);
    let sampled = json!({"temperature": 0.5, "top_p": 0.9, "max_tokens": 9, "seed": 7, "stop": ["\n"],
        "frequency_penalty": 0.5, "presence_penalty": -0.5, "parallel_tool_calls": false,
        "logprobs": true, "extra": {"top_logprobs": 2, "user": "u", "store": false, "metadata": {"a": "b"}}});
    let some = json!({"logprobs": true, "max_tokens": 16, "temperature": 1, "top_p": 0.5});
    let effort = json!({"max_tokens": 99, "reasoning_effort": "low"});
    let shown = json!([{"role": "user", "text": "What is it?", "media": [
        {"kind": "image", "media_type": "image/png", "name": "a.png", "source": {"data": "QQ=="}},
        {"kind": "image", "media_type": "image/png", "name": "b.png", "source": {"url": "https://h.invalid/b.png"}},
        {"kind": "document", "media_type": "application/pdf", "name": "c.pdf", "source": {"data": "Qg=="}}
    ]}]);
    vec![
        (
            "openai",
            json!({"params": sampled, "tools": weather(), "tool_choice": "auto"}),
        ),
        (
            "openai",
            json!({"params": {"stream": true}, "messages": conversation, "tools": weather()}),
        ),
        ("openai", json!({"schema": schema(), "params": effort})),
        (
            "openai",
            json!({"tools": weather(), "tool_choice": {"named": "get_weather"}}),
        ),
        (
            "openai",
            json!({"tools": weather(), "tool_choice": "required"}),
        ),
        (
            "openai-responses",
            json!({"params": some, "messages": conversation, "tools": weather()}),
        ),
        (
            "openai-responses",
            json!({"params": effort, "schema": schema()}),
        ),
        (
            "openai-responses",
            json!({"params": {"stream": true}, "tools": weather(), "tool_choice": {"named": "get_weather"}}),
        ),
        ("openai", json!({"messages": shown, "params": some})),
        (
            "openai-responses",
            json!({"messages": shown, "params": some}),
        ),
        (
            "openai",
            json!({"task": "embed", "model": "text-embedding-3-small"}),
        ),
        (
            "openai",
            json!({"task": "moderate", "model": "omni-moderation-latest"}),
        ),
    ]
}

#[test]
fn prism_finds_nothing_wrong_with_requests_in_the_formats_of_openai() {
    let Some(base_url) = address("REGAUGE_PRISM_URL") else {
        return;
    };
    let mut refused = Vec::new();
    for (format, more) in rich_requests() {
        let request = request(format, "gpt-4o-mini", &more);
        // What Prism makes up need not be an answer; that it refuses nothing is what counts.
        if let Err(why) = ask(&base_url, &request)
            && !why.starts_with('2')
        {
            refused.push(format!("{format} {more}: {why}"));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    // And it does look: a temperature beyond all bounds is refused.
    let wrong = json!({"params": {"temperature": 9}});
    let why = ask(&base_url, &request("openai", "gpt-4o-mini", &wrong)).unwrap_err();
    assert!(why.starts_with('4'), "{why}");
}
