//! The `grpc-timeout` header.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>: up to eight digits and a unit.

use std::time::Duration;

use http::HeaderMap;

/// How long the caller will wait: `None` when it does not say, an error when it says nonsense.
pub(super) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, ()> {
    let Some(value) = headers.get("grpc-timeout") else {
        return Ok(None);
    };
    let text = value.to_str().map_err(|_| ())?;
    let unit_at = text.len().checked_sub(1).ok_or(())?;
    let (digits, unit) = text.split_at_checked(unit_at).ok_or(())?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(());
    }
    let count: u64 = digits.parse().map_err(|_| ())?;
    let timeout = match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return Err(()),
    };
    Ok(Some(timeout))
}
