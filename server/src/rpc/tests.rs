//! Tables over what needs no database: methods, deadlines, statuses.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use prost::Message as _;
use prost_types::{FieldMask, FileDescriptorSet};
use tonic::Code;
use tonic_types::StatusExt as _;

use super::methods::{Access, METHODS, SERVICES};
use super::status::{self, Refusal};
use super::{convert, deadline, requests};
use crate::domain::{DomainError, Kind, Thing};
use crate::packages::SeriesField;
use crate::store::StoreError;
use crate::violation::Violation;

fn descriptors() -> Vec<FileDescriptorSet> {
    [
        telecom_proto::FILE_DESCRIPTOR_SET,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
    .map(|bytes| FileDescriptorSet::decode(bytes).unwrap())
    .into()
}

#[test]
fn no_method_is_without_a_rule_and_no_rule_without_a_method() {
    let served = [
        "telecom.v1",
        "grpc.health.v1",
        "grpc.reflection.v1",
        "grpc.reflection.v1alpha",
    ];
    let mut described = BTreeSet::new();
    for file in descriptors().iter().flat_map(|set| &set.file) {
        for service in &file.service {
            for method in &service.method {
                if served.contains(&file.package()) {
                    let service = format!("{}.{}", file.package(), service.name());
                    described.insert((
                        service,
                        method.name().to_owned(),
                        method.server_streaming(),
                    ));
                }
            }
        }
    }
    let ruled: BTreeSet<_> = METHODS
        .iter()
        .map(|m| (m.service.to_owned(), m.name.to_owned(), m.streams))
        .collect();
    assert_eq!(described, ruled);
}

#[test]
fn only_health_and_reflection_are_open() {
    for method in &METHODS {
        let ours = SERVICES.contains(&method.service);
        assert_eq!(ours, method.access != Access::Open, "{method:?}");
    }
}

#[test]
fn timeouts_are_read_as_the_protocol_writes_them() {
    for (text, expected) in [
        ("1H", Ok(Some(Duration::from_hours(1)))),
        ("2M", Ok(Some(Duration::from_mins(2)))),
        ("3S", Ok(Some(Duration::from_secs(3)))),
        ("4m", Ok(Some(Duration::from_millis(4)))),
        ("5u", Ok(Some(Duration::from_micros(5)))),
        ("6n", Ok(Some(Duration::from_nanos(6)))),
        ("99999999H", Ok(Some(Duration::from_hours(99_999_999)))),
        ("0S", Ok(Some(Duration::ZERO))),
        ("", Err(())),
        ("S", Err(())),
        ("1", Err(())),
        ("-1S", Err(())),
        ("1.5S", Err(())),
        ("123456789S", Err(())),
        ("1s", Err(())),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_static(text));
        assert_eq!(deadline::timeout(&headers), expected, "{text}");
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        "grpc-timeout",
        HeaderValue::from_bytes("5µ".as_bytes()).unwrap(),
    );
    assert_eq!(deadline::timeout(&headers), Err(()));
    assert_eq!(deadline::timeout(&HeaderMap::new()), Ok(None));
}

#[test]
fn each_refusal_has_a_code_a_reason_and_the_trace() {
    let internal = || StoreError::Other(sqlx::Error::RowNotFound);
    for (refusal, code, reason) in [
        (
            Refusal::TokenMissing,
            Code::Unauthenticated,
            "TOKEN_MISSING",
        ),
        (
            Refusal::TokenInvalid,
            Code::Unauthenticated,
            "TOKEN_INVALID",
        ),
        (
            Refusal::RoleNotAllowed,
            Code::PermissionDenied,
            "ROLE_NOT_ALLOWED",
        ),
        (
            Refusal::MethodUnknown,
            Code::Unimplemented,
            "METHOD_UNKNOWN",
        ),
        (
            Refusal::MessageTooLarge,
            Code::ResourceExhausted,
            "MESSAGE_TOO_LARGE",
        ),
        (
            Refusal::MessageMalformed,
            Code::InvalidArgument,
            "MESSAGE_MALFORMED",
        ),
        (Refusal::Overloaded, Code::ResourceExhausted, "OVERLOADED"),
        (
            Refusal::DeadlineExceeded,
            Code::DeadlineExceeded,
            "DEADLINE_EXCEEDED",
        ),
        (Refusal::Draining, Code::Unavailable, "DRAINING"),
        (
            DomainError::NotFound(Thing::new(Kind::NodeServer, 7)).into(),
            Code::NotFound,
            "NODE_SERVER_NOT_FOUND",
        ),
        (
            DomainError::NameTaken {
                kind: Kind::NodeServer,
                name: "a".to_owned(),
            }
            .into(),
            Code::AlreadyExists,
            "NODE_SERVER_NAME_TAKEN",
        ),
        (
            DomainError::Store(StoreError::Unavailable(sqlx::Error::PoolTimedOut)).into(),
            Code::Unavailable,
            "DATABASE_UNAVAILABLE",
        ),
        (
            DomainError::Store(internal()).into(),
            Code::Internal,
            "INTERNAL",
        ),
    ] {
        let status = refusal.into_status("abc");
        let details = status.get_error_details();
        assert_eq!(status.code(), code, "{reason}");
        let info = details.error_info().unwrap();
        assert_eq!(
            (info.reason.as_str(), info.domain.as_str()),
            (reason, "telecom.dev")
        );
        assert_eq!(details.request_info().unwrap().request_id, "abc");
        assert!(status::CODES.contains(&code) || code == Code::Unimplemented);
    }
}

#[test]
fn violations_name_their_fields_and_retries_their_delay() {
    let status =
        Refusal::Invalid(vec![Violation::new("config.name", "must be shorter")]).into_status("");
    let details = status.get_error_details();
    let violations = &details.bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "config.name");
    assert_eq!(violations[0].description, "must be shorter");

    let status = Refusal::Overloaded.into_status("");
    let retry = status.get_error_details().retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
}

#[test]
fn an_internal_text_never_reaches_the_caller() {
    let secret = sqlx::Error::Protocol("password=hunter2 at /var/lib".to_owned());
    let status = Refusal::from(DomainError::Store(StoreError::Other(secret))).into_status("");
    assert!(!format!("{status:?}").contains("hunter2"));
}

#[test]
fn negative_and_positive_skews_keep_their_sign() {
    let negative = convert::micros(-1_500_000);
    assert_eq!((negative.seconds, negative.nanos), (-1, -500_000_000));
    let positive = convert::micros(2_000_001);
    assert_eq!((positive.seconds, positive.nanos), (2, 1000));
}

#[test]
fn a_duration_is_read_whole_or_not_at_all() {
    let week = Duration::from_hours(7 * 24);
    for (seconds, nanos, expected) in [
        (0, 0, Some(Duration::ZERO)),
        (604_800, 0, Some(week)),
        (1, 999_999_999, Some(Duration::new(1, 999_999_999))),
        (1, 1_000_000_000, None),
        (1, -1, None),
        (-1, 0, None),
        (0, i32::MIN, None),
        (i64::MIN, 0, None),
        (i64::MIN, i32::MIN, None),
        (i64::MAX, i32::MAX, None),
    ] {
        let given = prost_types::Duration { seconds, nanos };
        assert_eq!(convert::span(given), expected, "{seconds} {nanos}");
    }
}

#[test]
fn a_mask_names_each_field_once() {
    let fields = |paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        requests::mask(Some(FieldMask { paths }), &SeriesField::ALL)
    };
    let (name, order) = (SeriesField::Name, SeriesField::DisplayOrder);
    assert_eq!(fields(&[]).unwrap(), []);
    assert_eq!(fields(&["name"; 500]).unwrap(), [name]);
    let mixed = ["display_order", "name", "display_order"];
    assert_eq!(fields(&mixed).unwrap(), [order, name]);
    for unknown in ["", "Name", "config.name", "id"] {
        assert!(fields(&["name", unknown]).is_err(), "{unknown}");
    }
}

#[test]
fn no_status_is_larger_than_clients_read() {
    let field = format!("config.metadata[\"{}\"]", "é".repeat(63));
    let violation = Violation::new(field, "must have a key of 1 to 63 letters, digits and dots");
    for refusal in [
        Refusal::Invalid(vec![violation; 70]),
        Refusal::Domain(DomainError::NameTaken {
            kind: Kind::NodeServer,
            name: "é".repeat(1 << 20),
        }),
    ] {
        let http = refusal.into_status(&"0".repeat(32)).into_http::<String>();
        let size: usize = http
            .headers()
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum();
        assert!(size < 8 << 10, "{size}");
    }
}
