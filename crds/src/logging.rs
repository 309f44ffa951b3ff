//! What the server writes to its log.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The server's log on standard output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Logging {
    /// Least important level that is written: `error`, `warn`, `info`, `debug` or `trace`.
    #[serde(default)]
    pub level: LogLevel,
    /// `Json` writes one object a line, with trace and span ids; `Text` is for reading by eye.
    #[serde(default)]
    pub format: LogFormat,
}

/// Least important level that is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Only what failed.
    Error,
    /// Also what may need a look.
    Warn,
    /// Also what happens in normal work.
    #[default]
    Info,
    /// Also what helps to find a fault.
    Debug,
    /// Everything, very much of it.
    Trace,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// Plain text.
    Text,
}
