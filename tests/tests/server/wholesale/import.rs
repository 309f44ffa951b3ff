//! Rates from files: all of them or none, and what is wrong has its place.

use telecom_proto::v1::{
    ImportMode, ImportRatesRequest, ListRatesRequest, Rate, SetRateEndRequest,
};
use tonic::Code;

use super::super::packages::refused;
use super::super::process::{fields, reason};
use super::{World, add, at, stamp};

impl World {
    /// `prefix rate from..to` of all rates, with days of 2026.
    fn rates(&self) -> String {
        self.sql(
            "SELECT string_agg(concat_ws(' ', prefix, rate_nano, to_char(valid_from AT TIME ZONE 'UTC', 'MM-DD') \
             || '..' || coalesce(to_char(valid_to AT TIME ZONE 'UTC', 'MM-DD'), '')), ', ' \
             ORDER BY prefix, valid_from) FROM wholesale_rate",
        )
    }
}

const HEAD: &str = "prefix,rate,valid_from,valid_to\n";

fn replace(deck_id: i32, rates: &str, day: &str) -> ImportRatesRequest {
    ImportRatesRequest {
        mode: ImportMode::ReplaceFrom.into(),
        replace_from: stamp(at(&format!("{day}T00:00:00"))),
        ..add(deck_id, &format!("{HEAD}{rates}"))
    }
}

#[tokio::test]
async fn nothing_of_a_file_with_a_bad_line_is_stored() {
    let world = World::new().await;
    let deck = world.deck("Sale", "EUR").await;
    let first = format!("{HEAD}49,0.000000001,2026-01-01,2026-02-01\n49,0.000000002,2026-02-01,\n");
    let imported = world
        .import(add(deck.id, &first))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (imported.added, imported.ended, imported.removed),
        (2, 0, 0)
    );
    assert_eq!(imported.deck.unwrap().rate_count, 2);
    let kept = "49 1 01-01..02-01, 49 2 02-01..";
    assert_eq!(world.rates(), kept);

    let bad = format!(
        "{HEAD}50,1,2026-01-01,\n49,1,2026-01-15,2026-01-20\n49,-1,,\n51,1,2026-01-01,\n51,1,2026-03-01,\n"
    );
    let status = world.import(add(deck.id, &bad)).await.unwrap_err();
    assert_eq!(fields(&status), ["csv[3]", "csv[4].rate", "csv[6]"]);
    let message = status.message();
    assert!(
        message.contains("counts from 2026-01-01T00:00:00Z to 2026-02-01T00:00:00Z")
            && message.contains("overlaps line 5, which counts from 2026-01-01T00:00:00Z on"),
        "{message}"
    );
    let dry = ImportRatesRequest {
        dry_run: true,
        ..add(deck.id, &bad)
    };
    let told = world.import(dry).await.unwrap().into_inner();
    let places: Vec<_> = told
        .problems
        .iter()
        .map(|p| (p.line, p.column.as_str()))
        .collect();
    assert_eq!(places, [(3, ""), (4, "rate"), (6, "")]);
    assert_eq!((told.added, told.problem_count), (0, 3));
    assert_eq!(world.rates(), kept);

    // More than an error has room for.
    let lines = "x,1,,\n".repeat(500);
    let many = format!("{HEAD}{lines}");
    let status = world.import(add(deck.id, &many)).await.unwrap_err();
    assert_eq!(fields(&status).len(), 10);
    assert!(
        status.message().starts_with("csv: has 500 problems"),
        "{}",
        status.message()
    );
    let dry = ImportRatesRequest {
        dry_run: true,
        ..add(deck.id, &many)
    };
    let told = world.import(dry).await.unwrap().into_inner();
    assert_eq!((told.problems.len(), told.problem_count), (100, 500));
}

#[tokio::test]
async fn a_new_list_takes_over_from_a_moment_on() {
    let world = World::new().await;
    let deck = world.deck("Sale", "EUR").await;
    let first = format!(
        "{HEAD}49,0.000000001,2026-01-01,\n50,0.000000002,2026-05-01,\n51,0.000000003,2026-01-01,2026-02-01\n"
    );
    world.import(add(deck.id, &first)).await.unwrap();
    let before = world.rates();
    let second = "49,0.000000004,,\n52,0.000000005,2026-04-01,\n";
    let request = replace(deck.id, second, "03-01");
    let dry = ImportRatesRequest {
        dry_run: true,
        ..request.clone()
    };
    let told = world.import(dry).await.unwrap().into_inner();
    assert_eq!((told.added, told.ended, told.removed), (2, 1, 1));
    assert_eq!(world.rates(), before, "nothing was stored");
    let done = world.import(request).await.unwrap().into_inner();
    assert_eq!((done.added, done.ended, done.removed), (2, 1, 1));
    assert_eq!(
        world.rates(),
        "49 1 01-01..03-01, 49 4 03-01.., 51 3 01-01..02-01, 52 5 04-01.."
    );
    let early = world
        .import(replace(deck.id, "49,1,2026-02-28,\n", "03-01"))
        .await
        .unwrap_err();
    assert_eq!(fields(&early), ["csv[2].valid_from"]);
    let audited = "SELECT after->'import'->>'added' || ' ' || (after->'import'->>'removed') || ' ' || \
        length(after->'import'->>'sha256') FROM audit_log WHERE method = 'ImportRates' ORDER BY id DESC LIMIT 1";
    assert_eq!(world.sql(audited), "2 1 64");
    assert_eq!(
        world.sql("SELECT count(*) FROM audit_log WHERE method = 'ImportRates'"),
        "2"
    );
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let deck = world.deck("Sale", "EUR").await;
    let good = add(deck.id, "prefix,rate\n49,1\n");
    let now = stamp(at("01-01T00:00:00"));
    for (request, field) in [
        (
            ImportRatesRequest {
                deck_id: 0,
                ..good.clone()
            },
            "deck_id",
        ),
        (
            ImportRatesRequest {
                mode: 0,
                ..good.clone()
            },
            "mode",
        ),
        (
            ImportRatesRequest {
                mode: 9,
                ..good.clone()
            },
            "mode",
        ),
        (
            ImportRatesRequest {
                replace_from: now,
                ..good.clone()
            },
            "replace_from",
        ),
        (add(deck.id, ""), "csv"),
    ] {
        let status = world.import(request).await.unwrap_err();
        assert_eq!(fields(&status), [field]);
    }
    let unknown = world.import(ImportRatesRequest {
        deck_id: 99,
        ..good.clone()
    });
    refused(unknown, Code::NotFound, "WHOLESALE_DECK_NOT_FOUND").await;
    let etag = "r9".to_owned();
    let stale = world.import(ImportRatesRequest { etag, ..good });
    refused(stale, Code::FailedPrecondition, "ETAG_STALE").await;
    let large = add(deck.id, &"x".repeat(4 << 20));
    let status = world.import(large).await.unwrap_err();
    assert_eq!(reason(&status), "MESSAGE_TOO_LARGE");
}

#[tokio::test]
async fn two_who_import_at_once_do_not_overlap() {
    let world = World::new().await;
    let deck = world.deck("Sale", "EUR").await;
    let rates: Vec<_> = (100..600)
        .map(|prefix| format!("{prefix},1,2026-01-01,"))
        .collect();
    let csv = format!("{HEAD}{}", rates.join("\n"));
    let imports = (0..4).map(|_| world.import(add(deck.id, &csv)));
    let results = futures::future::join_all(imports).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(world.sql("SELECT count(*) FROM wholesale_rate"), "500");
}

#[tokio::test]
async fn a_rate_is_ended_moved_and_removed() {
    let world = World::new().await;
    let deck = world.deck("Sale", "EUR").await;
    let csv = format!(
        "{HEAD}49,0.000000001,2026-01-01,\n490,0.000000002,2026-01-01,2026-02-01\n490,0.000000003,2026-03-01,\n"
    );
    world.import(add(deck.id, &csv)).await.unwrap();
    let mut client = world.client().await;
    let end = |prefix: &str, from: &str, to: &str| SetRateEndRequest {
        deck_id: deck.id,
        prefix: prefix.to_owned(),
        valid_from: stamp(at(&format!("{from}T00:00:00"))),
        valid_to: (!to.is_empty()).then(|| stamp(at(&format!("{to}T00:00:00"))).unwrap()),
        etag: String::new(),
    };
    for (request, rates) in [
        (
            end("49", "01-01", "06-01"),
            "49 1 01-01..06-01, 490 2 01-01..02-01, 490 3 03-01..",
        ),
        (
            end("490", "01-01", "03-01"),
            "49 1 01-01..06-01, 490 2 01-01..03-01, 490 3 03-01..",
        ),
        (
            end("490", "03-01", "03-01"),
            "49 1 01-01..06-01, 490 2 01-01..03-01",
        ),
        (end("490", "01-01", ""), "49 1 01-01..06-01, 490 2 01-01.."),
    ] {
        client.set_rate_end(request).await.unwrap();
        assert_eq!(world.rates(), rates);
    }
    world
        .import(add(deck.id, &format!("{HEAD}49,1,2026-07-01,\n")))
        .await
        .unwrap();
    let meets = client
        .set_rate_end(end("49", "01-01", ""))
        .await
        .unwrap_err();
    assert_eq!(fields(&meets), ["valid_to"]);
    let before = client
        .set_rate_end(end("49", "01-02", "01-01"))
        .await
        .unwrap_err();
    assert_eq!(fields(&before), ["valid_to"]);
    let unknown = client.set_rate_end(end("49", "01-02", ""));
    refused(unknown, Code::NotFound, "WHOLESALE_RATE_NOT_FOUND").await;

    let list = |prefix: &str, day: &str| ListRatesRequest {
        deck_id: deck.id,
        prefix: prefix.to_owned(),
        at: stamp(at(&format!("{day}T00:00:00"))),
        ..Default::default()
    };
    let found = client
        .list_rates(list("49", "06-15"))
        .await
        .unwrap()
        .into_inner();
    let expected = Rate {
        prefix: "490".to_owned(),
        rate_per_minute: "0.000000002".to_owned(),
        minimum_seconds: 0,
        increment_seconds: 1,
        valid_from: stamp(at("01-01T00:00:00")),
        valid_to: None,
    };
    assert_eq!((found.rates, found.total), (vec![expected], 1));
    let none = client.list_rates(list("x", "06-15")).await.unwrap_err();
    assert_eq!(fields(&none), ["prefix"]);
}
