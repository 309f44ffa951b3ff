//! Whether a watch works: its failures are all counted, and told once until it works again.

use kube::runtime::watcher;

use crate::metrics::Metrics;

/// One watch.
pub(super) struct Health {
    kind: &'static str,
    failing: bool,
}

impl Health {
    pub(super) fn new(kind: &'static str) -> Self {
        Self {
            kind,
            failing: false,
        }
    }

    /// Something has come.
    pub(super) fn works(&mut self) {
        if std::mem::take(&mut self.failing) {
            tracing::info!(kind = self.kind, "the watch works again");
        }
    }

    /// An outage has all watches fail again and again, each with the same words.
    pub(super) fn failed(&mut self, metrics: &Metrics, error: &watcher::Error) {
        let kind = self.kind;
        metrics.watch_failed(kind);
        if std::mem::replace(&mut self.failing, true) {
            tracing::debug!(kind, %error, "the watch fails still");
        } else {
            tracing::warn!(kind, %error, "a watch failed; it is tried again until it works");
        }
    }
}
