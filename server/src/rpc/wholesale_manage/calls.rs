//! Checks requests on what calls cost as far as the message alone can tell.

use chrono::{DateTime, TimeDelta, Utc};
use prost_types::{Duration, Timestamp};
use telecom_proto::v1 as proto;
use telecom_proto::v1::rate_call_request::By;
use telecom_proto::v1::{
    CallTrunks, ExportChargesRequest, RateCallRequest, RerateRequest, SumChargesRequest,
};

use super::requests::{TRUNK, deck, pbx_filter};
use crate::domain::{AdminExportCharges, AdminRateCall, AdminRerate, AdminSumCharges, RatedBy};
use crate::exports::{self, ExportDays, ExportFormat, understood};
use crate::pbxs::PbxId;
use crate::rpc::convert::span;
use crate::rpc::requests::{between, moment, number_of};
use crate::rpc::status::Refusal;
use crate::wholesale::{ChargeCursor, ChargeGroup, TrunkId};

/// The longest number that anybody writes.
const MAX_NUMBER: usize = 100;
/// The longest call.
const MAX_TALK: TimeDelta = TimeDelta::days(366);
/// Everything that sums can be made for.
const MAX_GROUPS: usize = 3;
/// Longer than any cursor that was given out.
const MAX_CURSOR: usize = 4000;
const MAX_RERATE: TimeDelta = TimeDelta::days(92);
const MAX_SUM: TimeDelta = TimeDelta::days(366);

pub(super) fn rate_call(request: RateCallRequest) -> Result<AdminRateCall, Refusal> {
    let number = &request.number;
    if number.chars().count() > MAX_NUMBER || number.chars().any(char::is_control) {
        let description = "must be up to 100 characters without control characters";
        return Err(Refusal::field("number", description));
    }
    Ok(AdminRateCall {
        number: request.number,
        talk_ms: request.talk.map(talk).transpose()?,
        at: request.at.map(|at| moment("at", at)).transpose()?,
        by: by(request.by)?,
    })
}

fn talk(talk: Duration) -> Result<i64, Refusal> {
    let millis = span(talk).and_then(|talk| i64::try_from(talk.as_millis()).ok());
    millis
        .filter(|millis| *millis <= MAX_TALK.num_milliseconds())
        .ok_or_else(|| Refusal::field("talk", "must be 0 seconds to 366 days"))
}

fn by(by: Option<By>) -> Result<RatedBy, Refusal> {
    match by {
        Some(By::DeckId(id)) => deck("deck_id", id).map(RatedBy::Deck),
        Some(By::Trunks(trunks)) => of_trunks(trunks),
        None => Err(Refusal::field("deck_id", "must be given, or trunks")),
    }
}

fn of_trunks(trunks: CallTrunks) -> Result<RatedBy, Refusal> {
    let pbx = number_of("a PBX", "trunks.pbx_id", trunks.pbx_id)?;
    let (incoming, outgoing) = (trunks.sip_trunk_id, trunks.outbound_sip_trunk_id);
    if incoming.is_empty() && outgoing.is_empty() {
        return Err(Refusal::field("trunks", "must name a trunk"));
    }
    Ok(RatedBy::Trunks {
        pbx: PbxId(pbx),
        incoming: trunk("trunks.sip_trunk_id", incoming)?,
        outgoing: trunk("trunks.outbound_sip_trunk_id", outgoing)?,
    })
}

/// The name of a trunk, or nothing.
fn trunk(field: &str, name: String) -> Result<String, Refusal> {
    if name.is_empty() || TrunkId::new(name.clone()).is_some() {
        Ok(name)
    } else {
        Err(Refusal::field(field, TRUNK))
    }
}

pub(super) fn rerate(request: RerateRequest) -> Result<AdminRerate, Refusal> {
    let (start, end) = range(request.start, request.end, MAX_RERATE)?;
    let trunk = trunk("trunk_id", request.trunk_id)?;
    Ok(AdminRerate {
        start,
        end,
        pbx: pbx_filter(request.pbx_id)?,
        trunk: TrunkId::new(trunk),
        dry_run: request.dry_run,
    })
}

pub(super) fn sum_charges(request: &SumChargesRequest) -> Result<AdminSumCharges, Refusal> {
    let (start, end) = range(request.start, request.end, MAX_SUM)?;
    if request.group_by.len() > MAX_GROUPS {
        return Err(Refusal::field("group_by", "must have at most 3 entries"));
    }
    let mut group = ChargeGroup::default();
    for (place, by) in request.group_by.iter().enumerate() {
        match proto::ChargeGroup::try_from(*by) {
            Ok(proto::ChargeGroup::Pbx) => group.pbx = true,
            Ok(proto::ChargeGroup::Trunk) => group.trunk = true,
            Ok(proto::ChargeGroup::Day) => group.day = true,
            Ok(proto::ChargeGroup::Unspecified) | Err(_) => {
                let description = "must be a known group";
                return Err(Refusal::field(&format!("group_by[{place}]"), description));
            }
        }
    }
    Ok(AdminSumCharges {
        start,
        end,
        group,
        pbx: pbx_filter(request.pbx_id)?,
    })
}

/// A span that has both ends and is not too long.
fn range(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    longest: TimeDelta,
) -> Result<(DateTime<Utc>, DateTime<Utc>), Refusal> {
    let (start, end) = between(start, end)?;
    let start = start.ok_or_else(|| Refusal::field("start", "must be given"))?;
    let end = end.ok_or_else(|| Refusal::field("end", "must be given"))?;
    if end - start > longest {
        let description = format!("must be at most {} days after start", longest.num_days());
        return Err(Refusal::field("end", &description));
    }
    Ok((start, end))
}

pub(super) fn export(request: &ExportChargesRequest) -> Result<AdminExportCharges, Refusal> {
    let day = |field: &str, text: &str| {
        let description = "must be a day such as 2026-11-28";
        exports::day(text).ok_or_else(|| Refusal::field(field, description))
    };
    let first = day("first_day", &request.first_day)?;
    let last = day("last_day", &request.last_day)?;
    let description = "must not be before first_day, nor more than 91 days after it";
    let days = ExportDays::new(first, last);
    let days = days.ok_or_else(|| Refusal::field("last_day", description))?;
    let format = match proto::ExportFormat::try_from(request.format) {
        Ok(proto::ExportFormat::Csv) => ExportFormat::Csv,
        Ok(proto::ExportFormat::JsonLines) => ExportFormat::JsonLines,
        Ok(proto::ExportFormat::Unspecified) | Err(_) => {
            let description = "must be EXPORT_FORMAT_CSV or EXPORT_FORMAT_JSON_LINES";
            return Err(Refusal::field("format", description));
        }
    };
    Ok(AdminExportCharges {
        days,
        format,
        after: cursor(&request.after_cursor, days)?,
    })
}

fn cursor(text: &str, days: ExportDays) -> Result<Option<ChargeCursor>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let within = |cursor: &ChargeCursor| {
        let booked_at = cursor.booked_at();
        let of_days = booked_at.is_some_and(|at| (days.start()..days.end()).contains(&at));
        let text = |text: &str| !text.contains('\0');
        of_days && cursor.start_time().is_some() && text(cursor.call_id()) && text(cursor.side())
    };
    let understood = |text| understood(text).filter(within);
    let description = "must be a cursor of an export of the same days";
    let cursor = Some(text).filter(|text| text.len() <= MAX_CURSOR);
    let cursor = cursor.and_then(understood);
    let cursor = cursor.ok_or_else(|| Refusal::field("after_cursor", description))?;
    Ok(Some(cursor))
}
