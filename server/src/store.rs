//! PostgreSQL: connections, migrations, and one file of statements per table.
//!
//! A function of a table's file borrows the transaction; whoever began it commits. Statements are
//! checked against the schema when the server is compiled, by what `.sqlx` says of them.

pub mod audit;
pub mod billing;
pub mod call_center;
pub mod call_charges;
pub mod call_history;
pub mod call_records;
pub mod call_rejections;
pub mod consumed_events;
mod database;
pub mod database_owner;
pub mod dead_letters;
mod error;
pub mod heartbeats;
pub mod idempotency;
pub mod job_runs;
pub mod ledger;
mod listener;
pub mod machine_tokens;
pub mod maintenance;
pub mod node_client_factors;
pub mod node_clients;
pub mod node_servers;
pub mod node_status;
pub mod node_status_history;
mod number;
pub mod outbox;
pub mod package_series;
pub mod package_usage;
pub mod packages;
pub mod pbx_states;
pub mod pbxs;
mod query_span;
pub mod queued_packages;
pub mod recent_usage;
mod replica;
pub mod schema;
pub mod subscribers;
pub mod traffic_usage;
mod transaction;
pub mod usage_adjustments;
pub mod usage_days;
pub mod usage_of_user;
pub mod usage_quarters;
pub mod usage_refused;
pub mod usage_reports;
pub mod user_access;
pub mod user_nodes;
pub mod wholesale_decks;
pub mod wholesale_rates;
pub mod wholesale_trunks;

pub use database::{Database, PoolCounts};
pub use error::{AsConflict, StoreError, retry_conflicts};
pub use listener::Listener;
pub use transaction::Transaction;
