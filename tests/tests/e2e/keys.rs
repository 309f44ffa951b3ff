//! Who may call: keys that the operator makes and rotates, keys of somebody else, and roles by the issuer's words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use jsonwebtoken::{EncodingKey, Header};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};
use telecom_crds::TelecomCluster;
use telecom_proto::v1::node_server_manage_client::NodeServerManageClient;
use telecom_proto::v1::{CreateNodeServerRequest, ListNodeServersRequest};
use telecom_server::auth::Role;
use telecom_tests::door::Door;
use telecom_tests::scenario::{Scenario, scenario};
use telecom_tests::{database, tokens};
use tonic::Code;

/// A token with these claims beside `sub` and `exp`, signed as an issuer with this key would.
fn signed(key: &str, mut claims: Value) -> Result<String> {
    let soon = SystemTime::now() + Duration::from_hours(1);
    claims["sub"] = json!("ops@example.com");
    claims["exp"] = json!(soon.duration_since(UNIX_EPOCH)?.as_secs());
    let key = EncodingKey::from_secret(key.as_bytes());
    Ok(jsonwebtoken::encode(&Header::default(), &claims, &key)?)
}

/// What becomes of a read, and of a write whose message is bad for everybody who may write.
async fn may(door: &Door, token: &str) -> Result<(Code, Code)> {
    let code = |error: tonic::Status| error.code();
    let mut client = NodeServerManageClient::new(door.with(token)?);
    let read = client.list_node_servers(ListNodeServersRequest::default());
    let read = read.await.map_or_else(code, |_| Code::Ok);
    let write = client.create_node_server(CreateNodeServerRequest::default());
    let write = write.await.map_or_else(code, |_| Code::Ok);
    Ok((read, write))
}

const ADMIN: (Code, Code) = (Code::Ok, Code::InvalidArgument);
const READER: (Code, Code) = (Code::Ok, Code::PermissionDenied);
const STRANGER: (Code, Code) = (Code::Unauthenticated, Code::Unauthenticated);

/// Waits until a token is taken as expected, through a new connection each time: Pods come and go.
async fn taken(s: &Scenario, token: &str, expected: (Code, Code)) -> Result<()> {
    s.wait(&format!("a token to give {expected:?}"), || async {
        let found = may(&Door::open(s, "demo").await?, token).await?;
        anyhow::ensure!(found == expected, "{found:?}");
        Ok(Some(()))
    })
    .await
}

async fn rotate(s: &Scenario, value: &str) -> Result<String> {
    let before = database::secret_key(s, "demo-jwt", "secret").await?;
    let ask = json!({"metadata": {"annotations": {"telecom.dev/rotate-keys": value}}});
    s.merge::<TelecomCluster>("demo", ask).await?;
    let rotated = || async {
        let now = database::secret_key(s, "demo-jwt", "secret").await?;
        Ok((now != before).then_some(now))
    };
    let now = s.wait("a new key", rotated).await?;
    let kept = database::secret_key(s, "demo-jwt", "previous").await?;
    assert_eq!(kept, before);
    Ok(now)
}

#[tokio::test]
async fn a_rotated_key_is_still_taken_until_the_next_rotation() {
    scenario("rotation", async |s| {
        s.apply_cluster("demo", json!({})).await?;
        s.ready("demo").await?;
        let first = database::secret_key(&s, "demo-jwt", "secret").await?;
        assert!(first.len() >= 43, "{} characters", first.len());
        let operator = database::secret_key(&s, "demo-operator-token", "token").await?;
        let old = tokens::mint(&first, Role::Admin, "old");
        taken(&s, &old, ADMIN).await?;

        let second = rotate(&s, "one").await?;
        let new = tokens::mint(&second, Role::Admin, "new");
        taken(&s, &new, ADMIN).await?;
        taken(&s, &old, ADMIN).await?;
        let previous = database::secret_key(&s, "demo-operator-token", "previous").await?;
        assert_eq!(previous, operator);

        let third = rotate(&s, "two").await?;
        taken(&s, &tokens::mint(&third, Role::Admin, "newest"), ADMIN).await?;
        taken(&s, &old, STRANGER).await?;
        taken(&s, &new, ADMIN).await?;
        s.ready("demo").await
    })
    .await;
}

#[tokio::test]
async fn a_signing_key_of_somebody_else_is_asked_for_and_heals() {
    scenario("issuer-key", async |s| {
        let spec = json!({"auth": {"jwtSecretRef": {"name": "issuer", "key": "hmac"}}});
        s.apply_cluster("demo", spec).await?;
        let invalid = async |reason| {
            let condition = s.condition("demo", "ConfigurationValid", "False", reason);
            let message = condition.await?;
            assert!(
                message.contains("issuer") && message.contains("hmac"),
                "{message}"
            );
            anyhow::Ok(message)
        };
        invalid("SecretNotFound").await?;
        s.secret("issuer", json!({"other": "x"})).await?;
        invalid("SecretKeyMissing").await?;
        s.secret("issuer", json!({"hmac": ""})).await?;
        invalid("SecretKeyEmpty").await?;
        s.secret("issuer", json!({"hmac": "much-too-short"}))
            .await?;
        let message = invalid("InvalidValue").await?;
        assert!(message.contains("32"), "{message}");
        assert!(!message.contains("much-too-short"), "{message}");

        let key = "a signing key with blanks, of 40 bytes..";
        s.secret("issuer", json!({"hmac": key})).await?;
        s.ready("demo").await?;
        taken(&s, &tokens::mint(key, Role::Admin, "me"), ADMIN).await?;
        let made = s.api::<Secret>().get_opt("demo-jwt").await?;
        assert!(made.is_none(), "a key was made beside the given one");

        // Another key rolls the server, and tokens of the old one end.
        let other = "another signing key with blanks, 44 bytes...";
        s.secret("issuer", json!({"hmac": other})).await?;
        taken(&s, &tokens::mint(other, Role::Admin, "me"), ADMIN).await?;
        taken(&s, &tokens::mint(key, Role::Admin, "me"), STRANGER).await
    })
    .await;
}

#[tokio::test]
async fn roles_go_by_the_issuers_own_words() {
    scenario("roles", async |s| {
        let auth = json!({
            "issuer": "https://id.example.com", "audience": "telecom",
            "roleClaim": "realm_access.roles",
            "roleMapping": {"NOC team": "support", "Owners": "admin"},
        });
        s.apply_cluster("demo", json!({"auth": auth})).await?;
        s.ready("demo").await?;
        let key = database::secret_key(&s, "demo-jwt", "secret").await?;
        let door = Door::open(&s, "demo").await?;
        let issued = json!({"iss": "https://id.example.com", "aud": ["billing", "telecom"]});
        let with = |changes: Value| {
            let mut claims = issued.clone();
            let changes = changes.as_object().cloned().unwrap_or_default();
            claims.as_object_mut().unwrap().extend(changes);
            claims
        };
        let owner = json!({"realm_access": {"roles": ["offline_access", "Owners"]}});
        let mut foreign = with(owner.clone());
        foreign["iss"] = json!("https://other.example.com");
        let mut elsewhere = with(owner.clone());
        elsewhere["aud"] = json!("billing");
        for (what, claims, expected) in [
            ("an owner", with(owner), ADMIN),
            (
                "the NOC",
                with(json!({"realm_access": {"roles": ["NOC team"]}})),
                READER,
            ),
            (
                "our own word",
                with(json!({"realm_access": {"roles": ["admin"]}})),
                STRANGER,
            ),
            ("another claim", with(json!({"role": "Owners"})), STRANGER),
            ("another issuer", foreign, STRANGER),
            ("another audience", elsewhere, STRANGER),
        ] {
            let found = may(&door, &signed(&key, claims)?).await?;
            assert_eq!(found, expected, "{what}");
        }
        Ok(())
    })
    .await;
}

/// The cluster's own apiserver is an issuer: it publishes its keys (KEP-1393) and signs tokens of service accounts
/// for any audience (KEP-1205).
#[tokio::test]
async fn service_accounts_call_by_the_keys_that_the_apiserver_publishes() {
    scenario("published-keys", async |s| {
        let bindings = Api::<ClusterRoleBinding>::all(s.client.clone());
        let binding = json!({
            "metadata": {"name": s.namespace, "labels": {"telecom.dev/e2e": "true"}},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
                "name": "system:service-account-issuer-discovery",
            },
            "subjects": [{
                "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated",
            }],
        });
        let binding = serde_json::from_value(binding)?;
        bindings.create(&PostParams::default(), &binding).await?;
        let outcome = published_keys(&s).await;
        bindings.delete(&s.namespace, &DeleteParams::default()).await?;
        outcome
    })
    .await;
}

async fn published_keys(s: &Scenario) -> Result<()> {
    let noc = service_account(s, "noc", "telecom").await?;
    let account = |name: &str| format!("system:serviceaccount:{}:{name}", s.namespace);
    let spec = json!({
        "auth": {
            "jwksUrl": "https://kubernetes.default.svc/openid/v1/jwks",
            "audience": "telecom",
            "roleClaim": "sub",
            "roleMapping": {account("noc"): "support", account("owner"): "admin"},
        },
        // The authority that signed the apiserver's certificate.
        "extraVolumes": [{"name": "authority", "mountPath": "/authority", "configMap": {"name": "kube-root-ca.crt"}}],
        "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/authority/ca.crt"}],
        "networkPolicy": {"enabled": true},
    });
    s.apply_cluster("demo", spec).await?;
    s.ready("demo").await?;
    taken(s, &noc, READER).await?;
    taken(s, &service_account(s, "owner", "telecom").await?, ADMIN).await?;
    taken(s, &service_account(s, "owner", "billing").await?, STRANGER).await?;
    taken(s, &service_account(s, "guest", "telecom").await?, STRANGER).await?;
    let made = s.api::<Secret>().get_opt("demo-jwt").await?;
    assert!(made.is_none(), "a key was made beside the published ones");
    // A key that anybody can make up is none.
    let forged = tokens::mint(&"x".repeat(32), Role::Admin, &s.namespace);
    taken(s, &forged, STRANGER).await
}

/// A token of a service account for one audience.
async fn service_account(s: &Scenario, name: &str, audience: &str) -> Result<String> {
    use k8s_openapi::api::authentication::v1::TokenRequest;
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
    s.apply::<ServiceAccount>(name, &account).await?;
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": [audience]}}))?;
    let accounts = s.api::<ServiceAccount>();
    let issued = accounts
        .create_token_request(name, &PostParams::default(), &request)
        .await?;
    Ok(issued.status.unwrap().token.unwrap())
}
