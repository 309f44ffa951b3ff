//! Any bytes for a token prove nothing; any claims under a good signature are taken only when they
//! say who, as what and until when.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;
use telecom_server::auth::{Keys, Role, Rules, Verifier};
use tonic::Code;

use crate::server::{block_on, call_as, key, rules};

const PATH: &str = "/telecom.v1.UserManage/ListUsers";
/// Seconds that clocks may be apart.
const LEEWAY: f64 = 30.0;

/// The first byte says whether the rest is an `authorization` or claims to sign.
pub fn run(input: &[u8]) {
    match input.split_first() {
        Some((0..=127, authorization)) => anything(authorization),
        Some((choice, claims)) => signed(claims, *choice % 2 == 1),
        None => {}
    }
}

fn anything(authorization: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(authorization) else {
        return;
    };
    let status = call_as(value, PATH).status;
    // A node's token is looked up in the database.
    let node = authorization.windows(6).any(|window| window == b"tnode_");
    let known = status.code() == Code::Unauthenticated;
    assert!(
        known || (node && status.code() == Code::Unavailable),
        "{status:?}"
    );
}

fn strict() -> Rules {
    Rules {
        issuer: Some("issuer".to_owned()),
        audience: Some("audience".to_owned()),
        role_claim: "realm.roles".to_owned(),
        role_mapping: BTreeMap::from([
            ("boss".to_owned(), Role::Admin),
            ("customer".to_owned(), Role::User),
        ]),
    }
}

/// The header, a zero byte, the claims.
fn signed(input: &[u8], strictly: bool) {
    let Some(end) = input.iter().position(|byte| *byte == 0) else {
        return;
    };
    let (header, claims) = (&input[..end], &input[end + 1..]);
    let parts = [encode(header), encode(claims)].join(".");
    let secret = EncodingKey::from_secret(key().expose().as_bytes());
    let signature = jsonwebtoken::crypto::sign(parts.as_bytes(), &secret, Algorithm::HS256);
    let token = format!("{parts}.{}", signature.expect("a signature"));
    let rules = if strictly { strict() } else { rules() };
    let verifier = Verifier::new(Keys::Secrets(vec![key()]), rules);
    let Ok(jwt) = block_on(verifier.verify(&token)) else {
        return;
    };
    let said: Value = serde_json::from_slice(claims).expect("claims that are JSON");
    assert_eq!(said["sub"].as_str(), Some(&*jwt.subject));
    assert!((1..=200).contains(&jwt.subject.len()), "{jwt:?}");
    assert!(!jwt.subject.chars().any(char::is_control), "{jwt:?}");
    assert!(
        !jwt.roles.is_empty() && !jwt.roles.contains(&Role::Node),
        "{jwt:?}"
    );
    assert!(
        !jwt.roles.contains(&Role::User) || jwt.user.is_some(),
        "{jwt:?}"
    );
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock");
    let until = said["exp"].as_f64().expect("an end");
    assert!(until > now.as_secs_f64() - LEEWAY - 2.0, "over: {said}");
    if strictly {
        assert_eq!(
            said["iss"].as_str().or(said["iss"][0].as_str()),
            Some("issuer"),
            "{said}"
        );
        assert!(said["aud"].to_string().contains("\"audience\""), "{said}");
    }
    let header: Value = serde_json::from_slice(header).expect("a header that is JSON");
    assert_eq!(header["alg"], "HS256");
}

fn encode(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

/// Tokens of all kinds.
pub fn seeds() -> Vec<Vec<u8>> {
    let header = br#"{"alg":"HS256","typ":"JWT"}"#;
    let good = br#"{"sub":"somebody","role":"admin","exp":99999999999}"#;
    let listed = br#"{"sub":"0190f3a1-7c11-7cc3-98c4-dc0c0c07398f","iss":"issuer","aud":["audience"],"nbf":1,"iat":1,"exp":99999999999,"realm":{"roles":["boss","customer"]}}"#;
    let long = |length| {
        let subject = "x".repeat(length);
        format!(r#"{{"sub":"{subject}","role":"admin","exp":99999999999}}"#)
    };
    let join = |choice: u8, claims: &[u8]| [&[choice], &header[..], &[0], claims].concat();
    vec![
        b"\0Bearer tnode_1_secret".to_vec(),
        b"\0Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA".to_vec(),
        b"\0Basic YTpi".to_vec(),
        join(128, good),
        join(128, long(200).as_bytes()),
        join(128, long(201).as_bytes()),
        join(129, listed),
        join(129, good),
    ]
}
