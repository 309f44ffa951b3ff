//! Generated keys: made once, replaced on request with the old one kept, made anew when they are lost.

use super::*;

const JWT: &str = "demo-jwt";
const TOKEN: &str = "demo-operator-token";
const OLD: &str = "an-old-signing-key-of-thirty-two-bytes";

/// Facts in which both keys have been made.
pub(super) fn keys_there() -> Facts {
    secrets(&[
        (JWT, "secret", OLD),
        (TOKEN, "token", "the-token-that-is-there"),
    ])
}

fn with(values: &[(&str, &str, &str)]) -> Facts {
    let mut facts = embedded();
    facts.secrets.extend(keys_there().secrets);
    facts.secrets.extend(secrets(values).secrets);
    facts
}

fn asking(cluster: &TelecomCluster, value: &str) -> TelecomCluster {
    let mut cluster = cluster.clone();
    let ask = ("telecom.dev/rotate-keys".to_owned(), value.to_owned());
    cluster.metadata.annotations = Some([ask].into());
    cluster
}

fn replacement(cluster: &TelecomCluster, facts: &Facts, name: &str) -> Option<Replacement> {
    let plan = plan(cluster, facts);
    let secret = find(&plan, Kind::Secret, name).unwrap();
    secret.replacement.clone()
}

/// The variables of the server's container that are about keys, with where they come from; and the hash of
/// all secrets.
fn environment(cluster: &TelecomCluster, facts: &Facts) -> (Vec<String>, Value) {
    let plan = plan(cluster, &migrated(cluster, facts));
    let template = &deployment(&plan).unwrap()["spec"]["template"];
    let variables = template["spec"]["containers"][0]["env"].as_array().unwrap();
    let shown = variables.iter().filter_map(|variable| {
        let name = variable["name"].as_str()?.strip_prefix("TELECOM__AUTH__")?;
        let from = &variable["valueFrom"]["secretKeyRef"];
        let (secret, key) = (from["name"].as_str()?, from["key"].as_str()?);
        Some(format!("{name}={secret}/{key}"))
    });
    let hash = template["metadata"]["annotations"]["telecom.dev/secrets"].clone();
    assert!(hash.is_string());
    (shown.collect(), hash)
}

#[test]
fn keys_that_are_there_stay() {
    let facts = with(&[]);
    for name in [JWT, TOKEN] {
        assert_eq!(replacement(&demo("{}"), &facts, name), None, "{name}");
    }
    let (variables, _) = environment(&demo("{}"), &facts);
    assert_eq!(
        variables,
        [
            "JWT_SECRET=demo-jwt/secret",
            "OPERATOR_TOKEN=demo-operator-token/token"
        ]
    );
}

#[test]
fn the_hash_of_a_key_is_known_before_it_exists() {
    let before = environment(&demo("{}"), &embedded());
    let generated = generated();
    let made = with(&[
        (JWT, "secret", &generated.jwt_secret),
        (TOKEN, "token", &generated.operator_token),
    ]);
    assert_eq!(environment(&demo("{}"), &made), before);
}

#[test]
fn a_rotation_happens_once_keeps_the_old_key_and_rolls_the_server_once() {
    let cluster = asking(&demo("{}"), "2");
    let mut facts = with(&[]);
    for (name, key) in [(JWT, "secret"), (TOKEN, "token")] {
        let found = replacement(&cluster, &facts, name).unwrap();
        let expected = (key, true, Some("2"));
        assert_eq!(
            (found.key.as_str(), found.keep, found.asked.as_deref()),
            expected
        );
        assert!(!format!("{found:?}").contains(&found.value));
    }
    let during = environment(&cluster, &facts);
    assert_eq!(
        during.0,
        [
            "JWT_SECRET=demo-jwt/secret",
            "JWT_SECRET_PREVIOUS=demo-jwt/previous",
            "OPERATOR_TOKEN=demo-operator-token/token",
            "OPERATOR_TOKEN_PREVIOUS=demo-operator-token/previous",
        ]
    );
    assert_ne!(during.1, environment(&demo("{}"), &facts).1);

    // Carried out: the same Pod template, and nothing more to do.
    let generated = generated();
    facts = with(&[
        (JWT, "secret", &generated.jwt_secret),
        (JWT, "previous", OLD),
        (TOKEN, "token", &generated.operator_token),
        (TOKEN, "previous", "the-token-that-is-there"),
    ]);
    facts.live.rotations = [JWT, TOKEN]
        .map(|name| (name.to_owned(), "2".to_owned()))
        .into();
    assert_eq!(environment(&cluster, &facts), during);
    assert_eq!(replacement(&cluster, &facts, JWT), None);
    // Taking the annotation away is no request; another value is.
    assert_eq!(replacement(&demo("{}"), &facts, JWT), None);
    assert!(replacement(&asking(&cluster, "3"), &facts, JWT).is_some());
}

#[test]
fn a_new_cluster_has_answered_the_request_it_comes_with() {
    let plan = plan(&asking(&demo("{}"), "2"), &embedded());
    let secret = find(&plan, Kind::Secret, JWT).unwrap();
    let annotations = &secret.create.as_ref().unwrap()["metadata"]["annotations"];
    assert_eq!(annotations["telecom.dev/rotate-keys"], "2");
    assert_eq!(secret.replacement, None);
}

#[test]
fn a_key_of_no_use_is_made_anew_and_never_becomes_the_previous_one() {
    let long = "a-previous-signing-key-of-thirty-two";
    for (what, value) in [
        ("empty", ""),
        ("too short", "short"),
        ("a line", "0123456789012345678901234567890123456789\n"),
    ] {
        let facts = with(&[(JWT, "secret", value), (JWT, "previous", long)]);
        for cluster in [demo("{}"), asking(&demo("{}"), "2")] {
            let found = replacement(&cluster, &facts, JWT).unwrap();
            assert!(!found.keep, "{what}");
            let (variables, _) = environment(&cluster, &facts);
            assert!(variables.contains(&"JWT_SECRET_PREVIOUS=demo-jwt/previous".to_owned()));
        }
    }
    // A previous one of no use is not shown to the server, which would not start with it.
    let facts = with(&[(JWT, "previous", "short")]);
    let (variables, _) = environment(&demo("{}"), &facts);
    assert!(
        !variables
            .iter()
            .any(|variable| variable.contains("PREVIOUS"))
    );
}

#[test]
fn no_signing_key_is_made_beside_one_of_somebody_else() {
    let given = demo("auth: {jwtSecretRef: {name: issuer, key: hmac}}");
    let published = demo("auth: {jwksUrl: 'https://id.example.com/keys'}");
    let facts = with(&[("issuer", "hmac", "a-signing-key-of-thirty-two-bytes")]);
    let token = "OPERATOR_TOKEN=demo-operator-token/token";
    for (cluster, expected) in [
        (given, vec!["JWT_SECRET=issuer/hmac", token]),
        (published, vec![token]),
    ] {
        assert_eq!(find(&plan(&cluster, &facts), Kind::Secret, JWT), None);
        assert_eq!(environment(&cluster, &facts).0, expected);
    }
}
