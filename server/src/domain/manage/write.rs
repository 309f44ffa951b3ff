//! A write by the provider's staff: one transaction that ends with its row in the audit log, done once
//! however often it is repeated with the same key, and not at all when somebody else was faster.

use serde_json::Value;

use crate::auth::Digest;
use crate::domain::{Context, DomainError, Kind, Thing};
use crate::revision::Revision;
use crate::store::idempotency::{self, Claim};
use crate::store::{Database, StoreError, Transaction, audit};

/// What recognizes a repeated request.
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// The caller's word for the request.
    pub key: String,
    /// What the request said.
    pub fingerprint: Digest,
}

/// A write that has begun; undone unless it is committed.
#[derive(Debug)]
pub(super) struct Write<'a> {
    context: &'a Context,
    method: &'static str,
    idempotency: Option<&'a Idempotency>,
    pub(super) transaction: Transaction,
}

/// A create may be one that was done before.
#[derive(Debug)]
pub(super) enum Begun<'a> {
    /// It was not.
    New(Write<'a>),
    /// It was: the transaction to read in, and the id of what it made.
    Before(Write<'a>, String),
}

impl<'a> Write<'a> {
    /// Begins the transaction of a method.
    pub(super) async fn begin(
        database: &Database,
        context: &'a Context,
        method: &'static str,
    ) -> Result<Self, DomainError> {
        Ok(Self {
            context,
            method,
            idempotency: None,
            transaction: database.write(context.deadline).await?,
        })
    }

    /// The same for a method that makes something, which may have been made before under the same key.
    pub(super) async fn begin_create(
        database: &Database,
        context: &'a Context,
        method: &'static str,
        idempotency: Option<&'a Idempotency>,
    ) -> Result<Begun<'a>, DomainError> {
        let mut write = Self::begin(database, context, method).await?;
        let Some(Idempotency { key, fingerprint }) = idempotency else {
            return Ok(Begun::New(write));
        };
        let actor = context.caller.to_string();
        let transaction = &mut write.transaction;
        match idempotency::claim(transaction, &actor, method, key, fingerprint).await? {
            Claim::New => {
                write.idempotency = idempotency;
                Ok(Begun::New(write))
            }
            Claim::Before { same: true, target } => Ok(Begun::Before(write, target)),
            Claim::Before { same: false, .. } => {
                Err(DomainError::IdempotencyKeyReused(key.clone()))
            }
        }
    }

    /// Writes down what was done to `thing`, and makes it last.
    pub(super) async fn commit(
        mut self,
        thing: &Thing,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<(), DomainError> {
        if let Some(Idempotency { key, .. }) = self.idempotency {
            let (actor, id) = (self.context.caller.to_string(), &thing.id);
            idempotency::done(&mut self.transaction, &actor, self.method, key, id).await?;
        }
        self.note(thing, before, after).await?;
        Ok(self.transaction.commit().await?)
    }

    /// Writes down what was done to one of several things.
    pub(super) async fn note(
        &mut self,
        thing: &Thing,
        before: Option<Value>,
        after: Option<Value>,
    ) -> Result<(), DomainError> {
        let entry = audit::Entry {
            actor: &self.context.caller.to_string(),
            method: self.method,
            target: thing.target(),
            before,
            after,
            trace_id: &self.context.trace_id,
        };
        Ok(audit::append(&mut self.transaction, &entry).await?)
    }
}

/// Refuses a change that is based on an older state. Without an etag the caller does not care.
pub(super) fn check_etag(
    thing: impl FnOnce() -> Thing,
    revision: Revision,
    etag: Option<&str>,
) -> Result<(), DomainError> {
    match etag {
        Some(given) if given != revision.etag() => Err(DomainError::EtagStale { thing: thing() }),
        _ => Ok(()),
    }
}

/// What an error comes to where `constraint` keeps names apart: this name is taken.
pub(super) fn taken(
    constraint: &str,
    kind: Kind,
    name: impl ToString,
) -> impl FnOnce(StoreError) -> DomainError {
    move |error| match error {
        StoreError::Duplicate {
            constraint: violated,
        } if violated == constraint => DomainError::NameTaken {
            kind,
            name: name.to_string(),
        },
        other => other.into(),
    }
}
