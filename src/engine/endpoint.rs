//! One attempt at one call: over HTTP, within its time, with a bounded body.

use std::borrow::Cow;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, redirect};
use tokio::time::Instant;

use super::gate::Limits;
use super::shared::SharedLimits;
use crate::error::{Diagnostic, Error, Place, Result};
use crate::exchange::{Call, Failure, FailureKind, Reply, Request, Response};
use crate::provider::advertised::{Advertised, advertised};
use crate::provider::price::Price;
use crate::provider::{self, HttpReply};
use crate::secret::{Redactor, Secret};
use crate::units::show_duration;
use crate::workspace::model::{Model, is_address, no_address};

/// Bytes of an unpacked body that are read; a longer one is no answer.
const LONGEST_BODY: usize = 32 * 1024 * 1024;
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
    base_url: String,
    timeout: Duration,
    client: Client,
    redactor: Redactor,
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
    /// From the sending to the end of the reply.
    pub latency: Duration,
    /// When it was sent: milliseconds since 1970, UTC.
    pub sent_at: i64,
}

impl Endpoint {
    /// Prepares the endpoint behind an alias; an unset key or a broken address is an error.
    pub fn new(
        alias: &str,
        model: &Model,
        price: Option<Price>,
        ca_file: Option<&Path>,
        redactor: Redactor,
    ) -> Result<Self> {
        let base_url = model.base_url.get()?.to_owned();
        if !is_address(&base_url) {
            return Err(no_address(model.place.clone()).into());
        }
        let headers = headers_of(model)?;
        let mut builder = Client::builder()
            .default_headers(headers)
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
            base_url,
            timeout: model.timeout,
            client,
            redactor,
        })
    }

    /// The host and the port of the address.
    pub(super) fn host_and_port(&self) -> Option<(String, u16)> {
        let url = reqwest::Url::parse(&self.base_url).ok()?;
        Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
    }

    /// Whether the way to the endpoint is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.base_url.starts_with("https:")
    }

    /// Sends a call once and waits for all of its reply, at most the time limit of the model. `trace` is the value of
    /// the header `traceparent`.
    pub async fn attempt(&self, call: &Call, repeat: u32, trace: Option<&str>) -> Attempt {
        let http = provider::encode(&call.request, repeat);
        let mut request = self.client.post(http.url(&self.base_url));
        for (name, value) in &http.headers {
            request = request.header(*name, value);
        }
        if let Some(trace) = trace {
            request = request.header("traceparent", trace);
        }
        let request = request.body(http.body);
        let sent_at = now_ms();
        let started = Instant::now();
        let received = match tokio::time::timeout(self.timeout, receive(request)).await {
            Ok(received) => received,
            Err(_) => Err(failure(
                FailureKind::Timeout,
                format!("no answer within {}", show_duration(self.timeout)),
            )),
        };
        let latency = started.elapsed();
        let advertised = received.as_ref().map(Received::advertised);
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
            sent_at,
        }
    }

    /// Takes our secrets out of the body before anything else looks at it, then reads it.
    fn read(&self, request: &Request, received: &Received) -> std::result::Result<Reply, Refused> {
        let scrubbed;
        let mut body = received.body.as_slice();
        if !self.redactor.is_empty()
            && let Ok(text) = str::from_utf8(&received.body)
        {
            scrubbed = self.redactor.scrub(text);
            body = scrubbed.as_bytes();
        }
        let reply = HttpReply {
            status: received.status,
            header: &|name| received.header(name),
            body,
            received_at: now_ms(),
        };
        match provider::decode(request, &reply) {
            Ok(response) => Ok(Reply::Response(Box::new(self.scrub_response(response)))),
            Err(refusal) => Err(Refused {
                failure: refusal.failure,
                wait: refusal.wait,
            }),
        }
    }

    /// Headers and escapes that the reader of the body took away may still hold a secret.
    fn scrub_response(&self, mut response: Response) -> Response {
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

struct Received {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Received {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Most endpoints say nothing of their limits, and are not asked for each.
    fn advertised(&self) -> Advertised {
        let mut names = self.headers.keys();
        if !names.any(|name| name.as_str().contains("ratelimit")) {
            return Advertised::default();
        }
        advertised(&|name| self.header(name), now_ms())
    }
}

struct Refused {
    failure: Failure,
    wait: Option<Duration>,
}

async fn receive(request: reqwest::RequestBuilder) -> std::result::Result<Received, Refused> {
    let mut response = request.send().await.map_err(|error| broken(&error))?;
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(&error))? {
        if body.len() + chunk.len() > LONGEST_BODY {
            return Err(failure(
                FailureKind::Unparseable,
                format!("the body is longer than {LONGEST_BODY} bytes"),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Received {
        status,
        headers,
        body,
    })
}

/// A connection that did not come about, or that broke.
fn broken(error: &reqwest::Error) -> Refused {
    if error.is_timeout() {
        return failure(
            FailureKind::Timeout,
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
    failure(FailureKind::Transport, format!("{what}: {cause}"))
}

fn failure(kind: FailureKind, message: String) -> Refused {
    Refused {
        failure: Failure {
            kind,
            status: None,
            message,
            retryable: true,
        },
        wait: None,
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
