//! The demo: a provider's twenty nodes, an agent for each, and one that falls silent; packages, five hundred
//! subscribers with their queues, an hour of their traffic, and what one of them sees of it.

pub mod agent;
pub mod app;
pub mod catalogue;
pub mod chart;
pub mod command;
pub mod hour;
pub mod market;
pub mod offers;
pub mod registry;
pub mod road;
pub mod shop;
pub mod table;
pub mod traffic;
