//! The log levels of the operators that share a Lease, by its annotation: whoever may edit the Lease may choose who
//! leads, so no further permission is needed, and nobody else can reach it.

use k8s_openapi::api::coordination::v1::Lease;
use telecom_telemetry::LogFilter;

use crate::names::LOG_FILTER_ANNOTATION;

/// The kube crates log each request that fails as an error without saying what it was for; we say that once.
const KUBE: &str = "kube_client::client::builder=off,kube_runtime::watcher=error";

/// Levels as a user writes them, without what the kube crates say of failures; whoever names those or asks for
/// everything hears them.
pub fn without_kube(levels: &str) -> String {
    let mut directives = levels.split(',').map(str::trim);
    let asked = directives.any(|directive| {
        let word = directive.to_ascii_lowercase();
        word.starts_with("kube") || word == "debug" || word == "trace"
    });
    if asked {
        levels.to_owned()
    } else {
        format!("{levels},{KUBE}")
    }
}

/// Brings the filter to what the Lease says.
#[derive(Debug)]
pub struct Levels {
    filter: LogFilter,
    seen: Option<String>,
}

impl Levels {
    /// The filter holds what the flag says so far.
    pub fn new(filter: LogFilter) -> Self {
        Self { filter, seen: None }
    }

    /// Takes a Lease up. What is no filter changes nothing; without the annotation the flag holds again.
    pub(super) fn follow(&mut self, lease: &Lease) {
        let annotations = lease.metadata.annotations.as_ref();
        let wanted = annotations.and_then(|all| all.get(LOG_FILTER_ANNOTATION));
        let wanted = wanted.filter(|wanted| !wanted.trim().is_empty());
        if wanted == self.seen.as_ref() {
            return;
        }
        self.seen = wanted.cloned();
        let filter = wanted.map(|wanted| without_kube(wanted));
        match self.filter.set(filter.as_deref().unwrap_or_default()) {
            Ok(()) => {
                let filter = self.filter.current();
                tracing::info!(filter, "the log filter was changed");
            }
            Err(error) => {
                tracing::warn!(%error, "the Lease's annotation {LOG_FILTER_ANNOTATION} is no log filter");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! What a Lease says, step by step.

    use std::io;

    use telecom_telemetry::{Config, Service};

    use super::*;

    fn lease(filter: Option<&str>) -> Lease {
        let annotation = |filter: &str| [(LOG_FILTER_ANNOTATION.to_owned(), filter.to_owned())];
        let mut lease = Lease::default();
        lease.metadata.annotations = filter.map(|filter| annotation(filter).into());
        lease
    }

    #[tokio::test]
    async fn the_lease_rules_until_its_annotation_is_gone() {
        let config = Config::for_service(Service::new("telecom-operator", "0.1.0"));
        let registry = prometheus::Registry::new();
        let settings = config.validate().unwrap();
        let (telemetry, _kept) = telecom_telemetry::build(&settings, &registry, io::sink).unwrap();
        let filter = telemetry.log_filter();
        let mut levels = Levels::new(filter.clone());
        let first = filter.current();
        let steps = [
            (None, first.as_str()),
            (Some("debug"), "debug"),
            (Some("loud"), "debug"),
            (Some("trace"), "trace"),
            (Some(" "), first.as_str()),
            (Some("info,kube_client=warn"), "kube_client=warn,info"),
            (None, first.as_str()),
        ];
        for (annotation, expected) in steps {
            levels.follow(&lease(annotation));
            assert_eq!(filter.current(), expected, "{annotation:?}");
        }
    }

    #[test]
    fn the_kube_crates_are_heard_by_who_asks() {
        for asked in [
            "debug",
            "kube_client=info",
            "info, kube_runtime=warn",
            "TRACE",
        ] {
            assert_eq!(without_kube(asked), asked);
        }
        for silent in ["info", "warn,telecom_operator=debug"] {
            let levels = without_kube(silent);
            assert!(
                levels.starts_with(silent) && levels.ends_with(KUBE),
                "{levels}"
            );
        }
    }
}
