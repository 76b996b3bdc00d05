//! Google Gemini, by its own interface and by Vertex AI.

use serde_json::{Map, Value, json};

use super::framing::Framing;
use super::stream::{Step, Streaming, list, part, take_over};
use super::turns::{self, Side};
use super::{Codec, Path, blank, count_at, embedding, logprobs, path_part, set, text_at};
use crate::exchange::feature::Feature;
use crate::exchange::media::{Media, MediaSource};
use crate::exchange::{Finish, Message, Request, Response, Tool, ToolCall, ToolChoice, Usage};

pub(super) const CODEC: Codec = Codec {
    lacks: &[Feature::OneToolAtATime, Feature::StrictTools],
    unsupported,
    path,
    body,
    response,
    streaming: Some(Streaming {
        framing: Framing::Sse,
        add,
    }),
};

pub(super) const EMBEDDING: Codec = Codec {
    lacks: Feature::ALL,
    unsupported: |_| Vec::new(),
    path: |request| Path {
        version: "/v1beta",
        rest: format!("/models/{}:batchEmbedContents", path_part(&request.model)),
        query: None,
    },
    body: |request, _| embedding_body(request),
    response: vectors,
    streaming: None,
};

/// A body for each text, each with the fields of `extra`.
fn embedding_body(request: &Request) -> Map<String, Value> {
    let requests = request.messages.iter().map(|message| {
        let mut one = Map::new();
        set(&mut one, "model", Some(format!("models/{}", request.model)));
        let content = json!({"parts": [{"text": message.text()}]});
        set(&mut one, "content", Some(content));
        one.extend(request.params.extra.clone());
        Value::Object(one)
    });
    let mut body = Map::new();
    set(&mut body, "requests", Some(requests.collect::<Value>()));
    body
}

fn vectors(body: &Value) -> Result<Response, &'static str> {
    let items = body.get("embeddings").and_then(Value::as_array);
    let items = items.ok_or("JSON without `embeddings`")?.iter();
    let vectors: Result<_, _> = items
        .map(|item| embedding::vector(item.get("values")))
        .collect();
    Ok(Response {
        vectors: vectors?,
        ..blank(Finish::Stop, None)
    })
}

fn path(request: &Request) -> Path {
    let (method, query) = if request.streams() {
        ("streamGenerateContent", Some("alt=sse".to_owned()))
    } else {
        ("generateContent", None)
    };
    Path {
        version: "/v1beta",
        rest: format!("/models/{}:{method}", path_part(&request.model)),
        query,
    }
}

fn unsupported(request: &Request) -> Vec<String> {
    let mut problems = turns::impossible(&request.messages);
    problems.extend(turns::unmatched_results(&request.messages));
    let config = request.params.extra.get("generationConfig");
    let count = config.and_then(|config| config.get("candidateCount"));
    if count.is_some_and(|count| *count != 1) {
        problems.push("is asked once: use `trials` in place of `candidateCount`".to_owned());
    }
    problems
}

fn body(request: &Request, repeat: u32) -> Map<String, Value> {
    let mut body = Map::new();
    let system: Vec<Value> = turns::system(&request.messages)
        .into_iter()
        .map(|text| json!({"text": text}))
        .collect();
    let system = (!system.is_empty()).then(|| json!({"parts": system}));
    set(&mut body, "systemInstruction", system);
    set(&mut body, "contents", Some(contents(&request.messages)));
    if !request.tools.is_empty() {
        let tools: Vec<Value> = request.tools.iter().map(tool).collect();
        let tools = json!([{"functionDeclarations": tools}]);
        set(&mut body, "tools", Some(tools));
        let choice = request.tool_choice.as_ref().map(choice);
        let config = choice.map(|choice| json!({"functionCallingConfig": choice}));
        set(&mut body, "toolConfig", config);
    }
    let config = config(request, repeat);
    let config = Some(config).filter(|config| !config.is_empty());
    set(&mut body, "generationConfig", config);
    body
}

fn config(request: &Request, repeat: u32) -> Map<String, Value> {
    let params = &request.params;
    let mut config = Map::new();
    set(&mut config, "temperature", params.temperature);
    set(&mut config, "topP", params.top_p);
    set(&mut config, "topK", params.top_k);
    set(&mut config, "seed", request.seed(repeat));
    set(&mut config, "maxOutputTokens", params.max_tokens);
    let stop = Some(params.stop.clone()).filter(|stop| !stop.is_empty());
    set(&mut config, "stopSequences", stop);
    set(&mut config, "presencePenalty", params.presence_penalty);
    set(&mut config, "frequencyPenalty", params.frequency_penalty);
    if let Some(schema) = &request.schema {
        set(&mut config, "responseMimeType", Some("application/json"));
        let schema = turns::described(schema);
        set(&mut config, "responseJsonSchema", Some(schema));
    }
    let asks = params.logprobs.filter(|asked| *asked);
    set(&mut config, "responseLogprobs", asks);
    let thinking = params.reasoning_effort.as_deref().map(thinking);
    set(&mut config, "thinkingConfig", thinking);
    config
}

/// A word is a level of thinking, a number a budget of tokens; models take one or the other.
fn thinking(effort: &str) -> Value {
    effort.parse::<i64>().map_or_else(
        |_| json!({"thinkingLevel": effort.to_ascii_uppercase()}),
        |budget| json!({"thinkingBudget": budget}),
    )
}

fn contents(messages: &[Message]) -> Vec<Value> {
    turns::turns(messages, |message| parts(message, messages))
        .into_iter()
        .map(|(side, parts)| {
            let role = match side {
                Side::User => "user",
                Side::Model => "model",
            };
            json!({"role": role, "parts": parts})
        })
        .collect()
}

fn parts(message: &Message, messages: &[Message]) -> Vec<Value> {
    match message {
        Message::System { text } => vec![json!({"text": text})],
        Message::User { text, media } => {
            let text = (media.is_empty() || !text.is_empty()).then(|| json!({"text": text}));
            media.iter().map(media_part).chain(text).collect()
        }
        Message::Assistant { text, tool_calls } => {
            let silent = text.is_empty() && !tool_calls.is_empty();
            let said = (!silent).then(|| json!({"text": text}));
            said.into_iter()
                .chain(tool_calls.iter().map(call))
                .collect()
        }
        Message::Tool { call_id, text } => {
            let name = turns::name_of(messages, call_id).unwrap_or_default();
            // What a tool gave back must be an object; this is Google's own name for a result that is none.
            let response = turns::object_in(text).unwrap_or_else(|| json!({"output": text}));
            let result = json!({"id": call_id, "name": name, "response": response});
            vec![json!({"functionResponse": result})]
        }
    }
}

fn media_part(media: &Media) -> Value {
    let kind = &media.media_type;
    match &media.source {
        MediaSource::Url(url) => json!({"fileData": {"mimeType": kind, "fileUri": url}}),
        MediaSource::Data(data) => json!({"inlineData": {"mimeType": kind, "data": data}}),
    }
}

fn call(call: &ToolCall) -> Value {
    let args = turns::arguments(call);
    json!({"functionCall": {"id": call.id, "name": call.name, "args": args}})
}

fn tool(tool: &Tool) -> Value {
    let mut wire = Map::new();
    set(&mut wire, "name", Some(tool.name.as_str()));
    set(&mut wire, "description", tool.description.as_deref());
    let parameters = tool.parameters.clone();
    set(&mut wire, "parametersJsonSchema", Some(parameters));
    wire.into()
}

fn choice(choice: &ToolChoice) -> Value {
    match choice {
        ToolChoice::Auto => json!({"mode": "AUTO"}),
        ToolChoice::None => json!({"mode": "NONE"}),
        ToolChoice::Required => json!({"mode": "ANY"}),
        ToolChoice::Named(name) => json!({"mode": "ANY", "allowedFunctionNames": [name]}),
    }
}

fn response(body: &Value) -> Result<Response, &'static str> {
    let served = |response: Response| Response {
        usage: usage(body),
        model: text_at(body, "/modelVersion"),
        request_id: text_at(body, "/responseId"),
        ..response
    };
    let Some(candidate) = body.pointer("/candidates/0") else {
        // The prompt was blocked before a model saw it.
        let reason = text_at(body, "/promptFeedback/blockReason");
        let reason = reason.ok_or("JSON without `candidates`")?;
        return Ok(served(blank(Finish::Filter, Some(reason))));
    };
    let finish_raw = text_at(candidate, "/finishReason");
    let parts = candidate
        .pointer("/content/parts")
        .and_then(Value::as_array);
    if parts.is_none() && finish_raw.is_none() {
        return Err("a candidate without `content`");
    }
    let mut response = served(blank(Finish::Other, None));
    for part in parts.into_iter().flatten() {
        read_part(part, &mut response)?;
    }
    let tokens = candidate.pointer("/logprobsResult/chosenCandidates");
    response.logprobs = logprobs(tokens, "token", "logProbability");
    let calls = !response.tool_calls.is_empty();
    response.finish = finish_raw
        .as_deref()
        .map_or(Finish::Other, |reason| finish(reason, calls));
    response.finish_raw = finish_raw;
    Ok(response)
}

/// Adds an event of a stream, which has the form of a whole body, to the body.
fn add(body: &mut Value, event: &mut Value) -> Result<Step, &'static str> {
    let names = [
        "usageMetadata",
        "modelVersion",
        "responseId",
        "promptFeedback",
    ];
    take_over(body, event, &names);
    let mut step = Step::saying(false);
    if let Some(candidate) = event.pointer_mut("/candidates/0") {
        let ours = part(list(body, "candidates"), None)?;
        take_over(ours, candidate, &["finishReason"]);
        step.whole = ours.get("finishReason").is_some();
        let tokens = candidate.pointer_mut("/logprobsResult/chosenCandidates");
        if let Some(Value::Array(tokens)) = tokens {
            list(&mut ours["logprobsResult"], "chosenCandidates").append(tokens);
        }
        if let Some(Value::Array(parts)) = candidate.pointer_mut("/content/parts") {
            let says = |part: &Value| {
                let text = part.get("text").and_then(Value::as_str);
                part.get("functionCall").is_some() || text.is_some_and(|text| !text.is_empty())
            };
            step.said = parts.iter().any(says);
            list(&mut ours["content"], "parts").append(parts);
        }
    }
    step.whole |= body.pointer("/promptFeedback/blockReason").is_some();
    Ok(step)
}

/// Adds one part to the response: reasoning is marked, and other kinds, such as code that ran there, are no answer.
fn read_part(part: &Value, response: &mut Response) -> Result<(), &'static str> {
    let is_thought = part.get("thought").is_some_and(|thought| *thought == true);
    if let Some(text) = part.get("text").and_then(Value::as_str) {
        if is_thought {
            *response.reasoning.get_or_insert_default() += text;
        } else {
            response.text += text;
        }
    }
    if let Some(call) = part.get("functionCall") {
        response.tool_calls.push(ToolCall {
            id: text_at(call, "/id").unwrap_or_default(),
            name: text_at(call, "/name").ok_or("a tool call without a name")?,
            arguments: call
                .get("args")
                .map_or_else(|| "{}".to_owned(), Value::to_string),
        });
    }
    Ok(())
}

fn finish(reason: &str, calls: bool) -> Finish {
    match reason {
        "STOP" if calls => Finish::ToolCalls,
        "STOP" => Finish::Stop,
        "MAX_TOKENS" => Finish::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE" => {
            Finish::Filter
        }
        image if image.starts_with("IMAGE_") => Finish::Filter,
        _ => Finish::Other,
    }
}

/// The counts. What was thought is not among the candidates' tokens here. A count of zero is left out, so that one that
/// is not there is known where the total is.
fn usage(body: &Value) -> Usage {
    let count = |name: &str| count_at(body, &format!("/usageMetadata/{name}"));
    let prompt = count("promptTokenCount");
    let input = prompt.map(|prompt| prompt + count("toolUsePromptTokenCount").unwrap_or(0));
    let (said, thought) = (count("candidatesTokenCount"), count("thoughtsTokenCount"));
    let output = match (said, thought) {
        (None, None) => count("totalTokenCount")
            .zip(input)
            .and_then(|(total, input)| total.checked_sub(input)),
        (said, thought) => Some(said.unwrap_or(0) + thought.unwrap_or(0)),
    };
    Usage {
        input,
        cache_read: count("cachedContentTokenCount"),
        cache_write: None,
        output,
        reasoning: thought,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{
        normal, recorded, request as neutral_request, sent, weather, with_drawn_seed,
    };
    use super::super::{auth, bearer, encode, unsupported as problems};
    use super::*;
    use crate::exchange::WireFormat;
    use crate::secret::Secret;

    fn request(mut neutral: Value) -> Request {
        neutral["provider"] = "gemini".into();
        if neutral.get("model").is_none() {
            neutral["model"] = "gemini-2.5-flash".into();
        }
        neutral_request(neutral)
    }

    /// A tool that nothing is said of.
    fn plain_weather() -> Value {
        let mut tools = weather();
        tools[0]["description"] = Value::Null;
        tools
    }

    /// The neutral form of the recorded request of that name.
    fn neutral(name: &str, body: &Value) -> Request {
        request(match name {
            "text" => json!({
                "messages": [
                    {"role": "system", "text": "Answer in one word."},
                    {"role": "user", "text": "What is the capital of Japan?"}
                ],
                "params": {
                    "temperature": 0, "top_p": 1, "top_k": 40, "seed": 7, "max_tokens": 64, "stop": ["\n"],
                    "reasoning_effort": "0",
                    "extra": {
                        "generationConfig": {"candidateCount": 1},
                        "safetySettings": body["safetySettings"]
                    }
                }
            }),
            "json-schema" => json!({
                "messages": [
                    {"role": "user", "text": "Maria moved to Lisbon in 2014. Give city and year."}
                ],
                "params": {"extra": {"generationConfig": body["generationConfig"]}}
            }),
            "thinking" => json!({
                "model": "gemini-3-pro-preview",
                "messages": [{"role": "user", "text": "How many primes are below 100?"}],
                "params": {
                    "reasoning_effort": "low",
                    "extra": {"generationConfig": {"thinkingConfig": {"includeThoughts": true}}}
                }
            }),
            "stream" => json!({
                "messages": [{"role": "user", "text": "What is the capital of Japan?"}],
                "params": {"stream": true}
            }),
            "tools" => json!({
                "messages": [{"role": "user", "text": "What is the weather in Oslo?"}],
                "tools": weather(),
                "tool_choice": {"named": "get_weather"}
            }),
            "tool-result" => json!({
                "messages": [
                    {"role": "user", "text": "What is the weather in Oslo?"},
                    {"role": "assistant", "text": "", "tool_calls": [{
                        "id": "fc1", "name": "get_weather",
                        "arguments": "{\"city\":\"Oslo\",\"unit\":\"celsius\"}"
                    }]},
                    {"role": "tool", "call_id": "fc1", "text": "{\"temp\":-3}"}
                ],
                "tools": plain_weather()
            }),
            other => panic!("no neutral form of {other}"),
        })
    }

    /// A body without the signatures of thoughts, which belong to calls that the model made and a prompt has none of.
    fn unsigned(value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(unsigned).collect(),
            Value::Object(fields) => fields
                .iter()
                .filter(|(key, _)| *key != "thoughtSignature")
                .map(|(key, value)| (key.clone(), unsigned(value)))
                .collect(),
            _ => normal(value),
        }
    }

    #[test]
    fn recorded_requests_are_what_is_sent() {
        for (name, file) in recorded("gemini", ".request.json") {
            let request = neutral(&name, &file["body"]);
            let base = "https://generativelanguage.googleapis.com";
            let url = encode(&request, 1).url(base);
            let query = file["query"].as_str().map(|query| format!("?{query}"));
            let path = file["path"].as_str().unwrap().to_owned() + &query.unwrap_or_default();
            assert_eq!(url.strip_prefix(base), Some(path.as_str()), "{name}");
            let (header, value) = auth(WireFormat::Gemini, &Secret::new("AIza-test".into()));
            assert_eq!(file["headers"][header], value, "{name}");
            assert_eq!(
                unsigned(&sent(&request)),
                unsigned(&with_drawn_seed(&request, &file["body"])),
                "{name}"
            );
            assert_eq!(problems(&request), [""; 0], "{name}");
        }
    }

    #[test]
    fn vertex_names_the_version_and_the_publisher_in_its_base_url() {
        let base = "https://h/v1/projects/p/locations/l/publishers/google";
        let url = encode(&neutral("thinking", &json!({})), 1).url(base);
        assert_eq!(
            url,
            format!("{base}/models/gemini-3-pro-preview:generateContent")
        );
        assert_eq!(
            bearer(&Secret::new("ya29".into())),
            ("authorization", "Bearer ya29".into())
        );
        let other = encode(&neutral("thinking", &json!({})), 1).url("https://h/v1");
        assert_eq!(
            other,
            "https://h/v1/models/gemini-3-pro-preview:generateContent"
        );
    }

    #[test]
    fn a_schema_goes_as_json_schema_and_a_result_that_is_no_object_into_one() {
        let body = sent(&request(json!({
            "messages": [
                {"role": "user", "text": "a"},
                {"role": "assistant", "text": "I look.", "tool_calls": [
                    {"id": "c", "name": "f", "arguments": ""}
                ]},
                {"role": "tool", "call_id": "c", "text": "4 degrees"},
                {"role": "user", "text": "b"}
            ],
            "tools": [{"name": "f", "parameters": {}}],
            "tool_choice": "none",
            "schema": {"name": "s", "description": "A move", "schema": {"type": "object"}},
        })));
        insta::assert_snapshot!(serde_json::to_string(&body["contents"]).unwrap(), @r#"[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"I look."},{"functionCall":{"id":"c","name":"f","args":{}}}]},{"role":"user","parts":[{"functionResponse":{"id":"c","name":"f","response":{"output":"4 degrees"}}},{"text":"b"}]}]"#);
        insta::assert_snapshot!(body["generationConfig"].to_string(), @r#"{"responseMimeType":"application/json","responseJsonSchema":{"type":"object","description":"A move"}}"#);
        insta::assert_snapshot!(body["toolConfig"].to_string(), @r#"{"functionCallingConfig":{"mode":"NONE"}}"#);
    }

    #[test]
    fn what_the_format_cannot_carry_is_named_before_the_first_call() {
        let found = problems(&request(json!({
            "messages": [
                {"role": "user", "text": "a"},
                {"role": "tool", "call_id": "c9", "text": "1"}
            ],
            "tools": [{"name": "f", "parameters": {}, "strict": true}],
            "params": {
                "parallel_tool_calls": false,
                "extra": {"generationConfig": {"candidateCount": 2}}
            },
        })));
        insta::assert_snapshot!(found.join("\n"), @r"
        the format gemini has no `parallel_tool_calls: false`
        the format gemini has no `strict` for tools
        the format gemini needs the call that the tool result `c9` answers
        the format gemini is asked once: use `trials` in place of `candidateCount`
        ");
    }
}
