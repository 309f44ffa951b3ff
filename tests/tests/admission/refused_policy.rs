//! Refused, with these words: who may call, when a node is offline, how long records are kept.

use rstest::rstest;

use super::api::{dry_run, manifest};

#[rstest]
#[case::secret_and_published_keys(
    "{auth: {jwtSecretRef: {name: issuer, key: hmac}, jwksUrl: 'https://id.example.com/keys'}}",
    "spec.auth.jwksUrl: Forbidden: not together with auth.jwtSecretRef: remove one of the two"
)]
#[case::secret_without_key(
    "{auth: {jwtSecretRef: {name: issuer}}}",
    "spec.auth.jwtSecretRef.key: Required value"
)]
#[case::keys_without_scheme(
    "{auth: {jwksUrl: id.example.com/keys}}",
    r#"spec.auth.jwksUrl: Invalid value: "id.example.com/keys": must be an http:// or https:// URL, such as https://id.example.com/.well-known/jwks.json"#
)]
#[case::keys_with_password(
    "{auth: {jwksUrl: 'https://me:secret@id.example.com/keys'}}",
    r#"spec.auth.jwksUrl: Invalid value: "https://me:secret@id.example.com/keys": must be an http:// or https:// URL, such as https://id.example.com/.well-known/jwks.json"#
)]
#[case::keys_port(
    "{auth: {jwksUrl: 'https://id.example.com:70000/keys'}}",
    r#"spec.auth.jwksUrl: Invalid value: "https://id.example.com:70000/keys": must be an http:// or https:// URL, such as https://id.example.com/.well-known/jwks.json"#
)]
#[case::keys_in_a_file(
    "{auth: {jwksUrl: 'file:///etc/keys.json'}}",
    r#"spec.auth.jwksUrl: Invalid value: "file:///etc/keys.json": must be an http:// or https:// URL, such as https://id.example.com/.well-known/jwks.json"#
)]
#[case::empty_issuer(
    "{auth: {issuer: ''}}",
    r#"spec.auth.issuer: Invalid value: "": spec.auth.issuer in body should be at least 1 chars long"#
)]
#[case::empty_audience(
    "{auth: {audience: ''}}",
    r#"spec.auth.audience: Invalid value: "": spec.auth.audience in body should be at least 1 chars long"#
)]
#[case::audience_as_list(
    "{auth: {audience: [telecom]}}",
    r#"spec.auth.audience: Invalid value: "array": spec.auth.audience in body must be of type string: "array""#
)]
#[case::empty_claim(
    "{auth: {roleClaim: ''}}",
    r#"spec.auth.roleClaim: Invalid value: "": must be the name of a claim, or names with dots between them that lead to it, such as role or realm_access.roles"#
)]
#[case::claim_with_a_gap(
    "{auth: {roleClaim: realm..roles}}",
    r#"spec.auth.roleClaim: Invalid value: "realm..roles": must be the name of a claim, or names with dots between them that lead to it, such as role or realm_access.roles"#
)]
#[case::claim_with_a_blank(
    "{auth: {roleClaim: my roles}}",
    r#"spec.auth.roleClaim: Invalid value: "my roles": must be the name of a claim, or names with dots between them that lead to it, such as role or realm_access.roles"#
)]
#[case::unknown_role(
    "{auth: {roleMapping: {noc: root}}}",
    r#"spec.auth.roleMapping.noc: Unsupported value: "root": supported values: "user", "admin", "viewer", "support", "operator", "collector""#
)]
#[case::role_of_nodes(
    "{auth: {roleMapping: {probe: node}}}",
    r#"spec.auth.roleMapping.probe: Unsupported value: "node": supported values: "user", "admin", "viewer", "support", "operator", "collector""#
)]
#[case::role_of_no_word(
    "{auth: {roleMapping: {'': viewer}}}",
    "spec.auth.roleMapping: Invalid value: the words of the claim are 1 to 256 characters long"
)]
#[case::offline_timeout_without_unit(
    "{nodeHealthCheck: {offlineTimeout: '90'}}",
    r#"spec.nodeHealthCheck.offlineTimeout: Invalid value: "90": must be a duration in hours, minutes and seconds, such as 90s or 2m"#
)]
#[case::offline_timeout_too_short(
    "{nodeHealthCheck: {offlineTimeout: 1s}}",
    r#"spec.nodeHealthCheck.offlineTimeout: Invalid value: "1s": must be from 2s to 24h"#
)]
#[case::offline_timeout_too_long(
    "{nodeHealthCheck: {offlineTimeout: 24h1s}}",
    r#"spec.nodeHealthCheck.offlineTimeout: Invalid value: "24h1s": must be from 2s to 24h"#
)]
#[case::access_ttl_in_days(
    "{nodeHealthCheck: {accessTtl: 1d}}",
    r#"spec.nodeHealthCheck.accessTtl: Invalid value: "1d": must be a duration in hours, minutes and seconds, such as 30s or 10m"#
)]
#[case::access_ttl_too_short(
    "{nodeHealthCheck: {accessTtl: 1999ms}}",
    r#"spec.nodeHealthCheck.accessTtl: Invalid value: "1999ms": must be a duration in hours, minutes and seconds, such as 30s or 10m"#
)]
#[case::access_ttl_too_long(
    "{nodeHealthCheck: {accessTtl: 25h}}",
    r#"spec.nodeHealthCheck.accessTtl: Invalid value: "25h": must be from 2s to 24h"#
)]
#[case::poll_interval_too_long(
    "{calls: {pbxPollInterval: 11m}}",
    r#"spec.calls.pbxPollInterval: Invalid value: "11m": must be from 1s to 10m"#
)]
#[case::queue_without_a_name(
    "{callCenter: {queues: [{name: ''}]}}",
    r#"spec.callCenter.queues[0].name: Invalid value: "": spec.callCenter.queues[0].name in body should be at least 1 chars long"#
)]
#[case::queue_twice(
    "{callCenter: {queues: [{name: sales}, {name: sales, slaSeconds: 10}]}}",
    r#"spec.callCenter.queues[1]: Duplicate value: {"name":"sales"}"#
)]
#[case::target_of_nothing(
    "{callCenter: {queues: [{name: sales, slaTargetPercent: 0}]}}",
    "spec.callCenter.queues[0].slaTargetPercent: Invalid value: 0: spec.callCenter.queues[0].slaTargetPercent in body should be greater than or equal to 1"
)]
#[case::call_records_too_short(
    "{retention: {callRecordDays: 6}}",
    "spec.retention.callRecordDays: Invalid value: 6: spec.retention.callRecordDays in body should be greater than or equal to 7"
)]
#[case::raw_usage_too_short(
    "{retention: {rawUsageDays: 6}}",
    "spec.retention.rawUsageDays: Invalid value: 6: spec.retention.rawUsageDays in body should be greater than or equal to 7"
)]
#[case::raw_usage_too_long(
    "{retention: {rawUsageDays: 367, quarterHourDays: 400, hourlyDays: 400}}",
    "spec.retention.rawUsageDays: Invalid value: 367: spec.retention.rawUsageDays in body should be less than or equal to 366"
)]
#[case::quarters_go_before_reports(
    "{retention: {rawUsageDays: 40}}",
    "spec.retention.quarterHourDays: Invalid value: must not be fewer than retention.rawUsageDays"
)]
#[case::hours_go_before_quarters(
    "{retention: {quarterHourDays: 101}}",
    "spec.retention.hourlyDays: Invalid value: must not be fewer than retention.quarterHourDays"
)]
#[case::days_go_before_hours(
    "{retention: {dailyDays: 99}}",
    "spec.retention.dailyDays: Invalid value: must not be fewer than retention.hourlyDays"
)]
#[case::quarters_for_less_than_a_month(
    "{retention: {quarterHourDays: 31}}",
    "spec.retention.quarterHourDays: Invalid value: 31: spec.retention.quarterHourDays in body should be greater than or equal to 32"
)]
#[case::quarters_too_long(
    "{retention: {quarterHourDays: 1101, hourlyDays: 2000, dailyDays: 2000}}",
    "spec.retention.quarterHourDays: Invalid value: 1101: spec.retention.quarterHourDays in body should be less than or equal to 1100"
)]
#[case::hours_too_short(
    "{retention: {hourlyDays: 31}}",
    "[spec.retention.hourlyDays: Invalid value: 31: spec.retention.hourlyDays in body should be greater than or equal to 32, spec.retention.hourlyDays: Invalid value: must not be fewer than retention.quarterHourDays]"
)]
#[case::hours_too_long(
    "{retention: {hourlyDays: 3661, dailyDays: 4000}}",
    "spec.retention.hourlyDays: Invalid value: 3661: spec.retention.hourlyDays in body should be less than or equal to 3660"
)]
#[case::days_too_short(
    "{retention: {dailyDays: 31}}",
    "[spec.retention.dailyDays: Invalid value: 31: spec.retention.dailyDays in body should be greater than or equal to 32, spec.retention.dailyDays: Invalid value: must not be fewer than retention.hourlyDays]"
)]
#[case::days_too_long(
    "{retention: {dailyDays: 36501}}",
    "spec.retention.dailyDays: Invalid value: 36501: spec.retention.dailyDays in body should be less than or equal to 36500"
)]
#[case::history_too_short(
    "{retention: {statusHistoryDays: 92}}",
    "spec.retention.statusHistoryDays: Invalid value: 92: spec.retention.statusHistoryDays in body should be greater than or equal to 93"
)]
#[case::history_too_long(
    "{retention: {statusHistoryDays: 3661}}",
    "spec.retention.statusHistoryDays: Invalid value: 3661: spec.retention.statusHistoryDays in body should be less than or equal to 3660"
)]
#[case::runs_for_less_than_a_day(
    "{retention: {jobRunDays: 0}}",
    "spec.retention.jobRunDays: Invalid value: 0: spec.retention.jobRunDays in body should be greater than or equal to 1"
)]
#[case::runs_too_long(
    "{retention: {jobRunDays: 3661}}",
    "spec.retention.jobRunDays: Invalid value: 3661: spec.retention.jobRunDays in body should be less than or equal to 3660"
)]
#[case::retention_as_duration(
    "{retention: {rawUsageDays: 14d}}",
    r#"spec.retention.rawUsageDays: Invalid value: "string": spec.retention.rawUsageDays in body must be of type integer: "string""#
)]
#[tokio::test]
async fn refused(#[case] spec: &str, #[case] sentence: &str) {
    assert_eq!(
        dry_run(&manifest("admission", spec)).await,
        Err(sentence.to_owned())
    );
}
