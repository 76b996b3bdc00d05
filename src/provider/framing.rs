//! Where one event of a stream ends and the next begins: server-sent events, JSON lines, and the event stream of AWS.
//!
//! The pieces of a body may end anywhere, in the middle of a character too. What is kept between them is one event.

use serde_json::{Value, json};

/// Bytes of one message of the event stream of AWS; AWS itself sends none above 16 MiB.
const LONGEST_MESSAGE: usize = 16 * 1024 * 1024;
/// Bytes around the headers and the payload of such a message.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

/// How events are marked off from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `text/event-stream`, as the HTML standard has it.
    Sse,
    /// One JSON value a line.
    Lines,
    /// `application/vnd.amazon.eventstream`.
    Aws,
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// Its content.
    Json(Value),
    /// The word of OpenAI that nothing more comes.
    Done,
}

/// What is cut into events.
#[derive(Debug)]
pub(super) struct Reader {
    framing: Framing,
    /// The line, or the message, that has begun.
    open: Vec<u8>,
    /// The data lines of the event that has begun.
    data: Option<Vec<u8>>,
    /// Whether the last byte was a carriage return, whose line feed may still come.
    after_return: bool,
    is_first_line: bool,
}

impl Reader {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            open: Vec::new(),
            data: None,
            after_return: false,
            is_first_line: true,
        }
    }

    /// The events that these bytes end.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, &'static str> {
        let mut events = Vec::new();
        if self.framing == Framing::Aws {
            self.open.extend_from_slice(bytes);
            self.messages(&mut events)?;
            return Ok(events);
        }
        for &byte in bytes {
            let is_end = matches!(byte, b'\n' | b'\r');
            let ends_the_same = byte == b'\n' && self.after_return;
            self.after_return = byte == b'\r';
            if !is_end {
                self.open.push(byte);
            } else if !ends_the_same {
                events.extend(self.line()?);
            }
        }
        Ok(events)
    }

    /// The event that the end of the body ends, if there is one.
    pub(super) fn finish(mut self) -> Result<Option<Event>, &'static str> {
        match self.framing {
            Framing::Aws if self.open.is_empty() => Ok(None),
            Framing::Aws => Err("a stream that ends within a message"),
            Framing::Lines => self.line(),
            Framing::Sse => {
                let ended = self.line()?;
                match ended {
                    Some(event) => Ok(Some(event)),
                    None => self.data.take().map(|data| event(&data)).transpose(),
                }
            }
        }
    }

    fn line(&mut self) -> Result<Option<Event>, &'static str> {
        let mut line = std::mem::take(&mut self.open);
        if std::mem::take(&mut self.is_first_line) && line.starts_with(b"\xef\xbb\xbf") {
            line.drain(..3);
        }
        if self.framing == Framing::Lines {
            let is_blank = line.iter().all(u8::is_ascii_whitespace);
            return if is_blank {
                Ok(None)
            } else {
                event(&line).map(Some)
            };
        }
        if line.is_empty() {
            return self.data.take().map(|data| event(&data)).transpose();
        }
        // Other fields name and number events, and a line that begins with a colon keeps the connection alive.
        if let Some(value) = line.strip_prefix(b"data") {
            let value = match value {
                [] => value,
                [b':', b' ', rest @ ..] | [b':', rest @ ..] => rest,
                _ => return Ok(None),
            };
            match &mut self.data {
                Some(data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                }
                data @ None => *data = Some(value.to_vec()),
            }
        }
        Ok(None)
    }

    fn messages(&mut self, events: &mut Vec<Event>) -> Result<(), &'static str> {
        let mut start = 0;
        while let Some((message, length)) = first_message(&self.open[start..])? {
            events.push(Event::Json(message));
            start += length;
        }
        self.open.drain(..start);
        Ok(())
    }
}

fn event(data: &[u8]) -> Result<Event, &'static str> {
    if data.trim_ascii() == b"[DONE]" {
        return Ok(Event::Done);
    }
    let value = serde_json::from_slice(data).map_err(|_| "an event that is no JSON")?;
    Ok(Event::Json(value))
}

/// The first message of the bytes with its length, if it is whole: `{"event": TYPE, "payload": …}` or
/// `{"exception": TYPE, "payload": …}`.
///
/// A message is its length, the length of its headers, the CRC-32 of these eight bytes, the headers, the payload, and
/// the CRC-32 of all before; numbers are big-endian.
fn first_message(bytes: &[u8]) -> Result<Option<(Value, usize)>, &'static str> {
    if bytes.len() < PRELUDE {
        return Ok(None);
    }
    let (total, headers) = (number(bytes, 0), number(bytes, 4));
    if crc32fast::hash(&bytes[..8]) as usize != number(bytes, 8) {
        return Err("a message whose checksum is wrong");
    }
    let around = PRELUDE + CHECKSUM;
    if !(around..=LONGEST_MESSAGE).contains(&total) || headers > total - around {
        return Err("a message whose length is wrong");
    }
    if bytes.len() < total {
        return Ok(None);
    }
    let end = total - CHECKSUM;
    if crc32fast::hash(&bytes[..end]) as usize != number(bytes, end) {
        return Err("a message whose checksum is wrong");
    }
    let (headers, payload) = bytes[PRELUDE..end].split_at(headers);
    let headers = headers_of(headers)?;
    let named = |name: &str| {
        let found = headers.iter().find(|(key, _)| *key == name.as_bytes());
        found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
    };
    let payload: Value = if payload.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(payload).map_err(|_| "an event that is no JSON")?
    };
    let message = match named(":message-type").as_deref() {
        Some("event") => json!({"event": named(":event-type"), "payload": payload}),
        Some("exception") => json!({"exception": named(":exception-type"), "payload": payload}),
        _ => json!({
            "exception": named(":error-code"),
            "payload": {"message": named(":error-message")},
        }),
    };
    Ok(Some((message, total)))
}

/// The big-endian number of four bytes; they are there.
fn number(bytes: &[u8], at: usize) -> usize {
    let four = bytes[at..at + 4].iter();
    four.fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// A name and a value.
type Header<'a> = (&'a [u8], &'a [u8]);

/// Headers that are texts, by name; the others say nothing of the event.
fn headers_of(mut bytes: &[u8]) -> Result<Vec<Header<'_>>, &'static str> {
    const BROKEN: &str = "a message whose headers are broken";
    let mut headers = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(*length)).ok_or(BROKEN)?;
        let (kind, rest) = rest.split_first().ok_or(BROKEN)?;
        let (size, rest) = match kind {
            0 | 1 => (0, rest),
            2 => (1, rest),
            3 => (2, rest),
            4 => (4, rest),
            5 | 8 => (8, rest),
            9 => (16, rest),
            6 | 7 => {
                let (size, rest) = rest.split_at_checked(2).ok_or(BROKEN)?;
                (usize::from(size[0]) << 8 | usize::from(size[1]), rest)
            }
            _ => return Err(BROKEN),
        };
        let (value, rest) = rest.split_at_checked(size).ok_or(BROKEN)?;
        if *kind == 7 {
            headers.push((name, value));
        }
        bytes = rest;
    }
    Ok(headers)
}
