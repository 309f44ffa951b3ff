//! What administrators ask for, and what they get.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::auth::{MachineSecret, MachineToken, Secret};
use crate::domain::Idempotency;
use crate::pbxs::{ConfigField, Pbx, PbxConfig, PbxDraft, PbxId, PbxState};
use crate::store::call_rejections::StoredRejection;

/// Lists PBXs.
#[derive(Debug, Clone, Copy)]
pub struct AdminListPbxs {
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of PBXs.
#[derive(Debug, Clone)]
pub struct PbxPage {
    /// By ascending id.
    pub pbxs: Vec<Pbx>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one PBX.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowPbx(pub PbxId);

/// A PBX in full.
#[derive(Debug, Clone)]
pub struct PbxDetail {
    /// The PBX.
    pub pbx: Pbx,
    /// What it said last of the moment.
    pub state: Option<PbxState>,
    /// Tokens that work now.
    pub tokens: Vec<MachineToken>,
}

/// Registers a PBX.
#[derive(Debug, Clone)]
pub struct AdminCreatePbx {
    /// Its configuration.
    pub config: PbxConfig,
    /// Chance for its first token.
    pub secret: MachineSecret,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// A new PBX.
#[derive(Debug, Clone)]
pub struct CreatedPbx {
    /// The PBX.
    pub pbx: Pbx,
    /// Its token; shown once, so not when the PBX was made by an earlier request.
    pub token: Option<Secret>,
}

/// Changes the configuration.
#[derive(Debug, Clone)]
pub struct AdminUpdatePbx {
    /// The PBX.
    pub id: PbxId,
    /// What the change is based on.
    pub etag: String,
    /// The new values.
    pub change: PbxDraft,
    /// Which of them count; none named means all.
    pub fields: Vec<ConfigField>,
}

/// Removes a PBX.
#[derive(Debug, Clone)]
pub struct AdminDeletePbx {
    /// The PBX.
    pub id: PbxId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Issues a new token.
#[derive(Debug, Clone)]
pub struct AdminRotatePbxToken {
    /// The PBX.
    pub id: PbxId,
    /// How long the current token goes on working.
    pub grace: Duration,
    /// Chance for the new token.
    pub secret: MachineSecret,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// A new token.
#[derive(Debug, Clone)]
pub struct RotatedPbxToken {
    /// The PBX.
    pub pbx: Pbx,
    /// Its new token; shown once.
    pub token: Secret,
    /// When the one before stops working.
    pub previous_expires_at: Option<DateTime<Utc>>,
}

/// Lists records of calls that were not stored.
#[derive(Debug, Clone)]
pub struct AdminListRejectedCalls {
    /// Only those of this PBX.
    pub pbx: Option<PbxId>,
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Rows at most.
    pub limit: u32,
    /// Only those with a smaller id.
    pub before_id: Option<i64>,
}

/// A page of records that were not stored.
#[derive(Debug, Clone)]
pub struct RejectedCallPage {
    /// The newest first.
    pub records: Vec<StoredRejection>,
    /// Where the next page begins, if there may be one.
    pub next_before_id: Option<i64>,
}
