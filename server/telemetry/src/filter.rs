//! The log levels of a running process, which may be changed without a restart.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::reload;

use crate::settings::log_levels;

/// What is not a filter: the reason, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFilter(String);

/// Puts a filter of one layer in the place of the one before.
type Replace = Box<dyn Fn(&Targets) -> Result<(), reload::Error> + Send + Sync>;

/// Which log lines are written, and which log records are exported; a clone changes the same.
///
/// A filter is what `logging.level` is: a level, or a level per target: `info`, `info,sqlx=warn`. Spans are taken
/// whatever it says.
#[derive(Clone)]
pub struct LogFilter(Arc<Inner>);

struct Inner {
    configured: Targets,
    current: Mutex<Targets>,
    layers: Vec<Replace>,
}

impl LogFilter {
    /// The filter that holds, in a form that [`Self::set`] takes.
    pub fn current(&self) -> String {
        let current = self.0.current.lock();
        current.unwrap_or_else(PoisonError::into_inner).to_string()
    }

    /// From now on this one holds, until the process ends; the one of the configuration if `filter` is empty.
    ///
    /// # Errors
    /// [`InvalidFilter`] if it is none; then nothing has changed.
    pub fn set(&self, filter: &str) -> Result<(), InvalidFilter> {
        let filter = filter.trim();
        let levels = if filter.is_empty() {
            self.0.configured.clone()
        } else {
            log_levels(filter).map_err(|invalid| InvalidFilter(invalid.reason))?
        };
        let current = self.0.current.lock();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        for replace in &self.0.layers {
            replace(&levels).map_err(|error| InvalidFilter(error.to_string()))?;
        }
        *current = levels;
        Ok(())
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogFilter").field(&self.current()).finish()
    }
}

/// Collects the layers that a filter holds for.
pub(crate) struct Builder(Inner);

impl Builder {
    pub(crate) fn new(configured: Targets) -> Self {
        Self(Inner {
            current: Mutex::new(configured.clone()),
            configured,
            layers: Vec::new(),
        })
    }

    /// The filter of one more layer: `of` is what follows for it from the levels.
    pub(crate) fn layer<S: Subscriber>(
        &mut self,
        of: fn(&Targets) -> Targets,
    ) -> reload::Layer<Targets, S> {
        let (layer, handle) = reload::Layer::new(of(&self.0.configured));
        self.0
            .layers
            .push(Box::new(move |levels| handle.reload(of(levels))));
        layer
    }

    pub(crate) fn build(self) -> LogFilter {
        LogFilter(Arc::new(self.0))
    }
}
