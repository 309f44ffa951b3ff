//! What a subscriber has bought, where subscribers are shown and given out.

use telecom_proto::v1::export_user_response::Record;
use telecom_proto::v1::{ExportUserRequest, ShowUserRequest};

use super::packages::months;
use super::process::Server;

#[tokio::test]
async fn a_subscriber_is_shown_and_exported_with_their_packages() {
    let server = Server::start().await;
    let (user, other) = (
        server.subscriber("UTC").await,
        server.subscriber("UTC").await,
    );
    let series = server.series("Home").await;
    let package = server.lasting(series.id, "month", months(1)).await;
    let mut users = server.subscribers().await;
    let show = ShowUserRequest { id: user.clone() };
    let before = users.show_user(show.clone()).await.unwrap().into_inner();
    assert_eq!((before.active_package, before.queued_packages), (None, 0));

    server.enqueued(&other, &package, "o-0").await;
    let first = server.enqueued(&user, &package, "o-1").await;
    let second = server.enqueued(&user, &package, "o-2").await;
    let shown = users.show_user(show).await.unwrap().into_inner();
    assert_eq!(shown.active_package, Some(first.clone()));
    assert_eq!(shown.queued_packages, 1);

    let export = users.export_user(ExportUserRequest { id: user }).await;
    let mut stream = export.unwrap().into_inner();
    let (mut packages, mut methods) = (Vec::new(), Vec::new());
    while let Some(record) = stream.message().await.unwrap() {
        match record.record.unwrap() {
            Record::User(_) => assert!(packages.is_empty() && methods.is_empty()),
            Record::QueuedPackage(package) => {
                assert!(methods.is_empty(), "packages come before the log");
                packages.push(package);
            }
            Record::AuditEntry(entry) => methods.push(entry.method),
            usage => panic!("nothing was used: {usage:?}"),
        }
    }
    assert_eq!(packages, [first, second]);
    assert_eq!(methods, ["CreateUser", "Enqueue", "Enqueue", "ExportUser"]);
}
