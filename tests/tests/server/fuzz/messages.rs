//! Messages of any type with any values: those that nearly make sense, those that make none, and
//! bytes that are no message.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use prost::Message as _;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

/// Subscribers who exist, at first.
pub const USERS: [&str; 3] = [
    super::super::users::ALICE,
    "0190f3a1-7c11-7cc3-98c4-dc0c0c073990",
    "0190f3a1-7c11-7cc3-98c4-dc0c0c073991",
];

/// The body of a request.
#[derive(Clone)]
pub struct Body {
    pub bytes: Vec<u8>,
    /// What it says, if it says anything.
    message: Option<DynamicMessage>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match &self.message {
            Some(message) => {
                let fields = message
                    .fields()
                    .map(|(field, value)| (field.name().to_owned(), value));
                format!("{:?}", fields.collect::<Vec<_>>())
            }
            None => format!("{:02x?}", self.bytes),
        };
        let shown: String = text.chars().take(2000).collect();
        write!(f, "{} bytes: {shown}", self.bytes.len())
    }
}

/// Where numbers end, for some reader or other.
const EXTREMES: [i128; 11] = [
    0,
    -1,
    i32::MAX as i128,
    i32::MIN as i128,
    u32::MAX as i128,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
    // The start of the year 10000.
    253_402_300_800,
    1 << 50,
    1 << 53,
];

/// How much sense the values of a message make.
#[derive(Clone, Copy, PartialEq)]
enum Sense {
    /// What somebody might mean.
    Most,
    /// Now and then.
    Some,
    /// Only extremes.
    None,
}

pub fn bodies(kind: &MessageDescriptor) -> BoxedStrategy<Body> {
    let of = |sense| {
        message(kind, sense, 0).prop_map(|message| Body {
            bytes: message.encode_to_vec(),
            message: Some(message),
        })
    };
    let bytes = |bytes| Body {
        bytes,
        message: None,
    };
    prop_oneof![
        6 => of(Sense::Most),
        3 => of(Sense::Some),
        1 => of(Sense::None),
        1 => (of(Sense::Most), unknown_fields()).prop_map(|(mut body, tail)| {
            body.bytes.extend(tail);
            body
        }),
        1 => vec(any::<u8>(), 0..200).prop_map(bytes),
        // Field 1, of this length and nothing behind it; or lengths that nobody can hold.
        1 => (0..40_u8, any::<[u8; 9]>()).prop_map(move |(tag, tail)| {
            bytes([&[tag], tail.as_slice()].concat())
        }),
    ]
    .boxed()
}

/// Fields that no message has: flat, nested in each other, groups that never end.
fn unknown_fields() -> impl Strategy<Value = Vec<u8>> {
    let nested = (1..3000_usize).prop_map(|depth| {
        let mut field = Vec::new();
        for _ in 0..depth {
            let mut outer = vec![0xfa, 0x3e];
            prost::encoding::encode_varint(field.len() as u64, &mut outer);
            outer.extend(&field);
            field = outer;
            if field.len() > 100_000 {
                break;
            }
        }
        field
    });
    prop_oneof![
        vec(any::<u8>(), 0..30).prop_map(|bytes| [&[0xfa, 0x3e, 30], bytes.as_slice()].concat()),
        nested,
        (1..5000_usize).prop_map(|depth| [0xfb, 0x3e].repeat(depth)),
        (1..50_usize)
            .prop_map(|depth| [[0xfb, 0x3e].repeat(depth), [0xfc, 0x3e].repeat(depth)].concat()),
    ]
}

fn message(kind: &MessageDescriptor, sense: Sense, depth: u32) -> BoxedStrategy<DynamicMessage> {
    let fields: Vec<FieldDescriptor> = kind.fields().collect();
    let present = if sense == Sense::Most { 0.85 } else { 0.6 };
    let values: Vec<_> = fields
        .iter()
        .map(|field| proptest::option::weighted(present, field_value(field, sense, depth)))
        .collect();
    let kind = kind.clone();
    values
        .prop_map(move |values| {
            let mut message = DynamicMessage::new(kind.clone());
            for (field, value) in fields.iter().zip(values) {
                if let Some(value) = value {
                    message.set_field(field, value);
                }
            }
            message
        })
        .boxed()
}

fn field_value(field: &FieldDescriptor, sense: Sense, depth: u32) -> BoxedStrategy<Value> {
    let many = if sense == Sense::Most { 0..3 } else { 0..70 };
    if let Kind::Message(entry) = field.kind()
        && field.is_map()
    {
        let key = text(field.name(), sense).prop_map(MapKey::String);
        let value = single(&entry.map_entry_value_field(), sense, depth + 1);
        let pairs = vec((key, value), many);
        return pairs
            .prop_map(|p| Value::Map(p.into_iter().collect()))
            .boxed();
    }
    let one = single(field, sense, depth);
    if field.is_list() {
        return vec(one, many).prop_map(Value::List).boxed();
    }
    one
}

fn single(field: &FieldDescriptor, sense: Sense, depth: u32) -> BoxedStrategy<Value> {
    let name = field.name();
    match field.kind() {
        Kind::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number(name, sense)
            .prop_map(|n| Value::I32(i32::try_from(n).unwrap_or(i32::MIN)))
            .boxed(),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number(name, sense)
            .prop_map(|n| Value::I64(i64::try_from(n).unwrap_or(i64::MIN)))
            .boxed(),
        Kind::Uint32 | Kind::Fixed32 => number(name, sense)
            .prop_map(|n| Value::U32(u32::try_from(n).unwrap_or(u32::MAX)))
            .boxed(),
        Kind::Uint64 | Kind::Fixed64 => number(name, sense)
            .prop_map(|n| Value::U64(u64::try_from(n).unwrap_or(u64::MAX)))
            .boxed(),
        Kind::Float => any::<f32>().prop_map(Value::F32).boxed(),
        Kind::Double => float(sense).prop_map(Value::F64).boxed(),
        Kind::String => text(name, sense).prop_map(Value::String).boxed(),
        Kind::Bytes => vec(any::<u8>(), 0..99)
            .prop_map(|bytes| Value::Bytes(bytes.into()))
            .boxed(),
        Kind::Enum(values) => {
            let known = i32::try_from(values.values().len()).unwrap();
            let number = match sense {
                Sense::Most => (0..known).boxed(),
                Sense::Some | Sense::None => prop_oneof![0..known, any::<i32>()].boxed(),
            };
            number.prop_map(Value::EnumNumber).boxed()
        }
        Kind::Message(kind) if depth < 5 => message(&kind, sense, depth + 1)
            .prop_map(Value::Message)
            .boxed(),
        Kind::Message(kind) => Just(Value::Message(DynamicMessage::new(kind))).boxed(),
    }
}

fn float(sense: Sense) -> BoxedStrategy<f64> {
    match sense {
        Sense::Most => (0.0..1.0).boxed(),
        Sense::Some | Sense::None => any::<f64>().boxed(),
    }
}

fn number(name: &str, sense: Sense) -> BoxedStrategy<i128> {
    let extremes = prop_oneof![select(EXTREMES.to_vec()), any::<i64>().prop_map(i128::from),];
    // Moments from the start of the century to long after its end.
    let meant = match name {
        "seconds" => (946_684_800..5_000_000_000_i128).boxed(),
        "nanos" => Just(0).boxed(),
        "port" => (1..65536_i128).boxed(),
        _ => (0..6_i128).boxed(),
    };
    match sense {
        Sense::Most => meant,
        Sense::Some => prop_oneof![meant, extremes].boxed(),
        Sense::None => extremes.boxed(),
    }
}

fn text(name: &str, sense: Sense) -> BoxedStrategy<String> {
    let words: &[&str] = match name {
        "id" | "user_id" | "boot_id" => &USERS,
        "etag" => &["", "r1", "r2", "r3", "r7"],
        "time_zone" => &["", "Asia/Kathmandu", "America/Lima"],
        "country" => &["DE", "NP"],
        "address" => &["node.example.net", "10.0.0.1", "fe80::1"],
        "idempotency_key" => &["", "", "k1", "k2"],
        "paths" => &["name", "metadata", "display_order", "location"],
        "routes" => &["10.0.0.0/8", "2001:db8::/32", "10.0.0.1"],
        _ => &["a", "b", "c", "d", "e", "f", "g-1", "h-2"],
    };
    let meant = select(words).prop_map(str::to_owned);
    let senseless = prop_oneof![
        4 => any::<String>(),
        2 => "[\\x00-\\x1f\\x7f\\u{80}-\\u{9f}]{1,9}",
        2 => select(&[
            "", " ", "\0", "'; DROP TABLE subscriber; --", "%s%n", "\u{202e}", "\u{feff}",
            "../../etc/passwd", "e\u{301}", "🦀", "-1", "NaN", "r99999999999999999999",
        ][..])
        .prop_map(str::to_owned),
        1 => (1..400_usize).prop_map(|n| "é".repeat(n)),
        1 => Just("x".repeat(1 << 20)),
    ];
    match sense {
        Sense::Most => meant.boxed(),
        Sense::Some => prop_oneof![4 => meant, 1 => senseless].boxed(),
        Sense::None => senseless.boxed(),
    }
}
