//! A subscriber's telephone number, as it may stand in records of calls.

/// A number of 3 to 64 characters, besides a leading `+`.
#[derive(Clone, PartialEq, Eq)]
pub struct SubscriberNumber(String);

impl SubscriberNumber {
    /// The number; `None` when it is too short or too long, or has characters that no record has.
    pub fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+').unwrap_or(text);
        let good = (3..=64).contains(&text.chars().count())
            && digits.chars().count() >= 3
            && !digits.chars().any(char::is_control);
        good.then(|| Self(digits.to_owned()))
    }

    /// Without a leading `+`.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// With and without a leading `+`.
    pub fn written(&self) -> [String; 2] {
        [self.0.clone(), format!("+{}", self.0)]
    }
}

/// Numbers are not for logs.
impl std::fmt::Debug for SubscriberNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SubscriberNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_found_with_and_without_its_plus() {
        for text in ["+493012345678", "493012345678"] {
            let number = SubscriberNumber::new(text).unwrap();
            assert_eq!(number.written(), ["493012345678", "+493012345678"]);
            assert_eq!(number.digits(), "493012345678");
            assert!(!format!("{number:?}").contains("4930"));
        }
        for bad in ["", "12", "+12", "123\0", &"1".repeat(65)] {
            assert!(SubscriberNumber::new(bad).is_none(), "{bad:?}");
        }
    }
}
