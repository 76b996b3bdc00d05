//! As much of HTTP/1.1 as a client of a model endpoint needs: requests with a `content-length`, on a kept connection.

use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// Reads the requests of one connection, one after the other.
pub(crate) struct Reader {
    buffer: Vec<u8>,
    /// The end of the request at the front of the buffer, once it is whole.
    end: usize,
}

/// A whole request in the buffer of a [`Reader`].
#[derive(Clone, Copy)]
pub(crate) struct Request<'a> {
    head: &'a str,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Reader {
    /// A reader of a connection from which nothing has been read.
    pub(crate) fn new() -> Self {
        Self {
            buffer: Vec::with_capacity(4096),
            end: 0,
        }
    }

    /// The next request; none where the client has hung up or does not speak HTTP.
    pub(crate) async fn next(&mut self, stream: &mut TcpStream) -> io::Result<Option<Request<'_>>> {
        self.buffer.drain(..self.end);
        self.end = 0;
        let mut searched = 0;
        let body = loop {
            if let Some(body) = end_of_head(&self.buffer, searched) {
                break body;
            }
            searched = self.buffer.len().saturating_sub(3);
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let Some(length) = content_length(&self.buffer[..body]) else {
            return Ok(None);
        };
        let end = body + length;
        while self.buffer.len() < end {
            if stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        self.end = end;
        Ok(str::from_utf8(&self.buffer[..body])
            .ok()
            .map(|head| Request {
                head,
                body: &self.buffer[body..end],
            }))
    }
}

impl Request<'_> {
    /// The method and the path, as in `POST /v1/messages`.
    pub(crate) fn line(&self) -> &str {
        let line = self.head.lines().next().unwrap_or_default();
        line.strip_suffix(" HTTP/1.1").unwrap_or(line)
    }

    /// The headers, in order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        headers(self.head)
    }

    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The key that the request bears, in either wire format's way.
    pub(crate) fn key(&self) -> Option<&str> {
        let bearer = self
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        bearer.or_else(|| self.header("x-api-key"))
    }
}

/// What happens to a response on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It is sent, and the connection is kept.
    Whole,
    /// It ends early, and the connection is closed.
    Cut,
    /// It ends early, and the connection is kept.
    Stalled,
    /// The connection is closed before it.
    Dropped,
    /// The connection is reset before it.
    Reset,
    /// Nothing is sent, and the connection is kept.
    Hang,
}

/// A response, as bytes, or the lack of one.
#[derive(Debug)]
pub(crate) struct Response {
    /// Head and body.
    pub(crate) bytes: Vec<u8>,
    /// Whether it is a completion.
    pub(crate) answers: bool,
    /// How it is sent.
    pub(crate) delivery: Delivery,
}

impl Response {
    /// A whole response that is not a completion.
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        Self {
            bytes: bytes(status, headers, body.as_ref()),
            answers: false,
            delivery: Delivery::Whole,
        }
    }

    /// No response, in this way.
    pub(crate) fn none(delivery: Delivery) -> Self {
        Self {
            bytes: Vec::new(),
            answers: false,
            delivery,
        }
    }

    /// Half of its body, in this way.
    pub(crate) fn halved(mut self, delivery: Delivery) -> Self {
        let body = end_of_head(&self.bytes, 0).unwrap_or(0);
        self.bytes.truncate(body + (self.bytes.len() - body) / 2);
        Self {
            answers: false,
            delivery,
            ..self
        }
    }
}

/// A response as it goes over the wire.
pub(crate) fn bytes(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    let length = body.len().to_string();
    text.extend(["content-length: ", &length, "\r\n\r\n"]);
    [text.as_bytes(), body].concat()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Other",
    }
}

/// Where the body begins, if the head is whole; its blank line does not begin before `from`.
fn end_of_head(bytes: &[u8], from: usize) -> Option<usize> {
    let blank = bytes[from..]
        .windows(4)
        .position(|four| four == b"\r\n\r\n");
    blank.map(|position| from + position + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = str::from_utf8(head).ok()?;
    let length = headers(head).find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    length.map_or(Some(0), |(_, value)| value.parse().ok())
}

fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = head.lines().skip(1);
    lines.filter_map(|line| {
        line.split_once(':')
            .map(|(name, value)| (name, value.trim()))
    })
}
