//! Arithmetic of what was seen.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

/// Now, in seconds since 1970.
pub fn now() -> f64 {
    Timestamp::try_from(SystemTime::now())
        .unwrap_or_default()
        .as_duration()
        .as_secs_f64()
}

/// Sleeps until a moment in seconds since 1970.
pub async fn sleep_until(moment: f64) {
    let pause = (moment - now()).max(0.0);
    tokio::time::sleep(Duration::from_secs_f64(pause)).await;
}

/// The first whole minute that is at least so many seconds ahead, in seconds since 1970.
#[allow(clippy::cast_possible_truncation, reason = "a time is far below 2^63")]
pub fn next_minute(ahead: f64) -> i64 {
    ((now() + ahead) / 60.0).ceil() as i64 * 60
}

/// The smallest of the values that so large a share of them does not exceed (nearest rank).
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts are far below 2^53"
)]
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.clamp(1, sorted.len().max(1)) - 1)
        .copied()
        .unwrap_or(f64::NAN)
}

/// A count as a figure.
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
pub fn figure(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        for (share, expected) in [(0.5, 100.0), (0.99, 198.0), (1.0, 200.0), (0.0, 1.0)] {
            assert!((percentile(&values, share) - expected).abs() < 1e-9);
        }
        assert!(percentile(&[], 0.5).is_nan());
    }
}
