//! Statements on `database_owner`: the cluster that the database belongs to. On a connection of the migration's own.

use sqlx::PgConnection;

use super::StoreError;

/// The uid of the cluster, if one was told. The table has to be there.
pub async fn get(connection: &mut PgConnection) -> Result<Option<String>, StoreError> {
    let owner = sqlx::query_scalar!("SELECT cluster_uid FROM database_owner");
    Ok(owner.persistent(false).fetch_optional(connection).await?)
}

/// Makes a cluster the owner, if there is none, or it is the one to take over from. One statement, so that of two who
/// try at once one comes second and sees the other; who it is then has to be asked.
pub async fn claim(
    connection: &mut PgConnection,
    cluster_uid: &str,
    from: Option<&str>,
) -> Result<(), StoreError> {
    let claim = sqlx::query!(
        "INSERT INTO database_owner AS o (cluster_uid) VALUES ($1) ON CONFLICT (one) DO UPDATE \
         SET cluster_uid = excluded.cluster_uid, since = now() \
         WHERE o.cluster_uid = $2 AND o.cluster_uid <> excluded.cluster_uid",
        cluster_uid,
        from,
    );
    claim.persistent(false).execute(connection).await?;
    Ok(())
}
