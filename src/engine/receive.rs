//! Receives one reply: whole, or event by event where it is a stream, and in both cases within bounds.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use tokio::time::Instant;

use crate::exchange::{Failure, FailureKind, Request};
use crate::provider::Stream;
use crate::provider::advertised::{Advertised, advertised};
use crate::units::show_duration;

/// Bytes of an unpacked body that are read; a longer one is no answer.
const LONGEST_BODY: usize = 32 * 1024 * 1024;
/// How long counts are waited for that may follow a whole answer of a stream.
const LINGER: Duration = Duration::from_secs(2);

/// A reply, its body as it would have come whole.
pub(super) struct Received {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// When the answer was whole.
    pub(super) ended: Instant,
    /// When its first piece was there, where it was streamed.
    pub(super) began: Option<Instant>,
}

impl Received {
    /// An answer of a local program.
    pub(super) fn local(body: Vec<u8>) -> Self {
        Self {
            status: 200,
            headers: HeaderMap::new(),
            body,
            ended: Instant::now(),
            began: None,
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What it says of the limits of its endpoint, at this time in milliseconds since 1970. Most endpoints say nothing,
    /// and are not asked for each.
    pub(super) fn advertised(&self, now: i64) -> Advertised {
        let mut names = self.headers.keys();
        if !names.any(|name| name.as_str().contains("ratelimit")) {
            return Advertised::default();
        }
        advertised(&|name| self.header(name), now)
    }
}

/// An attempt without a reply, or with one that is no answer.
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) wait: Option<Duration>,
}

/// Sends a request and receives all of its reply.
pub(super) async fn receive(
    sent: reqwest::RequestBuilder,
    asked: &Request,
) -> Result<Received, Refused> {
    let response = sent.send().await.map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let stream = response.status().is_success();
    let stream = stream.then(|| Stream::of(asked, kind)).flatten();
    let (body, began, ended) = match stream {
        Some(stream) => stream_of(response, stream).await?,
        None => (whole(response).await?, None, Instant::now()),
    };
    Ok(Received {
        status,
        headers,
        body,
        ended,
        began,
    })
}

/// Sends a request and receives all of its reply, which is never a stream.
pub(super) async fn receive_whole(sent: reqwest::RequestBuilder) -> Result<Received, Refused> {
    in_whole(sent.send().await.map_err(|error| broken(&error))?).await
}

/// Sends a request whose reply is read line by line; a reply that is no success is received whole.
pub(super) async fn receive_lines(
    sent: reqwest::RequestBuilder,
) -> Result<Result<Lines, Received>, Refused> {
    let response = sent.send().await.map_err(|error| broken(&error))?;
    if !response.status().is_success() {
        return Ok(Err(in_whole(response).await?));
    }
    Ok(Ok(Lines {
        response,
        received: Vec::new(),
        searched: 0,
        is_whole: false,
    }))
}

/// The lines of a body, however long it is; a line is as long as a body may be.
pub(super) struct Lines {
    response: reqwest::Response,
    received: Vec<u8>,
    /// Bytes in which there is no end of a line.
    searched: usize,
    is_whole: bool,
}

impl Lines {
    /// The next line without its end; `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Refused> {
        loop {
            let unsearched = &self.received[self.searched..];
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                let rest = self.received.split_off(self.searched + at + 1);
                let mut line = std::mem::replace(&mut self.received, rest);
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.received.len();
            if self.is_whole {
                self.searched = 0;
                let last = std::mem::take(&mut self.received);
                return Ok(Some(last).filter(|line| !line.is_empty()));
            }
            match self
                .response
                .chunk()
                .await
                .map_err(|error| broken(&error))?
            {
                Some(chunk) if self.received.len() + chunk.len() > LONGEST_BODY => {
                    return Err(too_long());
                }
                Some(chunk) => self.received.extend_from_slice(&chunk),
                None => self.is_whole = true,
            }
        }
    }
}

async fn in_whole(response: reqwest::Response) -> Result<Received, Refused> {
    Ok(Received {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: whole(response).await?,
        ended: Instant::now(),
        began: None,
    })
}

async fn whole(mut response: reqwest::Response) -> Result<Vec<u8>, Refused> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn stream_of(
    mut response: reqwest::Response,
    mut stream: Stream,
) -> Result<(Vec<u8>, Option<Instant>, Instant), Refused> {
    let status = Some(response.status().as_u16());
    let unreadable = |why: &str| failure(FailureKind::Unparseable, status, why.to_owned());
    let (mut began, mut ended) = (None, None);
    let mut bytes = 0;
    loop {
        let next = match ended {
            None => response.chunk().await,
            // The answer is whole: what follows may bring its counts, and takes nothing away.
            Some(_) => tokio::time::timeout(LINGER, response.chunk())
                .await
                .unwrap_or(Ok(None)),
        };
        let chunk = match next {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(_) if ended.is_some() => break,
            Err(error) => return Err(broken(&error)),
        };
        bytes += chunk.len();
        if bytes > LONGEST_BODY {
            return Err(too_long());
        }
        match stream.push(&chunk) {
            Err(_) if ended.is_some() => break,
            pushed => pushed.map_err(unreadable)?,
        }
        let now = Instant::now();
        began = began.or_else(|| stream.has_begun().then_some(now));
        ended = ended.or_else(|| stream.is_whole().then_some(now));
    }
    let ended = ended.unwrap_or_else(Instant::now);
    let cut = |why: &str| failure(FailureKind::Transport, None, why.to_owned());
    Ok((stream.finish().map_err(cut)?, began, ended))
}

/// Waits for something, but not longer than this.
pub(super) async fn within<T>(
    limit: Duration,
    wanted: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    tokio::time::timeout(limit, wanted)
        .await
        .unwrap_or_else(|_| {
            let message = format!("no answer within {}", show_duration(limit));
            Err(failure(FailureKind::Timeout, None, message))
        })
}

fn too_long() -> Refused {
    let message = format!("the body is longer than {LONGEST_BODY} bytes");
    failure(FailureKind::Unparseable, None, message)
}

/// A connection that did not come about, or that broke.
fn broken(error: &reqwest::Error) -> Refused {
    if error.is_timeout() {
        return failure(
            FailureKind::Timeout,
            None,
            "no connection within the time limit".to_owned(),
        );
    }
    // The innermost cause says it in words that a person knows: "connection refused", "unexpected end of file".
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let what = if error.is_connect() {
        "cannot connect"
    } else if error.is_body() || error.is_decode() {
        "the reply was cut"
    } else {
        "the connection broke"
    };
    failure(FailureKind::Transport, None, format!("{what}: {cause}"))
}

/// A failure that another attempt may heal.
pub(super) fn failure(kind: FailureKind, status: Option<u16>, message: String) -> Refused {
    Refused {
        failure: Failure {
            kind,
            status,
            message,
            retryable: true,
        },
        wait: None,
    }
}
