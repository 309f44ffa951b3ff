//! The way to a cluster's server: one connection, the operator's own token, and its answers in our words.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use telecom_crds::JobName;
use telecom_proto::v1 as proto;
use telecom_proto::v1::job_manage_client::JobManageClient;
use telecom_telemetry::propagation;
use tokio::sync::Mutex;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::run::{Refusal, Run, RunKey, States};
use crate::names;
use crate::stores::ClusterKey;

mod answers;

use answers::{crd_job, past, proto_job, proto_time, refusal, run, time};

/// How long the server waits for the end of a run before it answers.
const WAIT: Duration = Duration::from_secs(2);
/// No answer for so long is none; a run goes on all the same.
const PATIENCE: Duration = Duration::from_secs(7);
/// A connection that is not there by then will not be.
const CONNECT: Duration = Duration::from_secs(3);
/// A connection that answers no ping for so long is a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// What is asked.
const SERVICE: &str = "telecom.v1.JobManage";

type Authorization = MetadataValue<Ascii>;
type Client = JobManageClient<Channel>;

/// The way to one cluster's server. A clone shares connection and token.
#[derive(Clone)]
pub struct Server {
    channel: Channel,
    /// Host and port.
    address: (String, u16),
    token: Arc<Token>,
    uid: String,
}

/// The operator's own credential to one cluster, read from its Secret when it is first needed and again
/// when it is refused; never stored, never shown.
struct Token {
    apiserver: kube::Client,
    key: ClusterKey,
    value: Mutex<Option<Authorization>>,
}

impl Server {
    /// The server at this host and port. Connects when it is first asked, and again whenever needed.
    pub fn new(
        apiserver: kube::Client,
        key: &ClusterKey,
        uid: &str,
        address: &str,
    ) -> Result<Self, Refusal> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|error| Refusal::Unavailable(format!("{address} is no address: {error}")))?
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(KEEP_ALIVE)
            .user_agent(concat!("telecom-operator/", env!("CARGO_PKG_VERSION")))
            .map_err(|error| Refusal::Unavailable(error.to_string()))?;
        let uri = endpoint.uri();
        let place = (uri.host().unwrap_or_default(), uri.port_u16());
        Ok(Self {
            address: (place.0.to_owned(), place.1.unwrap_or_default()),
            channel: endpoint.connect_lazy(),
            token: Arc::new(Token {
                apiserver,
                key: key.clone(),
                value: Mutex::new(None),
            }),
            uid: uid.to_owned(),
        })
    }

    /// Starts the run of a key, or asks how it stands.
    pub async fn run(&self, job: JobName, key: &RunKey, timeout: Duration) -> Result<Run, Refusal> {
        let key = match key {
            RunKey::Slot(slot) => proto::run_job_request::Key::ScheduledAt(proto_time(*slot)),
            RunKey::Request(id) => proto::run_job_request::Key::RequestId(id.clone()),
        };
        let message = proto::RunJobRequest {
            job: proto_job(job).into(),
            key: Some(key),
            wait: prost_types::Duration::try_from(WAIT).ok(),
            timeout: prost_types::Duration::try_from(timeout).ok(),
            cluster_uid: self.uid.clone(),
        };
        let send = |mut client: Client, request| async move { client.run_job(request).await };
        let reply = self.ask("RunJob", message, send).await?;
        let nothing = || Refusal::Unavailable("the server's answer has no run".to_owned());
        run(reply.run.ok_or_else(nothing)?, reply.started).ok_or_else(nothing)
    }

    /// Asks what ran before.
    pub async fn states(&self) -> Result<States, Refusal> {
        let message = proto::GetJobStatesRequest {
            cluster_uid: self.uid.clone(),
        };
        let send =
            |mut client: Client, request| async move { client.get_job_states(request).await };
        let reply = self.ask("GetJobStates", message, send).await?;
        let nothing = || Refusal::Unavailable("the server's answer has no time".to_owned());
        let jobs = reply
            .states
            .into_iter()
            .filter_map(|state| Some((crd_job(state.job())?, past(state))));
        Ok(States {
            now: reply.now.and_then(time).ok_or_else(nothing)?,
            jobs: jobs.collect::<BTreeMap<_, _>>(),
        })
    }

    fn span(&self, method: &'static str) -> Span {
        let (host, port) = &self.address;
        tracing::info_span!(
            "rpc",
            otel.name = format_args!("{SERVICE}/{method}"),
            otel.kind = "client",
            otel.status_code = Empty,
            otel.status_description = Empty,
            rpc.system = "grpc",
            rpc.service = SERVICE,
            rpc.method = method,
            rpc.grpc.status_code = Empty,
            server.address = host,
            server.port = port,
        )
    }

    /// Asks with the token; once more with a new one if the Secret has another by now.
    async fn ask<M: Clone, R, F>(
        &self,
        method: &'static str,
        message: M,
        send: impl Fn(Client, Request<M>) -> F,
    ) -> Result<R, Refusal>
    where
        F: Future<Output = Result<tonic::Response<R>, Status>>,
    {
        let ask = async |message: M, token: &Authorization| {
            let span = self.span(method);
            let client = JobManageClient::new(self.channel.clone());
            // Inside the span, so that it is the one that the server goes on from.
            let answer = async { send(client, request(message, token)).await };
            let answer = answer.instrument(span.clone()).await;
            span.in_scope(|| record(&answer));
            answer
        };
        let first = self.token.get(None).await?;
        let answer = ask(message.clone(), &first).await;
        let answer = match answer {
            Err(status) if status.code() == Code::Unauthenticated => {
                let second = self.token.get(Some(&first)).await?;
                if second == first {
                    Err(status)
                } else {
                    ask(message, &second).await
                }
            }
            answer => answer,
        };
        answer
            .map(tonic::Response::into_inner)
            .map_err(|status| refusal(&status))
    }
}

/// As <https://opentelemetry.io/docs/specs/semconv/rpc/grpc/> has it: any code but OK is an error of the one who asked.
fn record<R>(answer: &Result<tonic::Response<R>, Status>) {
    let span = Span::current();
    let code = answer.as_ref().err().map_or(Code::Ok, Status::code);
    span.record("rpc.grpc.status_code", i64::from(code as i32));
    tracing::debug!(?code, "the server was asked");
    if let Err(status) = answer {
        span.record("otel.status_code", "ERROR");
        span.record("otel.status_description", status.message());
    }
}

fn request<M>(message: M, token: &Authorization) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    let metadata = request.metadata_mut();
    metadata.insert("authorization", token.clone());
    propagation::inject(metadata.as_mut());
    request
}

impl Token {
    /// The token, unless it is the one that was refused: then as the Secret has it now.
    async fn get(&self, refused: Option<&Authorization>) -> Result<Authorization, Refusal> {
        let mut value = self.value.lock().await;
        if let Some(known) = value.as_ref().filter(|known| refused != Some(*known)) {
            return Ok(known.clone());
        }
        let name = names::operator_token(&self.key.name);
        let secrets: Api<Secret> = Api::namespaced(self.apiserver.clone(), &self.key.namespace);
        let secret = secrets.get_opt(&name).await;
        let secret =
            secret.map_err(|error| Refusal::Unavailable(format!("Secret {name}: {error}")))?;
        let data = secret.and_then(|secret| secret.data).unwrap_or_default();
        let token = data.get(names::OPERATOR_TOKEN_KEY).and_then(|token| {
            let header = format!("Bearer {}", str::from_utf8(&token.0).ok()?);
            Authorization::try_from(header).ok()
        });
        let Some(mut token) = token else {
            let missing = format!("Secret {name} has no {}", names::OPERATOR_TOKEN_KEY);
            return Err(Refusal::Unauthenticated(missing));
        };
        token.set_sensitive(true);
        *value = Some(token.clone());
        Ok(token)
    }
}
