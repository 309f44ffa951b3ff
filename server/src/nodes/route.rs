//! Networks that a node client leads to.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A network: an address without host bits, and how many of its bits count.
///
/// <https://www.rfc-editor.org/rfc/rfc4632> for IPv4, <https://www.rfc-editor.org/rfc/rfc4291> for IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    address: IpAddr,
    length: u8,
}

/// A text is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a CIDR prefix without host bits, such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NotARoute;

impl FromStr for Route {
    type Err = NotARoute;

    fn from_str(text: &str) -> Result<Self, NotARoute> {
        let (address, length) = text.split_once('/').ok_or(NotARoute)?;
        let digits = length.bytes().all(|b| b.is_ascii_digit());
        if !digits || (length.len() > 1 && length.starts_with('0')) {
            return Err(NotARoute);
        }
        let address: IpAddr = address.parse().map_err(|_| NotARoute)?;
        let length: u8 = length.parse().map_err(|_| NotARoute)?;
        // The bits that do not count; a shift by all of them leaves none.
        let (width, host_bits) = match address {
            IpAddr::V4(v4) => (32, v4.to_bits().checked_shl(length.into()) != Some(0)),
            IpAddr::V6(v6) => (128, v6.to_bits().checked_shl(length.into()) != Some(0)),
        };
        if length > width || (length < width && host_bits) {
            return Err(NotARoute);
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn networks() {
        for (text, canonical) in [
            ("10.0.0.0/8", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("192.0.2.1/32", Some("192.0.2.1/32")),
            ("::/0", Some("::/0")),
            ("2001:DB8:0::/32", Some("2001:db8::/32")),
            ("2001:db8::1/128", Some("2001:db8::1/128")),
            ("10.0.0.1/8", None),
            ("10.0.0.0/33", None),
            ("10.0.0.0/256", None),
            ("10.0.0.0", None),
            ("10.0.0.0/", None),
            ("10.0.0.0/+8", None),
            ("10.0.0.0/08", None),
            ("10.0.0/8", None),
            ("10.0.0.0/8 ", None),
            ("10.0.0.0/255.0.0.0", None),
            ("2001:db8::1/32", None),
            ("2001:db8::/129", None),
            ("fe80::%eth0/64", None),
            ("everywhere", None),
            ("", None),
            ("/", None),
            ("é/8", None),
        ] {
            let route = text.parse::<Route>().ok().map(|route| route.to_string());
            assert_eq!(route.as_deref(), canonical, "{text}");
        }
        assert!(
            format!("10.0.0.0/8{}", " ".repeat(100))
                .parse::<Route>()
                .is_err()
        );
        assert!("é".repeat(100).parse::<Route>().is_err());
    }

    proptest! {
        #[test]
        fn a_network_is_told_from_an_address_in_it(bits: u128, length in 0_u8..=128) {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            let network = Ipv6Addr::from_bits(bits & mask);
            let text = format!("{network}/{length}");
            prop_assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
            let inside = format!("{}/{length}", Ipv6Addr::from_bits(bits));
            prop_assert_eq!(inside.parse::<Route>().is_ok(), bits & !mask == 0);
        }

        #[test]
        fn the_same_for_ipv4(bits: u32, length in 0_u8..=32) {
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            let inside = format!("{}/{length}", Ipv4Addr::from_bits(bits));
            prop_assert_eq!(inside.parse::<Route>().is_ok(), bits & !mask == 0);
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            let _ = text.parse::<Route>();
        }
    }
}
