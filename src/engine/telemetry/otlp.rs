//! Spans and metrics in the JSON of OTLP (opentelemetry-proto, "JSON Protobuf Encoding").

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CallSpan, Trace};

/// The bounds of the histograms, as the conventions for generative AI have them.
const TOKENS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];
const SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
const INTERNAL: u8 = 1;
const CLIENT: u8 = 3;
const ERROR: u8 = 2;
const CUMULATIVE: u8 = 2;

/// Who tells.
pub(super) struct Resource(Value);

impl Resource {
    pub(super) fn new(attributes: &[(String, String)]) -> Self {
        let attributes = attributes.iter().map(|(key, value)| text(key, value));
        Self(json!({"attributes": attributes.collect::<Vec<_>>()}))
    }

    pub(super) fn spans(&self, spans: &[Value]) -> Value {
        json!({"resourceSpans": [{"resource": self.0, "scopeSpans": [{"scope": scope(), "spans": spans}]}]})
    }

    pub(super) fn metrics(&self, metrics: &[Value]) -> Value {
        json!({"resourceMetrics": [{"resource": self.0, "scopeMetrics": [{"scope": scope(), "metrics": metrics}]}]})
    }
}

fn scope() -> Value {
    json!({"name": "regauge", "version": env!("CARGO_PKG_VERSION")})
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

/// Whole numbers of 64 bits are texts in this JSON.
fn number(key: &str, value: u64) -> Value {
    json!({"key": key, "value": {"intValue": value.to_string()}})
}

impl Trace {
    /// The span of the run.
    pub(super) fn to_otlp(&self, ended: u64) -> Value {
        json!({
            "traceId": self.id, "spanId": self.root, "parentSpanId": self.parent.as_deref().unwrap_or_default(),
            "name": "regauge run", "kind": INTERNAL,
            "startTimeUnixNano": self.began.to_string(), "endTimeUnixNano": ended.to_string(),
        })
    }
}

impl CallSpan {
    pub(super) fn to_otlp(&self, trace: &Trace) -> Value {
        let mut attributes = self.attributes();
        let texts = [
            ("gen_ai.response.model", &self.served),
            ("gen_ai.response.id", &self.response_id),
        ];
        for (key, value) in texts {
            attributes.extend(value.as_deref().map(|value| text(key, value)));
        }
        let numbers = [
            ("gen_ai.usage.input_tokens", self.usage.input),
            ("gen_ai.usage.output_tokens", self.usage.output),
        ];
        for (key, value) in numbers {
            attributes.extend(value.map(|value| number(key, value)));
        }
        if let Some(finish) = &self.finish {
            let reasons = json!({"arrayValue": {"values": [{"stringValue": finish}]}});
            attributes.push(json!({"key": "gen_ai.response.finish_reasons", "value": reasons}));
        }
        let mut span = json!({
            "traceId": trace.id, "spanId": self.id, "parentSpanId": trace.root,
            "name": format!("chat {}", self.model), "kind": CLIENT,
            "startTimeUnixNano": self.began.to_string(), "endTimeUnixNano": self.ended.to_string(),
            "attributes": attributes,
        });
        if self.error.is_some() {
            span["status"] = json!({"code": ERROR});
        }
        span
    }

    /// What spans and metrics say alike.
    fn attributes(&self) -> Vec<Value> {
        let mut attributes = vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.provider.name", self.provider),
            text("gen_ai.request.model", &self.model),
        ];
        attributes.extend(self.error.as_deref().map(|error| text("error.type", error)));
        attributes
    }
}

/// The metrics of a run so far.
pub(super) struct Metrics {
    began: u64,
    /// By their attributes, written out.
    durations: BTreeMap<String, Histogram>,
    tokens: BTreeMap<String, Histogram>,
}

/// How often a quantity fell between which bounds.
struct Histogram {
    attributes: Vec<Value>,
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Metrics {
    pub(super) fn new(began: u64) -> Self {
        Self {
            began,
            durations: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tokens are far below 2^52, and nanoseconds of a call too"
    )]
    pub(super) fn count(&mut self, call: &CallSpan) {
        let attributes = call.attributes();
        let seconds = (call.ended - call.began) as f64 / 1e9;
        Histogram::of(&mut self.durations, attributes.clone(), &SECONDS).count(seconds);
        for (kind, tokens) in [("input", call.usage.input), ("output", call.usage.output)] {
            if let Some(tokens) = tokens {
                let mut attributes = attributes.clone();
                attributes.push(text("gen_ai.token.type", kind));
                Histogram::of(&mut self.tokens, attributes, &TOKENS).count(tokens as f64);
            }
        }
    }

    pub(super) fn to_otlp(&self, now: u64) -> Vec<Value> {
        let metric = |name: &str, unit: &str, histograms: &BTreeMap<String, Histogram>| {
            let points = histograms
                .values()
                .map(|histogram| histogram.to_otlp(self.began, now));
            let histogram = json!({
                "aggregationTemporality": CUMULATIVE, "dataPoints": points.collect::<Vec<_>>(),
            });
            json!({"name": name, "unit": unit, "histogram": histogram})
        };
        vec![
            metric("gen_ai.client.operation.duration", "s", &self.durations),
            metric("gen_ai.client.token.usage", "{token}", &self.tokens),
        ]
    }
}

impl Histogram {
    fn of<'a>(
        all: &'a mut BTreeMap<String, Self>,
        attributes: Vec<Value>,
        bounds: &'static [f64],
    ) -> &'a mut Self {
        let key = Value::from(attributes.clone()).to_string();
        all.entry(key).or_insert_with(|| Self {
            attributes,
            bounds,
            counts: vec![0; bounds.len() + 1],
            sum: 0.0,
        })
    }

    /// A bucket holds its upper bound.
    fn count(&mut self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket] += 1;
        self.sum += value;
    }

    fn to_otlp(&self, began: u64, now: u64) -> Value {
        let counts: Vec<String> = self.counts.iter().map(u64::to_string).collect();
        json!({
            "attributes": self.attributes,
            "startTimeUnixNano": began.to_string(), "timeUnixNano": now.to_string(),
            "count": self.counts.iter().sum::<u64>().to_string(), "sum": self.sum,
            "bucketCounts": counts, "explicitBounds": self.bounds,
        })
    }
}
