//! What fuzzing begins with: for each method messages that make sense, and the words they are made of.

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs, io, process};

use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::requests::{Outcome, doors, send};
use crate::server::USER;

/// Names the folder that a target writes its first inputs to, instead of fuzzing; beside it, with
/// the ending `dict`, the words.
const FOLDER: &str = "TELECOM_FUZZ_SEEDS";

/// Noon of the first day of 2026.
const NOON: i64 = 1_767_268_800;

/// Words that no chance would find.
const WORDS: [&str; 22] = [
    USER,
    "UTC",
    "Europe/Berlin",
    "10.0.0.0/8",
    "2001:db8::/32",
    "::ffff:10.0.0.1",
    "node.example.net",
    "\u{202e}",
    "\u{7f}",
    "\u{85}",
    "\0",
    "é",
    "r1",
    "admin",
    "role",
    "HS256",
    "tnode_1_",
    "TELECOM__",
    "postgresql://",
    "https://",
    "1e400",
    "18446744073709551615",
];

/// Writes the first inputs and ends the program, when it was asked for that.
pub fn write_if_asked(inputs: impl FnOnce() -> Vec<Vec<u8>>) {
    let Some(folder) = env::var_os(FOLDER) else {
        return;
    };
    write(Path::new(&folder), &inputs()).expect("seeds");
    process::exit(0);
}

fn write(folder: &Path, inputs: &[Vec<u8>]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (number, input) in inputs.iter().enumerate() {
        fs::write(folder.join(format!("seed-{number}")), input)?;
    }
    let mut words = names();
    words.extend(WORDS.map(str::to_owned));
    let lines = words.iter().map(|word| {
        let bytes = word.bytes().map(|byte| format!("\\x{byte:02x}"));
        format!("\"{}\"\n", bytes.collect::<String>())
    });
    fs::write(folder.with_extension("dict"), lines.collect::<String>())
}

/// The names of all fields, which masks are made of.
fn names() -> BTreeSet<String> {
    let doors = doors();
    let configs = doors.iter().filter_map(|door| {
        let config = door.method.input().get_field_by_name("config")?;
        Some(config.kind().as_message()?.clone())
    });
    let fields = configs.flat_map(|config| config.fields().collect::<Vec<_>>());
    fields.map(|field| field.name().to_owned()).collect()
}

/// For each entrance nothing, a message that makes sense, and that message with each of its fields
/// left out and at its extremes. When the one that makes sense is refused, fuzzing would see refusals only.
pub fn requests() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for (number, door) in doors().iter().enumerate() {
        let choice = u8::try_from(number).expect("an entrance that a byte can choose");
        let whole = sensible(&door.method.input(), 0);
        let outcome = send(door, &whole.encode_to_vec());
        assert_eq!(outcome, Outcome::Accepted, "{}", door.path);
        for message in variants(&whole).iter().chain([&whole]) {
            inputs.push([&[choice], message.encode_to_vec().as_slice()].concat());
        }
        inputs.push(vec![choice]);
    }
    inputs
}

/// The message with one field changed, at any depth.
fn variants(message: &DynamicMessage) -> Vec<DynamicMessage> {
    let mut variants = Vec::new();
    for (field, value) in message.fields() {
        let mut less = message.clone();
        less.clear_field(&field);
        variants.push(less);
        for value in extremes(value) {
            let mut changed = message.clone();
            changed.set_field(&field, value);
            variants.push(changed);
        }
    }
    variants
}

fn extremes(value: &Value) -> Vec<Value> {
    let one = |text: &str| Value::String(text.to_owned());
    match value {
        Value::I32(_) => [-1, i32::MIN, i32::MAX].map(Value::I32).into(),
        Value::I64(_) => [-1, i64::MIN, i64::MAX, 1 << 38].map(Value::I64).into(),
        Value::U32(_) => [0, 501, u32::MAX].map(Value::U32).into(),
        Value::U64(_) => [0, 1 << 50, u64::MAX].map(Value::U64).into(),
        Value::F64(_) => [-1.0, f64::NAN, f64::INFINITY].map(Value::F64).into(),
        Value::EnumNumber(_) => [0, -1, 99].map(Value::EnumNumber).into(),
        Value::String(_) => [one("\u{7f}"), one(&"é".repeat(300)), one(&"x".repeat(1100))].into(),
        Value::Message(below) => {
            let below = variants(below).into_iter();
            below.map(Value::Message).collect()
        }
        Value::List(values) => {
            let many = values.iter().cycle().take(1100).cloned().collect();
            let changed = values.iter().flat_map(extremes);
            changed
                .map(|value| Value::List(vec![value]))
                .chain([Value::List(many)])
                .collect()
        }
        Value::Map(pairs) if pairs.values().any(|value| value.as_str().is_none()) => Vec::new(),
        Value::Map(_) => {
            let pair = |n: usize| (MapKey::String(n.to_string()), one("value"));
            let bad = (MapKey::String("a \"b\".]\n".to_owned()), one("\0"));
            vec![
                Value::Map([bad].into()),
                Value::Map((0..40).map(pair).collect()),
            ]
        }
        Value::Bool(_) | Value::Bytes(_) | Value::F32(_) => Vec::new(),
    }
}

fn sensible(kind: &MessageDescriptor, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    for field in kind.fields() {
        let value = if field.is_map() {
            let key = MapKey::String("key".to_owned());
            Value::Map([(key, value_of(&field))].into())
        } else if field.is_list() {
            Value::List(vec![single(&field, kind, depth)])
        } else {
            single(&field, kind, depth)
        };
        message.set_field(&field, value);
    }
    message
}

fn single(field: &FieldDescriptor, of: &MessageDescriptor, depth: u32) -> Value {
    let name = field.name();
    match field.kind() {
        Kind::Bool => Value::Bool(true),
        Kind::Int32 => Value::I32(1 - i32::from(name == "nanos")),
        Kind::Int64 if name == "seconds" => Value::I64(3600),
        Kind::Int64 => Value::I64(1),
        Kind::Uint32 => Value::U32(1),
        Kind::Uint64 => Value::U64(1 << 20),
        Kind::Double => Value::F64(0.5),
        Kind::String => Value::String(text(name, of.name()).to_owned()),
        // The first mode takes less than the second.
        Kind::Enum(_) => Value::EnumNumber(1 + i32::from(name == "mode")),
        Kind::Bytes => Value::Bytes("prefix,rate\n49,0.03\n".into()),
        Kind::Message(kind) if kind.full_name() == "google.protobuf.Timestamp" => {
            let mut moment = DynamicMessage::new(kind);
            let hours = i64::from(name == "end");
            moment.set_field_by_name("seconds", Value::I64(NOON + hours * 3600));
            Value::Message(moment)
        }
        // A caller waits for seconds, everything else takes an hour.
        Kind::Message(kind) if name == "wait" => {
            let mut moment = DynamicMessage::new(kind);
            moment.set_field_by_name("seconds", Value::I64(1));
            Value::Message(moment)
        }
        Kind::Message(kind) if depth < 5 => Value::Message(sensible(&kind, depth + 1)),
        kind => panic!("{}: seeds know no {kind:?}", field.full_name()),
    }
}

/// The value of an entry of a map.
fn value_of(map: &FieldDescriptor) -> Value {
    let entry = map.kind();
    let of = entry
        .as_message()
        .expect("an entry")
        .map_entry_value_field();
    match of.kind() {
        // What `google.protobuf.Struct` has: any value, nothing here.
        Kind::Message(kind) => Value::Message(DynamicMessage::new(kind)),
        _ => Value::String("value".to_owned()),
    }
}

fn text(field: &str, message: &str) -> &'static str {
    match field {
        "id" | "user_id" | "boot_id" => USER,
        "time_zone" => "Asia/Kathmandu",
        "country" => "DE",
        "currency" => "EUR",
        "prefix" => "49",
        "number" => "+4930",
        "first_day" | "last_day" => "2026-01-01",
        "address" => "node.example.net",
        "health_url" => "https://pbx.example.net/health",
        "routes" => "10.0.0.0/8",
        "numbers" => "+493012345678",
        // What the server made, for another request.
        "page_token" | "after_cursor" => "",
        "paths" if message == "FieldMask" => "name",
        _ => "r1",
    }
}
