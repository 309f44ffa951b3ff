//! How this machine is doing, as Linux tells in `/proc`.

use std::fs;
use std::time::Instant;

use telecom_proto::v1::HeartbeatRequest;

/// Reads the figures of heartbeats; those that are rates are over the time since the reading before.
#[derive(Debug)]
pub struct Machine {
    read: Instant,
    /// Of all processors, in ticks: all, and idle.
    ticks: (u64, u64),
    /// Bytes received and sent by all interfaces but the loopback.
    traffic: (u64, u64),
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            read: Instant::now(),
            ticks: ticks(),
            traffic: traffic(),
        }
    }
}

impl Machine {
    /// The figures of now; zero where the machine does not tell.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "counts of ticks and bytes, far below 2^53"
    )]
    pub fn figures(&mut self) -> HeartbeatRequest {
        let before = std::mem::take(self);
        let elapsed = self.read.duration_since(before.read).as_secs_f64();
        let rate = |now: u64, then: u64| (now.saturating_sub(then) as f64 * 8.0 / elapsed) as u64;
        let all = self.ticks.0.saturating_sub(before.ticks.0);
        let idle = self.ticks.1.saturating_sub(before.ticks.1).min(all);
        let (memory_total_bytes, available) = memory();
        let mut load = words("/proc/loadavg")
            .into_iter()
            .map(|word| word.parse().ok());
        let mut load = || load.next().flatten().unwrap_or(0.0);
        HeartbeatRequest {
            cpu_usage_ratio: if all == 0 {
                0.0
            } else {
                (all - idle) as f64 / all as f64
            },
            memory_used_bytes: memory_total_bytes.saturating_sub(available),
            memory_total_bytes,
            load_1m: load(),
            load_5m: load(),
            load_15m: load(),
            rx_bps: rate(self.traffic.0, before.traffic.0),
            tx_bps: rate(self.traffic.1, before.traffic.1),
            ..Default::default()
        }
    }
}

fn words(path: &str) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

/// The first line of `/proc/stat`: `cpu user nice system idle iowait …`.
fn ticks() -> (u64, u64) {
    let words = words("/proc/stat");
    let ticks: Vec<u64> = words
        .iter()
        .skip(1)
        .map_while(|word| word.parse().ok())
        .collect();
    // The two behind the eighth are part of the first two.
    let all = ticks.iter().take(8).sum();
    (all, ticks.iter().skip(3).take(2).sum())
}

fn memory() -> (u64, u64) {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let figure = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let bytes = |name| figure(name).unwrap_or(0) << 10;
    (bytes("MemTotal:"), bytes("MemAvailable:"))
}

/// The columns of `/proc/net/dev` that count bytes.
fn traffic() -> (u64, u64) {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let mut sums = (0, 0);
    for line in text.lines().skip(2) {
        let Some((name, figures)) = line.split_once(':') else {
            continue;
        };
        if name.trim() == "lo" {
            continue;
        }
        let figures: Vec<u64> = figures
            .split_whitespace()
            .map_while(|word| word.parse().ok())
            .collect();
        sums.0 += figures.first().unwrap_or(&0);
        sums.1 += figures.get(8).unwrap_or(&0);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_what_a_heartbeat_may_say() {
        let mut machine = Machine::default();
        for _ in 0..3 {
            let figures = machine.figures();
            assert!((0.0..=1.0).contains(&figures.cpu_usage_ratio));
            assert!(figures.memory_total_bytes > 0);
            assert!(figures.memory_used_bytes <= figures.memory_total_bytes);
            assert!(figures.load_15m >= 0.0);
        }
    }
}
