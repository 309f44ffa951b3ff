//! Tables over the rules of series and packages.

use super::*;

fn series() -> SeriesDraft {
    SeriesDraft {
        name: "Home".to_owned(),
        description: "For at home".to_owned(),
        display_order: 10,
        node_client_ids: vec![3, 1, 2],
    }
}

fn package() -> PackageDraft {
    PackageDraft {
        series_id: 7,
        name: "Home 100".to_owned(),
        description: String::new(),
        quota: Some(QuotaDraft {
            kind: Some(QuotaKind::Total),
            bytes: 100_000_000_000,
            monthly_reset: true,
        }),
        duration: Some(DurationDraft::Months(12)),
        speed_limit_bps: 0,
    }
}

fn fields<T: std::fmt::Debug>(result: Result<T, Vec<crate::violation::Violation>>) -> Vec<String> {
    let violations = result.unwrap_err();
    violations.into_iter().map(|v| v.field).collect()
}

#[test]
fn a_good_series_keeps_its_node_clients_in_order() {
    let config = series().check().unwrap();
    assert_eq!(config.values().node_client_ids, [1, 2, 3]);
}

#[test]
fn each_field_of_a_series_is_checked() {
    type Spoil = fn(&mut SeriesDraft);
    let cases: [(Spoil, &str); 10] = [
        (|s| s.name.clear(), "config.name"),
        (|s| s.name = "x".repeat(1 << 20), "config.name"),
        (|s| s.name = "a\u{85}b".to_owned(), "config.name"),
        (|s| s.description = "é".repeat(1001), "config.description"),
        (|s| s.description = "a\0".to_owned(), "config.description"),
        (|s| s.display_order = i32::MIN, "config.display_order"),
        (|s| s.display_order = 1_000_001, "config.display_order"),
        (
            |s| s.node_client_ids = vec![1, 0],
            "config.node_client_ids[1]",
        ),
        (
            |s| s.node_client_ids = vec![5, 6, 5],
            "config.node_client_ids[2]",
        ),
        (
            |s| s.node_client_ids = (1..=1001).collect(),
            "config.node_client_ids",
        ),
    ];
    for (spoil, field) in cases {
        let mut draft = series();
        spoil(&mut draft);
        assert_eq!(fields(draft.check()), [field]);
    }
    let mut most = series();
    most.node_client_ids = (1..=1000).collect();
    most.description = "é".repeat(1000);
    most.display_order = -1_000_000;
    assert!(most.check().is_ok());
}

#[test]
fn each_field_of_a_package_is_checked() {
    type Spoil = fn(&mut PackageDraft);
    let cases: [(Spoil, &str); 7] = [
        (|p| p.series_id = 0, "config.series_id"),
        (|p| p.series_id = i32::MIN, "config.series_id"),
        (|p| p.name = " a".to_owned(), "config.name"),
        (|p| p.description = "a\tb".to_owned(), "config.description"),
        (|p| p.quota = None, "config.quota.kind"),
        (|p| p.duration = None, "config.duration"),
        (|p| p.speed_limit_bps = u64::MAX, "config.speed_limit_bps"),
    ];
    for (spoil, field) in cases {
        let mut draft = package();
        spoil(&mut draft);
        assert_eq!(fields(draft.check()), [field]);
    }
}

#[test]
fn a_quota_is_of_one_piece() {
    let (total, unlimited) = (Some(QuotaKind::Total), Some(QuotaKind::Unlimited));
    for (kind, bytes, monthly_reset, fault) in [
        (None, 1, false, Some("config.quota.kind")),
        (total, 0, false, Some("config.quota.bytes")),
        (total, 1, true, None),
        (Some(QuotaKind::Download), 1 << 50, false, None),
        (
            Some(QuotaKind::Download),
            (1 << 50) + 1,
            false,
            Some("config.quota.bytes"),
        ),
        (total, u64::MAX, true, Some("config.quota.bytes")),
        (unlimited, 0, false, None),
        (unlimited, 1, false, Some("config.quota.bytes")),
        (unlimited, 0, true, Some("config.quota.monthly_reset")),
    ] {
        let quota = QuotaDraft {
            kind,
            bytes,
            monthly_reset,
        };
        let draft = PackageDraft {
            quota: Some(quota),
            ..package()
        };
        match (draft.check(), fault) {
            (Ok(config), None) => assert_eq!(QuotaDraft::from(config.quota), quota),
            (result, fault) => assert_eq!(fields(result), Vec::from_iter(fault), "{quota:?}"),
        }
    }
}

#[test]
fn a_duration_has_bounds() {
    use DurationDraft::{Months, Seconds};
    let (days, in_seconds, in_months) = (
        3660 * 86_400,
        "config.duration.seconds",
        "config.duration.months",
    );
    for (duration, fault) in [
        (Seconds(1, 0), None),
        (Seconds(days, 0), None),
        (Seconds(days + 1, 0), Some(in_seconds)),
        (Seconds(0, 0), Some(in_seconds)),
        (Seconds(1, 1), Some(in_seconds)),
        (Seconds(1, i32::MIN), Some(in_seconds)),
        (Seconds(i64::MIN, 0), Some(in_seconds)),
        (Seconds(i64::MAX, 999_999_999), Some(in_seconds)),
        (Months(0), Some(in_months)),
        (Months(1), None),
        (Months(120), None),
        (Months(121), Some(in_months)),
        (Months(u32::MAX), Some(in_months)),
    ] {
        let draft = PackageDraft {
            duration: Some(duration),
            ..package()
        };
        match (draft.check(), fault) {
            (Ok(config), None) => assert_eq!(DurationDraft::from(config.duration), duration),
            (result, fault) => assert_eq!(fields(result), Vec::from_iter(fault), "{duration:?}"),
        }
    }
}

#[test]
fn all_fields_at_fault_are_named_at_once() {
    assert_eq!(
        fields(PackageDraft::default().check()),
        [
            "config.series_id",
            "config.name",
            "config.quota.kind",
            "config.duration"
        ]
    );
}

#[test]
fn a_package_stays_in_its_series() {
    let config = package().check().unwrap();
    let elsewhere = PackageDraft {
        series_id: 8,
        ..package()
    };
    for named in [&[PackageField::SeriesId][..], &[]] {
        let refused = config.clone().changed(elsewhere.clone(), named);
        assert_eq!(fields(refused), ["config.series_id"]);
    }
    let renamed = config.clone().changed(
        PackageDraft {
            name: "Home 1 TB".to_owned(),
            ..PackageDraft::default()
        },
        &[PackageField::Name],
    );
    assert_eq!(
        renamed.unwrap(),
        PackageConfig {
            name: "Home 1 TB".to_owned(),
            ..config
        }
    );
}
