//! What a connection has been doing, written by its reads, writes and requests, read by its watch.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::Closed;

/// An HTTP/2 client preface and the SETTINGS frame's header that must follow it (RFC 9113, 3.4).
const HTTP2_HELLO: u64 = 24 + 9;

/// Times are milliseconds since the connection was accepted.
#[derive(Debug)]
pub(super) struct Activity {
    accepted: Instant,
    http2: AtomicBool,
    bytes_read: AtomicU64,
    /// When the request header that is being read began; 0 when none is.
    header_since: AtomicU64,
    requests: AtomicU64,
    in_flight: AtomicU32,
    last_request_end: AtomicU64,
    last_byte: AtomicU64,
    io_failed: AtomicBool,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            accepted: now,
            http2: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            header_since: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            last_request_end: AtomicU64::new(0),
            last_byte: AtomicU64::new(0),
            io_failed: AtomicBool::new(false),
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.accepted);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    /// Bytes came.
    pub(super) fn read(&self, bytes: &[u8], now: Instant) {
        let now = self.millis(now);
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // No HTTP/1 method begins like the HTTP/2 preface.
        if self.bytes_read.fetch_add(count, Relaxed) == 0 && bytes.starts_with(b"PRI") {
            self.http2.store(true, Relaxed);
        }
        self.last_byte.store(now, Relaxed);
        if self.in_flight.load(Relaxed) == 0 && self.header_since.load(Relaxed) == 0 {
            self.header_since.store(now.max(1), Relaxed);
        }
    }

    /// Bytes went.
    pub(super) fn wrote(&self, now: Instant) {
        self.last_byte.store(self.millis(now), Relaxed);
    }

    /// A read or a write failed: the peer is gone, whatever the protocol makes of it.
    pub(super) fn failed(&self) {
        self.io_failed.store(true, Relaxed);
    }

    pub(super) fn io_failed(&self) -> bool {
        self.io_failed.load(Relaxed)
    }

    pub(super) fn request_began(&self) {
        self.requests.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        self.header_since.store(0, Relaxed);
    }

    pub(super) fn request_ended(&self, now: Instant) {
        self.last_request_end.store(self.millis(now), Relaxed);
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Whether the connection has used up one of its times.
    pub(super) fn overdue(
        &self,
        now: Instant,
        handshake: Duration,
        idle: Duration,
    ) -> Option<Closed> {
        let now = self.millis(now);
        let past =
            |since: u64, limit: Duration| u128::from(now.saturating_sub(since)) > limit.as_millis();
        if self.in_flight.load(Relaxed) > 0 {
            return past(self.last_byte.load(Relaxed), idle).then_some(Closed::Stalled);
        }
        // A gRPC client may connect long before it calls: its hello is enough.
        let http2 = self.http2.load(Relaxed);
        let greeted = http2 && self.bytes_read.load(Relaxed) >= HTTP2_HELLO;
        if self.requests.load(Relaxed) == 0 && !greeted {
            return past(0, handshake).then_some(Closed::HandshakeTimeout);
        }
        let header_since = self.header_since.load(Relaxed);
        if !http2 && header_since > 0 && past(header_since, handshake) {
            return Some(Closed::HandshakeTimeout);
        }
        past(self.last_request_end.load(Relaxed), idle).then_some(Closed::Idle)
    }
}
