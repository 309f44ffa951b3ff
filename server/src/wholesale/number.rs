//! The number that a rate is chosen by.

use super::CallFacts;

/// What people write between digits to read them better: RFC 3966, 5.1.1, and the space.
const SEPARATORS: [char; 5] = [' ', '-', '.', '(', ')'];

/// The digits of the number that was called, without `+` or `00` before them: of `to_number`, or when that is
/// empty of the user part of `callee`. `None` when it is no telephone number.
pub fn digits(call: &CallFacts<'_>) -> Option<String> {
    let number = if call.to_number.is_empty() {
        user_part(call.callee)
    } else {
        call.to_number
    };
    international(number)
}

/// The digits of a number as people write it, without `+` or `00` before them.
pub(crate) fn international(number: &str) -> Option<String> {
    let number: String = number.chars().filter(|c| !SEPARATORS.contains(c)).collect();
    let digits = number.strip_prefix('+').or(number.strip_prefix("00"));
    let digits = digits.unwrap_or(&number);
    let good = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    good.then(|| digits.to_owned())
}

/// Who is called by a `sip`, `sips` or `tel` URI (RFC 3261, 19.1.1; RFC 3966, 3), also one in angle brackets, or
/// by a bare address. Empty when it names a host alone.
fn user_part(callee: &str) -> &str {
    let uri = match callee.rsplit_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or_default(),
        None => callee,
    };
    let (scheme, rest) = match uri.split_once(':') {
        Some((scheme, rest)) if scheme.bytes().all(|b| b.is_ascii_alphabetic()) => (scheme, rest),
        _ => ("", uri),
    };
    let user = match rest.rsplit_once('@') {
        Some((user, _)) => user,
        // Without a user, what a SIP URI names is a host.
        None if scheme.to_ascii_lowercase().starts_with("sip") => "",
        None => rest,
    };
    // Parameters of the number, a password.
    user.split([';', ':']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_what_was_called() {
        for (number, expected) in [
            ("+49 (30) 12-34.5", Some("493012345".to_owned())),
            ("0049301234", Some("49301234".to_owned())),
            ("+0049", Some("0049".to_owned())),
            ("00", None),
            ("+", None),
            ("", None),
            ("++49", None),
            ("49a", None),
            ("anonymous", None),
            ("4９", None),
            ("1001", Some("1001".to_owned())),
        ] {
            assert_eq!(international(number), expected, "{number}");
        }
    }

    #[test]
    fn the_user_part_of_who_was_called() {
        for (callee, expected) in [
            ("sip:+4930@host:5060;transport=udp", "+4930"),
            ("SIPS:+4930;phone-context=x:secret@host", "+4930"),
            ("\"A < B\" <sip:49@h>", "49"),
            ("\"Bob\" <sip:49@h>;tag=1", "49"),
            ("tel:+49-30;ext=5", "+49-30"),
            ("sip:192.0.2.1", ""),
            ("1001@host", "1001"),
            ("+4930", "+4930"),
            ("", ""),
        ] {
            assert_eq!(user_part(callee), expected, "{callee}");
        }
    }
}
