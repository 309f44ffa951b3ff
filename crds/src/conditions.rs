//! The published list of conditions and of their reasons.

/// Declares an enum whose variants are words of the API, each with the sentence that documents it.
macro_rules! published {
    ($(#[$meta:meta])* $name:ident { $(#[doc = $doc:literal] $variant:ident,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[doc = $doc] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word as it stands in `status.conditions`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($variant),)+
                }
            }

            /// What it means, in a sentence.
            pub fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $doc.trim_ascii(),)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = ();

            fn from_str(word: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|value| value.as_str() == word).ok_or(())
            }
        }
    };
}

published! {
    /// Types of the conditions in `status.conditions`.
    ConditionType {
        #[doc = " `ConfigurationValid`, `DatabaseReady`, `MigrationsApplied` and `ServerAvailable` all hold."]
        Ready,
        #[doc = " The manifest and everything it refers to can be used."]
        ConfigurationValid,
        #[doc = " The database answers, or nothing says that it does not."]
        DatabaseReady,
        #[doc = " The schema is as new as the server image needs."]
        MigrationsApplied,
        #[doc = " Enough server Pods are ready."]
        ServerAvailable,
        #[doc = " A change is being rolled out. Never gates Ready."]
        Progressing,
        #[doc = " A Prometheus can scrape the server as the manifest asks. Never gates Ready."]
        MonitoringReady,
        #[doc = " Every job runs when it is due. Never gates Ready."]
        JobsHealthy,
        #[doc = " The operator writes nothing because spec.paused is set. Never gates Ready."]
        Paused,
        #[doc = " Another manager keeps changing an object of the operator's. Never gates Ready."]
        Contended,
    }
}

published! {
    /// Reasons of the conditions. `Ready` that is not True carries the reason of the condition that holds it back.
    Reason {
        #[doc = " Everything the manifest asks for is running."]
        Ready,

        #[doc = " The manifest and what it refers to can be used."]
        Valid,
        #[doc = " A Secret that the manifest refers to does not exist."]
        SecretNotFound,
        #[doc = " A Secret that the manifest refers to lacks the key."]
        SecretKeyMissing,
        #[doc = " A key that the manifest refers to is empty."]
        SecretKeyEmpty,
        #[doc = " A database URL in a Secret cannot be used."]
        InvalidDatabaseUrl,
        #[doc = " A value of the manifest, or of a Secret it refers to, cannot be used."]
        InvalidValue,
        #[doc = " The manifest does not fit the operator's version of the schema, for instance after a newer definition was installed."]
        Unparsable,

        #[doc = " The embedded PostgreSQL answers. It is for development and CI only: no backup, no failover."]
        EmbeddedReady,
        #[doc = " An external database is configured; nothing has connected to it yet."]
        ExternalConfigured,
        #[doc = " The external database answers."]
        ExternalReachable,
        #[doc = " The embedded PostgreSQL is starting."]
        DatabasePending,
        #[doc = " The volume of the embedded PostgreSQL is not bound, or cannot grow."]
        StoragePending,
        #[doc = " The database does not answer."]
        DatabaseUnreachable,
        #[doc = " The database refuses the user or password."]
        DatabaseAuthenticationFailed,
        #[doc = " The volume of the embedded PostgreSQL exists but the Secret with its password does not; no new password is made up."]
        DatabaseSecretLost,
        #[doc = " An external database is used; the volume of the embedded one is kept until somebody deletes it."]
        EmbeddedDatabaseKept,

        #[doc = " The schema is as new as the server image needs."]
        Applied,
        #[doc = " The migration Job runs."]
        MigrationRunning,
        #[doc = " The migration Job failed; the old version goes on serving and the Job is retried."]
        MigrationFailed,
        #[doc = " The migration waits for the database."]
        WaitingForDatabase,
        #[doc = " The migration waits until the configuration is valid."]
        WaitingForConfiguration,
        #[doc = " The schema is too new for the server image: use a newer image."]
        SchemaTooNew,
        #[doc = " The database belongs to another TelecomCluster; the message says how to take it over."]
        DatabaseInUse,

        #[doc = " Enough server Pods are ready."]
        Available,
        #[doc = " No server Pod is wanted: spec.replicas is 0."]
        ScaledToZero,
        #[doc = " A new version or configuration is being rolled out."]
        RolloutInProgress,
        #[doc = " The first rollout waits for the database, its migrations or the configuration."]
        WaitingForPrerequisites,
        #[doc = " The server's image cannot be pulled."]
        ImagePullFailed,
        #[doc = " The server container keeps ending."]
        ContainerCrashing,
        #[doc = " No node can take a server Pod."]
        PodUnschedulable,
        #[doc = " Server Pods run but do not say that they are ready."]
        NotReady,
        #[doc = " The server refuses its configuration."]
        ConfigInvalid,
        #[doc = " Server Pods cannot be created, for instance because of a quota or a Pod security rule."]
        PodCreationFailed,

        #[doc = " Nothing is being rolled out."]
        Complete,

        #[doc = " The ServiceMonitor exists."]
        ServiceMonitorCreated,
        #[doc = " The cluster has no kind ServiceMonitor: install the Prometheus Operator, or scrape by other means."]
        ServiceMonitorKindAbsent,
        #[doc = " The manifest turns it off."]
        Disabled,
        #[doc = " The referenced metrics token is empty: /metrics is closed to everyone."]
        MetricsTokenEmpty,

        #[doc = " Every job runs when it is due."]
        JobsRunning,
        #[doc = " No server has said yet what ran before; nothing is started until one has."]
        WaitingForServer,
        #[doc = " The last runs of a job failed; it is started again when it is due."]
        JobFailing,
        #[doc = " A job could not be started in time."]
        MissedSchedule,
        #[doc = " The schedule of a job cannot be used: it is not started."]
        InvalidSchedule,
        #[doc = " The time zone of a job is not known: it is not started."]
        UnknownTimeZone,
        #[doc = " The operator's clock is ahead of the database's, or behind: jobs wait, or run late."]
        ClockAhead,
        #[doc = " The server is too old to run jobs on demand: use a newer image."]
        JobsUnsupported,
        #[doc = " The server does not accept the operator's credential."]
        JobsUnauthenticated,
        #[doc = " No server answers the operator, so jobs are not started."]
        ServerUnreachable,

        #[doc = " spec.paused is true: the operator writes nothing but the status."]
        Paused,
        #[doc = " spec.paused is false."]
        NotPaused,
        #[doc = " Another manager keeps changing an object of the operator's; the message names both."]
        Contended,
        #[doc = " Nobody else changes the operator's objects."]
        NotContended,

        #[doc = " The operator failed in a way that is not the manifest's fault; it tries again."]
        InternalError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_fit_the_api() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert!(reason.meaning().ends_with('.'), "{reason}");
            assert!(
                reason.as_str().chars().all(|c| c.is_ascii_alphanumeric()),
                "{reason}"
            );
        }
        for kind in ConditionType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("Nonsense".parse::<Reason>(), Err(()));
    }

    #[test]
    fn every_word_has_its_place_in_the_documentation() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/conditions.md");
        let text = std::fs::read_to_string(path).unwrap();
        let kinds = ConditionType::ALL.iter().map(|kind| kind.as_str());
        let reasons = Reason::ALL.iter().map(|reason| reason.as_str());
        let missing: Vec<&str> = kinds
            .chain(reasons)
            .filter(|word| !text.contains(word))
            .collect();
        assert_eq!(missing, Vec::<&str>::new());
    }
}
