//! The administrator's side of the demo: registers the nodes and reads how they are.

use std::collections::HashMap;

use anyhow::{Context, Result};
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use telecom_proto::v1::{
    CreateNodeServerRequest, ListNodeServersRequest, NodeServer, NodeServerConfig,
    RotateTokenRequest, ShowNodeServerRequest, ShowNodeServerResponse,
};
use tonic::transport::Channel;

use crate::telecom::with_token;

/// The most rows a page may have.
const PAGE: u32 = 500;

/// A registered node and the token its agent speaks with.
#[derive(Clone)]
pub struct Registered {
    /// Number of the node server.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Its uplink.
    pub bandwidth_bps: u64,
    /// Sessions it may carry.
    pub max_sessions: u32,
    /// A secret, hence no derived Debug.
    pub token: String,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.id)
    }
}

/// The administrator at the server.
#[derive(Clone)]
pub struct Administrator {
    client: NodeServerManageClient<Channel>,
    token: String,
}

impl Administrator {
    /// Speaks over `channel` with the administrator's token.
    pub fn new(channel: Channel, token: String) -> Self {
        Self {
            client: NodeServerManageClient::new(channel),
            token,
        }
    }

    /// Registers what is not there yet and gives every node a token that works; says how many were
    /// new. A token is shown once, so a node from an earlier run gets another one.
    pub async fn register(
        &mut self,
        nodes: Vec<NodeServerConfig>,
    ) -> Result<(Vec<Registered>, usize)> {
        let known: HashMap<String, i32> = self
            .list()
            .await?
            .into_iter()
            .filter_map(|node| Some((node.config?.name, node.id)))
            .collect();
        let mut registered = Vec::new();
        let mut new = 0;
        for node in nodes {
            let (id, token) = if let Some(&id) = known.get(&node.name) {
                (id, self.another_token(id).await?)
            } else {
                new += 1;
                self.create(node.clone()).await?
            };
            registered.push(Registered {
                id,
                name: node.name,
                bandwidth_bps: node.bandwidth_bps,
                max_sessions: node.max_sessions,
                token,
            });
        }
        Ok((registered, new))
    }

    /// Every node server there is.
    pub async fn list(&mut self) -> Result<Vec<NodeServer>> {
        let mut all = Vec::new();
        loop {
            let request = ListNodeServersRequest {
                limit: PAGE,
                offset: u32::try_from(all.len())?,
                ..Default::default()
            };
            let request = with_token(request, &self.token)?;
            let reply = self.client.list_node_servers(request).await;
            let page = reply.context("listing node servers")?.into_inner();
            let last = page.node_servers.is_empty();
            all.extend(page.node_servers);
            if last || all.len() as u64 >= page.total {
                return Ok(all);
            }
        }
    }

    /// One node server with its last figures.
    pub async fn show(&mut self, id: i32) -> Result<ShowNodeServerResponse> {
        let request = with_token(ShowNodeServerRequest { id }, &self.token)?;
        let reply = self.client.show_node_server(request).await;
        Ok(reply
            .with_context(|| format!("showing node server {id}"))?
            .into_inner())
    }

    async fn create(&mut self, node: NodeServerConfig) -> Result<(i32, String)> {
        let name = node.name.clone();
        let request = CreateNodeServerRequest {
            config: Some(node),
            ..Default::default()
        };
        let request = with_token(request, &self.token)?;
        let reply = self.client.create_node_server(request).await;
        let reply = reply
            .with_context(|| format!("registering {name}"))?
            .into_inner();
        let id = reply
            .node_server
            .context("the reply has no node server")?
            .id;
        Ok((id, reply.token))
    }

    async fn another_token(&mut self, id: i32) -> Result<String> {
        let request = RotateTokenRequest {
            id,
            grace_period: Some(prost_types::Duration::default()),
            ..Default::default()
        };
        let request = with_token(request, &self.token)?;
        let reply = self.client.rotate_token(request).await;
        Ok(reply
            .with_context(|| format!("a new token for node server {id}"))?
            .into_inner()
            .token)
    }
}
