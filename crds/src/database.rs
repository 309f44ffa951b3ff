//! Where the server's data lives: an external PostgreSQL or the embedded one.

use k8s_openapi::api::core::v1::ResourceRequirements;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretKeyRef, rules};

/// Both states use the embedded database; what is unset counts as its default, since removing the
/// section is a change too. What is no quantity is refused by its own rule.
const EMBEDDED_SIZE_MAY_GROW: &str = "has(self.urlSecretRef) || has(oldSelf.urlSecretRef) || \
    [has(self.embedded) ? self.embedded.storage.size : '1Gi'].all(now, \
    [has(oldSelf.embedded) ? oldSelf.embedded.storage.size : '1Gi'].all(before, \
    !isQuantity(now) || !isQuantity(before) || quantity(now).compareTo(quantity(before)) >= 0))";

/// Unset means the cluster's default class, which is not the same as the empty class.
const EMBEDDED_STORAGE_CLASS_STAYS: &str = "has(self.urlSecretRef) || has(oldSelf.urlSecretRef) || \
    (has(self.embedded) && has(self.embedded.storage.storageClassName) ? self.embedded.storage.storageClassName : '<default>') == \
    (has(oldSelf.embedded) && has(oldSelf.embedded.storage.storageClassName) ? oldSelf.embedded.storage.storageClassName : '<default>')";

/// Connection to PostgreSQL. With neither `urlSecretRef` nor `embedded` the embedded PostgreSQL is used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = rules::forbidden(
        "!has(self.urlSecretRef) || !has(self.embedded)",
        ".embedded",
        "not together with database.urlSecretRef: remove one of the two",
    ),
    validation = rules::forbidden(
        "has(self.urlSecretRef) || !has(self.directUrlSecretRef)",
        ".directUrlSecretRef",
        "only with database.urlSecretRef",
    ),
    validation = rules::forbidden(
        "has(self.urlSecretRef) || !has(self.readUrlSecretRef)",
        ".readUrlSecretRef",
        "only with database.urlSecretRef",
    ),
    validation = rules::forbidden(
        "has(self.urlSecretRef) || !has(self.caSecretRef)",
        ".caSecretRef",
        "only with database.urlSecretRef",
    ),
    validation = rules::forbidden(
        "has(self.urlSecretRef) || !self.pooler",
        ".pooler",
        "only with database.urlSecretRef",
    ),
    validation = rules::required(
        "!self.pooler || !has(self.urlSecretRef) || has(self.directUrlSecretRef)",
        ".directUrlSecretRef",
        "needed with database.pooler: true, since migrations cannot run through a transaction pooler",
    ),
    validation = rules::forbidden(EMBEDDED_SIZE_MAY_GROW, ".embedded", "storage.size cannot shrink: set it back to the old size or a greater one (1Gi when unset)"),
    validation = rules::forbidden(EMBEDDED_STORAGE_CLASS_STAYS, ".embedded", "storage.storageClassName cannot be changed: Kubernetes does not move a volume to another class"),
)]
pub struct Database {
    /// PostgreSQL URL (`postgresql://user:password@host:5432/db`) of an external database. The key
    /// `uri` of a CloudNativePG `<cluster>-app` Secret works as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_secret_ref: Option<SecretKeyRef>,
    /// URL past a connection pooler, for migrations and notifications. Needed with `pooler: true`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direct_url_secret_ref: Option<SecretKeyRef>,
    /// URL of a read replica, for queries that may lag behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_url_secret_ref: Option<SecretKeyRef>,
    /// PEM certificates of the authority that signed the database's certificate. A change is
    /// picked up without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretKeyRef>,
    /// Whether the URL leads to a pooler in transaction mode, such as PgBouncer.
    #[serde(default)]
    pub pooler: bool,
    /// Most connections that one replica opens.
    #[serde(default = "default_max_connections")]
    #[schemars(range(min = 2, max = 1000))]
    pub max_connections: i32,
    /// A single PostgreSQL instance run by the operator, for development and CI only: no backup, no
    /// failover. Used with its defaults when `urlSecretRef` is unset.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded: Option<EmbeddedDatabase>,
}

/// A single PostgreSQL instance run by the operator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedDatabase {
    /// PostgreSQL image; it needs `sh`, `initdb` and `postgres`. Unset: the operator's default. A major
    /// version cannot be changed in place: PostgreSQL refuses the data of another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::image("docker.io/library/postgres:15"))]
    pub image: Option<String>,
    /// The volume that holds the data.
    #[serde(default)]
    pub storage: EmbeddedStorage,
    /// CPU and memory of the PostgreSQL container. Unset: requests of 100m CPU and 128Mi memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::quantities(), validation = rules::requests_within_limits())]
    pub resources: Option<ResourceRequirements>,
}

/// The volume of the embedded PostgreSQL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmbeddedStorage {
    /// Size of the volume. It may grow (if the StorageClass allows expansion), never shrink.
    #[serde(default = "default_storage_size")]
    #[schemars(with = "String", length(max = 32))]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message("must be a size greater than 0, such as 1Gi"))]
    pub size: Quantity,
    /// StorageClass of the volume; unset: the cluster's default. It cannot be changed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub storage_class_name: Option<String>,
}

fn default_max_connections() -> i32 {
    10
}

fn default_storage_size() -> Quantity {
    Quantity(EmbeddedStorage::DEFAULT_SIZE.into())
}

impl EmbeddedStorage {
    /// Size of the embedded database's volume when the manifest does not say.
    pub const DEFAULT_SIZE: &str = "1Gi";
}

impl Default for EmbeddedStorage {
    fn default() -> Self {
        Self {
            size: default_storage_size(),
            storage_class_name: None,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url_secret_ref: None,
            direct_url_secret_ref: None,
            read_url_secret_ref: None,
            ca_secret_ref: None,
            pooler: false,
            max_connections: default_max_connections(),
            embedded: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_about_the_size_knows_the_default_size() {
        let default = format!("'{}'", EmbeddedStorage::DEFAULT_SIZE);
        assert_eq!(EMBEDDED_SIZE_MAY_GROW.matches(&default).count(), 2);
    }
}
