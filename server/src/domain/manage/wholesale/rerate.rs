//! Rates stored calls again, in pieces, each in a transaction of its own: what is cut off is done as far as it got,
//! and a repetition does the rest.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::messages::{AdminRerate, Rerated};
use super::snapshot;
use crate::calls::CallKey;
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::wholesale::rate_facts;
use crate::domain::{Context, DomainError, Kind, Processor, Thing};
use crate::pbxs::PbxId;
use crate::store::call_charges::{self, Booking, Entry, Page, Reasons, StoredCall};
use crate::store::{Transaction, retry_conflicts};
use crate::wholesale::{Correction, Rating, SideName, Standing, TrunkId};

/// Calls of one transaction.
const PAGE: u32 = 500;
/// The least and the most time that is looked through in one transaction, however few calls are found.
const WINDOW: [TimeDelta; 2] = [TimeDelta::hours(1), TimeDelta::hours(24)];

impl Processor<AdminRerate> for ManageService {
    type Output = Rerated;

    async fn process(&self, context: &Context, input: AdminRerate) -> Result<Rerated, DomainError> {
        let input = &input;
        if !input.dry_run {
            // Written down first: what is cut off afterwards is found by it.
            retry_conflicts(|| async move {
                let write = Write::begin(&self.database, context, "Rerate").await?;
                let thing = Thing::new(Kind::CallCharge, "rerate");
                let after = snapshot::of_rerating(input);
                write.commit(&thing, None, Some(after)).await
            })
            .await?;
        }
        let time = context.deadline.saturating_duration_since(context.received);
        // The last quarter is for the piece that has begun.
        let enough = context
            .deadline
            .checked_sub(time / 4)
            .unwrap_or(context.deadline);
        let mut sum = Rerated::default();
        let (mut after, mut window) = (before(input.start), WINDOW[0]);
        while after.start_time < input.end {
            let (from, end) = (&after, input.end.min(after.start_time + window));
            let piece = retry_conflicts(|| self.piece(context, input, from, end)).await?;
            window = match piece.next {
                Some(_) => WINDOW[0],
                None => WINDOW[1].min(window * 2),
            };
            after = piece.next.clone().unwrap_or_else(|| before(end));
            sum.add(piece);
            if Instant::now() >= enough && after.start_time < input.end {
                sum.next_start = Some(after.start_time);
                break;
            }
        }
        Ok(sum)
    }
}

/// Before all calls that began at that moment.
fn before(start_time: DateTime<Utc>) -> CallKey {
    CallKey {
        start_time,
        pbx: PbxId(0),
        call_id: String::new(),
    }
}

struct Piece {
    done: Rerated,
    /// The last call, when there may be more after it before the end of the window.
    next: Option<CallKey>,
}

impl ManageService {
    async fn piece(
        &self,
        context: &Context,
        input: &AdminRerate,
        after: &CallKey,
        end: DateTime<Utc>,
    ) -> Result<Piece, DomainError> {
        let mut transaction = self.database.write(context.deadline).await?;
        let page = Page {
            after,
            end,
            pbx: input.pbx,
            trunk: input.trunk.as_ref().map(TrunkId::as_str),
            limit: PAGE,
        };
        let calls = call_charges::lock_page(&mut transaction, page).await?;
        let full = calls.len() == usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = calls.last().filter(|_| full).map(|call| call.key.clone());
        let mut done = Rerated {
            examined: calls.len() as u64,
            ..Rerated::default()
        };
        let (erased, calls): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.erased);
        done.erased = erased.len() as u64;
        correct(&mut transaction, &calls, &mut done).await?;
        // What is not committed has not happened.
        if !input.dry_run {
            transaction.commit().await?;
        }
        Ok(Piece { done, next })
    }
}

/// Brings the ledger, and what calls say of themselves, to what they come to now.
async fn correct(
    transaction: &mut Transaction,
    calls: &[StoredCall],
    done: &mut Rerated,
) -> Result<(), DomainError> {
    let facts: Vec<_> = calls.iter().map(StoredCall::facts).collect();
    let ratings = rate_facts(transaction, &facts).await?;
    let keys: Vec<_> = calls.iter().map(|call| &call.key).collect();
    let standing = call_charges::standing(transaction, &keys).await?;
    let (mut bookings, mut reasons) = (Vec::new(), Vec::new());
    for (call, rating) in calls.iter().zip(&ratings) {
        let before = bookings.len();
        book(&call.key, rating, &standing, &mut bookings, done);
        done.changed += u64::from(bookings.len() > before);
        let now = (rating.unrated_sell(), rating.unrated_buy());
        done.unrated += u64::from(now != (None, None));
        if now != (call.unrated_sell.as_deref(), call.unrated_buy.as_deref()) {
            let (sell, buy) = now;
            reasons.push(Reasons {
                key: &call.key,
                sell,
                buy,
            });
        }
    }
    call_charges::insert(transaction, &bookings).await?;
    Ok(call_charges::set_reasons(transaction, &reasons).await?)
}

fn book<'a>(
    key: &'a CallKey,
    rating: &'a Rating,
    standing: &'a HashMap<(CallKey, SideName), Standing>,
    bookings: &mut Vec<Booking<'a>>,
    done: &mut Rerated,
) {
    for (side, outcome) in rating.sides() {
        let before = standing.get(&(key.clone(), side));
        let Some(correction) = Correction::of(before, outcome) else {
            continue;
        };
        let entries = [
            correction.back.map(Entry::Reversal),
            correction.new.map(Entry::Charge),
        ];
        for (seq, entry) in (correction.seq..).zip(entries.into_iter().flatten()) {
            bookings.push(Booking {
                key,
                side,
                seq,
                entry,
            });
        }
        for (currency, micro) in correction.deltas() {
            let delta = done.deltas.entry(currency).or_default();
            match side {
                SideName::Sell => delta.sell.0 += micro,
                SideName::Buy => delta.buy.0 += micro,
            }
        }
    }
}

impl Rerated {
    fn add(&mut self, piece: Piece) {
        let Piece { done, .. } = piece;
        self.examined += done.examined;
        self.changed += done.changed;
        self.unrated += done.unrated;
        self.erased += done.erased;
        for (currency, delta) in done.deltas {
            let sum = self.deltas.entry(currency).or_default();
            sum.sell.0 += delta.sell.0;
            sum.buy.0 += delta.buy.0;
        }
    }
}
