//! What a request may ask for that not every wire format and not every host can carry.

use super::media::Media;
use super::{Request, ToolChoice};

/// Something that a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// A sampling temperature.
    Temperature,
    /// A share of probability mass to sample from.
    TopP,
    /// A number of tokens to sample from.
    TopK,
    /// A limit on the tokens of the answer.
    MaxTokens,
    /// A seed.
    Seed,
    /// Texts that end the answer.
    Stop,
    /// A penalty on tokens by how often they occurred.
    FrequencyPenalty,
    /// A penalty on tokens that occurred at all.
    PresencePenalty,
    /// How much the model shall reason.
    ReasoningEffort,
    /// At most one call of a tool in a turn; that there may be several is what every format does unasked.
    OneToolAtATime,
    /// Tools.
    Tools,
    /// Tools whose arguments the endpoint holds to their schema.
    StrictTools,
    /// Tools that are on offer and must not be called.
    ForbiddenTools,
    /// Some tool that must be called.
    RequiredTool,
    /// A certain tool that must be called.
    NamedTool,
    /// A schema that the endpoint holds the answer to.
    Schema,
    /// An answer that is read while it is written.
    Stream,
    /// How likely tokens were.
    Logprobs,
    /// Images.
    Images,
    /// Images that the endpoint is to fetch.
    RemoteImages,
    /// Documents.
    Documents,
    /// Documents that the endpoint is to fetch.
    RemoteDocuments,
}

impl Feature {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Temperature,
        Self::TopP,
        Self::TopK,
        Self::MaxTokens,
        Self::Seed,
        Self::Stop,
        Self::FrequencyPenalty,
        Self::PresencePenalty,
        Self::ReasoningEffort,
        Self::OneToolAtATime,
        Self::Tools,
        Self::StrictTools,
        Self::ForbiddenTools,
        Self::RequiredTool,
        Self::NamedTool,
        Self::Schema,
        Self::Stream,
        Self::Logprobs,
        Self::Images,
        Self::RemoteImages,
        Self::Documents,
        Self::RemoteDocuments,
    ];

    /// What a person writes to ask for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Temperature => "`temperature`",
            Self::TopP => "`top_p`",
            Self::TopK => "`top_k`",
            Self::MaxTokens => "`max_tokens`",
            Self::Seed => "`seed`",
            Self::Stop => "`stop`",
            Self::FrequencyPenalty => "`frequency_penalty`",
            Self::PresencePenalty => "`presence_penalty`",
            Self::ReasoningEffort => "`reasoning_effort`",
            Self::OneToolAtATime => "`parallel_tool_calls: false`",
            Self::Tools => "`tools`",
            Self::StrictTools => "`strict` for tools",
            Self::ForbiddenTools => "`tool_choice: none`",
            Self::RequiredTool => "`tool_choice: required`",
            Self::NamedTool => "`tool_choice` of one tool",
            Self::Schema => "schema for the `output`",
            Self::Stream => "`stream: true`",
            Self::Logprobs => "`logprobs`",
            Self::Images => "images",
            Self::RemoteImages => "images by their address",
            Self::Documents => "documents",
            Self::RemoteDocuments => "documents by their address",
        }
    }

    /// Whether a request asks for it.
    pub fn is_in(self, request: &Request) -> bool {
        let params = &request.params;
        let choice = request.tool_choice.as_ref();
        match self {
            Self::Temperature => params.temperature.is_some(),
            Self::TopP => params.top_p.is_some(),
            Self::TopK => params.top_k.is_some(),
            Self::MaxTokens => params.max_tokens.is_some(),
            Self::Seed => params.seed.is_some(),
            Self::Stop => !params.stop.is_empty(),
            Self::FrequencyPenalty => params.frequency_penalty.is_some(),
            Self::PresencePenalty => params.presence_penalty.is_some(),
            Self::ReasoningEffort => params.reasoning_effort.is_some(),
            Self::OneToolAtATime => {
                params.parallel_tool_calls == Some(false) && !request.tools.is_empty()
            }
            Self::Tools => !request.tools.is_empty(),
            Self::StrictTools => request.tools.iter().any(|tool| tool.strict),
            Self::ForbiddenTools => choice == Some(&ToolChoice::None),
            Self::RequiredTool => choice == Some(&ToolChoice::Required),
            Self::NamedTool => matches!(choice, Some(ToolChoice::Named(_))),
            Self::Schema => request.schema.is_some(),
            Self::Stream => request.streams(),
            Self::Logprobs => params.logprobs == Some(true),
            Self::Images => has_media(request, Media::is_image),
            Self::RemoteImages => has_media(request, |it| it.is_image() && it.is_remote()),
            Self::Documents => has_media(request, |it| !it.is_image()),
            Self::RemoteDocuments => has_media(request, |it| !it.is_image() && it.is_remote()),
        }
    }

    /// One fragment for each of these features that a request asks for of `whom`, which has none of them.
    pub fn lacking(features: &[Self], request: &Request, whom: &str) -> Vec<String> {
        let asked = features.iter().filter(|feature| feature.is_in(request));
        asked
            .map(|feature| format!("{whom} has no {}", feature.name()))
            .collect()
    }
}

fn has_media(request: &Request, is_meant: impl Fn(&Media) -> bool) -> bool {
    let media = request.messages.iter().flat_map(super::Message::media);
    media.into_iter().any(is_meant)
}
