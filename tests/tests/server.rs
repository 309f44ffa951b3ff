//! The server as a whole: the real program on a real PostgreSQL, spoken to over its ports.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod server {
    mod access;
    mod adjust;
    mod audit;
    mod audit_list;
    mod auth;
    mod bad_config;
    mod bad_requests;
    mod billing;
    mod call_analytics;
    mod call_center;
    mod calls;
    mod cdr_spool;
    mod database;
    mod database_away;
    mod errors;
    mod events;
    mod expiry;
    mod fuzz;
    mod garbage;
    mod health;
    mod heartbeat;
    mod idempotency;
    mod interleaving;
    mod job_runs;
    mod jobs;
    mod jwks;
    mod jwt;
    mod ledger;
    mod log_lines;
    mod maintenance;
    mod manage;
    mod metric_names;
    mod migrations;
    mod names;
    mod node_agent;
    mod node_client_factors;
    mod node_client_requests;
    mod node_clients;
    mod operator_config;
    mod packages;
    mod plans;
    mod pooler;
    mod previous;
    mod process;
    mod queue;
    mod recent_usage;
    mod replica;
    mod roles;
    mod rotation;
    mod run_job;
    mod schema_page;
    mod scrape;
    mod shutdown;
    mod telecom;
    mod telecom_history;
    mod traces;
    mod usage;
    mod users;
    mod users_export;
    mod users_queue;
    mod wholesale;
    mod wire;
}
