//! One program beside the agent: its lines of usage and questions in, what became of them out.

use std::io;
use std::pin::pin;
use std::time::Duration;

use prost_types::Timestamp;
use serde::Deserialize;
use telecom_proto::v1::UsageRow;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use crate::agent::Agent;
use crate::batch::{Batch, MAX_BYTES};
use crate::event::Event;

/// A line that comes in.
enum Line {
    Usage(Usage),
    Question(Subject),
    Sessions(u32),
}

impl Line {
    fn parse(text: &str) -> serde_json::Result<Self> {
        let mut line: serde_json::Value = serde_json::from_str(text)?;
        if let Some(subject) = line.get_mut("ask") {
            return serde_json::from_value(subject.take()).map(Self::Question);
        }
        if let Some(open) = line.get_mut("sessions") {
            return serde_json::from_value(open.take()).map(Self::Sessions);
        }
        serde_json::from_value(line).map(Self::Usage)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Usage {
    user_id: Uuid,
    node_client_id: i32,
    upload_bytes: i64,
    download_bytes: i64,
    used_at: Option<jiff::Timestamp>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    user_id: Uuid,
    node_client_id: i32,
}

/// Serves a program until it closes its end, or `ending` changes. Usage is added up for `report_every` before it
/// is written down.
pub async fn serve(
    agent: &Agent,
    input: impl AsyncBufRead,
    output: impl AsyncWrite + Unpin,
    report_every: Duration,
    mut ending: watch::Receiver<()>,
) -> io::Result<()> {
    let input = pin!(input);
    let mut lines = input.lines();
    let mut session = Session {
        agent,
        output,
        events: agent.events(),
        batch: Batch::default(),
        read: 0,
        due: None,
    };
    loop {
        let due = session.due;
        tokio::select! {
            line = lines.next_line() => match line? {
                Some(line) => session.line(&line).await?,
                None => break,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                session.flush().await?;
            }
            event = session.events.recv() => session.pass_on(event).await?,
            _ = ending.changed() => break,
        }
        if session.batch.is_full() {
            session.flush().await?;
        } else if session.due.is_none() && !session.batch.is_empty() {
            session.due = Some(Instant::now() + report_every);
        }
    }
    session.flush().await
}

struct Session<'a, O> {
    agent: &'a Agent,
    output: O,
    events: broadcast::Receiver<Event>,
    batch: Batch,
    /// Lines so far.
    read: u64,
    /// When the batch is to be written down.
    due: Option<Instant>,
}

impl<O: AsyncWrite + Unpin> Session<'_, O> {
    /// Takes up a line.
    async fn line(&mut self, line: &str) -> io::Result<()> {
        self.read += 1;
        match Line::parse(line) {
            Ok(Line::Usage(usage)) => match row(&usage) {
                Ok(row) => self.batch.add(usage.user_id, row),
                Err(error) => return self.bad(error.to_owned()).await,
            },
            Ok(Line::Question(ask)) => {
                let answer = Event::Access {
                    user_id: ask.user_id,
                    node_client_id: ask.node_client_id,
                    decision: self.agent.decide((ask.user_id, ask.node_client_id)),
                };
                return self.say(&answer).await;
            }
            Ok(Line::Sessions(open)) => self.agent.sessions(open),
            Err(error) => return self.bad(error.to_string()).await,
        }
        Ok(())
    }

    async fn bad(&mut self, error: String) -> io::Result<()> {
        let line = self.read;
        tracing::warn!(line, error, "a line that is not understood");
        self.say(&Event::BadLine { line, error }).await
    }

    async fn pass_on(&mut self, event: Result<Event, RecvError>) -> io::Result<()> {
        match event {
            Ok(event) => self.say(&event).await,
            Err(RecvError::Lagged(_)) => self.say(&Event::Reload).await,
            // The agent holds the other end.
            Err(RecvError::Closed) => Ok(()),
        }
    }

    /// Writes down what was added up, and says so when it is on the disk. While that waits for room, nothing
    /// is read.
    async fn flush(&mut self) -> io::Result<()> {
        self.due = None;
        if self.batch.is_empty() {
            return Ok(());
        }
        let mut written = pin!(self.agent.report(self.batch.take()));
        loop {
            tokio::select! {
                written = &mut written => {
                    written.map_err(io::Error::other)?;
                    return self.say(&Event::Taken { through: self.read }).await;
                }
                event = self.events.recv() => self.pass_on(event).await?,
            }
        }
    }

    async fn say(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.output.write_all(&line).await?;
        self.output.flush().await
    }
}

fn row(usage: &Usage) -> Result<UsageRow, &'static str> {
    for bytes in [usage.upload_bytes, usage.download_bytes] {
        if !(0..=MAX_BYTES).contains(&bytes) {
            return Err("bytes are 0 to 2^50");
        }
    }
    let used_at = usage.used_at.unwrap_or_else(jiff::Timestamp::now);
    Ok(UsageRow {
        user_id: usage.user_id.to_string(),
        node_client_id: usage.node_client_id,
        used_at: Some(Timestamp {
            seconds: used_at.as_second(),
            nanos: used_at.subsec_nanosecond(),
        }),
        upload_bytes: usage.upload_bytes,
        download_bytes: usage.download_bytes,
    })
}
