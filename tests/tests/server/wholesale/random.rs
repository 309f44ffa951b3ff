//! A hundred thousand random calls, rated by the server and by SQL that knows nothing of it: decimals of PostgreSQL, a
//! search for prefixes by LIKE, numbers by regular expressions. Both have to say the same of each side of each call,
//! when it is stored and after everything has become different and was rated again.

use std::fmt::Write as _;
use std::time::Instant;

use chrono::TimeDelta;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use telecom_proto::v1::{ChargeSide, SumChargesRequest};
use telecom_server::calls::{CallKey, CallRecord, CallResult};
use telecom_server::pbxs::PbxId;

use super::rerate::january;
use super::{World, at, call, stamp};

const CALLS: usize = 100_000;
const BATCH: usize = 1000;

/// What every side of every call should come to: `amount` or `reason`, of those that should have either.
const EXPECTED: &str = "CREATE TEMPORARY VIEW expected AS \
    WITH numbered AS (SELECT *, regexp_replace(regexp_replace(CASE to_number WHEN '' \
        THEN coalesce(substring(callee FROM '^sip:([^@;]*).*@'), '') ELSE to_number END, '[-. ()]', '', 'g'), \
        '^([+]|00)', '') AS digits, coalesce(answer_time, start_time) AS rated_at FROM call_record), \
    sides AS (SELECT start_time, pbx_id, call_id, answer_time, talk_ms, digits, rated_at, 'sell' AS side, \
        'customer' AS role, sip_trunk_id AS trunk_id FROM numbered UNION ALL \
        SELECT start_time, pbx_id, call_id, answer_time, talk_ms, digits, rated_at, 'buy', \
        'carrier', outbound_sip_trunk_id FROM numbered), \
    mapped AS (SELECT s.*, t.pbx_id IS NOT NULL AS known, t.deck_id, d.currency FROM sides s \
        LEFT JOIN wholesale_trunk t USING (pbx_id, trunk_id, role) LEFT JOIN wholesale_deck d ON d.id = t.deck_id \
        WHERE s.trunk_id <> ''), \
    priced AS MATERIALIZED (SELECT m.*, (SELECT r FROM wholesale_rate r WHERE r.deck_id = m.deck_id AND m.digits LIKE r.prefix || '%' \
        AND tstzrange(r.valid_from, r.valid_to) @> m.rated_at ORDER BY length(r.prefix) DESC LIMIT 1) AS r FROM mapped m), \
    reasoned AS (SELECT *, CASE WHEN NOT known THEN 'unmapped_trunk' WHEN deck_id IS NULL THEN NULL \
        WHEN answer_time IS NULL THEN NULL WHEN digits !~ '^[0-9]+$' THEN 'bad_number' \
        WHEN r IS NULL THEN 'no_rate' END AS reason FROM priced), \
    counted AS (SELECT *, CASE WHEN answer_time IS NULL THEN 0 ELSE ceil(greatest(ceil(talk_ms / 1000.0), \
        (r).minimum_seconds) / (r).increment_seconds::numeric) * (r).increment_seconds END AS billable FROM reasoned) \
    SELECT start_time, pbx_id, call_id, side, reason, CASE WHEN reason IS NULL AND deck_id IS NOT NULL THEN deck_id END \
        AS deck_id, CASE WHEN answer_time IS NULL THEN '' ELSE (r).prefix END AS prefix, currency, billable, \
        CASE WHEN answer_time IS NULL THEN 0 ELSE round(billable * ((r).rate_nano / 1000000000.0) / 60, 6) * 1000000 END \
        AS amount \
    FROM counted";

/// How many sides of calls the ledger or the calls themselves say otherwise of.
const DIFFERENCES: &str = "WITH standing AS (SELECT DISTINCT ON (start_time, pbx_id, call_id, side) * FROM call_charge \
        ORDER BY start_time, pbx_id, call_id, side, seq DESC), \
    found AS (SELECT * FROM standing WHERE kind = 'charge'), \
    wanted AS MATERIALIZED (SELECT * FROM expected), \
    charges AS (SELECT count(*) AS n FROM (SELECT * FROM wanted WHERE deck_id IS NOT NULL) w \
        FULL JOIN found f USING (start_time, pbx_id, call_id, side) \
        WHERE (w.deck_id, w.prefix, w.currency, w.billable, w.amount) IS DISTINCT FROM \
        (f.deck_id, f.prefix, f.currency, f.billable_seconds::numeric, f.amount_micro::numeric)), \
    reasons AS (SELECT count(*) AS n FROM wanted w JOIN call_record r USING (start_time, pbx_id, call_id) \
        WHERE w.reason IS DISTINCT FROM CASE w.side WHEN 'sell' THEN r.unrated_sell ELSE r.unrated_buy END), \
    sums AS (SELECT (SELECT sum(amount) FROM wanted WHERE deck_id IS NOT NULL) - (SELECT sum(amount_micro) FROM call_charge) \
        AS n) \
    SELECT charges.n || ' ' || reasons.n || ' ' || sums.n::bigint FROM charges, reasons, sums";

fn prefix(random: &mut StdRng) -> String {
    let digits = random.random_range(0..=5);
    (0..digits)
        .map(|_| *b"1234".choose(random).unwrap() as char)
        .collect()
}

/// Rates of one deck: for some prefixes one to three times, with or without gaps.
fn rates(random: &mut StdRng, deck: usize) -> String {
    let mut values = String::new();
    let mut prefixes: Vec<_> = (0..150).map(|_| prefix(random)).collect();
    prefixes.sort();
    prefixes.dedup();
    for prefix in prefixes {
        let mut day = random.random_range(1..20);
        for _ in 0..random.random_range(1..=3) {
            let end = day + random.random_range(1..8);
            let rate = match random.random_range(0..4) {
                0 => random.random_range(0..1000),
                1 => random.random_range(0..100) * 10_000_000,
                _ => random.random_range(0..5_000_000_000_i64),
            };
            let minimum = *[0, 1, 6, 30, 60, 61].choose(random).unwrap();
            let increment = *[1, 1, 6, 7, 30, 60].choose(random).unwrap();
            write!(
                values,
                "({deck}, '{prefix}', '2026-01-{day:02}Z', '2026-01-{end:02}Z', {rate}, {minimum}, {increment}),"
            )
            .unwrap();
            day = end + random.random_range(0..2);
            if day > 22 {
                break;
            }
        }
    }
    values.trim_end_matches(',').to_owned()
}

fn fill(world: &World, random: &mut StdRng) {
    world.sql("DELETE FROM wholesale_trunk; DELETE FROM wholesale_rate");
    for deck in 1..=3 {
        let rates = rates(random, deck);
        world.sql(&format!(
            "INSERT INTO wholesale_rate (deck_id, prefix, valid_from, valid_to, rate_nano, minimum_seconds, \
             increment_seconds) VALUES {rates}"
        ));
    }
    for (pbx, trunk, role) in (1..=3).flat_map(|pbx| {
        (0..5).flat_map(move |trunk| ["customer", "carrier"].map(|role| (pbx, trunk, role)))
    }) {
        // Some are not mapped, some are not to be rated.
        let deck = match random.random_range(0..6) {
            0 => continue,
            1 => "NULL".to_owned(),
            _ => random.random_range(1..=3).to_string(),
        };
        world.sql(&format!(
            "INSERT INTO wholesale_trunk (pbx_id, trunk_id, role, deck_id) VALUES ({pbx}, 't{trunk}', '{role}', {deck})"
        ));
    }
}

fn number(random: &mut StdRng) -> String {
    let digits = random.random_range(1..12);
    let digits: String = (0..digits)
        .map(|_| *b"12345".choose(random).unwrap() as char)
        .collect();
    match random.random_range(0..12) {
        0 => format!("+{digits}"),
        1 => format!("00{digits}"),
        2 => format!("+{} ({digits})-{digits}", &digits[..1]),
        3 => format!("+00{digits}"),
        4 => format!("{digits}x"),
        5 => "anonymous".to_owned(),
        _ => digits,
    }
}

fn random_call(random: &mut StdRng, n: usize) -> CallRecord {
    let start =
        at("01-01T00:00:00") + TimeDelta::milliseconds(random.random_range(0..25 * 86_400_000));
    let talk_ms = match random.random_range(0..5) {
        0 => random.random_range(0..200) * 1000,
        1 => random.random_range(0..10) * 60_000 + random.random_range(0..=2) - 1,
        2 => random.random_range(0..3_000),
        _ => random.random_range(0..7_200_000),
    };
    let mut record = call(&n.to_string(), "01-01T00:00:00", &number(random), 0);
    record.key = CallKey {
        start_time: start,
        pbx: PbxId(random.random_range(1..=3)),
        call_id: n.to_string(),
    };
    // Some are answered exactly when rates change.
    let midnight = (start + TimeDelta::days(1))
        .date_naive()
        .and_time(chrono::NaiveTime::MIN)
        .and_utc();
    let answered = match random.random_range(0..20) {
        0 => midnight,
        1 => midnight - TimeDelta::microseconds(1),
        _ => start + TimeDelta::milliseconds(random.random_range(0..20_000)),
    };
    record.answer_time = random.random_bool(0.7).then_some(answered);
    record.end_time = answered + TimeDelta::milliseconds(talk_ms.max(0));
    record.result = if record.answer_time.is_some() {
        CallResult::Completed
    } else {
        CallResult::Missed
    };
    if random.random_bool(0.1) {
        let user = std::mem::take(&mut record.to_number);
        record.callee = match random.random_range(0..3) {
            0 => String::new(),
            1 => format!("sip:{user};npdi@198.51.100.1:5060"),
            _ => format!("sip:{user}@198.51.100.1;user=phone"),
        };
    }
    let trunk = |random: &mut StdRng| match random.random_range(0..6) {
        0 => String::new(),
        n => format!("t{}", n - 1),
    };
    record.sip_trunk_id = trunk(random);
    record.outbound_sip_trunk_id = trunk(random);
    record
}

impl World {
    fn differences(&self) -> String {
        self.sql(&format!("{EXPECTED}; {DIFFERENCES}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_and_sql_agree_on_each_call() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::new().await;
    for (name, currency) in [("A", "EUR"), ("B", "EUR"), ("C", "USD")] {
        world.deck(name, currency).await;
    }
    fill(&world, &mut random);
    let begun = Instant::now();
    let mut unrated = 0;
    for batch in 0..CALLS / BATCH {
        let calls: Vec<_> = (0..BATCH)
            .map(|n| random_call(&mut random, batch * BATCH + n))
            .collect();
        let ratings = world.store(&calls).await;
        unrated += ratings
            .iter()
            .filter(|rating| rating.unrated_sell().is_some())
            .count();
    }
    println!("{CALLS} calls rated and booked in {:?}", begun.elapsed());
    assert!((CALLS / 10..CALLS * 9 / 10).contains(&unrated), "{unrated}");
    world.sql("ANALYZE call_record; ANALYZE call_charge; ANALYZE wholesale_rate");
    let begun = Instant::now();
    assert_eq!(world.differences(), "0 0 0");
    println!("compared in {:?}", begun.elapsed());

    let begun = Instant::now();
    let nothing = world.rerate(january()).await;
    println!(
        "{} calls looked at again in {:?}",
        nothing.examined,
        begun.elapsed()
    );
    assert_eq!(nothing.changed, 0);
    fill(&world, &mut random);
    let begun = Instant::now();
    let done = world.rerate(january()).await;
    println!(
        "{} of {} calls corrected in {:?}",
        done.changed,
        done.examined,
        begun.elapsed()
    );
    assert!(done.changed > 10_000, "{}", done.changed);
    assert_eq!(world.differences(), "0 0 0");
    assert_eq!(world.rerate(january()).await.changed, 0);
    sums_agree(&world).await;
}

async fn sums_agree(world: &World) {
    let request = SumChargesRequest {
        start: stamp(at("01-01T00:00:00")),
        end: stamp(at("02-01T00:00:00")),
        ..Default::default()
    };
    let sums = world
        .client()
        .await
        .sum_charges(request)
        .await
        .unwrap()
        .into_inner()
        .sums;
    let mut lines: Vec<_> = sums
        .iter()
        .map(|sum| {
            let side = if sum.side() == ChargeSide::Sell {
                "sell"
            } else {
                "buy"
            };
            format!(
                "{side} {} {} {}",
                sum.currency, sum.billable_seconds, sum.amount_micro
            )
        })
        .collect();
    lines.sort();
    let sql = format!(
        "{EXPECTED}; SELECT concat_ws(' ', side, currency, sum(billable), sum(amount)::bigint) FROM expected \
         WHERE deck_id IS NOT NULL GROUP BY side, currency ORDER BY 1"
    );
    let mut expected: Vec<_> = world.sql(&sql).lines().map(str::to_owned).collect();
    expected.sort();
    assert_eq!(lines, expected);
}
