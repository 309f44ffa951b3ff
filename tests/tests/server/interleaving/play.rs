//! Plays the steps of a program, and writes down in the books what each did.

use proptest::sample::Index;
use telecom_proto::v1::{
    AdjustUsageRequest, CancelRequest, CloudEvent, EnqueueRequest, EraseUserRequest,
    PublishRequest, QueuedPackageStatus, ReportUsageRequest, ResumeUserRequest, SetFactorRequest,
    SuspendUserRequest, UsageRow,
};
use telecom_server::domain::{Processor as _, TelecomBillingHook};

use super::program::{At, CLIENTS, Step, Use};
use super::stage::{Stage, done, micros, moment};
use crate::server::billing::context;
use crate::server::node_clients::clients;
use crate::server::process::reason;
use crate::server::usage::refused;

/// Microseconds of a quarter of an hour.
const QUARTER: i64 = 900_000_000;

impl Stage<'_> {
    pub async fn play(&self, step: &Step) {
        let world = self.world;
        match step {
            Step::Report { node, rows } => self.report(*node, rows).await,
            Step::Replay(which) => self.replay(*which).await,
            Step::SetFactor { client, millionths } => self.set_factor(*client, *millionths).await,
            Step::Bill => {
                world.jobs.bill().await.unwrap();
            }
            Step::TakeUp => {
                let taken = world.relay.process(&context(), TelecomBillingHook).await;
                taken.unwrap();
            }
            Step::Hold => drop(world.sql("UPDATE held SET held = true")),
            Step::Release => self.release(),
            Step::Age { user, hours } => self.age(*user, *hours).await,
            Step::Expire => {
                world.jobs.expire().await.unwrap();
            }
            Step::Enqueue {
                user,
                package,
                priority,
            } => self.enqueue(*user, *package, *priority).await,
            Step::Cancel { user, which } => self.cancel(*user, *which).await,
            Step::Adjust { user, bytes, named } => self.adjust(*user, *bytes, *named).await,
            Step::Publish {
                user,
                download,
                upload,
                at,
            } => self.publish(*user, [*upload, *download], *at).await,
            Step::Redeliver(which) => self.redeliver(*which).await,
            Step::Suspend(user) => self.suspend(*user).await,
            Step::Resume(user) => self.resume(*user).await,
            Step::Erase(user) => self.erase(*user).await,
        }
    }

    pub fn release(&self) {
        self.world.sql(
            "UPDATE held SET held = false; \
             UPDATE outbox_event SET retry_at = NULL WHERE published_at IS NULL",
        );
    }

    async fn report(&self, node: usize, rows: &[Use]) {
        // What is dated by the database is of the quarter that it is now.
        let ahead = rows.iter().any(|row| matches!(row.at, At::Ahead(_)));
        let now = moment(At::Now);
        let left = QUARTER - micros(now) % QUARTER;
        if ahead && left < 10_000_000 {
            tokio::time::sleep(std::time::Duration::from_micros(left.unsigned_abs())).await;
        }
        let times: Vec<_> = rows.iter().map(|row| moment(row.at)).collect();
        let request = ReportUsageRequest {
            boot_id: self.boot.clone(),
            seq: u64::from(self.line()),
            rows: rows
                .iter()
                .zip(&times)
                .map(|(row, at)| UsageRow {
                    user_id: self.users[row.user].clone(),
                    node_client_id: self.clients[row.client],
                    used_at: Some((*at).into()),
                    upload_bytes: row.upload,
                    download_bytes: row.download,
                })
                .collect(),
        };
        let now = micros(moment(At::Now));
        let taken = done(|| {
            let (mut agent, request) = (self.agents[node].clone(), request.clone());
            async move { agent.report_usage(request).await }
        });
        let taken = taken.await.unwrap();
        assert!(!taken.replayed);
        let not = refused(&taken);
        assert_eq!(taken.accepted as usize + not.len(), rows.len());
        let mut notes = self.notes.lock().unwrap();
        for ((place, row), at) in (0..).zip(rows).zip(times) {
            let bytes = [row.upload, row.download];
            let impossible = CLIENTS[row.client] != node
                || bytes.iter().any(|bytes| !(0..=1 << 50).contains(bytes))
                || matches!(row.at, At::Beyond(_));
            let refused = not.contains_key(&place);
            if self.alone {
                assert_eq!(refused, impossible || notes.erased[row.user], "{row:?}");
            } else {
                assert!(refused || !impossible, "{row:?}");
            }
            if !refused {
                let at = micros(at).min(now);
                notes.books.used(row.user, row.client, at, bytes);
            }
        }
        notes.reports.push((node, request, taken));
    }

    async fn replay(&self, which: Index) {
        let reports = self.notes.lock().unwrap().reports.clone();
        if reports.is_empty() {
            return;
        }
        let (node, request, first) = which.get(&reports);
        let again = done(|| {
            let (mut agent, request) = (self.agents[*node].clone(), request.clone());
            async move { agent.report_usage(request).await }
        });
        let again = again.await.unwrap();
        assert!(again.replayed);
        assert_eq!(
            (again.accepted, &again.refused),
            (first.accepted, &first.refused)
        );
    }

    async fn set_factor(&self, client: usize, millionths: u64) {
        let request = SetFactorRequest {
            id: self.clients[client],
            factor_millionths: millionths,
            ..Default::default()
        };
        let set = clients(&self.world.server).await.set_factor(request).await;
        let from = set
            .unwrap()
            .into_inner()
            .factor
            .unwrap()
            .valid_from
            .unwrap();
        let from = micros(from.try_into().unwrap());
        let books = &mut self.notes.lock().unwrap().books;
        books.set_factor(client, from, millionths);
    }

    /// What holds the lock on the subscriber, as all that changes a queue.
    async fn age(&self, user: usize, hours: u32) {
        let (user, earlier) = (&self.users[user], format!("interval '{hours} hours'"));
        let sql = format!(
            "SELECT id FROM subscriber WHERE id = '{user}' FOR NO KEY UPDATE; \
             UPDATE queued_package SET enqueued_at = enqueued_at - {earlier}, \
             active_from = active_from - {earlier}, expires_at = expires_at - {earlier}, \
             ended_at = ended_at - {earlier}, next_reset_at = next_reset_at - {earlier} \
             WHERE user_id = '{user}'; \
             UPDATE user_access SET valid_until = valid_until - {earlier} WHERE user_id = '{user}'"
        );
        self.sql(sql).await;
    }

    async fn enqueue(&self, user: usize, package: usize, priority: i32) {
        let request = EnqueueRequest {
            user_id: self.users[user].clone(),
            package_id: self.packages[package].id,
            order_id: self.boot.clone(),
            line: self.line(),
            priority,
        };
        let bought = done(|| {
            let (mut queue, request) = (self.queue.clone(), request.clone());
            async move { queue.enqueue(request).await }
        })
        .await;
        self.unless_erased(user, bought.map(drop));
    }

    /// A subscriber who has been erased can have no more of it.
    fn unless_erased(&self, user: usize, result: Result<(), tonic::Status>) {
        let erased = self.notes.lock().unwrap().erased[user];
        match result {
            Ok(()) => assert!(!self.alone || !erased),
            Err(status) => {
                assert_eq!(reason(&status), "USER_ERASED");
                assert!(!self.alone || erased);
            }
        }
    }

    fn line(&self) -> u32 {
        let mut notes = self.notes.lock().unwrap();
        notes.lines += 1;
        notes.lines
    }

    /// One of the subscriber's packages.
    async fn package(&self, user: usize, which: Index) -> Option<i64> {
        let user = &self.users[user];
        let ids = format!("SELECT id FROM queued_package WHERE user_id = '{user}' ORDER BY id");
        let ids = self.sql(ids).await;
        let ids: Vec<i64> = ids.lines().map(|id| id.parse().unwrap()).collect();
        (!ids.is_empty()).then(|| *which.get(&ids))
    }

    async fn cancel(&self, user: usize, which: Index) {
        let Some(id) = self.package(user, which).await else {
            return;
        };
        let request = CancelRequest {
            id,
            ..Default::default()
        };
        let cancelled = done(|| {
            let (mut queue, request) = (self.queue.clone(), request.clone());
            async move { queue.cancel(request).await }
        });
        match cancelled.await {
            Ok(answer) => {
                let package = answer.queued_package.unwrap();
                assert_eq!(package.status(), QueuedPackageStatus::Cancelled);
            }
            Err(status) => assert_eq!(reason(&status), "QUEUED_PACKAGE_ENDED"),
        }
    }

    async fn adjust(&self, user: usize, bytes: i64, named: Option<Index>) {
        let id = match named {
            Some(which) => self.package(user, which).await.unwrap_or(i64::MAX),
            None => 0,
        };
        let request = AdjustUsageRequest {
            user_id: self.users[user].clone(),
            bytes,
            reason: "so it is".to_owned(),
            queued_package_id: id,
            idempotency_key: format!("{}-{}", self.boot, self.line()),
        };
        // Twice: the key makes it one.
        for again in [false, true] {
            let made = done(|| {
                let (mut admin, request) = (self.admin.clone(), request.clone());
                async move { admin.adjust_usage(request).await }
            });
            match made.await {
                Ok(answer) => {
                    let made = answer.adjustment.unwrap();
                    assert_eq!(made.charged_bytes + made.overage_bytes, bytes);
                    if !again {
                        self.notes.lock().unwrap().books.adjusted[user] += i128::from(bytes);
                    }
                }
                Err(status) if again => panic!("{status:?}"),
                Err(status) => {
                    let why = reason(&status);
                    let known = match why.as_str() {
                        "NO_ACTIVE_PACKAGE" => id == 0,
                        "QUEUED_PACKAGE_WAITS" => id > 0,
                        "QUEUED_PACKAGE_NOT_FOUND" => id == i64::MAX,
                        "ADJUSTMENT_TOO_LARGE" => bytes < 0,
                        "FIELD_INVALID" => bytes == 0,
                        _ => false,
                    };
                    assert!(known, "{status:?}");
                    return;
                }
            }
        }
    }

    async fn publish(&self, user: Option<usize>, [upload, download]: [i64; 2], at: At) {
        let nobody = uuid::Uuid::new_v4().to_string();
        let event = CloudEvent {
            id: self.line().to_string(),
            source: self.boot.clone(),
            r#type: "telecom.user_usage_billing".to_owned(),
            data: serde_json::json!({
                "server_id": self.nodes[0],
                "user": user.map_or(&nobody, |user| &self.users[user]),
                "billed_upload": upload,
                "billed_download": download,
                "time": micros(moment(at)) / 1_000_000,
            })
            .to_string(),
        };
        self.send(vec![event.clone(), event.clone()]).await;
        let mut notes = self.notes.lock().unwrap();
        notes.events.push(event);
        if let Some(user) = user {
            notes.books.external[user] += i128::from(upload) + i128::from(download);
        }
    }

    async fn redeliver(&self, which: Index) {
        let events = self.notes.lock().unwrap().events.clone();
        if !events.is_empty() {
            self.send(vec![which.get(&events).clone()]).await;
        }
    }

    async fn send(&self, events: Vec<CloudEvent>) {
        let count = events.len();
        let request = PublishRequest { events };
        let sent = done(|| {
            let (mut ingest, request) = (self.ingest.clone(), request.clone());
            async move { ingest.publish(request).await }
        });
        let sent = sent.await.unwrap();
        assert_eq!((sent.accepted as usize, sent.refused.len()), (count, 0));
    }

    async fn suspend(&self, user: usize) {
        let request = SuspendUserRequest {
            id: self.users[user].clone(),
            ..Default::default()
        };
        let suspended = done(|| {
            let (mut admin, request) = (self.admin.clone(), request.clone());
            async move { admin.suspend_user(request).await }
        });
        self.unless_erased(user, suspended.await.map(drop));
    }

    async fn resume(&self, user: usize) {
        let request = ResumeUserRequest {
            id: self.users[user].clone(),
            ..Default::default()
        };
        let resumed = done(|| {
            let (mut admin, request) = (self.admin.clone(), request.clone());
            async move { admin.resume_user(request).await }
        });
        self.unless_erased(user, resumed.await.map(drop));
    }

    async fn erase(&self, user: usize) {
        let request = EraseUserRequest {
            id: self.users[user].clone(),
            ..Default::default()
        };
        let erased = done(|| {
            let (mut admin, request) = (self.admin.clone(), request.clone());
            async move { admin.erase_user(request).await }
        });
        erased.await.unwrap();
        self.notes.lock().unwrap().erased[user] = true;
    }
}
