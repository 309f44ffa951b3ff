//! The operator of the `TelecomCluster` resource.
//!
//! A reconcile goes one way: [`dereference`] (what the world says) → [`validate`] (can it be carried out) →
//! [`build`] (which objects that means) → [`apply`] (send what differs) → [`status`] (say how it stands).
//! Everything a reconcile reads comes from watches ([`stores`], [`secrets`]); only the leader ([`leader`]) writes.

pub mod apply;
pub mod backoff;
pub mod build;
pub mod controller;
pub mod dereference;
pub mod discovery;
pub mod events;
pub mod http;
pub mod jobs;
pub mod kinds;
pub mod leader;
pub mod metrics;
pub mod migration;
pub mod names;
pub mod podreason;
pub mod quantity;
pub mod reconcile;
pub mod references;
pub mod run;
pub mod secrets;
pub mod status;
pub mod stores;
pub mod validate;
pub mod watches;

#[cfg(test)]
mod fixture;
