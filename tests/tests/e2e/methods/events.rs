//! Events of other sources: taken in, dead, sent again, given up.

use std::time::Duration;

use anyhow::{Result, bail};
use telecom_proto::v1::event_ingest_client::EventIngestClient;
use telecom_proto::v1::event_manage_client::EventManageClient;
use telecom_proto::v1::{
    CloudEvent, DeadLetter, DiscardRequest, ListDeadLettersRequest, ListEventsRequest,
    PublishRequest, RedriveRequest,
};
use telecom_tests::door::Caller;

use super::Provider;

/// An event of somebody who is no subscriber goes from hand to hand.
pub(super) async fn go_around(provider: &Provider) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let event = CloudEvent {
        id: "1".into(),
        source: "https://dpi.example.net".into(),
        r#type: "telecom.user_usage_billing".into(),
        data: format!(
            r#"{{"server_id": 1, "user": "{}", "billed_download": 1, "billed_upload": 2, "time": {}}}"#,
            uuid::Uuid::new_v4(),
            now.as_secs()
        ),
    };
    let publish = PublishRequest {
        events: vec![event],
    };
    let mut collector = EventIngestClient::new(provider.collector.clone());
    let answer = collector.publish(publish).await?.into_inner();
    assert_eq!((answer.accepted, answer.refused.len()), (1, 0));

    let mut admin = EventManageClient::new(provider.admin.clone());
    let listed = admin.list_events(ListEventsRequest::default()).await?;
    assert!(!listed.into_inner().events.is_empty());
    let first = dead(&mut admin).await?;
    let ids = vec![first.id];
    admin.redrive(RedriveRequest { ids }).await?;
    let second = dead(&mut admin).await?;
    assert_eq!(second.event_id, first.event_id);
    let discard = DiscardRequest {
        id: second.id,
        reason: "no subscriber of ours".into(),
    };
    admin.discard(discard).await?;
    Ok(())
}

/// The dead letter, once it is one.
async fn dead(admin: &mut EventManageClient<Caller>) -> Result<DeadLetter> {
    for _ in 0..120 {
        let list = ListDeadLettersRequest::default();
        let listed = admin.list_dead_letters(list).await?.into_inner();
        if let Some(letter) = listed.dead_letters.into_iter().next() {
            return Ok(letter);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("no dead letter in a minute")
}
