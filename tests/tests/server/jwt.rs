//! JSON Web Tokens: which are taken, which are not, and what roles they open.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use telecom_proto::v1::ListNodeServersRequest;
use telecom_tests::tokens;
use tonic::Code;

use super::process::{Server, command, reason};

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs()
}

/// A token of these claims over those of a good one; null takes a claim away.
fn signed(secret: &str, algorithm: Algorithm, changes: &Value) -> String {
    let mut claims = json!({"sub": "somebody", "role": "viewer", "exp": now() + 600});
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let key = EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap()
}

fn good(changes: &Value) -> String {
    signed(tokens::JWT_SECRET, Algorithm::HS256, changes)
}

/// What a read of the network answers to a token: OK, or the reason.
pub async fn answer(server: &Server, token: &str) -> String {
    let mut manage = server.manage_as(token).await;
    match manage
        .list_node_servers(ListNodeServersRequest::default())
        .await
    {
        Ok(_) => "OK".to_owned(),
        Err(status) => reason(&status),
    }
}

#[tokio::test]
async fn only_a_token_that_is_right_in_all_is_taken() {
    let server = Server::start().await;
    let hs = |changes: Value| good(&changes);
    let unsigned = {
        let token = hs(json!({}));
        let claims = token.split('.').nth(1).unwrap().to_owned();
        // {"alg":"none"}
        format!("eyJhbGciOiJub25lIn0.{claims}.")
    };
    let other = "another secret, also of 32 bytes";
    for (name, token, expected) in [
        ("good", hs(json!({})), "OK"),
        (
            "the clock of the issuer is behind",
            hs(json!({"exp": now() - 10})),
            "OK",
        ),
        (
            "the clock of the issuer is ahead",
            hs(json!({"nbf": now() + 10})),
            "OK",
        ),
        (
            "an audience nobody asks for",
            hs(json!({"aud": "app"})),
            "OK",
        ),
        (
            "several roles",
            hs(json!({"role": ["user", "viewer", "x"]})),
            "OK",
        ),
        ("expired", hs(json!({"exp": now() - 60})), "TOKEN_INVALID"),
        ("not yet", hs(json!({"nbf": now() + 60})), "TOKEN_INVALID"),
        ("for ever", hs(json!({"exp": null})), "TOKEN_INVALID"),
        ("nobody", hs(json!({"sub": null})), "TOKEN_INVALID"),
        ("an empty subject", hs(json!({"sub": ""})), "TOKEN_INVALID"),
        (
            "a subject of two lines",
            hs(json!({"sub": "a\nb"})),
            "TOKEN_INVALID",
        ),
        (
            "a long subject",
            hs(json!({"sub": "a".repeat(201)})),
            "TOKEN_INVALID",
        ),
        ("no role", hs(json!({"role": null})), "TOKEN_INVALID"),
        (
            "an unknown role",
            hs(json!({"role": "root"})),
            "TOKEN_INVALID",
        ),
        (
            "a node's role",
            hs(json!({"role": "node"})),
            "TOKEN_INVALID",
        ),
        (
            "a number for a role",
            hs(json!({"role": 1})),
            "TOKEN_INVALID",
        ),
        (
            "a user who is none",
            hs(json!({"role": "user"})),
            "TOKEN_INVALID",
        ),
        (
            "another secret",
            signed(other, Algorithm::HS256, &json!({})),
            "TOKEN_INVALID",
        ),
        (
            "another algorithm",
            signed(tokens::JWT_SECRET, Algorithm::HS512, &json!({})),
            "TOKEN_INVALID",
        ),
        ("unsigned", unsigned, "TOKEN_INVALID"),
        ("three dots", "..".to_owned(), "TOKEN_INVALID"),
        ("long", format!("{}.x.y", "a".repeat(4000)), "TOKEN_INVALID"),
    ] {
        assert_eq!(answer(&server, &token).await, expected, "{name}");
    }
}

#[tokio::test]
async fn issuer_audience_claim_and_names_are_the_providers() {
    let variables = [
        ("TELECOM__AUTH__ISSUER", "https://id.example"),
        ("TELECOM__AUTH__AUDIENCE", "telecom"),
        ("TELECOM__AUTH__ROLE_CLAIM", "realm_access.roles"),
        (
            "TELECOM__AUTH__ROLE_MAPPING",
            "{noc: viewer, helpdesk: support}",
        ),
    ];
    let server = Server::start_with(&variables).await;
    let token = |changes: Value| {
        let mut claims = json!({
            "role": null, "iss": "https://id.example", "aud": ["other", "telecom"],
            "realm_access": {"roles": ["noc"]},
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        good(&claims)
    };
    for (name, changes, expected) in [
        ("good", json!({}), "OK"),
        (
            "one name",
            json!({"realm_access": {"roles": "helpdesk"}}),
            "OK",
        ),
        (
            "a role's own name",
            json!({"realm_access": {"roles": ["viewer"]}}),
            "TOKEN_INVALID",
        ),
        (
            "the usual claim",
            json!({"realm_access": null, "role": "noc"}),
            "TOKEN_INVALID",
        ),
        (
            "another issuer",
            json!({"iss": "https://evil.example"}),
            "TOKEN_INVALID",
        ),
        ("no issuer", json!({"iss": null}), "TOKEN_INVALID"),
        ("another audience", json!({"aud": "other"}), "TOKEN_INVALID"),
        ("no audience", json!({"aud": null}), "TOKEN_INVALID"),
    ] {
        assert_eq!(answer(&server, &token(changes)).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_secret_is_changed_without_a_gap() {
    let next = "the next secret, longer than 32 bytes";
    let variables = [
        ("TELECOM__AUTH__JWT_SECRET", next),
        ("TELECOM__AUTH__JWT_SECRET_PREVIOUS", tokens::JWT_SECRET),
        ("TELECOM__AUTH__OPERATOR_TOKEN", "operator-token-new"),
        (
            "TELECOM__AUTH__OPERATOR_TOKEN_PREVIOUS",
            "operator-token-old",
        ),
    ];
    let server = Server::start_with(&variables).await;
    for (token, expected) in [
        (signed(next, Algorithm::HS256, &json!({})), "OK"),
        (good(&json!({})), "OK"),
        ("operator-token-new".to_owned(), "ROLE_NOT_ALLOWED"),
        ("operator-token-old".to_owned(), "ROLE_NOT_ALLOWED"),
        ("operator-token-odd".to_owned(), "TOKEN_INVALID"),
    ] {
        assert_eq!(answer(&server, &token).await, expected, "{token}");
    }
}

/// What the `token` command prints, or its exit code and complaint.
async fn token_command(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let environment = variables.iter();
    let environment = environment.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let arguments = [&["token"], arguments].concat();
    let mut command = command(&environment.collect(), &arguments);
    let output = command.output().await.unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

#[tokio::test]
async fn the_token_command_mints_what_the_server_takes() {
    let server = Server::start().await;
    let secret = [("TELECOM__AUTH__JWT_SECRET", tokens::JWT_SECRET)];
    let (code, token) = token_command(&secret, &["--role", "viewer", "--ttl", "5m"]).await;
    assert_eq!(code, Some(0));
    assert_eq!(answer(&server, token.trim()).await, "OK");

    for (variables, arguments, code, complaint) in [
        (
            &secret[..],
            &["--role", "root"][..],
            2,
            "there are admin, support, viewer",
        ),
        (
            &secret,
            &["--role", "user"],
            2,
            "the id of a subscriber: a UUID",
        ),
        (
            &secret,
            &["--role", "admin", "--subject", "two\nlines"],
            2,
            "1 to 200 printable characters",
        ),
        (
            &secret,
            &["--role", "admin", "--subject", ""],
            2,
            "1 to 200 printable characters",
        ),
        (
            &secret,
            &["--role", "admin", "--ttl", "0s"],
            2,
            "shorter than a second",
        ),
        (
            &secret,
            &["--role", "admin", "--ttl", "-5m"],
            2,
            "not a duration",
        ),
        (
            &secret,
            &["--role", "admin", "--ttl", "8785h"],
            2,
            "longer than a year",
        ),
        (&[], &["--role", "admin"], 2, "auth.jwt_secret: is not set"),
        (
            &[("TELECOM__AUTH__JWT_SECRET", "short")],
            &["--role", "admin"],
            2,
            "auth.jwt_secret: is shorter than 32 bytes",
        ),
        (
            &[("TELECOM__AUTH__JWKS_URL", "https://id.example/keys")],
            &["--role", "admin"],
            2,
            "tokens come from the issuer of auth.jwks_url",
        ),
    ] {
        let (found, text) = token_command(variables, arguments).await;
        assert_eq!(found, Some(code), "{text}");
        assert!(text.contains(complaint), "{text}");
    }
}

#[tokio::test]
async fn a_user_of_no_rights_here_is_told_so() {
    let server = Server::start().await;
    let user = "0190c6ae-1111-7000-8000-000000000001";
    let token = good(&json!({"sub": user, "role": "user"}));
    let mut manage = server.manage_as(&token).await;
    let refused = manage
        .list_node_servers(ListNodeServersRequest::default())
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(reason(&refused), "ROLE_NOT_ALLOWED");
}
