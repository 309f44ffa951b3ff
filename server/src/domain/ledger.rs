//! Whether every byte that was reported is where it belongs, once.

use super::{Context, DomainError, Processor};
use crate::store::ledger::{self, Difference};
use crate::store::{Database, retry_conflicts};

/// Checks the ledger.
#[derive(Debug, Clone)]
pub struct LedgerService {
    database: Database,
}

impl LedgerService {
    /// Over a clone of the database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Compares all accounts of usage, at one moment.
#[derive(Debug, Clone, Copy)]
pub struct CheckLedger;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The accounts with their bytes, in the order in which bytes go through them.
    pub sums: Vec<(String, String)>,
    /// The first 20 differences; none when the ledger holds.
    pub differences: Vec<Difference>,
}

impl Processor<CheckLedger> for LedgerService {
    type Output = Ledger;

    async fn process(
        &self,
        context: &Context,
        CheckLedger: CheckLedger,
    ) -> Result<Ledger, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read_primary(context.deadline).await?;
            let sums = ledger::sums(&mut transaction).await?;
            let differences = ledger::differences(&mut transaction).await?;
            transaction.commit().await?;
            Ok(Ledger { sums, differences })
        })
        .await
    }
}
