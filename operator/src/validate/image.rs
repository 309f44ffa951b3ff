//! Which server image a cluster runs: the manifest's, the pinned one, or that of the operator's version.

use telecom_crds::{TelecomClusterSpec, UpgradePolicy};

use super::{Image, OperatorDefaults};
use crate::names::PINNED_IMAGE_ANNOTATION;
use crate::references::Live;

pub(super) fn resolve(
    spec: &TelecomClusterSpec,
    live: &Live,
    operator: &OperatorDefaults,
) -> Image {
    let pull_policy = spec.image_pull_policy;
    if let Some(reference) = &spec.image {
        return Image {
            reference: reference.clone(),
            pull_policy,
            pinned: false,
            upgrade: None,
        };
    }
    let own = &operator.server_image;
    let pinned = live
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.annotations.get(PINNED_IMAGE_ANNOTATION));
    let follows = match spec.upgrade_policy {
        UpgradePolicy::Automatic => true,
        UpgradePolicy::Manual => false,
    };
    let (reference, upgrade) = match pinned {
        Some(pinned) if pinned != own && follows && !live.may_upgrade => {
            (pinned, Some(own.clone()))
        }
        Some(pinned) if !follows => (pinned, None),
        Some(_) | None => (own, None),
    };
    Image {
        reference: reference.clone(),
        pull_policy,
        pinned: true,
        upgrade,
    }
}

impl Image {
    /// The tag of the reference, which names the server's version; `None` for a digest alone.
    pub fn tag(&self) -> Option<&str> {
        let name = self.reference.split('@').next()?;
        let last = name.rsplit('/').next()?;
        last.split_once(':').map(|(_, tag)| tag)
    }
}
