//! Node servers with their agents, and node clients.

use anyhow::Result;
use prost_types::FieldMask;
use telecom_proto::v1::node_agent_client::NodeAgentClient;
use telecom_proto::v1::node_client_manage_client::NodeClientManageClient;
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use telecom_proto::v1::{
    CreateNodeClientRequest, CreateNodeServerRequest, DeleteNodeClientRequest,
    DeleteNodeServerRequest, HeartbeatRequest, ListNodeClientsRequest, ListNodeServersRequest,
    ListRefusedUsageRequest, NodeClient, NodeClientConfig, NodeServerConfig, NodeStatus,
    ReadmitUsageRequest, ReportUsageRequest, RotateTokenRequest, SetFactorRequest,
    SetMaintenanceRequest, ShowNodeClientRequest, ShowNodeServerRequest, StreamUsageRequest,
    UpdateNodeClientRequest, UpdateNodeServerRequest, UsageRow, WatchAccessRequest,
};
use telecom_tests::door::Caller;
use tonic::Code;

use super::Provider;

/// A node server that is online, with one node client that counts half.
pub(super) struct Network {
    pub(super) server: i32,
    pub(super) client: i32,
    /// Of the node server.
    token: String,
}

fn servers(caller: &Caller) -> NodeServerManageClient<Caller> {
    NodeServerManageClient::new(caller.clone())
}

fn clients(caller: &Caller) -> NodeClientManageClient<Caller> {
    NodeClientManageClient::new(caller.clone())
}

pub(super) async fn set_up(provider: &Provider) -> Result<Network> {
    let (server, token) = node_server(provider).await?;
    let client = node_client(provider, server).await?;
    Ok(Network {
        server,
        client: client.id,
        token,
    })
}

async fn node_server(provider: &Provider) -> Result<(i32, String)> {
    let mut admin = servers(&provider.admin);
    let create = CreateNodeServerRequest {
        config: Some(NodeServerConfig {
            name: "fra-1".into(),
            address: "fra-1.example.net".into(),
            country: "DE".into(),
            ..Default::default()
        }),
        idempotency_key: "first".into(),
    };
    let mut viewer = servers(&provider.viewer);
    let refused = viewer.create_node_server(create.clone()).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let created = admin.create_node_server(create).await?.into_inner();
    let server = created.node_server.unwrap();
    beat(provider, &created.token).await?;

    let update = UpdateNodeServerRequest {
        id: server.id,
        etag: server.etag,
        config: Some(NodeServerConfig {
            location: "Frankfurt".into(),
            ..Default::default()
        }),
        update_mask: Some(mask("location")),
    };
    let updated = admin.update_node_server(update).await?.into_inner();
    assert_eq!(updated.node_server.unwrap().config.unwrap().name, "fra-1");
    for enabled in [true, false] {
        let maintenance = SetMaintenanceRequest {
            id: server.id,
            enabled,
            ..Default::default()
        };
        admin.set_maintenance(maintenance).await?;
    }
    let rotate = RotateTokenRequest {
        id: server.id,
        ..Default::default()
    };
    let rotated = admin.rotate_token(rotate).await?.into_inner();
    beat(provider, &rotated.token).await?;

    let list = ListNodeServersRequest::default();
    let listed = viewer.list_node_servers(list).await?;
    let listed = listed.into_inner();
    assert_eq!(listed.total, 1);
    assert_eq!(listed.node_servers[0].status(), NodeStatus::Online);
    let show = ShowNodeServerRequest { id: server.id };
    let shown = servers(&provider.support).show_node_server(show).await?;
    let performance = shown.into_inner().performance.unwrap();
    assert_eq!(performance.sessions, 12);
    Ok((server.id, rotated.token))
}

async fn beat(provider: &Provider, token: &str) -> Result<()> {
    let heartbeat = HeartbeatRequest {
        agent_version: "1.0.0".into(),
        protocol_version: 1,
        boot_id: "8c9c3c1e-7a0e-4a52-9be0-0d3a5c0b9a11".into(),
        sessions: 12,
        clock: Some(std::time::SystemTime::now().into()),
        access_version: 0,
        ..Default::default()
    };
    let mut agent = NodeAgentClient::new(provider.door.with(token)?);
    agent.heartbeat(heartbeat).await?;
    Ok(())
}

/// The node tells what a subscriber used, and is answered the same when it repeats itself.
pub(super) async fn report(provider: &Provider, network: &Network, user: &str) -> Result<()> {
    let row = UsageRow {
        user_id: user.to_owned(),
        node_client_id: network.client,
        used_at: Some(std::time::SystemTime::now().into()),
        upload_bytes: 1_000,
        download_bytes: 20_000,
    };
    let report = ReportUsageRequest {
        boot_id: "8c9c3c1e-7a0e-4a52-9be0-0d3a5c0b9a11".into(),
        seq: 1,
        rows: vec![row],
    };
    let mut agent = NodeAgentClient::new(provider.door.with(&network.token)?);
    for replayed in [false, true] {
        let taken = agent.report_usage(report.clone()).await?.into_inner();
        assert_eq!((taken.accepted, taken.replayed), (1, replayed));
    }
    let mut bad = report.clone();
    bad.seq = 2;
    bad.rows[0].upload_bytes = -1;
    let reports = [report, bad].map(|report| StreamUsageRequest {
        report: Some(report),
    });
    let mut answers = agent.stream_usage(futures::stream::iter(reports)).await?;
    for seq in 1..=2 {
        let answer = answers.get_mut().message().await?.unwrap();
        assert_eq!(answer.seq, seq);
    }
    refused(provider, network).await?;
    watched(agent, network, user).await
}

/// The node is told that the subscriber may use its node client.
async fn watched(mut agent: NodeAgentClient<Caller>, network: &Network, user: &str) -> Result<()> {
    let watch = agent.watch_access(WatchAccessRequest::default()).await?;
    let mut parts = watch.into_inner();
    let mut table = Vec::new();
    loop {
        let part = parts.message().await?.unwrap();
        table.extend(part.changes);
        if part.complete {
            break;
        }
    }
    let told: Vec<_> = table
        .iter()
        .map(|change| {
            (
                change.user_id.as_str(),
                change.node_client_id,
                change.allowed,
            )
        })
        .collect();
    assert_eq!(told, [(user, network.client, true)]);
    Ok(())
}

/// Support sees the row, which an administrator cannot take either.
async fn refused(provider: &Provider, network: &Network) -> Result<()> {
    let list = ListRefusedUsageRequest::default();
    let mut support = servers(&provider.support);
    let listed = support.list_refused_usage(list).await?.into_inner();
    let readmit = ReadmitUsageRequest {
        node_server_id: network.server,
        ids: vec![listed.refused[0].id],
    };
    let mut admin = servers(&provider.admin);
    let readmitted = admin.readmit_usage(readmit).await?.into_inner();
    assert_eq!(readmitted.still_refused.len(), 1);
    Ok(())
}

async fn node_client(provider: &Provider, server: i32) -> Result<NodeClient> {
    let mut admin = clients(&provider.admin);
    let create = CreateNodeClientRequest {
        config: Some(NodeClientConfig {
            name: "fra-1-wg".into(),
            node_server_id: server,
            protocol: "wireguard".into(),
            port: 51820,
            ..Default::default()
        }),
        ..Default::default()
    };
    let created = admin.create_node_client(create).await?.into_inner();
    let client = created.node_client.unwrap();
    let update = UpdateNodeClientRequest {
        id: client.id,
        etag: client.etag,
        config: Some(NodeClientConfig {
            display_order: 7,
            ..Default::default()
        }),
        update_mask: Some(mask("display_order")),
    };
    admin.update_node_client(update).await?;
    let half = SetFactorRequest {
        id: client.id,
        factor_millionths: 500_000,
        ..Default::default()
    };
    admin.set_factor(half).await?;

    let list = ListNodeClientsRequest {
        node_server_id: server,
        ..Default::default()
    };
    let listed = clients(&provider.viewer).list_node_clients(list).await?;
    assert_eq!(listed.into_inner().total, 1);
    let show = ShowNodeClientRequest { id: client.id };
    let shown = clients(&provider.support).show_node_client(show).await?;
    let shown = shown.into_inner().node_client.unwrap();
    assert_eq!(shown.config.as_ref().unwrap().display_order, 7);
    assert_eq!(shown.factor.unwrap().factor_millionths, 500_000);
    Ok(shown)
}

/// Removes what was set up; a node server with node clients stays until they are gone.
pub(super) async fn take_down(provider: &Provider, network: &Network) -> Result<()> {
    let remove = DeleteNodeClientRequest {
        id: network.client,
        ..Default::default()
    };
    clients(&provider.admin).delete_node_client(remove).await?;
    let remove = DeleteNodeServerRequest {
        id: network.server,
        ..Default::default()
    };
    servers(&provider.admin).delete_node_server(remove).await?;
    Ok(())
}

pub(super) fn mask(path: &str) -> FieldMask {
    FieldMask {
        paths: vec![path.to_owned()],
    }
}
