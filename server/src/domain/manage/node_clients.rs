//! Node clients as administrators manage them.

use crate::nodes::{FactorFrom, NodeClient, NodeClientConfig, NodeClientDetail, NodeClientId};
use crate::store::node_client_factors::{self, Added, UNIQUE_MOMENT};
use crate::store::node_clients::{self, Page, UNIQUE_NAME};
use crate::store::{StoreError, Transaction, node_servers, retry_conflicts};
use crate::violation::Violation;

use super::ManageService;
use super::write::{Begun, Write, check_etag, taken};
use crate::domain::{Context, DomainError, Kind, Obstacle, Processor, Thing};

mod messages;
mod snapshot;

pub use messages::{
    AdminCreateClient, AdminDeleteClient, AdminListClients, AdminSetFactor, AdminShowClient,
    AdminUpdateClient, ClientPage, SetFactor,
};

impl Processor<AdminListClients> for ManageService {
    type Output = ClientPage;

    async fn process(
        &self,
        context: &Context,
        input: AdminListClients,
    ) -> Result<ClientPage, DomainError> {
        let page = Page {
            node_server: input.node_server,
            limit: input.limit,
            offset: input.offset,
        };
        let (clients, total) = retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let found = node_clients::list(&mut transaction, page, self.offline_timeout).await?;
            transaction.commit().await?;
            Ok::<_, DomainError>(found)
        })
        .await?;
        Ok(ClientPage { clients, total })
    }
}

impl Processor<AdminShowClient> for ManageService {
    type Output = NodeClientDetail;

    async fn process(
        &self,
        context: &Context,
        AdminShowClient(id): AdminShowClient,
    ) -> Result<NodeClientDetail, DomainError> {
        retry_conflicts(|| async move {
            let mut transaction = self.database.read(context.deadline).await?;
            let client = self.present_client(&mut transaction, id).await?;
            let runs_on = client.config.node_server();
            let server = node_servers::find(&mut transaction, runs_on, self.offline_timeout);
            // A foreign key keeps it there.
            let server = server.await?.ok_or(StoreError::Corrupt("node_server_id"))?;
            let coming = node_client_factors::coming(&mut transaction, id).await?;
            transaction.commit().await?;
            Ok(NodeClientDetail {
                client,
                server,
                coming,
            })
        })
        .await
    }
}

impl Processor<AdminCreateClient> for ManageService {
    type Output = NodeClient;

    async fn process(
        &self,
        context: &Context,
        input: AdminCreateClient,
    ) -> Result<NodeClient, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let idempotency = input.idempotency.as_ref();
            let begun =
                Write::begin_create(&self.database, context, "CreateNodeClient", idempotency);
            let mut write = match begun.await? {
                Begun::New(write) => write,
                Begun::Before(mut write, id) => {
                    let id = NodeClientId(id.parse().unwrap_or_default());
                    return self.present_client(&mut write.transaction, id).await;
                }
            };
            let transaction = &mut write.transaction;
            let inserted = node_clients::insert(transaction, &input.config, input.factor).await;
            let id = inserted.map_err(|error| refused(error, &input.config))?;
            let client = self.present_client(transaction, id).await?;
            let after = snapshot::of(&client);
            write.commit(&thing(id), None, Some(after)).await?;
            Ok(client)
        })
        .await
    }
}

impl Processor<AdminUpdateClient> for ManageService {
    type Output = NodeClient;

    async fn process(
        &self,
        context: &Context,
        input: AdminUpdateClient,
    ) -> Result<NodeClient, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "UpdateNodeClient").await?;
            let transaction = &mut write.transaction;
            let before = self
                .locked_client(transaction, id, Some(&input.etag))
                .await?;
            let config = before
                .config
                .clone()
                .changed(input.change.clone(), &input.fields)
                .map_err(DomainError::Invalid)?;
            let updated = node_clients::update(transaction, id, &config).await;
            updated.map_err(|error| refused(error, &config))?;
            let client = self.present_client(transaction, id).await?;
            let (old, new) = (snapshot::of(&before), snapshot::of(&client));
            write.commit(&thing(id), Some(old), Some(new)).await?;
            Ok(client)
        })
        .await
    }
}

impl Processor<AdminDeleteClient> for ManageService {
    type Output = ();

    async fn process(
        &self,
        context: &Context,
        input: AdminDeleteClient,
    ) -> Result<(), DomainError> {
        let (id, etag) = (input.id, input.etag.as_deref());
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "DeleteNodeClient").await?;
            let transaction = &mut write.transaction;
            let before = self.locked_client(transaction, id, etag).await?;
            // Looked for under the lock, which keeps new ones out.
            if let Some(series) = node_clients::series_of(transaction, id).await? {
                return Err(Obstacle::NodeClientInUse { id: id.0, series }.into());
            }
            node_clients::delete(transaction, id).await?;
            let before = snapshot::of(&before);
            write.commit(&thing(id), Some(before), None).await
        })
        .await
    }
}

impl Processor<AdminSetFactor> for ManageService {
    type Output = SetFactor;

    async fn process(
        &self,
        context: &Context,
        input: AdminSetFactor,
    ) -> Result<SetFactor, DomainError> {
        let (id, input) = (input.id, &input);
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "SetFactor").await?;
            let transaction = &mut write.transaction;
            let before = self
                .locked_client(transaction, id, input.etag.as_deref())
                .await?;
            let added =
                node_client_factors::add(transaction, id, input.factor, input.valid_from).await;
            let factor = match added.map_err(factor_exists)? {
                Added::From(valid_from) => FactorFrom {
                    factor: input.factor,
                    valid_from,
                },
                Added::Past(now) => {
                    let now = now.format("%Y-%m-%dT%H:%M:%S%.6fZ");
                    let description =
                        format!("must not be in the past: the database's clock says {now}");
                    let violation = Violation::new("valid_from", description);
                    return Err(DomainError::Invalid(vec![violation]));
                }
            };
            node_clients::touch(transaction, id).await?;
            let client = self.present_client(transaction, id).await?;
            let (old, new) = (snapshot::of(&before), snapshot::with_set(&client, &factor));
            write.commit(&thing(id), Some(old), Some(new)).await?;
            Ok(SetFactor { client, factor })
        })
        .await
    }
}

impl ManageService {
    /// The node client, held against other writers, if it is still what the caller knows.
    async fn locked_client(
        &self,
        transaction: &mut Transaction,
        id: NodeClientId,
        etag: Option<&str>,
    ) -> Result<NodeClient, DomainError> {
        let client = node_clients::lock(transaction, id, self.offline_timeout).await?;
        let client = client.ok_or_else(|| DomainError::NotFound(thing(id)))?;
        check_etag(|| thing(id), client.revision, etag)?;
        Ok(client)
    }

    /// The node client as the transaction has left it.
    async fn present_client(
        &self,
        transaction: &mut Transaction,
        id: NodeClientId,
    ) -> Result<NodeClient, DomainError> {
        let client = node_clients::find(transaction, id, self.offline_timeout).await?;
        client.ok_or_else(|| DomainError::NotFound(thing(id)))
    }
}

fn thing(id: NodeClientId) -> Thing {
    Thing::new(Kind::NodeClient, id)
}

fn refused(error: StoreError, config: &NodeClientConfig) -> DomainError {
    match error {
        StoreError::Orphan => {
            Obstacle::Missing(Thing::new(Kind::NodeServer, config.node_server())).into()
        }
        other => taken(UNIQUE_NAME, Kind::NodeClient, &config.values().name)(other),
    }
}

fn factor_exists(error: StoreError) -> DomainError {
    match error {
        StoreError::Duplicate { constraint } if constraint == UNIQUE_MOMENT => {
            DomainError::FactorExists
        }
        other => other.into(),
    }
}
