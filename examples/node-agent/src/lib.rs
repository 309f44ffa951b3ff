//! The reference agent of a node server, in parts that an agent of your own can take: a spool on disk, its
//! sending, a table of who may use the node, heartbeats. docs/node-agent.md is the contract it keeps.
#![deny(missing_docs)]

pub mod access;
pub mod agent;
pub mod batch;
pub mod connection;
pub mod event;
pub mod heartbeat;
pub mod machine;
pub mod queue;
pub mod retry;
pub mod sender;
pub mod session;
pub mod settings;
pub mod watch;
