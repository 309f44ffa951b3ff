//! Whether the path of a violated field leads to a field of the request.

use prost_reflect::{Kind, MessageDescriptor};

/// `config.metadata["a.b"]`, `config.routes[3]`, `queues[0].queue`, `limit`: fields parted by dots, those of a list
/// with their place, at the end perhaps an entry of a map or of a list.
pub(crate) fn leads_to_a_field(message: &MessageDescriptor, path: &str) -> bool {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let Some(field) = message.get_field_by_name(name) else {
        return false;
    };
    if let Some(rest) = rest.strip_prefix('.') {
        return match field.kind() {
            Kind::Message(below) if !field.is_list() && !field.is_map() => {
                leads_to_a_field(&below, rest)
            }
            _ => false,
        };
    }
    if let (Kind::Message(below), true) = (field.kind(), field.is_list())
        && let Some((place, rest)) = rest
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]."))
    {
        return place.parse::<u32>().is_ok() && leads_to_a_field(&below, rest);
    }
    let entry = rest
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match entry {
        None => rest.is_empty(),
        Some(entry) if field.is_map() => {
            entry.len() >= 2 && entry.starts_with('"') && entry.ends_with('"')
        }
        Some(entry) => field.is_list() && entry.parse::<u32>().is_ok(),
    }
}
