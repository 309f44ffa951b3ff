//! PBXs as administrators manage them.

use serde_json::{Value, json};

use crate::auth::Machine;
use crate::pbxs::{Pbx, PbxId};
use crate::store::call_rejections::{self, Page};
use crate::store::pbxs::{self, UNIQUE_NAME};
use crate::store::{Transaction, machine_tokens, pbx_states, retry_conflicts};

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};
use crate::domain::{Context, DomainError, Kind, Processor, Thing};

mod messages;

pub use messages::{
    AdminCreatePbx, AdminDeletePbx, AdminListPbxs, AdminListRejectedCalls, AdminRotatePbxToken,
    AdminShowPbx, AdminUpdatePbx, CreatedPbx, PbxDetail, PbxPage, RejectedCallPage,
    RotatedPbxToken,
};

impl Processor<AdminListPbxs> for ManageService {
    type Output = PbxPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListPbxs,
    ) -> Result<PbxPage, DomainError> {
        let (pbxs, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = pbxs::list(&mut transaction, (input.limit, input.offset)).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(PbxPage { pbxs, total })
    }
}

impl Processor<AdminShowPbx> for ManageService {
    type Output = PbxDetail;

    async fn process(
        &self,
        context: &Context,
        AdminShowPbx(id): AdminShowPbx,
    ) -> Result<PbxDetail, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let pbx = present(&mut transaction, id).await?;
            let state = pbx_states::find(&mut transaction, id).await?;
            let tokens = if context.caller.is_admin() {
                machine_tokens::list(&mut transaction, Machine::Pbx(id)).await?
            } else {
                Vec::new()
            };
            transaction.commit().await?;
            Ok(PbxDetail { pbx, state, tokens })
        })
        .await
    }
}

impl Processor<AdminCreatePbx> for ManageService {
    type Output = CreatedPbx;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreatePbx,
    ) -> Result<CreatedPbx, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let idempotency = input.idempotency.as_ref();
            let begun = Write::begin_create(&self.database, context, "CreatePbx", idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = PbxId(id.parse().unwrap_or_default());
                    let pbx = present(&mut write.transaction, id).await?;
                    return Ok(CreatedPbx { pbx, token: None });
                }
            };
            let transaction = &mut write.transaction;
            let inserted = pbxs::insert(transaction, &input.config).await;
            let name = &input.config.values().name;
            let id = inserted.map_err(taken(UNIQUE_NAME, Kind::Pbx, name))?;
            let token = input.secret.token(Machine::Pbx(id));
            machine_tokens::insert(transaction, Machine::Pbx(id), &token.digest()).await?;
            let pbx = present(transaction, id).await?;
            let after = snapshot(&pbx);
            write.commit(&thing(id), None, Some(after)).await?;
            let token = Some(token);
            Ok(CreatedPbx { pbx, token })
        })
        .await
    }
}

impl Processor<AdminUpdatePbx> for ManageService {
    type Output = Pbx;

    async fn process(&self, context: &Context, input: AdminUpdatePbx) -> Result<Pbx, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "UpdatePbx").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, id, Some(&input.etag)).await?;
            let config = before.config.clone();
            let config = config.changed(input.change.clone(), &input.fields);
            let config = config.map_err(DomainError::Invalid)?;
            let updated = pbxs::update(transaction, id, &config).await;
            updated.map_err(taken(UNIQUE_NAME, Kind::Pbx, &config.values().name))?;
            let after = present(transaction, id).await?;
            let (old, new) = (snapshot(&before), snapshot(&after));
            write.commit(&thing(id), Some(old), Some(new)).await?;
            Ok(after)
        })
        .await
    }
}

impl Processor<AdminDeletePbx> for ManageService {
    type Output = ();

    async fn process(&self, context: &Context, input: AdminDeletePbx) -> Result<(), DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "DeletePbx").await?;
            let before = locked(&mut write.transaction, id, etag).await?;
            pbxs::delete(&mut write.transaction, id).await?;
            let before = snapshot(&before);
            write.commit(&thing(id), Some(before), None).await
        })
        .await
    }
}

impl Processor<AdminRotatePbxToken> for ManageService {
    type Output = RotatedPbxToken;

    async fn process(
        &self,
        context: &Context,
        input: AdminRotatePbxToken,
    ) -> Result<RotatedPbxToken, DomainError> {
        let (id, etag, input) = (input.id, input.etag.as_deref(), &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "RotatePbxToken").await?;
            let (transaction, machine) = (&mut write.transaction, Machine::Pbx(id));
            let before = locked(transaction, id, etag).await?;
            let previous_expires_at =
                machine_tokens::retire(transaction, machine, input.grace).await?;
            let token = input.secret.token(machine);
            machine_tokens::insert(transaction, machine, &token.digest()).await?;
            pbxs::touch(transaction, id).await?;
            let pbx = present(transaction, id).await?;
            let mut after = snapshot(&pbx);
            after["previous_token_expires_at"] = json!(previous_expires_at);
            let before = snapshot(&before);
            write.commit(&thing(id), Some(before), Some(after)).await?;
            Ok(RotatedPbxToken {
                pbx,
                token,
                previous_expires_at,
            })
        })
        .await
    }
}

impl Processor<AdminListRejectedCalls> for ManageService {
    type Output = RejectedCallPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListRejectedCalls,
    ) -> Result<RejectedCallPage, DomainError> {
        let page = Page {
            pbx: input.pbx,
            reason: input.reason,
            limit: input.limit,
            before_id: input.before_id,
        };
        let page = &page;
        let records = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = call_rejections::list(&mut transaction, page).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        let is_full = records.len() >= page.limit as usize;
        let next_before_id = records.last().filter(|_| is_full).map(|record| record.id);
        Ok(RejectedCallPage {
            records,
            next_before_id,
        })
    }
}

/// The PBX, held against other writers, if it is still what the caller knows.
async fn locked(
    transaction: &mut Transaction,
    id: PbxId,
    etag: Option<&str>,
) -> Result<Pbx, DomainError> {
    let pbx = pbxs::lock(transaction, id).await?;
    let pbx = pbx.ok_or_else(|| DomainError::NotFound(thing(id)))?;
    check_etag(|| thing(id), pbx.revision, etag)?;
    Ok(pbx)
}

/// The PBX as the transaction has left it.
async fn present(transaction: &mut Transaction, id: PbxId) -> Result<Pbx, DomainError> {
    let pbx = pbxs::find(transaction, id).await?;
    pbx.ok_or_else(|| DomainError::NotFound(thing(id)))
}

/// Its state as the audit log keeps it: what administrators decide, no secrets.
fn snapshot(pbx: &Pbx) -> Value {
    let values = pbx.config.values();
    json!({
        "etag": pbx.revision.etag(),
        "name": values.name,
        "health_url": values.health_url,
        "metadata": values.metadata,
    })
}

fn thing(id: PbxId) -> Thing {
    Thing::new(Kind::Pbx, id)
}
