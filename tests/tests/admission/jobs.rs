//! When jobs run: what is accepted, and what is refused with which words.

use rstest::rstest;
use serde_json::{Value, json};
use telecom_crds::{JobName, TelecomCluster};

use super::api::{dry_run, manifest};

const FIELDS: &str = "must be five fields, minute, hour, day of the month, month and day of the week, such as */5 * * * *; \
    there are no seconds and no words such as @hourly";
const ZONE: &str = "must not name a time zone: write timeZone instead of TZ= or CRON_TZ=";
const MINUTE: &str = "the first field, the minute, takes numbers from 0 to 59, ranges such as 1-5, *, steps such as */2, and \
    lists of these with commas";
const HOUR: &str = "the second field, the hour, takes numbers from 0 to 23, ranges such as 1-5, *, steps such as */2, and \
    lists of these with commas";
const DAY: &str = "the third field, the day of the month, takes numbers from 1 to 31, ranges such as 1-5, *, steps such as \
    */2, and lists of these with commas";
const MONTH: &str = "the fourth field, the month, takes numbers from 1 to 12 or names such as jan, ranges such as 1-5, *, \
    steps such as */2, and lists of these with commas";
const WEEKDAY: &str = "the fifth field, the day of the week, takes numbers from 0 to 7 (0 and 7 are Sunday) or names such \
    as mon, ranges such as 1-5, *, steps such as */2, and lists of these with commas";
const PLACE: &str =
    "must be the name of a time zone in the IANA database, such as Europe/Berlin or UTC";

/// A schedule of the job that is the cheapest to get wrong.
async fn schedule(expression: &str) -> Result<Value, String> {
    let mut manifest = manifest("admission", "{}");
    manifest["spec"]["jobs"] = json!({"billTraffic": {"schedule": expression}});
    dry_run(&manifest).await
}

#[rstest]
#[case::every_minute("* * * * *")]
#[case::hourly("0 * * * *")]
#[case::step("*/5 * * * *")]
#[case::greatest_step("*/59 */23 */31 */12 */7")]
#[case::ranges_with_steps("30 6-16/4 * * 1-5")]
#[case::lists("0,15,30-45/5,59 0,12,23 1,15,31 1,6,12 0,3,7")]
#[case::names("0 2 * jan,Jun-AUG,dec MON-fri,sun")]
#[case::leading_zeros("05 06 07 08 02")]
#[case::aligned("0   2  *  *    1 ")]
#[case::greatest("59 23 31 12 7")]
#[case::never_on_a_date_that_the_operator_finds("59 23 31 2 *")]
#[tokio::test]
async fn schedules_are_accepted(#[case] expression: &str) {
    let created = schedule(expression).await.unwrap();
    assert_eq!(
        created["spec"]["jobs"]["billTraffic"]["schedule"],
        expression
    );
}

#[rstest]
#[case::nothing("", FIELDS)]
#[case::four_fields("* * * *", FIELDS)]
#[case::seconds("0 0 * * * *", FIELDS)]
#[case::year("0 0 1 1 * 2027", FIELDS)]
#[case::hourly("@hourly", FIELDS)]
#[case::every("@every 5m", FIELDS)]
#[case::zone("TZ=Europe/Berlin 0 2 * * *", ZONE)]
#[case::cron_zone("CRON_TZ=UTC 0 2 * * *", ZONE)]
#[case::zone_in_five_fields("TZ=UTC 0 2 * *", ZONE)]
#[case::minute("60 * * * *", MINUTE)]
#[case::minute_step("*/60 * * * *", MINUTE)]
#[case::step_of_zero("*/0 * * * *", MINUTE)]
#[case::step_of_a_number("5/15 * * * *", MINUTE)]
#[case::three_digits("005 * * * *", MINUTE)]
#[case::negative("-5 * * * *", MINUTE)]
#[case::open_range("5- * * * *", MINUTE)]
#[case::trailing_comma("0,15, * * * *", MINUTE)]
#[case::empty_part("0,,15 * * * *", MINUTE)]
#[case::question_mark("? * * * *", MINUTE)]
#[case::range_of_stars("*-5 * * * *", MINUTE)]
#[case::hour("0 24 * * *", HOUR)]
#[case::day_zero("0 0 0 * *", DAY)]
#[case::day("0 0 32 * *", DAY)]
#[case::last_day("0 0 L * *", DAY)]
#[case::nearest_weekday("0 0 15W * *", DAY)]
#[case::no_day("0 0 ? * 1", DAY)]
#[case::month("0 0 1 13 *", MONTH)]
#[case::month_name("0 0 1 janvier *", MONTH)]
#[case::weekday("0 0 * * 8", WEEKDAY)]
#[case::weekday_name("0 0 * * monday", WEEKDAY)]
#[case::nth_weekday("0 0 * * 1#2", WEEKDAY)]
#[case::last_weekday("0 0 * * 5L", WEEKDAY)]
#[tokio::test]
async fn schedules_are_refused(#[case] expression: &str, #[case] sentence: &str) {
    let expected =
        format!("spec.jobs.billTraffic.schedule: Invalid value: \"{expression}\": {sentence}");
    assert_eq!(schedule(expression).await, Err(expected));
}

#[rstest]
#[case::interval_least("{billTraffic: {interval: 1s}}", "/billTraffic/interval", "1s")]
#[case::interval_most("{billTraffic: {interval: 24h}}", "/billTraffic/interval", "24h")]
#[case::interval_in_parts(
    "{packageExpiring: {interval: 1m30s}}",
    "/packageExpiring/interval",
    "1m30s"
)]
#[case::zone(
    "{refreshNodeStatusView: {schedule: 5 3 * * *, timeZone: America/Argentina/Buenos_Aires}}",
    "/refreshNodeStatusView/timeZone",
    "America/Argentina/Buenos_Aires"
)]
#[case::zone_with_a_sign(
    "{refreshNodeStatusView: {schedule: 5 3 * * *, timeZone: Etc/GMT+5}}",
    "/refreshNodeStatusView/timeZone",
    "Etc/GMT+5"
)]
#[case::utc(
    "{billTraffic: {schedule: 5 3 * * *, timeZone: UTC}}",
    "/billTraffic/timeZone",
    "UTC"
)]
#[case::suspended(
    "{packageExpiring: {suspend: true}}",
    "/packageExpiring/suspend",
    "true"
)]
#[case::deadline_least(
    "{billTraffic: {startingDeadlineSeconds: 1, timeoutSeconds: 1}}",
    "/billTraffic/startingDeadlineSeconds",
    "1"
)]
#[case::deadline_most(
    "{billTraffic: {startingDeadlineSeconds: 604800, timeoutSeconds: 86400}}",
    "/billTraffic/timeoutSeconds",
    "86400"
)]
#[case::pod_by_schedule(
    "{billTraffic: {schedule: '* * * * *', execution: Pod}}",
    "/billTraffic/execution",
    "Pod"
)]
#[case::pod_by_interval(
    "{packageExpiring: {interval: 60s, execution: Pod}}",
    "/packageExpiring/execution",
    "Pod"
)]
#[case::pod_by_minutes(
    "{refreshServerStatus: {interval: 1m, execution: Pod}}",
    "/refreshServerStatus/execution",
    "Pod"
)]
#[case::pod_by_the_schedule_of_the_job(
    "{recordNodeStatusHistory: {execution: Pod}, refreshNodeStatusView: {execution: Pod}}",
    "/refreshNodeStatusView/execution",
    "Pod"
)]
#[case::null_takes_the_default("{billTraffic: null}", "/billTraffic/timeoutSeconds", "600")]
#[tokio::test]
async fn accepted(#[case] jobs: &str, #[case] path: &str, #[case] expected: &str) {
    let created = dry_run(&manifest("admission", &format!("{{jobs: {jobs}}}")))
        .await
        .unwrap();
    let expected: Value = serde_yaml::from_str(expected).unwrap();
    let found = created["spec"]["jobs"]
        .pointer(path)
        .cloned()
        .unwrap_or_default();
    assert_eq!(found, expected);
    serde_json::from_value::<TelecomCluster>(created).unwrap();
}

#[rstest]
#[case::schedule_and_interval(
    "{billTraffic: {schedule: '* * * * *', interval: 5s}}",
    "billTraffic.interval: Forbidden: not together with schedule: remove one of the two"
)]
#[case::interval_without_unit(
    "{billTraffic: {interval: '5'}}",
    r#"billTraffic.interval: Invalid value: "5": must be a duration in hours, minutes and seconds, such as 15s or 1m30s"#
)]
#[case::interval_of_nothing(
    "{billTraffic: {interval: 0s}}",
    r#"billTraffic.interval: Invalid value: "0s": must be a duration in hours, minutes and seconds, such as 15s or 1m30s"#
)]
#[case::interval_too_short(
    "{billTraffic: {interval: 500ms}}",
    r#"billTraffic.interval: Invalid value: "500ms": must be a duration in hours, minutes and seconds, such as 15s or 1m30s"#
)]
#[case::interval_too_long(
    "{billTraffic: {interval: 24h1s}}",
    r#"billTraffic.interval: Invalid value: "24h1s": must be from 1s to 24h"#
)]
#[case::zone_alone(
    "{recordNodeStatusHistory: {timeZone: Asia/Kolkata}}",
    "recordNodeStatusHistory.timeZone: Forbidden: only together with schedule: an interval knows no clocks"
)]
#[case::zone_with_interval(
    "{billTraffic: {interval: 5s, timeZone: UTC}}",
    "billTraffic.timeZone: Forbidden: only together with schedule: an interval knows no clocks"
)]
#[case::deadline_of_nothing(
    "{billTraffic: {startingDeadlineSeconds: 0}}",
    "billTraffic.startingDeadlineSeconds: Invalid value: 0: spec.jobs.billTraffic.startingDeadlineSeconds in body should be greater than or equal to 1"
)]
#[case::deadline_too_long(
    "{billTraffic: {startingDeadlineSeconds: 604801}}",
    "billTraffic.startingDeadlineSeconds: Invalid value: 604801: spec.jobs.billTraffic.startingDeadlineSeconds in body should be less than or equal to 604800"
)]
#[case::no_time(
    "{billTraffic: {timeoutSeconds: 0}}",
    "billTraffic.timeoutSeconds: Invalid value: 0: spec.jobs.billTraffic.timeoutSeconds in body should be greater than or equal to 1"
)]
#[case::too_much_time(
    "{billTraffic: {timeoutSeconds: 86401}}",
    "billTraffic.timeoutSeconds: Invalid value: 86401: spec.jobs.billTraffic.timeoutSeconds in body should be less than or equal to 86400"
)]
#[case::unknown_execution(
    "{billTraffic: {execution: Job}}",
    r#"billTraffic.execution: Unsupported value: "Job": supported values: "Server", "Pod""#
)]
#[case::pod_each_second(
    "{billTraffic: {interval: 59s, execution: Pod}}",
    "billTraffic.interval: Invalid value: must be 60s or more with execution: Pod, which makes a Pod for each run"
)]
#[case::pod_by_the_default_of_expiry(
    "{packageExpiring: {execution: Pod}}",
    "packageExpiring.interval: Required value: needed with execution: Pod: an interval of 60s or more, or a schedule"
)]
#[case::pod_by_the_default_of_billing(
    "{billTraffic: {execution: Pod}}",
    "billTraffic.interval: Required value: needed with execution: Pod: an interval of 60s or more, or a schedule"
)]
#[case::pod_by_the_default_of_the_health_check(
    "{refreshServerStatus: {execution: Pod}}",
    "refreshServerStatus.interval: Required value: needed with execution: Pod: an interval of 60s or more, or a schedule"
)]
#[tokio::test]
async fn refused(#[case] jobs: &str, #[case] sentence: &str) {
    assert_eq!(
        dry_run(&manifest("admission", &format!("{{jobs: {jobs}}}"))).await,
        Err(format!("spec.jobs.{sentence}"))
    );
}

#[rstest]
#[case::local("Local")]
#[case::local_as_typed("local")]
#[case::offset("+02:00")]
#[case::blank("Europe/ Berlin")]
#[case::path("../etc/localtime")]
#[case::too_deep("America/Argentina/Buenos/Aires")]
#[case::nothing("")]
#[tokio::test]
async fn zones_are_refused(#[case] zone: &str) {
    let mut manifest = manifest("admission", "{}");
    manifest["spec"]["jobs"] = json!({"billTraffic": {"schedule": "0 2 * * *", "timeZone": zone}});
    let expected = format!("spec.jobs.billTraffic.timeZone: Invalid value: \"{zone}\": {PLACE}");
    assert_eq!(dry_run(&manifest).await, Err(expected));
}

#[tokio::test]
async fn a_zone_longer_than_any_is_refused() {
    let mut manifest = manifest("admission", "{}");
    let zone = "a".repeat(65);
    manifest["spec"]["jobs"] = json!({"billTraffic": {"schedule": "0 2 * * *", "timeZone": zone}});
    let expected = "spec.jobs.billTraffic.timeZone: Too long: may not be more than 64 bytes";
    assert_eq!(dry_run(&manifest).await, Err(expected.to_owned()));
}

/// A rule that holds for one job holds for each.
#[tokio::test]
async fn every_job_has_the_rules() {
    for job in JobName::ALL {
        let mut manifest = manifest("admission", "{}");
        manifest["spec"]["jobs"] = json!({job.as_str(): {"schedule": "@daily"}});
        let expected = format!("spec.jobs.{job}.schedule: Invalid value: \"@daily\": {FIELDS}");
        assert_eq!(dry_run(&manifest).await, Err(expected));
    }
}

#[rstest]
#[case::least("10s", None)]
#[case::most("1h", None)]
#[case::too_short("9s", Some("must be from 10s to 1h"))]
#[case::too_long("1h1s", Some("must be from 10s to 1h"))]
#[case::unitless(
    "300",
    Some("must be a duration in hours, minutes and seconds, such as 30s or 5m")
)]
#[tokio::test]
async fn the_status_is_looked_after(#[case] interval: &str, #[case] refused: Option<&str>) {
    let mut manifest = manifest("admission", "{}");
    manifest["spec"]["jobStatusInterval"] = interval.into();
    let answer = dry_run(&manifest)
        .await
        .map(|created| created["spec"]["jobStatusInterval"].clone());
    let expected = match refused {
        None => Ok(Value::from(interval)),
        Some(sentence) => Err(format!(
            "spec.jobStatusInterval: Invalid value: \"{interval}\": {sentence}"
        )),
    };
    assert_eq!(answer, expected);
}
