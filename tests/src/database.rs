//! The embedded PostgreSQL of a scenario's cluster, reached as the server reaches it.

use std::str::FromStr;

use anyhow::{Context, Result};
use k8s_openapi::api::core::v1::Secret;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

use crate::cluster;
use crate::forward::Forward;
use crate::scenario::Scenario;

/// A pool to one database of the embedded PostgreSQL; the forward lives as long.
pub struct Database {
    /// Connections through the forward.
    pub pool: PgPool,
    _forward: Forward,
}

/// Connects to `database` (the server's own when `None`) of the cluster's embedded PostgreSQL.
pub async fn connect(
    scenario: &Scenario,
    cluster: &str,
    database: Option<&str>,
) -> Result<Database> {
    let forward = scenario.forward(cluster, "database", 5432).await?;
    let mut options = PgConnectOptions::from_str(&uri(scenario, cluster).await?)?
        .host("127.0.0.1")
        .port(forward.address.port());
    if let Some(database) = database {
        options = options.database(database);
    }
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await?;
    Ok(Database {
        pool,
        _forward: forward,
    })
}

/// The connection URI that the operator keeps in the Secret `<cluster>-postgres`.
pub async fn uri(scenario: &Scenario, cluster: &str) -> Result<String> {
    secret_key(scenario, &format!("{cluster}-postgres"), "uri").await
}

/// A key of a Secret as text.
pub async fn secret_key(scenario: &Scenario, name: &str, key: &str) -> Result<String> {
    let secret = scenario.api::<Secret>().get(name).await?;
    let bytes = secret.data.and_then(|data| data.get(key).cloned());
    Ok(String::from_utf8(
        bytes
            .with_context(|| format!("Secret {name} has no key {key}"))?
            .0,
    )?)
}

/// An empty database beside the server's own on the same PostgreSQL, and the URI to it. The server's role
/// may not create databases, so the superuser does it inside the Pod.
pub async fn create(scenario: &Scenario, cluster: &str, database: &str) -> Result<String> {
    let uri = uri(scenario, cluster).await?;
    let role = PgConnectOptions::from_str(&uri)?.get_username().to_owned();
    let (server, _) = uri.rsplit_once('/').context("a URI without a path")?;
    let pod = format!("{cluster}-postgres-0");
    let statement = format!("CREATE DATABASE {database} OWNER {role}");
    let psql = [
        "psql",
        "-h",
        "/var/run/postgresql",
        "-U",
        "postgres",
        "-c",
        &statement,
    ];
    let exec = [
        "-n",
        &scenario.namespace,
        "exec",
        &pod,
        "-c",
        "postgres",
        "--",
    ];
    cluster::run("kubectl", &[&exec[..], &psql[..]].concat())?;
    Ok(format!("{server}/{database}"))
}
