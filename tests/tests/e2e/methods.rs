//! Every gRPC method of `telecom.v1` on the real cluster: through the Service, with real tokens. A method that
//! is in the descriptor and was not called fails the test.

use std::collections::BTreeSet;

use anyhow::Result;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use serde_json::json;
use telecom_server::auth::Role;
use telecom_tests::door::{Caller, Door};
use telecom_tests::scenario::scenario;
use telecom_tests::{database, tokens};
use tonic::Code;
use tonic::client::Grpc;

mod audit;
mod calls;
mod events;
mod jobs;
mod network;
mod packages;
mod pbxs;
mod users;
mod wholesale;

/// The provider's people, each with a token of their role.
pub(super) struct Provider {
    pub(super) door: Door,
    pub(super) admin: Caller,
    pub(super) support: Caller,
    pub(super) viewer: Caller,
    pub(super) collector: Caller,
    key: String,
}

impl Provider {
    fn new(door: Door, key: String) -> Result<Self> {
        let caller = |role: Role| door.with(&tokens::mint(&key, role, role.as_str()));
        let roles = [Role::Admin, Role::Support, Role::Viewer, Role::Collector];
        let [admin, support, viewer, collector] = roles.map(caller);
        Ok(Self {
            admin: admin?,
            support: support?,
            viewer: viewer?,
            collector: collector?,
            door,
            key,
        })
    }

    /// A subscriber's own app.
    pub(super) fn user(&self, id: &str) -> Result<Caller> {
        self.door.with(&tokens::mint(&self.key, Role::User, id))
    }
}

#[tokio::test]
async fn every_method_answers_on_the_cluster() {
    scenario("methods", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let provider = Provider::new(Door::open(&s, "demo").await?, key)?;

        let methods = methods()?;
        for method in &methods {
            turned_away(&provider, method).await?;
        }
        assert_eq!(provider.door.answered(), BTreeSet::new());

        let network = network::set_up(&provider).await?;
        let package = packages::set_up(&provider, &network).await?;
        users::buy_and_use(&provider, &network, package).await?;
        events::go_around(&provider).await?;
        calls::look_at(&provider).await?;
        jobs::run_and_tell(&provider).await?;
        let pbx = pbxs::set_up(&provider).await?;
        pbxs::take_down(&provider, pbx).await?;
        wholesale::rate_and_sum(&provider).await?;
        packages::retire(&provider, package).await?;
        network::take_down(&provider, &network).await?;
        audit::tells_of_every_write(&provider).await?;

        let answered = provider.door.answered();
        let silent: Vec<_> = methods.difference(&answered).collect();
        assert!(silent.is_empty(), "never answered: {silent:?}");
        Ok(())
    })
    .await;
}

/// `telecom.v1.Service/Method` of everything that the server offers of its own.
fn methods() -> Result<BTreeSet<String>> {
    let set = FileDescriptorSet::decode(telecom_proto::FILE_DESCRIPTOR_SET)?;
    let mut methods = BTreeSet::new();
    for file in set
        .file
        .iter()
        .filter(|file| file.package() == "telecom.v1")
    {
        for service in &file.service {
            for method in &service.method {
                methods.insert(format!("telecom.v1.{}/{}", service.name(), method.name()));
            }
        }
    }
    Ok(methods)
}

/// Without a token, with one of another key, with one of a role that has no business here.
async fn turned_away(provider: &Provider, method: &str) -> Result<()> {
    let foreign = tokens::mint(&"x".repeat(32), Role::Admin, "mallory");
    // The one has jobs done and does nothing else, the other looks at the network and not at jobs.
    let wrong = if method.contains(".JobManage/") {
        Role::Viewer
    } else {
        Role::Operator
    };
    let wrong = tokens::mint(&provider.key, wrong, "wrong");
    for (who, token, code) in [
        ("nobody", "", Code::Unauthenticated),
        ("a stranger", &foreign, Code::Unauthenticated),
        ("a wrong role", &wrong, Code::PermissionDenied),
    ] {
        let status = empty(provider.door.with(token)?, method).await.unwrap_err();
        assert_eq!(status.code(), code, "{method} for {who}: {status}");
    }
    Ok(())
}

/// Calls a method with an empty message.
async fn empty(caller: Caller, method: &str) -> Result<(), tonic::Status> {
    let mut client = Grpc::new(caller);
    let ready = client.ready().await;
    ready.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let path = format!("/{method}").parse().unwrap();
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    client.unary(tonic::Request::new(()), path, codec).await?;
    Ok(())
}
