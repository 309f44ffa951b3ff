//! The demo: a provider's twenty nodes, an agent for each, and one that falls silent; packages, and five
//! hundred subscribers with their queues.

pub mod agent;
pub mod catalogue;
pub mod command;
pub mod market;
pub mod offers;
pub mod registry;
pub mod road;
pub mod shop;
pub mod table;
