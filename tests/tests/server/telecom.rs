//! What subscribers see of the network, each their own.

use prost_types::Timestamp;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::{
    Access, ListNodeStatusHistoryReply, ListNodeStatusHistoryRequest, ListNodesReply,
    ListNodesRequest, Node, NodeClientConfig, NodeStatus, Routing,
};
use telecom_server::auth::Role;
use telecom_tests::{postgres, tokens};
use tonic::{Code, Status};

use super::node_clients::{client_config, create};
use super::process::{Bearer, Server, fields, heartbeat, reason};

/// A subscriber with an active package of a series with one node client, one who is suspended, one who
/// has nothing yet, one who was erased.
pub const USERS: [&str; 4] = [
    "0193a1b0-0000-7000-8000-000000000001",
    "0193a1b0-0000-7000-8000-000000000002",
    "0193a1b0-0000-7000-8000-000000000003",
    "0193a1b0-0000-7000-8000-000000000004",
];
const UNKNOWN: &str = "0193a1b0-0000-7000-8000-00000000ffff";

pub struct Provider {
    server: Server,
    database: String,
}

impl Provider {
    /// Two node servers; node client 1 on the first is in the series, 2 and 3 are not.
    pub async fn start() -> Self {
        let url = postgres::shared().database();
        let server = Server::launch(&url, &[], &["serve", "--migrate"]).await;
        server.until_ready().await;
        let (one, token) = server.node("one").await;
        let (two, _) = server.node("two").await;
        server
            .agent(&token)
            .await
            .heartbeat(heartbeat())
            .await
            .unwrap();
        let bare = NodeClientConfig {
            country: String::new(),
            location: String::new(),
            routing: Some(Routing::default()),
            ..client_config("bare", one.id)
        };
        create(&server, bare).await.unwrap();
        create(&server, client_config("alps", two.id))
            .await
            .unwrap();
        let first = NodeClientConfig {
            display_order: -1,
            speed_limit_bps: 0,
            ..client_config("first", two.id)
        };
        create(&server, first).await.unwrap();
        let provider = Self {
            server,
            database: url.rsplit('/').next().unwrap().to_owned(),
        };
        provider.sell();
        provider
    }

    pub fn sql(&self, sql: &str) -> String {
        postgres::shared().sql(&self.database, sql).unwrap()
    }

    fn sell(&self) {
        self.sql(
            "INSERT INTO package_series (name, description, display_order) VALUES ('basic', '', 0); \
             INSERT INTO package_series_node_client VALUES (1, 1); \
             INSERT INTO package (package_series_id, name, description, quota_kind, \
             duration_months, monthly_reset, speed_limit_bps) \
             VALUES (1, 'flat', '', 'unlimited', 1, false, 50000000)",
        );
        for (n, (user, status)) in USERS
            .iter()
            .zip(["active", "suspended", "active", "erased"])
            .enumerate()
        {
            self.sql(&format!(
                "INSERT INTO subscriber (id, status, time_zone, metadata) VALUES ('{user}', '{status}', 'UTC', '{{}}')"
            ));
            if n < 2 {
                self.sql(&format!(
                    "INSERT INTO queued_package (user_id, package_id, order_id, line, quota_kind, \
                     duration_months, monthly_reset, speed_limit_bps, priority, status, enqueued_at, \
                     active_from, expires_at) VALUES ('{user}', 1, 'o{n}', 0, 'unlimited', 1, false, \
                     50000000, 0, 'active', now(), now(), now() + interval '1 month')"
                ));
            }
            let access = ["granted", "suspended", "no_package", "erased"][n];
            let (series, limit) = if n == 0 {
                ("1", "50000000")
            } else {
                ("NULL", "NULL")
            };
            self.sql(&format!(
                "INSERT INTO user_access (user_id, access, package_series_id, speed_limit_bps, changed_at) \
                 VALUES ('{user}', '{access}', {series}, {limit}, now())"
            ));
        }
    }

    async fn nodes(
        &self,
        role: Role,
        subject: &str,
        user_id: &str,
    ) -> Result<ListNodesReply, Status> {
        let request = ListNodesRequest {
            user_id: user_id.to_owned(),
        };
        let mut telecom = self.telecom(role, subject).await;
        Ok(telecom.list_nodes(request).await?.into_inner())
    }

    pub async fn history(
        &self,
        role: Role,
        subject: &str,
        request: ListNodeStatusHistoryRequest,
    ) -> Result<ListNodeStatusHistoryReply, Status> {
        let mut telecom = self.telecom(role, subject).await;
        Ok(telecom
            .list_node_status_history(request)
            .await?
            .into_inner())
    }

    async fn telecom(
        &self,
        role: Role,
        subject: &str,
    ) -> TelecomClient<
        tonic::service::interceptor::InterceptedService<tonic::transport::Channel, Bearer>,
    > {
        let bearer = Bearer::new(&tokens::of(role, subject));
        TelecomClient::with_interceptor(self.server.channel().await, bearer)
    }
}

fn names(reply: &ListNodesReply) -> Vec<&str> {
    reply.nodes.iter().map(|node| node.name.as_str()).collect()
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[tokio::test]
async fn a_subscriber_sees_the_nodes_of_the_active_package() {
    let provider = Provider::start().await;
    let own = provider.nodes(Role::User, USERS[0], "").await.unwrap();
    let expected = Node {
        id: 1,
        name: "bare".to_owned(),
        traffic_factor_millionths: 1_000_000,
        display_order: 10,
        speed_limit_bps: 50_000_000,
        status: NodeStatus::Online.into(),
        country: "DE".to_owned(),
        location: "Frankfurt".to_owned(),
        route_class: "premium".to_owned(),
        metadata: [("app/icon".to_owned(), "alps".to_owned())].into(),
    };
    assert_eq!(own.nodes, [expected]);
    assert_eq!(own.access(), Access::Granted);
    // The same by their own id, in any case of letters; and by staff.
    for (role, subject, user) in [
        (Role::User, USERS[0], USERS[0].to_uppercase()),
        (Role::Support, "s", USERS[0].to_owned()),
        (Role::Viewer, "v", USERS[0].to_owned()),
        (Role::Admin, "a", USERS[0].to_owned()),
    ] {
        let listed = provider.nodes(role, subject, &user).await.unwrap();
        assert_eq!(listed, own, "{role:?} {user}");
    }
    // Who may use none is told why.
    for (user, access) in
        USERS[1..]
            .iter()
            .zip([Access::Suspended, Access::NoPackage, Access::Erased])
    {
        for (role, asked) in [(Role::User, ""), (Role::Admin, *user)] {
            let listed = provider.nodes(role, user, asked).await.unwrap();
            assert_eq!((listed.nodes.len(), listed.access()), (0, access), "{user}");
        }
    }
    // Staff see all, with the limits of the node clients alone.
    let all = provider.nodes(Role::Viewer, "v", "").await.unwrap();
    assert_eq!(names(&all), ["first", "bare", "alps"]);
    assert_eq!(all.access(), Access::Unspecified);
    let limits: Vec<_> = all.nodes.iter().map(|node| node.speed_limit_bps).collect();
    assert_eq!(limits, [0, 100_000_000, 100_000_000]);
    assert_eq!(all.nodes[2].country, "CH");
    assert_eq!(all.nodes[0].status(), NodeStatus::Offline);
}

#[tokio::test]
async fn limits_and_what_is_left_empty() {
    let provider = Provider::start().await;
    // (the node client's limit, the package's) → what holds
    for (client, package, expected) in [
        ("NULL", "NULL", 0),
        ("7", "NULL", 7),
        ("NULL", "9", 9),
        ("7", "9", 7),
        ("9", "7", 7),
    ] {
        provider.sql(&format!(
            "UPDATE node_client SET speed_limit_bps = {client}; UPDATE user_access SET speed_limit_bps = {package}"
        ));
        let listed = provider.nodes(Role::User, USERS[0], "").await.unwrap();
        assert_eq!(
            listed.nodes[0].speed_limit_bps, expected,
            "{client} {package}"
        );
    }
    // A package that has ended gives nothing.
    provider.sql(
        "UPDATE user_access SET access = 'no_package', package_series_id = NULL, speed_limit_bps = NULL",
    );
    let listed = provider.nodes(Role::User, USERS[0], "").await.unwrap();
    assert_eq!(
        (listed.nodes.len(), listed.access()),
        (0, Access::NoPackage)
    );
}

#[tokio::test]
async fn nobody_sees_what_is_somebody_elses() {
    let provider = Provider::start().await;
    let hour = ListNodeStatusHistoryRequest {
        start: Some(at("2026-03-01T10:00:00Z")),
        end: Some(at("2026-03-01T11:00:00Z")),
        user_id: String::new(),
    };
    let history = |user_id: &str| ListNodeStatusHistoryRequest {
        user_id: user_id.to_owned(),
        ..hour.clone()
    };
    for (role, subject, asked, code, why) in [
        (
            Role::User,
            USERS[0],
            USERS[1],
            Code::PermissionDenied,
            "NOT_YOURS",
        ),
        (
            Role::User,
            USERS[0],
            UNKNOWN,
            Code::PermissionDenied,
            "NOT_YOURS",
        ),
        (Role::User, UNKNOWN, "", Code::NotFound, "USER_NOT_FOUND"),
        (Role::Admin, "a", UNKNOWN, Code::NotFound, "USER_NOT_FOUND"),
        (
            Role::Collector,
            "c",
            "",
            Code::PermissionDenied,
            "ROLE_NOT_ALLOWED",
        ),
        (
            Role::Operator,
            "o",
            USERS[0],
            Code::PermissionDenied,
            "ROLE_NOT_ALLOWED",
        ),
    ] {
        let nodes = provider.nodes(role, subject, asked).await.map(|_| ());
        let hours = provider
            .history(role, subject, history(asked))
            .await
            .map(|_| ());
        for refused in [nodes.unwrap_err(), hours.unwrap_err()] {
            assert_eq!(
                (refused.code(), reason(&refused).as_str()),
                (code, why),
                "{role:?} {asked}"
            );
        }
    }
    for asked in [
        "me",
        "0193a1b0000070008000000000000001",
        "{0193a1b0-0000-7000-8000-000000000001}",
        "\0",
        &"f".repeat(1 << 20),
    ] {
        for (role, subject) in [(Role::User, USERS[0]), (Role::Admin, "a")] {
            let nodes = provider.nodes(role, subject, asked).await.map(|_| ());
            let hours = provider
                .history(role, subject, history(asked))
                .await
                .map(|_| ());
            for refused in [nodes.unwrap_err(), hours.unwrap_err()] {
                assert_eq!(
                    (refused.code(), fields(&refused)),
                    (Code::InvalidArgument, vec!["user_id".to_owned()])
                );
            }
        }
    }
}
