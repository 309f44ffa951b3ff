//! Who uses how much in the demo's hour: most a little, some all that they have.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use rand::Rng;
use telecom_node_agent::access::Key;
use telecom_proto::v1::{Package, UsageRow};
use uuid::Uuid;

use super::shop::{SUBSCRIBERS, Shop, subscriber};

/// The minutes of the hour, each of which takes about a second.
pub const MINUTES: u32 = 60;
/// How many use up their package.
const HEAVY: usize = 12;
/// The first of them does so in this minute, each next one a little later.
const FIRST: u64 = 14;
const LATER: u64 = 3;
/// The package that they use up.
pub const SMALL: &str = "World day";

/// A node as traffic goes through it.
#[derive(Debug, Clone)]
pub struct Way {
    /// Its name.
    pub node: String,
    /// Number of its node client.
    pub client: i32,
    /// What a byte counts, in millionths.
    pub factor: u64,
}

/// A subscriber who uses up their package.
#[derive(Debug)]
pub struct Heavy {
    /// The subscriber.
    pub id: Uuid,
    /// Place of the way that they use.
    pub way: usize,
    /// Bytes that are left of their package.
    pub left: u64,
    /// Bytes through the node in a minute.
    pub minute: u64,
}

/// A subscriber who does not.
#[derive(Debug)]
pub struct Light {
    /// The subscriber.
    pub id: Uuid,
    /// Their number.
    pub number: usize,
    /// Bytes through the node in a minute.
    pub minute: u64,
}

/// The small package.
pub fn small(packages: &[Package]) -> Result<(usize, i32)> {
    let mut named = packages.iter().enumerate().filter_map(|(place, package)| {
        let config = package.config.as_ref()?;
        (config.name == SMALL).then_some((place, package.id))
    });
    named
        .next()
        .with_context(|| format!("{SMALL} is not on sale"))
}

/// Those whose only order is the small package. Who has nothing left of an earlier run buys another one.
pub async fn heavy(
    shop: &Shop,
    packages: &[Package],
    ways: &[Way],
    run: &str,
) -> Result<Vec<Heavy>> {
    let (place, package) = small(packages)?;
    let only = |number: &u128| {
        number.is_multiple_of(3) && *number % packages.len() as u128 == place as u128
    };
    let mut heavy = Vec::new();
    for number in (0..SUBSCRIBERS).filter(only).take(HEAVY) {
        let user = subscriber(number);
        if shop.active(&user).await?.is_none() {
            let order = format!("{run}-{number}");
            shop.order(&user, package, &order, 0).await?;
        }
        let active = shop.active(&user).await?.context("no package is active")?;
        let quota = active.quota.unwrap_or_default().bytes;
        let left = quota.saturating_sub(active.charged_bytes);
        let way = (heavy.len() * 7) % ways.len();
        let minutes = FIRST + LATER * heavy.len() as u64;
        let through = u128::from(left) * 1_000_000 / u128::from(ways[way].factor.max(1));
        heavy.push(Heavy {
            id: Uuid::parse_str(&user)?,
            way,
            left,
            // A little more, so that the last minute is over it.
            minute: u64::try_from(through)? / minutes + 1000,
        });
    }
    Ok(heavy)
}

/// Everybody else.
pub fn light(heavy: &[Heavy], random: &mut impl Rng) -> Vec<Light> {
    (0..SUBSCRIBERS)
        .filter_map(|number| {
            let id = Uuid::parse_str(&subscriber(number)).ok()?;
            let minute = random.random_range(500_000..20_000_000);
            let number = usize::try_from(number).ok()?;
            let other = heavy.iter().all(|heavy| heavy.id != id);
            other.then_some(Light { id, number, minute })
        })
        .collect()
}

/// A row of usage; a sixth of it goes up.
pub fn row((user, client): Key, at: SystemTime, bytes: u64) -> UsageRow {
    let bytes = i64::try_from(bytes).unwrap_or(0);
    UsageRow {
        user_id: user.to_string(),
        node_client_id: client,
        used_at: Some(at.into()),
        upload_bytes: bytes / 6,
        download_bytes: bytes - bytes / 6,
    }
}
