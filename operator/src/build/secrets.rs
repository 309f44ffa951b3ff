//! Secrets that the operator makes: created once with generated values, afterwards only their metadata
//! is kept. Here is the embedded database's; `keys` has those whose values can be replaced.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::Generated;
use super::object::{BuildError, Object, retainable, to_value, unowned};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::references::{Facts, SecretFact};
use crate::validate::Validated;

/// Name of the role and of the database in the embedded PostgreSQL.
pub(super) const DATABASE_ROLE: &str = "telecom";

/// The embedded database's password, and the URL that holds it.
pub(super) fn database(cluster: &Validated, generated: &Generated) -> Result<Object, BuildError> {
    let data = [
        (
            names::DATABASE_PASSWORD_KEY,
            generated.database_password.clone(),
        ),
        (names::DATABASE_URI_KEY, database_uri(cluster, generated)),
    ];
    let name = names::postgres(&cluster.name);
    generated_secret(cluster, &name, Component::Database, &data)
}

/// Hash of the embedded database's URL: as it stands, or as it will be created.
pub(super) fn database_uri_hash(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> String {
    match facts.secret(&cluster.database.url).hash() {
        Some(hash) => hash.to_owned(),
        None => hash_of(&database_uri(cluster, generated)),
    }
}

fn database_uri(cluster: &Validated, generated: &Generated) -> String {
    format!(
        "postgresql://{DATABASE_ROLE}:{}@{}.{}.svc:5432/{DATABASE_ROLE}?sslmode=disable",
        generated.database_password,
        names::postgres(&cluster.name),
        cluster.namespace
    )
}

/// Hash of a value, as the facts will have it once it is stored.
pub(super) fn hash_of(value: &str) -> String {
    SecretFact::of_value(value.as_bytes())
        .hash()
        .unwrap_or_default()
        .to_owned()
}

/// The POST carries data and labels; the owner comes with the apply that follows, so that a later
/// apply without it (`deletionPolicy: Retain`) takes it away again.
pub(super) fn generated_secret(
    cluster: &Validated,
    name: &str,
    component: Component,
    data: &[(&str, String)],
) -> Result<Object, BuildError> {
    let create = secret(unowned(cluster, name.to_owned(), component), Some(data));
    let apply = secret(retainable(cluster, name.to_owned(), component), None);
    let mut object = Object::applied(Kind::Secret, name, &apply)?;
    object.create = Some(to_value(Kind::Secret, name, &create)?);
    Ok(object)
}

fn secret(metadata: ObjectMeta, data: Option<&[(&str, String)]>) -> Secret {
    Secret {
        metadata,
        type_: data.map(|_| "Opaque".to_owned()),
        data: data.map(bytes),
        ..Secret::default()
    }
}

fn bytes(data: &[(&str, String)]) -> BTreeMap<String, ByteString> {
    data.iter()
        .map(|(key, value)| ((*key).to_owned(), ByteString(value.clone().into_bytes())))
        .collect()
}
