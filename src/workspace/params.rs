//! Sampling parameters, wherever they may stand.

use crate::document::Node;
use crate::exchange::Params;
use crate::shape::{Field, Shape};

/// Keys of sampling parameters.
pub const PARAMS: Shape = Shape::Record(&[
    Field::optional(
        "temperature",
        Shape::Number(0.0, 2.0),
        "sampling temperature; not sent unless set",
    ),
    Field::optional(
        "top_p",
        Shape::Number(0.0, 1.0),
        "share of probability mass to sample from",
    ),
    Field::optional("top_k", Shape::Count(1), "number of tokens to sample from"),
    Field::optional("max_tokens", Shape::Count(1), "most tokens of an answer"),
    Field::optional(
        "seed",
        Shape::Count(0),
        "what seeds are drawn from: each request and each trial sends another, and the same again",
    ),
    Field::optional(
        "stop",
        Shape::List(&Shape::Text),
        "texts that end the answer",
    ),
    Field::optional(
        "frequency_penalty",
        Shape::Number(-2.0, 2.0),
        "penalty on tokens by how often they occurred",
    ),
    Field::optional(
        "presence_penalty",
        Shape::Number(-2.0, 2.0),
        "penalty on tokens that occurred at all",
    ),
    Field::optional(
        "reasoning_effort",
        Shape::Text,
        "how much the model shall reason, in the endpoint's own words",
    ),
    Field::optional(
        "parallel_tool_calls",
        Shape::Bool,
        "whether several tools may be called in one turn",
    ),
    Field::optional(
        "logprobs",
        Shape::Bool,
        "whether it is kept how likely the tokens of the answer were (default false)",
    ),
    Field::optional(
        "stream",
        Shape::Bool,
        "whether answers are read while they are written, which tells the time to the first token (default false)",
    ),
    Field::optional(
        "extra",
        Shape::Map(&Shape::Any),
        "fields that go into the request body as they are",
    ),
]);

/// Sampling parameters of a node that was checked against [`PARAMS`].
pub fn read_params(node: Option<&Node>) -> Params {
    node.and_then(|node| serde_json::from_value(node.to_json()).ok())
        .unwrap_or_default()
}
