//! Who may call the server: how callers' tokens are checked, and which role they give.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{SecretKeyRef, rules};

/// How the JSON Web Tokens of callers are checked. With neither `jwtSecretRef` nor `jwksUrl` the operator makes
/// a key: Secret `<name>-jwt`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::forbidden(
    "!has(self.jwtSecretRef) || !has(self.jwksUrl)",
    ".jwksUrl",
    "not together with auth.jwtSecretRef: remove one of the two",
))]
pub struct Auth {
    /// The secret that tokens are signed with (HS256), 32 bytes or more. A change rolls the server; tokens of
    /// the old secret then count no more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt_secret_ref: Option<SecretKeyRef>,
    /// URL of the public keys that tokens are signed with (a JSON Web Key Set), such as
    /// `https://id.example.com/.well-known/jwks.json`. New keys there are picked up without a restart.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    #[x_kube(validation = rules::url("https://id.example.com/.well-known/jwks.json"))]
    pub jwks_url: Option<String>,
    /// What the claim `iss` of a token must be. Unset: it is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub issuer: Option<String>,
    /// What the claim `aud` of a token must be or hold. Unset: it is not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub audience: Option<String>,
    /// The claim with the caller's role, one or a list of them: its name, or a path with dots into objects,
    /// such as `realm_access.roles`.
    #[serde(default = "default_role_claim")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = rules::matches(
        "^[!-,/-~-]+([.][!-,/-~-]+)*$",
        "must be the name of a claim, or names with dots between them that lead to it, such as role or realm_access.roles",
    ))]
    pub role_claim: String,
    /// Which role (`user`, `admin`, `viewer`, `support`, `operator`, `collector`) a word of that claim gives,
    /// such as `noc-team: support`; other words then give none. Unset: the words are the roles' own names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    #[x_kube(validation = Rule::new("self.all(word, word.size() >= 1 && word.size() <= 256)")
        .message("the words of the claim are 1 to 256 characters long"))]
    pub role_mapping: BTreeMap<String, Role>,
}

/// What a caller may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A subscriber: what is their own.
    User,
    /// An administrator: everything but what nodes and collectors send.
    Admin,
    /// Reads the network: nodes, packages, statistics.
    Viewer,
    /// Reads the network, subscribers and their queues.
    Support,
    /// Runs jobs.
    Operator,
    /// Sends events.
    Collector,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[
        Self::User,
        Self::Admin,
        Self::Viewer,
        Self::Support,
        Self::Operator,
        Self::Collector,
    ];

    /// The word by which tokens and the server's configuration name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
            Self::Viewer => "viewer",
            Self::Support => "support",
            Self::Operator => "operator",
            Self::Collector => "collector",
        }
    }
}

fn default_role_claim() -> String {
    "role".into()
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            jwt_secret_ref: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            role_claim: default_role_claim(),
            role_mapping: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_written_as_tokens_name_it() {
        for role in Role::ALL {
            let written = serde_json::to_value(role).unwrap();
            assert_eq!(written, role.as_str());
        }
    }
}
