//! When a connection has used up its time, as a table.

use std::time::Duration;

use tokio::time::Instant;

use super::Closed;
use super::activity::Activity;

const HANDSHAKE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_mins(1);

enum Step {
    Read(&'static [u8]),
    Begin,
    End,
    Wait(u64),
}
use Step::{Begin, End, Read, Wait};

const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[test]
fn each_way_of_doing_nothing_has_its_limit() {
    let cases: [(&str, &[Step], Option<Closed>); 11] = [
        ("new", &[Wait(10)], None),
        ("silent", &[Wait(11)], Some(Closed::HandshakeTimeout)),
        (
            "half a header",
            &[Read(b"GET / HT"), Wait(11)],
            Some(Closed::HandshakeTimeout),
        ),
        (
            "half an HTTP/2 hello",
            &[Read(b"PRI * HTTP/2.0\r\n"), Wait(11)],
            Some(Closed::HandshakeTimeout),
        ),
        (
            "HTTP/2 that has not called yet",
            &[Read(HELLO), Wait(59)],
            None,
        ),
        (
            "HTTP/2 that never calls",
            &[Read(HELLO), Wait(61)],
            Some(Closed::Idle),
        ),
        (
            "between two requests",
            &[Read(b"G"), Begin, End, Wait(59)],
            None,
        ),
        (
            "no second request",
            &[Read(b"G"), Begin, End, Wait(61)],
            Some(Closed::Idle),
        ),
        (
            "half a second header",
            &[Read(b"G"), Begin, End, Wait(5), Read(b"GE"), Wait(11)],
            Some(Closed::HandshakeTimeout),
        ),
        (
            "a request whose bytes move",
            &[Read(b"G"), Begin, Wait(50), Read(b"x"), Wait(50)],
            None,
        ),
        (
            "a request that stands still",
            &[Read(b"G"), Begin, Wait(61)],
            Some(Closed::Stalled),
        ),
    ];
    for (name, steps, expected) in cases {
        let mut now = Instant::now();
        let activity = Activity::new(now);
        for step in steps {
            match step {
                Read(bytes) => activity.read(bytes, now),
                Begin => activity.request_began(),
                End => activity.request_ended(now),
                Wait(seconds) => now += Duration::from_secs(*seconds),
            }
        }
        assert_eq!(activity.overdue(now, HANDSHAKE, IDLE), expected, "{name}");
    }
}
