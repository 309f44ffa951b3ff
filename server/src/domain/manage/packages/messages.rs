//! What administrators ask of packages, and what they get.

use crate::domain::Idempotency;
use crate::packages::{Package, PackageConfig, PackageDraft, PackageField, PackageId, SeriesId};

/// Lists packages.
#[derive(Debug, Clone, Copy)]
pub struct AdminListPackages {
    /// Only those of this series.
    pub series: Option<SeriesId>,
    /// Those taken from sale too.
    pub include_retired: bool,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of packages.
#[derive(Debug, Clone)]
pub struct PackagePage {
    /// By series, then id.
    pub packages: Vec<Package>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one package.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowPackage(pub PackageId);

/// Makes a package.
#[derive(Debug, Clone)]
pub struct AdminCreatePackage {
    /// Its configuration.
    pub config: PackageConfig,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// Changes the configuration.
#[derive(Debug, Clone)]
pub struct AdminUpdatePackage {
    /// The package.
    pub id: PackageId,
    /// What the change is based on.
    pub etag: String,
    /// The new values.
    pub change: PackageDraft,
    /// Which of them count; none named means all.
    pub fields: Vec<PackageField>,
}

/// Takes a package from sale.
#[derive(Debug, Clone)]
pub struct AdminRetirePackage {
    /// The package.
    pub id: PackageId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}
