//! PostgreSQL: connections, migrations, and one file of statements per table.
//!
//! A function of a table's file borrows the transaction; whoever began it commits.

pub mod audit;
mod database;
mod error;
pub mod heartbeats;
pub mod node_servers;
pub mod node_tokens;
mod replica;
pub mod schema;

pub use database::{Database, PoolCounts, Transaction};
pub use error::{AsConflict, StoreError, retry_conflicts};
