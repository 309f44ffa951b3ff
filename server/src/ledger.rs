//! `check-ledger`: whether every byte is where it belongs, from the command line.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use crate::auth::Caller;
use crate::config;
use crate::domain::{CheckLedger, Context, DomainError, Ledger, LedgerService, Processor as _};
use crate::store::Database;
use crate::store::schema::{self, Fit};

/// The ledger was not checked, or does not hold.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no schema, or one that this server cannot work on.
    #[error(
        "the schema of the database is not the one of this server: run `telecom-server migrate`"
    )]
    Schema,
    /// Accounts of the same bytes differ.
    #[error("accounts of the same bytes differ")]
    Differs,
    /// Something else was in the way.
    #[error(transparent)]
    Domain(DomainError),
}

/// Checks the ledger within `timeout`; gives the line to print and whether it holds.
pub async fn check(
    database: &config::Database,
    timeout: Duration,
) -> Result<(String, bool), LedgerError> {
    let now = Instant::now();
    let context = Context {
        caller: Caller::Operator,
        deadline: now + timeout,
        received: now,
        trace_id: String::new(),
    };
    let database = Database::new(database);
    let fit = schema::fit(&database, context.deadline).await;
    let ledger = match fit.map_err(|error| LedgerError::Domain(error.into()))? {
        Fit::Serves => LedgerService::new(database.clone())
            .process(&context, CheckLedger)
            .await
            .map_err(LedgerError::Domain)?,
        Fit::Absent | Fit::Behind { .. } | Fit::TooNew { .. } => return Err(LedgerError::Schema),
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), database.close()).await;
    let holds = ledger.differences.is_empty();
    Ok((line(&ledger, holds), holds))
}

/// Bytes that fit 64 bits are numbers, others text.
fn line(ledger: &Ledger, holds: bool) -> String {
    let mut line = Map::new();
    line.insert("holds".to_owned(), json!(holds));
    for (name, bytes) in &ledger.sums {
        let number = bytes.parse::<i64>();
        let value = number.map_or_else(|_| json!(bytes), Value::from);
        line.insert(name.clone(), value);
    }
    let differences = ledger.differences.iter().map(|difference| {
        json!({
            "between": difference.between,
            "key": difference.key,
            "values": [difference.one, difference.other],
        })
    });
    line.insert("differences".to_owned(), differences.collect());
    Value::Object(line).to_string()
}
