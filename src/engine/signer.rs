//! Signs requests to AWS, and asks the container for credentials where they come from there.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{Client, Url, redirect};
use serde_json::Value;
use tokio::sync::Mutex;

use super::endpoint::now_ms;
use crate::error::{Error, Result};
use crate::exchange::FailureKind;
use crate::provider::sigv4::{self, Signing};
use crate::secret::{Redactor, Secret};
use crate::workspace::aws::{self, Credentials, Source};

use super::receive::{Refused, failure};

/// Credentials are renewed so long before they end.
const EARLY: Duration = Duration::from_mins(5);
/// The time limit for an answer of the container.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of an answer of the container.
const LONGEST: usize = 64 * 1024;

/// The headers of a signed request, and a filter for what is secret in its credentials where nobody else knows it.
type Signed = (Vec<(&'static str, String)>, Option<Redactor>);

/// Signs the requests of one endpoint.
#[derive(Debug)]
pub(super) struct Signer {
    region: String,
    source: Source,
    /// What the container gave, and until when it holds: milliseconds since 1970, UTC.
    given: Mutex<Option<(Credentials, i64)>>,
    /// Asks the container; it bears none of the headers of the model.
    client: Client,
}

impl Signer {
    /// A signer for an entry of the workspace; that nobody gives credentials is an error.
    pub(super) fn new(entry: &aws::Signer) -> Result<Self> {
        entry.check()?;
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|error| Error::new(format!("cannot prepare the signing: {error}")))?;
        Ok(Self {
            client,
            region: entry
                .region
                .clone()
                .unwrap_or_else(|| "us-east-1".to_owned()),
            source: entry.source.clone(),
            given: Mutex::new(None),
        })
    }

    /// The headers that sign a request, and a filter for secrets that came from the container.
    pub(super) async fn sign(
        &self,
        url: &str,
        body: &[u8],
    ) -> std::result::Result<Signed, Refused> {
        let (credentials, redactor) = match &self.source {
            Source::Known(credentials) => (credentials.clone(), None),
            Source::Container { url, token } => {
                let credentials = self.given(url, token.as_ref()).await?;
                let redactor = Redactor::new(credentials.secrets());
                (credentials, Some(redactor))
            }
            Source::Missing { .. } => return Err(no_credentials("there are none")),
        };
        let url = Url::parse(url).map_err(|_| no_credentials("the address cannot be signed"))?;
        let now = Timestamp::from_millisecond(now_ms()).unwrap_or(Timestamp::UNIX_EPOCH);
        let time = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        let signing = Signing {
            credentials: &credentials,
            region: &self.region,
            time: &time,
        };
        Ok((sigv4::headers(signing, &url, body), redactor))
    }

    async fn given(
        &self,
        url: &str,
        token: Option<&Secret>,
    ) -> std::result::Result<Credentials, Refused> {
        // Calls that need new credentials at the same time wait for one answer.
        let mut given = self.given.lock().await;
        let early = i64::try_from(EARLY.as_millis()).unwrap_or(i64::MAX);
        if let Some((credentials, until)) = given.as_ref()
            && now_ms() < until.saturating_sub(early)
        {
            return Ok(credentials.clone());
        }
        let mut request = self.client.get(url).timeout(PATIENCE);
        if let Some(token) = token {
            request = request.header("authorization", token.expose());
        }
        let fresh = ask(request).await.map_err(no_credentials)?;
        Ok(given.insert(fresh).0.clone())
    }
}

/// Asks the container.
async fn ask(
    request: reqwest::RequestBuilder,
) -> std::result::Result<(Credentials, i64), &'static str> {
    let mut response = request.send().await.map_err(|_| "it does not answer")?;
    if !response.status().is_success() {
        return Err("it refuses");
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|_| "its answer was cut")? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err("its answer is too long");
        }
    }
    credentials(&body).ok_or("its answer holds none")
}

/// The credentials in an answer of the container, with the time at which they end.
fn credentials(body: &[u8]) -> Option<(Credentials, i64)> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| body.get(name)?.as_str().map(str::to_owned);
    let until = text("Expiration").and_then(|time| time.parse::<Timestamp>().ok());
    let credentials = Credentials {
        access_key_id: text("AccessKeyId")?,
        secret_access_key: Secret::new(text("SecretAccessKey")?),
        session_token: text("Token").map(Secret::new),
    };
    let until = until.map_or(i64::MAX, Timestamp::as_millisecond);
    Some((credentials, until))
}

fn no_credentials(why: &str) -> Refused {
    let message = format!("no credentials from the container: {why}");
    failure(FailureKind::Transport, None, message)
}
