//! Finds out who calls, from the `authorization` header.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::time::Instant;

use super::methods::{Access, Method};
use super::status::Refusal;
use crate::auth::{Caller, Digest, NodeSecret, Secret};
use crate::domain::{AgentService, AuthenticateNode};

/// Knows the tokens.
#[derive(Debug)]
pub(super) struct Authenticator {
    admin: Digest,
    agents: AgentService,
}

impl Authenticator {
    pub(super) fn new(admin: Digest, agents: AgentService) -> Self {
        Self { admin, agents }
    }

    /// The caller, if the method is for them; `None` for an open method.
    pub(super) async fn caller(
        &self,
        method: &Method,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Option<Caller>, Refusal> {
        let Access::Roles(roles) = method.access else {
            return Ok(None);
        };
        let token = bearer(headers).ok_or(Refusal::TokenMissing)?;
        let caller = if Digest::of(&token).matches(&self.admin) {
            Caller::Admin
        } else if NodeSecret::claimed_node(&token).is_some() {
            let token = Secret::new(token);
            let input = AuthenticateNode { token, deadline };
            Caller::Node(self.agents.authenticate(input).await?)
        } else {
            return Err(Refusal::TokenInvalid);
        };
        if roles.contains(&caller.role()) {
            Ok(Some(caller))
        } else {
            Err(Refusal::RoleNotAllowed)
        }
    }
}

/// RFC 6750, 2.1: the scheme's name in any case, one token.
fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
