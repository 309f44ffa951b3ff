//! Keys that somebody else made, usable or not.

use super::*;

#[test]
fn signing_keys_that_do_not_suit() {
    const GIVEN: &str = "auth: {jwtSecretRef: {name: issuer, key: hmac}}";
    let scheme = "auth: {jwksUrl: 'ftp://id.example.com/keys'}";
    let garbled = "auth: {jwksUrl: 'https://id.example.com:99999/keys'}";
    let cases = [
        (
            GIVEN,
            Facts::default(),
            Reason::SecretNotFound,
            "Secret issuer does not exist in namespace default: create it with the key hmac, or correct spec.auth.jwtSecretRef",
        ),
        (
            GIVEN,
            secrets(&[("issuer", "hmac", "")]),
            Reason::SecretKeyEmpty,
            "key hmac of Secret issuer in namespace default is empty: fill it, or remove spec.auth.jwtSecretRef",
        ),
        (
            GIVEN,
            secrets(&[("issuer", "hmac", "thirty-one-bytes-are-not-enough")]),
            Reason::InvalidValue,
            "key hmac of Secret issuer in namespace default (spec.auth.jwtSecretRef) is 31 bytes long; tokens are signed with 32 or more (openssl rand -hex 32)",
        ),
        (
            scheme,
            Facts::default(),
            Reason::InvalidValue,
            "spec.auth.jwksUrl has the scheme ftp: use http:// or https://",
        ),
        (
            garbled,
            Facts::default(),
            Reason::InvalidValue,
            "spec.auth.jwksUrl is not a URL (invalid port number): write one such as https://id.example.com/.well-known/jwks.json",
        ),
    ];
    for (spec, facts, reason, message) in cases {
        assert_eq!(
            problems(spec, &facts),
            [(reason, message.to_owned())],
            "{spec}"
        );
    }
}

#[test]
fn where_signing_keys_come_from() {
    let facts = secrets(&[("issuer", "hmac", "thirty-two-bytes-are-long-enough")]);
    let keys = |spec: &str| valid(spec, &facts).auth.keys;
    assert_eq!(keys("{}"), SigningKeys::Generated);
    let given = keys("auth: {jwtSecretRef: {name: issuer, key: hmac}}");
    assert_eq!(
        given.given().map(|secret| secret.name.as_str()),
        Some("issuer")
    );
    for (url, port) in [
        ("https://id.example.com/keys", 443),
        ("http://keycloak.auth.svc/realms/a/certs", 80),
        ("http://keycloak:8080/certs", 8080),
    ] {
        let keys = keys(&format!("auth: {{jwksUrl: '{url}'}}"));
        assert_eq!((keys.url(), keys.port()), (Some(url), Some(&port)));
    }
}
