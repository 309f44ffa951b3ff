//! The gRPC server in this process, over a database that is never there: everything up to the first
//! transaction is the real thing, and what gets so far is answered that the database is away.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Request, Version};
use http_body_util::{BodyExt as _, Full};
use telecom_server::auth::{Caller, Keys, Role, Rules, Secret, Verifier, mint};
use telecom_server::call_intake::CallIntake;
use telecom_server::config::TelecomConfig;
use telecom_server::domain::{
    AccessHub, CallService, Context, MachineService, TelecomCronExecutor,
};
use telecom_server::job_keeper::JobKeeper;
use telecom_server::metrics::Metrics;
use telecom_server::nodes::NodeServerId;
use telecom_server::pbxs::PbxId;
use telecom_server::rpc::{self, Authenticator, Gateway};
use telecom_server::store::Database;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service, ServiceExt as _};

/// A subscriber.
pub(crate) const USER: &str = "0190f3a1-7c11-7cc3-98c4-dc0c0c07398f";
const KEY: &str = "a key that signs the tokens of nobody but the targets";
const PATIENCE: Duration = Duration::from_mins(1);

thread_local! {
    static SERVER: Server = Server::new();
}

/// As whom a request comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// With the token of an administrator, which opens every method that is not for nodes alone.
    Admin,
    /// With the token of a program that brings events.
    Collector,
    /// With the token of a subscriber.
    User,
    /// Behind the gateway, which would ask the database for the token of a node.
    Node,
    /// The same with the token of a PBX.
    Pbx,
}

struct Server {
    runtime: Runtime,
    gateway: tonic_web::GrpcWebService<Gateway>,
    routes: Routes,
    admin: HeaderValue,
    collector: HeaderValue,
    user: HeaderValue,
}

pub(crate) fn rules() -> Rules {
    Rules {
        issuer: None,
        audience: None,
        role_claim: "role".to_owned(),
        role_mapping: BTreeMap::new(),
    }
}

pub(crate) fn key() -> Secret {
    Secret::new(KEY)
}

fn bearer(role: Role) -> HeaderValue {
    let year = Duration::from_hours(365 * 24);
    let token = mint(&key(), &rules(), USER, role, SystemTime::now(), year).expect("a token");
    format!("Bearer {}", token.expose())
        .parse()
        .expect("a header")
}

impl Server {
    fn new() -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let url = "postgresql://nobody@127.0.0.1:1/none";
        let variables = [("TELECOM__DATABASE__URL".to_owned(), url.to_owned())];
        let config =
            TelecomConfig::load(None, &BTreeMap::from(variables)).expect("a configuration");
        let target = config.database.as_ref().expect("a database");
        let jobs = |database: &Database, metrics: &Metrics| {
            let (rules, metrics) = (config.job_rules(), metrics.jobs.clone());
            let executor = TelecomCronExecutor::new(database.clone(), rules, metrics);
            JobKeeper::new(executor, CancellationToken::new()).1
        };
        let options = |database: &Database, metrics: &Metrics| rpc::Options {
            authenticator: Arc::new(Authenticator::new(
                Verifier::new(Keys::Secrets(vec![key()]), rules()),
                Vec::new(),
                MachineService::new(database.clone()),
            )),
            max_message_bytes: config.max_message_bytes,
            max_in_flight: config.max_in_flight,
            request_timeout: PATIENCE,
            offline_timeout: config.offline_timeout,
            hub: AccessHub::new(database.clone(), config.access_ttl),
            intake: CallIntake::new(CallService::new(database.clone()), metrics.clone()).0,
            jobs: jobs(database, metrics),
            mask_numbers: false,
        };
        let (gateway, routes) = runtime.block_on(async {
            let database = Database::new(target);
            database.close().await;
            let metrics = Metrics::new().expect("metrics");
            let options = options(&database, &metrics);
            let health = || tonic_health::server::health_reporter().1;
            let routes = rpc::routes(&options, &database, &metrics, health());
            let drain = CancellationToken::new();
            let gateway = rpc::service(options, &database, metrics, health(), drain);
            (gateway.expect("a gateway"), routes.expect("methods"))
        });
        Self {
            runtime,
            gateway,
            routes,
            admin: bearer(Role::Admin),
            collector: bearer(Role::Collector),
            user: bearer(Role::User),
        }
    }

    /// The answer to a machine, whose token the gateway would ask the database for.
    fn behind(&self, mut request: Request<Body>, caller: Caller) -> Answer {
        request.extensions_mut().insert(context(caller));
        let routes = self.routes.clone();
        self.runtime.block_on(answer(routes, request))
    }
}

/// What a method answers to these bytes.
pub(crate) fn call(door: Door, path: &str, message: &[u8]) -> Answer {
    SERVER.with(|server| {
        let mut request = framed(path, message);
        match door {
            Door::Admin => authorize(&mut request, server.admin.clone()),
            Door::Collector => authorize(&mut request, server.collector.clone()),
            Door::User => authorize(&mut request, server.user.clone()),
            Door::Node => return server.behind(request, Caller::Node(NodeServerId(1))),
            Door::Pbx => return server.behind(request, Caller::Pbx(PbxId(1))),
        }
        let gateway = server.gateway.clone();
        server.runtime.block_on(answer(gateway, request))
    })
}

/// What a method answers to an empty message under this `authorization`.
pub(crate) fn call_as(authorization: HeaderValue, path: &str) -> Answer {
    SERVER.with(|server| {
        let mut request = framed(path, &[]);
        authorize(&mut request, authorization);
        let gateway = server.gateway.clone();
        server.runtime.block_on(answer(gateway, request))
    })
}

/// Runs a future of this thread.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    SERVER.with(|server| server.runtime.block_on(future))
}

fn context(caller: Caller) -> Context {
    let now = Instant::now();
    Context {
        caller,
        deadline: now + PATIENCE,
        received: now,
        trace_id: String::new(),
    }
}

fn authorize(request: &mut Request<Body>, authorization: HeaderValue) {
    request.headers_mut().insert("authorization", authorization);
}

fn framed(path: &str, message: &[u8]) -> Request<Body> {
    let length = u32::try_from(message.len()).expect("a message that fits a frame");
    let frame = [&[0], &length.to_be_bytes()[..], message].concat();
    Request::post(format!("http://server{path}"))
        .version(Version::HTTP_2)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(Full::from(frame)))
        .expect("a request")
}

/// An answer, which is never the one of a method that succeeded.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Status,
    /// Bytes of its headers, counted as HTTP/2 does.
    pub(crate) size: usize,
}

async fn answer<S, B>(service: S, request: Request<Body>) -> Answer
where
    S: Service<Request<Body>, Response = http::Response<B>>,
    S::Error: std::fmt::Debug,
    B: http_body::Body,
    B::Error: std::fmt::Debug,
{
    let response = service.oneshot(request).await.expect("an answer");
    let (head, body) = response.into_parts();
    let body = body.collect().await.expect("a whole answer");
    let none = HeaderMap::new();
    let trailers = body.trailers().unwrap_or(&none);
    let status = Status::from_header_map(&head.headers);
    let size = head.headers.iter().chain(trailers);
    Answer {
        status: status
            .or_else(|| Status::from_header_map(trailers))
            .expect("a status"),
        size: size
            .map(|(name, value)| name.as_str().len() + value.len() + 32)
            .sum(),
    }
}
