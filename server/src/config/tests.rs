//! Where values come from and what comes out; what each bad one says is tested on the program.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

struct File(PathBuf);

impl File {
    fn new(yaml: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{}.yaml", uuid::Uuid::new_v4()));
        std::fs::write(&path, yaml).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn nothing_given_means_defaults() {
    let config = TelecomConfig::load(None, &BTreeMap::new()).unwrap();
    assert_eq!(config.grpc.listen.to_string(), "0.0.0.0:50051");
    assert_eq!(config.http.listen.to_string(), "0.0.0.0:8080");
    assert_eq!(config.offline_timeout, Duration::from_secs(90));
    assert_eq!(config.metrics.interval, Duration::from_secs(15));
    assert_eq!(config.retention.daily_days, 800);
    assert!(config.database.is_none() && config.auth.keys.is_none());
    assert!(matches!(config.metrics.access, MetricsAccess::Open));
}

#[test]
fn the_environment_lies_over_the_file() {
    let file = File::new("http: {listen: '127.0.0.1:1'}\ngrpc: {listen: '127.0.0.1:2'}\n");
    let variables = environment(&[("TELECOM__GRPC__LISTEN", "127.0.0.1:3"), ("PATH", "/bin")]);
    let config = TelecomConfig::load(Some(&file.0), &variables).unwrap();
    assert_eq!(config.http.listen.port(), 1);
    assert_eq!(config.grpc.listen.port(), 3);
}

#[test]
fn an_empty_metrics_token_closes_and_digits_stay_text() {
    let variables = environment(&[("TELECOM__METRICS__BEARER_TOKEN", "")]);
    let config = TelecomConfig::load(None, &variables).unwrap();
    assert!(matches!(config.metrics.access, MetricsAccess::Closed));

    let variables = environment(&[("TELECOM__METRICS__BEARER_TOKEN", "0042")]);
    let config = TelecomConfig::load(None, &variables).unwrap();
    let MetricsAccess::Token(digest) = config.metrics.access else {
        panic!("a token must be one");
    };
    assert!(digest.matches(&Digest::of("0042")) && !digest.matches(&Digest::of("42")));
}

#[test]
fn nothing_secret_is_in_debug_output() {
    let variables = environment(&[
        ("TELECOM__DATABASE__URL", "postgresql://u:hunter2@h/d"),
        ("TELECOM__AUTH__OPERATOR_TOKEN", "hunter2hunter2hunter2"),
        ("TELECOM__METRICS__BEARER_TOKEN", "hunter2"),
        ("TELECOM__OTEL__HEADERS", "key=hunter2"),
    ]);
    let config = TelecomConfig::load(None, &variables).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

proptest! {
    /// Any file and any variable is an answer, never a panic, and a problem has a reason.
    #[test]
    fn anything_is_answered(
        yaml in "(grpc|otel|database|x): ?\\{?[a-z_]{0,12}: ?[^\\p{C}]{0,20}\\}?|.*",
        name in "(GRPC__LISTEN|OTEL__SAMPLE_RATIO|DATABASE__URL|[A-Z_]{0,12})",
        value in "[^\0]*",
    ) {
        let file = File::new(&yaml);
        let variables = environment(&[(&format!("TELECOM__{name}"), &value)]);
        if let Err(InvalidConfig(problems)) = TelecomConfig::load(Some(&file.0), &variables) {
            prop_assert!(!problems.is_empty());
            prop_assert!(problems.iter().all(|problem| !problem.reason.is_empty()));
        }
    }
}
