//! Checks the `auth` section.

use std::collections::BTreeMap;

use super::check::Checker;
use super::{Auth, Signing, raw};
use crate::auth::{Digest, JwksUrl, MIN_SECRET_BYTES, Role, Rules, Secret};

/// Fewest characters of the operator's token.
const MIN_TOKEN: usize = 16;

impl Checker<'_> {
    pub(super) fn auth(&mut self, raw: &raw::Auth) -> Option<Auth> {
        let keys = self.signing(raw);
        let operator = [
            ("auth.operator_token", &raw.operator_token),
            ("auth.operator_token_previous", &raw.operator_token_previous),
        ];
        let operator = operator.map(|(key, token)| Some(self.token(key, token.as_deref()?)));
        let given = |key, value: &Option<String>, this: &mut Self| {
            if value.as_deref() == Some("") {
                this.problem(key, "is empty; leave it out to take any");
            }
            value.clone()
        };
        let issuer = given("auth.issuer", &raw.issuer, self);
        let audience = given("auth.audience", &raw.audience, self);
        let path = raw.role_claim.split('.');
        if raw.role_claim.len() > 253 || path.clone().any(str::is_empty) {
            let reason =
                "must be the name of a claim, or a path with dots such as realm_access.roles";
            self.problem("auth.role_claim", reason);
        }
        Some(Auth {
            keys: keys.ok()?,
            rules: Rules {
                issuer,
                audience,
                role_claim: raw.role_claim.clone(),
                role_mapping: self.role_mapping(&raw.role_mapping)?,
            },
            operator: operator.into_iter().flatten().collect(),
        })
    }

    fn signing(&mut self, raw: &raw::Auth) -> Result<Option<Signing>, ()> {
        match (&raw.jwt_secret, &raw.jwks_url) {
            (Some(_), Some(_)) => {
                let reason =
                    "is given beside auth.jwks_url: tokens are signed one way or the other";
                self.problem("auth.jwt_secret", reason);
                Err(())
            }
            (None, None) => Ok(None),
            (None, Some(url)) => match JwksUrl::parse(url) {
                Ok(url) => Ok(Some(Signing::Jwks(url))),
                Err(reason) => {
                    self.problem("auth.jwks_url", reason);
                    Err(())
                }
            },
            (Some(secret), None) => {
                let mut secrets = Vec::new();
                let previous = raw.jwt_secret_previous.as_ref();
                let previous = previous.map(|secret| ("auth.jwt_secret_previous", secret));
                for (key, secret) in [("auth.jwt_secret", secret)].into_iter().chain(previous) {
                    if secret.len() < MIN_SECRET_BYTES {
                        let reason = format!(
                            "is shorter than {MIN_SECRET_BYTES} bytes, the least that HS256 allows (RFC 7518, 3.2)"
                        );
                        self.problem(key, reason);
                    }
                    secrets.push(Secret::new(secret));
                }
                Ok(Some(Signing::Secrets(secrets)))
            }
        }
    }

    fn role_mapping(&mut self, raw: &BTreeMap<String, String>) -> Option<BTreeMap<String, Role>> {
        let mut mapping = BTreeMap::new();
        for (name, role) in raw {
            let Some(known) = Role::from_name(role) else {
                let roles = Role::OF_TOKENS.map(Role::as_str).join(", ");
                let reason = format!("gives `{name}` the role `{role}`; there are {roles}");
                self.problem("auth.role_mapping", reason);
                return None;
            };
            mapping.insert(name.clone(), known);
        }
        Some(mapping)
    }

    fn token(&mut self, key: &str, token: &str) -> Digest {
        if token.chars().count() < MIN_TOKEN {
            self.problem(key, format!("is shorter than {MIN_TOKEN} characters"));
        } else if !token.chars().all(|c| c.is_ascii_graphic()) {
            let reason = "has characters other than printable ASCII without spaces; a newline at the end of a file, perhaps";
            self.problem(key, reason);
        }
        Digest::of(token)
    }
}
