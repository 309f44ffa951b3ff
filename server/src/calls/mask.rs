//! Telephone numbers and names as those see them who may not see them in full.
//!
//! What is masked keeps its length, and masking it again changes nothing. Callers may be names as well as numbers, so
//! letters count as digits do.

/// So many of the last digits are hidden.
const HIDDEN: usize = 4;
/// With no more digits than this nothing is shown: the beginning alone would tell who it is.
const SHORT: usize = 6;

const STAR: char = '*';

/// A number without its last four digits: `+49301234****`; short ones without all.
pub fn number(text: &str) -> String {
    let stars = text.chars().rev().take_while(|c| *c == STAR).count();
    if stars >= HIDDEN {
        return text.to_owned();
    }
    let digits = text.chars().filter(|c| c.is_alphanumeric()).count();
    if digits <= SHORT {
        return all(text);
    }
    let mut left = digits - HIDDEN;
    let mut hidden = false;
    text.chars()
        .map(|c| {
            if c.is_alphanumeric() {
                hidden |= left == 0;
                left = left.saturating_sub(1);
            }
            if hidden { STAR } else { c }
        })
        .collect()
}

/// A URI with its user part masked; scheme and host stay: `sip:+49301234****@pbx.example.net`. What may follow the
/// host, and what does not begin like a URI, can hold numbers as well: it is hidden altogether.
pub fn uri(text: &str) -> String {
    let Some((scheme, rest)) = scheme(text) else {
        return if text.contains(|c: char| c.is_whitespace() || "<>\"@;?".contains(c)) {
            all(text)
        } else {
            number(text)
        };
    };
    match rest.split_once('@') {
        Some((user, host)) => format!("{scheme}{}@{}", before(user, ":;", number), after(host)),
        None => format!("{scheme}{}", before(rest, ";?", number)),
    }
}

/// Nothing of a name but its length.
pub fn name(text: &str) -> String {
    all(text)
}

/// `sip:`, `sips:` or `tel:`, and what follows.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let at = text.find(':')? + 1;
    let (scheme, rest) = text.split_at(at);
    let known = ["sip:", "sips:", "tel:"];
    let known = known.iter().any(|one| scheme.eq_ignore_ascii_case(one));
    known.then_some((scheme, rest))
}

/// What is before the first of `ends` as `shown`; the rest hidden but for that one character.
fn before(text: &str, ends: &str, shown: fn(&str) -> String) -> String {
    match text.find(|c| ends.contains(c)) {
        Some(end) => {
            let (first, rest) = text.split_at(end);
            let sign: String = rest.chars().take(1).collect();
            let rest: String = rest.chars().skip(1).map(|_| STAR).collect();
            format!("{}{sign}{rest}", shown(first))
        }
        None => shown(text),
    }
}

/// A host with its port, and nothing of what follows.
fn after(host: &str) -> String {
    before(host, ";?@<>, ", str::to_owned)
}

fn all(text: &str) -> String {
    text.chars().map(|_| STAR).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_lose_their_end() {
        for (given, masked) in [
            ("+493012345678", "+49301234****"),
            ("0301234567", "030123****"),
            ("+49 30 123-45-67", "+49 30 123-*****"),
            ("1234567", "123****"),
            ("123456", "******"),
            ("1001", "****"),
            ("", ""),
            ("anonymous", "anony****"),
            ("alice", "*****"),
            ("+4930123456*1#", "+4930123******"),
        ] {
            assert_eq!(number(given), masked, "{given}");
        }
    }

    #[test]
    fn uris_keep_scheme_and_host() {
        for (given, masked) in [
            (
                "sip:+493012345678@pbx.example.net:5060",
                "sip:+49301234****@pbx.example.net:5060",
            ),
            ("sips:1001@10.0.0.1", "sips:****@10.0.0.1"),
            ("SIP:alice:secret@host", "SIP:*****:******@host"),
            (
                "sip:0301234567;phone-context=+49@h;user=phone?X=0301234567",
                "sip:030123****;*****************@h;***********************",
            ),
            ("tel:+493012345678;ext=12", "tel:+49301234****;******"),
            ("sip:+493012345678", "sip:+49301234****"),
            ("+493012345678", "+49301234****"),
            ("\"Alice\" <sip:1@h>", "*****************"),
            ("0301234567@h", "************"),
            ("", ""),
        ] {
            assert_eq!(uri(given), masked, "{given}");
        }
    }

    /// How many digits and letters of the text are not those of the masked one.
    fn hidden(text: &str, masked: &str) -> usize {
        let pairs = text.chars().zip(masked.chars());
        pairs.filter(|(a, b)| a.is_alphanumeric() && a != b).count()
    }

    proptest! {
        #[test]
        fn the_last_four_digits_are_hidden(text in "\\+?[0-9]{1,3}[ -]?[0-9]{0,6}[ -]?[0-9]{0,9}") {
            let masked = number(&text);
            let digits = text.chars().filter(|c| c.is_alphanumeric()).count();
            let expected = if digits <= SHORT { digits } else { HIDDEN };
            prop_assert_eq!(hidden(&text, &masked), expected);
            prop_assert!(masked.ends_with(&"*".repeat(expected)));
            let kept = masked.trim_end_matches('*');
            prop_assert!(text.starts_with(kept));
        }

        #[test]
        fn of_a_uri_the_last_four_digits_of_the_user_are_hidden(
            user in "\\+?[0-9]{1,16}", host in "[a-z.]{1,12}", end in "(;[a-z=0-9]{0,9})?",
        ) {
            let masked = uri(&format!("sip:{user}@{host}{end}"));
            let begin = format!("sip:{}@{host}", number(&user));
            prop_assert!(masked.starts_with(&begin), "{}", masked);
            prop_assert!(!masked[begin.len()..].contains(char::is_alphanumeric));
        }

        #[test]
        fn whatever_it_is_length_stays_and_masking_again_changes_nothing(text in ".{0,40}") {
            for mask in [number, uri, name] {
                let masked = mask(&text);
                prop_assert_eq!(masked.chars().count(), text.chars().count());
                prop_assert_eq!(mask(&masked), masked.clone());
            }
        }

        #[test]
        fn uris_too(text in "(sip|tel|x):[+0-9a-z*:;@?]{0,20}(@[a-z0-9;?*]{0,9})?") {
            let masked = uri(&text);
            prop_assert_eq!(masked.chars().count(), text.chars().count());
            prop_assert_eq!(uri(&masked), masked.clone());
        }
    }
}
