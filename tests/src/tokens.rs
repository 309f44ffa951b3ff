//! Tokens of people and programs, signed as the provider's issuer would.

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use telecom_server::auth::{self, Role, Rules, Secret};

/// What servers that are started by tests sign with.
pub const JWT_SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A token that works for a day.
pub fn mint(secret: &str, role: Role, subject: &str) -> String {
    let rules = Rules {
        issuer: None,
        audience: None,
        role_claim: "role".to_owned(),
        role_mapping: std::collections::BTreeMap::new(),
    };
    let ttl = Duration::from_hours(24);
    let secret = Secret::new(secret);
    let token = auth::mint(&secret, &rules, subject, role, SystemTime::now(), ttl);
    token.unwrap().expose().to_owned()
}

/// An administrator's, for servers that are started by tests.
pub fn admin() -> &'static str {
    static TOKEN: LazyLock<String> = LazyLock::new(|| mint(JWT_SECRET, Role::Admin, "tests"));
    &TOKEN
}

/// One of another role for the same servers.
pub fn of(role: Role, subject: &str) -> String {
    mint(JWT_SECRET, role, subject)
}
