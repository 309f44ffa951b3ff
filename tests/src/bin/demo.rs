//! `make demo`: twenty nodes, five hundred subscribers, an hour of their traffic in a minute, who runs out and is
//! cut off, what a subscriber sees of it, and a node that goes offline.

#![allow(clippy::print_stdout, reason = "its output is what a demo is for")]

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use telecom_node_agent::heartbeat::Beats;
use telecom_proto::v1::NodeStatus;
use telecom_tests::demo::agent::{Folder, NodeAgent};
use telecom_tests::demo::app::App;
use telecom_tests::demo::command::ServerCommand;
use telecom_tests::demo::hour::{self, Hour};
use telecom_tests::demo::registry::{Administrator, Registered};
use telecom_tests::demo::road::Road;
use telecom_tests::demo::shop::{self, Shop};
use telecom_tests::demo::{catalogue, chart, offers, table, traffic};
use tokio::time::sleep;
use uuid::Uuid;

/// Twenty nodes with their agents, packages, five hundred subscribers; an hour of traffic in a minute, in which
/// some run out and are cut off; one node falls silent and goes offline.
#[derive(Debug, Parser)]
struct Arguments {
    /// A server outside of any cluster: 127.0.0.1:50051.
    #[arg(long, env = "DEMO_GRPC", requires = "token")]
    grpc: Option<SocketAddr>,
    /// An administrator's token for it, such as `telecom-server token --role admin` prints.
    #[arg(long, env = "DEMO_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How `telecom-server` is called for such a server, with its environment: to bill, and for the ledger.
    /// Without it there is no traffic.
    #[arg(long, env = "DEMO_SERVER_COMMAND", requires = "grpc")]
    server_command: Option<String>,
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
/// The subscriber over whose shoulder it looks.
const LOOKED_AT: u128 = 1;
/// How many of their nodes it shows.
const SHOWN: usize = 6;

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

    let folder = Folder::new();
    let start = |node: &Registered| {
        NodeAgent::start(road.channel.clone(), node.clone(), HEARTBEAT, &folder.0)
    };
    let mut agents = nodes.iter().map(start).collect::<Result<Vec<_>>>()?;
    println!(
        "  {} agents send a heartbeat every {} s\n",
        agents.len(),
        HEARTBEAT.as_secs()
    );
    all_online(&mut admin, &nodes).await?;
    print_table(&mut admin, &nodes).await?;

    let shop = Shop::new(road.channel.clone(), road.token.clone());
    open_shop(&shop, &nodes).await?;

    let silent = agents.iter().position(|agent| agent.node.name == SILENT);
    let stopped = agents.remove(silent.context("the silent node is not in the catalogue")?);
    let silent = stopped.node.clone();
    drop(stopped);
    let silence = Instant::now();
    let timeout = beats(&agents).2 * 3;
    println!(
        "  The agent of {} is stopped; after {} s of silence a node counts as offline.\n",
        silent.name,
        timeout.as_secs()
    );
    let server = match (&road.cluster, &arguments.server_command) {
        (Some((namespace, name)), _) => Some(ServerCommand::in_cluster(namespace, name)),
        (None, Some(words)) => Some(ServerCommand::program(words)),
        (None, None) => None,
    };
    match server {
        Some(server) => traffic(&road, &shop, &agents, &server).await?,
        None => println!("  No traffic: DEMO_SERVER_COMMAND says how to bill it.\n"),
    }
    goes_offline(&mut admin, &silent, silence, timeout).await?;
    let (taken, failed, _) = beats(&agents);
    println!("  {taken} heartbeats taken, {failed} failed\n");
    ensure!(failed == 0, "some heartbeats were not taken, see above");
    look_next(&road);
    if arguments.keep {
        println!("  {} agents go on until Ctrl-C.", agents.len());
        tokio::signal::ctrl_c().await?;
    }
    Ok(())
}

/// Heartbeats taken and failed, and how often the server wants one.
fn beats(agents: &[NodeAgent]) -> (u64, u64, Duration) {
    let sum = |of: fn(&Beats) -> &AtomicU64| -> u64 {
        let each = agents.iter().map(|agent| of(agent.agent.beats()));
        each.map(|count| count.load(Ordering::Relaxed)).sum()
    };
    let wanted = agents.first().map_or(0, |agent| {
        agent.agent.beats().wanted_every_ms.load(Ordering::Relaxed)
    });
    (
        sum(|beats| &beats.taken),
        sum(|beats| &beats.failed),
        Duration::from_millis(wanted),
    )
}

/// Packages on sale, subscribers, their orders, and what one of them sees.
async fn open_shop(shop: &Shop, nodes: &[Registered]) -> Result<()> {
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
    Ok(())
}

/// An hour of traffic, who is cut off, and what one subscriber sees.
async fn traffic(
    road: &Road,
    shop: &Shop,
    agents: &[NodeAgent],
    server: &ServerCommand,
) -> Result<()> {
    let ways = shop.ways(agents).await?;
    let packages = shop.packages().await?;
    let run = format!("demo-{}", uuid::Uuid::new_v4());
    let heavy = traffic::heavy(shop, &packages, &ways, &run).await?;
    let light = traffic::light(&heavy, &mut rand::rng());

    let user: Uuid = shop::subscriber(LOOKED_AT).parse()?;
    let app = App::new(
        road.channel.clone(),
        road.token.clone(),
        user,
        shop::zone(LOOKED_AT),
    );
    for (way, agent) in ways.iter().zip(agents).take(5).step_by(2) {
        let rows = app.past(&[way.client]).await?;
        if !rows.is_empty() {
            agent.agent.report(rows).await?;
        }
    }

    println!(
        "  An hour of traffic in a minute. {} subscribers have no more than one {}, and use it up:\n",
        heavy.len(),
        traffic::SMALL
    );
    // Who used a node before they had a package is not charged for it: traffic begins when the shop was open.
    let last = shop::subscriber(shop::SUBSCRIBERS - 1);
    let opened = shop
        .active(&last)
        .await?
        .and_then(|package| package.active_from);
    let opened = opened.and_then(|opened| SystemTime::try_from(opened).ok());
    let mut hour = Hour::new(agents, ways, heavy, light, opened);
    let cut_off = hour.run(server).await?;
    println!(
        "\n  {} were cut off, and {} others\n",
        cut_off.len(),
        hour.others()
    );
    let first = cut_off.first().context("nobody was cut off")?;
    let (_, small) = traffic::small(&packages)?;
    hour.top_up(shop, small, *first, &format!("{run}-more"))
        .await?;
    println!("{}", hour.table());

    while server.bill().await? > 0 {}
    let ledger = loop {
        let ledger = server.check_ledger().await?;
        if ledger["in_flight"] == 0 && ledger["unbilled"] == 0 {
            break ledger;
        }
        sleep(Duration::from_millis(500)).await;
    };
    println!(
        "  What the app of subscriber {} shows:\n",
        hour::short(user)
    );
    let nodes = shop.nodes_of(&user.to_string()).await?;
    println!("{}", offers::nodes(&nodes[..nodes.len().min(SHOWN)]));
    if nodes.len() > SHOWN {
        println!("  and {} more nodes\n", nodes.len() - SHOWN);
    }
    println!("{}{}", app.charts().await?, app.nodes().await?);
    println!("{}", app.charged().await?);
    println!(
        "  telecom-server check-ledger: it holds\n{}",
        accounts(&ledger)
    );
    Ok(())
}

/// The terms of the ledger.
fn accounts(ledger: &serde_json::Value) -> String {
    let terms = [
        ("raw", "went through the nodes"),
        ("billed", "was billed of it, by what it counts"),
        ("charged", "within a quota"),
        ("overage", "beyond it"),
        ("uncounted", "that the quota is not for"),
        ("unassigned", "without a package at that time"),
    ];
    let rows: Vec<_> = terms
        .iter()
        .map(|(term, text)| {
            let sum = ledger[*term].as_u64().unwrap_or(0);
            [(*term).to_owned(), chart::bytes(sum), (*text).to_owned()]
        })
        .collect();
    table::columns(["TERM", "BYTES", ""], [false, true, false], &rows)
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
    begun: Instant,
    timeout: Duration,
) -> Result<()> {
    let timeout = timeout.as_secs_f64().round();
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
