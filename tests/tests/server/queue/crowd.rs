//! Many at once on the same queues.

use futures::future::join_all;

use super::*;

#[tokio::test]
async fn of_many_with_one_order_one_gets_it() {
    let (server, sql) = server_and_sql().await;
    let series = server.series("Home").await;
    let package = server.package(package_config(series.id, "Home 100")).await;
    let users = [
        server.subscriber("UTC").await,
        server.subscriber("UTC").await,
    ];
    let calls = (0..30).map(|n| {
        let (server, package, user) = (&server, &package, &users[n % 2]);
        async move {
            let mut queue = server.queue().await;
            queue.enqueue(order_of(user, package, "the-one")).await
        }
    });
    let (won, lost): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
    assert_eq!((won.len(), lost.len()), (1, 29));
    let id = won
        .into_iter()
        .next()
        .unwrap()
        .unwrap()
        .into_inner()
        .queued_package
        .unwrap()
        .id;
    for refused in lost.into_iter().map(Result::unwrap_err) {
        let details = refused.get_error_details();
        let info = details.error_info().unwrap();
        assert_eq!(info.reason, "ORDER_EXISTS");
        assert_eq!(info.metadata["queued_package_id"], id.to_string());
    }
    assert_eq!(sql("SELECT count(*) FROM queued_package"), "1");
    assert_eq!(
        sql("SELECT count(*) FROM audit_log WHERE method = 'Enqueue'"),
        "1"
    );
}
