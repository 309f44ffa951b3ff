//! A database of a test's own, without a server on it yet.

use telecom_tests::postgres;

use super::process::{command, environment};

/// Applies all migrations with the program.
pub async fn migrate(url: &str) {
    let output = command(&environment(url), &["migrate"]).output();
    assert!(output.await.unwrap().status.success());
}

/// A fresh database on the PostgreSQL that the tests share.
pub struct Database {
    pub url: String,
    pub name: String,
}

impl Database {
    /// With nothing in it.
    pub fn empty() -> Self {
        let url = postgres::shared().database();
        let name = url.rsplit('/').next().unwrap().to_owned();
        Self { url, name }
    }

    /// With all migrations.
    pub async fn new() -> Self {
        let database = Self::empty();
        migrate(&database.url).await;
        database
    }

    pub fn sql(&self, sql: &str) -> String {
        postgres::shared().sql(&self.name, sql).unwrap()
    }

    pub fn exists(&self, table: &str) -> bool {
        self.sql(&format!("SELECT to_regclass('{table}') IS NOT NULL")) == "t"
    }
}
