//! Calls are rated again: what differs is appended, and nothing else.

use telecom_proto::v1::{
    ChargeDelta, ImportMode, ImportRatesRequest, RerateRequest, RerateResponse, TrunkRole,
};
use telecom_server::calls::CallRecord;
use tonic::Code;

use super::super::process::fields;
use super::{World, add, at, call, stamp, unanswered};

impl World {
    /// Rates January again, from wherever it has to go on.
    pub(super) async fn rerate(&self, request: RerateRequest) -> RerateResponse {
        let mut client = self.client().await;
        let mut sum = RerateResponse::default();
        let mut start = request.start;
        while start.is_some() {
            let request = RerateRequest {
                start,
                ..request.clone()
            };
            let done = client.rerate(request).await.unwrap().into_inner();
            sum.examined += done.examined;
            sum.changed += done.changed;
            sum.unrated += done.unrated;
            sum.erased += done.erased;
            for delta in done.deltas {
                match sum
                    .deltas
                    .iter_mut()
                    .find(|one| one.currency == delta.currency)
                {
                    None => sum.deltas.push(delta),
                    Some(one) => {
                        one.sell_micro += delta.sell_micro;
                        one.buy_micro += delta.buy_micro;
                    }
                }
            }
            start = done.next_start;
        }
        sum
    }

    fn ledger(&self) -> String {
        self.sql(
            "SELECT string_agg(concat_ws(' ', call_id, side, seq, kind, billable_seconds, amount_micro, currency), \
             E'\\n' ORDER BY call_id, side, seq) FROM call_charge",
        )
    }
}

pub(super) fn january() -> RerateRequest {
    RerateRequest {
        start: stamp(at("01-01T00:00:00")),
        end: stamp(at("02-01T00:00:00")),
        ..Default::default()
    }
}

/// Calls that are sold at 0.06 for a minute to numbers of 49, and of which one is erased.
async fn sold() -> (World, i32) {
    let world = World::new().await;
    let rates = "49,0.06,0,1,2026-01-01\n";
    let deck = world.deck_of("Sale", "EUR", rates).await.id;
    world.trunk("in", TrunkRole::Customer, Some(deck)).await;
    let untrunked = CallRecord {
        sip_trunk_id: String::new(),
        outbound_sip_trunk_id: String::new(),
        ..call("no trunk", "01-10T12:00:05", "4930", 60_000)
    };
    world
        .store(&[
            call("dearer", "01-10T12:00:00", "4930", 60_000),
            call("same", "01-10T12:00:01", "4940", 60_000),
            call("late", "01-10T12:00:02", "33", 60_000),
            call("erased", "01-10T12:00:03", "33", 60_000),
            unanswered("unanswered", "01-10T12:00:04", "33"),
            untrunked,
        ])
        .await;
    world.sql(
        "UPDATE call_record SET to_number = '', callee = '', erased = true WHERE call_id = 'erased'",
    );
    (world, deck)
}

const SOLD: &str = "dearer sell 0 charge 60 60000 EUR\n\
    same sell 0 charge 60 60000 EUR\n\
    unanswered sell 0 charge 0 0 EUR";
const CORRECTED: &str = "dearer sell 0 charge 60 60000 EUR\n\
    dearer sell 1 reversal -60 -60000 EUR\n\
    dearer sell 2 charge 60 100000 EUR\n\
    late sell 0 charge 60 200000 EUR\n\
    same sell 0 charge 60 60000 EUR\n\
    unanswered sell 0 charge 0 0 EUR";

#[tokio::test]
async fn only_what_differs_is_corrected_and_only_once() {
    let (world, deck) = sold().await;
    assert_eq!(world.ledger(), SOLD);
    // The carriers' side is unmapped in all of them, but for the one without a trunk.
    let nothing = world.rerate(january()).await;
    let counts = (
        nothing.examined,
        nothing.changed,
        nothing.unrated,
        nothing.erased,
    );
    assert_eq!((counts, nothing.deltas), ((5, 0, 4, 1), vec![]));

    let rates = "prefix,rate,valid_from\n4930,0.1,2026-01-01\n33,0.2,2026-01-01\n";
    world.import(add(deck, rates)).await.unwrap();
    let delta = ChargeDelta {
        currency: "EUR".to_owned(),
        sell_micro: 240_000,
        buy_micro: 0,
    };
    let dry = RerateRequest {
        dry_run: true,
        ..january()
    };
    let told = world.rerate(dry).await;
    assert_eq!((told.changed, told.deltas), (2, vec![delta.clone()]));
    assert_eq!(world.ledger(), SOLD, "only told");
    let trunk = RerateRequest {
        trunk_id: "in".to_owned(),
        pbx_id: 1,
        ..january()
    };
    let done = world.rerate(trunk).await;
    assert_eq!((done.changed, done.deltas), (2, vec![delta]));
    assert_eq!(world.ledger(), CORRECTED);
    assert_eq!(world.rerate(january()).await.changed, 0);
    assert_eq!(world.ledger(), CORRECTED);
    let audit = "SELECT count(*) FROM audit_log WHERE method = 'Rerate'";
    assert_eq!(world.sql(audit), "3");
}

#[tokio::test]
async fn what_is_not_asked_for_is_left() {
    let (world, deck) = sold().await;
    let rates = "prefix,rate,valid_from\n4930,0.1,2026-01-01\n";
    world.import(add(deck, rates)).await.unwrap();
    // Of another PBX, of another trunk, of another time.
    for request in [
        RerateRequest {
            pbx_id: 2,
            ..january()
        },
        RerateRequest {
            trunk_id: "elsewhere".to_owned(),
            ..january()
        },
        RerateRequest {
            start: stamp(at("01-11T00:00:00")),
            ..january()
        },
        RerateRequest {
            end: stamp(at("01-10T12:00:00")),
            ..january()
        },
    ] {
        assert_eq!(world.rerate(request).await.examined, 0);
    }
    assert_eq!(world.ledger(), SOLD);
}

#[tokio::test]
async fn what_is_not_to_be_rated_any_more_is_taken_back() {
    let (world, _) = sold().await;
    world.trunk("in", TrunkRole::Customer, None).await;
    world.trunk("out", TrunkRole::Carrier, None).await;
    let done = world.rerate(january()).await;
    assert_eq!((done.changed, done.unrated), (3, 0));
    let left = "SELECT sum(amount_micro) || ' ' || sum(billable_seconds) FROM call_charge";
    assert_eq!(world.sql(left), "0 0");
    let reasons = "SELECT count(*) FROM call_record WHERE unrated_sell IS NOT NULL OR unrated_buy IS NOT NULL";
    assert_eq!(world.sql(reasons), "1", "the erased one");
}

#[tokio::test]
async fn two_at_once_correct_once() {
    let world = World::new().await;
    let deck = world
        .deck_of("Sale", "EUR", "49,0.06,0,1,2026-01-01\n")
        .await
        .id;
    world.trunk("in", TrunkRole::Customer, Some(deck)).await;
    let calls: Vec<_> = (0..1200)
        .map(|n| {
            call(
                &n.to_string(),
                &format!("01-10T12:{:02}:00", n % 60),
                "49",
                60_000,
            )
        })
        .collect();
    world.store(&calls).await;
    let replace = ImportRatesRequest {
        mode: ImportMode::ReplaceFrom.into(),
        replace_from: stamp(at("01-01T00:00:00")),
        ..add(deck, "prefix,rate\n49,0.12\n")
    };
    world.import(replace).await.unwrap();
    let done = futures::future::join_all((0..4).map(|_| world.rerate(january()))).await;
    let changed: u64 = done.iter().map(|done| done.changed).sum();
    assert_eq!(changed, 1200);
    let rows = "SELECT count(*) || ' ' || sum(amount_micro) FROM call_charge";
    assert_eq!(world.sql(rows), format!("3600 {}", 1200 * 120_000));
}

#[tokio::test]
async fn too_long_a_time_is_refused() {
    let world = World::new().await;
    let mut client = world.client().await;
    for (start, end, field) in [
        (None, stamp(at("01-01T00:00:00")), "start"),
        (stamp(at("01-01T00:00:00")), None, "end"),
        (
            stamp(at("01-01T00:00:00")),
            stamp(at("01-01T00:00:00")),
            "end",
        ),
        (
            stamp(at("01-01T00:00:00")),
            stamp(at("04-03T00:00:01")),
            "end",
        ),
    ] {
        let request = RerateRequest {
            start,
            end,
            ..Default::default()
        };
        let status = client.rerate(request).await.unwrap_err();
        assert_eq!(
            (status.code(), fields(&status)),
            (Code::InvalidArgument, vec![field.to_owned()])
        );
    }
}
