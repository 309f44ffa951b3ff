//! Checks requests about calls as far as the message alone can tell.

use prost_types::Timestamp;
use telecom_proto::v1 as proto;
use telecom_proto::v1::{
    ExportCallRecordsRequest, GetCallStatisticsRequest, ListCallRecordsRequest,
};

use super::page_token;
use crate::calls::{CallFilter, CallResult, Direction, Grouping, PeriodDraft};
use crate::domain::{AdminExportCallRecords, GetCallStatistics, ListCallRecords};
use crate::exports::CallCursor;
use crate::pbxs::PbxId;
use crate::rpc::requests::{cursor, days, format, limit, moment, number_filter, time_zone, word};
use crate::rpc::status::Refusal;

pub(super) fn list(
    request: ListCallRecordsRequest,
    fingerprint: &str,
) -> Result<ListCallRecords, Refusal> {
    let mut period = period(request.start, request.end)?;
    let after = match request.page_token.as_str() {
        "" => None,
        token => {
            let description =
                "must be next_page_token of the page before, with the same filters, or empty";
            let read = page_token::read(fingerprint, token);
            let (of, key) = read.ok_or_else(|| Refusal::field("page_token", description))?;
            period = PeriodDraft {
                start: Some(of.start),
                end: Some(of.end),
            };
            Some(key)
        }
    };
    Ok(ListCallRecords {
        period,
        filter: CallFilter {
            pbx: pbx(request.pbx_id)?,
            direction: direction(request.direction)?,
            result: result(request.result)?,
            queue: word("queue", request.queue)?,
            trunk: word("trunk", request.trunk)?,
            number: word("number", request.number)?,
            session_id: word("session_id", request.session_id)?,
            with_legs: request.include_legs,
        },
        limit: limit(request.limit)?,
        after,
    })
}

pub(super) fn statistics(request: GetCallStatisticsRequest) -> Result<GetCallStatistics, Refusal> {
    let zone = time_zone(&request.time_zone)?;
    let grouping = match proto::CallGrouping::try_from(request.group_by) {
        Ok(proto::CallGrouping::Unspecified) => Grouping::None,
        Ok(proto::CallGrouping::Direction) => Grouping::Direction,
        Ok(proto::CallGrouping::TrunkIn) => Grouping::TrunkIn,
        Ok(proto::CallGrouping::TrunkOut) => Grouping::TrunkOut,
        Ok(proto::CallGrouping::Hour) => Grouping::Hour(zone),
        Ok(proto::CallGrouping::Day) => Grouping::Day(zone),
        Err(_) => {
            let description = "must be a known grouping, or unspecified for none";
            return Err(Refusal::field("group_by", description));
        }
    };
    Ok(GetCallStatistics {
        period: period(request.start, request.end)?,
        filter: CallFilter {
            pbx: pbx(request.pbx_id)?,
            direction: direction(request.direction)?,
            trunk: word("trunk", request.trunk)?,
            ..CallFilter::default()
        },
        grouping,
    })
}

/// `mask`: whether numbers are masked.
pub(super) fn export(
    request: &ExportCallRecordsRequest,
    mask: bool,
) -> Result<AdminExportCallRecords, Refusal> {
    let days = days(&request.first_day, &request.last_day)?;
    Ok(AdminExportCallRecords {
        days,
        format: format(request.format)?,
        after: cursor(&request.after_cursor, |text| {
            CallCursor::understood(text, days)
        })?,
        mask,
    })
}

/// What the message alone can tell of a period is told without a question to the database.
fn period(start: Option<Timestamp>, end: Option<Timestamp>) -> Result<PeriodDraft, Refusal> {
    let draft = PeriodDraft {
        start: start.map(|at| moment("start", at)).transpose()?,
        end: end.map(|at| moment("end", at)).transpose()?,
    };
    if let Some(end) = draft.end {
        draft.check(end).map_err(Refusal::Invalid)?;
    }
    Ok(draft)
}

fn pbx(number: i32) -> Result<Option<PbxId>, Refusal> {
    let number = number_filter("a PBX", "pbx_id", number)?;
    Ok(number.map(PbxId))
}

fn direction(number: i32) -> Result<Option<Direction>, Refusal> {
    match proto::CallDirection::try_from(number) {
        Ok(proto::CallDirection::Unspecified) => Ok(None),
        Ok(proto::CallDirection::Inbound) => Ok(Some(Direction::Inbound)),
        Ok(proto::CallDirection::Outbound) => Ok(Some(Direction::Outbound)),
        Ok(proto::CallDirection::Internal) => Ok(Some(Direction::Internal)),
        Err(_) => {
            let description = "must be a known direction, or unspecified for all";
            Err(Refusal::field("direction", description))
        }
    }
}

fn result(number: i32) -> Result<Option<CallResult>, Refusal> {
    match proto::CallResult::try_from(number) {
        Ok(proto::CallResult::Unspecified) => Ok(None),
        Ok(proto::CallResult::Completed) => Ok(Some(CallResult::Completed)),
        Ok(proto::CallResult::Missed) => Ok(Some(CallResult::Missed)),
        Ok(proto::CallResult::Failed) => Ok(Some(CallResult::Failed)),
        Err(_) => {
            let description = "must be a known result, or unspecified for all";
            Err(Refusal::field("result", description))
        }
    }
}
