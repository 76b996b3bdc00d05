//! Limits that several processes share through the server that keeps their history.
//!
//! What a limit still allows stands on the server, as a bucket that fills steadily; each process takes a second's worth
//! at a time and spends that by itself. The bucket holds a tenth of a minute and fills with the other nine, so that no
//! minute sees more than the limit, whoever takes it.

use std::time::Duration;

use tokio::sync::Mutex;

use super::gate::{Limits, Need};
use crate::digest::Digest;
use crate::history::store::History;

/// The share of a minute that the bucket holds.
const HELD: f64 = 0.1;
/// Seconds that a process takes at once.
const AT_ONCE: f64 = 1.0;

/// The limits of one endpoint that all processes keep together.
#[derive(Debug)]
pub struct SharedLimits {
    history: History,
    requests: Option<Mutex<Bucket>>,
    tokens: Option<Mutex<Bucket>>,
}

/// A limit, and what this process has taken of it and not yet spent.
#[derive(Debug)]
struct Bucket {
    name: String,
    holds: f64,
    per_second: f64,
    stock: f64,
}

impl SharedLimits {
    /// The limits of the endpoint at this address for this model; `None` where there is nothing to share, or nobody to
    /// share it with.
    pub fn new(history: &History, limits: Limits, (base_url, model): (&str, &str)) -> Option<Self> {
        let (requests, tokens) = (limits.requests_per_minute, limits.tokens_per_minute);
        if !history.is_shared() || (requests.is_none() && tokens.is_none()) {
            return None;
        }
        // An address may hold a key.
        let endpoint = Digest::of_bytes(format!("{base_url} {model}").as_bytes());
        let bucket = |what: &str, limit: Option<u64>| {
            Some(Mutex::new(Bucket::new(
                format!("{endpoint} {what}"),
                limit?,
            )))
        };
        Some(Self {
            history: history.clone(),
            requests: bucket("requests", requests),
            tokens: bucket("tokens", tokens),
        })
    }

    /// Waits until a call that needs so many tokens may be sent, in the order in which calls ask.
    pub(super) async fn take(&self, need: Need) {
        for (bucket, need) in [(&self.requests, 1.0), (&self.tokens, need.tokens())] {
            if let Some(bucket) = bucket {
                bucket.lock().await.take(&self.history, need).await;
            }
        }
    }
}

impl Bucket {
    #[expect(clippy::cast_precision_loss, reason = "limits are far below 2^52")]
    fn new(name: String, per_minute: u64) -> Self {
        let per_minute = per_minute as f64;
        Self {
            name,
            holds: (HELD * per_minute).max(1.0),
            per_second: (1.0 - HELD) * per_minute / 60.0,
            stock: 0.0,
        }
    }

    async fn take(&mut self, history: &History, need: f64) {
        // A call that alone is larger than the bucket takes all of it.
        let need = need.min(self.holds);
        while self.stock < need {
            let wanted = (need - self.stock)
                .max(AT_ONCE * self.per_second)
                .min(self.holds);
            let taken = history.take(&self.name, wanted, (self.holds, self.per_second));
            // What a database does is large, and each call under way would carry it.
            match Box::pin(taken).await {
                Ok(true) => self.stock += wanted,
                Ok(false) => {
                    let seconds = (wanted / self.per_second).clamp(0.05, 5.0);
                    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                }
                // A history that fails ends the run where its exchange is kept.
                Err(_) => return,
            }
        }
        self.stock -= need;
    }
}
