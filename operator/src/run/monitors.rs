//! The ServiceMonitor kind: found by asking now and then, watched while it is there.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::discovery::{self, Served};
use crate::kinds::Kind;
use crate::watches::{Eyes, Scope};

/// How long the first list of a kind that was just found may take.
const FILL: Duration = Duration::from_secs(15);

/// Looks for the kind and keeps its watches.
pub(super) struct Finder {
    eyes: Eyes,
    scopes: Vec<Scope>,
    found: watch::Sender<Served>,
    watching: Option<CancellationToken>,
    gone: (mpsc::Sender<()>, mpsc::Receiver<()>),
}

impl Finder {
    pub(super) fn new(eyes: Eyes, scopes: Vec<Scope>, found: watch::Sender<Served>) -> Self {
        Self {
            eyes,
            scopes,
            found,
            watching: None,
            gone: mpsc::channel(1),
        }
    }

    /// Asks until there is an answer, so that the first reconciles know it.
    pub(super) async fn first(mut self) -> Self {
        while !self.ask().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        self
    }

    /// Asks every `interval`, and at once forgets the kind when its watch finds it gone.
    pub(super) async fn run(mut self, interval: Duration, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = self.gone.1.recv() => self.lose(),
                () = tokio::time::sleep(interval) => {
                    self.ask().await;
                }
            }
        }
        if let Some(watching) = self.watching.take() {
            watching.cancel();
        }
    }

    /// Asks once; whether there was an answer.
    async fn ask(&mut self) -> bool {
        match discovery::served(&self.eyes.client).await {
            Served::Unknown => return false,
            Served::Yes if self.watching.is_none() => self.find().await,
            Served::No => self.lose(),
            Served::Yes => {}
        }
        true
    }

    async fn find(&mut self) {
        let token = CancellationToken::new();
        let (filled, mut fills) = mpsc::channel(self.scopes.len().max(1));
        for scope in self.scopes.clone() {
            let (eyes, stop, filled, gone) = (
                self.eyes.clone(),
                token.clone(),
                filled.clone(),
                self.gone.0.clone(),
            );
            tokio::spawn(async move {
                let full = move || {
                    // Nobody waits for it any more only when the first list took too long.
                    let _ = filled.try_send(());
                };
                if eyes.owned(Kind::ServiceMonitor, scope, full, stop).await {
                    // A full channel says it already.
                    let _ = gone.try_send(());
                }
            });
        }
        let all = async {
            for _ in &self.scopes {
                fills.recv().await;
            }
        };
        if tokio::time::timeout(FILL, all).await.is_err() {
            tracing::warn!("ServiceMonitors are served but could not be listed in time");
            token.cancel();
            self.tell(Served::No);
            return;
        }
        tracing::info!("ServiceMonitors are served");
        self.watching = Some(token);
        self.tell(Served::Yes);
    }

    fn lose(&mut self) {
        if let Some(watching) = self.watching.take() {
            watching.cancel();
            tracing::info!("ServiceMonitors are no longer served");
            for scope in &self.scopes {
                let changes = self
                    .eyes
                    .stores
                    .drop_kind(Kind::ServiceMonitor, scope.as_deref());
                self.eyes.follow(&changes);
            }
        }
        self.tell(Served::No);
    }

    fn tell(&self, served: Served) {
        if self.found.send_replace(served) != served {
            self.eyes.triggers.fire_all();
        }
    }
}
