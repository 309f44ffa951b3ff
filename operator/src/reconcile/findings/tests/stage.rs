//! A cluster set up by hand, for looking at what is said about it.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use telecom_crds::{ConditionType, Reason, TelecomCluster, TelecomClusterSpec};

use crate::build::{self, Generated, Plan};
use crate::dereference::World;
use crate::kinds::Kind;
use crate::migration::Step;
use crate::reconcile::Look;
use crate::reconcile::carry_out::Progress;
use crate::reconcile::findings::{Answer, findings};
use crate::references::{Facts, Live, LiveClaim};
use crate::status::Verdict;
use crate::stores::Shelf;
use crate::validate::{self, OperatorDefaults, Problem, Validated};

/// The second at which everything is looked at.
pub(super) const NOW: i64 = 1_000_000;

/// A cluster with what is known of it.
pub(super) struct Stage {
    cluster: TelecomCluster,
    pub(super) facts: Facts,
    pub(super) shelf: Shelf,
    pub(super) progress: Progress,
    pub(super) answer: Option<Answer>,
    pub(super) monitors: bool,
}

impl Stage {
    pub(super) fn new(spec: Value) -> Self {
        let spec: TelecomClusterSpec = serde_json::from_value(spec).unwrap();
        let mut cluster = TelecomCluster::new("demo", spec);
        cluster.metadata.namespace = Some("default".to_owned());
        cluster.metadata.uid = Some("u".to_owned());
        let claim = LiveClaim {
            uid: "c".to_owned(),
            owner: None,
            size: "1Gi".to_owned(),
            storage_class: None,
        };
        let live = Live {
            database_claim: Some(claim),
            ..Live::default()
        };
        let secrets = [(
            crate::references::SecretKey::embedded_database_uri("demo"),
            crate::references::SecretFact::of_value(b"postgres://a:b@c/d"),
        )];
        Self {
            cluster,
            facts: Facts {
                secrets: secrets.into(),
                live,
            },
            shelf: Shelf::new(),
            progress: Progress::default(),
            answer: None,
            monitors: false,
        }
    }

    pub(super) fn with(mut self, kind: Kind, name: &str, object: Value) -> Self {
        let mut object: DynamicObject = serde_json::from_value(object).unwrap();
        object.metadata.name = Some(name.to_owned());
        self.shelf.insert((kind, name.to_owned()), Arc::new(object));
        self
    }

    pub(super) fn database_ready(self) -> Self {
        let set = json!({
            "metadata": {"generation": 1},
            "spec": {"selector": {}, "template": {}},
            "status": {"replicas": 1, "readyReplicas": 1, "observedGeneration": 1},
        });
        self.with(Kind::StatefulSet, "demo-postgres", set)
    }

    pub(super) fn server(self, wanted: i32, available: i32) -> Self {
        let deployment = json!({
            "metadata": {"generation": 1},
            "spec": {"replicas": wanted, "selector": {}, "template": {}},
            "status": {
                "observedGeneration": 1, "replicas": wanted, "updatedReplicas": wanted,
                "readyReplicas": available, "availableReplicas": available,
            },
        });
        self.with(Kind::Deployment, "demo-server", deployment)
    }

    pub(super) fn pod(self, name: &str, component: &str, status: Value) -> Self {
        let app = if component == "database" {
            "postgres"
        } else {
            "telecom-server"
        };
        let labels = json!({
            "app.kubernetes.io/name": app,
            "app.kubernetes.io/instance": "demo",
            "app.kubernetes.io/component": component,
        });
        let mut pod = json!({"metadata": {"labels": labels}});
        pod["status"] = status;
        self.with(Kind::Pod, name, pod)
    }

    pub(super) fn step(mut self, step: Step) -> Self {
        self.progress.migration = Some(step);
        self
    }

    pub(super) fn find(&self, kind: ConditionType) -> (Verdict, Reason, String) {
        let world = World::read("demo", self.shelf.clone()).unwrap();
        let defaults = OperatorDefaults {
            server_image: "server:1".to_owned(),
            postgres_image: "postgres:1".to_owned(),
            operator_namespace: None,
            assigned_uids: false,
        };
        let validated: Result<Validated, Vec<Problem>> =
            validate::validate(&self.cluster, &self.facts, &defaults);
        let plan: Option<Plan> = validated.as_ref().ok().map(|validated| {
            let generated = Generated {
                jwt_secret: "j".repeat(43),
                operator_token: "a".repeat(43),
                database_password: "b".repeat(40),
            };
            build::build(validated, &self.facts, &generated).unwrap()
        });
        let wanted = match (&validated, &plan) {
            (Ok(validated), Some(plan)) => Ok((validated, plan)),
            (Err(problems), _) => Err(problems.as_slice()),
            (Ok(_), None) => unreachable!("a valid cluster has a plan"),
        };
        let look = Look {
            cluster: &self.cluster,
            world: &world,
            wanted,
            progress: &self.progress,
            monitors: self.monitors,
            answer: self.answer.clone(),
            upgrade_waits: false,
            now: Timestamp::from_second(NOW).unwrap(),
        };
        let found = findings(&look)
            .into_iter()
            .find(|finding| finding.kind == kind)
            .unwrap();
        (found.verdict, found.reason, found.message)
    }

    pub(super) fn expect(&self, kind: ConditionType, verdict: Verdict, reason: Reason) -> String {
        let (found, why, message) = self.find(kind);
        assert_eq!((found, why), (verdict, reason), "{kind}: {message}");
        message
    }
}
