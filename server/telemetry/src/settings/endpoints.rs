//! Decides where each signal goes: the base URL, the path that OTLP/HTTP adds, and the exceptions.

use url::Url;

use super::{InvalidSetting, Otel, Protocol};
use crate::signal::Signal;

/// The URL of each signal; `None` means that it is not exported. At least one is.
#[derive(Debug, Clone)]
pub(crate) struct Targets {
    pub(crate) traces: Option<Url>,
    pub(crate) metrics: Option<Url>,
    pub(crate) logs: Option<Url>,
}

impl Targets {
    /// Takes a signal's own URL verbatim, else the base URL; over HTTP a base URL gets
    /// `/v1/{signal}`, as the OTLP exporter specification says. A base URL with a path is taken
    /// for the full address of a backend that accepts nothing but traces.
    ///
    /// Without a base URL, traces and metrics go only where they have an address of their own: a
    /// backend for one signal needs one line. Logs were asked for, so they must have one.
    pub(super) fn resolve(otel: &Otel) -> Result<Self, InvalidSetting> {
        let wanted = |signal: Signal, wanted: bool| {
            if wanted {
                resolve(otel, signal)
            } else {
                Ok(None)
            }
        };
        let targets = Self {
            traces: resolve(otel, Signal::Traces)?,
            metrics: wanted(Signal::Metrics, otel.export_metrics)?,
            logs: wanted(Signal::Logs, otel.export_logs)?,
        };
        if otel.export_logs && targets.logs.is_none() {
            return Err(InvalidSetting::new(
                "otel.endpoint",
                "is needed to export logs, unless `otel.endpoints.logs` is set",
            ));
        }
        if targets.traces.is_none() && targets.metrics.is_none() && targets.logs.is_none() {
            return Err(InvalidSetting::new(
                "otel.endpoint",
                "is needed while `otel.enabled` is true, unless `otel.endpoints` has a URL",
            ));
        }
        Ok(targets)
    }
}

fn resolve(otel: &Otel, signal: Signal) -> Result<Option<Url>, InvalidSetting> {
    let (key, own) = match signal {
        Signal::Traces => ("otel.endpoints.traces", &otel.endpoints.traces),
        Signal::Metrics => ("otel.endpoints.metrics", &otel.endpoints.metrics),
        Signal::Logs => ("otel.endpoints.logs", &otel.endpoints.logs),
    };
    if !own.is_empty() {
        return parse(key, own, otel.protocol).map(Some);
    }
    if otel.endpoint.is_empty() {
        return Ok(None);
    }
    let mut url = parse("otel.endpoint", &otel.endpoint, otel.protocol)?;
    let has_path = url.path() != "/";
    match (otel.protocol, signal) {
        (Protocol::Grpc, _) => {}
        (Protocol::Http, Signal::Traces) if has_path => {}
        (Protocol::Http, _) if has_path => {
            return Err(InvalidSetting::new(
                "otel.endpoint",
                format!(
                    "`{}` has a path, so it can only be the address for traces: set `{key}`, or do not export {signal}",
                    otel.endpoint
                ),
            ));
        }
        (Protocol::Http, _) => url.set_path(signal.http_path()),
    }
    Ok(Some(url))
}

fn parse(key: &'static str, text: &str, protocol: Protocol) -> Result<Url, InvalidSetting> {
    let url =
        Url::parse(text).map_err(|error| InvalidSetting::new(key, format!("`{text}`: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(InvalidSetting::new(
            key,
            format!("`{text}` is not a URL that begins with http:// or https://"),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(InvalidSetting::new(
            key,
            "has a user or password in it: send credentials by `otel.headers`",
        ));
    }
    if url.fragment().is_some() {
        return Err(InvalidSetting::new(key, format!("`{text}` has a fragment")));
    }
    // The path of a gRPC call is the name of its method: one in the URL would be dropped in silence.
    if protocol == Protocol::Grpc && (url.path() != "/" || url.query().is_some()) {
        return Err(InvalidSetting::new(
            key,
            format!(
                "`{text}` has a path, which gRPC cannot use: remove it or set `otel.protocol: http`"
            ),
        ));
    }
    Ok(url)
}
