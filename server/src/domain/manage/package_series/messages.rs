//! What administrators ask of package series, and what they get.

use crate::domain::Idempotency;
use crate::packages::{PackageSeries, SeriesConfig, SeriesDraft, SeriesField, SeriesId};

/// Lists series.
#[derive(Debug, Clone, Copy)]
pub struct AdminListSeries {
    /// Those taken from sale too.
    pub include_retired: bool,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of series.
#[derive(Debug, Clone)]
pub struct SeriesPage {
    /// By display order, then id.
    pub series: Vec<PackageSeries>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one series.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowSeries(pub SeriesId);

/// Makes a series.
#[derive(Debug, Clone)]
pub struct AdminCreateSeries {
    /// Its configuration.
    pub config: SeriesConfig,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// Changes the configuration.
#[derive(Debug, Clone)]
pub struct AdminUpdateSeries {
    /// The series.
    pub id: SeriesId,
    /// What the change is based on.
    pub etag: String,
    /// The new values.
    pub change: SeriesDraft,
    /// Which of them count; none named means all.
    pub fields: Vec<SeriesField>,
}

/// Takes a series and its packages from sale.
#[derive(Debug, Clone)]
pub struct AdminRetireSeries {
    /// The series.
    pub id: SeriesId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}
