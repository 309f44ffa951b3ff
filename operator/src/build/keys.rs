//! Keys that the operator makes: the one that callers' tokens are signed with, and its own credential to the
//! server. Each has a Secret with the value of now and, after a rotation, the one before, which the server
//! still accepts, so that nobody is turned away while tokens are renewed.

use serde_json::json;

use super::Generated;
use super::object::{BuildError, Object, Replacement};
use super::secrets::{generated_secret, hash_of};
use crate::names::{self, Component};
use crate::references::{Facts, KeyFacts, SecretFact, SecretKey};
use crate::validate::{SigningKeys, Validated};

/// One generated key.
struct Key<'a> {
    /// Where its value lies.
    secret: SecretKey,
    /// The value that it gets when it needs a new one.
    new: &'a str,
    /// Whether the server can use a value.
    usable: fn(&KeyFacts) -> bool,
    /// The server's variables for the value of now and the one before.
    variables: [&'static str; 2],
}

/// What becomes of a key that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    /// It stays, or is made with its Secret.
    No,
    /// A new value, since the one that was there is lost or of no use.
    Lost,
    /// A new value on request; the old one becomes the previous one.
    Rotated,
}

/// A value that reaches the server by environment.
pub(super) struct Variable {
    /// Name of the variable.
    pub name: &'static str,
    /// Where the value lies.
    pub secret: SecretKey,
    /// Hash of the value: as it stands, or as it will stand once this plan is carried out.
    pub hash: String,
}

/// The Secrets.
pub(super) fn build(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> Result<Vec<Object>, BuildError> {
    keys(cluster, generated)
        .iter()
        .map(|key| key.object(cluster, facts))
        .collect()
}

/// What the server is told of them.
pub(super) fn variables(
    cluster: &Validated,
    facts: &Facts,
    generated: &Generated,
) -> Vec<Variable> {
    keys(cluster, generated)
        .iter()
        .flat_map(|key| key.variables(cluster, facts))
        .collect()
}

fn keys<'a>(cluster: &Validated, generated: &'a Generated) -> Vec<Key<'a>> {
    let jwt = Key {
        secret: SecretKey::jwt_secret(&cluster.name),
        new: &generated.jwt_secret,
        usable: |facts| facts.signing_key.is_ok(),
        variables: [
            "TELECOM__AUTH__JWT_SECRET",
            "TELECOM__AUTH__JWT_SECRET_PREVIOUS",
        ],
    };
    let operator = Key {
        secret: SecretKey::operator_token(&cluster.name),
        new: &generated.operator_token,
        usable: |facts| facts.token.is_ok(),
        variables: [
            "TELECOM__AUTH__OPERATOR_TOKEN",
            "TELECOM__AUTH__OPERATOR_TOKEN_PREVIOUS",
        ],
    };
    let made = matches!(cluster.auth.keys, SigningKeys::Generated);
    Some(jwt)
        .filter(|_| made)
        .into_iter()
        .chain([operator])
        .collect()
}

impl Key<'_> {
    fn object(&self, cluster: &Validated, facts: &Facts) -> Result<Object, BuildError> {
        let name = &self.secret.name;
        let data = [(self.secret.key.as_str(), self.new.to_owned())];
        let mut object = generated_secret(cluster, name, Component::Server, &data)?;
        // The answer to a request to rotate is kept on the Secret, beside the value that honours it.
        if let (Some(create), Some(asked)) = (object.create.as_mut(), &cluster.rotate_keys) {
            create["metadata"]["annotations"] = json!({names::ROTATE_KEYS_ANNOTATION: asked});
        }
        let replacement = |keep| Replacement {
            key: self.secret.key.clone(),
            value: self.new.to_owned(),
            keep,
            asked: cluster.rotate_keys.clone(),
        };
        object.replacement = match self.change(cluster, facts) {
            Change::No => None,
            Change::Lost => Some(replacement(false)),
            Change::Rotated => Some(replacement(true)),
        };
        Ok(object)
    }

    fn variables(&self, cluster: &Validated, facts: &Facts) -> Vec<Variable> {
        let now = self.value(facts, &self.secret);
        let before = self.value(facts, &self.secret.previous());
        let new = || hash_of(self.new);
        let (now, before) = match self.change(cluster, facts) {
            Change::No => (now.unwrap_or_else(new), before),
            Change::Lost => (new(), before),
            Change::Rotated => (new(), now),
        };
        let [variable, previous] = self.variables;
        let mut variables = vec![Variable {
            name: variable,
            secret: self.secret.clone(),
            hash: now,
        }];
        variables.extend(before.map(|hash| Variable {
            name: previous,
            secret: self.secret.previous(),
            hash,
        }));
        variables
    }

    /// A value that is gone or of no use would leave the server without a door.
    fn change(&self, cluster: &Validated, facts: &Facts) -> Change {
        let asked = cluster.rotate_keys.as_ref();
        let honoured = facts.live.rotations.get(&self.secret.name);
        match facts.secret(&self.secret) {
            SecretFact::KeyMissing | SecretFact::Empty => Change::Lost,
            SecretFact::Present(value) if !(self.usable)(value) => Change::Lost,
            SecretFact::Present(_) if asked.is_some() && asked != honoured => Change::Rotated,
            SecretFact::Missing | SecretFact::Present(_) => Change::No,
        }
    }

    /// Hash of a value that is there and can be used.
    fn value(&self, facts: &Facts, secret: &SecretKey) -> Option<String> {
        let value = facts.secret(secret).present()?;
        (self.usable)(value).then(|| value.hash.clone())
    }
}
