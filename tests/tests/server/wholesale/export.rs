//! The ledger as it is given out: in one order, the same each time, from wherever a reader goes on.

use telecom_proto::v1::{ExportChargesRequest, ExportChargesResponse, ExportFormat};
use tonic::Code;

use super::super::packages::refused;
use super::super::process::fields;
use super::World;

fn request(first: &str, last: &str, format: ExportFormat) -> ExportChargesRequest {
    ExportChargesRequest {
        first_day: format!("2026-01-{first}"),
        last_day: format!("2026-01-{last}"),
        format: format.into(),
        after_cursor: String::new(),
    }
}

async fn pieces(world: &World, request: ExportChargesRequest) -> Vec<ExportChargesResponse> {
    let export = world.client().await.export_charges(request).await.unwrap();
    let mut export = export.into_inner();
    let mut pieces = Vec::new();
    while let Some(piece) = export.message().await.unwrap() {
        pieces.push(piece);
    }
    pieces
}

fn text(pieces: &[ExportChargesResponse]) -> String {
    let bytes = pieces.iter().flat_map(|piece| piece.data.clone()).collect();
    String::from_utf8(bytes).unwrap()
}

impl World {
    /// Charges of so many calls, booked in the order of their numbers on some days from the 10th on, several at once.
    fn booked(&self, calls: u32) {
        self.sql(&format!(
            "INSERT INTO call_charge SELECT '2026-01-05Z'::timestamptz + ({calls} - n) * interval '1 second', 1, \
             'call \"' || n || '\", é', side, 0, 'charge', 't,1', 7, '49', 30000000, 6, 6, 18, 9000, 'EUR', \
             '2026-01-10Z'::timestamptz + (n / 7) * interval '1 minute' \
             FROM generate_series(1, {calls}) n, (VALUES ('sell'), ('buy')) s (side)"
        ));
    }
}

#[tokio::test]
async fn an_export_is_the_same_each_time_and_from_each_place() {
    let world = World::new().await;
    world.booked(2600);
    for format in [ExportFormat::Csv, ExportFormat::JsonLines] {
        let whole = pieces(&world, request("10", "12", format)).await;
        let all = text(&whole);
        let head = usize::from(format == ExportFormat::Csv);
        assert_eq!(all.lines().count(), 5200 + head);
        assert!(whole.len() > 3, "{}", whole.len());
        assert_eq!(
            text(&pieces(&world, request("10", "12", format)).await),
            all
        );
        for (place, piece) in whole.iter().enumerate() {
            let after_cursor = piece.cursor.clone();
            let request = ExportChargesRequest {
                after_cursor,
                ..request("10", "12", format)
            };
            let rest = text(&pieces(&world, request).await);
            assert_eq!(text(&whole[..=place]) + &rest, all, "{place}");
        }
        // Days after each other are the days together.
        let mut by_day = String::new();
        for day in ["10", "11", "12"] {
            let day = text(&pieces(&world, request(day, day, format)).await);
            let skip = if by_day.is_empty() { 0 } else { head };
            by_day.extend(day.split_inclusive('\n').skip(skip));
        }
        assert_eq!(by_day, all);
    }
}

#[tokio::test]
async fn rows_say_everything() {
    let world = World::new().await;
    world.booked(1);
    world.sql(
        "INSERT INTO call_charge SELECT start_time, pbx_id, call_id, side, 1, 'reversal', trunk_id, deck_id, prefix, \
         rate_nano, minimum_seconds, increment_seconds, -18, -9000, currency, booked_at FROM call_charge \
         WHERE side = 'sell'",
    );
    let csv = text(&pieces(&world, request("10", "10", ExportFormat::Csv)).await);
    let row = "2026-01-10T00:00:00.000000Z,2026-01-05T00:00:00.000000Z,1,\"call \"\"1\"\", é\"";
    assert_eq!(
        csv,
        format!(
            "booked_at,start_time,pbx_id,call_id,side,seq,kind,trunk_id,deck_id,prefix,rate_per_minute,\
             minimum_seconds,increment_seconds,billable_seconds,amount,currency\r\n\
             {row},buy,0,charge,\"t,1\",7,49,0.03,6,6,18,0.009000,EUR\r\n\
             {row},sell,0,charge,\"t,1\",7,49,0.03,6,6,18,0.009000,EUR\r\n\
             {row},sell,1,reversal,\"t,1\",7,49,0.03,6,6,-18,-0.009000,EUR\r\n"
        )
    );
    let json = text(&pieces(&world, request("10", "10", ExportFormat::JsonLines)).await);
    let row: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&row["amount"], &row["seq"]),
        (&"0.009000".into(), &0.into())
    );
    let none = pieces(&world, request("11", "11", ExportFormat::JsonLines)).await;
    assert_eq!(text(&none), "");
    let audit =
        "SELECT string_agg(DISTINCT target, ' ') FROM audit_log WHERE method = 'ExportCharges'";
    assert_eq!(
        world.sql(audit),
        "call_charge/2026-01-10..2026-01-10 call_charge/2026-01-11..2026-01-11"
    );
}

#[tokio::test]
async fn days_that_are_not_over_and_cursors_of_others_are_refused() {
    let world = World::new().await;
    world.booked(1);
    let mut client = world.client().await;
    let good = request("10", "10", ExportFormat::Csv);
    let cursor = pieces(&world, good.clone()).await.pop().unwrap().cursor;
    let day = |day: &str| day.to_owned();
    let csv = ExportFormat::Csv;
    for (bad, field) in [
        (
            ExportChargesRequest {
                format: 0,
                ..good.clone()
            },
            "format",
        ),
        (request("40", "40", csv), "first_day"),
        (request("10", "09", csv), "last_day"),
        (
            ExportChargesRequest {
                last_day: day("2026-05-01"),
                ..good.clone()
            },
            "last_day",
        ),
        (
            ExportChargesRequest {
                after_cursor: day("x"),
                ..good.clone()
            },
            "after_cursor",
        ),
        (
            ExportChargesRequest {
                after_cursor: cursor,
                ..request("11", "11", csv)
            },
            "after_cursor",
        ),
    ] {
        let status = client.export_charges(bad).await.unwrap_err();
        assert_eq!(fields(&status), [field]);
    }
    let today = world.sql("SELECT (now() AT TIME ZONE 'UTC')::date");
    let open = ExportChargesRequest {
        first_day: today.clone(),
        last_day: today,
        ..good
    };
    refused(
        client.export_charges(open),
        Code::FailedPrecondition,
        "DAY_OPEN",
    )
    .await;
}
