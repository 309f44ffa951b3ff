//! How much a spool may hold, as people write it.

/// Bytes, such as `64KiB`, `100MiB` or `1GiB`; the error is a sentence.
pub fn parse_limit(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err("not a size, such as 100MiB or 1GiB".to_owned()),
    };
    let number: u64 = digits.parse().map_err(|_| "not a size".to_owned())?;
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "not a size that a disk may have".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_or_refused() {
        for (text, expected) in [
            ("1", Some(1)),
            ("64KiB", Some(65_536)),
            ("1GiB", Some(1 << 30)),
            ("0", None),
            ("1GB", None),
            ("GiB", None),
            ("99999999999TiB", None),
        ] {
            assert_eq!(parse_limit(text).ok(), expected, "{text}");
        }
    }
}
