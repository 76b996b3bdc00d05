//! Where traces and metrics go, by the environment variables of OpenTelemetry. Without them nothing goes anywhere.

use std::time::Duration;

use super::Environment;
use crate::secret::Secret;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where traces and metrics go.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// The address that takes traces.
    pub traces: Option<String>,
    /// The address that takes metrics.
    pub metrics: Option<String>,
    /// HTTP headers for both, which may hold a key.
    pub headers: Vec<(String, Secret)>,
    /// The name of the service, and what else is said of it.
    pub resource: Vec<(String, String)>,
    /// The trace and the span of whoever started us, as `TRACEPARENT` has them.
    pub parent: Option<(String, String)>,
    /// The time limit of one delivery.
    pub timeout: Duration,
}

impl Telemetry {
    /// Reads `OTEL_*`, as the specification of OpenTelemetry has them ("OTLP Exporter Configuration", "Environment
    /// Variable Specification"); what cannot be read there counts as not set. `None` where nothing is to be sent.
    pub(super) fn read(environment: &Environment) -> Option<Self> {
        let set = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        if set("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let address = |signal: &str, path: &str| {
            let is_off = set(&format!("OTEL_{signal}_EXPORTER")).is_some_and(|name| name == "none");
            if is_off {
                return None;
            }
            set(&format!("OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))
                .cloned()
                .or_else(|| {
                    let base = set("OTEL_EXPORTER_OTLP_ENDPOINT")?;
                    Some(format!("{}/v1/{path}", base.trim_end_matches('/')))
                })
        };
        let (traces, metrics) = (address("TRACES", "traces"), address("METRICS", "metrics"));
        if traces.is_none() && metrics.is_none() {
            return None;
        }
        let list = |name: &str| set(name).map(|text| pairs(text)).unwrap_or_default();
        let mut resource = list("OTEL_RESOURCE_ATTRIBUTES");
        let name = set("OTEL_SERVICE_NAME").map_or("regauge", String::as_str);
        let has_name = |(key, _): &(String, String)| key == "service.name";
        if set("OTEL_SERVICE_NAME").is_some() || !resource.iter().any(has_name) {
            resource.retain(|pair| !has_name(pair));
            resource.push(("service.name".to_owned(), name.to_owned()));
        }
        let headers = list("OTEL_EXPORTER_OTLP_HEADERS").into_iter();
        let timeout = set("OTEL_EXPORTER_OTLP_TIMEOUT").and_then(|text| text.parse().ok());
        Some(Self {
            traces,
            metrics,
            headers: headers
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            resource,
            parent: set("TRACEPARENT").and_then(|text| parent(text)),
            timeout: timeout.map_or(DEFAULT_TIMEOUT, Duration::from_millis),
        })
    }
}

/// `key=value,key=value` with values in the escapes of URLs, as in the header `baggage` of the W3C.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let decoded = pairs.map(|(key, value)| {
        let value = percent_encoding::percent_decode_str(value.trim());
        let value = value.decode_utf8_lossy().into_owned();
        (key.trim().to_owned(), value)
    });
    decoded.filter(|(key, _)| !key.is_empty()).collect()
}

/// The trace and the span of `00-TRACE-SPAN-FLAGS` (W3C Trace Context, 3.2).
fn parent(text: &str) -> Option<(String, String)> {
    let mut parts = text.trim().split('-');
    let (_, trace, span) = (parts.next()?, parts.next()?, parts.next()?);
    let is_id = |id: &str, length| {
        id.len() == length
            && id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'))
            && id.chars().any(|c| c != '0')
    };
    (is_id(trace, 32) && is_id(span, 16)).then(|| (trace.to_owned(), span.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Option<Telemetry> {
        let pairs = variables.iter();
        let environment = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Telemetry::read(&environment.collect())
    }

    #[test]
    fn nothing_is_sent_unless_an_address_is_set() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318");
        assert!(read(&[]).is_none());
        assert!(read(&[("OTEL_SERVICE_NAME", "x")]).is_none());
        assert!(read(&[endpoint, ("OTEL_SDK_DISABLED", "true")]).is_none());
        assert!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]).is_none());
        let none = ("OTEL_METRICS_EXPORTER", "none");
        let traces_only = read(&[endpoint, none]).unwrap();
        assert_eq!(
            traces_only.traces.as_deref(),
            Some("http://c:4318/v1/traces")
        );
        assert_eq!(traces_only.metrics, None);
    }

    #[test]
    fn the_address_of_a_signal_is_taken_as_it_is() {
        let telemetry = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318/"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://t/x"),
        ]);
        let telemetry = telemetry.unwrap();
        assert_eq!(telemetry.traces.as_deref(), Some("http://t/x"));
        assert_eq!(
            telemetry.metrics.as_deref(),
            Some("http://c:4318/v1/metrics")
        );
    }

    #[test]
    fn headers_resource_and_parent_are_read() {
        let trace = "0af7651916cd43dd8448eb211c80319c";
        let parent = format!("00-{trace}-b7ad6b7169203331-01");
        let telemetry = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "authorization=Bearer%20k, x=1",
            ),
            ("OTEL_RESOURCE_ATTRIBUTES", "team=a,service.name=b"),
            ("OTEL_SERVICE_NAME", "evals"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
            ("TRACEPARENT", &parent),
        ]);
        let telemetry = telemetry.unwrap();
        assert_eq!(telemetry.headers[0].1.expose(), "Bearer k");
        let resource = [("team", "a"), ("service.name", "evals")];
        assert_eq!(
            telemetry.resource,
            resource.map(|(a, b)| (a.to_owned(), b.to_owned()))
        );
        assert_eq!(telemetry.parent.unwrap().0, trace);
        assert_eq!(telemetry.timeout, Duration::from_millis(250));
        let broken = read(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"),
            ("TRACEPARENT", "00-x-y-01"),
        ]);
        assert_eq!(broken.unwrap().parent, None);
    }
}
