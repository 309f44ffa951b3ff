//! The whole road: a manifest becomes a server that takes a node's heartbeat and shows it to an administrator.

use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use telecom_crds::TelecomCluster;
use telecom_proto::v1::{
    CreateNodeServerRequest, HeartbeatRequest, ListNodeServersRequest, NodeServerConfig, NodeStatus,
};
use telecom_server::auth::Role;
use telecom_tests::scenario::scenario;
use telecom_tests::telecom::{agent, channel, get, manage, with_token};
use telecom_tests::{cluster, database, tokens};

#[tokio::test]
async fn the_smallest_manifest_becomes_a_server_that_takes_heartbeats() {
    scenario("road", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;

        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let admin = tokens::mint(&key, Role::Admin, "road");
        let grpc = s.forward("demo", "server", 50051).await?;
        let channel = channel(grpc.address).await?;
        let config = NodeServerConfig {
            name: "fra-1".into(),
            address: "fra-1.example.net".into(),
            country: "DE".into(),
            ..Default::default()
        };
        let create = CreateNodeServerRequest {
            config: Some(config),
            ..Default::default()
        };
        let refused = manage(channel.clone())
            .create_node_server(create.clone())
            .await
            .unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Unauthenticated);
        let created = manage(channel.clone())
            .create_node_server(with_token(create, &admin)?)
            .await?
            .into_inner();

        let heartbeat = HeartbeatRequest {
            agent_version: "1.0.0".into(),
            protocol_version: 1,
            boot_id: "8c9c3c1e-7a0e-4a52-9be0-0d3a5c0b9a11".into(),
            sessions: 12,
            clock: Some(std::time::SystemTime::now().into()),
            access_version: 0,
            ..Default::default()
        };
        let reply = agent(channel.clone())
            .heartbeat(with_token(heartbeat, &created.token)?)
            .await?
            .into_inner();
        assert!(reply.server_time.is_some());

        let list = ListNodeServersRequest {
            limit: 10,
            ..Default::default()
        };
        let listed = manage(channel)
            .list_node_servers(with_token(list, &admin)?)
            .await?
            .into_inner();
        let statuses: Vec<_> = listed
            .node_servers
            .iter()
            .map(telecom_proto::v1::NodeServer::status)
            .collect();
        assert_eq!((listed.total, statuses), (1, vec![NodeStatus::Online]));

        let http = s.forward("demo", "server", 8080).await?;
        s.wait("the node in the metrics", || async {
            let (_, metrics) = get(http.address, "/metrics", None).await?;
            Ok(metrics
                .contains("telecom_nodes{status=\"online\"} 1")
                .then_some(()))
        })
        .await
    })
    .await;
}

#[tokio::test]
async fn two_clusters_of_one_name_live_beside_each_other() {
    scenario("one", async |one| {
        scenario("two", async |two| {
            one.apply_cluster("demo", json!({"replicas": 1})).await?;
            two.apply_cluster("demo", json!({"replicas": 1})).await?;
            one.ready("demo").await?;
            two.ready("demo").await?;
            for (name, key) in [("demo-jwt", "secret"), ("demo-operator-token", "token")] {
                let ours = database::secret_key(&one, name, key).await?;
                let theirs = database::secret_key(&two, name, key).await?;
                assert_ne!(ours, theirs, "{name}");
            }
            Ok(())
        })
        .await;
        // The second is gone with its namespace; the first has not noticed.
        one.ready("demo").await?;
        assert_eq!(one.pods("demo", "server").await?.len(), 1);
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn status_tells_where_it_runs_and_what() {
    scenario("status", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let cluster = s.api::<TelecomCluster>().get("demo").await?;
        let status = serde_json::to_value(cluster.status)?;
        let host = format!("demo-server.{}.svc", s.namespace);
        assert_eq!(status["observedGeneration"], json!(1));
        assert_eq!(status["readyReplicas"], json!(1));
        assert_eq!(status["version"], json!("0.1.0"));
        assert_eq!(
            status["image"],
            json!("docker.io/telecom-operator/server:0.1.0")
        );
        assert_eq!(status["endpoints"]["grpc"], json!(format!("{host}:50051")));
        let deployment = s.api::<Deployment>().get("demo-server").await?;
        let owners = deployment.metadata.owner_references.unwrap();
        assert_eq!(
            owners.first().map(|owner| owner.name.as_str()),
            Some("demo")
        );

        let line = cluster::run(
            "kubectl",
            &["-n", &s.namespace, "get", "tc", "demo", "--no-headers"],
        )?;
        let cells: Vec<_> = line.split_whitespace().collect();
        assert_eq!(&cells[..4], ["demo", "True", "1", "0.1.0"], "{line}");
        Ok(())
    })
    .await;
}
