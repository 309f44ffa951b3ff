//! Ready, the times of conditions, and which status counts as current.

use super::*;

fn finding(kind: ConditionType, holds: bool, reason: Reason) -> Finding {
    Finding::new(kind, holds, reason, reason.meaning())
}

fn all_well() -> Vec<Finding> {
    vec![
        finding(ConditionType::ConfigurationValid, true, Reason::Valid),
        finding(ConditionType::DatabaseReady, true, Reason::EmbeddedReady),
        finding(ConditionType::MigrationsApplied, true, Reason::Applied),
        finding(ConditionType::ServerAvailable, true, Reason::Available),
    ]
}

#[test]
fn ready_names_the_first_gate_that_does_not_hold() {
    assert_eq!(ready(&all_well()).reason, Reason::Ready);
    let mut findings = all_well();
    findings[3] = finding(ConditionType::ServerAvailable, false, Reason::NotReady);
    findings[1] = finding(
        ConditionType::DatabaseReady,
        false,
        Reason::DatabaseUnreachable,
    );
    let summed = ready(&findings);
    assert_eq!(
        (summed.kind, summed.verdict),
        (ConditionType::Ready, Verdict::False)
    );
    assert_eq!(summed.reason, Reason::DatabaseUnreachable);
    assert_eq!(summed.message, Reason::DatabaseUnreachable.meaning());
}

#[test]
fn what_never_gates_does_not() {
    let mut findings = all_well();
    findings.push(finding(
        ConditionType::MonitoringReady,
        false,
        Reason::MetricsTokenEmpty,
    ));
    findings.push(finding(ConditionType::Contended, true, Reason::Contended));
    assert_eq!(ready(&findings).verdict, Verdict::True);
}

#[test]
fn a_gate_nobody_looked_at_is_unknown() {
    assert_eq!(ready(&all_well()[..3]).verdict, Verdict::Unknown);
}

#[test]
fn the_time_moves_with_the_status_and_not_with_the_reason() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let waiting = [finding(
        ConditionType::DatabaseReady,
        false,
        Reason::DatabasePending,
    )];
    let failing = [finding(
        ConditionType::DatabaseReady,
        false,
        Reason::DatabaseUnreachable,
    )];
    let well = [finding(
        ConditionType::DatabaseReady,
        true,
        Reason::EmbeddedReady,
    )];
    let first = conditions(&[], &waiting, Some(1), at(10));
    let second = conditions(&first, &failing, Some(2), at(20));
    let third = conditions(&second, &well, Some(2), at(30));
    let seen: Vec<_> = [&first, &second, &third]
        .iter()
        .map(|list| {
            (
                list[0].last_transition_time.0.as_second(),
                list[0].observed_generation,
            )
        })
        .collect();
    assert_eq!(seen, [(10, Some(1)), (10, Some(2)), (30, Some(2))]);
    assert_eq!(
        reason_before(&second, ConditionType::DatabaseReady),
        Some(Reason::DatabaseUnreachable)
    );
    assert_eq!(reason_before(&second, ConditionType::Paused), None);
}

#[test]
fn our_own_status_counts_until_the_watch_shows_a_newer_one() {
    let with = |version: &str, replicas| {
        let mut cluster = TelecomCluster::new("demo", telecom_crds::TelecomClusterSpec::default());
        cluster.metadata.resource_version = Some(version.to_owned());
        cluster.metadata.uid = Some("u".to_owned());
        cluster.status = Some(TelecomClusterStatus {
            replicas: Some(replicas),
            ..TelecomClusterStatus::default()
        });
        cluster
    };
    let written = Written::default();
    let key = ClusterKey::new("default", "demo");
    let seen = |cluster: &TelecomCluster| written.current(&key, cluster).replicas;
    assert_eq!(seen(&with("5", 1)), Some(1));
    written.wrote(&key, &with("6", 2));
    assert_eq!(seen(&with("5", 1)), Some(2), "the watch lags");
    assert_eq!(seen(&with("7", 3)), Some(3), "somebody wrote after us");
    let mut reborn = with("5", 4);
    reborn.metadata.uid = Some("v".to_owned());
    assert_eq!(seen(&reborn), Some(4), "another object of the same name");
}
