//! Spans and metrics of calls, for whoever set `OTEL_*`: names and numbers by the conventions of OpenTelemetry for
//! generative AI, and never a text.
//!
//! A call never waits for a collector: what does not fit into the queue is dropped.

mod otlp;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::Client;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use super::endpoint::Attempt;
use crate::digest::Digest;
use crate::exchange::{Call, FailureKind, Reply, Usage, WireFormat};
use crate::workspace::telemetry::Telemetry as Settings;
use otlp::{Metrics, Resource};

/// Calls that wait for delivery at most.
const WAITING: usize = 4096;
/// Calls that are delivered together at most.
const TOGETHER: usize = 512;
/// How often metrics are delivered.
const METRICS_EVERY: Duration = Duration::from_mins(1);

/// The way to the collector for all calls of a run.
#[derive(Debug, Clone)]
pub struct Telemetry {
    calls: mpsc::Sender<CallSpan>,
    trace: Arc<Trace>,
}

/// The trace of a run.
#[derive(Debug)]
struct Trace {
    id: String,
    /// The span of the run.
    root: String,
    /// The span that started us.
    parent: Option<String>,
    began: u64,
    next: AtomicU64,
}

/// One attempt, as it is told.
#[derive(Debug)]
struct CallSpan {
    id: String,
    began: u64,
    ended: u64,
    provider: &'static str,
    /// The model that was asked for, and the one that answered.
    model: Arc<str>,
    served: Option<String>,
    response_id: Option<String>,
    finish: Option<String>,
    usage: Usage,
    error: Option<String>,
}

/// What could not be delivered.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Deliveries that the collector did not take.
    pub deliveries: u64,
    /// Why the last of them failed.
    pub reason: Option<String>,
}

impl Telemetry {
    /// Begins the trace of a run, and the one task that delivers; it ends when the last `Telemetry` is gone.
    pub fn start(settings: &Settings) -> (Self, JoinHandle<Undelivered>) {
        let (calls, received) = mpsc::channel(WAITING);
        let (id, parent) = match settings.parent.clone() {
            Some((trace, span)) => (trace, Some(span)),
            None => (Uuid::now_v7().simple().to_string(), None),
        };
        let own = Uuid::now_v7();
        let trace = Arc::new(Trace {
            root: span_id(own.as_bytes()),
            id,
            parent,
            began: nanoseconds(),
            next: AtomicU64::new(0),
        });
        let delivery = Delivery::new(settings, trace.clone());
        let task = tokio::spawn(delivery.deliver_all(received));
        (Self { calls, trace }, task)
    }

    /// The id of the span of an attempt that is about to begin.
    pub(super) fn begin(&self) -> String {
        let number = self.trace.next.fetch_add(1, Ordering::Relaxed);
        span_id(format!("{}{number}", self.trace.root).as_bytes())
    }

    /// The value of `traceparent` for a span (W3C Trace Context, 3.2).
    pub(super) fn header(&self, span: &str) -> String {
        format!("00-{}-{span}-01", self.trace.id)
    }

    /// Tells of an attempt that has ended.
    pub(super) fn end(&self, span: String, call: &Call, attempt: &Attempt) {
        let response = attempt.reply.response();
        let ended = nanoseconds();
        let took = u64::try_from(attempt.latency.as_nanos()).unwrap_or(u64::MAX);
        let told = CallSpan {
            id: span,
            began: ended.saturating_sub(took),
            ended,
            provider: provider(call.request.provider),
            model: call.request.model.as_str().into(),
            served: response.and_then(|response| response.model.clone()),
            response_id: response.and_then(|response| response.request_id.clone()),
            finish: response.and_then(|response| response.finish_raw.clone()),
            usage: response.map(|response| response.usage).unwrap_or_default(),
            error: error(&attempt.reply),
        };
        // A full queue means a collector that is too slow; the run does not wait for it.
        drop(self.calls.try_send(told));
    }
}

fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
}

fn span_id(of: &[u8]) -> String {
    Digest::of_bytes(of).to_string()[..16].to_owned()
}

/// The name of a provider in the conventions.
fn provider(format: WireFormat) -> &'static str {
    match format {
        WireFormat::Openai | WireFormat::OpenaiResponses => "openai",
        WireFormat::Anthropic => "anthropic",
        WireFormat::AzureOpenai => "azure.ai.openai",
        WireFormat::Gemini => "gcp.gemini",
        WireFormat::Ollama => "ollama",
        WireFormat::Mistral => "mistral_ai",
        WireFormat::Cohere => "cohere",
        WireFormat::Bedrock => "aws.bedrock",
        WireFormat::Http => "http",
        WireFormat::Command => "command",
    }
}

/// The class of a failure: its words may quote the request.
fn error(reply: &Reply) -> Option<String> {
    let Reply::Failure(failure) = reply else {
        return None;
    };
    let kind = match failure.kind {
        FailureKind::Transport => "transport",
        FailureKind::Timeout => "timeout",
        FailureKind::RateLimited => "rate_limited",
        FailureKind::Server => "server",
        FailureKind::Rejected => "rejected",
        FailureKind::Unparseable => "unparseable",
    };
    Some(match failure.status {
        Some(status) if status >= 400 => status.to_string(),
        _ => kind.to_owned(),
    })
}

/// The one who delivers.
struct Delivery {
    client: Option<Client>,
    settings: Settings,
    resource: Resource,
    trace: Arc<Trace>,
    metrics: Metrics,
    undelivered: Undelivered,
}

impl Delivery {
    fn new(settings: &Settings, trace: Arc<Trace>) -> Self {
        Self {
            client: Client::builder().timeout(settings.timeout).build().ok(),
            resource: Resource::new(&settings.resource),
            metrics: Metrics::new(trace.began),
            settings: settings.clone(),
            trace,
            undelivered: Undelivered::default(),
        }
    }

    async fn deliver_all(mut self, mut received: mpsc::Receiver<CallSpan>) -> Undelivered {
        let mut batch = Vec::with_capacity(TOGETHER);
        let mut metrics_at = Instant::now();
        while received.recv_many(&mut batch, TOGETHER).await > 0 {
            for call in &batch {
                self.metrics.count(call);
            }
            let spans = batch.iter().map(|call| call.to_otlp(&self.trace)).collect();
            batch.clear();
            self.deliver_spans(spans).await;
            if metrics_at.elapsed() >= METRICS_EVERY {
                metrics_at = Instant::now();
                self.deliver_metrics().await;
            }
        }
        let root = self.trace.to_otlp(nanoseconds());
        self.deliver_spans(vec![root]).await;
        self.deliver_metrics().await;
        self.undelivered
    }

    async fn deliver_spans(&mut self, spans: Vec<Value>) {
        if let Some(url) = self.settings.traces.clone() {
            let body = self.resource.spans(&spans);
            self.post(&url, &body).await;
        }
    }

    async fn deliver_metrics(&mut self) {
        if let Some(url) = self.settings.metrics.clone() {
            let body = self.resource.metrics(&self.metrics.to_otlp(nanoseconds()));
            self.post(&url, &body).await;
        }
    }

    async fn post(&mut self, url: &str, body: &Value) {
        let Some(client) = &self.client else { return };
        let mut request = client.post(url).json(body);
        for (name, value) in &self.settings.headers {
            request = request.header(name, value.expose());
        }
        let taken = request
            .send()
            .await
            .and_then(reqwest::Response::error_for_status);
        if let Err(error) = taken {
            self.undelivered.deliveries += 1;
            // Without its address, which may hold a key.
            self.undelivered.reason = Some(error.without_url().to_string());
        }
    }
}
