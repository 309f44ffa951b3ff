//! The memory of Secrets under the events of a metadata watch.

use k8s_openapi::ByteString;

use super::*;

fn secret(name: &str, version: &str, value: &str) -> Secret {
    Secret {
        metadata: ObjectMeta {
            namespace: Some("a".to_owned()),
            name: Some(name.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        },
        data: Some([("key".to_owned(), ByteString(value.as_bytes().to_vec()))].into()),
        ..Secret::default()
    }
}

fn meta(name: &str, version: &str) -> PartialObjectMeta<Secret> {
    PartialObjectMeta {
        metadata: secret(name, version, "").metadata,
        ..PartialObjectMeta::default()
    }
}

fn fetched(secrets: &Secrets, user: &ClusterKey, name: &str) -> bool {
    let place = (user.namespace.clone(), name.to_owned());
    secrets.remembered(user, &place).is_ok()
}

#[test]
fn a_moved_version_is_fetched_again_and_its_users_are_told() {
    let secrets = Arc::new(Secrets::default());
    let mut feed = SecretFeed::new(Arc::clone(&secrets), None);
    let demo = ClusterKey::new("a", "demo");
    secrets.created(&demo, secret("x", "5", "value"));
    assert!(fetched(&secrets, &demo, "x"));
    for (version, told) in [("5", false), ("4", false), ("6", true)] {
        let users = feed.take(&watcher::Event::Apply(meta("x", version)));
        assert_eq!(users.contains(&demo), told, "version {version}");
        assert_eq!(fetched(&secrets, &demo, "x"), !told, "version {version}");
    }
}

#[test]
fn a_missing_secret_heals_by_the_watch() {
    let secrets = Arc::new(Secrets::default());
    let mut feed = SecretFeed::new(Arc::clone(&secrets), None);
    let demo = ClusterKey::new("a", "demo");
    let place = ("a".to_owned(), "x".to_owned());
    let moves = secrets.remembered(&demo, &place).unwrap_err();
    secrets.remember(&place, moves, None);
    assert_eq!(
        secrets.remembered(&demo, &place),
        Ok(None),
        "known to be missing"
    );
    let users = feed.take(&watcher::Event::Apply(meta("x", "1")));
    assert!(users.contains(&demo));
    assert!(!fetched(&secrets, &demo, "x"));
}

#[test]
fn an_answer_that_was_overtaken_is_not_kept() {
    let secrets = Arc::new(Secrets::default());
    let mut feed = SecretFeed::new(Arc::clone(&secrets), None);
    let demo = ClusterKey::new("a", "demo");
    let place = ("a".to_owned(), "x".to_owned());
    let moves = secrets.remembered(&demo, &place).unwrap_err();
    feed.take(&watcher::Event::Apply(meta("x", "1")));
    secrets.remember(&place, moves, None);
    assert!(
        !fetched(&secrets, &demo, "x"),
        "the Secret was created while we asked"
    );
}

#[test]
fn a_secret_that_a_relist_lacks_has_moved() {
    let secrets = Arc::new(Secrets::default());
    let mut feed = SecretFeed::new(Arc::clone(&secrets), Some("a".to_owned()));
    let demo = ClusterKey::new("a", "demo");
    for name in ["x", "y"] {
        secrets.created(&demo, secret(name, "1", "value"));
    }
    feed.take(&watcher::Event::Init);
    feed.take(&watcher::Event::InitApply(meta("y", "1")));
    let users = feed.take(&watcher::Event::InitDone);
    assert!(users.contains(&demo));
    assert!(!fetched(&secrets, &demo, "x"));
    assert!(fetched(&secrets, &demo, "y"));
}

#[test]
fn what_nobody_refers_to_leaves_no_trace() {
    let secrets = Arc::new(Secrets::default());
    let mut feed = SecretFeed::new(Arc::clone(&secrets), None);
    feed.take(&watcher::Event::Apply(meta("stray", "1")));
    assert!(secrets.entries.lock().unwrap().is_empty());
    let demo = ClusterKey::new("a", "demo");
    secrets.created(&demo, secret("x", "1", "value"));
    secrets.forget(&demo);
    assert!(secrets.entries.lock().unwrap().is_empty());
}

#[test]
fn only_facts_are_kept() {
    let state = SecretState::of(secret("x", "1", "hunter2-hunter2"));
    assert!(!format!("{state:?}").contains("hunter2"));
    assert!(matches!(state.key("key"), SecretFact::Present(_)));
    assert_eq!(state.key("other"), SecretFact::KeyMissing);
    assert_eq!(
        SecretState::of(secret("x", "1", "  ")).key("key"),
        SecretFact::Empty
    );
}
