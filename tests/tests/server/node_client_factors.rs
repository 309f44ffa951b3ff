//! What the traffic through a node client counts, from when.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;
use telecom_proto::v1::{CreateNodeClientRequest, SetFactorRequest};
use tonic::Code;

use super::database::Database;
use super::node_clients::{client_config, clients, create, refusal, set_factor, show};
use super::process::{Server, fields, reason};

/// So far from now, in whole seconds.
fn in_seconds(seconds: u64) -> Timestamp {
    let mut at: Timestamp = (SystemTime::now() + Duration::from_secs(seconds)).into();
    at.nanos = 0;
    at
}

#[tokio::test]
async fn factors_are_never_of_the_past_and_stay() {
    let server = Server::start().await;
    let (node, _) = server.node("fra-1").await;
    let request = CreateNodeClientRequest {
        config: Some(client_config("alps", node.id)),
        factor_millionths: Some(0),
        ..Default::default()
    };
    let mut clients = clients(&server).await;
    let created = clients.create_node_client(request).await.unwrap();
    let client = created.into_inner().node_client.unwrap();
    assert_eq!(client.factor.unwrap().factor_millionths, 0);

    // At once: seen in the answer, and the etag moves.
    let double = set_factor(&server, client.id, 2_000_000, None)
        .await
        .unwrap();
    assert_eq!(double.factor.unwrap().factor_millionths, 2_000_000);
    assert_ne!(double.etag, client.etag);
    // Later ones wait, the earliest first.
    let (soon, late) = (in_seconds(3_600), in_seconds(7_200));
    let set = set_factor(&server, client.id, 1_000_000_000, Some(late)).await;
    assert_eq!(set.unwrap().factor, double.factor);
    set_factor(&server, client.id, 500_000, Some(soon))
        .await
        .unwrap();
    let shown = show(&server, client.id).await.unwrap();
    assert_eq!(shown.node_client.unwrap().factor, double.factor);
    let coming = shown.coming_factors.iter();
    let coming: Vec<_> = coming
        .map(|f| (f.factor_millionths, f.valid_from))
        .collect();
    assert_eq!(coming, [(500_000, Some(soon)), (1_000_000_000, Some(late))]);

    let exists = set_factor(&server, client.id, 1, Some(soon))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&exists),
        (Code::AlreadyExists, "FACTOR_EXISTS".to_owned())
    );
    // A setting at once leaves what is set for later.
    set_factor(&server, client.id, 3, None).await.unwrap();
    assert_eq!(
        show(&server, client.id).await.unwrap().coming_factors.len(),
        2
    );
    let past: Timestamp = (SystemTime::now() - Duration::from_secs(5)).into();
    let broken = |seconds, nanos| Some(Timestamp { seconds, nanos });
    for (valid_from, what) in [
        (Some(past), "in the past"),
        (broken(0, 0), "in the past"),
        (broken(-1, 0), "between the years"),
        (broken(i64::MAX, 0), "between the years"),
        (broken(253_402_300_800, 0), "between the years"),
        (broken(4_000_000_000, -1), "between the years"),
        (broken(4_000_000_000, i32::MAX), "between the years"),
    ] {
        let refused = set_factor(&server, client.id, 1, valid_from)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{valid_from:?}");
        assert_eq!(fields(&refused), ["valid_from"]);
        assert!(
            refused.message().contains(what),
            "{valid_from:?} {refused:?}"
        );
    }
    let far = broken(253_402_300_799, 999_999_999);
    set_factor(&server, client.id, 1, far).await.unwrap();
    for factor in [1_000_000_001, u64::MAX] {
        let refused = set_factor(&server, client.id, factor, None)
            .await
            .unwrap_err();
        assert_eq!(fields(&refused), ["factor_millionths"]);
    }
    let stale = SetFactorRequest {
        id: client.id,
        etag: client.etag,
        ..Default::default()
    };
    let stale = clients.set_factor(stale).await.unwrap_err();
    assert_eq!(reason(&stale), "ETAG_STALE");
}

#[tokio::test]
async fn of_many_who_set_a_factor_each_is_written_down() {
    let database = Database::new().await;
    let server = Server::launch(&database.url, &[], &["serve"]).await;
    server.until_ready().await;
    let (node, _) = server.node("fra-1").await;
    let client = create(&server, client_config("alps", node.id))
        .await
        .unwrap();
    let writes = (1..=20).map(|factor| set_factor(&server, client.id, factor, None));
    for set in futures::future::join_all(writes).await {
        set.unwrap();
    }
    let shown = show(&server, client.id).await.unwrap().node_client.unwrap();
    // The last by the clock is the last by the lock, so that the log tells the same story.
    let last = database
        .sql("SELECT factor_millionths FROM node_client_factor ORDER BY valid_from DESC LIMIT 1");
    assert_eq!(shown.factor.unwrap().factor_millionths.to_string(), last);
    let logged = database.sql(
        "SELECT string_agg(after->'set_factor'->>'factor_millionths', ',' \
                      ORDER BY (after->'set_factor'->>'valid_from')::timestamptz) \
                      = string_agg(after->'set_factor'->>'factor_millionths', ',' ORDER BY id), count(*) \
                      FROM audit_log WHERE method = 'SetFactor'",
    );
    assert_eq!(logged, "t|20");
}
