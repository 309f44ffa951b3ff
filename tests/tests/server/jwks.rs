//! Keys of an issuer: fetched, rotated, away for a while.

use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use telecom_tests::postgres;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::jwt::answer;
use super::process::{Server, eventually};

/// A key of the issuer: how it signs, and what it publishes.
struct Key {
    header: Header,
    signs: EncodingKey,
    public: Value,
}

impl Key {
    fn elliptic(id: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let der = pair.to_pkcs8v1().unwrap();
        // SEC 1, 2.3.3: 4, then x and y of 32 bytes each.
        let point = pair.public_key().as_ref();
        let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
        Self {
            header: named(Algorithm::ES256, id),
            signs: EncodingKey::from_ec_der(der.as_ref()),
            public: json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": id, "x": x, "y": y}),
        }
    }

    fn rsa(id: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyComponents<Vec<u8>> = pair.public_key().into();
        let wrapped = pair.as_der().unwrap();
        // RFC 5208: version, algorithm and the header of the octet string are 26 bytes at this size.
        let der = &wrapped.as_ref()[26..];
        let (n, e) = (BASE64.encode(public.n), BASE64.encode(public.e));
        Self {
            header: named(Algorithm::RS256, id),
            signs: EncodingKey::from_rsa_der(der),
            public: json!({"kty": "RSA", "alg": "RS256", "kid": id, "n": n, "e": e}),
        }
    }

    fn token(&self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let claims = json!({"sub": "somebody", "role": "viewer", "exp": now.as_secs() + 600});
        jsonwebtoken::encode(&self.header, &claims, &self.signs).unwrap()
    }
}

fn named(algorithm: Algorithm, id: &str) -> Header {
    let mut header = Header::new(algorithm);
    header.kid = Some(id.to_owned());
    header
}

/// An issuer on a port of its own; it answers with 500 while it has no keys.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Option<Vec<Value>>>>,
}

impl Issuer {
    async fn start(keys: Option<Vec<Value>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(keys));
        let told = Arc::clone(&keys);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let (status, body) = match &*told.lock().unwrap() {
                    Some(keys) => ("200 OK", json!({"keys": keys}).to_string()),
                    None => ("500 Internal Server Error", String::new()),
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { url, keys }
    }

    fn publish(&self, keys: Option<Vec<Value>>) {
        *self.keys.lock().unwrap() = keys;
    }
}

async fn server(issuer: &Issuer) -> Server {
    let url = postgres::shared().database();
    let jwks = [("TELECOM__AUTH__JWKS_URL", issuer.url.as_str())];
    let without_secret = ["TELECOM__AUTH__JWT_SECRET"];
    let server =
        Server::launch_without(&url, &jwks, &without_secret, &["serve", "--migrate"]).await;
    server.until_ready().await;
    server
}

#[tokio::test]
async fn keys_are_rotated_and_the_issuer_may_be_away() {
    let (first, second, third) = (Key::elliptic("a"), Key::rsa("b"), Key::elliptic("c"));
    // A key of a kind nobody knows does not spoil the others.
    let odd = json!({"kty": "LATTICE", "kid": "q"});
    let issuer = Issuer::start(Some(vec![odd, first.public.clone()])).await;
    let server = server(&issuer).await;
    assert_eq!(answer(&server, &first.token()).await, "OK");
    assert_eq!(answer(&server, &second.token()).await, "TOKEN_INVALID");

    issuer.publish(Some(vec![first.public.clone(), second.public.clone()]));
    eventually("the new key is taken", || async {
        answer(&server, &second.token()).await == "OK"
    })
    .await;
    assert_eq!(answer(&server, &first.token()).await, "OK");

    issuer.publish(None);
    assert_eq!(answer(&server, &third.token()).await, "TOKEN_INVALID");
    assert_eq!(
        answer(&server, &first.token()).await,
        "OK",
        "known keys stay"
    );

    issuer.publish(Some(vec![third.public.clone()]));
    eventually("the third key is taken", || async {
        answer(&server, &third.token()).await == "OK"
    })
    .await;
    assert_eq!(answer(&server, &first.token()).await, "TOKEN_INVALID");
}

#[tokio::test]
async fn a_public_key_is_no_secret() {
    let key = Key::elliptic("a");
    let issuer = Issuer::start(Some(vec![key.public.clone()])).await;
    let server = server(&issuer).await;
    assert_eq!(answer(&server, &key.token()).await, "OK");
    let text = key.public.to_string();
    let forged = Key {
        header: named(Algorithm::HS256, "a"),
        signs: EncodingKey::from_secret(text.as_bytes()),
        public: Value::Null,
    };
    assert_eq!(answer(&server, &forged.token()).await, "TOKEN_INVALID");
}

#[tokio::test]
async fn without_any_key_callers_are_asked_to_come_again() {
    let key = Key::elliptic("a");
    let issuer = Issuer::start(None).await;
    let server = server(&issuer).await;
    assert_eq!(answer(&server, &key.token()).await, "KEYS_UNAVAILABLE");
    issuer.publish(Some(vec![key.public.clone()]));
    eventually("the keys are there", || async {
        answer(&server, &key.token()).await == "OK"
    })
    .await;
}
