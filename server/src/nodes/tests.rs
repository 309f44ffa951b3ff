//! Rules of the vocabulary: as properties over anything a caller may send, and as tables.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::config::{MAX_BPS, MAX_SESSIONS};
use super::*;

fn good() -> NodeServerDraft {
    NodeServerDraft {
        name: "fra-1".to_owned(),
        address: "node.example.net".to_owned(),
        country: "DE".to_owned(),
        location: "Frankfurt".to_owned(),
        route_class: "premium".to_owned(),
        bandwidth_bps: 1,
        max_sessions: 1,
        metadata: BTreeMap::new(),
    }
}

#[test]
fn addresses() {
    let long = format!("{}.net", "a".repeat(64));
    for (address, accepted) in [
        ("a", true),
        ("node-1.example.net", true),
        ("10.0.0.1", true),
        ("2001:db8::1", true),
        ("1and1.example", true),
        ("", false),
        (".", false),
        ("a..b", false),
        ("-a.net", false),
        ("a-.net", false),
        ("a_b.net", false),
        ("a.net.", false),
        ("[2001:db8::1]", false),
        ("10.0.0.1:80", false),
        ("10.0.0", false),
        ("300.0.0.1", false),
        ("münchen.example", false),
        (long.as_str(), false),
    ] {
        let draft = NodeServerDraft {
            address: address.to_owned(),
            ..good()
        };
        assert_eq!(draft.check().is_ok(), accepted, "{address}");
    }
}

#[test]
fn an_update_changes_the_named_fields_and_no_other() {
    let config = good().check().unwrap();
    let change = NodeServerDraft {
        name: "other".to_owned(),
        location: "Berlin".to_owned(),
        // Not named below, so it does not matter that it is bad.
        country: "nowhere".to_owned(),
        ..NodeServerDraft::default()
    };
    let fields = [ConfigField::Location];
    let changed = config.clone().changed(change.clone(), &fields).unwrap();
    let expected = NodeServerDraft {
        location: "Berlin".to_owned(),
        ..good()
    };
    assert_eq!(changed.values(), &expected);
    let whole = config.changed(change, &[]).unwrap_err();
    assert!(
        whole
            .iter()
            .any(|violation| violation.field == "config.country")
    );
}

#[test]
fn versions_compare_with_what_is_supported() {
    for (version, compatibility) in [
        (0, Compatibility::AgentTooOld),
        (1, Compatibility::Supported),
        (2, Compatibility::AgentTooNew),
        (u32::MAX, Compatibility::AgentTooNew),
    ] {
        assert_eq!(Compatibility::of(version), compatibility, "{version}");
    }
}

fn any_draft() -> impl Strategy<Value = NodeServerDraft> {
    let text = || prop_oneof![".*", "[a-z0-9.-]{0,40}", "[A-Z]{2}"];
    let metadata = prop::collection::btree_map(text(), text(), 0..40);
    let numbers = (any::<u64>(), any::<u32>());
    ((text(), text(), text(), text(), text()), numbers, metadata).prop_map(
        |((name, address, country, location, route_class), numbers, metadata)| NodeServerDraft {
            name,
            address,
            country,
            location,
            route_class,
            bandwidth_bps: numbers.0,
            max_sessions: numbers.1,
            metadata,
        },
    )
}

fn any_heartbeat() -> impl Strategy<Value = HeartbeatDraft> {
    let texts = (".*", "[0-9.]{1,10}|.*", "[0-9a-f-]{1,70}|.*");
    let loads = prop::array::uniform3(any::<f64>());
    let numbers = (any::<u32>(), any::<u64>(), any::<u64>(), any::<u64>());
    let clock = prop::option::of(0_i64..4_000_000_000);
    (texts, any::<f64>(), loads, numbers, clock).prop_map(|(texts, cpu, load, numbers, clock)| {
        HeartbeatDraft {
            config_hash: texts.0,
            agent_version: texts.1,
            boot_id: texts.2,
            protocol_version: numbers.0,
            performance: Performance {
                cpu_usage_ratio: cpu,
                memory_used_bytes: numbers.1,
                memory_total_bytes: numbers.2,
                load,
                rx_bps: numbers.3,
                tx_bps: numbers.1,
                sessions: numbers.0,
            },
            clock: clock.and_then(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0)),
        }
    })
}

proptest! {
    /// Whatever is sent: either every violation has a field of the request, or every value fits its
    /// column.
    #[test]
    fn what_passes_fits_the_database(draft in any_draft()) {
        match draft.clone().check() {
            Ok(config) => {
                let values = config.values();
                prop_assert!((1..=100).contains(&values.name.chars().count()));
                prop_assert!((1..=253).contains(&values.address.len()));
                prop_assert!(values.location.chars().count() <= 100);
                prop_assert!(values.route_class.len() <= 32);
                prop_assert!(i64::try_from(values.bandwidth_bps).is_ok());
                prop_assert!(i32::try_from(values.max_sessions).is_ok());
                prop_assert!(values.bandwidth_bps <= MAX_BPS && values.max_sessions <= MAX_SESSIONS);
                prop_assert!(values.metadata.len() <= 32);
                let texts = [&values.name, &values.location].into_iter().chain(values.metadata.values());
                for text in texts {
                    prop_assert!(!text.contains('\0'), "PostgreSQL takes no NUL");
                }
            }
            Err(violations) => {
                prop_assert!(!violations.is_empty() && violations.len() <= 100);
                for violation in violations {
                    prop_assert!(violation.field.starts_with("config."));
                    prop_assert!(!violation.description.is_empty());
                }
            }
        }
    }

    #[test]
    fn a_heartbeat_that_passes_has_only_numbers(draft in any_heartbeat()) {
        if let Ok(heartbeat) = draft.check() {
            let performance = heartbeat.values().performance;
            prop_assert!((0.0..=1.0).contains(&performance.cpu_usage_ratio));
            prop_assert!(performance.load.iter().all(|load| load.is_finite()));
            prop_assert!(performance.memory_used_bytes <= performance.memory_total_bytes);
            prop_assert!(i32::try_from(heartbeat.values().protocol_version).is_ok());
        }
    }

    #[test]
    fn a_status_has_its_name_back(index in 0_usize..3) {
        let status = NodeStatus::ALL[index];
        prop_assert_eq!(NodeStatus::from_name(status.as_str()), Some(status));
    }
}
