//! What a spool does not take, and what is not taken from it.

use serde_json::{Value, json};
use telecom_proto::v1::RotatePbxTokenRequest;

use super::proxy::Proxy;
use super::{Home, Spool, free_address, post, push};
use crate::server::calls::{BOUNDARY, multipart, record};
use crate::server::process::{Server, command, eventually};

#[tokio::test]
async fn requests_that_hold_no_record_are_told_so_and_the_others_are_kept() {
    let home = Home::new("tpbx_1_secret");
    let spool = Spool::start(&home, free_address()).await;
    let form = format!("multipart/form-data; boundary={BOUNDARY}");
    let whole = multipart(&record("whole", 0).to_string());
    let other = String::from_utf8(whole.clone()).unwrap();
    let other = other.replace("calllog.json", "recording.wav");
    for (content_type, body, code) in [
        (form.as_str(), &whole[..], 202),
        (&form, &whole[..whole.len() / 2], 400),
        (&form, other.as_bytes(), 400),
        ("multipart/form-data", &whole, 400),
        ("text/plain", b"call", 415),
        ("application/json", b"[]", 400),
        ("application/json", b"[{\"callId\":", 400),
        (
            "application/json",
            b"[{\"callId\":\"a\"},{\"callId\":\"b\"}]",
            202,
        ),
        ("application/json", b"{\"callId\":\"c\"}", 202),
    ] {
        let answer = post(spool.http, "", content_type, body).await.unwrap();
        assert_eq!(answer.code, code, "{content_type} {answer:?}");
        assert!(!answer.body.is_empty());
    }
    let standing = spool.get("/healthz").await;
    assert_eq!(standing.code, 200);
    let standing = standing.json();
    assert_eq!(
        (&standing["status"], &standing["pending_records"]),
        (&json!("ok"), &json!(4))
    );
    assert!(standing["oldest_seconds"].is_u64());
    for (sample, value) in [
        ("received_total ", 4.0),
        ("forwarded_total ", 0.0),
        ("pending_records ", 4.0),
        ("refused_total{reason=\"form\"} ", 6.0),
        ("refused_total{reason=\"full\"} ", 0.0),
    ] {
        let sample = format!("telecom_cdr_spool_{sample}");
        assert_eq!(spool.metric(&sample).await, Some(value), "{sample}");
    }
    assert!(spool.metric("telecom_cdr_spool_pending_bytes ").await > Some(1000.0));
    assert_eq!(spool.get("/").await.code, 404);
    // Numbers of telephones stand in no line of the log.
    let log = format!("{:?}", spool.log.lock().unwrap());
    assert!(!log.contains("4930123456"), "{log}");
}

#[tokio::test]
async fn whoever_shows_a_token_shows_the_right_one_and_strangers_have_to() {
    let home = Home::new("tpbx_1_secret");
    let near = Spool::start(&home, free_address()).await;
    let pushed = record("a", 0).to_string();
    for (token, code) in [("", 202), ("tpbx_1_secret", 202), ("tpbx_1_other", 401)] {
        assert_eq!(push(near.http, token, &pushed).await, Some(code), "{token}");
    }
    near.kill().await;
    let far = Spool::start_with(&home, free_address(), &["--listen", "0.0.0.0:0"]).await;
    let port = far.http.port();
    let address = ([127, 0, 0, 1], port).into();
    for (token, code) in [("", 401), ("tpbx_1_secret", 202), ("tpbx_1_other", 401)] {
        assert_eq!(push(address, token, &pushed).await, Some(code), "{token}");
    }
}

#[tokio::test]
async fn a_full_spool_says_so_and_takes_records_again_when_it_has_room() {
    let server = Server::start().await;
    let (_, token) = server.pbx("full").await;
    let home = Home::new(&token);
    let small = ["--listen", "127.0.0.1:0", "--spool-limit", "4KiB"];
    let spool = Spool::start_with(&home, free_address(), &small).await;
    let mut count = 0;
    let answer = loop {
        let id = format!("call-{count}");
        let body = record(&id, 0).to_string();
        let answer = post(spool.http, "", "application/json", body.as_bytes())
            .await
            .unwrap();
        if answer.code != 202 {
            break answer;
        }
        count += 1;
    };
    assert_eq!(answer.code, 507, "{answer:?}");
    assert!(answer.body.contains("full"), "{answer:?}");
    assert!(count >= 2, "{count}");
    assert_eq!(
        spool
            .metric("telecom_cdr_spool_refused_total{reason=\"full\"} ")
            .await,
        Some(1.0)
    );
    spool.kill().await;
    let spool = Spool::start_with(&home, server.http, &small).await;
    spool.until_empty().await;
    assert_eq!(spool.push("later").await, Some(202));
    spool.until_empty().await;
    let stored = server.query("SELECT count(*) FROM call_record");
    assert_eq!(stored, (count + 1).to_string());
}

#[tokio::test]
async fn what_the_server_cannot_read_is_kept_aside_there_and_holds_up_nothing() {
    let server = Server::start().await;
    let (_, token) = server.pbx("garbled").await;
    let home = Home::new(&token);
    let spool = Spool::start(&home, server.http).await;
    let deep = format!("{{\"callId\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    for body in ["{\"callId\":", "\u{0}", "\"no object\"", &deep] {
        assert_eq!(push(spool.http, "", body).await, Some(202), "{body}");
    }
    assert_eq!(spool.push("good").await, Some(202));
    spool.until_empty().await;
    assert_eq!(server.query("SELECT call_id FROM call_record"), "good");
    assert_eq!(
        server.query("SELECT count(*) FROM call_record_rejected"),
        "4"
    );
    assert!(home.files("rejected").is_empty());
}

#[tokio::test]
async fn batches_that_are_too_large_are_halved_and_one_that_is_so_alone_is_put_aside() {
    let server = Server::start().await;
    let (_, token) = server.pbx("proxied").await;
    let home = Home::new(&token);
    // All of it is there before the first is sent.
    let spool = Spool::start(&home, free_address()).await;
    let mut large = record("large", 0);
    large["metadata"] = json!({"note": "x".repeat(20_000)});
    for number in 0..30 {
        if number == 10 {
            let pushed = push(spool.http, "", &large.to_string()).await;
            assert_eq!(pushed, Some(202));
        }
        assert_eq!(spool.push(&format!("call-{number:02}")).await, Some(202));
    }
    spool.kill().await;
    let proxy = Proxy::start(server.http, 10_000).await;
    let spool = Spool::start(&home, proxy.http).await;
    spool.until_empty().await;
    // In the order in which they came.
    let passed = proxy.passed.lock().unwrap().clone();
    let ids: Vec<_> = passed
        .iter()
        .flat_map(|body| serde_json::from_str::<Vec<Value>>(body).unwrap())
        .map(|record| record["callId"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..30).map(|number| format!("call-{number:02}")).collect();
    assert_eq!(ids, expected);
    let aside = home.files("rejected");
    assert_eq!(aside.len(), 1);
    assert_eq!(
        std::fs::read_to_string(&aside[0]).unwrap(),
        large.to_string()
    );
    assert_eq!(
        spool.metric("telecom_cdr_spool_set_aside_total ").await,
        Some(1.0)
    );
    assert_eq!(server.query("SELECT count(*) FROM call_record"), "30");
}

#[tokio::test]
async fn records_wait_for_a_token_that_the_server_takes() {
    let server = Server::start().await;
    let (pbx, _) = server.pbx("rotated").await;
    let home = Home::new(&format!("tpbx_{}_of-another-time", pbx.id));
    let spool = Spool::start(&home, server.http).await;
    assert_eq!(spool.push("patient").await, Some(202));
    let waiting = spool.logged("records wait").await;
    assert_eq!(waiting["reason"], "401 Unauthorized");
    let request = RotatePbxTokenRequest {
        id: pbx.id,
        ..RotatePbxTokenRequest::default()
    };
    let token = server.pbxs().await.rotate_pbx_token(request).await;
    let token = token.unwrap().into_inner().token;
    home.token(&token);
    // A request with the new token makes the file be read; so does a start.
    assert_eq!(
        push(spool.http, &token, &record("next", 0).to_string()).await,
        Some(202)
    );
    spool.kill().await;
    let spool = Spool::start(&home, server.http).await;
    spool.until_empty().await;
    assert_eq!(
        server.query("SELECT call_id FROM call_record ORDER BY 1"),
        "next\npatient"
    );
}

#[tokio::test]
async fn a_data_directory_is_of_one_process_and_the_token_is_needed() {
    let home = Home::new("tpbx_1_secret");
    let spool = Spool::start(&home, free_address()).await;
    let (data, token) = (home.0.join("data"), home.0.join("token"));
    let (data, token) = (data.to_str().unwrap(), token.to_str().unwrap());
    let flags = ["cdr-spool", "--listen", "127.0.0.1:0", "--data-dir", data];
    let server = ["--server", "http://127.0.0.1:1/v1/call-records"];
    let with_token = ["--token-file", token];
    for (more, code, words) in [
        (vec![], 2, "--server"),
        (server.to_vec(), 2, "TELECOM_CDR_SPOOL_TOKEN"),
        ([server, with_token].concat(), 1, "another process has it"),
    ] {
        let arguments = [&flags[..], &more].concat();
        let ended = command(&[].into(), &arguments).output().await.unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(code), "{said}");
        assert!(said.contains(words), "{said}");
    }
    eventually("still there", || async {
        spool.get("/healthz").await.code == 200
    })
    .await;
}
