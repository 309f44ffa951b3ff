//! Reads the headers of an exporter from the form of `OTEL_EXPORTER_OTLP_HEADERS`.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::InvalidSetting;

const KEY: &str = "otel.headers";

/// Parses `key=value,key2=value2`, values percent-encoded as W3C Baggage has it
/// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>).
/// No message repeats a value: it may be a key to somebody's account.
pub(super) fn parse(text: &str) -> Result<HeaderMap, InvalidSetting> {
    let mut headers = HeaderMap::new();
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    for (position, pair) in pairs.enumerate() {
        let place = position + 1;
        let Some((name, value)) = pair.split_once('=') else {
            return Err(invalid(format!("pair {place} has no `=`")));
        };
        let name = HeaderName::from_bytes(name.trim().as_bytes())
            .map_err(|_| invalid(format!("pair {place}: the name is not a header name")))?;
        let decoded: Vec<u8> = percent_decode_str(value.trim()).collect();
        let value = HeaderValue::from_bytes(&decoded)
            .map_err(|_| invalid(format!("`{name}`: the value is not a header value")))?;
        headers.insert(name, sensitive(value));
    }
    Ok(headers)
}

fn invalid(reason: String) -> InvalidSetting {
    InvalidSetting::new(KEY, reason)
}

/// Marked, so that nothing below prints it.
fn sensitive(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}
