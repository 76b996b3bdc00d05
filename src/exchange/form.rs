//! What a wire format leaves open and the entry of a model says: part of a request, since it can change the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a wire format leaves open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The dated version of Azure's interface.
    ApiVersion(String),
    /// An interface of one's own over HTTP.
    Http(Box<HttpForm>),
    /// A program with its arguments.
    Command(Vec<String>),
}

/// How a JSON interface of one's own is spoken to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpForm {
    /// The body, in whose texts `{{ NAME }}` stands for what is asked.
    pub body: Map<String, Value>,
    /// Where the parts of an answer stand in the reply.
    pub answer: Pointers,
}

/// JSON pointers (RFC 6901) into a reply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pointers {
    /// The text of the answer.
    pub text: String,
    /// The reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The reason why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// The model as the endpoint names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The id of the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The tokens of the prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_tokens: Option<String>,
    /// The tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<String>,
    /// Of the tokens of the prompt, those read from a cache.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached_tokens: Option<String>,
    /// Of the tokens of the answer, those spent on reasoning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning_tokens: Option<String>,
    /// The message of an error; where something stands there, the reply is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Form {
    /// The form of an interface of one's own, where it is one.
    pub fn http(&self) -> Option<&HttpForm> {
        match self {
            Self::Http(form) => Some(form),
            Self::ApiVersion(_) | Self::Command(_) => None,
        }
    }
}
