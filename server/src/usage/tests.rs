//! Which rows are taken, what they count, and that nothing is lost on the way into quarters.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::access::Access;
use crate::nodes::{Factor, FactorFrom, NodeClientId};
use crate::users::UserId;

const ALICE: &str = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
const ERASED: &str = "0190f3a1-7c11-7cc3-98c4-dc0c0c073990";
const CLIENT: i32 = 7;

fn now() -> DateTime<Utc> {
    "2026-11-22T20:07:30.123456Z".parse().unwrap()
}

fn millionths(millionths: u64) -> Factor {
    Factor::from_millionths(millionths).unwrap()
}

fn from(factor: u64, valid_from: &str) -> FactorFrom {
    FactorFrom {
        factor: millionths(factor),
        valid_from: valid_from.parse().unwrap(),
    }
}

fn known() -> Known {
    let users = [(ALICE, Access::Granted), (ERASED, Access::Erased)];
    let factors = Factors::new(vec![from(1_000_000, "2026-01-01T00:00:00Z")]);
    Known {
        now: now(),
        node_clients: BTreeMap::from([(NodeClientId(CLIENT), factors)]),
        users: users
            .map(|(id, access)| (id.parse().unwrap(), access))
            .into(),
    }
}

fn row() -> RowDraft {
    RowDraft {
        user_id: ALICE.to_owned(),
        node_client_id: CLIENT,
        used_at: Some(now()),
        upload: 3,
        download: 40,
    }
}

fn report(rows: Vec<RowDraft>) -> ReportDraft {
    ReportDraft {
        boot_id: "boot".to_owned(),
        seq: 1,
        rows,
    }
}

type Spoil = Box<dyn Fn(&mut RowDraft)>;

#[test]
fn each_row_is_taken_or_refused_for_its_reason() {
    let micro = TimeDelta::microseconds(1);
    let (week, day) = (TimeDelta::days(7), TimeDelta::days(1));
    let most = 1_i64 << 50;
    let at = |at: DateTime<Utc>| -> Spoil { Box::new(move |row| row.used_at = Some(at)) };
    let bytes = |up: i64, down: i64| -> Spoil {
        Box::new(move |row| (row.upload, row.download) = (up, down))
    };
    let cases: Vec<(&str, Spoil, Result<(), Refusal>)> = vec![
        ("as it should be", Box::new(|_| ()), Ok(())),
        ("nothing used", bytes(0, 0), Ok(())),
        ("the most there is", bytes(most, most), Ok(())),
        ("a byte more up", bytes(most + 1, 0), Err(Refusal::TooLarge)),
        (
            "a byte more down",
            bytes(0, most + 1),
            Err(Refusal::TooLarge),
        ),
        (
            "as much as fits",
            bytes(i64::MAX, i64::MAX),
            Err(Refusal::TooLarge),
        ),
        ("negative up", bytes(-1, 5), Err(Refusal::Negative)),
        ("negative down", bytes(5, i64::MIN), Err(Refusal::Negative)),
        ("a week ago", at(now() - week), Ok(())),
        (
            "more than a week ago",
            at(now() - week - micro),
            Err(Refusal::TooOld),
        ),
        ("a day ahead", at(now() + day), Ok(())),
        (
            "more than a day ahead",
            at(now() + day + micro),
            Err(Refusal::TooNew),
        ),
        (
            "ten years ago",
            at(now() - day * 3653),
            Err(Refusal::TooOld),
        ),
        ("in ten years", at(now() + day * 3653), Err(Refusal::TooNew)),
        (
            "at no time",
            Box::new(|row| row.used_at = None),
            Err(Refusal::TimeInvalid),
        ),
        (
            "by nobody",
            Box::new(|row| row.user_id = "alice".to_owned()),
            Err(Refusal::UserInvalid),
        ),
        (
            "by a stranger",
            Box::new(|row| row.user_id = Uuid::nil().to_string()),
            Err(Refusal::UserUnknown),
        ),
        (
            "by somebody erased",
            Box::new(|row| row.user_id = ERASED.to_owned()),
            Err(Refusal::UserErased),
        ),
        (
            "by Alice in capitals",
            Box::new(|row| row.user_id = ALICE.to_uppercase()),
            Ok(()),
        ),
        (
            "through another node's client",
            Box::new(|row| row.node_client_id = CLIENT + 1),
            Err(Refusal::NodeClientUnknown),
        ),
    ];
    let known = known();
    for (name, spoil, expected) in &cases {
        let mut row = row();
        spoil(&mut row);
        assert_eq!(known.row(&row).map(|_| ()), *expected, "{name}");
    }
    let refused = cases.iter().filter_map(|(_, _, result)| result.err());
    let mut reasons: Vec<_> = refused.collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons, Refusal::ALL, "every reason has its case");
}

#[test]
fn a_clock_ahead_gives_way_to_the_databases() {
    let known = known();
    for (ahead, flagged) in [(0, false), (1, true), (86_400_000_000, true)] {
        let mut row = row();
        row.used_at = Some(now() + TimeDelta::microseconds(ahead));
        let taken = known.row(&row).unwrap();
        assert_eq!(taken.clock_ahead, flagged, "{ahead}");
        assert_eq!(taken.used_at, now(), "{ahead}");
    }
}

#[test]
fn the_factor_is_the_one_of_the_moment_of_use() {
    let factors = Factors::new(vec![
        from(2_000_000, "2026-11-22T12:20:00Z"),
        from(500_000, "2026-11-22T12:00:00Z"),
        from(0, "2026-11-22T12:40:00Z"),
    ]);
    for (moment, expected) in [
        ("2020-01-01T00:00:00Z", 500_000),
        ("2026-11-22T12:00:00Z", 500_000),
        ("2026-11-22T12:19:59.999999Z", 500_000),
        ("2026-11-22T12:20:00Z", 2_000_000),
        ("2026-11-22T12:39:59Z", 2_000_000),
        ("2026-11-22T12:40:00Z", 0),
        ("2030-01-01T00:00:00Z", 0),
    ] {
        let factor = factors.at(moment.parse().unwrap());
        assert_eq!(factor, Some(millionths(expected)), "{moment}");
    }
    assert_eq!(Factors::default().at(now()), None);
}

#[test]
fn factored_bytes_are_exact_and_only_the_whole_ones_are_billed() {
    for (bytes, factor, text, whole) in [
        (0, 1_000_000, "0.000000", 0),
        (1, 0, "0.000000", 0),
        (1, 10_000, "0.010000", 0),
        (99, 10_000, "0.990000", 0),
        (100, 10_000, "1.000000", 1),
        (1, 1_500_000, "1.500000", 1),
        (1, 1, "0.000001", 0),
        (
            MAX_ROW_BYTES,
            1_000_000_000,
            "1125899906842624000.000000",
            1_125_899_906_842_624_000,
        ),
    ] {
        let factored = Factored::new(bytes, millionths(factor));
        assert_eq!(factored.to_string(), text, "{bytes} x {factor}");
        assert_eq!(factored.whole(), whole, "{bytes} x {factor}");
    }
}

#[test]
fn a_report_is_checked_as_a_whole() {
    let many = |count| report(vec![row(); count]);
    let with = |boot_id: &str, seq| ReportDraft {
        boot_id: boot_id.to_owned(),
        seq,
        ..many(1)
    };
    for (name, draft, expected) in [
        ("one row", many(1), &[][..]),
        ("10 000 rows", many(10_000), &[]),
        ("no rows", many(0), &["rows"]),
        ("10 001 rows", many(10_001), &["rows"]),
        ("the last number", with("b", i64::MAX as u64), &[]),
        ("a number too far", with("b", 1 << 63), &["seq"]),
        ("no boot", with("", 1), &["boot_id"]),
        ("a long boot", with(&"b".repeat(65), 1), &["boot_id"]),
        ("both", with("ä", u64::MAX), &["boot_id", "seq"]),
    ] {
        let violations = draft.check().err().unwrap_or_default();
        let fields: Vec<_> = violations.iter().map(|v| v.field.as_str()).collect();
        assert_eq!(fields, expected, "{name}");
    }
}

#[test]
fn another_word_anywhere_in_the_rows_is_another_report() {
    let hash = |rows| report(rows).check().unwrap().hash().as_bytes().to_vec();
    let one = hash(vec![row(), row()]);
    assert_eq!(one, hash(vec![row(), row()]), "a repetition");
    let changes: [fn(&mut RowDraft); 7] = [
        |row| row.user_id = ERASED.to_owned(),
        |row| row.node_client_id += 1,
        |row| row.used_at = None,
        |row| row.used_at = row.used_at.map(|at| at + TimeDelta::nanoseconds(1)),
        |row| row.upload += 1,
        |row| row.download -= 1,
        |row| std::mem::swap(&mut row.upload, &mut row.download),
    ];
    let mut hashes = vec![one, hash(vec![row()]), hash(vec![row(); 3])];
    for change in changes {
        let mut other = row();
        change(&mut other);
        hashes.push(hash(vec![other.clone(), row()]));
        hashes.push(hash(vec![row(), other]));
    }
    let count = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), count);
}

fn any_taken() -> impl Strategy<Value = TakenRow> {
    let bytes = || prop_oneof![0..200_u64, Just(MAX_ROW_BYTES)];
    let factor = prop_oneof![0..2_000_000_u64, Just(1_000_000_000)];
    (0..3_u128, 0..3_i32, 0..4_000_i64, bytes(), bytes(), factor).prop_map(
        |(user, client, seconds, upload, download, factor)| TakenRow {
            user: UserId(Uuid::from_u128(user)),
            node_client: NodeClientId(client),
            used_at: now() - TimeDelta::seconds(seconds),
            upload,
            download,
            clock_ahead: false,
            factor: millionths(factor),
        },
    )
}

proptest! {
    #[test]
    fn quarters_hold_every_byte_once_in_the_order_of_their_keys(rows in vec(any_taken(), 0..60)) {
        let quarters = quarters(&rows);
        let raw: u128 = quarters.iter().map(|sum| sum.raw_upload + sum.raw_download).sum();
        prop_assert_eq!(raw, rows.iter().map(|row| u128::from(row.upload + row.download)).sum());
        let upload: Factored = quarters.iter().map(|sum| sum.factored_upload).sum();
        prop_assert_eq!(upload, rows.iter().map(TakenRow::factored_upload).sum());
        let download: Factored = quarters.iter().map(|sum| sum.factored_download).sum();
        prop_assert_eq!(download, rows.iter().map(TakenRow::factored_download).sum());
        let key = |sum: &Quarter| (sum.user, sum.bucket, sum.node_client);
        prop_assert!(quarters.windows(2).all(|two| key(&two[0]) < key(&two[1])));
        for sum in &quarters {
            let into = sum.last_used_at - sum.bucket;
            prop_assert!(into >= TimeDelta::zero() && into < TimeDelta::minutes(15));
            prop_assert_eq!(sum.bucket.timestamp() % 900, 0);
        }
    }

    #[test]
    fn the_order_of_rows_changes_no_sum(mut rows in vec(any_taken(), 0..40), turn in 0..40_usize) {
        let sums = quarters(&rows);
        let turn = turn % rows.len().max(1);
        rows.rotate_left(turn);
        prop_assert_eq!(quarters(&rows), sums);
    }

    #[test]
    fn what_is_billed_is_less_than_a_byte_from_what_counts(bytes in 0..=MAX_ROW_BYTES, factor in 0..=1_000_000_000_u64) {
        let factored = Factored::new(bytes, millionths(factor));
        let exact = u128::from(bytes) * u128::from(factor);
        let billed = factored.whole() * 1_000_000;
        prop_assert!(billed <= exact && exact - billed < 1_000_000);
    }

    #[test]
    fn every_row_is_either_taken_or_refused(rows in vec((-2..3_i64, 5..10_i32, -9..9_i64), 0..30)) {
        let drafts: Vec<_> = rows
            .into_iter()
            .map(|(upload, node_client_id, days)| RowDraft {
                upload,
                node_client_id,
                used_at: Some(now() + TimeDelta::days(days)),
                ..row()
            })
            .collect();
        let known = known();
        let sorted = known.sort(&drafts);
        prop_assert_eq!(sorted.taken.len() + sorted.refused.len(), drafts.len());
        for refused in sorted.refused {
            let draft = &drafts[refused.place as usize];
            prop_assert_eq!(known.row(draft), Err(refused.reason));
        }
    }
}

#[test]
fn names_of_reasons_go_there_and_back() {
    let names: HashMap<_, _> = Refusal::ALL.map(|reason| (reason.as_str(), reason)).into();
    assert_eq!(names.len(), Refusal::ALL.len());
    for (name, reason) in names {
        assert_eq!(Refusal::from_name(name), Some(reason));
    }
    assert_eq!(Refusal::from_name("late"), None);
}
