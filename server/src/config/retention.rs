//! Checks the `retention` section.

use super::check::Checker;
use super::raw::Retention;

impl Checker<'_> {
    pub(super) fn retention(&mut self, raw: &Retention) -> Retention {
        // Reports are taken for a week. A month of days in a time zone that is off by a quarter of
        // an hour is cut from quarters: 30 days and the parts of two. The history is asked for 92.
        for (key, days, min, max) in [
            ("raw_usage_days", raw.raw_usage_days, 7, 366),
            ("quarter_hour_days", raw.quarter_hour_days, 32, 1_100),
            ("hourly_days", raw.hourly_days, 32, 3_660),
            ("daily_days", raw.daily_days, 32, 36_500),
            ("status_history_days", raw.status_history_days, 93, 3_660),
            ("job_run_days", raw.job_run_days, 1, 3_660),
            // Records are taken for a week.
            ("call_record_days", raw.call_record_days, 7, 3_660),
        ] {
            self.size(&format!("retention.{key}"), days, min, max);
        }
        // Finer records without the coarser ones would be gaps in every chart.
        let steps = [
            ("raw_usage_days", raw.raw_usage_days),
            ("quarter_hour_days", raw.quarter_hour_days),
            ("hourly_days", raw.hourly_days),
            ("daily_days", raw.daily_days),
        ];
        for pair in steps.windows(2) {
            let [(finer, least), (coarser, days)] = pair else {
                continue;
            };
            if days < least {
                let reason = format!("{days} is fewer than the {least} of retention.{finer}");
                self.problem(&format!("retention.{coarser}"), reason);
            }
        }
        *raw
    }
}
