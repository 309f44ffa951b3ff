//! Wholesale: a deck, its rates, a trunk, and what a call costs by them.

use anyhow::Result;
use prost_types::{Duration, Timestamp};
use telecom_proto::v1::pbx_manage_client::PbxManageClient;
use telecom_proto::v1::rate_call_request::By;
use telecom_proto::v1::wholesale_manage_client::WholesaleManageClient;
use telecom_proto::v1::{
    CallTrunks, CreateDeckRequest, CreatePbxRequest, Deck, DeleteDeckRequest, DeletePbxRequest,
    DeleteTrunkRequest, ExportChargesRequest, ExportFormat, ImportMode, ImportRatesRequest,
    ListDecksRequest, ListRatesRequest, ListTrunksRequest, PbxConfig, RateCallRequest,
    RerateRequest, SetRateEndRequest, SetTrunkRequest, ShowDeckRequest, SumChargesRequest,
    TrunkRole, UpdateDeckRequest,
};
use telecom_tests::door::Caller;

use super::Provider;

/// Noon of the first day of 2026.
const NOON: Timestamp = Timestamp {
    seconds: 1_767_268_800,
    nanos: 0,
};

pub(super) async fn rate_and_sum(provider: &Provider) -> Result<()> {
    let pbx = pbx(provider).await?;
    let mut admin = WholesaleManageClient::new(provider.admin.clone());
    let deck = deck(&mut admin).await?;
    rated(&mut admin, pbx, deck.id).await?;
    summed(&mut admin).await?;
    take_down(&mut admin, pbx, &deck).await?;
    let mut pbxs = PbxManageClient::new(provider.admin.clone());
    let delete = DeletePbxRequest {
        id: pbx,
        ..Default::default()
    };
    pbxs.delete_pbx(delete).await?;
    Ok(())
}

async fn pbx(provider: &Provider) -> Result<i32> {
    let create = CreatePbxRequest {
        config: Some(PbxConfig {
            name: "Wholesale".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut pbxs = PbxManageClient::new(provider.admin.clone());
    let created = pbxs.create_pbx(create).await?.into_inner();
    Ok(created.pbx.unwrap().id)
}

async fn deck(admin: &mut WholesaleManageClient<Caller>) -> Result<Deck> {
    let create = CreateDeckRequest {
        name: "Sale".into(),
        currency: "EUR".into(),
        ..Default::default()
    };
    let deck = admin.create_deck(create).await?.into_inner().deck.unwrap();
    let update = UpdateDeckRequest {
        id: deck.id,
        etag: deck.etag,
        name: "Retail".into(),
    };
    admin.update_deck(update).await?;
    let import = ImportRatesRequest {
        deck_id: deck.id,
        csv: b"prefix,rate,valid_from\n49,0.06,2026-01-01\n".to_vec(),
        mode: ImportMode::Add.into(),
        ..Default::default()
    };
    assert_eq!(admin.import_rates(import).await?.into_inner().added, 1);
    let rates = ListRatesRequest {
        deck_id: deck.id,
        ..Default::default()
    };
    let rates = admin.list_rates(rates).await?.into_inner().rates;
    assert_eq!(rates[0].rate_per_minute, "0.06");
    let listed = admin.list_decks(ListDecksRequest::default()).await?;
    assert_eq!(listed.into_inner().total, 1);
    let shown = admin.show_deck(ShowDeckRequest { id: deck.id }).await?;
    Ok(shown.into_inner().deck.unwrap())
}

async fn rated(admin: &mut WholesaleManageClient<Caller>, pbx: i32, deck: i32) -> Result<()> {
    let set = SetTrunkRequest {
        pbx_id: pbx,
        trunk_id: "t".into(),
        role: TrunkRole::Customer.into(),
        deck_id: Some(deck),
        ..Default::default()
    };
    admin.set_trunk(set).await?;
    let listed = admin.list_trunks(ListTrunksRequest::default()).await?;
    assert_eq!(listed.into_inner().total, 1);
    let call = RateCallRequest {
        number: "+4930".into(),
        talk: Some(Duration {
            seconds: 60,
            nanos: 0,
        }),
        at: Some(NOON),
        by: Some(By::Trunks(CallTrunks {
            pbx_id: pbx,
            sip_trunk_id: "t".into(),
            ..Default::default()
        })),
    };
    let rated = admin.rate_call(call).await?.into_inner();
    assert_eq!(rated.sides[0].amount_micro, 60_000);
    Ok(())
}

async fn summed(admin: &mut WholesaleManageClient<Caller>) -> Result<()> {
    let end = Some(Timestamp {
        seconds: NOON.seconds + 3600,
        nanos: 0,
    });
    let again = RerateRequest {
        start: Some(NOON),
        end,
        ..Default::default()
    };
    assert_eq!(admin.rerate(again).await?.into_inner().examined, 0);
    let sum = SumChargesRequest {
        start: Some(NOON),
        end,
        ..Default::default()
    };
    assert!(admin.sum_charges(sum).await?.into_inner().sums.is_empty());
    let export = ExportChargesRequest {
        first_day: "2026-01-01".into(),
        last_day: "2026-01-01".into(),
        format: ExportFormat::Csv.into(),
        ..Default::default()
    };
    let mut export = admin.export_charges(export).await?.into_inner();
    let head = export.message().await?.unwrap();
    assert!(head.data.starts_with(b"booked_at,"));
    Ok(())
}

async fn take_down(admin: &mut WholesaleManageClient<Caller>, pbx: i32, deck: &Deck) -> Result<()> {
    let delete = DeleteTrunkRequest {
        pbx_id: pbx,
        trunk_id: "t".into(),
        role: TrunkRole::Customer.into(),
        ..Default::default()
    };
    admin.delete_trunk(delete).await?;
    let end = SetRateEndRequest {
        deck_id: deck.id,
        prefix: "49".into(),
        valid_from: Some(Timestamp {
            seconds: NOON.seconds - 12 * 3600,
            nanos: 0,
        }),
        valid_to: Some(NOON),
        ..Default::default()
    };
    let ended = admin.set_rate_end(end).await?.into_inner();
    assert_eq!(ended.rate.unwrap().valid_to, Some(NOON));
    let delete = DeleteDeckRequest {
        id: deck.id,
        ..Default::default()
    };
    admin.delete_deck(delete).await?;
    Ok(())
}
