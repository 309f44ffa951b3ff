//! The provider's shop at the server: puts the catalogue there, registers subscribers, takes orders.
//! What an earlier run has done is found again.

use std::collections::HashMap;

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use telecom_proto::v1::node_client_manage_client::NodeClientManageClient;
use telecom_proto::v1::package_manage_client::PackageManageClient;
use telecom_proto::v1::package_queue_manage_client::PackageQueueManageClient;
use telecom_proto::v1::telecom_client::TelecomClient;
use telecom_proto::v1::user_manage_client::UserManageClient;
use telecom_proto::v1::{
    CountQueuedPackagesRequest, CreateNodeClientRequest, CreatePackageRequest,
    CreatePackageSeriesRequest, CreateUserRequest, EnqueueRequest, ListNodeClientsRequest,
    ListNodesRequest, ListPackageSeriesRequest, ListPackagesRequest, ListQueuedPackagesRequest,
    ListUsersRequest, Node, Package, PackageSeries, QueuedPackage, QueuedPackageCount,
    QueuedPackageStatus,
};
use tonic::transport::Channel;
use tonic::{Code, Response, Status};
use uuid::Uuid;

use super::agent::NodeAgent;
use super::registry::Registered;
use super::traffic::Way;
use super::{catalogue, market};
use crate::telecom::with_token;

/// Subscribers of the demo.
pub const SUBSCRIBERS: u128 = 500;
/// Their ids count up from here, so that each run means the same people.
const FIRST: Uuid = Uuid::from_u128(0x0190_f3a1_0000_7000_8000_0000_0000_0000);
/// Where they live, in turn.
const ZONES: [&str; 5] = [
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "UTC",
];
/// Calls at a time.
const AT_ONCE: usize = 16;
const PAGE: u32 = 500;

/// The shop.
#[derive(Clone)]
pub struct Shop {
    channel: Channel,
    token: String,
}

/// How many there are, and how many of them this run has made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Made {
    /// All.
    pub all: usize,
    /// By this run.
    pub new: usize,
}

/// The id of a subscriber.
pub fn subscriber(number: u128) -> String {
    Uuid::from_u128(FIRST.as_u128() + number).to_string()
}

/// Where a subscriber lives.
pub fn zone(number: u128) -> &'static str {
    ZONES[usize::try_from(number).unwrap_or_default() % ZONES.len()]
}

/// Whether this call has made it, or it was there.
fn made<T>(result: Result<Response<T>, Status>) -> Result<bool, Status> {
    match result {
        Ok(_) => Ok(true),
        Err(status) if status.code() == Code::AlreadyExists => Ok(false),
        Err(status) => Err(status),
    }
}

impl Shop {
    /// Speaks over `channel` with an administrator's token.
    pub fn new(channel: Channel, token: String) -> Self {
        Self { channel, token }
    }

    /// A node client on each node, dearer on better routes.
    pub async fn open_nodes(&self, nodes: &[Registered], classes: &[String]) -> Result<Made> {
        let mut client = NodeClientManageClient::new(self.channel.clone());
        let mut counted = Made::default();
        for (config, class) in market::node_clients(nodes).into_iter().zip(classes) {
            let request = CreateNodeClientRequest {
                config: Some(config),
                factor_millionths: Some(market::factor(class)),
                ..Default::default()
            };
            let created = client
                .create_node_client(with_token(request, &self.token)?)
                .await;
            counted.all += 1;
            counted.new += usize::from(made(created).context("adding a node client")?);
        }
        Ok(counted)
    }

    /// The series and their packages.
    pub async fn stock(&self, classes: &HashMap<i32, String>) -> Result<Made> {
        let mut client = PackageManageClient::new(self.channel.clone());
        let clients = self.node_clients(classes).await?;
        let mut counted = Made::default();
        for config in market::series(&clients) {
            let request = CreatePackageSeriesRequest {
                config: Some(config),
                ..Default::default()
            };
            let request = with_token(request, &self.token)?;
            made(client.create_package_series(request).await).context("making a series")?;
        }
        let series: HashMap<_, _> = self.series().await?.into_iter().filter_map(named).collect();
        for (name, config) in market::packages() {
            let series_id = *series.get(name).context("a series is not there")?;
            let config = Some(telecom_proto::v1::PackageConfig {
                series_id,
                ..config
            });
            let request = CreatePackageRequest {
                config,
                ..Default::default()
            };
            let created = client
                .create_package(with_token(request, &self.token)?)
                .await;
            counted.all += 1;
            counted.new += usize::from(made(created).context("making a package")?);
        }
        Ok(counted)
    }

    /// Number and class of route of each node client, which is its node server's.
    async fn node_clients(&self, classes: &HashMap<i32, String>) -> Result<Vec<(i32, String)>> {
        let clients = self.clients().await?.into_iter();
        let class = |(id, node)| Some((id, classes.get(&node)?.clone()));
        Ok(clients.filter_map(class).collect())
    }

    /// Each node client and its node server.
    async fn clients(&self) -> Result<Vec<(i32, i32)>> {
        let mut client = NodeClientManageClient::new(self.channel.clone());
        let request = ListNodeClientsRequest {
            limit: PAGE,
            ..Default::default()
        };
        let reply = client
            .list_node_clients(with_token(request, &self.token)?)
            .await;
        let clients = reply
            .context("listing node clients")?
            .into_inner()
            .node_clients;
        let found = clients.into_iter();
        let found = found.filter_map(|client| Some((client.id, client.config?.node_server_id)));
        Ok(found.collect())
    }

    /// How traffic goes through each of these nodes, which have one node client each.
    pub async fn ways(&self, agents: &[NodeAgent]) -> Result<Vec<Way>> {
        let clients: HashMap<_, _> = self
            .clients()
            .await?
            .into_iter()
            .map(|(id, node)| (node, id))
            .collect();
        let classes: HashMap<_, _> = catalogue::node_servers()
            .into_iter()
            .map(|node| (node.name, node.route_class))
            .collect();
        let way = |agent: &NodeAgent| {
            let name = agent.node.name.clone();
            let client = clients.get(&agent.node.id);
            Ok(Way {
                client: *client.with_context(|| format!("{name} has no node client"))?,
                factor: market::factor(classes.get(&name).map_or("", String::as_str)),
                node: name,
            })
        };
        agents.iter().map(way).collect()
    }

    /// All series that are on sale.
    pub async fn series(&self) -> Result<Vec<PackageSeries>> {
        let mut client = PackageManageClient::new(self.channel.clone());
        let request = ListPackageSeriesRequest {
            limit: PAGE,
            ..Default::default()
        };
        let reply = client
            .list_package_series(with_token(request, &self.token)?)
            .await;
        Ok(reply.context("listing series")?.into_inner().series)
    }

    /// All packages that are on sale.
    pub async fn packages(&self) -> Result<Vec<Package>> {
        let mut client = PackageManageClient::new(self.channel.clone());
        let request = ListPackagesRequest {
            limit: PAGE,
            ..Default::default()
        };
        let reply = client
            .list_packages(with_token(request, &self.token)?)
            .await;
        Ok(reply.context("listing packages")?.into_inner().packages)
    }

    /// Registers the subscribers.
    pub async fn subscribers(&self) -> Result<Made> {
        let register =
            |number: u128| async move { self.register(&subscriber(number), zone(number)).await };
        self.each(stream::iter(0..SUBSCRIBERS).map(register)).await
    }

    /// Registers a subscriber; whether that was new.
    pub async fn register(&self, id: &str, time_zone: &str) -> Result<bool> {
        let request = CreateUserRequest {
            id: id.to_owned(),
            time_zone: time_zone.to_owned(),
            ..Default::default()
        };
        let mut client = UserManageClient::new(self.channel.clone());
        let created = client.create_user(with_token(request, &self.token)?).await;
        made(created).context("registering a subscriber")
    }

    /// Takes an order; whether it was new.
    pub async fn order(&self, user: &str, package: i32, order: &str, line: u32) -> Result<bool> {
        let request = EnqueueRequest {
            user_id: user.to_owned(),
            package_id: package,
            order_id: order.to_owned(),
            line,
            priority: 0,
        };
        let mut client = PackageQueueManageClient::new(self.channel.clone());
        let queued = client.enqueue(with_token(request, &self.token)?).await;
        made(queued).context("taking an order")
    }

    /// Takes one to three orders of each subscriber.
    pub async fn orders(&self, packages: &[Package]) -> Result<Made> {
        let orders = (0..SUBSCRIBERS).flat_map(|number| (0..=number % 3).map(move |n| (number, n)));
        let enqueue = |(number, n): (u128, u128)| async move {
            let at = usize::try_from(number + n).unwrap_or_default() % packages.len();
            let (user, order) = (subscriber(number), format!("demo-{number}"));
            let line = u32::try_from(n)?;
            self.order(&user, packages[at].id, &order, line).await
        };
        self.each(stream::iter(orders).map(enqueue)).await
    }

    /// Some calls at a time, and how many of them made something.
    async fn each(
        &self,
        calls: impl futures::Stream<Item = impl Future<Output = Result<bool>>>,
    ) -> Result<Made> {
        let count = |counted: Made, new| async move {
            Ok(Made {
                all: counted.all + 1,
                new: counted.new + usize::from(new),
            })
        };
        calls
            .buffer_unordered(AT_ONCE)
            .try_fold(Made::default(), count)
            .await
    }

    /// How many packages are in queues, by series and status.
    pub async fn queued(&self) -> Result<Vec<QueuedPackageCount>> {
        let mut client = PackageQueueManageClient::new(self.channel.clone());
        let request = with_token(CountQueuedPackagesRequest::default(), &self.token)?;
        let reply = client.count_queued_packages(request).await;
        Ok(reply
            .context("counting queued packages")?
            .into_inner()
            .counts)
    }

    /// The package that a subscriber uses now.
    pub async fn active(&self, user: &str) -> Result<Option<QueuedPackage>> {
        let mut client = PackageQueueManageClient::new(self.channel.clone());
        let request = ListQueuedPackagesRequest {
            user_id: user.to_owned(),
            status: QueuedPackageStatus::Active.into(),
            ..Default::default()
        };
        let reply = client
            .list_queued_packages(with_token(request, &self.token)?)
            .await;
        let packages = reply.context("listing a queue")?.into_inner();
        Ok(packages.queued_packages.into_iter().next())
    }

    /// How many subscribers there are.
    pub async fn registered(&self) -> Result<u64> {
        let mut client = UserManageClient::new(self.channel.clone());
        let request = ListUsersRequest {
            limit: 1,
            ..Default::default()
        };
        let reply = client.list_users(with_token(request, &self.token)?).await;
        Ok(reply.context("listing subscribers")?.into_inner().total)
    }

    /// The nodes that a subscriber's app shows.
    pub async fn nodes_of(&self, user: &str) -> Result<Vec<Node>> {
        let mut client = TelecomClient::new(self.channel.clone());
        let request = ListNodesRequest {
            user_id: user.to_owned(),
        };
        let reply = client.list_nodes(with_token(request, &self.token)?).await;
        Ok(reply
            .context("listing a subscriber's nodes")?
            .into_inner()
            .nodes)
    }
}

fn named(series: PackageSeries) -> Option<(String, i32)> {
    Some((series.config?.name, series.id))
}
