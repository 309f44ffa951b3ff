//! What the server's Pods and the migration's have in common: settings from the manifest, volumes, and
//! the container's restrictions.

use k8s_openapi::api::core::v1::{
    Capabilities, ConfigMapProjection, Container, EmptyDirVolumeSource, EnvVar, KeyToPath, PodSpec,
    ProjectedVolumeSource, SecretProjection, SecurityContext, Volume, VolumeMount,
    VolumeProjection,
};
use telecom_crds::ExtraVolume;

use super::config::{DATABASE_CA, FILE, FOLDER, TELEMETRY_CA};
use super::service_account;
use crate::references::SecretKey;
use crate::validate::Validated;

const CONFIG_VOLUME: &str = "telecom-config";
const TMP_VOLUME: &str = "telecom-tmp";

/// A container of the server's image that runs one of its subcommands.
pub(super) fn container(
    cluster: &Validated,
    name: &str,
    args: &[&str],
    secrets: &[EnvVar],
) -> Container {
    let mut env = vec![
        plain("TELECOM_CONFIG", format!("{FOLDER}/{FILE}")),
        plain("TELECOM_TERMINATION_LOG", "/dev/termination-log".to_owned()),
    ];
    env.extend_from_slice(secrets);
    env.extend_from_slice(&cluster.pod.extra_env);
    let mut volume_mounts = vec![
        mount(CONFIG_VOLUME, FOLDER, true),
        mount(TMP_VOLUME, "/tmp", false),
    ];
    volume_mounts.extend(cluster.pod.extra_volumes.iter().map(extra_mount));
    Container {
        name: name.to_owned(),
        image: Some(cluster.image.reference.clone()),
        image_pull_policy: Some(cluster.image.pull_policy.as_str().to_owned()),
        args: Some(args.iter().map(|&arg| arg.to_owned()).collect()),
        env: Some(env),
        resources: Some(cluster.pod.resources.clone()),
        security_context: Some(restricted()),
        // A container that dies before it can write its reason still leaves the end of its log.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(volume_mounts),
        ..Container::default()
    }
}

/// A Pod around one container, with the manifest's settings.
pub(super) fn spec(cluster: &Validated, config_map: &str, container: Container) -> PodSpec {
    let pod = &cluster.pod;
    let mut volumes = vec![
        config_volume(cluster, config_map),
        Volume {
            name: TMP_VOLUME.to_owned(),
            empty_dir: Some(EmptyDirVolumeSource::default()),
            ..Volume::default()
        },
    ];
    volumes.extend(pod.extra_volumes.iter().map(extra_volume));
    PodSpec {
        containers: vec![container],
        volumes: Some(volumes),
        service_account_name: Some(service_account::name(cluster)),
        automount_service_account_token: Some(false),
        // Variables for every Service of the namespace could collide with the server's own.
        enable_service_links: Some(false),
        image_pull_secrets: Some(pod.pull_secrets.clone()),
        node_selector: Some(pod.node_selector.clone()),
        tolerations: Some(pod.tolerations.clone()),
        affinity: pod.affinity.clone(),
        priority_class_name: pod.priority_class.clone(),
        security_context: Some(pod.security.clone()),
        ..PodSpec::default()
    }
}

/// The restrictions of the `restricted` Pod security standard, and a read-only root.
pub(super) fn restricted() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            drop: Some(vec!["ALL".to_owned()]),
            add: None,
        }),
        ..SecurityContext::default()
    }
}

/// A variable with a plain value.
pub(super) fn plain(name: &str, value: String) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    }
}

/// A mount.
pub(super) fn mount(volume: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: volume.to_owned(),
        mount_path: path.to_owned(),
        read_only: Some(read_only),
        ..VolumeMount::default()
    }
}

/// Configuration and certificates in one folder. The kubelet follows changes of the Secrets, so that
/// certificates are renewed without a restart; the ConfigMap never changes.
fn config_volume(cluster: &Validated, config_map: &str) -> Volume {
    let telemetry = cluster.telemetry.as_ref();
    let certificates = [
        (cluster.database.ca.as_ref(), DATABASE_CA),
        (
            telemetry.and_then(|telemetry| telemetry.ca.as_ref()),
            TELEMETRY_CA,
        ),
    ];
    let mut sources = vec![VolumeProjection {
        config_map: Some(ConfigMapProjection {
            name: config_map.to_owned(),
            items: Some(vec![file(FILE, FILE)]),
            optional: None,
        }),
        ..VolumeProjection::default()
    }];
    sources.extend(
        certificates
            .into_iter()
            .filter_map(|(secret, path)| secret.map(|secret| projection(secret, path))),
    );
    Volume {
        name: CONFIG_VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode: None,
        }),
        ..Volume::default()
    }
}

fn projection(secret: &SecretKey, path: &str) -> VolumeProjection {
    VolumeProjection {
        secret: Some(SecretProjection {
            name: secret.name.clone(),
            items: Some(vec![file(&secret.key, path)]),
            optional: None,
        }),
        ..VolumeProjection::default()
    }
}

fn file(key: &str, path: &str) -> KeyToPath {
    KeyToPath {
        key: key.to_owned(),
        path: path.to_owned(),
        mode: None,
    }
}

fn extra_mount(extra: &ExtraVolume) -> VolumeMount {
    VolumeMount {
        sub_path: extra.sub_path.clone(),
        ..mount(&extra.name, &extra.mount_path, extra.read_only)
    }
}

fn extra_volume(extra: &ExtraVolume) -> Volume {
    let extra = extra.clone();
    Volume {
        name: extra.name,
        config_map: extra.config_map,
        secret: extra.secret,
        empty_dir: extra.empty_dir,
        persistent_volume_claim: extra.persistent_volume_claim,
        projected: extra.projected,
        csi: extra.csi,
        ..Volume::default()
    }
}
