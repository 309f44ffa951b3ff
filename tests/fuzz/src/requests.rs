//! Any bytes as the request of any method: the answer says what the caller has to change, or the
//! request had nothing that is forbidden and went on to the database.

use std::sync::LazyLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage, MethodDescriptor, Value};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::paths::leads_to_a_field;
use crate::rules;
use crate::server::{self, Answer, Door};

/// A method, and as whom it is called.
#[derive(Debug, Clone)]
pub struct Entrance {
    /// The method.
    pub method: MethodDescriptor,
    /// Its path in HTTP.
    pub path: String,
    pub(crate) door: Door,
}

static ENTRANCES: LazyLock<Vec<Entrance>> = LazyLock::new(doors);

/// Every method of the descriptor, so that none is missed; those of subscribers twice. Streams of
/// requests are left out: they carry the requests of other methods.
pub fn doors() -> Vec<Entrance> {
    let pool = DescriptorPool::decode(telecom_proto::FILE_DESCRIPTOR_SET).expect("descriptors");
    let mut entrances = Vec::new();
    for service in pool.services() {
        let doors: &[Door] = match service.name() {
            "CallIngest" => &[Door::Pbx],
            "EventIngest" => &[Door::Collector],
            "NodeAgent" => &[Door::Node],
            "Telecom" => &[Door::Admin, Door::User],
            _ => &[Door::Admin],
        };
        for method in service
            .methods()
            .filter(|method| !method.is_client_streaming())
        {
            let path = format!("/{}/{}", service.full_name(), method.name());
            entrances.extend(doors.iter().map(|door| Entrance {
                method: method.clone(),
                path: path.clone(),
                door: *door,
            }));
        }
    }
    entrances
}

/// The first byte chooses the entrance, the rest is the message.
pub fn run(input: &[u8]) {
    if let Some((choice, message)) = input.split_first() {
        let entrance = &ENTRANCES[usize::from(*choice) % ENTRANCES.len()];
        let _ = send(entrance, message);
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No message of its method.
    Malformed,
    /// The caller has to correct it.
    Refused,
    /// The caller asks for what belongs to somebody else.
    NotTheirs,
    /// It went on to the database.
    Accepted,
}

/// Sends a message and checks the answer.
pub fn send(entrance: &Entrance, bytes: &[u8]) -> Outcome {
    let message = DynamicMessage::decode(entrance.method.input(), bytes).ok();
    let Answer { status, size } = server::call(entrance.door, &entrance.path, bytes);
    assert!(
        size < 8 << 10,
        "{size} bytes are more than some clients read"
    );
    let outcome = outcome(entrance, &status);
    let what = || format!("{}: {}: {status:?}", entrance.path, shown(message.as_ref()));
    match (outcome, &message) {
        (Outcome::Malformed, None) | (Outcome::Refused | Outcome::NotTheirs, Some(_)) => {}
        // Our reader forgives some wire types that the server's does not.
        (Outcome::Malformed, Some(message)) if message.encode_to_vec() != bytes => {}
        (Outcome::Accepted, Some(message)) => {
            if let Err(rule) = rules::check(entrance.method.name(), message) {
                panic!("accepted, but {rule}: {}", what());
            }
        }
        _ => panic!("{outcome:?} cannot be: {}", what()),
    }
    outcome
}

/// The fields, for people.
fn shown(message: Option<&DynamicMessage>) -> String {
    let Some(message) = message else {
        return "no message".to_owned();
    };
    let fields = message.fields().map(|(field, value)| match value {
        Value::Message(below) => format!("{} {{{}}}", field.name(), shown(Some(below))),
        value => format!("{}: {value:?}", field.name()),
    });
    fields.collect::<Vec<_>>().join(", ")
}

fn outcome(entrance: &Entrance, status: &Status) -> Outcome {
    let behind = matches!(entrance.door, Door::Node | Door::Pbx);
    if behind && status.get_error_details().error_info().is_none() {
        // The library's own word, which the gateway would translate.
        return Outcome::Malformed;
    }
    let details = status.get_error_details();
    let info = details.error_info().expect("a reason");
    assert_eq!(info.domain, "telecom.dev");
    assert!(details.request_info().is_some(), "no trace: {status:?}");
    assert!(
        !status.message().chars().any(char::is_control),
        "{status:?}"
    );
    match (status.code(), info.reason.as_str()) {
        (Code::InvalidArgument, "MESSAGE_MALFORMED") => Outcome::Malformed,
        (Code::Unavailable, "DATABASE_UNAVAILABLE") => Outcome::Accepted,
        // Nobody stores here what was handed in.
        (Code::Unavailable, "DRAINING") if entrance.path.ends_with("/IngestCallRecords") => {
            Outcome::Accepted
        }
        (Code::PermissionDenied, "NOT_YOURS") if entrance.door == Door::User => Outcome::NotTheirs,
        (Code::InvalidArgument, "FIELD_INVALID") => {
            let request = details.bad_request().expect("violations");
            assert!(!request.field_violations.is_empty());
            for violation in &request.field_violations {
                assert!(
                    leads_to_a_field(&entrance.method.input(), &violation.field),
                    "{} has no field {:?}",
                    entrance.method.input().name(),
                    violation.field
                );
                assert!(!violation.description.is_empty(), "{}", violation.field);
            }
            Outcome::Refused
        }
        _ => panic!("{}: {status:?}", entrance.path),
    }
}
