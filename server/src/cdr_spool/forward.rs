//! Brings the records of the spool to the server, in their order, and lets go of those that it has.

use std::time::Duration;

use http::StatusCode;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::journal::{Journal, Waiting};
use super::metrics::Metrics;
use super::way::{Answer, Way, is_json};
use telecom_spool::backoff::{Backoff, LONGEST, jittered};

/// Records of one request.
const BATCH: usize = 200;
/// Bytes of one request, unless one record has more.
const BATCH_BYTES: usize = 1 << 20;
/// How often the gauges are set for whoever does not ask for `/metrics`.
const SHOW: Duration = Duration::from_secs(1);

/// What forwarding needs.
pub struct Forwarder {
    /// The spool.
    pub journal: Journal,
    /// The way to the server.
    pub way: Way,
    /// What is counted.
    pub metrics: Metrics,
    /// From then on nothing more comes, and what waits is sent without a pause before.
    pub last: CancellationToken,
}

/// How it goes.
#[derive(Debug)]
struct Course {
    backoff: Backoff,
    /// Records of the next request: fewer after one that was refused as a whole.
    batch: usize,
    /// Whether the server has taken anything of this process: that it is the server.
    known: bool,
    /// What went wrong last, unless it works.
    trouble: Option<String>,
}

impl Forwarder {
    /// Forwards until the last record has gone after the end of taking, or the future is dropped.
    pub async fn run(self) {
        tokio::select! {
            () = self.forward() => {}
            () = self.show() => {}
        }
    }

    async fn show(&self) {
        loop {
            self.metrics.show(self.journal.standing());
            sleep(SHOW).await;
        }
    }

    async fn forward(&self) {
        let mut course = Course {
            backoff: Backoff::default(),
            batch: BATCH,
            known: false,
            trouble: None,
        };
        loop {
            let records = match self.journal.first(course.batch, BATCH_BYTES).await {
                Ok(records) => records,
                Err(error) => {
                    let pause = course.backoff.pause();
                    self.wait(&mut course, error.to_string(), pause).await;
                    continue;
                }
            };
            if records.is_empty() {
                if self.last.is_cancelled() {
                    return;
                }
                tokio::select! {
                    () = self.journal.appended() => {}
                    () = self.last.cancelled() => {}
                }
                continue;
            }
            self.bring(records, &mut course).await;
        }
    }

    async fn bring(&self, mut records: Vec<Waiting>, course: &mut Course) {
        let json = records.iter().take_while(|record| is_json(&record.text));
        let json = json.count();
        let answer = if json == 0 {
            records.truncate(1);
            self.way.push(&records[0].text).await
        } else {
            records.truncate(json);
            let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
            match self.way.offer(&texts).await {
                // The other form is read with more patience.
                Answer::Refused(_) if json == 1 => self.way.push(texts[0]).await,
                answer => answer,
            }
        };
        match answer {
            Answer::Taken => self.taken(&records, course).await,
            Answer::Refused(_) if records.len() > 1 => {
                course.batch = records.len() / 2;
            }
            // Too large is too large, whoever says so; anything else only the server can say.
            Answer::Refused(code) if course.known || code == StatusCode::PAYLOAD_TOO_LARGE => {
                self.set_aside(records, code, course).await;
            }
            Answer::Refused(code) => {
                self.wait(course, code.to_string(), jittered(LONGEST)).await;
            }
            Answer::Denied(reason) => self.wait(course, reason, jittered(LONGEST)).await,
            Answer::Failed(reason) => {
                let pause = course.backoff.pause();
                self.wait(course, reason, pause).await;
            }
        }
    }

    async fn taken(&self, records: &[Waiting], course: &mut Course) {
        self.metrics.forwarded.inc_by(records.len() as u64);
        course.known = true;
        course.batch = (course.batch * 2).min(BATCH);
        if course.trouble.take().is_some() {
            let records = self.journal.standing().records;
            tracing::info!(records, "the server takes records again");
        }
        if self.release(records, course).await {
            course.backoff.reset();
        }
    }

    /// A record that can never be taken is put aside, so that those behind it are.
    async fn set_aside(&self, records: Vec<Waiting>, code: StatusCode, course: &mut Course) {
        for record in &records {
            let name = format!("{}.record", Uuid::now_v7());
            let kept = self.journal.set_aside(name.clone(), record.text.clone());
            if let Err(error) = kept.await {
                let pause = course.backoff.pause();
                return self.wait(course, error.to_string(), pause).await;
            }
            self.metrics.set_aside.inc();
            tracing::error!(
                file = name,
                code = code.as_u16(),
                "the server does not take a record; it lies in rejected/"
            );
        }
        self.release(&records, course).await;
    }

    async fn release(&self, records: &[Waiting], course: &mut Course) -> bool {
        let Some(last) = records.last() else {
            return true;
        };
        match self.journal.release(records.len(), last.next).await {
            Ok(()) => true,
            Err(error) => {
                let pause = course.backoff.pause();
                self.wait(course, format!("the spool's disk: {error}"), pause)
                    .await;
                false
            }
        }
    }

    /// Waits, unless this is the end; says why when it is not what it was the last time.
    async fn wait(&self, course: &mut Course, reason: String, pause: Duration) {
        if course.trouble.as_ref() != Some(&reason) {
            let records = self.journal.standing().records;
            tracing::warn!(reason, records, ?pause, "records wait");
            course.trouble = Some(reason);
        }
        if self.last.is_cancelled() {
            sleep(pause).await;
            return;
        }
        tokio::select! {
            () = sleep(pause) => {}
            () = self.last.cancelled() => course.backoff.reset(),
        }
    }
}
