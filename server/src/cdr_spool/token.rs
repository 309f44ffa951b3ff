//! The token of the PBX: what the server is shown, and what a request has to show here.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderValue;

use crate::auth::{Digest, Secret};

/// Where the token is.
#[derive(Debug)]
pub enum Source {
    /// In a file, whose content may change.
    File(PathBuf),
    /// It was given.
    Fixed(Secret),
}

/// The token as it was last read, and the one before: after a rotation a PBX may still send the other one.
#[derive(Debug)]
pub struct Token {
    source: Source,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    header: HeaderValue,
    current: Digest,
    previous: Option<Digest>,
}

impl Token {
    /// Reads the token.
    pub fn open(source: Source) -> io::Result<Self> {
        let token = source.read()?;
        let known = Known {
            header: header(&token)?,
            current: token.digest(),
            previous: None,
        };
        Ok(Self {
            source,
            known: Mutex::new(known),
        })
    }

    /// The `authorization` for the server.
    pub fn header(&self) -> HeaderValue {
        self.known().header.clone()
    }

    /// Whether a request may bring records.
    pub fn admits(&self, token: &str) -> bool {
        let shown = Digest::of(token);
        self.known().admits(&shown) || self.read_again() && self.known().admits(&shown)
    }

    /// Looks whether the file has another token by now.
    pub fn read_again(&self) -> bool {
        let read = self.source.read();
        match read.and_then(|token| Ok((header(&token)?, token.digest()))) {
            Ok((header, digest)) => self.known().replace(header, digest),
            Err(error) => {
                tracing::warn!(%error, "the file of the token cannot be read; the one before is used");
                false
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn admits(&self, shown: &Digest) -> bool {
        let previous = self.previous.as_ref();
        shown.matches(&self.current) || previous.is_some_and(|previous| shown.matches(previous))
    }

    fn replace(&mut self, header: HeaderValue, digest: Digest) -> bool {
        if digest.matches(&self.current) {
            return false;
        }
        self.previous = Some(std::mem::replace(&mut self.current, digest));
        self.header = header;
        true
    }
}

impl Source {
    fn read(&self) -> io::Result<Secret> {
        match self {
            Self::File(path) => Ok(Secret::new(fs::read_to_string(path)?.trim())),
            Self::Fixed(token) => Ok(token.clone()),
        }
    }
}

fn header(token: &Secret) -> io::Result<HeaderValue> {
    let text = token.expose();
    let visible = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let header = HeaderValue::from_str(&format!("Bearer {text}"));
    match header {
        Ok(mut header) if visible => {
            header.set_sensitive(true);
            Ok(header)
        }
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "is empty, or has spaces or characters beyond ASCII",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_was_replaced_is_still_admitted_and_no_longer_sent() {
        let name = format!("cdr-spool-token-{}", uuid::Uuid::new_v4());
        let file = std::env::temp_dir().join(name);
        fs::write(&file, "tpbx_1_old\n").unwrap();
        let token = Token::open(Source::File(file.clone())).unwrap();
        assert!(token.admits("tpbx_1_old") && !token.admits("tpbx_1_new"));
        fs::write(&file, "tpbx_1_new\n").unwrap();
        // Whoever shows it first makes the file be read.
        assert!(token.admits("tpbx_1_new") && token.admits("tpbx_1_old"));
        assert_eq!(token.header(), "Bearer tpbx_1_new");
        assert!(!token.read_again());
        fs::remove_file(&file).unwrap();
        assert!(!token.admits("tpbx_2_new") && token.admits("tpbx_1_new"));
    }

    #[test]
    fn what_is_no_header_is_no_token() {
        for text in ["", "two words", "tpbx_1_ü", "line\nbreak"] {
            let opened = Token::open(Source::Fixed(Secret::new(text)));
            assert!(opened.is_err(), "{text:?}");
        }
    }
}
