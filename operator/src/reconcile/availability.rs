//! How far the server's Deployment is: rolled out, rolling, stuck.

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;

use crate::build::Plan;
use crate::dereference::World;
use crate::kinds::Kind;
use crate::names;

/// The numbers of a Deployment that decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Pods wanted.
    pub wanted: i32,
    /// Pods that exist.
    pub existing: i32,
    /// Pods of the newest template.
    pub updated: i32,
    /// Pods that are ready.
    pub ready: i32,
    /// Pods that are ready for long enough.
    pub available: i32,
    /// Whether the Deployment's controller has seen the newest template.
    pub observed: bool,
}

impl Count {
    /// Reads a Deployment.
    pub fn of(deployment: &Deployment) -> Self {
        let status = deployment.status.clone().unwrap_or_default();
        let wanted = deployment
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        Self {
            wanted,
            existing: status.replicas.unwrap_or(0),
            updated: status.updated_replicas.unwrap_or(0),
            ready: status.ready_replicas.unwrap_or(0),
            available: status.available_replicas.unwrap_or(0),
            observed: status.observed_generation >= deployment.metadata.generation,
        }
    }

    /// Whether every Pod is of the newest template and available.
    pub fn complete(self) -> bool {
        self.observed
            && self.updated == self.wanted
            && self.existing == self.wanted
            && self.available == self.wanted
    }
}

/// Whether the server is rolled out whole.
pub fn rolled_out(world: &World) -> bool {
    world
        .deployment
        .as_ref()
        .is_some_and(|deployment| Count::of(deployment).complete())
}

/// Whether the server is rolled out whole and as the plan has it.
pub fn follows(world: &World, plan: &Plan) -> bool {
    let wanted = plan
        .workload
        .iter()
        .find(|object| object.kind == Kind::Deployment);
    let applied = world
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.annotations().get(names::APPLIED_ANNOTATION));
    wanted.is_some_and(|wanted| Some(&wanted.hash) == applied) && rolled_out(world)
}

/// What the Deployment's controller says when it cannot make Pods.
pub fn cannot_create(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    failure.message.clone()
}

#[cfg(test)]
mod tests {
    //! When a rollout is complete.

    use serde_json::json;

    use super::*;

    #[test]
    fn a_rollout_is_complete_when_nothing_old_is_left_and_all_is_available() {
        let cases = [
            (
                "whole",
                3,
                json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
                true,
            ),
            (
                "not seen yet",
                4,
                json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}),
                false,
            ),
            (
                "an old Pod is left",
                3,
                json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 3}),
                false,
            ),
            (
                "not available",
                3,
                json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 1}),
                false,
            ),
            ("nothing yet", 3, json!({}), false),
        ];
        for (what, generation, status, expected) in cases {
            let deployment: Deployment = serde_json::from_value(json!({
                "metadata": {"generation": generation},
                "spec": {"replicas": 2, "selector": {}, "template": {}},
                "status": status,
            }))
            .unwrap();
            assert_eq!(Count::of(&deployment).complete(), expected, "{what}");
        }
    }

    #[test]
    fn zero_of_zero_is_complete() {
        let deployment: Deployment = serde_json::from_value(json!({
            "metadata": {"generation": 1},
            "spec": {"replicas": 0, "selector": {}, "template": {}},
            "status": {"observedGeneration": 1},
        }))
        .unwrap();
        assert!(Count::of(&deployment).complete());
    }
}
