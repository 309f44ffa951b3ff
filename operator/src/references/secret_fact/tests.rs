//! Values as people store them, and the sentence about each that cannot be used.

use super::*;

fn facts(value: &str) -> KeyFacts {
    match SecretFact::of_value(value.as_bytes()) {
        SecretFact::Present(facts) => facts,
        other => panic!("{value:?} reads as {other:?}"),
    }
}

#[test]
fn urls() {
    let url = |host: &str, port, database: &str| {
        Ok(UrlFacts {
            host: host.to_owned(),
            port,
            database: database.to_owned(),
        })
    };
    let not_a_url = |error| {
        Err(format!(
            "is not a URL ({error}); write postgres://user:password@host:5432/database, with special characters of the password percent-encoded"
        ))
    };
    let no = |what: &str| {
        Err(format!(
            "names no {what}; write postgres://user:password@host:5432/database"
        ))
    };
    let scheme = |scheme| {
        Err(format!(
            "has the scheme `{scheme}`; use postgres:// or postgresql://"
        ))
    };
    let cases = [
        ("postgres://u:p@db:5433/app", url("db", 5433, "app")),
        (
            "postgresql://app:s3cret@pg-rw.prod:5432/app",
            url("pg-rw.prod", 5432, "app"),
        ),
        (
            "postgres://u@db/app?sslmode=require\n",
            url("db", 5432, "app"),
        ),
        ("postgres://u:p@db", url("db", 5432, "u")),
        ("postgres://u:p@[::1]:5432/app", url("[::1]", 5432, "app")),
        ("postgres://u:p%40ss@db/app", url("db", 5432, "app")),
        ("host=db user=u", not_a_url("relative URL without a base")),
        (
            "postgres://u:p@db:99999/app",
            not_a_url("invalid port number"),
        ),
        ("mysql://u:p@db/app", scheme("mysql")),
        ("hunter2:xyz", scheme("(unknown)")),
        ("postgres:///app", no("host")),
        ("postgres://db", no("database")),
    ];
    for (value, expected) in cases {
        assert_eq!(facts(value).url, expected, "{value}");
    }
}

#[test]
fn a_database_is_the_same_whoever_connects() {
    let identity = |value| facts(value).url.map(|url| url.identity());
    assert_eq!(
        identity("postgres://a:1@db/x"),
        identity("postgresql://b:2@db:5432/x?sslmode=require")
    );
    assert_ne!(
        identity("postgres://a:1@db/x"),
        identity("postgres://a:1@db/y")
    );
    assert_ne!(
        identity("postgres://a:1@db/x"),
        identity("postgres://a:1@db2/x")
    );
}

#[test]
fn tokens_headers_and_certificates() {
    let token = |value| facts(value).token.err();
    assert_eq!(token("s3cret-token"), None);
    assert_eq!(
        token("s3cret-token\n").as_deref(),
        Some("ends with a line break; store it without one (printf %s, not echo)")
    );
    assert_eq!(
        token("two words").as_deref(),
        Some("holds a blank or a character outside printable ASCII, which a bearer token cannot")
    );
    let signing_key = |value| facts(value).signing_key.err();
    assert_eq!(signing_key("thirty-two bytes, blanks and all"), None);
    assert_eq!(
        signing_key("a key of 31 bytes is too short.").as_deref(),
        Some("is 31 bytes long; tokens are signed with 32 or more (openssl rand -hex 32)")
    );
    assert_eq!(
        signing_key("a key that was written by echo into a file\n").as_deref(),
        Some("ends with a line break; store it without one (printf %s, not echo)")
    );
    let headers = |value| facts(value).headers.err();
    assert_eq!(headers("authorization=Bearer%20x,x-tenant=7"), None);
    assert_eq!(headers("a=1\n"), None);
    assert_eq!(
        headers("a=1,b").as_deref(),
        Some("has no `=` in entry 2; write name=value,name2=value2")
    );
    assert_eq!(
        headers("two words=1").as_deref(),
        Some("has no valid header name in entry 1; write name=value,name2=value2")
    );
    assert_eq!(
        headers("a=one\ntwo").as_deref(),
        Some("has a character in the value of entry 1 that a header cannot carry")
    );
    let pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
    assert_eq!(facts(pem).certificates, Ok(()));
    assert_eq!(
        facts("MII").certificates,
        Err("holds no PEM certificate (-----BEGIN CERTIFICATE-----)".to_owned())
    );
}

#[test]
fn nothing_is_empty_and_no_sentence_quotes_the_value() {
    for value in ["", " ", "\n", "\r\n\t"] {
        assert_eq!(
            SecretFact::of_value(value.as_bytes()),
            SecretFact::Empty,
            "{value:?}"
        );
    }
    for secret in [
        "topsecret",
        "topsecret://x",
        "postgres://u:topsecret@db:x/",
        "http://topsecret",
        "topsecret=\u{7f}",
    ] {
        assert!(
            !format!("{:?}", facts(secret)).contains("topsecret"),
            "{secret}"
        );
    }
    assert!(
        matches!(SecretFact::of_value(&[0xff, 0xfe]), SecretFact::Present(facts) if facts.url == Err("is not UTF-8 text".to_owned()))
    );
}
