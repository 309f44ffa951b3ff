//! Rates calls in the transaction that stores them.

use super::DomainError;
use crate::calls::{CallKey, CallRecord};
use crate::store::Transaction;
use crate::store::call_charges::{self, Booking, Entry};
use crate::store::wholesale_rates::{self, Ask};
use crate::wholesale::{CallFacts, Mapping, Rating, Side, digits};

/// What calls come to by the trunks and decks of this moment, one rating for each record, in their order. Nothing is
/// written.
pub async fn rate(
    transaction: &mut Transaction,
    records: &[CallRecord],
) -> Result<Vec<Rating>, DomainError> {
    let calls: Vec<_> = records.iter().map(CallFacts::from).collect();
    rate_facts(transaction, &calls).await
}

/// The same of calls that are not at hand as records.
pub(super) async fn rate_facts(
    transaction: &mut Transaction,
    calls: &[CallFacts<'_>],
) -> Result<Vec<Rating>, DomainError> {
    let numbers: Vec<_> = calls.iter().map(digits).collect();
    let mut asks = Vec::with_capacity(2 * calls.len());
    for (call, number) in calls.iter().zip(&numbers) {
        for (role, trunk) in call.trunks() {
            if !trunk.is_empty() {
                asks.push(Ask {
                    pbx: call.pbx,
                    trunk,
                    role,
                    // Without an answer no rate is needed.
                    digits: number.as_deref().filter(|_| call.answer_time.is_some()),
                    at: call.rated_at(),
                });
            }
        }
    }
    let mappings = wholesale_rates::of_sides(transaction, &asks).await?;
    let mut mappings = mappings.into_iter();
    let ratings = calls.iter().zip(&numbers).map(|(call, number)| {
        let [sell, buy] = call.trunks().map(|(_, trunk)| {
            if trunk.is_empty() {
                return Side::NoTrunk;
            }
            let mapping = mappings.next().unwrap_or(Mapping::Unknown);
            Side::of(trunk, mapping, number.is_some(), call.answered_ms())
        });
        Rating { sell, buy }
    });
    Ok(ratings.collect())
}

/// Writes down the first charges of calls that have been stored in the same transaction.
pub async fn book(
    transaction: &mut Transaction,
    ratings: &[(&CallKey, &Rating)],
) -> Result<(), DomainError> {
    let mut bookings = Vec::with_capacity(2 * ratings.len());
    for (key, rating) in ratings {
        for (side, outcome) in rating.sides() {
            if let Some(charge) = outcome.charge() {
                let entry = Entry::Charge(charge);
                bookings.push(Booking {
                    key,
                    side,
                    seq: 0,
                    entry,
                });
            }
        }
    }
    Ok(call_charges::insert(transaction, &bookings).await?)
}
