//! Requests as the apiserver's audit log has them: the only place that tells them apart by user agent.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;

use anyhow::Result;
use jiff::Timestamp;
use serde::Deserialize;

/// The log of one apiserver.
#[derive(Debug, Clone)]
pub struct AuditLog {
    path: PathBuf,
}

/// A place in the log.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// One request that has been answered.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    #[serde(default)]
    stage: String,
    /// The method, in Kubernetes' words.
    pub verb: String,
    #[serde(default)]
    user_agent: String,
    #[serde(rename = "requestReceivedTimestamp")]
    received: Timestamp,
    object_ref: Option<Reference>,
    response_status: Option<Answer>,
}

#[derive(Debug, Clone, Deserialize)]
struct Reference {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
    #[serde(default)]
    name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Answer {
    #[serde(default)]
    code: u16,
}

impl AuditLog {
    /// The log in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// The end of the log as it is now.
    pub fn mark(&self) -> Result<Mark> {
        Ok(Mark(self.path.metadata()?.len()))
    }

    /// What was answered since, to those whose user agent begins so.
    pub fn since(&self, mark: Mark, agent: &str) -> Result<Requests> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(mark.0))?;
        let mut all = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may be half written.
            let Ok(request) = serde_json::from_str::<Request>(&line?) else {
                continue;
            };
            if request.user_agent.starts_with(agent) && request.counts() {
                all.push(request);
            }
        }
        Ok(Requests(all))
    }
}

impl Request {
    /// When it arrived, in seconds since 1970.
    pub fn at(&self) -> f64 {
        self.received.as_duration().as_secs_f64()
    }

    /// What it was about, such as `telecomclusters/status`.
    pub fn resource(&self) -> String {
        let Some(of) = &self.object_ref else {
            return "-".to_owned();
        };
        if of.subresource.is_empty() {
            of.resource.clone()
        } else {
            format!("{}/{}", of.resource, of.subresource)
        }
    }

    /// The name of the object; those that are created may have none.
    pub fn name(&self) -> &str {
        self.object_ref.as_ref().map_or("", |of| of.name.as_str())
    }

    /// Whether it was answered with success.
    pub fn succeeded(&self) -> bool {
        self.response_status
            .as_ref()
            .is_some_and(|answer| (200..300).contains(&answer.code))
    }

    fn is_read(&self) -> bool {
        ["get", "list", "watch"].contains(&self.verb.as_str())
    }

    /// Each once: a watch when it begins, everything else when it has been answered.
    fn counts(&self) -> bool {
        let stage = if self.verb == "watch" {
            "ResponseStarted"
        } else {
            "ResponseComplete"
        };
        self.stage == stage
    }
}

/// Some requests.
#[derive(Debug, Default)]
pub struct Requests(pub Vec<Request>);

impl Requests {
    /// Those that arrived from one moment to another.
    #[must_use]
    pub fn between(self, from: f64, to: f64) -> Self {
        self.filter(|request| (from..to).contains(&request.at()))
    }

    /// Those that write, but not the Lease, which is written however many jobs there are.
    #[must_use]
    pub fn writes(self) -> Self {
        self.filter(|request| !request.is_read() && request.resource() != "leases")
    }

    /// Those that read.
    #[must_use]
    pub fn reads(self) -> Self {
        self.filter(Request::is_read)
    }

    /// Those about one resource.
    #[must_use]
    pub fn about(self, resource: &str) -> Self {
        self.filter(|request| request.resource() == resource)
    }

    fn filter(self, wanted: impl Fn(&Request) -> bool) -> Self {
        Self(self.0.into_iter().filter(wanted).collect())
    }

    /// How many.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn count(&self) -> f64 {
        self.0.len() as f64
    }

    /// How many of each verb and resource.
    pub fn kinds(&self) -> BTreeMap<String, usize> {
        let mut kinds = BTreeMap::new();
        for request in &self.0 {
            let kind = format!("{} {}", request.verb, request.resource());
            *kinds.entry(kind).or_default() += 1;
        }
        kinds
    }

    /// The most that arrived within any one second.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    pub fn most_in_a_second(&self) -> f64 {
        let mut times: Vec<f64> = self.0.iter().map(Request::at).collect();
        times.sort_by(f64::total_cmp);
        let (mut window, mut most) = (VecDeque::new(), 0);
        for time in times {
            window.push_back(time);
            while window.front().is_some_and(|first| *first <= time - 1.0) {
                window.pop_front();
            }
            most = most.max(window.len());
        }
        most as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(verb: &str, stage: &str, resource: &str, at: &str) -> String {
        format!(
            r#"{{"verb":"{verb}","stage":"{stage}","userAgent":"telecom-operator/0.1.0","requestReceivedTimestamp":"{at}","objectRef":{{"resource":"{resource}"}},"responseStatus":{{"code":200}}}}"#
        )
    }

    #[test]
    fn each_request_counts_once_and_the_lease_is_no_write() {
        let folder = super::super::process::Folder::new().unwrap();
        let log = AuditLog::new(folder.path().join("audit.log"));
        let lines = [
            request(
                "patch",
                "ResponseComplete",
                "telecomclusters",
                "2026-03-04T10:00:00.100000Z",
            ),
            request(
                "create",
                "ResponseComplete",
                "events",
                "2026-03-04T10:00:00.900000Z",
            ),
            request(
                "create",
                "ResponseComplete",
                "events",
                "2026-03-04T10:00:01.200000Z",
            ),
            request(
                "update",
                "ResponseComplete",
                "leases",
                "2026-03-04T10:00:01.300000Z",
            ),
            request(
                "watch",
                "ResponseStarted",
                "secrets",
                "2026-03-04T10:00:01.300000Z",
            ),
            request(
                "watch",
                "ResponseComplete",
                "secrets",
                "2026-03-04T10:00:01.300000Z",
            ),
        ];
        std::fs::write(&log.path, lines.join("\n")).unwrap();
        let seen = || log.since(Mark(0), "telecom-operator/").unwrap();
        assert_eq!(seen().0.len(), 5);
        assert_eq!(seen().reads().0.len(), 1);
        assert_eq!(seen().writes().0.len(), 3);
        assert!((seen().writes().most_in_a_second() - 2.0).abs() < 1e-9);
        assert!(log.since(Mark(0), "kube-").unwrap().0.is_empty());
    }
}
