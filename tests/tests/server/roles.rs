//! Roles and methods: what docs/auth.md says is what the server does, for each method of the API.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use prost_types::FileDescriptorSet;
use telecom_proto::v1::WatchAccessRequest;
use telecom_server::auth::Role;
use telecom_tests::tokens;
use tonic::Code;

use super::process::Server;
use super::wire::Wire;

/// From `telecom.v1.Service/Method` to the names of its roles, as the page has them.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = include_str!("../../../docs/auth.md");
    let mut methods = BTreeMap::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [service, names, roles] = cells[..] else {
            continue;
        };
        for name in names.split(", ") {
            let method = format!("telecom.v1.{}/{name}", service.trim_matches('`'));
            let roles = roles.split(", ").map(str::to_owned).collect();
            assert!(methods.insert(method, roles).is_none(), "{name} twice");
        }
    }
    methods
}

fn described() -> BTreeSet<String> {
    let set = FileDescriptorSet::decode(telecom_proto::FILE_DESCRIPTOR_SET).unwrap();
    let ours = set
        .file
        .iter()
        .filter(|file| file.package() == "telecom.v1");
    ours.flat_map(|file| &file.service)
        .flat_map(|service| {
            let methods = service.method.iter();
            methods.map(|method| format!("telecom.v1.{}/{}", service.name(), method.name()))
        })
        .collect()
}

#[tokio::test]
async fn each_method_takes_the_roles_that_the_page_says() {
    let documented = documented();
    assert_eq!(
        documented.keys().cloned().collect::<BTreeSet<_>>(),
        described()
    );

    let server = Server::start().await;
    let (_, node) = server.node("roles").await;
    let user = "0190c6ae-1111-7000-8000-000000000001";
    let mut callers: Vec<_> = Role::OF_TOKENS
        .map(|role| (role.as_str(), tokens::of(role, user)))
        .into();
    callers.push(("node", node));
    callers.push(("pbx", server.pbx("roles").await.1));
    let wire = Wire::new(server.grpc);
    for (method, roles) in &documented {
        for (role, token) in &callers {
            // Once it is granted, a watch does not end.
            if method.ends_with("/WatchAccess") && roles.contains(*role) {
                let mut agent = server.agent(token).await;
                agent
                    .watch_access(WatchAccessRequest::default())
                    .await
                    .unwrap();
                continue;
            }
            let status = wire.call(method, token, &[]).await;
            let refused = status.code() == Code::PermissionDenied;
            assert_eq!(
                refused,
                !roles.contains(*role),
                "{method} as {role}: {status:?}"
            );
            assert_ne!(status.code(), Code::Unauthenticated, "{method} as {role}");
        }
        let status = wire.call(method, "", &[]).await;
        assert_eq!(status.code(), Code::Unauthenticated, "{method}");
    }
}
