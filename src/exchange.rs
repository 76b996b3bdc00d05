//! What is asked of a model and what comes back, neutral to any wire format.
//!
//! An [`Exchange`] is one request with its response or failure. It is addressed by the digest of the request and the
//! repeat number; the digest covers all that can change the answer and nothing else: no key, no address, no timeout.

pub mod feature;
pub mod form;
pub mod logprob;
pub mod media;
mod outcome;
pub mod task;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::stats::rng::SplitMix64;
pub use outcome::Outcome;

use crate::units::Cost;
use form::Form;
use logprob::TokenLogprob;
use media::Media;
use task::{Judgement, Task, Vector};

/// A wire format that Regauge speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WireFormat {
    /// OpenAI-style chat completions, which most servers offer.
    Openai,
    /// Anthropic messages.
    Anthropic,
    /// OpenAI responses.
    OpenaiResponses,
    /// OpenAI chat completions as Azure serves them.
    AzureOpenai,
    /// Google Gemini, by its own interface and by Vertex AI.
    Gemini,
    /// Ollama's own chat interface.
    Ollama,
    /// Mistral chat completions.
    Mistral,
    /// Cohere chat, version 2.
    Cohere,
    /// AWS Bedrock Converse.
    Bedrock,
    /// A JSON interface of one's own.
    Http,
    /// A local program.
    Command,
}

impl WireFormat {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Openai,
        Self::Anthropic,
        Self::OpenaiResponses,
        Self::AzureOpenai,
        Self::Gemini,
        Self::Ollama,
        Self::Mistral,
        Self::Cohere,
        Self::Bedrock,
        Self::Http,
        Self::Command,
    ];

    /// Its name in files and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::OpenaiResponses => "openai-responses",
            Self::AzureOpenai => "azure-openai",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
            Self::Mistral => "mistral",
            Self::Cohere => "cohere",
            Self::Bedrock => "bedrock",
            Self::Http => "http",
            Self::Command => "command",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "lowercase", deny_unknown_fields)]
pub enum Message {
    /// Instructions that stand above the conversation.
    System {
        /// The text.
        text: String,
    },
    /// What the user says.
    User {
        /// The text.
        text: String,
        /// What goes with it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        media: Vec<Media>,
    },
    /// What the model said.
    Assistant {
        /// The text; may be empty beside tool calls.
        text: String,
        /// The tools that it called.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        tool_calls: Vec<ToolCall>,
    },
    /// What a tool that the model called gave back.
    Tool {
        /// The id of the call that this answers.
        call_id: String,
        /// The result as text.
        text: String,
    },
}

/// A tool that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tool {
    /// Its name: letters, digits, `_` and `-`.
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON Schema of its arguments.
    pub parameters: Value,
    /// Whether the endpoint shall hold the arguments to the schema.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub strict: bool,
}

/// Which tool the model shall call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// Any, but one it must be.
    Required,
    /// The one of this name.
    Named(String),
}

/// A JSON Schema that the endpoint shall hold the answer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSchema {
    /// A name for it: letters, digits, `_` and `-`.
    pub name: String,
    /// What it describes, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The schema.
    pub schema: Value,
}

/// Sampling parameters; what is `None` is not sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {
    /// Sampling temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Share of probability mass to sample from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Number of tokens to sample from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u64>,
    /// Most tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// What the seeds that are sent are drawn from, for each request and repeat another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Texts that end the answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Penalty on tokens by how often they occurred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f64>,
    /// Penalty on tokens that occurred at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f64>,
    /// How much the model shall reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_effort: Option<String>,
    /// Whether several tools may be called in one turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Whether it is said how likely the tokens of the answer were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Whether the answer is read while it is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
    /// Fields that go into the body as they are.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

impl Params {
    /// These parameters, with those that `other` sets put over them.
    #[must_use]
    pub fn overridden_by(&self, other: &Self) -> Self {
        let mut extra = self.extra.clone();
        extra.extend(other.extra.clone());
        Self {
            temperature: other.temperature.or(self.temperature),
            top_p: other.top_p.or(self.top_p),
            top_k: other.top_k.or(self.top_k),
            max_tokens: other.max_tokens.or(self.max_tokens),
            seed: other.seed.or(self.seed),
            stop: if other.stop.is_empty() {
                self.stop.clone()
            } else {
                other.stop.clone()
            },
            frequency_penalty: other.frequency_penalty.or(self.frequency_penalty),
            presence_penalty: other.presence_penalty.or(self.presence_penalty),
            reasoning_effort: other
                .reasoning_effort
                .clone()
                .or_else(|| self.reasoning_effort.clone()),
            parallel_tool_calls: other.parallel_tool_calls.or(self.parallel_tool_calls),
            logprobs: other.logprobs.or(self.logprobs),
            stream: other.stream.or(self.stream),
            extra,
        }
    }
}

/// One call as a person would describe it: all that can change the answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The wire format.
    pub provider: WireFormat,
    /// The alias of the model in `regauge.yaml`.
    pub alias: String,
    /// The model id that the endpoint is asked for.
    pub model: String,
    /// What is asked for.
    #[serde(default, skip_serializing_if = "Task::is_chat")]
    pub task: Task,
    /// The conversation so far; or, one text a message, what is turned into vectors, judged or scored.
    pub messages: Vec<Message>,
    /// The tools on offer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Tool>,
    /// Which of them shall be called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// The form that the answer shall have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<OutputSchema>,
    /// Sampling parameters.
    #[serde(default)]
    pub params: Params,
    /// What the wire format leaves open and the entry of the model says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub form: Option<Form>,
}

impl Request {
    /// Whether the answer is asked for as a stream.
    pub fn streams(&self) -> bool {
        self.params.stream == Some(true)
    }

    /// The seed to send for the `repeat`-th time, below 2^31, which every endpoint takes. It is drawn from the seed of the
    /// parameters and the digest of the request: with one seed for all cases of a repeat, a draw that is unlucky for one
    /// is unlucky for all, and trials of different cases were no separate draws.
    pub fn seed(&self, repeat: u32) -> Option<u64> {
        let seed = self.params.seed?;
        let mut draws = SplitMix64::new(seed, &format!("{}:{repeat}", Digest::of(self)));
        Some(draws.next_u64() >> 33)
    }

    /// An estimate of the tokens of the prompt, made before the endpoint has counted them: four bytes a token.
    pub fn estimated_input_tokens(&self) -> u64 {
        let bytes: usize = self
            .messages
            .iter()
            .map(|message| message.text().len() + 8)
            .sum();
        let tools: usize = self
            .tools
            .iter()
            .map(|tool| tool.parameters.to_string().len())
            .sum();
        (bytes + tools).div_ceil(4) as u64
    }
}

impl Message {
    /// The text of the turn.
    pub fn text(&self) -> &str {
        match self {
            Self::System { text }
            | Self::User { text, .. }
            | Self::Assistant { text, .. }
            | Self::Tool { text, .. } => text,
        }
    }

    /// The images and documents that go with it.
    pub fn media(&self) -> &[Media] {
        match self {
            Self::User { media, .. } => media,
            Self::System { .. } | Self::Assistant { .. } | Self::Tool { .. } => &[],
        }
    }

    /// The place for images and documents, in a turn that can have them.
    pub fn media_mut(&mut self) -> Option<&mut Vec<Media>> {
        match self {
            Self::User { media, .. } => Some(media),
            Self::System { .. } | Self::Assistant { .. } | Self::Tool { .. } => None,
        }
    }

    /// The name of its role.
    pub fn role(&self) -> &'static str {
        match self {
            Self::System { .. } => "system",
            Self::User { .. } => "user",
            Self::Assistant { .. } => "assistant",
            Self::Tool { .. } => "tool",
        }
    }
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The endpoint's id of this call.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// Its arguments as the model wrote them: JSON as a rule, but not always.
    pub arguments: String,
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model was done.
    Stop,
    /// It wrote a text that was given as a stop.
    StopSequence,
    /// It reached the token limit.
    Length,
    /// It called tools.
    ToolCalls,
    /// It refused.
    Refusal,
    /// A content filter cut it.
    Filter,
    /// Something else; [`Response::finish_raw`] has the endpoint's word.
    Other,
}

impl Finish {
    /// The names that the scorer `finish-reason` takes.
    pub const NAMES: &[&str] = &[
        "stop",
        "stop-sequence",
        "length",
        "tool-calls",
        "refusal",
        "filter",
        "other",
    ];

    /// Its name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopSequence => "stop-sequence",
            Self::Length => "length",
            Self::ToolCalls => "tool-calls",
            Self::Refusal => "refusal",
            Self::Filter => "filter",
            Self::Other => "other",
        }
    }
}

/// Tokens that the endpoint counted. What it did not say is `None`, which is unknown and not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// The whole prompt, cached parts included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Of these, read from the endpoint's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<u64>,
    /// Of these, written to the endpoint's cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// The answer, reasoning included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<u64>,
    /// Of these, spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

impl Usage {
    /// Prompt and answer together, where both are known.
    pub fn total(&self) -> Option<u64> {
        Some(self.input?.saturating_add(self.output?))
    }
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The text of the answer; empty where there is none.
    pub text: String,
    /// The tools that it called, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// The text of a refusal that the endpoint marked as one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// Reasoning that the endpoint showed; never part of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// How likely its tokens were, where that was asked and is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<TokenLogprob>,
    /// A vector for each text, in their order, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vectors: Vec<Vector>,
    /// A judgement of each text, in their order, where that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judgements: Vec<Judgement>,
    /// Why it ended.
    pub finish: Finish,
    /// The endpoint's own word for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_raw: Option<String>,
    /// Tokens.
    #[serde(default)]
    pub usage: Usage,
    /// The model as the endpoint named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The endpoint's fingerprint of what served the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The endpoint's id of the call, for questions to its operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

impl Response {
    /// An answer of this text that ended by itself, of which nothing else is known.
    pub fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tool_calls: Vec::new(),
            refusal: None,
            reasoning: None,
            logprobs: Vec::new(),
            vectors: Vec::new(),
            judgements: Vec::new(),
            finish: Finish::Stop,
            finish_raw: None,
            usage: Usage::default(),
            model: None,
            fingerprint: None,
            request_id: None,
        }
    }

    /// Every text that the endpoint wrote.
    pub fn texts_mut(&mut self) -> impl Iterator<Item = &mut String> {
        let calls = self.tool_calls.iter_mut();
        let calls = calls.flat_map(|call| [&mut call.id, &mut call.name, &mut call.arguments]);
        let others = [
            &mut self.refusal,
            &mut self.reasoning,
            &mut self.finish_raw,
            &mut self.model,
            &mut self.fingerprint,
            &mut self.request_id,
        ];
        let others = others.into_iter().filter_map(Option::as_mut);
        std::iter::once(&mut self.text).chain(calls).chain(others)
    }

    /// How a trial with this answer ended.
    pub fn outcome(&self) -> Outcome {
        match self.finish {
            Finish::Refusal => Outcome::Refused,
            Finish::Length => Outcome::Truncated,
            Finish::Filter => Outcome::Filtered,
            _ if self.refusal.is_some() => Outcome::Refused,
            _ => Outcome::Ok,
        }
    }
}

/// Why an attempt gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No connection, or one that broke before the whole answer was there.
    Transport,
    /// The time limit ran out.
    Timeout,
    /// The endpoint said that it gets too much.
    RateLimited,
    /// The endpoint failed, by its own word.
    Server,
    /// The endpoint refused the request: a wrong key, an unknown model, a parameter that it does not know.
    Rejected,
    /// What came back is not what the wire format says.
    Unparseable,
}

/// An attempt that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// What kind it is.
    pub kind: FailureKind,
    /// The HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The reason in words, the endpoint's own where it gave one.
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
}

impl Failure {
    /// How a trial ends whose last attempt failed so.
    pub fn outcome(&self) -> Outcome {
        match self.kind {
            FailureKind::Timeout => Outcome::Timeout,
            FailureKind::RateLimited => Outcome::RateLimited,
            FailureKind::Unparseable => Outcome::Unparseable,
            FailureKind::Transport | FailureKind::Server | FailureKind::Rejected => {
                Outcome::ProviderError
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(status) = self.status {
            write!(f, "HTTP {status}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// How a request was answered, if at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// With a response.
    Response(Box<Response>),
    /// Not, and for this reason.
    Failure(Failure),
}

impl Reply {
    /// How a trial with this reply ended.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Response(response) => response.outcome(),
            Self::Failure(failure) => failure.outcome(),
        }
    }

    /// The response, if there is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Self::Response(response) => Some(response),
            Self::Failure(_) => None,
        }
    }

    /// The same, taken out.
    pub fn into_response(self) -> Option<Response> {
        match self {
            Self::Response(response) => Some(*response),
            Self::Failure(_) => None,
        }
    }
}

/// A request with its digest, which is made once and used for every repeat.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Its digest.
    pub digest: Digest,
}

impl Call {
    /// Digests a request.
    pub fn new(request: Request) -> Self {
        let digest = Digest::of(&request);
        Self { request, digest }
    }

    /// The address of the exchange that answers this request for the `repeat`-th time (counted from 1).
    pub fn address(&self, repeat: u32) -> Digest {
        address(self.digest, repeat)
    }
}

/// The address of an exchange: the digest of the digest of its request and of the number of its repeat.
pub fn address(request: Digest, repeat: u32) -> Digest {
    #[derive(Serialize)]
    struct Address {
        repeat: u32,
        request: Digest,
    }
    Digest::of(&Address { repeat, request })
}

/// One request with its reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Exchange {
    /// What was asked.
    pub call: Arc<Call>,
    /// Which repeat of the request this is, counted from 1.
    pub repeat: u32,
    /// What came back.
    pub answer: Answered,
    /// What was paid for it now, where that is known.
    pub cost: Option<Cost>,
}

impl Exchange {
    /// Its address.
    pub fn address(&self) -> Digest {
        self.call.address(self.repeat)
    }
}

/// A reply with what is known of how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The reply.
    pub reply: Reply,
    /// Attempts that were made, the one that answered included.
    pub attempts: u32,
    /// Milliseconds from the sending of the last attempt to the end of its reply, without any waiting in a queue; `None`
    /// for an answer of a batch, which has no time of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// Of these, until the first piece of a streamed answer was there; `None` where it was not streamed or is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// When the last attempt was sent: milliseconds since 1970, UTC.
    pub sent_at: i64,
    /// Whether it came with a batch, at the price of batches.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub batch: bool,
}
