//! The ServiceAccount of the server's Pods: a name without any permission, and no token.

use k8s_openapi::api::core::v1::ServiceAccount;

use super::object::{BuildError, Object, metadata};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::validate::Validated;

/// `None` when the manifest names one.
pub(super) fn build(cluster: &Validated) -> Result<Option<Object>, BuildError> {
    if cluster.pod.service_account.is_some() {
        return Ok(None);
    }
    let name = names::server(&cluster.name);
    let account = ServiceAccount {
        metadata: metadata(cluster, name.clone(), Component::Server),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    };
    Object::applied(Kind::ServiceAccount, &name, &account).map(Some)
}

/// The name that the Pods run under.
pub(super) fn name(cluster: &Validated) -> String {
    cluster
        .pod
        .service_account
        .clone()
        .unwrap_or_else(|| names::server(&cluster.name))
}
