//! Whether the server is available, and if not, what keeps its Pods.

use std::time::Duration;

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use telecom_crds::{ConditionType, Reason};

use crate::build::HTTP_PORT;
use crate::dereference::World;
use crate::podreason::{self, Cause, Readiness};
use crate::reconcile::availability::{self, Count};
use crate::reconcile::{Context, Look};
use crate::status::Finding;

/// How long a Pod may run before not being ready is called a problem.
const STARTUP_SECONDS: i64 = 20;

/// Said while nothing is wrong yet.
pub(super) const STARTING: &str = "New Pods are starting.";

/// A Pod that says it is not ready is asked again after this time.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// What a Pod that is not ready answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its own words, or why there are none.
    pub said: Result<Readiness, String>,
}

/// A question to a Pod, or the time after which it is worth asking.
#[derive(Debug, Default)]
pub struct Asked {
    /// What it answered.
    pub answer: Option<Answer>,
    /// When to ask (again).
    pub again: Option<Duration>,
}

/// Asks a server Pod why it is not ready, if one has had the time to become so.
pub async fn ask(context: &Context, world: &World, now: Timestamp) -> Asked {
    let Some(Cause::Ask { address, since, .. }) = podreason::cause(&world.server_pods) else {
        return Asked::default();
    };
    let again = Some(ASK_AGAIN);
    if since.is_some_and(|since| fresh(since, now)) {
        return Asked {
            answer: None,
            again,
        };
    }
    let said = context.asker.ask(&address, HTTP_PORT).await;
    Asked {
        answer: Some(Answer { said }),
        again,
    }
}

pub(super) fn server(look: &Look<'_>) -> Finding {
    let found = |holds: bool, reason, message: String| {
        Finding::new(ConditionType::ServerAvailable, holds, reason, message)
    };
    let Some(deployment) = &look.world.deployment else {
        return found(
            false,
            Reason::WaitingForPrerequisites,
            "The server starts once the configuration is valid, the database is ready and its migration has succeeded.".to_owned(),
        );
    };
    let count = Count::of(deployment);
    if count.wanted == 0 {
        let message = "No server is wanted: spec.replicas is 0.".to_owned();
        return found(false, Reason::ScaledToZero, message);
    }
    let numbers = format!(
        "{} of {} server Pods are available",
        count.available, count.wanted
    );
    if count.available >= count.wanted {
        return found(true, Reason::Available, format!("{numbers}."));
    }
    match held_back(look) {
        Some((reason, why)) if count.available == 0 || reason != Reason::RolloutInProgress => {
            found(false, reason, format!("{numbers}. {why}"))
        }
        Some(_) | None if count.available > 0 => {
            found(true, Reason::Available, format!("{numbers}."))
        }
        Some((reason, why)) => found(false, reason, format!("{numbers}. {why}")),
        None => found(
            false,
            Reason::RolloutInProgress,
            format!("{numbers}. {STARTING}"),
        ),
    }
}

/// What keeps server Pods from being available.
pub(super) fn held_back(look: &Look<'_>) -> Option<(Reason, String)> {
    let deployment = look.world.deployment.as_ref()?;
    if let Some(message) = availability::cannot_create(deployment) {
        return Some((Reason::PodCreationFailed, message));
    }
    let starting = (Reason::RolloutInProgress, STARTING.to_owned());
    match podreason::cause(&look.world.server_pods)? {
        Cause::Told(reason, message) => Some((reason, message)),
        Cause::Starting => Some(starting),
        Cause::Ask { since, .. } if since.is_some_and(|since| fresh(since, look.now)) => {
            Some(starting)
        }
        Cause::Ask { pod, .. } => Some(match look.answer.as_ref().map(|answer| &answer.said) {
            Some(Ok(said)) => match said.failing() {
                Some((check, why)) => (
                    Reason::NotReady,
                    format!("Pod {pod} is not ready: {check}: {why}"),
                ),
                None => starting,
            },
            Some(Err(why)) => (
                Reason::NotReady,
                format!("Pod {pod} is not ready and does not say why: {why}"),
            ),
            None => starting,
        }),
    }
}

/// Whether a Pod has run for so short a time that not being ready is no trouble yet.
fn fresh(since: Timestamp, now: Timestamp) -> bool {
    now.duration_since(since) < SignedDuration::from_secs(STARTUP_SECONDS)
}
