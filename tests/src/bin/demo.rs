//! `make demo`: registers twenty nodes, sends their heartbeats, and shows one going offline.

#![allow(clippy::print_stdout, reason = "its output is what a demo is for")]

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use telecom_proto::v1::NodeStatus;
use telecom_tests::demo::agent::{Agent, Sent};
use telecom_tests::demo::catalogue;
use telecom_tests::demo::registry::{Administrator, Registered};
use telecom_tests::demo::road::Road;
use telecom_tests::demo::shop::{self, Shop};
use telecom_tests::demo::{offers, table};
use tokio::time::sleep;

/// Twenty nodes with heartbeats, packages, five hundred subscribers with their queues; one node is
/// stopped and goes offline.
#[derive(Debug, Parser)]
struct Arguments {
    /// A server outside of any cluster: 127.0.0.1:50051.
    #[arg(long, env = "DEMO_GRPC", requires = "token")]
    grpc: Option<SocketAddr>,
    /// An administrator's token for it, such as `telecom-server token --role admin` prints.
    #[arg(long, env = "DEMO_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Namespace of the `TelecomCluster`, when the server runs in the cluster of `make up`.
    #[arg(long, env = "DEMO_NAMESPACE", default_value = "default")]
    namespace: String,
    /// Its name.
    #[arg(long, env = "DEMO_CLUSTER", default_value = "demo")]
    cluster: String,
    /// Leave the agents running at the end, until Ctrl-C.
    #[arg(long, env = "DEMO_KEEP")]
    keep: bool,
}

/// The pace of the agents, well under the server's offline timeout.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// The node that falls silent.
const SILENT: &str = "sin-1";

#[tokio::main]
async fn main() -> Result<()> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::WARN)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let road = match (arguments.grpc, arguments.token.clone()) {
        (Some(address), Some(token)) => Road::direct(address, token).await?,
        _ => Road::through_cluster(&arguments.namespace, &arguments.cluster).await?,
    };
    println!("\n{}\n", road.place);

    let mut admin = Administrator::new(road.channel.clone(), road.token.clone());
    let (nodes, new) = admin.register(catalogue::node_servers()).await?;
    println!(
        "  {} node servers: {new} registered, {} were there",
        nodes.len(),
        nodes.len() - new
    );

    let sent = Arc::new(Sent::default());
    let start = |node: &Registered| {
        Agent::start(
            road.channel.clone(),
            node.clone(),
            HEARTBEAT,
            Arc::clone(&sent),
        )
    };
    let mut agents: Vec<Agent> = nodes.iter().map(start).collect();
    println!(
        "  {} agents send a heartbeat every {} s\n",
        agents.len(),
        HEARTBEAT.as_secs()
    );
    all_online(&mut admin, &nodes).await?;
    print_table(&mut admin, &nodes).await?;

    open_shop(&road, &nodes).await?;

    let silent = agents.iter().position(|agent| agent.node.name == SILENT);
    let silent = agents
        .remove(silent.context("the silent node is not in the catalogue")?)
        .stop();
    goes_offline(&mut admin, &silent, sent.offline_timeout()).await?;
    print_table(&mut admin, &nodes).await?;
    println!(
        "  {} heartbeats taken, {} failed\n",
        sent.taken.load(Ordering::Relaxed),
        sent.failed.load(Ordering::Relaxed)
    );
    ensure!(
        sent.failed.load(Ordering::Relaxed) == 0,
        "some heartbeats were not taken, see above"
    );
    look_next(&road);
    if arguments.keep {
        println!("  {} agents go on until Ctrl-C.", agents.len());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

/// Packages on sale, subscribers, their orders, and what one of them sees.
async fn open_shop(road: &Road, nodes: &[Registered]) -> Result<()> {
    let shop = Shop::new(road.channel.clone(), road.token.clone());
    let classes: Vec<_> = catalogue::node_servers()
        .into_iter()
        .map(|node| node.route_class)
        .collect();
    let by_node = nodes.iter().map(|node| node.id).zip(classes.clone());
    let clients = shop.open_nodes(nodes, &classes).await?;
    let packages = shop.stock(&by_node.collect()).await?;
    println!(
        "  {} node clients ({} new), {} packages ({} new)\n",
        clients.all, clients.new, packages.all, packages.new
    );
    let (series, packages) = (shop.series().await?, shop.packages().await?);
    println!("{}", offers::packages(&series, &packages));

    let begun = Instant::now();
    let (subscribers, orders) = (shop.subscribers().await?, shop.orders(&packages).await?);
    let took = begun.elapsed().as_secs_f64();
    println!(
        "  {} subscribers ({} new) and {} orders ({} new) in {took:.1} s; {} are registered\n",
        subscribers.all,
        subscribers.new,
        orders.all,
        orders.new,
        shop.registered().await?
    );
    println!("{}", offers::queues(&series, &shop.queued().await?));

    let user = shop::subscriber(1);
    println!("  What the app of subscriber {user} shows:\n");
    println!("{}", offers::nodes(&shop.nodes_of(&user).await?));
    Ok(())
}

/// Waits until each node has been seen.
async fn all_online(admin: &mut Administrator, nodes: &[Registered]) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let list = admin.list().await?;
        let online = list
            .iter()
            .filter(|node| node.status() == NodeStatus::Online)
            .filter(|node| nodes.iter().any(|ours| ours.id == node.id))
            .count();
        if online == nodes.len() {
            return Ok(());
        }
        ensure!(
            Instant::now() < deadline,
            "only {online} of {} nodes are online",
            nodes.len()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

async fn print_table(admin: &mut Administrator, nodes: &[Registered]) -> Result<()> {
    let mut shown = Vec::new();
    for node in nodes {
        shown.push(admin.show(node.id).await?);
    }
    println!("{}", table::render(&shown, SystemTime::now()));
    Ok(())
}

/// Waits for the server's verdict on a node that has just fallen silent.
async fn goes_offline(
    admin: &mut Administrator,
    node: &Registered,
    timeout: Duration,
) -> Result<()> {
    let timeout = timeout.as_secs_f64().round();
    println!(
        "  The agent of {} is stopped. Silent for {timeout} s, a node counts as offline.",
        node.name
    );
    let begun = Instant::now();
    let patience = Duration::from_secs_f64(timeout) + Duration::from_mins(1);
    let mut said = 0;
    loop {
        let silent = begun.elapsed().as_secs();
        let shown = admin.show(node.id).await?;
        let status = shown
            .node_server
            .context("the reply has no node server")?
            .status();
        if status == NodeStatus::Offline {
            println!(
                "{}  {} is offline after {silent} s of silence.\n",
                line_start(),
                node.name
            );
            return Ok(());
        }
        ensure!(
            begun.elapsed() < patience,
            "{} is still {}",
            node.name,
            table::status(status)
        );
        let left = (timeout - begun.elapsed().as_secs_f64()).max(0.0);
        let line = format!(
            "  {} is {}; {left:.0} s to go",
            node.name,
            table::status(status)
        );
        if stdout().is_terminal() {
            print!("{}{line}", line_start());
            stdout().flush()?;
        } else if silent >= said + 15 {
            said = silent;
            println!("{line}");
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Over the line before, on a terminal.
fn line_start() -> &'static str {
    if stdout().is_terminal() {
        "\r\x1b[K"
    } else {
        ""
    }
}

fn look_next(road: &Road) {
    println!("  Look next at:");
    if let Some((namespace, name)) = &road.cluster {
        println!("    export KUBECONFIG=$PWD/.cluster/kubeconfig PATH=$PWD/.cluster/bin:$PATH");
        println!("    kubectl -n {namespace} get telecomcluster {name}");
        println!(
            "    kubectl get --raw /api/v1/namespaces/{namespace}/services/{name}-server:http/proxy/metrics | grep telecom_node"
        );
    } else {
        println!(
            "    the server's /metrics on its HTTP port: telecom_nodes, telecom_node_heartbeat_age_seconds"
        );
    }
    println!("    DEMO_KEEP=true make demo    keeps the agents running\n");
}
