//! What `cdr-spool` is told by flags and environment.

use std::net::SocketAddr;
use std::path::PathBuf;

use http::Uri;

use super::token::Source;
use crate::auth::Secret;
use crate::failure::Failure;

/// The token itself, which stands in no list of processes.
const TOKEN: &str = "TELECOM_CDR_SPOOL_TOKEN";

/// The flags of `cdr-spool`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Address and port to take records at; another than a loopback one asks for the token.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TELECOM_CDR_SPOOL_LISTEN",
        default_value = "127.0.0.1:8098"
    )]
    pub(super) listen: SocketAddr,
    /// Where the server takes records: <https://telecom.example.net/v1/call-records>.
    #[arg(long, value_name = "URL", env = "TELECOM_CDR_SPOOL_SERVER", value_parser = server)]
    pub(super) server: Uri,
    /// A file with the token of the PBX, read again when a token is not taken; instead of `TELECOM_CDR_SPOOL_TOKEN`.
    #[arg(long, value_name = "FILE", env = "TELECOM_CDR_SPOOL_TOKEN_FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// Where records are kept until the server has them; of one process at a time.
    #[arg(long, value_name = "DIRECTORY", env = "TELECOM_CDR_SPOOL_DATA_DIR")]
    pub(super) data_dir: PathBuf,
    /// How much is kept before nothing more is taken.
    #[arg(long, value_name = "BYTES", env = "TELECOM_CDR_SPOOL_LIMIT", default_value = "1GiB", value_parser = telecom_spool::parse_limit)]
    pub(super) spool_limit: u64,
}

impl Arguments {
    pub(super) fn token(&self) -> Result<Source, Failure> {
        let given = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        match (&self.token_file, given) {
            (Some(file), _) => Ok(Source::File(file.clone())),
            (None, Some(token)) => Ok(Source::Fixed(Secret::new(token))),
            (None, None) => Err(Failure::Usage(format!(
                "give the token of the PBX: --token-file, or {TOKEN} in the environment"
            ))),
        }
    }
}

fn server(text: &str) -> Result<Uri, String> {
    let url: Uri = text.parse().map_err(|_| SHAPE.to_owned())?;
    let complete = url.host().is_some_and(|host| !host.is_empty()) && url.path().len() > 1;
    let plain = url.authority().is_some_and(|it| !it.as_str().contains('@'));
    match url.scheme_str() {
        Some("http" | "https") if complete && plain => Ok(url),
        _ => Err(SHAPE.to_owned()),
    }
}

const SHAPE: &str = "not a URL such as https://telecom.example.net/v1/call-records";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_a_whole_url_without_a_password() {
        for (text, good) in [
            ("http://telecom:8080/v1/call-records", true),
            ("https://telecom.example.net/v1/call-records", true),
            ("https://telecom.example.net", false),
            (
                "https://me:secret@telecom.example.net/v1/call-records",
                false,
            ),
            ("telecom.example.net/v1/call-records", false),
            ("ftp://telecom.example.net/v1/call-records", false),
        ] {
            assert_eq!(server(text).is_ok(), good, "{text}");
        }
    }
}
