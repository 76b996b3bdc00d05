//! Conversations for the formats that keep instructions apart and let two roles take turns.

use serde_json::{Value, json};

use crate::exchange::{Message, OutputSchema, ToolCall};

/// What of a conversation such a format cannot carry.
pub(super) fn impossible(messages: &[Message]) -> Vec<String> {
    let mut problems = Vec::new();
    let is_system = |message: &Message| matches!(message, Message::System { .. });
    let first_turn = messages.iter().position(|message| !is_system(message));
    match first_turn {
        None => problems.push("needs a user message".to_owned()),
        Some(first) if messages[first..].iter().any(is_system) => {
            problems.push("has no system message after the first user message".to_owned());
        }
        Some(_) => {}
    }
    problems.extend(unreadable_arguments(messages));
    problems
}

/// Calls whose arguments are no object, which a format that has them as a value cannot carry.
pub(super) fn unreadable_arguments(messages: &[Message]) -> impl Iterator<Item = String> {
    let calls = messages.iter().flat_map(calls_of);
    let wrong = calls.filter(|call| !arguments(call).is_object());
    wrong.map(|call| {
        format!(
            "needs a JSON object as arguments of the tool call `{}`",
            call.id
        )
    })
}

/// The calls of tools in a turn.
pub(super) fn calls_of(message: &Message) -> &[ToolCall] {
    match message {
        Message::Assistant { tool_calls, .. } => tool_calls,
        Message::System { .. } | Message::User { .. } | Message::Tool { .. } => &[],
    }
}

/// The name of the tool that the call with this id called.
pub(super) fn name_of<'a>(messages: &'a [Message], call_id: &str) -> Option<&'a str> {
    let mut calls = messages.iter().flat_map(calls_of);
    let call = calls.find(|call| call.id == call_id)?;
    Some(&call.name)
}

/// The instructions, in order.
pub(super) fn system(messages: &[Message]) -> Vec<&str> {
    let texts = messages.iter().filter_map(|message| match message {
        Message::System { text } => Some(text.as_str()),
        Message::User { .. } | Message::Assistant { .. } | Message::Tool { .. } => None,
    });
    texts.collect()
}

/// Who speaks in a turn: what tools give back comes from the user's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The user and the tools.
    User,
    /// The model.
    Model,
}

/// The conversation as turns that alternate: neighbours of one side become parts of one turn.
pub(super) fn turns(
    messages: &[Message],
    parts_of: impl Fn(&Message) -> Vec<Value>,
) -> Vec<(Side, Vec<Value>)> {
    let mut turns: Vec<(Side, Vec<Value>)> = Vec::new();
    for message in messages {
        let side = match message {
            Message::System { .. } => continue,
            Message::User { .. } | Message::Tool { .. } => Side::User,
            Message::Assistant { .. } => Side::Model,
        };
        let parts = parts_of(message);
        match turns.last_mut() {
            Some((last, merged)) if *last == side => merged.extend(parts),
            _ => turns.push((side, parts)),
        }
    }
    turns
}

/// The arguments as a value. A text that is no JSON stays text, which the endpoint refuses aloud.
pub(super) fn arguments(call: &ToolCall) -> Value {
    match call.arguments.as_str() {
        "" => json!({}),
        text => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

/// The arguments of a call that stand as a value; a text is what a stream brought and is no JSON.
pub(super) fn written(input: Option<&Value>) -> String {
    match input {
        Some(Value::String(raw)) => raw.clone(),
        input => input.map(Value::to_string).unwrap_or_default(),
    }
}

/// The arguments of a call whose pieces came one after the other: JSON as a rule, and an object where there are none.
pub(super) fn joined(pieces: &Value) -> Value {
    match pieces.as_str() {
        None => json!({}),
        Some(text) => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
    }
}

/// A text as the object that it holds, if it holds one.
pub(super) fn object_in(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    value.is_object().then_some(value)
}

/// The schema with its description inside, for formats that have no other place for it. The name is only a label.
pub(super) fn described(schema: &OutputSchema) -> Value {
    let mut wire = schema.schema.clone();
    if let (Some(fields), Some(description)) = (wire.as_object_mut(), &schema.description) {
        fields
            .entry("description")
            .or_insert_with(|| description.as_str().into());
    }
    wire
}

/// Results of tools whose calls are not there, for formats that name the tool beside its result.
pub(super) fn unmatched_results(messages: &[Message]) -> impl Iterator<Item = String> {
    messages.iter().filter_map(|message| match message {
        Message::Tool { call_id, .. } if name_of(messages, call_id).is_none() => Some(format!(
            "needs the call that the tool result `{call_id}` answers"
        )),
        _ => None,
    })
}
