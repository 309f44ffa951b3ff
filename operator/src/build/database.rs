//! The embedded PostgreSQL: one instance on one volume, for development and CI.

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec};
use k8s_openapi::api::core::v1::{
    Container, ContainerPort, EmptyDirVolumeSource, ExecAction, KeyToPath, Lifecycle,
    LifecycleHandler, PersistentVolumeClaim, PersistentVolumeClaimSpec,
    PersistentVolumeClaimVolumeSource, PodSecurityContext, PodSpec, PodTemplateSpec, Probe,
    SecretVolumeSource, Service, ServicePort, ServiceSpec, TCPSocketAction, Volume, VolumeMount,
    VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Generated;
use super::migration::Migration;
use super::object::{BuildError, Object, metadata, retainable};
use super::{pod, secrets};
use crate::kinds::Kind;
use crate::names::{self, Component, DATABASE_PASSWORD_KEY};
use crate::references::Live;
use crate::validate::{DatabaseSource, Embedded, Validated};

/// PostgreSQL's port.
pub(super) const PORT: u16 = 5432;
/// User and group of the Pod, unless the platform assigns them: that of the official images. Any other works as well.
const USER: i64 = 999;
/// Makes the data directory when there is none, then becomes the server.
const START: &str = include_str!("database/start.sh");
/// Writes an `/etc/passwd` that knows the uid the Pod runs under, whatever it is.
const ACCOUNT: &str = include_str!("database/account.sh");
/// Tells from the server's own status file whether it takes connections.
const READY: &str = include_str!("database/ready.sh");
const VOLUME_PATH: &str = "/var/lib/postgresql/data";
const PASSWORD_FOLDER: &str = "/etc/telecom";
const ACCOUNT_FOLDER: &str = "/run/telecom";

/// Secret, volume claim, Service and StatefulSet; nothing for an external database.
pub(super) fn build(
    cluster: &Validated,
    live: &Live,
    migration: &Migration,
    generated: &Generated,
) -> Result<Vec<Object>, BuildError> {
    let embedded = match &cluster.database.source {
        DatabaseSource::Embedded(embedded) => embedded,
        DatabaseSource::External(_) => return Ok(Vec::new()),
    };
    Ok(vec![
        secrets::database(cluster, generated)?,
        claim(cluster, embedded, owner(cluster, live, migration))?,
        service(cluster)?,
        stateful_set(cluster, embedded)?,
    ])
}

/// Whose the data is. Until the migration has handed it over it is that of the one before.
fn owner<'a>(cluster: &'a Validated, live: &'a Live, migration: &Migration) -> &'a str {
    let before = live.database_claim.as_ref();
    before
        .and_then(|claim| claim.owner.as_deref())
        .filter(|_| migration.pending)
        .unwrap_or(&cluster.owner.uid)
}

/// A claim of its own rather than a claim template: those of a StatefulSet cannot grow.
fn claim(cluster: &Validated, embedded: &Embedded, owner: &str) -> Result<Object, BuildError> {
    let name = names::postgres_data(&cluster.name);
    let size = Quantity(embedded.size.clone());
    let owner = (
        names::DATABASE_OWNER_ANNOTATION.to_owned(),
        owner.to_owned(),
    );
    let claim = PersistentVolumeClaim {
        metadata: ObjectMeta {
            annotations: Some([owner].into()),
            ..retainable(cluster, name.clone(), Component::Database)
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: embedded.storage_class.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), size)].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::PersistentVolumeClaim, &name, &claim)
}

fn service(cluster: &Validated) -> Result<Object, BuildError> {
    let name = names::postgres(&cluster.name);
    let service = Service {
        metadata: metadata(cluster, name.clone(), Component::Database),
        spec: Some(ServiceSpec {
            selector: Some(names::selector(&cluster.name, Component::Database)),
            ports: Some(vec![ServicePort {
                name: Some("postgres".to_owned()),
                port: PORT.into(),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String("postgres".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::Service, &name, &service)
}

fn stateful_set(cluster: &Validated, embedded: &Embedded) -> Result<Object, BuildError> {
    let name = names::postgres(&cluster.name);
    let mut metadata = metadata(cluster, name.clone(), Component::Database);
    if embedded.pinned {
        // An upgrade of the operator must not put another major version on the data.
        let pin = (
            names::PINNED_IMAGE_ANNOTATION.to_owned(),
            embedded.image.clone(),
        );
        metadata.annotations = Some([pin].into());
    }
    let stateful_set = StatefulSet {
        metadata,
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            // With the default, a Pod that never became ready is not replaced when its image is corrected:
            // https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
            pod_management_policy: Some("Parallel".to_owned()),
            service_name: Some(name.clone()),
            selector: LabelSelector {
                match_labels: Some(names::selector(&cluster.name, Component::Database)),
                match_expressions: None,
            },
            template: PodTemplateSpec {
                metadata: Some(ObjectMeta {
                    labels: Some(names::labels(&cluster.name, Component::Database)),
                    ..ObjectMeta::default()
                }),
                spec: Some(pod_spec(cluster, embedded)),
            },
            ..StatefulSetSpec::default()
        }),
        status: None,
    };
    Object::applied(Kind::StatefulSet, &name, &stateful_set)
}

fn pod_spec(cluster: &Validated, embedded: &Embedded) -> PodSpec {
    let account = Container {
        volume_mounts: Some(vec![pod::mount("account", ACCOUNT_FOLDER, false)]),
        ..container("account", embedded, ACCOUNT)
    };
    PodSpec {
        init_containers: Some(vec![account]),
        containers: vec![server(embedded)],
        volumes: Some(volumes(cluster)),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: Some(embedded.pull_secrets.clone()),
        security_context: Some(security(embedded)),
        termination_grace_period_seconds: Some(60),
        ..PodSpec::default()
    }
}

fn security(embedded: &Embedded) -> PodSecurityContext {
    let user = (!embedded.assigned_uids).then_some(USER);
    crate::validate::restricted_pod(PodSecurityContext {
        run_as_user: user,
        fs_group: user,
        // The group is set on the first mount; doing so again would open the data directory wider
        // than PostgreSQL accepts.
        fs_group_change_policy: user.map(|_| "OnRootMismatch".to_owned()),
        ..PodSecurityContext::default()
    })
}

fn container(name: &str, embedded: &Embedded, script: &str) -> Container {
    Container {
        name: name.to_owned(),
        image: Some(embedded.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: Some(shell(script)),
        resources: Some(embedded.resources.clone()),
        security_context: Some(pod::restricted()),
        ..Container::default()
    }
}

fn server(embedded: &Embedded) -> Container {
    Container {
        env: Some(vec![
            pod::plain("PGDATA", format!("{VOLUME_PATH}/pgdata")),
            pod::plain(
                "PASSWORD_FILE",
                format!("{PASSWORD_FOLDER}/{DATABASE_PASSWORD_KEY}"),
            ),
            pod::plain("ROLE", secrets::DATABASE_ROLE.to_owned()),
        ]),
        ports: Some(vec![ContainerPort {
            name: Some("postgres".to_owned()),
            container_port: PORT.into(),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        volume_mounts: Some(vec![
            pod::mount("data", VOLUME_PATH, false),
            pod::mount("password", PASSWORD_FOLDER, true),
            VolumeMount {
                sub_path: Some("passwd".to_owned()),
                ..pod::mount("account", "/etc/passwd", true)
            },
            pod::mount("socket", "/var/run/postgresql", false),
            pod::mount("tmp", "/tmp", false),
            pod::mount("shared-memory", "/dev/shm", false),
        ]),
        // Ten minutes for a slow disk to make the data directory; then a port that does not answer for a minute.
        startup_probe: Some(tcp_probe(1, 600)),
        liveness_probe: Some(tcp_probe(10, 6)),
        readiness_probe: Some(Probe {
            exec: Some(ExecAction {
                command: Some(shell(READY)),
            }),
            period_seconds: Some(5),
            timeout_seconds: Some(5),
            ..Probe::default()
        }),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction {
                    // Fast shutdown. The kubelet's SIGTERM would be a smart one, which waits for
                    // every client to leave (postgresql.org/docs/15/server-shutdown.html).
                    command: Some(shell("kill -INT 1")),
                }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        ..container("postgres", embedded, START)
    }
}

fn shell(script: &str) -> Vec<String> {
    ["sh", "-c", script].map(str::to_owned).into()
}

fn tcp_probe(period: i32, failures: i32) -> Probe {
    Probe {
        tcp_socket: Some(TCPSocketAction {
            port: IntOrString::String("postgres".to_owned()),
            host: None,
        }),
        period_seconds: Some(period),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}

fn volumes(cluster: &Validated) -> Vec<Volume> {
    let empty = |name: &str, medium: Option<&str>| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: medium.map(str::to_owned),
            size_limit: medium.map(|_| Quantity("256Mi".to_owned())),
        }),
        ..Volume::default()
    };
    vec![
        Volume {
            name: "data".to_owned(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: names::postgres_data(&cluster.name),
                read_only: None,
            }),
            ..Volume::default()
        },
        Volume {
            name: "password".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::postgres(&cluster.name)),
                // The password alone; the URL is the server's business.
                items: Some(vec![KeyToPath {
                    key: DATABASE_PASSWORD_KEY.to_owned(),
                    path: DATABASE_PASSWORD_KEY.to_owned(),
                    mode: None,
                }]),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        empty("account", None),
        empty("socket", None),
        empty("tmp", None),
        // Parallel queries share memory through it; a container's own is 64 MiB.
        empty("shared-memory", Some("Memory")),
    ]
}

#[cfg(test)]
mod tests {
    //! The scripts reach the shell as they are written.

    use super::*;

    #[test]
    fn the_kubelet_expands_nothing_in_the_scripts() {
        // In a command it turns `$(NAME)` into a variable's value and `$$` into `$`.
        for script in [START, ACCOUNT, READY] {
            assert!(!script.contains("$$") && !script.contains("$("), "{script}");
        }
    }
}
