//! What the agent is told by flags and environment.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum};
use http::Uri;

/// The reference agent of a node server.
///
/// Usage comes as lines of JSON on standard input, or on the socket of --listen; what became of it, and who
/// may use the node, go out the same way. docs/node-agent.md has each line.
#[derive(Debug, Clone, Parser)]
#[command(name = "telecom-node-agent", version, args_override_self = true, group(ArgGroup::new("node token").required(true)))]
pub struct Settings {
    /// The server: <http://telecom.example.net:50051>, or https.
    #[arg(long, env = "TELECOM_NODE_SERVER")]
    pub server: Uri,
    /// A file with the node's token; read again when the server no longer takes the token.
    #[arg(long, env = "TELECOM_NODE_TOKEN_FILE", group = "node token")]
    pub token_file: Option<PathBuf>,
    /// The node's token itself.
    #[arg(
        long,
        env = "TELECOM_NODE_TOKEN",
        group = "node token",
        hide_env_values = true
    )]
    pub token: Option<String>,
    /// Where usage is kept until the server has it, and who may use the node. One agent at a time.
    #[arg(long, env = "TELECOM_NODE_DATA_DIR")]
    pub data_dir: PathBuf,
    /// How long usage is added up before it is written down and reported.
    #[arg(long, default_value = "1s", value_parser = duration)]
    pub report_every: Duration,
    /// The longest time between heartbeats; the server may ask for more of them.
    #[arg(long, default_value = "10s", value_parser = duration)]
    pub heartbeat_every: Duration,
    /// How long to rely on what was last heard of access [default: what the server says, 10m before it has].
    #[arg(long, value_parser = duration)]
    pub access_ttl: Option<Duration>,
    /// What holds when nothing was heard for longer.
    #[arg(long, value_enum, default_value = "keep-last")]
    pub out_of_contact: OutOfContact,
    /// How much usage is kept on disk before no more of it is read.
    #[arg(long, default_value = "1GiB", value_parser = telecom_spool::parse_limit)]
    pub spool_limit: u64,
    /// A Unix socket for programs that bring usage and ask about access, besides standard input.
    #[arg(long)]
    pub listen: Option<PathBuf>,
}

/// What a node does that has not heard of access for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutOfContact {
    /// What was last heard holds on; each `valid_until` in it too.
    KeepLast,
    /// Nobody may use the node.
    DenyAll,
}

/// A duration above zero, such as `250ms`, `30s` or `10m`.
fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "not a duration, such as 30s or 2m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_or_refused() {
        for (text, expected) in [("250ms", Some(250)), ("1m", Some(60_000)), ("0s", None)] {
            let read = duration(text).ok().map(|duration| duration.as_millis());
            assert_eq!(read, expected, "{text}");
        }
        assert!(duration("-1s").is_err());
    }
}
