//! Whatever happens in whatever order, or at once: in the end every byte is where it belongs. The test
//! keeps books of its own, which know nothing of the server's.
//!
//! `INTERLEAVING_SECONDS` says how long each kind of program is tried (30).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::future::join_all;
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::{Config, TestRunner};
use telecom_proto::v1::Package;
use telecom_server::domain::{CheckLedger, Processor as _};
use tokio::runtime::Runtime;

use super::billing::{World, context};
use books::{Key, Sums};
use program::{Step, USERS, at_once, program};
use stage::{Stage, on_sale};

mod books;
mod play;
mod program;
mod stage;

/// A world, and what is on sale in it. Events lie while its flag says so.
async fn world() -> (World, Vec<Package>) {
    let world = World::new().await;
    world.sql(
        "CREATE TABLE held AS SELECT false AS held; \
         CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN IF (SELECT held FROM held) THEN NEW.retry_at := now() + interval ''1 day''; END IF; \
         RETURN NEW; END'; \
         CREATE TRIGGER hold BEFORE INSERT ON outbox_event FOR EACH ROW EXECUTE FUNCTION hold()",
    );
    let packages = on_sale(&world).await;
    (world, packages)
}

impl Stage<'_> {
    /// All that is under way arrives; then the server's accounts are those of the books.
    async fn settle_and_compare(&self) {
        let world = self.world;
        self.release();
        world.bill().await;
        world.settled().await;
        world.jobs.expire().await.unwrap();
        self.compare();
        let ledger = world.ledger.process(&context(), CheckLedger).await.unwrap();
        assert!(ledger.differences.is_empty(), "{ledger:#?}");
    }

    fn compare(&self) {
        let books = &self.notes.lock().unwrap().books;
        assert_eq!(self.quarters(), books.keys);
        for user in 0..USERS {
            let owed = books.owed(user);
            let (external, adjusted) = (books.external[user], books.adjusted[user]);
            let expected = [owed, external, adjusted, 0, 0];
            assert_eq!(self.accounts(user), expected, "user {user}");
        }
    }

    /// The quarters of an hour as they are stored: all billed, and raw rows and factored sums as they
    /// should be.
    fn quarters(&self) -> BTreeMap<Key, Sums> {
        let rows = self.world.sql(&format!(
            "SELECT user_id, extract(epoch FROM bucket)::bigint * 1000000, node_client_id, \
             raw_upload, raw_download, (factored_upload * 1000000)::numeric(40), \
             (factored_download * 1000000)::numeric(40), billed_upload, billed_download \
             FROM usage_quarter WHERE node_client_id = ANY ('{{{}}}')",
            self.clients
                .iter()
                .map(i32::to_string)
                .collect::<Vec<_>>()
                .join(",")
        ));
        let mut keys = BTreeMap::new();
        for row in rows.lines() {
            let cells: Vec<_> = row.split('|').collect();
            let number = |n: usize| cells[n].parse::<i128>().unwrap();
            let user = self.users.iter().position(|user| user == cells[0]).unwrap();
            let client: i32 = cells[2].parse().unwrap();
            let client = self.clients.iter().position(|id| *id == client).unwrap();
            let sums = Sums {
                raw: [number(3), number(4)],
                parts: [number(5), number(6)],
            };
            assert_eq!([number(7), number(8)], sums.billed(), "{row}");
            keys.insert((user, cells[1].parse().unwrap(), client), sums);
        }
        keys
    }

    /// Bytes that are accounted for, those of them that came from others, corrections; what the
    /// packages have beside these, and packages beyond their quota, of which there should be none.
    fn accounts(&self, user: usize) -> [i128; 5] {
        let user = &self.users[user];
        let row = self.world.sql(&format!(
            "WITH used AS (SELECT coalesce(sum(charged + overage), 0) AS packages, \
                 coalesce(sum(uncounted + unassigned), 0) AS rest, \
                 coalesce(sum(external), 0) AS external \
                 FROM user_package_usage WHERE user_id = '{user}'), \
             adjusted AS (SELECT coalesce(sum(bytes), 0) AS bytes \
                 FROM usage_adjustment WHERE user_id = '{user}'), \
             has AS (SELECT coalesce(sum(charged + overage::numeric), 0) AS bytes, \
                 count(*) FILTER (WHERE period_charged > quota_bytes \
                     OR charged > quota_bytes AND NOT monthly_reset) AS beyond \
                 FROM queued_package WHERE user_id = '{user}') \
             SELECT packages + rest, external, adjusted.bytes, has.bytes - packages - adjusted.bytes, \
                 beyond FROM used, adjusted, has"
        ));
        let cells: Vec<_> = row.split('|').map(|cell| cell.parse().unwrap()).collect();
        cells.try_into().unwrap()
    }
}

/// Plays programs until the time is over. One that fails is made as short as it can be and still
/// fail, each on a database of its own, since what went wrong stays in the one it went wrong in.
fn try_programs<S: Strategy>(programs: &S, play: &impl AsyncFn(&World, &[Package], &S::Value))
where
    S::Value: Clone,
{
    let seconds = std::env::var("INTERLEAVING_SECONDS").map_or(30, |text| text.parse().unwrap());
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        max_shrink_time: 120_000,
        ..Config::default()
    });
    let runtime = Runtime::new().unwrap();
    let stage = RefCell::new(None);
    let mut played = 0;
    while Instant::now() < until {
        let tree = programs.new_tree(&mut runner).unwrap();
        let first = tree.current();
        let result = runner.run_one(tree, |program| {
            runtime.block_on(async {
                let (world, packages) = match stage.take() {
                    Some(stage) => stage,
                    None => world().await,
                };
                play(&world, &packages, &program).await;
                stage.replace(Some((world, packages)));
            });
            Ok(())
        });
        if let Err(error) = result {
            panic!("{error}\nat first: {first:?}");
        }
        played += 1;
    }
    assert!(played > 0);
    let (world, _) = stage.take().unwrap();
    runtime.block_on(world.server.check_ledger());
}

#[test]
fn whatever_happens_every_byte_is_where_it_belongs() {
    try_programs(&program(), &async |world, packages, steps: &Vec<Step>| {
        let stage = Stage::new(world, packages, true).await;
        for step in steps {
            stage.play(step).await;
        }
        stage.settle_and_compare().await;
    });
}

#[test]
fn whatever_happens_at_once_every_byte_is_where_it_belongs() {
    try_programs(
        &at_once(),
        &async |world, packages, lanes: &Vec<Vec<Step>>| {
            let stage = Stage::new(world, packages, false).await;
            let lanes = lanes.iter().map(async |lane| {
                for step in lane {
                    stage.play(step).await;
                }
            });
            join_all(lanes).await;
            stage.settle_and_compare().await;
        },
    );
}
