//! Programs: what may happen, in any order.

use proptest::prelude::*;
use proptest::sample::Index;

/// Subscribers of a program.
pub const USERS: usize = 3;
/// Node clients of a program: two on the first node server, one on the second.
pub const CLIENTS: [usize; 3] = [0, 0, 1];
/// Kinds of packages that are on sale.
pub const PACKAGES: usize = 5;

/// When something was used.
#[derive(Debug, Clone, Copy)]
pub enum At {
    Now,
    /// Seconds ago.
    Ago(i64),
    /// A nanosecond before the quarter of an hour began, so many quarters ago.
    Edge(i64),
    /// By a clock that is so many seconds ahead.
    Ahead(i64),
    /// Longer ago, or further ahead, than is taken.
    Beyond(bool),
}

/// A row of a report.
#[derive(Debug, Clone)]
pub struct Use {
    pub user: usize,
    pub client: usize,
    pub at: At,
    pub upload: i64,
    pub download: i64,
}

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    Report {
        node: usize,
        rows: Vec<Use>,
    },
    /// One of the reports so far, once more.
    Replay(Index),
    SetFactor {
        client: usize,
        millionths: u64,
    },
    Bill,
    TakeUp,
    /// Events lie where they are.
    Hold,
    Release,
    /// All times of a subscriber's queue are so many hours earlier.
    Age {
        user: usize,
        hours: u32,
    },
    Expire,
    Enqueue {
        user: usize,
        package: usize,
        priority: i32,
    },
    Cancel {
        user: usize,
        which: Index,
    },
    Adjust {
        user: usize,
        bytes: i64,
        named: Option<Index>,
    },
    /// An event of another source; of nobody's, when there is no user.
    Publish {
        user: Option<usize>,
        download: i64,
        upload: i64,
        at: At,
    },
    /// One of the events so far, once more.
    Redeliver(Index),
    Suspend(usize),
    Resume(usize),
    Erase(usize),
}

fn bytes() -> impl Strategy<Value = i64> {
    prop_oneof![
        2 => Just(0_i64),
        4 => Just(1_i64),
        6 => 1..3000_i64,
        2 => 1..2_000_000_i64,
        1 => Just(1_i64 << 50),
    ]
}

fn at() -> impl Strategy<Value = At> {
    prop_oneof![
        6 => Just(At::Now),
        3 => (1..7200_i64).prop_map(At::Ago),
        2 => (7200..500_000_i64).prop_map(At::Ago),
        2 => (0..12_i64).prop_map(At::Edge),
        1 => (1..80_000_i64).prop_map(At::Ahead),
    ]
}

fn row() -> impl Strategy<Value = Use> {
    // Some that cannot be: below zero, over the cap, of another node's client, of another time.
    let odd = prop_oneof![
        20 => bytes(),
        1 => prop_oneof![Just(-1_i64), Just(i64::MIN), Just(i64::MAX), Just((1 << 50) + 1)],
    ];
    let at = prop_oneof![20 => at(), 1 => any::<bool>().prop_map(At::Beyond)];
    (0..USERS, 0..CLIENTS.len(), at, odd, bytes()).prop_map(
        |(user, client, at, upload, download)| Use {
            user,
            client,
            at,
            upload,
            download,
        },
    )
}

/// What may happen at any time.
fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS;
    let index = any::<Index>;
    let signed = (bytes(), any::<bool>()).prop_map(|(n, back)| if back { -n } else { n });
    let adjust = (user(), signed, proptest::option::weighted(0.3, index()));
    let publish = (
        proptest::option::weighted(0.95, user()),
        bytes(),
        bytes(),
        at(),
    );
    prop_oneof![
        20 => (0..2_usize, prop::collection::vec(row(), 1..12))
            .prop_map(|(node, rows)| Step::Report { node, rows }),
        4 => index().prop_map(Step::Replay),
        10 => Just(Step::Bill),
        6 => Just(Step::TakeUp),
        3 => (user(), 1..60_u32).prop_map(|(user, hours)| Step::Age { user, hours }),
        4 => Just(Step::Expire),
        12 => (user(), 0..PACKAGES, -1..2_i32)
            .prop_map(|(user, package, priority)| Step::Enqueue { user, package, priority }),
        2 => (user(), index()).prop_map(|(user, which)| Step::Cancel { user, which }),
        8 => adjust.prop_map(|(user, bytes, named)| Step::Adjust { user, bytes, named }),
        4 => publish.prop_map(|(user, download, upload, at)| Step::Publish {
            user,
            download,
            upload,
            at,
        }),
        2 => index().prop_map(Step::Redeliver),
        1 => user().prop_map(Step::Suspend),
        2 => user().prop_map(Step::Resume),
        1 => (0..USERS * 4).prop_map(|n| if n < USERS { Step::Erase(n) } else { Step::Bill }),
    ]
}

/// What may happen when nothing else does.
fn step_alone() -> impl Strategy<Value = Step> {
    let millionths = proptest::sample::select(vec![0, 10_000, 333_333, 1_000_000, 1_500_000]);
    prop_oneof![
        12 => step(),
        1 => (0..CLIENTS.len(), millionths)
            .prop_map(|(client, millionths)| Step::SetFactor { client, millionths }),
        1 => prop_oneof![Just(Step::Hold), Just(Step::Release)],
    ]
}

/// Steps one after the other.
pub fn program() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step_alone(), 1..50)
}

/// Four tasks at once. Factors stay as they are: which one counts for a row that comes while it
/// changes would be a matter of microseconds.
pub fn at_once() -> impl Strategy<Value = Vec<Vec<Step>>> {
    prop::collection::vec(prop::collection::vec(step(), 1..20), 4)
}
