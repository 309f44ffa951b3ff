//! The shelves under the events of a watch.

use serde_json::json;

use super::*;

fn object(namespace: &str, cluster: &str, name: &str, version: &str, value: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "namespace": namespace, "name": name, "resourceVersion": version,
            "labels": { CLUSTER_LABEL: cluster },
            "managedFields": [{ "manager": "someone" }],
        },
        "data": { "key": value },
    }))
    .unwrap()
}

fn feed(stores: &Arc<Stores>, namespace: Option<&str>) -> Feed {
    Feed::new(
        Arc::clone(stores),
        Kind::ConfigMap,
        namespace.map(str::to_owned),
    )
}

fn names(stores: &Stores, cluster: &ClusterKey) -> Vec<String> {
    stores
        .shelf(cluster)
        .into_keys()
        .map(|(_, name)| name)
        .collect()
}

#[test]
fn a_change_touches_its_cluster_and_a_mere_version_does_not() {
    let stores = Arc::new(Stores::default());
    let mut feed = feed(&stores, None);
    let demo = ClusterKey::new("a", "demo");
    let first = feed.take(watcher::Event::Apply(object("a", "demo", "x", "1", "one")));
    assert_eq!(first.touched, HashSet::from([demo.clone()]));
    let same = feed.take(watcher::Event::Apply(object("a", "demo", "x", "2", "one")));
    assert!(same.touched.is_empty(), "only the resourceVersion moved");
    let shelf = stores.shelf(&demo);
    let kept = &shelf[&(Kind::ConfigMap, "x".to_owned())];
    assert_eq!(
        kept.metadata.resource_version.as_deref(),
        Some("2"),
        "yet it is kept"
    );
    assert!(kept.metadata.managed_fields.is_none());
    let other = feed.take(watcher::Event::Apply(object("a", "demo", "x", "3", "two")));
    assert_eq!(other.touched, HashSet::from([demo]));
}

#[test]
fn a_relist_drops_what_it_does_not_hold_within_its_own_namespace() {
    let stores = Arc::new(Stores::default());
    let (mut a, mut b) = (feed(&stores, Some("a")), feed(&stores, Some("b")));
    a.take(watcher::Event::Apply(object("a", "demo", "x", "1", "")));
    a.take(watcher::Event::Apply(object("a", "demo", "y", "1", "")));
    b.take(watcher::Event::Apply(object("b", "demo", "x", "1", "")));
    a.take(watcher::Event::Init);
    a.take(watcher::Event::InitApply(object("a", "demo", "y", "1", "")));
    let changes = a.take(watcher::Event::InitDone);
    assert_eq!(changes.gone.len(), 1);
    assert_eq!(changes.gone[0].object.1, "x");
    assert_eq!(names(&stores, &ClusterKey::new("a", "demo")), ["y"]);
    assert_eq!(names(&stores, &ClusterKey::new("b", "demo")), ["x"]);
}

#[test]
fn a_deleted_object_is_reported_gone() {
    let stores = Arc::new(Stores::default());
    let mut feed = feed(&stores, None);
    feed.take(watcher::Event::Apply(object("a", "demo", "x", "1", "")));
    let changes = feed.take(watcher::Event::Delete(object("a", "demo", "x", "2", "")));
    let demo = ClusterKey::new("a", "demo");
    let gone = Gone {
        cluster: demo.clone(),
        object: (Kind::ConfigMap, "x".to_owned()),
    };
    assert_eq!(changes.gone, [gone]);
    assert!(names(&stores, &demo).is_empty());
}

#[test]
fn a_late_answer_to_a_write_does_not_bring_back_what_is_gone() {
    let stores = Arc::new(Stores::default());
    let mut feed = feed(&stores, None);
    let of = |uid: &str, version: &str| {
        let mut object = object("a", "demo", "x", version, "");
        object.metadata.uid = Some(uid.to_owned());
        object
    };
    feed.take(watcher::Event::Delete(of("first", "2")));
    stores.note(Kind::ConfigMap, of("first", "1"));
    assert!(names(&stores, &ClusterKey::new("a", "demo")).is_empty());
    stores.note(Kind::ConfigMap, of("second", "3"));
    assert_eq!(names(&stores, &ClusterKey::new("a", "demo")), ["x"]);
}

#[test]
fn an_object_without_the_label_is_nobodys() {
    let stores = Arc::new(Stores::default());
    let mut stray = object("a", "demo", "x", "1", "");
    stray.metadata.labels = None;
    let changes = feed(&stores, None).take(watcher::Event::Apply(stray));
    assert_eq!(changes, Changes::default());
}

#[tokio::test]
async fn the_first_complete_list_counts_as_synced() {
    let stores = Arc::new(Stores::default());
    let mut feed = feed(&stores, None);
    for _ in 0..2 {
        feed.take(watcher::Event::Init);
        feed.take(watcher::Event::InitDone);
    }
    stores.wait_synced(1).await;
    assert_eq!(*stores.synced.borrow(), 1, "a relist is not a second watch");
}

#[test]
fn a_replica_set_keeps_its_volumes_alone() {
    let mut live: DynamicObject = serde_json::from_value(json!({
        "metadata": { "name": "demo-server-1" },
        "spec": { "replicas": 0, "template": { "spec": {
            "containers": [{ "name": "server" }],
            "volumes": [{ "name": "config", "configMap": { "name": "demo-config-1" } }],
        } } },
        "status": { "replicas": 0 },
    }))
    .unwrap();
    strip(Kind::ReplicaSet, &mut live);
    let expected = json!({ "spec": { "replicas": 0, "template": { "spec": {
        "volumes": [{ "name": "config", "configMap": { "name": "demo-config-1" } }],
    } } } });
    assert_eq!(live.data, expected);
}

#[test]
fn what_we_wrote_is_not_undone_by_an_older_look() {
    let stores = Arc::new(Stores::default());
    let mut feed = feed(&stores, None);
    let demo = ClusterKey::new("a", "demo");
    feed.take(watcher::Event::Apply(object("a", "demo", "x", "5", "old")));
    stores.note(Kind::ConfigMap, object("a", "demo", "x", "7", "ours"));
    let changes = feed.take(watcher::Event::Apply(object(
        "a", "demo", "x", "6", "between",
    )));
    assert_eq!(changes, Changes::default());
    let kept = |stores: &Stores| {
        stores.shelf(&demo)[&(Kind::ConfigMap, "x".to_owned())].data["data"]["key"].clone()
    };
    assert_eq!(kept(&stores), "ours");
    let shown = feed.take(watcher::Event::Apply(object("a", "demo", "x", "7", "ours")));
    assert!(
        shown.touched.contains(&demo),
        "the watch has caught up with us"
    );
    feed.take(watcher::Event::Apply(object(
        "a", "demo", "x", "8", "later",
    )));
    assert_eq!(kept(&stores), "later");
}
