//! Writing to the apiserver: nothing is sent unless it changes something, and nothing without leadership.

mod applier;
mod deeds;
mod memo;
mod replacement;
mod subset;
mod writer;

pub use applier::{Applier, Put};
pub use deeds::Deeds;
pub(crate) use memo::not_newer;
pub use memo::{Memo, Need};
pub use writer::{WriteError, Writer};
