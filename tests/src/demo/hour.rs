//! An hour of traffic in a minute: agents report, the server bills, and who runs out is cut off.

#![allow(clippy::print_stdout, reason = "the demo's live lines")]

use std::collections::{HashMap, HashSet};
use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result, ensure};
use rand::Rng as _;
use telecom_node_agent::access::Decision;
use telecom_node_agent::event::Event;
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::agent::NodeAgent;
use super::chart::{Ink, bar, bytes, colours, ink};
use super::command::ServerCommand;
use super::offers;
use super::shop::Shop;
use super::table::columns;
use super::traffic::{Heavy, Light, MINUTES, SMALL, Way, row};

/// Between one billing and the next.
const BILL_EVERY: Duration = Duration::from_millis(500);
/// How long somebody who has run out may go on, before the demo gives up.
const PATIENCE: Duration = Duration::from_mins(1);

/// A change that an agent has heard of.
struct Heard {
    way: usize,
    user: Uuid,
    decision: Decision,
    at: Instant,
}

/// The hour.
pub struct Hour<'a> {
    agents: &'a [NodeAgent],
    ways: Vec<Way>,
    heavy: Vec<Heavy>,
    light: Vec<Light>,
    heard: mpsc::UnboundedReceiver<Heard>,
    _listeners: Vec<JoinHandle<()>>,
    begun: Instant,
    /// When the hour begins, as it is told.
    first: SystemTime,
    /// Bytes through each node.
    carried: Vec<u64>,
    /// What each heavy subscriber has used, as it counts.
    used: Vec<u64>,
    /// When that was all that they had.
    ran_out: HashMap<Uuid, Instant>,
    cut_off: Vec<Uuid>,
    others: HashSet<Uuid>,
}

impl<'a> Hour<'a> {
    /// Everybody is ready to begin. There is a way for each agent, in the same order. The hour is the past one,
    /// or what there is of it since `opened`.
    pub fn new(
        agents: &'a [NodeAgent],
        ways: Vec<Way>,
        heavy: Vec<Heavy>,
        light: Vec<Light>,
        opened: Option<SystemTime>,
    ) -> Self {
        let hour = SystemTime::now() - Duration::from_mins(u64::from(MINUTES));
        let opened = opened.map_or(hour, |opened| opened + Duration::from_secs(1));
        let (tell, heard) = mpsc::unbounded_channel();
        let listen = |(way, agent): (usize, &NodeAgent)| {
            tokio::spawn(listen(way, agent.agent.events(), tell.clone()))
        };
        Self {
            _listeners: agents.iter().enumerate().map(listen).collect(),
            agents,
            carried: vec![0; ways.len()],
            used: vec![0; heavy.len()],
            ways,
            heavy,
            light,
            heard,
            begun: Instant::now(),
            first: hour.max(opened),
            ran_out: HashMap::new(),
            cut_off: Vec::new(),
            others: HashSet::new(),
        }
    }

    /// Reports minute by minute, and says who is cut off; gives those who were.
    pub async fn run(&mut self, server: &ServerCommand) -> Result<Vec<Uuid>> {
        let server = server.clone();
        let bill = tokio::spawn(async move {
            loop {
                server.bill().await?;
                tokio::time::sleep(BILL_EVERY).await;
            }
        });
        let ended = self.traffic(&bill).await;
        bill.abort();
        if let Ok(Err(error)) = bill.await {
            let error: anyhow::Error = error;
            return Err(error.context("billing"));
        }
        ended?;
        Ok(std::mem::take(&mut self.cut_off))
    }

    async fn traffic(&mut self, bill: &JoinHandle<Result<()>>) -> Result<()> {
        self.begun = Instant::now();
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        for minute in 0..MINUTES {
            ticks.tick().await;
            ensure!(!bill.is_finished(), "billing has ended");
            self.minute(minute).await?;
            self.look(minute);
        }
        while self.cut_off.len() < self.ran_out.len() {
            ensure!(!bill.is_finished(), "billing has ended");
            let since = self.ran_out.values().max().copied();
            let waited = since.map_or(Duration::ZERO, |since| since.elapsed());
            ensure!(waited < PATIENCE, "somebody who has run out is not cut off");
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.look(MINUTES);
        }
        clear_line();
        Ok(())
    }

    /// What goes through each node in a minute: of those alone whom its agent lets in.
    async fn minute(&mut self, minute: u32) -> Result<()> {
        let now = SystemTime::now();
        let past = now.duration_since(self.first).unwrap_or_default();
        let then = now - past.mul_f64(f64::from(MINUTES - minute) / f64::from(MINUTES));
        let mut reports = vec![Vec::new(); self.agents.len()];
        for light in &self.light {
            let places = (0..self.ways.len()).map(|n| (light.number + n) % self.ways.len());
            let may = |way: &usize| {
                let key = (light.id, self.ways[*way].client);
                self.agents[*way].agent.decide(key).allowed
            };
            if let Some(way) = { places }.find(may) {
                let bytes = rand::rng().random_range(light.minute / 2..light.minute * 3 / 2);
                self.carried[way] += bytes;
                reports[way].push(row((light.id, self.ways[way].client), then, bytes));
            }
        }
        let mut out = Vec::new();
        for (heavy, used) in self.heavy.iter().zip(&mut self.used) {
            let way = &self.ways[heavy.way];
            if self.agents[heavy.way]
                .agent
                .decide((heavy.id, way.client))
                .allowed
            {
                self.carried[heavy.way] += heavy.minute;
                *used += heavy.minute * way.factor / 1_000_000;
                // Dated now: their packages began a moment ago.
                reports[heavy.way].push(row((heavy.id, way.client), now, heavy.minute));
                if *used >= heavy.left && !self.ran_out.contains_key(&heavy.id) {
                    out.push(heavy.id);
                }
            }
        }
        for (agent, rows) in self.agents.iter().zip(reports) {
            if !rows.is_empty() {
                agent.agent.report(rows).await?;
            }
        }
        let reported = Instant::now();
        self.ran_out
            .extend(out.into_iter().map(|id| (id, reported)));
        Ok(())
    }

    /// Says what the agents have heard.
    fn look(&mut self, minute: u32) {
        while let Ok(heard) = self.heard.try_recv() {
            if heard.decision.allowed {
                continue;
            }
            let Some(heavy) = self.heavy.iter().position(|heavy| heavy.id == heard.user) else {
                self.others.insert(heard.user);
                continue;
            };
            let Some(ran_out) = self.ran_out.get(&heard.user) else {
                continue;
            };
            // The node that they use; the others hear it as well.
            if heard.way == self.heavy[heavy].way && !self.cut_off.contains(&heard.user) {
                self.cut_off.push(heard.user);
                self.say(heavy, heard.at - *ran_out, heard.at);
            }
        }
        if stdout().is_terminal() {
            let carried = bytes(self.carried.iter().sum());
            let cut_off = self.cut_off.len() + self.others.len();
            clear_line();
            print!("  minute {minute:>2} of {MINUTES} · {carried} carried · {cut_off} cut off");
            // A terminal that is gone will say so with the next line.
            let _ = stdout().flush();
        }
    }

    fn say(&self, heavy: usize, after: Duration, at: Instant) {
        let (place, heavy) = (heavy, &self.heavy[heavy]);
        let way = &self.ways[heavy.way];
        let second = (at - self.begun).as_secs();
        let used = bytes(self.used[place]);
        let left = bytes(heavy.left);
        clear_line();
        let denied = ink("denied", Ink::Bad, colours());
        println!(
            "  {second:>3} s  {}  {:<6} used {used} of {left}; {denied} {:.1} s later",
            short(heavy.id),
            way.node,
            after.as_secs_f64(),
        );
    }

    /// How many others were cut off.
    pub fn others(&self) -> usize {
        self.others.len()
    }

    /// Somebody who was cut off buys another package, and goes on.
    pub async fn top_up(
        &mut self,
        shop: &Shop,
        package: i32,
        user: Uuid,
        order: &str,
    ) -> Result<()> {
        let heavy = self.heavy.iter().find(|heavy| heavy.id == user);
        let heavy = heavy.context("nobody of this demo")?;
        let (way, agent) = (&self.ways[heavy.way], &self.agents[heavy.way].agent);
        let key = (user, way.client);
        let begun = Instant::now();
        shop.order(&user.to_string(), package, order, 1).await?;
        while !agent.decide(key).allowed {
            ensure!(begun.elapsed() < PATIENCE, "still denied with a package");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let allowed = ink("allowed", Ink::Good, colours());
        println!(
            "  {} buys another {SMALL}; {allowed} on {} {:.1} s later\n",
            short(user),
            way.node,
            begun.elapsed().as_secs_f64()
        );
        Ok(())
    }

    /// What went through each node.
    pub fn table(&self) -> String {
        let most = self.carried.iter().copied().max().unwrap_or(0);
        let cells = |(way, carried): (&Way, &u64)| {
            [
                way.node.clone(),
                bytes(*carried),
                offers::factor(way.factor),
                ink(&bar(*carried, most, 40), Ink::Bar, colours()),
            ]
        };
        let rows: Vec<_> = self.ways.iter().zip(&self.carried).map(cells).collect();
        columns(
            ["NODE", "CARRIED", "COUNTS", ""],
            [false, true, true, false],
            &rows,
        )
    }
}

/// Passes on what one agent says of access.
async fn listen(
    way: usize,
    mut events: broadcast::Receiver<Event>,
    tell: mpsc::UnboundedSender<Heard>,
) {
    loop {
        let (user, decision) = match events.recv().await {
            Ok(Event::Access {
                user_id, decision, ..
            }) => (user_id, decision),
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
            Err(broadcast::error::RecvError::Closed) => return,
        };
        let at = Instant::now();
        // Nobody wants to know any more.
        let _ = tell.send(Heard {
            way,
            user,
            decision,
            at,
        });
    }
}

/// The end of an id, by which people of the demo differ.
pub fn short(user: Uuid) -> String {
    let text = user.to_string();
    format!("…{}", &text[text.len() - 6..])
}

fn clear_line() {
    if stdout().is_terminal() {
        print!("\r\x1b[K");
    }
}
