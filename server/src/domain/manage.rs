//! What administrators do with node servers. Each write leaves a row in the audit log, in its own
//! transaction.

use std::time::Duration;

use crate::nodes::{NodeServer, NodeServerConfig, NodeServerId};
use crate::store::{
    Database, StoreError, Transaction, audit,
    node_servers::{self, Page, UNIQUE_NAME},
    node_tokens, retry_conflicts,
};

use super::{Context, DomainError, Processor};

mod messages;
mod snapshot;

pub use messages::{
    AdminCreateServer, AdminDeleteServer, AdminListServers, AdminRotateToken, AdminSetMaintenance,
    AdminShowServer, AdminUpdateServer, CreatedServer, RotatedToken, ServerDetail, ServerPage,
};

/// Serves administrators.
#[derive(Debug, Clone)]
pub struct ManageService {
    database: Database,
    offline_timeout: Duration,
}

impl ManageService {
    /// A service over a clone of the database.
    pub fn new(database: Database, offline_timeout: Duration) -> Self {
        Self {
            database,
            offline_timeout,
        }
    }
}

impl Processor<AdminListServers> for ManageService {
    type Output = ServerPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListServers,
    ) -> Result<ServerPage, DomainError> {
        let page = Page {
            status: input.status,
            limit: input.limit,
            offset: input.offset,
        };
        let (servers, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = node_servers::list(&mut transaction, page, self.offline_timeout).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(ServerPage { servers, total })
    }
}

impl Processor<AdminShowServer> for ManageService {
    type Output = ServerDetail;

    async fn process(
        &self,
        context: &Context,
        AdminShowServer(id): AdminShowServer,
    ) -> Result<ServerDetail, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let server = node_servers::find(&mut transaction, id, self.offline_timeout).await?;
            let server = server.ok_or(DomainError::NodeServerNotFound(id))?;
            let tokens = node_tokens::list(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(ServerDetail { server, tokens })
        })
        .await
    }
}

impl Processor<AdminCreateServer> for ManageService {
    type Output = CreatedServer;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreateServer,
    ) -> Result<CreatedServer, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let inserted = node_servers::insert(&mut transaction, &input.config).await;
            let id = inserted.map_err(|error| name_taken(error, &input.config))?;
            let token = input.secret.token(id);
            node_tokens::insert(&mut transaction, id, &token.digest()).await?;
            let server = self.written(&mut transaction, id).await?;
            let after = Some(snapshot::of(&server));
            audit(
                context,
                &mut transaction,
                "CreateNodeServer",
                id,
                None,
                after,
            )
            .await?;
            transaction.commit().await?;
            Ok(CreatedServer { server, token })
        })
        .await
    }
}

impl Processor<AdminUpdateServer> for ManageService {
    type Output = NodeServer;

    async fn process(
        &self,
        context: &Context,
        input: AdminUpdateServer,
    ) -> Result<NodeServer, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let before = self.locked(&mut transaction, id, Some(&input.etag)).await?;
            let config = before
                .config
                .clone()
                .changed(input.change.clone(), &input.fields)
                .map_err(DomainError::Invalid)?;
            let updated = node_servers::update(&mut transaction, id, &config).await;
            updated.map_err(|error| name_taken(error, &config))?;
            let server = self.written(&mut transaction, id).await?;
            let (before, after) = (Some(snapshot::of(&before)), Some(snapshot::of(&server)));
            audit(
                context,
                &mut transaction,
                "UpdateNodeServer",
                id,
                before,
                after,
            )
            .await?;
            transaction.commit().await?;
            Ok(server)
        })
        .await
    }
}

impl Processor<AdminDeleteServer> for ManageService {
    type Output = ();

    async fn process(
        &self,
        context: &Context,
        input: AdminDeleteServer,
    ) -> Result<(), DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let before = self.locked(&mut transaction, id, etag).await?;
            node_servers::delete(&mut transaction, id).await?;
            let before = Some(snapshot::of(&before));
            audit(
                context,
                &mut transaction,
                "DeleteNodeServer",
                id,
                before,
                None,
            )
            .await?;
            transaction.commit().await?;
            Ok(())
        })
        .await
    }
}

impl Processor<AdminSetMaintenance> for ManageService {
    type Output = NodeServer;

    async fn process(
        &self,
        context: &Context,
        input: AdminSetMaintenance,
    ) -> Result<NodeServer, DomainError> {
        let (id, etag, reason) = (input.id, input.etag.as_deref(), input.reason.as_deref());
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let before = self.locked(&mut transaction, id, etag).await?;
            node_servers::set_maintenance(&mut transaction, id, reason).await?;
            let server = self.written(&mut transaction, id).await?;
            let (before, after) = (Some(snapshot::of(&before)), Some(snapshot::of(&server)));
            audit(
                context,
                &mut transaction,
                "SetMaintenance",
                id,
                before,
                after,
            )
            .await?;
            transaction.commit().await?;
            Ok(server)
        })
        .await
    }
}

impl Processor<AdminRotateToken> for ManageService {
    type Output = RotatedToken;

    async fn process(
        &self,
        context: &Context,
        input: AdminRotateToken,
    ) -> Result<RotatedToken, DomainError> {
        let (id, etag, input) = (input.id, input.etag.as_deref(), &input);
        retry_conflicts(|| async move {
            let mut transaction = self.database.write(context.deadline).await?;
            let before = self.locked(&mut transaction, id, etag).await?;
            let previous_expires_at =
                node_tokens::retire(&mut transaction, id, input.grace).await?;
            let token = input.secret.token(id);
            node_tokens::insert(&mut transaction, id, &token.digest()).await?;
            node_servers::touch(&mut transaction, id).await?;
            let server = self.written(&mut transaction, id).await?;
            let after = snapshot::of_rotation(&server, previous_expires_at);
            let (before, after) = (Some(snapshot::of(&before)), Some(after));
            audit(context, &mut transaction, "RotateToken", id, before, after).await?;
            transaction.commit().await?;
            Ok(RotatedToken {
                server,
                token,
                previous_expires_at,
            })
        })
        .await
    }
}

impl ManageService {
    /// The node server, held against other writers, if it is still what the caller knows.
    async fn locked(
        &self,
        transaction: &mut Transaction,
        id: NodeServerId,
        etag: Option<&str>,
    ) -> Result<NodeServer, DomainError> {
        let server = node_servers::lock(transaction, id, self.offline_timeout).await?;
        let server = server.ok_or(DomainError::NodeServerNotFound(id))?;
        match etag {
            Some(given) if given != server.revision.etag() => Err(DomainError::EtagStale {
                id,
                given: given.to_owned(),
            }),
            _ => Ok(server),
        }
    }

    /// The node server as the transaction has left it.
    async fn written(
        &self,
        transaction: &mut Transaction,
        id: NodeServerId,
    ) -> Result<NodeServer, DomainError> {
        let server = node_servers::find(transaction, id, self.offline_timeout).await?;
        server.ok_or(DomainError::NodeServerNotFound(id))
    }
}

async fn audit(
    context: &Context,
    transaction: &mut Transaction,
    method: &str,
    id: NodeServerId,
    before: Option<serde_json::Value>,
    after: Option<serde_json::Value>,
) -> Result<(), StoreError> {
    let actor = context.caller.to_string();
    let entry = audit::Entry {
        actor: &actor,
        method,
        target: format!("node_server/{id}"),
        before,
        after,
        trace_id: &context.trace_id,
    };
    audit::append(transaction, &entry).await
}

fn name_taken(error: StoreError, config: &NodeServerConfig) -> DomainError {
    match error {
        StoreError::Duplicate { constraint } if constraint == UNIQUE_NAME => {
            DomainError::NameTaken(config.values().name.clone())
        }
        other => other.into(),
    }
}
