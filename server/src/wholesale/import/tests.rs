//! Files as people bring them.

use super::*;
use crate::wholesale::nano_decimal;

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

const FROM: &str = "2026-11-28T00:00:00Z";

/// `line prefix rate minimum/increment period` of each good line.
fn good(csv: &[u8]) -> Vec<String> {
    let (rates, problems) = parse(csv, at(FROM), None);
    assert_eq!(problems, Problems::default());
    let shown = rates.iter().map(|Imported { line, rate }| {
        let (prefix, price) = (rate.prefix.as_str(), rate.price);
        let (minimum, increment) = (price.minimum_seconds, price.increment_seconds);
        let per_minute = nano_decimal(price.rate_nano);
        format!(
            "{line} {prefix} {per_minute} {minimum}/{increment} {}",
            rate.period
        )
    });
    shown.collect()
}

/// `line column` of each problem.
fn bad(csv: &[u8]) -> Vec<String> {
    let (_, problems) = parse(csv, at(FROM), Some(at(FROM)));
    let shown = problems
        .told()
        .iter()
        .map(|problem| format!("{} {}", problem.line, problem.column));
    shown.collect()
}

#[test]
fn what_spreadsheets_write_is_read() {
    let open = "from 2026-11-28T00:00:00Z on";
    assert_eq!(
        good(b"prefix,rate\n49,0.03\n,1\n"),
        [format!("2 49 0.03 0/1 {open}"), format!("3  1 0/1 {open}")]
    );
    // A byte order mark, CRLF, quotes, empty lines, spaces, columns in another order.
    let csv = "\u{feff}rate,prefix,increment_seconds,minimum_seconds,valid_to,valid_from\r\n\
        \r\n\"0.03\", 49 ,6,6,2027-01-01,2026-12-01T00:00:00+01:00\r\n\r\n\r\n5,1,,,,\r\n";
    assert_eq!(
        good(csv.as_bytes()),
        [
            "3 49 0.03 6/6 from 2026-11-30T23:00:00Z to 2027-01-01T00:00:00Z".to_owned(),
            format!("6 1 5 0/1 {open}"),
        ]
    );
}

#[test]
fn every_bad_line_is_told_with_its_place() {
    assert_eq!(bad(b""), ["0 "]);
    assert_eq!(bad(b"prefix,rate\n"), ["0 "]);
    assert_eq!(bad(b"49,0.03\n"), ["1 49", "1 0.03", "1 prefix", "1 rate"]);
    assert_eq!(
        bad(b"prefix,rate,description,rate\n49,1,Germany,1\n"),
        ["1 description", "1 rate"]
    );
    assert_eq!(bad(b"prefix,rate\n49,1\n\xff,1\n"), ["3 "]);
    let csv = "prefix,rate,minimum_seconds,increment_seconds,valid_from,valid_to\n\
        +49,0.03,6,6,,\n\
        49,-0.03,6,6,,\n\
        49,0.0000000001,6,6,,\n\
        49,1000000.000000001,-1,0,,\n\
        1234567890123456,x,+6,86401,tomorrow,2026-13-01\n\
        49,1\n\
        49,1,0,1,2026-11-27,\n\
        49,1,0,1,2026-12-01,2026-12-01\n\
        49,1,0,1,2026-12-01,\n";
    assert_eq!(
        bad(csv.as_bytes()),
        [
            "2 prefix",
            "3 rate",
            "4 rate",
            "5 rate",
            "5 minimum_seconds",
            "5 increment_seconds",
            "6 prefix",
            "6 rate",
            "6 minimum_seconds",
            "6 increment_seconds",
            "6 valid_from",
            "6 valid_to",
            "7 ",
            "8 valid_from",
            "9 valid_to",
        ]
    );
}

#[test]
fn many_problems_are_counted() {
    let lines = "49,x\n".repeat(1000);
    let (rates, problems) = parse(format!("prefix,rate\n{lines}").as_bytes(), at(FROM), None);
    assert_eq!(
        (rates.len(), problems.count(), problems.told().len()),
        (0, 1000, 100)
    );
}
