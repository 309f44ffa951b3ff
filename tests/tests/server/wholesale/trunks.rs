//! What trunks are rated by.

use telecom_proto::v1::{DeleteTrunkRequest, ListTrunksRequest, SetTrunkRequest, Trunk, TrunkRole};
use tonic::Code;

use super::super::packages::refused;
use super::super::process::fields;
use super::World;

fn set(pbx_id: i32, trunk: &str, role: TrunkRole, deck_id: Option<i32>) -> SetTrunkRequest {
    SetTrunkRequest {
        pbx_id,
        trunk_id: trunk.to_owned(),
        role: role.into(),
        deck_id,
        etag: String::new(),
    }
}

fn shown(trunk: &Trunk) -> (i32, &str, TrunkRole, Option<i32>) {
    (trunk.pbx_id, &trunk.trunk_id, trunk.role(), trunk.deck_id)
}

#[tokio::test]
async fn a_trunk_may_be_a_customers_and_a_carriers() {
    let world = World::new().await;
    let (sale, cost) = (
        world.deck("Sale", "EUR").await.id,
        world.deck("Cost", "EUR").await.id,
    );
    let mut client = world.client().await;
    for request in [
        set(2, "t", TrunkRole::Carrier, Some(cost)),
        set(1, "t", TrunkRole::Customer, Some(sale)),
        set(1, "t", TrunkRole::Carrier, None),
        set(1, "t", TrunkRole::Customer, Some(cost)),
    ] {
        client.set_trunk(request).await.unwrap();
    }
    let list = |pbx_id, role: TrunkRole| ListTrunksRequest {
        pbx_id,
        role: role.into(),
        ..Default::default()
    };
    let all = client
        .list_trunks(list(0, TrunkRole::Unspecified))
        .await
        .unwrap()
        .into_inner();
    let found: Vec<_> = all.trunks.iter().map(shown).collect();
    let carrier = (1, "t", TrunkRole::Carrier, None);
    let customer = (1, "t", TrunkRole::Customer, Some(cost));
    assert_eq!(
        found,
        [carrier, customer, (2, "t", TrunkRole::Carrier, Some(cost))]
    );
    assert_eq!(all.total, 3);
    let one = client
        .list_trunks(list(1, TrunkRole::Customer))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(one.trunks.iter().map(shown).collect::<Vec<_>>(), [customer]);

    let delete = DeleteTrunkRequest {
        pbx_id: 1,
        trunk_id: "t".to_owned(),
        role: TrunkRole::Customer.into(),
        etag: "r1".to_owned(),
    };
    let outdated = client.delete_trunk(delete.clone());
    refused(outdated, Code::FailedPrecondition, "ETAG_STALE").await;
    let etag = one.trunks[0].etag.clone();
    let delete = DeleteTrunkRequest { etag, ..delete };
    client.delete_trunk(delete.clone()).await.unwrap();
    let delete = DeleteTrunkRequest {
        etag: String::new(),
        ..delete
    };
    refused(
        client.delete_trunk(delete),
        Code::NotFound,
        "WHOLESALE_TRUNK_NOT_FOUND",
    )
    .await;
    let audit = "SELECT string_agg(method || ' ' || target, ', ' ORDER BY id) FROM audit_log WHERE target LIKE '%trunk/1%'";
    assert_eq!(
        world.sql(audit),
        "SetTrunk wholesale_trunk/1/customer/t, SetTrunk wholesale_trunk/1/carrier/t, \
         SetTrunk wholesale_trunk/1/customer/t, DeleteTrunk wholesale_trunk/1/customer/t"
    );
}

#[tokio::test]
async fn what_is_not_there_is_refused() {
    let world = World::new().await;
    let mut client = world.client().await;
    let bad = client
        .set_trunk(set(0, "", TrunkRole::Unspecified, None))
        .await
        .unwrap_err();
    assert_eq!(fields(&bad), ["pbx_id", "trunk_id", "role"]);
    let no_pbx = client.set_trunk(set(99, "t", TrunkRole::Customer, None));
    refused(no_pbx, Code::FailedPrecondition, "PBX_NOT_FOUND").await;
    let no_deck = client.set_trunk(set(1, "t", TrunkRole::Customer, Some(99)));
    refused(
        no_deck,
        Code::FailedPrecondition,
        "WHOLESALE_DECK_NOT_FOUND",
    )
    .await;
    let etag = "r1".to_owned();
    let gone = SetTrunkRequest {
        etag,
        ..set(1, "t", TrunkRole::Customer, None)
    };
    refused(
        client.set_trunk(gone),
        Code::FailedPrecondition,
        "ETAG_STALE",
    )
    .await;
    assert_eq!(world.sql("SELECT count(*) FROM wholesale_trunk"), "0");
}
