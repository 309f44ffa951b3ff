//! Records of calls that PBXs bring: stored once, rated in the same transaction, or kept aside with the reason.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use super::{Context, DomainError, Processor, wholesale};
use crate::auth::{Caller, Digest};
use crate::calls::{CallDraft, CallKey, CallRecord, Outcome, Rejected, Rejection};
use crate::pbxs::{PbxId, PbxReport, StateSource};
use crate::store::call_records::{self, NewCall};
use crate::store::call_rejections::{self, NewRejection};
use crate::store::{Database, StoreError, Transaction, pbx_states, retry_conflicts};
use crate::wholesale::Rating;

/// Serves PBXs.
#[derive(Debug, Clone)]
pub struct CallService {
    database: Database,
}

/// A record as it came.
#[derive(Debug, Clone)]
pub struct Incoming {
    /// The PBX that sent it.
    pub pbx: PbxId,
    /// What it says, or why it says nothing.
    pub draft: Result<CallDraft, Rejection>,
    /// What came, for whoever has to look at it when it is kept aside.
    pub body: String,
}

/// What became of the records.
#[derive(Debug, Clone)]
pub struct StoredCalls {
    /// One for each record, in their order.
    pub outcomes: Vec<Outcome>,
    /// Those that were not there before.
    pub new: Vec<CallRecord>,
    /// What each of these comes to.
    pub ratings: Vec<Rating>,
}

/// Takes what the calling PBX says of the moment.
#[derive(Debug, Clone)]
pub struct ReceivePbxReport(pub PbxReport);

impl CallService {
    /// A service over a clone of the database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

impl CallService {
    /// Stores records, of whichever PBXs, in one transaction: each of them comes to its own end.
    pub async fn store(
        &self,
        calls: &[&Incoming],
        deadline: Instant,
    ) -> Result<StoredCalls, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(deadline).await?;
            let now = transaction.now().await?;
            let stored = store(&mut transaction, now, calls).await?;
            transaction.commit().await?;
            Ok(stored)
        })
        .await
    }
}

impl Processor<ReceivePbxReport> for CallService {
    type Output = DateTime<Utc>;

    async fn process(
        &self,
        context: &Context,
        ReceivePbxReport(report): ReceivePbxReport,
    ) -> Result<DateTime<Utc>, DomainError> {
        let Caller::Pbx(pbx) = context.caller else {
            return Err(DomainError::WrongCaller);
        };
        let report = &report;
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let put = pbx_states::put(&mut transaction, pbx, StateSource::Report, report).await;
            let expires_at = match put {
                // Deleted between the check of its token and now.
                Err(StoreError::Orphan) => return Err(DomainError::TokenInvalid),
                result => result?,
            };
            transaction.commit().await?;
            Ok(expires_at)
        })
        .await
    }
}

/// A record that can be stored, its place among those that came, and what recognizes it.
struct Candidate {
    place: usize,
    record: CallRecord,
    digest: Digest,
}

async fn store(
    transaction: &mut Transaction,
    now: DateTime<Utc>,
    calls: &[&Incoming],
) -> Result<StoredCalls, DomainError> {
    let mut outcomes = BTreeMap::new();
    let mut candidates = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        match checked(call, now) {
            Ok((record, digest)) => candidates.push(Candidate {
                place,
                record,
                digest,
            }),
            Err(rejection) => {
                outcomes.insert(place, Outcome::Rejected(rejection));
            }
        }
    }
    // The first one of a key is the one to store; in the order of keys, so that two who store the same wait in turn.
    candidates.sort_by(|a, b| (&a.record.key, a.place).cmp(&(&b.record.key, b.place)));
    let (first, repeated) = split(candidates);
    let ratings = wholesale::rate(transaction, &first.records).await?;
    let new = add(transaction, &first, &ratings).await?;
    let known = known(transaction, &first, &new).await?;
    for ((place, record), digest) in first.places.iter().zip(&first.records).zip(&first.digests) {
        let outcome = match known.get(&record.key) {
            None => Outcome::Stored,
            Some(stored) => repetition(stored, digest),
        };
        outcomes.insert(*place, outcome);
    }
    for one in &repeated {
        let key = &one.record.key;
        let digest = known.get(key).or_else(|| first.digest(key));
        let outcome = digest.map_or(Outcome::Duplicate, |digest| repetition(digest, &one.digest));
        outcomes.insert(one.place, outcome);
    }
    let outcomes: Vec<_> = outcomes.into_values().collect();
    keep_aside(transaction, calls, &outcomes).await?;
    let (new, ratings): (Vec<_>, Vec<_>) = first
        .records
        .into_iter()
        .zip(ratings)
        .filter(|(record, _)| new.contains(&record.key))
        .unzip();
    let booked: Vec<_> = new.iter().map(|record| &record.key).zip(&ratings).collect();
    wholesale::book(transaction, &booked).await?;
    Ok(StoredCalls {
        outcomes,
        new,
        ratings,
    })
}

/// Records with different keys, in the order of these, and the place of each among those that came.
#[derive(Default)]
struct First {
    places: Vec<usize>,
    records: Vec<CallRecord>,
    digests: Vec<Digest>,
}

impl First {
    fn digest(&self, key: &CallKey) -> Option<&Digest> {
        let found = self
            .records
            .binary_search_by_key(&key, |record| &record.key);
        self.digests.get(found.ok()?)
    }
}

fn checked(call: &Incoming, now: DateTime<Utc>) -> Result<(CallRecord, Digest), Rejection> {
    let draft = call.draft.clone()?;
    let digest = draft.digest();
    Ok((draft.check(call.pbx, now)?, digest))
}

/// The first of each key, and the others.
fn split(candidates: Vec<Candidate>) -> (First, Vec<Candidate>) {
    let (mut first, mut repeated) = (First::default(), Vec::new());
    for one in candidates {
        if first.records.last().map(|record| &record.key) == Some(&one.record.key) {
            repeated.push(one);
        } else {
            first.places.push(one.place);
            first.records.push(one.record);
            first.digests.push(one.digest);
        }
    }
    (first, repeated)
}

async fn add(
    transaction: &mut Transaction,
    calls: &First,
    ratings: &[Rating],
) -> Result<HashSet<CallKey>, DomainError> {
    if calls.records.is_empty() {
        return Ok(HashSet::new());
    }
    let rows = calls.records.iter().zip(&calls.digests).zip(ratings);
    let rows: Vec<_> = rows
        .map(|((record, digest), rating)| NewCall {
            record,
            digest,
            unrated_sell: rating.unrated_sell(),
            unrated_buy: rating.unrated_buy(),
        })
        .collect();
    let new = call_records::insert(transaction, &rows).await?;
    Ok(new.into_iter().collect())
}

/// The digests of those that were there before.
async fn known(
    transaction: &mut Transaction,
    calls: &First,
    new: &HashSet<CallKey>,
) -> Result<HashMap<CallKey, Digest>, DomainError> {
    let keys = calls.records.iter().map(|record| &record.key);
    let keys: Vec<_> = keys.filter(|key| !new.contains(key)).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let known = call_records::digests(transaction, &keys).await?;
    Ok(known.into_iter().collect())
}

fn repetition(stored: &Digest, came: &Digest) -> Outcome {
    if stored.matches(came) {
        Outcome::Duplicate
    } else {
        Outcome::Conflict(Rejection::conflict())
    }
}

async fn keep_aside(
    transaction: &mut Transaction,
    calls: &[&Incoming],
    outcomes: &[Outcome],
) -> Result<(), DomainError> {
    let aside: Vec<_> = calls
        .iter()
        .zip(outcomes)
        .filter_map(|(call, outcome)| {
            let rejected = Rejected {
                rejection: outcome.rejection()?.clone(),
                key: call
                    .draft
                    .as_ref()
                    .ok()
                    .and_then(|draft| draft.key(call.pbx)),
            };
            Some((call, rejected))
        })
        .collect();
    if aside.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = aside
        .iter()
        .map(|(call, rejected)| NewRejection {
            pbx: call.pbx,
            rejected,
            body: &call.body,
        })
        .collect();
    Ok(call_rejections::insert(transaction, &rows).await?)
}
