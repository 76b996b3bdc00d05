//! One attempt at one call: over HTTP, within its time, with a bounded body.

mod transfer;

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, redirect};
use tokio::time::Instant;

use super::gate::Limits;
use super::program::Program;
use super::receive::{Received, Refused, receive, within};
use super::shared::SharedLimits;
use super::signer::Signer;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::exchange::{Call, Failure, Reply, Request, Response, WireFormat};
use crate::provider::advertised::Advertised;
use crate::provider::price::Price;
use crate::provider::{self, HttpReply};
use crate::secret::{Redactor, Secret};
use crate::workspace::model::{Model, is_address, no_address};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(90);

/// A model that can be called.
#[derive(Debug)]
pub struct Endpoint {
    /// The alias in `regauge.yaml`.
    pub alias: String,
    /// What the user allows.
    pub limits: Limits,
    /// The same, where it is shared with other processes.
    pub shared: Option<SharedLimits>,
    /// Further attempts after a failed one.
    pub retries: u32,
    /// What tokens cost, where that is known.
    pub price: Option<Price>,
    timeout: Duration,
    way: Way,
    redactor: Redactor,
}

/// How a model is reached.
#[derive(Debug)]
enum Way {
    Http {
        base_url: String,
        client: Client,
        signer: Option<Signer>,
    },
    Command(Program),
}

/// What of the workspace an endpoint needs.
#[derive(Debug)]
pub struct Surroundings<'a> {
    /// The folder of the workspace, in which programs are started.
    pub folder: &'a Path,
    /// A file of further certificate authorities.
    pub ca_file: Option<&'a Path>,
    /// What takes all secrets out of what comes back.
    pub redactor: Redactor,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempt {
    /// The reply.
    pub reply: Reply,
    /// How long the endpoint asked us to wait before the next attempt.
    pub wait: Option<Duration>,
    /// What the endpoint said of its limits.
    pub advertised: Advertised,
    /// From the sending to the end of the answer.
    pub latency: Duration,
    /// From the sending to the first piece of a streamed answer.
    pub first_token: Option<Duration>,
    /// When it was sent: milliseconds since 1970, UTC.
    pub sent_at: i64,
}

impl Endpoint {
    /// Prepares the endpoint behind an alias; an unset key or a broken address is an error.
    pub fn new(
        alias: &str,
        model: &Model,
        price: Option<Price>,
        surroundings: Surroundings<'_>,
    ) -> Result<Self> {
        let way = if model.host.format == WireFormat::Command {
            Way::Command(Program::new(model, surroundings.folder.to_owned())?)
        } else {
            Way::http(alias, model, surroundings.ca_file)?
        };
        Ok(Self {
            alias: alias.to_owned(),
            limits: Limits {
                concurrency: model.concurrency,
                requests_per_minute: model.requests_per_minute,
                tokens_per_minute: model.tokens_per_minute,
            },
            shared: None,
            retries: model.retries,
            price,
            timeout: model.timeout,
            way,
            redactor: surroundings.redactor,
        })
    }

    /// The host and the port of the address; `None` for a local program.
    pub(super) fn host_and_port(&self) -> Option<(String, u16)> {
        let Way::Http { base_url, .. } = &self.way else {
            return None;
        };
        let url = reqwest::Url::parse(base_url).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    /// Whether the way to the endpoint is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(&self.way, Way::Http { base_url, .. } if base_url.starts_with("https:"))
    }

    /// Sends a call once and waits for all of its reply, at most the time limit of the model. `trace` is the value of
    /// the header `traceparent`.
    pub async fn attempt(&self, call: &Call, repeat: u32, trace: Option<&str>) -> Attempt {
        let sent_at = now_ms();
        let started = Instant::now();
        let received = within(self.timeout, self.way.ask(call, repeat, trace)).await;
        let (latency, first_token) = match &received {
            Ok(received) => {
                let since = |at: Instant| at.duration_since(started);
                (since(received.ended), received.began.map(since))
            }
            Err(_) => (started.elapsed(), None),
        };
        let advertised = received
            .as_ref()
            .map(|received| received.advertised(now_ms()));
        let advertised = advertised.unwrap_or_default();
        let (reply, wait) = match received.and_then(|received| self.read(&call.request, &received))
        {
            Ok(reply) => (reply, None),
            Err(Refused { failure, wait }) => (Reply::Failure(self.scrub_failure(&failure)), wait),
        };
        Attempt {
            reply,
            wait,
            advertised,
            latency,
            first_token,
            sent_at,
        }
    }

    /// Takes our secrets out of the body before anything else looks at it, then reads it.
    fn read(&self, request: &Request, received: &Received) -> std::result::Result<Reply, Refused> {
        match self.with_reply(received, |reply| provider::decode(request, reply)) {
            Ok(response) => Ok(Reply::Response(Box::new(self.scrub_response(response)))),
            Err(mut refusal) => {
                if matches!(self.way, Way::Command(_)) {
                    // A program has no status of HTTP.
                    refusal.failure.status = None;
                }
                Err(Refused {
                    failure: refusal.failure,
                    wait: refusal.wait,
                })
            }
        }
    }

    /// Reads a reply whose body holds none of our secrets.
    fn with_reply<T>(&self, received: &Received, read: impl FnOnce(&HttpReply<'_>) -> T) -> T {
        read(&HttpReply {
            status: received.status,
            header: &|name| received.header(name),
            body: &self.scrub_body(&received.body),
            received_at: now_ms(),
        })
    }

    fn scrub_body<'b>(&self, body: &'b [u8]) -> Cow<'b, [u8]> {
        match str::from_utf8(body) {
            Ok(text) if !self.redactor.is_empty() => match self.redactor.scrub(text) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            },
            _ => Cow::Borrowed(body),
        }
    }

    /// Headers and escapes that the reader of the body took away may still hold a secret.
    fn scrub_response(&self, mut response: Response) -> Response {
        // A secret may stand in the tokens piece by piece.
        let tokens = response.logprobs.iter().map(|it| it.token.as_str());
        if matches!(
            self.redactor.scrub(&tokens.collect::<String>()),
            Cow::Owned(_)
        ) {
            response.logprobs.clear();
        }
        for text in response.texts_mut() {
            if let Cow::Owned(scrubbed) = self.redactor.scrub(text) {
                *text = scrubbed;
            }
        }
        response
    }

    fn scrub_failure(&self, failure: &Failure) -> Failure {
        let message = self.redactor.scrub(&failure.message).into_owned();
        Failure {
            message,
            ..*failure
        }
    }
}

impl Way {
    fn http(alias: &str, model: &Model, ca_file: Option<&Path>) -> Result<Self> {
        let base_url = model.base_url.get()?.to_owned();
        if !is_address(&base_url) {
            return Err(no_address(model.place.clone()).into());
        }
        let mut builder = Client::builder()
            .default_headers(headers_of(model)?)
            .user_agent(concat!("regauge/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(model.connect_timeout)
            .pool_max_idle_per_host(model.concurrency)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            // A key must not follow a redirect to another host, and a POST must not become a GET.
            .redirect(redirect::Policy::none())
            // Every attempt is ours: counted, charged, recorded.
            .retry(reqwest::retry::never());
        if let Some(file) = ca_file {
            builder = builder.tls_certs_merge(certificates(file)?);
        }
        let client = builder.build().map_err(|error| {
            Error::from(
                Diagnostic::new(format!("cannot prepare calls to `{alias}`"))
                    .at(model.place.clone())
                    .because(&error),
            )
        })?;
        Ok(Self::Http {
            base_url,
            client,
            signer: model.signer.as_ref().map(Signer::new).transpose()?,
        })
    }

    /// Asks, and receives all of the reply.
    async fn ask(
        &self,
        call: &Call,
        repeat: u32,
        trace: Option<&str>,
    ) -> std::result::Result<Received, Refused> {
        let http = provider::encode(&call.request, repeat);
        let (base_url, client, signer) = match self {
            Self::Command(program) => return Ok(Received::local(program.ask(&http.body).await?)),
            Self::Http {
                base_url,
                client,
                signer,
            } => (base_url, client, signer),
        };
        let url = http.url(base_url);
        let mut request = client.post(&url);
        for (name, value) in &http.headers {
            request = request.header(*name, value);
        }
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        let mut given = None;
        if let Some(signer) = signer {
            let (headers, secrets) = signer.sign(&url, &http.body).await?;
            for (name, value) in headers {
                request = request.header(name, value);
            }
            given = secrets;
        }
        let mut received = receive(request.body(http.body), &call.request).await?;
        if let (Some(secrets), Ok(text)) = (given, str::from_utf8(&received.body)) {
            received.body = secrets.scrub(text).into_owned().into_bytes();
        }
        Ok(received)
    }
}

fn headers_of(model: &Model) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut insert = |name: &str, value: &str, secret: bool| {
        let bad = || {
            Error::from(
                Diagnostic::new(format!("the header `{name}` cannot be sent"))
                    .at(model.place.clone())
                    .help("names are letters, digits and `-`; values hold no line ends"),
            )
        };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
        value.set_sensitive(secret);
        headers.insert(name, value);
        Ok::<(), Error>(())
    };
    if let Some(key) = &model.api_key {
        let (name, value) = provider::auth(model.host.format, &Secret::new(key.get()?.to_owned()));
        insert(name, &value, true)?;
    }
    if let Some(token) = &model.bearer {
        let (name, value) = provider::bearer(&Secret::new(token.get()?.to_owned()));
        insert(name, &value, true)?;
    }
    for (name, value) in &model.headers {
        insert(name, value.get()?, true)?;
    }
    Ok(headers)
}

fn certificates(file: &Path) -> Result<Vec<Certificate>> {
    let bad = |cause: &dyn std::error::Error| {
        Error::from(
            Diagnostic::new("cannot read the certificate authorities")
                .at(Place::file(file.display().to_string()))
                .because(cause)
                .help("`ca_file` is a PEM file"),
        )
    };
    let pem = std::fs::read(file).map_err(|error| bad(&error))?;
    Certificate::from_pem_bundle(&pem).map_err(|error| bad(&error))
}

/// Milliseconds since 1970, UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
