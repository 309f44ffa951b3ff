//! Node servers as administrators manage them.

use crate::auth::Machine;
use crate::nodes::{NodeServer, NodeServerId};
use crate::store::node_servers::{self, Page, UNIQUE_NAME};
use crate::store::{Transaction, machine_tokens, node_status, retry_conflicts};

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};

mod messages;
mod snapshot;

pub use messages::{
    AdminCreateServer, AdminDeleteServer, AdminListServers, AdminRotateToken, AdminSetMaintenance,
    AdminShowServer, AdminUpdateServer, CreatedServer, RotatedToken, ServerDetail, ServerPage,
};

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
            let server = server.ok_or_else(|| DomainError::NotFound(thing(id)))?;
            let tokens = if context.caller.is_admin() {
                machine_tokens::list(&mut transaction, Machine::Node(id)).await?
            } else {
                Vec::new()
            };
            let status_since = node_status::since(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(ServerDetail {
                server,
                tokens,
                status_since,
            })
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
            let idempotency = input.idempotency.as_ref();
            let begun =
                Write::begin_create(&self.database, context, "CreateNodeServer", idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = NodeServerId(id.parse().unwrap_or_default());
                    let server = self.present(&mut write.transaction, id).await?;
                    return Ok(CreatedServer {
                        server,
                        token: None,
                    });
                }
            };
            let transaction = &mut write.transaction;
            let inserted = node_servers::insert(transaction, &input.config).await;
            let id = inserted.map_err(taken(
                UNIQUE_NAME,
                Kind::NodeServer,
                &input.config.values().name,
            ))?;
            let token = input.secret.token(Machine::Node(id));
            machine_tokens::insert(transaction, Machine::Node(id), &token.digest()).await?;
            let server = self.present(transaction, id).await?;
            let after = snapshot::of(&server);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(CreatedServer {
                server,
                token: Some(token),
            })
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
            let mut write = Write::begin(&self.database, context, "UpdateNodeServer").await?;
            let transaction = &mut write.transaction;
            let before = self.locked(transaction, id, Some(&input.etag)).await?;
            let config = before
                .config
                .clone()
                .changed(input.change.clone(), &input.fields)
                .map_err(DomainError::Invalid)?;
            let updated = node_servers::update(transaction, id, &config).await;
            updated.map_err(taken(UNIQUE_NAME, Kind::NodeServer, &config.values().name))?;
            self.changed(write, &before).await
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
            let mut write = Write::begin(&self.database, context, "DeleteNodeServer").await?;
            self.locked(&mut write.transaction, id, etag).await?;
            // Counted under the lock, which keeps new ones out.
            let before = self.present(&mut write.transaction, id).await?;
            if before.client_count > 0 {
                return Err(Obstacle::NodeServerInUse {
                    id: id.0,
                    clients: before.client_count.into(),
                }
                .into());
            }
            node_servers::delete(&mut write.transaction, id).await?;
            let before = snapshot::of(&before);
            write.commit(&thing(id), Some(before), None).await
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
            let mut write = Write::begin(&self.database, context, "SetMaintenance").await?;
            let before = self.locked(&mut write.transaction, id, etag).await?;
            node_servers::set_maintenance(&mut write.transaction, id, reason).await?;
            self.changed(write, &before).await
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
            let mut write = Write::begin(&self.database, context, "RotateToken").await?;
            let transaction = &mut write.transaction;
            let before = self.locked(transaction, id, etag).await?;
            let previous_expires_at =
                machine_tokens::retire(transaction, Machine::Node(id), input.grace).await?;
            let token = input.secret.token(Machine::Node(id));
            machine_tokens::insert(transaction, Machine::Node(id), &token.digest()).await?;
            node_servers::touch(transaction, id).await?;
            let server = self.present(transaction, id).await?;
            let after = snapshot::of_rotation(&server, previous_expires_at);
            let before = snapshot::of(&before);
            write.commit(&thing(id), Some(before), Some(after)).await?;
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
        let server = server.ok_or_else(|| DomainError::NotFound(thing(id)))?;
        check_etag(|| thing(id), server.revision, etag)?;
        Ok(server)
    }

    /// The node server as the transaction has left it.
    async fn present(
        &self,
        transaction: &mut Transaction,
        id: NodeServerId,
    ) -> Result<NodeServer, DomainError> {
        let server = node_servers::find(transaction, id, self.offline_timeout).await?;
        server.ok_or_else(|| DomainError::NotFound(thing(id)))
    }

    /// Ends a change of a node server.
    async fn changed(
        &self,
        mut write: Write<'_>,
        before: &NodeServer,
    ) -> Result<NodeServer, DomainError> {
        let server = self.present(&mut write.transaction, before.id).await?;
        let (old, new) = (snapshot::of(before), snapshot::of(&server));
        write
            .commit(&thing(server.id), Some(old), Some(new))
            .await?;
        Ok(server)
    }
}

fn thing(id: NodeServerId) -> Thing {
    Thing::new(Kind::NodeServer, id)
}
