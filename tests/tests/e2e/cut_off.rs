//! From use to cut-off and back on the real cluster: two servers, agents at the Service, a package that is used up.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use telecom_node_agent::access::{Key, Policy, Reason};
use telecom_node_agent::agent::{Agent, Options};
use telecom_node_agent::connection::Token;
use telecom_node_agent::settings::OutOfContact;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::{GetRecentTrafficUsageRequest, HeartbeatRequest, RecentRange, UsageRow};
use telecom_server::auth::Role;
use telecom_tests::demo::catalogue;
use telecom_tests::demo::command::ServerCommand;
use telecom_tests::demo::registry::{Administrator, Registered};
use telecom_tests::demo::shop::{Shop, subscriber};
use telecom_tests::door::Door;
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{database, tokens};

const GIGABYTE: i64 = 1_000_000_000;

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn start(door: &Door, node: &Registered, folder: &Folder) -> Result<Agent> {
    let options = Options {
        heartbeat_every: Duration::from_secs(2),
        policy: Policy {
            ttl: None,
            out_of_contact: OutOfContact::DenyAll,
        },
        spool_limit: 1 << 20,
    };
    let (data, token) = (folder.0.join(&node.name), Token::fixed(&node.token)?);
    Agent::start(
        door.channel(),
        token,
        &data,
        options,
        HeartbeatRequest::default,
    )
}

/// Waits until a node lets somebody in, or does not for this reason.
async fn let_in(s: &Scenario, agent: &Agent, key: Key, expected: Reason) -> Result<()> {
    s.wait(&format!("{key:?} {expected:?}"), || async {
        let reason = agent.decide(key).reason;
        Ok((reason == expected).then_some(()))
    })
    .await
}

async fn at_both(s: &Scenario, agents: &[(Agent, Key); 2], expected: Reason) -> Result<()> {
    for (agent, key) in agents {
        let_in(s, agent, *key, expected).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_package_that_is_used_up_is_denied_at_each_node_until_another_is_bought() {
    scenario("cut-off", async |s| {
        s.apply_cluster("demo", json!({"replicas": 2})).await?;
        s.ready("demo").await?;
        let signing = database::secret_key(&s, "demo-jwt", "secret").await?;
        let admin = tokens::mint(&signing, Role::Admin, "cut-off");
        let door = Door::open(&s, "demo").await?;
        let server = ServerCommand::in_cluster(&s.namespace, "demo");

        // Two premium nodes, on which a byte counts one and a half.
        let configs: Vec<_> = catalogue::node_servers().into_iter().take(2).collect();
        let classes: Vec<_> = configs
            .iter()
            .map(|node| node.route_class.clone())
            .collect();
        let mut administrator = Administrator::new(door.channel(), admin.clone());
        let (nodes, _) = administrator.register(configs).await?;
        let shop = Shop::new(door.channel(), admin);
        shop.open_nodes(&nodes, &classes).await?;
        shop.stock(&nodes.iter().map(|node| node.id).zip(classes).collect())
            .await?;
        let packages = shop.packages().await?;
        let day = packages.iter().find(|package| {
            package
                .config
                .as_ref()
                .is_some_and(|config| config.name == "World day")
        });
        let day = day.context("World day is not on sale")?.id;

        let user = subscriber(7);
        shop.register(&user, "Asia/Kathmandu").await?;
        let folder = Folder(std::env::temp_dir().join(format!("cut-off-{}", uuid::Uuid::new_v4())));
        let id = uuid::Uuid::parse_str(&user)?;
        let agents = [
            (start(&door, &nodes[0], &folder)?, (id, 1)),
            (start(&door, &nodes[1], &folder)?, (id, 2)),
        ];
        at_both(&s, &agents, Reason::Unknown).await?;
        shop.order(&user, day, "first", 1).await?;
        at_both(&s, &agents, Reason::Granted).await?;

        // 1.8 of 2 GB, then more than there is.
        for (bytes, quota_used, expected) in [
            (12 * GIGABYTE / 10, 9 * GIGABYTE / 5, Reason::Granted),
            (GIGABYTE, 2 * GIGABYTE, Reason::NoPackage),
        ] {
            let row = UsageRow {
                user_id: user.clone(),
                node_client_id: 1,
                used_at: Some(SystemTime::now().into()),
                upload_bytes: bytes / 4,
                download_bytes: bytes / 4 * 3,
            };
            agents[0].0.report(vec![row]).await?;
            // The operator has it billed.
            s.wait("the usage charged", || async {
                let ledger = server.check_ledger().await?;
                ensure!(ledger["charged"].as_i64() >= Some(quota_used), "{ledger}");
                Ok((ledger["in_flight"] == 0).then_some(()))
            })
            .await?;
            at_both(&s, &agents, expected).await?;
        }

        // What the subscriber's app shows of it.
        let own = tokens::mint(&signing, Role::User, &user);
        let mut app = TelecomClient::new(door.with(&own)?);
        let request = GetRecentTrafficUsageRequest {
            range: RecentRange::Day.into(),
            time_zone: "Asia/Kathmandu".into(),
            ..Default::default()
        };
        let shown = app.get_recent_traffic_usage(request).await?.into_inner();
        let sum = |buckets: &[telecom_proto::v1::TrafficBucket]| -> u64 {
            let each = buckets.iter();
            each.map(|bucket| bucket.upload_bytes + bucket.download_bytes)
                .sum()
        };
        assert_eq!(sum(&shown.raw), 2_200_000_000);
        assert_eq!(sum(&shown.actually_billed), 3_300_000_000);

        shop.order(&user, day, "second", 1).await?;
        at_both(&s, &agents, Reason::Granted).await?;
        server.check_ledger().await?;
        Ok(())
    })
    .await;
}
