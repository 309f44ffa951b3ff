//! What is counted of the money that calls come to. For graphs: the money itself is the sum of `call_charge`, and
//! corrections change nothing here.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec, Registry};

use super::{counter, gauge};
use crate::wholesale::{Currency, Rating, SideName, Unrated};

/// Metrics of wholesale. Counted after the commit.
#[derive(Debug, Clone)]
pub struct Wholesale {
    /// Micro-currency that calls were sold for, by currency.
    pub revenue: IntCounterVec,
    /// Micro-currency that calls were bought for, by currency.
    pub cost: IntCounterVec,
    /// Micro-currency that calls brought which were sold and bought in one currency; falls with each that lost.
    pub profit: IntGaugeVec,
    /// Sides of calls without the charge that they should have, by side and reason.
    pub unrated: IntCounterVec,
    /// Calls that were sold in one currency and bought in another.
    pub mismatch: IntCounter,
}

impl Wholesale {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let mismatch = IntCounter::new(
            "telecom_calls_currency_mismatch_total",
            "Calls sold in one currency and bought in another, so that they have no profit.",
        )?;
        registry.register(Box::new(mismatch.clone()))?;
        let wholesale = Self {
            revenue: counter(
                registry,
                "wholesale_revenue_microcurrency_total",
                "What newly stored calls were sold for, in millionths of the currency.",
                &["currency"],
            )?,
            cost: counter(
                registry,
                "wholesale_cost_microcurrency_total",
                "What newly stored calls were bought for, in millionths of the currency.",
                &["currency"],
            )?,
            profit: gauge(
                registry,
                "wholesale_profit_microcurrency_total",
                "Revenue less cost of newly stored calls that have both in one currency; may fall.",
                &["currency"],
            )?,
            unrated: counter(
                registry,
                "telecom_calls_unrated_total",
                "Sides of newly stored calls that have a trunk and no charge.",
                &["side", "reason"],
            )?,
            mismatch,
        };
        for side in SideName::ALL {
            for reason in Unrated::ALL {
                let labels = [side.as_str(), reason.as_str()];
                wholesale.unrated.with_label_values(&labels).reset();
            }
        }
        Ok(wholesale)
    }

    /// Makes a currency appear, at 0 if it is new.
    pub fn know(&self, currency: Currency) {
        let label = [currency.as_str()];
        self.revenue.with_label_values(&label);
        self.cost.with_label_values(&label);
        self.profit.with_label_values(&label);
    }

    /// Counts what calls came to that were stored for the first time.
    pub fn count(&self, ratings: &[Rating]) {
        for rating in ratings {
            for (side, outcome) in rating.sides() {
                let counted = match side {
                    SideName::Sell => &self.revenue,
                    SideName::Buy => &self.cost,
                };
                if let Some(charge) = outcome.charge() {
                    self.know(charge.currency);
                    let counted = counted.with_label_values(&[charge.currency.as_str()]);
                    counted.inc_by(charge.amount_micro.unsigned_abs());
                }
                if let Some(reason) = outcome.unrated() {
                    let labels = [side.as_str(), reason.as_str()];
                    self.unrated.with_label_values(&labels).inc();
                }
            }
            if let Some((currency, micro)) = rating.profit_micro() {
                self.profit
                    .with_label_values(&[currency.as_str()])
                    .add(micro);
            }
            if rating.currencies_differ() {
                self.mismatch.inc();
            }
        }
    }
}
