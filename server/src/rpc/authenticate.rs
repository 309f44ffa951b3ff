//! Finds out who calls, from the `authorization` header.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::methods::{Access, Method};
use super::status::Refusal;
use crate::auth::{
    Caller, Digest, Identity, InvalidToken, Machine, MachineSecret, Role, Secret, Verifier,
};
use crate::domain::{AuthenticateMachine, MachineService};

/// Knows the tokens.
#[derive(Debug)]
pub struct Authenticator {
    verifier: Verifier,
    operator: Vec<Digest>,
    machines: MachineService,
}

impl Authenticator {
    /// `operator`: digests of the operator's own token, and of the one before.
    pub fn new(verifier: Verifier, operator: Vec<Digest>, machines: MachineService) -> Self {
        Self {
            verifier,
            operator,
            machines,
        }
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
        self.in_role(roles, headers, deadline).await.map(Some)
    }

    /// The caller of an HTTP route for administrators, else the code and the sentence to answer with.
    pub(crate) async fn administrator(
        &self,
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Caller, (StatusCode, String)> {
        let caller = self.in_role(&[Role::Admin], headers, deadline).await;
        caller.map_err(Refusal::into_http)
    }

    async fn in_role(
        &self,
        roles: &[Role],
        headers: &HeaderMap,
        deadline: Instant,
    ) -> Result<Caller, Refusal> {
        let token = bearer(headers).ok_or(Refusal::TokenMissing)?;
        let identity = self.identity(token, deadline).await?;
        identity.in_role(roles).ok_or(Refusal::RoleNotAllowed)
    }

    async fn identity(&self, token: String, deadline: Instant) -> Result<Identity, Refusal> {
        if MachineSecret::claimed(&token).is_some() {
            let token = Secret::new(token);
            let input = AuthenticateMachine { token, deadline };
            return Ok(match self.machines.authenticate(input).await? {
                Machine::Node(id) => Identity::Node(id),
                Machine::Pbx(id) => Identity::Pbx(id),
            });
        }
        let digest = Digest::of(&token);
        // All are compared, so that the time does not tell which one matched.
        let operator = self
            .operator
            .iter()
            .fold(false, |matched, known| matched | known.matches(&digest));
        if operator {
            return Ok(Identity::Operator);
        }
        match self.verifier.verify(&token).await {
            Ok(jwt) => Ok(Identity::Person(jwt)),
            Err(InvalidToken::NoKeys) => Err(Refusal::KeysUnknown),
            Err(error) => {
                tracing::debug!(%error, "a token is refused");
                Err(Refusal::TokenInvalid)
            }
        }
    }
}

/// RFC 6750, 2.1: the scheme's name in any case, one token.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| token.to_owned())
}
