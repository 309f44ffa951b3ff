//! Events of other sources and dead letters: taken up once, said why not, sent again, given up.

use std::time::{SystemTime, UNIX_EPOCH};

use futures::future::join_all;
use telecom_proto::v1::event_ingest_client::EventIngestClient;
use telecom_proto::v1::event_manage_client::EventManageClient;
use telecom_proto::v1::{
    CloudEvent, CreateUserRequest, DeadLetter, DiscardRequest, EventRefusal, EventStatus,
    ListDeadLettersRequest, ListEventsRequest, ListEventsResponse, PublishRequest, PublishResponse,
    RedriveRequest,
};
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use super::billing::World;
use super::process::{Bearer, eventually, fields, reason};
use super::users::{create, users};

const ROUTE: &str = "telecom.user_usage_billing";
const UNKNOWN: &str = "0193a1b0-0000-7000-8000-00000000ffff";

fn event(id: &str, user: &str, upload: i64, download: i64) -> CloudEvent {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    CloudEvent {
        id: id.to_owned(),
        source: "https://dpi.example.net".to_owned(),
        r#type: ROUTE.to_owned(),
        data: serde_json::json!({
            "server_id": 7, "user": user, "billed_upload": upload, "billed_download": download,
            "time": now.as_secs(),
        })
        .to_string(),
    }
}

async fn publish(world: &World, events: Vec<CloudEvent>) -> Result<PublishResponse, Status> {
    let bearer = Bearer::new(&tokens::of(Role::Collector, "dpi"));
    let channel = world.server.channel().await;
    let mut client = EventIngestClient::with_interceptor(channel, bearer);
    Ok(client
        .publish(PublishRequest { events })
        .await?
        .into_inner())
}

async fn manage(world: &World) -> EventManageClient<InterceptedService<Channel, Bearer>> {
    let bearer = Bearer::new(tokens::admin());
    EventManageClient::with_interceptor(world.server.channel().await, bearer)
}

async fn events(world: &World, request: ListEventsRequest) -> ListEventsResponse {
    let listed = manage(world).await.list_events(request).await;
    listed.unwrap().into_inner()
}

async fn letters(world: &World) -> Vec<DeadLetter> {
    let request = ListDeadLettersRequest::default();
    let listed = manage(world).await.list_dead_letters(request).await;
    listed.unwrap().into_inner().dead_letters
}

async fn redrive(world: &World, ids: Vec<i64>) -> Result<u32, Status> {
    let redriven = manage(world).await.redrive(RedriveRequest { ids }).await?;
    Ok(redriven.into_inner().redriven)
}

async fn discard(world: &World, id: i64) -> Result<u64, Status> {
    let request = DiscardRequest {
        id,
        reason: "nobody knows them".to_owned(),
    };
    let discarded = manage(world).await.discard(request).await?;
    Ok(discarded.into_inner().unassigned_bytes)
}

/// Whose package has been active for an hour: times of events have whole seconds.
async fn subscriber(world: &World) -> String {
    let user = world.subscriber_with(1_000_000).await;
    super::queue::age(|sql| world.sql(sql), &user, "1 hour");
    user
}

fn charged(world: &World, user: &str) -> String {
    world.sql(&format!(
        "SELECT coalesce(sum(charged), 0) FROM user_package_usage WHERE user_id = '{user}'"
    ))
}

#[tokio::test]
async fn an_event_counts_once_however_often_it_is_published() {
    let world = World::new().await;
    let user = subscriber(&world).await;
    let batch = || {
        vec![
            event("a", &user, 1, 2),
            event("b", &user, 10, 20),
            event("a", &user, 1, 2),
        ]
    };
    for answer in join_all((0..20).map(|_| publish(&world, batch()))).await {
        let answer = answer.unwrap();
        assert_eq!((answer.accepted, answer.refused.len()), (3, 0));
    }
    eventually("charged", || async { charged(&world, &user) == "33" }).await;
    world.settled().await;
    // Long after, when the outbox has forgotten it.
    world.sql("DELETE FROM outbox_event");
    publish(&world, batch()).await.unwrap();
    world.settled().await;
    assert_eq!(charged(&world, &user), "33");
    let ledger = world.server.check_ledger().await;
    assert_eq!(ledger["external"], 33);
}

#[tokio::test]
async fn each_event_is_told_what_is_wrong_with_it() {
    let world = World::new().await;
    let user = subscriber(&world).await;
    let with = |change: fn(&mut CloudEvent)| {
        let mut event = event("x", &user, 1, 1);
        change(&mut event);
        event
    };
    let wrong = [
        (with(|e| e.id.clear()), EventRefusal::IdInvalid),
        (
            with(|e| e.source = "telecom".into()),
            EventRefusal::SourceInvalid,
        ),
        (
            with(|e| e.source = "\0".into()),
            EventRefusal::SourceInvalid,
        ),
        (
            with(|e| e.r#type = "telecom.package_expiring".into()),
            EventRefusal::TypeUnknown,
        ),
        (with(|e| e.data = "{".into()), EventRefusal::DataInvalid),
        (
            with(|e| e.data = " ".repeat(70_000)),
            EventRefusal::DataInvalid,
        ),
        (event("n", &user, -1, 0), EventRefusal::Negative),
        (
            with(|e| e.data = e.data.replace("\"time\":1", "\"time\":9")),
            EventRefusal::TooNew,
        ),
        (
            with(|e| e.data = e.data.replace("\"time\":1", "\"time\":0.1")),
            EventRefusal::DataInvalid,
        ),
    ];
    let mut batch: Vec<_> = wrong.iter().map(|(event, _)| event.clone()).collect();
    batch.push(event("good", &user, 4, 5));
    let answer = publish(&world, batch).await.unwrap();
    assert_eq!(answer.accepted, 1);
    let told: Vec<_> = answer
        .refused
        .iter()
        .map(|one| (one.index, one.reason()))
        .collect();
    let expected: Vec<_> = (0..).zip(wrong.iter().map(|(_, why)| *why)).collect();
    assert_eq!(told, expected);
    assert!(answer.refused.iter().all(|one| !one.detail.is_empty()));
    world.settled().await;
    assert_eq!(charged(&world, &user), "9");
    for count in [0, 1001] {
        let refused = publish(&world, vec![event("m", &user, 1, 1); count])
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), fields(&refused)),
            (Code::InvalidArgument, vec!["events".to_owned()])
        );
    }
    world.server.check_ledger().await;
}

#[tokio::test]
async fn a_dead_letter_is_redriven_when_its_cause_is_gone() {
    let world = World::new().await;
    publish(&world, vec![event("early", UNKNOWN, 3, 4)])
        .await
        .unwrap();
    eventually("dead", || async { letters(&world).await.len() == 1 }).await;
    let letter = letters(&world).await.remove(0);
    assert_eq!(
        (letter.reason.as_str(), letter.source_id.as_str()),
        ("user_unknown", "early")
    );
    assert_eq!(letter.route, ROUTE);
    // It comes again: still one.
    publish(&world, vec![event("early", UNKNOWN, 3, 4)])
        .await
        .unwrap();
    world.settled().await;
    assert_eq!(letters(&world).await.len(), 1);

    let request = CreateUserRequest {
        id: UNKNOWN.to_owned(),
        ..Default::default()
    };
    create(&mut users(&world.server).await, request)
        .await
        .unwrap();
    let missing = redrive(&world, vec![letter.id, 99]).await.unwrap_err();
    assert_eq!(
        (missing.code(), reason(&missing).as_str()),
        (Code::NotFound, "DEAD_LETTER_NOT_FOUND")
    );
    assert_eq!(letters(&world).await.len(), 1, "all or none");
    assert_eq!(
        redrive(&world, vec![letter.id, letter.id]).await.unwrap(),
        1
    );
    world.settled().await;
    let taken =
        format!("SELECT sum(unassigned) FROM user_package_usage WHERE user_id = '{UNKNOWN}'");
    assert_eq!(world.sql(&taken), "7");
    assert_eq!(letters(&world).await, []);
    let again = redrive(&world, vec![letter.id]).await.unwrap_err();
    assert_eq!(again.code(), Code::NotFound);
    let written = "SELECT count(*), max(target) FROM audit_log WHERE method = 'Redrive'";
    assert_eq!(world.sql(written), format!("1|dead_letter/{}", letter.id));
    for ids in [vec![], vec![0], vec![1; 501]] {
        let refused = redrive(&world, ids).await.unwrap_err();
        assert_eq!(fields(&refused), ["ids"]);
    }
    world.server.check_ledger().await;
}

#[tokio::test]
async fn bytes_of_a_discarded_event_stay_in_the_books() {
    let world = World::new().await;
    // Used by somebody who is not there any more.
    world.used(
        UNKNOWN,
        1,
        1,
        "now() - interval '1 minute'",
        (100, 200),
        1.0,
    );
    world.bill().await;
    publish(&world, vec![event("theirs", UNKNOWN, 5, 6)])
        .await
        .unwrap();
    eventually("dead", || async { letters(&world).await.len() == 2 }).await;
    world.server.check_ledger().await;
    for letter in letters(&world).await {
        let own = letter.source == "telecom";
        let bytes = discard(&world, letter.id).await.unwrap();
        assert_eq!(bytes, if own { 300 } else { 0 });
        let again = discard(&world, letter.id).await.unwrap_err();
        assert_eq!(again.code(), Code::NotFound);
    }
    let ledger = world.server.check_ledger().await;
    assert_eq!(
        (&ledger["unassigned"], &ledger["dead"]),
        (&300.into(), &0.into())
    );
    // What was given up does not come back.
    world.sql("DELETE FROM outbox_event");
    publish(&world, vec![event("theirs", UNKNOWN, 5, 6)])
        .await
        .unwrap();
    world.settled().await;
    assert_eq!(letters(&world).await, []);
    let log = world.sql(
        "SELECT coalesce(before::text, '') || after::text FROM audit_log WHERE method = 'Discard'",
    );
    assert!(!log.contains(UNKNOWN), "{log}");
    assert!(log.contains("nobody knows them"), "{log}");
}

#[tokio::test]
async fn events_are_listed_by_route_and_status_page_by_page() {
    let world = World::new().await;
    let user = subscriber(&world).await;
    let batch = (0..5)
        .map(|n| event(&format!("e{n}"), &user, n, n))
        .collect();
    publish(&world, batch).await.unwrap();
    world.settled().await;
    let of = |status: EventStatus, before_id| ListEventsRequest {
        route: ROUTE.to_owned(),
        status: status.into(),
        limit: 2,
        before_id,
    };
    let (mut seen, mut before_id) = (Vec::new(), 0);
    loop {
        let page = events(&world, of(EventStatus::Published, before_id)).await;
        assert!(page.events.iter().all(|event| event.published_at.is_some()));
        seen.extend(page.events.into_iter().map(|event| event.source_id));
        before_id = page.next_before_id;
        if before_id == 0 {
            break;
        }
    }
    seen.sort();
    assert_eq!(seen, ["e0", "e1", "e2", "e3", "e4"]);
    assert_eq!(events(&world, of(EventStatus::Pending, 0)).await.events, []);
    let other = ListEventsRequest {
        route: "telecom.other".to_owned(),
        ..Default::default()
    };
    assert_eq!(events(&world, other).await.events, []);
    let mut client = manage(&world).await;
    for (request, field) in [
        (
            ListEventsRequest {
                status: 9,
                ..Default::default()
            },
            "status",
        ),
        (
            ListEventsRequest {
                limit: 501,
                ..Default::default()
            },
            "limit",
        ),
        (
            ListEventsRequest {
                before_id: -1,
                ..Default::default()
            },
            "before_id",
        ),
    ] {
        let refused = client.list_events(request).await.unwrap_err();
        assert_eq!(fields(&refused), [field]);
    }
}
