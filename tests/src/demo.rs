//! The demo: a provider's twenty nodes, an agent for each, and one that falls silent.

pub mod agent;
pub mod catalogue;
pub mod registry;
pub mod road;
pub mod table;
