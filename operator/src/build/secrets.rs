//! Secrets that the operator makes: created once with generated values, afterwards only their metadata
//! is kept. Nothing but a request to rotate replaces a value.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;

use super::Generated;
use super::object::{BuildError, Object, retainable, to_value, unowned};
use crate::kinds::Kind;
use crate::names::{self, Component};
use crate::references::{Facts, SecretFact, SecretKey};
use crate::validate::Validated;

/// Name of the role and of the database in the embedded PostgreSQL.
pub(super) const DATABASE_ROLE: &str = "telecom";

/// The operator's own credential to the server.
pub(super) fn admin_token(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> Result<Object, BuildError> {
    let secret = SecretKey::admin_token(&cluster.name);
    let data = [(names::ADMIN_TOKEN_KEY, generated.admin_token.clone())];
    let mut object = generated_secret(cluster, &secret.name, Component::Server, &data)?;
    // The answer to a request to rotate is kept on the Secret, beside the value that honours it.
    let answer = match &cluster.rotate_keys {
        Some(asked) => json!({names::ROTATE_KEYS_ANNOTATION: asked}),
        None => json!({}),
    };
    if let Some(create) = object
        .create
        .as_mut()
        .filter(|_| cluster.rotate_keys.is_some())
    {
        create["metadata"]["annotations"] = answer.clone();
    }
    if replaces_admin_token(cluster, facts) {
        let data = to_value(Kind::Secret, &secret.name, &bytes(&data))?;
        object.merge = Some(json!({"metadata": {"annotations": answer}, "data": data}));
    }
    Ok(object)
}

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

/// Hash of the admin token: as it stands, or as it will be created or replaced.
pub(super) fn admin_token_hash(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> String {
    let secret = SecretKey::admin_token(&cluster.name);
    match facts.secret(&secret).hash() {
        Some(hash) if !replaces_admin_token(cluster, facts) => hash.to_owned(),
        Some(_) | None => hash_of(&generated.admin_token),
    }
}

/// Whether the token that is there has to make way: on request, or because it is empty or gone from
/// its Secret, which would leave the server without a door for administrators.
fn replaces_admin_token(cluster: &Validated, facts: &Facts) -> bool {
    let asked =
        cluster.rotate_keys.is_some() && cluster.rotate_keys != facts.live.admin_token_rotation;
    match facts.secret(&SecretKey::admin_token(&cluster.name)) {
        SecretFact::Missing => false,
        SecretFact::KeyMissing | SecretFact::Empty => true,
        SecretFact::Present(_) => asked,
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

fn hash_of(value: &str) -> String {
    SecretFact::of_value(value.as_bytes())
        .hash()
        .unwrap_or_default()
        .to_owned()
}

/// The POST carries data and labels; the owner comes with the apply that follows, so that a later
/// apply without it (`deletionPolicy: Retain`) takes it away again.
fn generated_secret(
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
