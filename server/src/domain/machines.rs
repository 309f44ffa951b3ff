//! Machines that prove who they are by a token of their own: node agents and PBXs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::DomainError;
use crate::auth::{Digest, Machine, MachineSecret, Secret};
use crate::pbxs::PbxId;
use crate::store::{Database, machine_tokens};

/// For how long the token of a PBX is believed without another look. Each of its calls is a request of its own, often
/// on a connection of its own.
const BELIEVED: Duration = Duration::from_secs(5);

/// Knows the tokens of machines.
#[derive(Debug, Clone)]
pub struct MachineService {
    database: Database,
    /// The tokens of PBXs that were good, and when.
    pbxs: Arc<Mutex<HashMap<PbxId, (Digest, Instant)>>>,
}

/// Finds out which machine a token belongs to.
#[derive(Debug)]
pub struct AuthenticateMachine {
    /// The token as it was sent.
    pub token: Secret,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
}

impl MachineService {
    /// A service over a clone of the database.
    pub fn new(database: Database) -> Self {
        Self {
            database,
            pbxs: Arc::default(),
        }
    }

    /// The machine of the token. For a node it is read from the primary, so that a rotation counts at once; what was
    /// read of a PBX counts for five seconds.
    pub async fn authenticate(&self, input: AuthenticateMachine) -> Result<Machine, DomainError> {
        let token = input.token.expose();
        let machine = MachineSecret::claimed(token).ok_or(DomainError::TokenInvalid)?;
        let digest = Digest::of(token);
        if self.is_believed(machine, &digest) {
            return Ok(machine);
        }
        let mut transaction = self.database.read_primary(input.deadline).await?;
        let stored = machine_tokens::digests(&mut transaction, machine).await?;
        transaction.commit().await?;
        // All are compared, so that the time does not tell which one matched.
        let matched = stored
            .iter()
            .fold(false, |matched, known| matched | known.matches(&digest));
        if !matched {
            return Err(DomainError::TokenInvalid);
        }
        if let Machine::Pbx(id) = machine {
            let mut known = self.pbxs.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(id, (digest, Instant::now()));
        }
        Ok(machine)
    }

    fn is_believed(&self, machine: Machine, digest: &Digest) -> bool {
        let Machine::Pbx(id) = machine else {
            return false;
        };
        let known = self.pbxs.lock().unwrap_or_else(PoisonError::into_inner);
        known
            .get(&id)
            .is_some_and(|(good, at)| at.elapsed() < BELIEVED && good.matches(digest))
    }
}
