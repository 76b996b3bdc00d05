//! What is sent and received beside single calls: batches, their states and their results.

use std::time::Duration;

use reqwest::RequestBuilder;

use super::{Endpoint, Way, now_ms};
use crate::engine::receive::{
    Lines, Received, Refused, failure, receive_lines, receive_whole, within,
};
use crate::exchange::{FailureKind, Reply, Request};
use crate::provider::batch::{self, Told};
use crate::provider::{HttpReply, HttpRequest, Refusal};

/// Bytes a second that the slowest way carries which is waited for.
const SLOWEST: f64 = 100_000.0;

impl Endpoint {
    /// Posts a body and reads the reply.
    pub(in crate::engine) async fn post<T>(
        &self,
        mut http: HttpRequest,
        read: impl FnOnce(&HttpReply<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refused> {
        let body = std::mem::take(&mut http.body);
        #[expect(clippy::cast_precision_loss, reason = "a time limit")]
        let transfer = Duration::from_secs_f64(body.len() as f64 / SLOWEST);
        let sent = self.send(&http, true)?.body(body);
        let received = within(self.timeout + transfer, receive_whole(sent)).await;
        self.read_with(received, read)
    }

    /// Gets something and reads the reply.
    pub(in crate::engine) async fn get<T>(
        &self,
        http: &HttpRequest,
        read: impl FnOnce(&HttpReply<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refused> {
        let received = within(self.timeout, receive_whole(self.send(http, false)?)).await;
        self.read_with(received, read)
    }

    /// Gets something line by line.
    pub(in crate::engine) async fn lines(&self, http: &HttpRequest) -> Result<Lines, Refused> {
        let received = within(self.timeout, receive_lines(self.send(http, false)?)).await;
        match received.map_err(|refused| self.scrub_refused(refused))? {
            Ok(lines) => Ok(lines),
            Err(received) => self.read_with(Ok(received), |reply| Err(batch::refused(reply))),
        }
    }

    /// The next line of what is got line by line, without our secrets; `None` behind the last.
    pub(in crate::engine) async fn next_line(
        &self,
        lines: &mut Lines,
    ) -> Result<Option<String>, Refused> {
        let line = within(self.timeout, lines.next()).await;
        let line = line.map_err(|refused| self.scrub_refused(refused))?;
        let scrubbed = |line: Vec<u8>| {
            let text = String::from_utf8_lossy(&line);
            self.redactor.scrub(&text).into_owned()
        };
        Ok(line.map(scrubbed))
    }

    /// What came of a call in a batch, as the reply to it.
    pub(in crate::engine) fn reply_of(&self, request: &Request, told: &Told) -> Reply {
        match batch::answer(request, told, now_ms()) {
            Ok(response) => Reply::Response(Box::new(self.scrub_response(response))),
            Err(failure) => Reply::Failure(self.scrub_failure(&failure)),
        }
    }

    /// Where a request goes, for people.
    pub(in crate::engine) fn address_of(&self, http: &HttpRequest) -> String {
        match &self.way {
            Way::Http { base_url, .. } => self.redactor.scrub(&http.url(base_url)).into_owned(),
            Way::Command(_) => String::new(),
        }
    }

    fn send(&self, http: &HttpRequest, posts: bool) -> Result<RequestBuilder, Refused> {
        let Way::Http {
            base_url, client, ..
        } = &self.way
        else {
            let message = "a program takes single calls only".to_owned();
            return Err(failure(FailureKind::Rejected, None, message));
        };
        let url = http.url(base_url);
        let sent = if posts {
            client.post(url)
        } else {
            client.get(url)
        };
        let headers = http.headers.iter();
        Ok(headers.fold(sent, |sent, (name, value)| sent.header(*name, value)))
    }

    fn read_with<T>(
        &self,
        received: Result<Received, Refused>,
        read: impl FnOnce(&HttpReply<'_>) -> Result<T, Refusal>,
    ) -> Result<T, Refused> {
        let read = received.and_then(|received| {
            let read = self.with_reply(&received, read);
            read.map_err(|Refusal { failure, wait }| Refused { failure, wait })
        });
        read.map_err(|refused| self.scrub_refused(refused))
    }

    fn scrub_refused(&self, mut refused: Refused) -> Refused {
        refused.failure = self.scrub_failure(&refused.failure);
        refused
    }
}
