//! What was answered with 202 is stored in the end: the spool is killed, the server replaced, the database stopped.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use rand::Rng as _;
use telecom_tests::postgres::Postgres;
use tokio::time::sleep;

use super::{Home, Spool, free_address, outage, push};
use crate::server::calls::record;
use crate::server::process::{Server, eventually};

/// PBXs that push on and on to wherever the spool is, and what was taken of it.
struct Pushers {
    to: Arc<Mutex<SocketAddr>>,
    taken: Arc<Mutex<BTreeSet<String>>>,
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Pushers {
    fn start(spool: &Spool, pause: Duration) -> Self {
        let to = Arc::new(Mutex::new(spool.http));
        let taken = Arc::new(Mutex::new(BTreeSet::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let task = |pusher: usize| {
            let (to, taken, stop) = (Arc::clone(&to), Arc::clone(&taken), Arc::clone(&stop));
            tokio::spawn(async move {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let id = format!("{pusher}-{number}");
                    let address = *to.lock().unwrap();
                    let pushed = record(&id, 0).to_string();
                    if push(address, "", &pushed).await == Some(202) {
                        taken.lock().unwrap().insert(id);
                    }
                    sleep(pause).await;
                }
            })
        };
        let tasks = (0..8).map(task).collect();
        Self {
            to,
            taken,
            stop,
            tasks,
        }
    }

    fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    async fn more(&self, count: usize) {
        let before = self.count();
        eventually("taken", || async { self.count() >= before + count }).await;
    }

    async fn end(self) -> BTreeSet<String> {
        self.stop.store(true, Ordering::Relaxed);
        join_all(self.tasks).await;
        Arc::into_inner(self.taken).unwrap().into_inner().unwrap()
    }
}

fn stored(postgres: &Postgres, server: &Server) -> BTreeSet<String> {
    let name = server.url.rsplit('/').next().unwrap();
    let ids = postgres
        .sql(name, "SELECT call_id FROM call_record")
        .unwrap();
    ids.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_spool_that_is_killed_at_any_moment_loses_nothing() {
    let server = Server::start().await;
    let (_, token) = server.pbx("killed").await;
    let home = Home::new(&token);
    let mut spool = Spool::start(&home, server.http).await;
    let pushers = Pushers::start(&spool, Duration::ZERO);
    for _ in 0..8 {
        pushers.more(20).await;
        let moment = rand::rng().random_range(0..50);
        sleep(Duration::from_millis(moment)).await;
        spool.kill().await;
        spool = Spool::start(&home, server.http).await;
        *pushers.to.lock().unwrap() = spool.http;
    }
    let acknowledged = pushers.end().await;
    spool.until_empty().await;
    let stored = stored(telecom_tests::postgres::shared(), &server);
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
}

#[tokio::test]
async fn nothing_is_lost_over_a_rollout_and_an_outage_of_the_database() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.database();
    let listen = free_address().to_string();
    let variables = [("TELECOM__HTTP__LISTEN", listen.as_str())];
    let mut server = Server::launch(&url, &variables, &["serve", "--migrate"]).await;
    server.until_ready().await;
    let (_, token) = server.pbx("steady").await;
    let home = Home::new(&token);
    let spool = Spool::start(&home, server.http).await;
    let pushers = Pushers::start(&spool, Duration::from_millis(20));
    pushers.more(20).await;

    // A rollout of one replica: there is a time when nobody answers.
    server.signal("TERM").await;
    assert!(server.ended().await.success());
    pushers.more(20).await;
    let server = Server::launch(&url, &variables, &["serve"]).await;
    server.until_ready().await;
    pushers.more(20).await;

    postgres.stop().unwrap();
    sleep(outage()).await;
    pushers.more(20).await;
    let standing = spool.get("/healthz").await.json();
    assert!(
        standing["pending_records"].as_u64() >= Some(20),
        "{standing}"
    );
    postgres.resume().unwrap();
    server.until_ready().await;
    pushers.more(20).await;

    let acknowledged = pushers.end().await;
    spool.until_empty().await;
    // Nobody was refused: the last record of each pusher that was on its way has its answer too.
    assert_eq!(stored(&postgres, &server), acknowledged);
    assert_eq!(
        spool.metric("telecom_cdr_spool_received_total ").await,
        Some(count(&acknowledged))
    );
    assert_eq!(
        spool.metric("telecom_cdr_spool_forwarded_total ").await,
        Some(count(&acknowledged))
    );
    assert!(home.files("rejected").is_empty());
}

#[allow(clippy::cast_precision_loss, reason = "some thousand at most")]
fn count(taken: &BTreeSet<String>) -> f64 {
    taken.len() as f64
}

#[tokio::test]
async fn what_cannot_be_sent_at_the_end_is_sent_after_the_next_start() {
    let server = Server::start().await;
    let (_, token) = server.pbx("restarted").await;
    let home = Home::new(&token);
    let spool = Spool::start(&home, free_address()).await;
    assert_eq!(spool.push("before").await, Some(202));
    assert!(spool.terminate().await.success());
    assert_eq!(home.files("spool").len(), 1);

    let spool = Spool::start(&home, server.http).await;
    let found = spool.logged("the spool of an earlier run").await;
    assert_eq!(found["found.records"], 1);
    assert_eq!(spool.push("after").await, Some(202));
    // All of it is sent before the end when the server is there.
    assert!(spool.terminate().await.success());
    assert_eq!(
        server.query("SELECT call_id FROM call_record ORDER BY stored_at"),
        "before\nafter"
    );
    assert_eq!(home.files("spool").len(), 0);
}
