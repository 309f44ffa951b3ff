//! What no accepted request has in it, by the descriptor alone: a second opinion on the checks.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage as _, Value};

/// Rows on a page.
const MAX_LIMIT: u32 = 500;
/// The longest text of all; most fields take less.
const MAX_CHARS: usize = 1000;
const MAX_ENTRIES: usize = 1000;
/// The longest text that the server makes to be sent back.
const MAX_OPAQUE: usize = 4000;
/// Rows of a report.
const MAX_ROWS: usize = 10_000;
/// The last second of the year 9999.
const LAST_SECOND: i64 = 253_402_300_799;

/// The rule that an accepted request breaks.
pub(crate) fn check(method: &str, request: &DynamicMessage) -> Result<(), String> {
    let update = method.starts_with("Update");
    for field in request.descriptor().fields() {
        // Each of these is taken or refused by itself.
        let most = match (method, field.name()) {
            ("ReportUsage", "rows") => Some(MAX_ROWS),
            ("Publish", "events") | ("IngestCallRecords", "records") => Some(MAX_ENTRIES),
            _ => None,
        };
        if let Some(most) = most {
            let list = request.get_field(&field);
            let count = list.as_list().map_or(0, <[Value]>::len);
            holds((1..=most).contains(&count), "none, or too many")?;
            continue;
        }
        // An update is merged with what is stored before it is checked.
        if !(update && field.name() == "config") {
            check_field(&field, request)?;
        }
    }
    if update
        && request
            .get_field_by_name("etag")
            .is_none_or(|etag| etag.as_str() == Some(""))
    {
        return Err("an update says what it is based on".to_owned());
    }
    Ok(())
}

fn check_field(field: &FieldDescriptor, message: &DynamicMessage) -> Result<(), String> {
    if !message.has_field(field) && field.supports_presence() {
        return Ok(());
    }
    let value = message.get_field(field);
    let one = |value: &Value| {
        let checked = check_value(field, value);
        checked.map_err(|rule| format!("{}: {rule}", field.full_name()))
    };
    match value.as_ref() {
        // A mask may say a thing often; it counts once.
        Value::List(values) if values.len() <= MAX_ENTRIES || field.name() == "paths" => {
            values.iter().try_for_each(one)
        }
        Value::Map(pairs) if pairs.len() <= MAX_ENTRIES => {
            let keys = pairs.keys().filter_map(|key| key.as_str());
            let mut texts = keys.chain(pairs.values().filter_map(Value::as_str));
            texts.try_for_each(check_text)
        }
        Value::List(_) | Value::Map(_) => Err(format!("{} has no end", field.full_name())),
        value => one(value),
    }
}

fn check_value(field: &FieldDescriptor, value: &Value) -> Result<(), String> {
    match (value, field.kind()) {
        (Value::U32(limit), _) if field.name() == "limit" => {
            holds(*limit <= MAX_LIMIT, "more rows than a page has")
        }
        (Value::I32(id), _) if field.name() == "id" => holds(*id > 0, "no number of anything"),
        // It is compared, and nothing else.
        (Value::String(_), _) if field.name() == "etag" => Ok(()),
        // What the server made, with the key of a record in it.
        (Value::String(text), _) if ["page_token", "after_cursor"].contains(&field.name()) => {
            holds(
                text.len() <= MAX_OPAQUE && text.is_ascii(),
                "nothing that we made",
            )
        }
        (Value::String(text), _) => check_text(text),
        (Value::F64(number), _) => holds(number.is_finite(), "no number"),
        (Value::EnumNumber(number), Kind::Enum(kind)) => {
            holds(kind.get_value(*number).is_some(), "no value of the enum")
        }
        (Value::Message(message), Kind::Message(kind)) => {
            if kind.full_name() == "google.protobuf.Timestamp" {
                check_moment(message)
            } else {
                let mut fields = kind.fields();
                fields.try_for_each(|field| check_field(&field, message))
            }
        }
        _ => Ok(()),
    }
}

fn check_text(text: &str) -> Result<(), String> {
    holds(text.chars().count() <= MAX_CHARS, "longer than any text")?;
    holds(!text.chars().any(char::is_control), "a control character")
}

fn check_moment(moment: &DynamicMessage) -> Result<(), String> {
    let seconds = moment
        .get_field_by_name("seconds")
        .and_then(|value| value.as_i64());
    let nanos = moment
        .get_field_by_name("nanos")
        .and_then(|value| value.as_i32());
    let known = (0..=LAST_SECOND).contains(&seconds.unwrap_or_default())
        && (0..1_000_000_000).contains(&nanos.unwrap_or_default());
    holds(known, "no moment of the years 1970 to 9999")
}

fn holds(good: bool, rule: &str) -> Result<(), String> {
    if good { Ok(()) } else { Err(rule.to_owned()) }
}
