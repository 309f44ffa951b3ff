//! Reading one Secret value into facts that may be kept: a hash, and whether the value can serve its purpose.

use url::Url;

use crate::names::{long_hash, short_hash};

/// Shortest key that tokens are signed with, in bytes.
const SIGNING_KEY_MIN: usize = 32;

/// What is known of one referenced Secret key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFact {
    /// There is no such Secret.
    Missing,
    /// The Secret is there, the key is not.
    KeyMissing,
    /// The key is there and holds nothing, or only white space.
    Empty,
    /// The key holds a value.
    Present(KeyFacts),
}

/// What is kept of a Secret value. Each reading is an error sentence when the value cannot serve as
/// that; only the reading that fits the value's purpose is of interest. No sentence quotes the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFacts {
    /// Hash of the value.
    pub hash: String,
    /// The value as a PostgreSQL URL.
    pub url: Result<UrlFacts, String>,
    /// The value as a bearer token.
    pub token: Result<(), String>,
    /// The value as a key that tokens are signed with.
    pub signing_key: Result<(), String>,
    /// The value as a list of headers, `name=value,name2=value2`.
    pub headers: Result<(), String>,
    /// The value as PEM certificates.
    pub certificates: Result<(), String>,
}

/// The parts of a PostgreSQL URL that are no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlFacts {
    /// Host name or address.
    pub host: String,
    /// Port, 5432 unless given.
    pub port: u16,
    /// Name of the database.
    pub database: String,
}

impl UrlFacts {
    /// Tells databases apart; user and password do not count, since they may be rotated.
    pub fn identity(&self) -> String {
        short_hash(format!("{}:{}/{}", self.host, self.port, self.database))
    }
}

impl SecretFact {
    /// Reads one value of a Secret's `data`.
    pub fn of_value(value: &[u8]) -> Self {
        if value.trim_ascii().is_empty() {
            return Self::Empty;
        }
        let text = std::str::from_utf8(value).map_err(|_| "is not UTF-8 text".to_owned());
        Self::Present(KeyFacts {
            hash: long_hash(value),
            url: text.clone().and_then(read_url),
            token: text.clone().and_then(read_token),
            signing_key: text.clone().and_then(read_signing_key),
            headers: text.clone().and_then(read_headers),
            certificates: text.and_then(read_certificates),
        })
    }

    /// What is known of the value, if there is one.
    pub fn present(&self) -> Option<&KeyFacts> {
        match self {
            Self::Present(facts) => Some(facts),
            Self::Missing | Self::KeyMissing | Self::Empty => None,
        }
    }

    /// The hash of the value, if there is one.
    pub fn hash(&self) -> Option<&str> {
        self.present().map(|facts| facts.hash.as_str())
    }
}

fn read_url(text: &str) -> Result<UrlFacts, String> {
    let url = Url::parse(text.trim()).map_err(|error| {
        format!(
            "is not a URL ({error}); write postgres://user:password@host:5432/database, with special characters of the password percent-encoded"
        )
    })?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err(format!(
            "has the scheme `{}`; use postgres:// or postgresql://",
            scheme_for_display(url.scheme())
        ));
    }
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or("names no host; write postgres://user:password@host:5432/database".to_owned())?;
    let path = url.path().trim_start_matches('/');
    let database = if path.is_empty() {
        url.username()
    } else {
        path
    };
    if database.is_empty() {
        return Err(
            "names no database; write postgres://user:password@host:5432/database".to_owned(),
        );
    }
    Ok(UrlFacts {
        host: host.to_owned(),
        port: url.port().unwrap_or(5432),
        database: database.to_owned(),
    })
}

/// A value that is no URL at all may parse as `secret:more`: show only schemes that are well known.
fn scheme_for_display(scheme: &str) -> &str {
    match scheme {
        "http" | "https" | "mysql" | "jdbc" | "file" | "redis" | "mongodb" => scheme,
        _ => "(unknown)",
    }
}

fn read_token(text: &str) -> Result<(), String> {
    no_line_break(text)?;
    if text.bytes().any(|byte| !(0x21..=0x7e).contains(&byte)) {
        return Err(
            "holds a blank or a character outside printable ASCII, which a bearer token cannot"
                .to_owned(),
        );
    }
    Ok(())
}

/// HMAC-SHA256 wants a key as long as its result (RFC 7518, section 3.2), and so does the server.
fn read_signing_key(text: &str) -> Result<(), String> {
    no_line_break(text)?;
    if text.len() < SIGNING_KEY_MIN {
        return Err(format!(
            "is {} bytes long; tokens are signed with {SIGNING_KEY_MIN} or more (openssl rand -hex 32)",
            text.len()
        ));
    }
    Ok(())
}

fn no_line_break(text: &str) -> Result<(), String> {
    if text.ends_with(['\n', '\r']) {
        return Err(
            "ends with a line break; store it without one (printf %s, not echo)".to_owned(),
        );
    }
    Ok(())
}

fn read_headers(text: &str) -> Result<(), String> {
    for (index, pair) in text.trim().split(',').enumerate() {
        let position = index + 1;
        let Some((name, value)) = pair.split_once('=') else {
            return Err(format!(
                "has no `=` in entry {position}; write name=value,name2=value2"
            ));
        };
        if http::HeaderName::from_bytes(name.trim().as_bytes()).is_err() {
            return Err(format!(
                "has no valid header name in entry {position}; write name=value,name2=value2"
            ));
        }
        if http::HeaderValue::from_str(value.trim()).is_err() {
            return Err(format!(
                "has a character in the value of entry {position} that a header cannot carry"
            ));
        }
    }
    Ok(())
}

fn read_certificates(text: &str) -> Result<(), String> {
    if text.contains("-----BEGIN CERTIFICATE-----") && text.contains("-----END CERTIFICATE-----") {
        Ok(())
    } else {
        Err("holds no PEM certificate (-----BEGIN CERTIFICATE-----)".to_owned())
    }
}

#[cfg(test)]
mod tests;
