//! The names of the API that are given and kept: clients have them in their code. Those that are
//! still to come are here as well, so that each is taken over on the day it arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorSet, ServiceDescriptorProto};
// A name that is gone does not compile.
#[allow(unused_imports, reason = "that they are there is what is tested")]
use telecom_server::{
    config::TelecomConfig,
    domain::{
        AdminListServers, AnalysisService, GetRecentTrafficUsage, GetUserDailyUsage,
        GetUserHourlyUsage, ListUserNodeStatusHistory, ListUserUsuallyUsedNodes, ManageService,
        PackageExpiringJob, RecordNodeStatusHistoryJob, RefreshNodeStatusViewJob,
        RefreshServerStatus, TelecomCronExecutor,
    },
};

/// Services with all their methods.
const SERVICES: [(&str, &[&str]); 15] = [
    ("Audit", &["ListAudit"]),
    (
        "CallAnalytics",
        &["ExportCallRecords", "GetCallStatistics", "ListCallRecords"],
    ),
    ("CallIngest", &["IngestCallRecords", "ReportPbxState"]),
    ("EventIngest", &["Publish"]),
    (
        "EventManage",
        &["Discard", "ListDeadLetters", "ListEvents", "Redrive"],
    ),
    ("JobManage", &["GetJobStates", "ListJobRuns", "RunJob"]),
    (
        "NodeAgent",
        &["Heartbeat", "ReportUsage", "StreamUsage", "WatchAccess"],
    ),
    (
        "NodeClientManage",
        &[
            "CreateNodeClient",
            "DeleteNodeClient",
            "ListNodeClients",
            "SetFactor",
            "ShowNodeClient",
            "UpdateNodeClient",
        ],
    ),
    (
        "NodeServerManage",
        &[
            "CreateNodeServer",
            "DeleteNodeServer",
            "ListNodeServers",
            "ListRefusedUsage",
            "ReadmitUsage",
            "RotateToken",
            "SetMaintenance",
            "ShowNodeServer",
            "UpdateNodeServer",
        ],
    ),
    (
        "PackageManage",
        &[
            "CreatePackage",
            "CreatePackageSeries",
            "ListPackageSeries",
            "ListPackages",
            "RetirePackage",
            "RetirePackageSeries",
            "ShowPackage",
            "ShowPackageSeries",
            "UpdatePackage",
            "UpdatePackageSeries",
        ],
    ),
    (
        "PackageQueueManage",
        &[
            "Cancel",
            "CountQueuedPackages",
            "Enqueue",
            "ListQueuedPackages",
            "ShowQueuedPackage",
        ],
    ),
    (
        "PbxManage",
        &[
            "CreatePbx",
            "DeletePbx",
            "ListPbxs",
            "ListRejectedCallRecords",
            "RotatePbxToken",
            "ShowPbx",
            "UpdatePbx",
        ],
    ),
    (
        "Telecom",
        &[
            "GetRecentTrafficUsage",
            "ListNodeStatusHistory",
            "ListNodes",
            "ListUsuallyUsedNodes",
        ],
    ),
    (
        "UserManage",
        &[
            "AdjustUsage",
            "CreateUser",
            "EraseUser",
            "ExportUsage",
            "ExportUser",
            "ListUsers",
            "ResumeUser",
            "ShowUser",
            "SuspendUser",
        ],
    ),
    (
        "WholesaleManage",
        &[
            "CreateDeck",
            "DeleteDeck",
            "DeleteTrunk",
            "ExportCharges",
            "ImportRates",
            "ListDecks",
            "ListRates",
            "ListTrunks",
            "RateCall",
            "Rerate",
            "SetRateEnd",
            "SetTrunk",
            "ShowDeck",
            "SumCharges",
            "UpdateDeck",
        ],
    ),
];

/// Replies that are not called `…Response`.
const REPLIES: [(&str, &str); 3] = [
    ("GetRecentTrafficUsage", "RecentTrafficUsageResponse"),
    ("ListNodeStatusHistory", "ListNodeStatusHistoryReply"),
    ("ListNodes", "ListNodesReply"),
];

/// Fields that are given, by message.
const FIELDS: [(&str, &[&str]); 3] = [
    (
        "NodeStatusBucket",
        &[
            "bucket_start",
            "online_nodes",
            "offline_nodes",
            "maintenance_nodes",
            "missing",
        ],
    ),
    ("ListNodeStatusHistoryReply", &["refreshed_at"]),
    (
        "RecentTrafficUsageResponse",
        &["raw", "actually_billed", "billed_through"],
    ),
];

/// Messages and enums that are still to come.
const LATER_TYPES: [&str; 1] = ["UserUsageBillingEvent"];

/// Rust types that are still to come.
const LATER_RUST: [&str; 2] = ["BillTrafficJob", "TelecomBillingHook"];

fn ours() -> FileDescriptorSet {
    let mut set = FileDescriptorSet::decode(telecom_proto::FILE_DESCRIPTOR_SET).unwrap();
    set.file.retain(|file| file.package() == "telecom.v1");
    set
}

fn services() -> BTreeMap<String, ServiceDescriptorProto> {
    let services = ours().file.into_iter().flat_map(|file| file.service);
    services
        .map(|service| (service.name().to_owned(), service))
        .collect()
}

fn messages() -> BTreeMap<String, DescriptorProto> {
    let messages = ours().file.into_iter().flat_map(|file| file.message_type);
    messages
        .map(|message| (message.name().to_owned(), message))
        .collect()
}

#[test]
fn services_and_methods_have_their_given_names() {
    let described: BTreeMap<_, BTreeSet<_>> = services()
        .into_iter()
        .map(|(name, service)| {
            let methods = service.method.iter().map(|m| m.name().to_owned());
            (name, methods.collect())
        })
        .collect();
    let given = SERVICES.map(|(name, methods)| {
        let methods = methods.iter().map(|method| (*method).to_owned());
        (name.to_owned(), methods.collect())
    });
    assert_eq!(described, given.into());
}

#[test]
fn requests_and_replies_are_called_after_their_methods() {
    for service in services().into_values() {
        for method in service.method {
            let name = method.name();
            let reply = REPLIES.iter().find(|(method, _)| *method == name);
            let reply = reply.map_or(format!("{name}Response"), |(_, reply)| (*reply).to_owned());
            assert_eq!(
                method.input_type(),
                format!(".telecom.v1.{name}Request"),
                "{name}"
            );
            assert_eq!(
                method.output_type(),
                format!(".telecom.v1.{reply}"),
                "{name}"
            );
        }
    }
}

#[test]
fn fields_have_their_given_names() {
    let messages = messages();
    for (message, fields) in FIELDS {
        let described: BTreeSet<_> = messages[message]
            .field
            .iter()
            .map(prost_types::FieldDescriptorProto::name)
            .collect();
        for field in fields {
            assert!(described.contains(field), "{message}.{field}");
        }
    }
}

/// When this fails something has arrived: move its name from the list of those to come to the others.
#[test]
fn what_is_still_to_come_is_not_there_yet() {
    let enums = ours().file.into_iter().flat_map(|file| file.enum_type);
    let mut types: BTreeSet<_> = enums.map(|kind| kind.name().to_owned()).collect();
    types.extend(messages().into_keys());
    for name in LATER_TYPES {
        assert!(!types.contains(name), "{name}");
    }
    let mut sources = Vec::new();
    read(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src"),
        &mut sources,
    );
    assert!(
        sources
            .iter()
            .any(|text| text.contains("struct ManageService "))
    );
    for name in LATER_RUST {
        let defines = |text: &String| {
            ["struct", "enum", "trait"]
                .iter()
                .any(|kind| text.contains(&format!("{kind} {name} ")))
        };
        assert!(!sources.iter().any(defines), "{name}");
    }
}

fn read(folder: &Path, sources: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    for path in paths {
        if path.is_dir() {
            read(&path, sources);
        } else {
            sources.push(std::fs::read_to_string(path).unwrap());
        }
    }
}
