//! Why a use case ended without its output, by what its caller can do about it.

use crate::nodes::{NodeServerId, Violation};
use crate::store::{AsConflict, StoreError};

/// A use case failed.
#[derive(Debug, thiserror::Error)]
pub enum DomainError {
    /// Fields of the request are wrong.
    #[error("the request has fields that cannot be accepted")]
    Invalid(Vec<Violation>),
    /// There is no such node server.
    #[error("there is no node server {0}")]
    NodeServerNotFound(NodeServerId),
    /// Another node server has the name.
    #[error("another node server is called `{0}`")]
    NameTaken(String),
    /// Somebody else has written since the caller read.
    #[error("node server {id} has changed since `{given}`: read it again")]
    EtagStale {
        /// The node server.
        id: NodeServerId,
        /// The etag the caller based the change on.
        given: String,
    },
    /// The node's token is not one that works.
    #[error("the token is not known or no longer works")]
    TokenInvalid,
    /// The method is for another kind of caller.
    #[error("the caller may not do this")]
    WrongCaller,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AsConflict for DomainError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_conflict())
    }
}
