//! The vocabulary of packages to and from its messages.

use prost_types::Duration;
use telecom_proto::v1 as proto;
use telecom_proto::v1::package_duration::Length;

use crate::packages::{
    DurationDraft, Package, PackageDraft, PackageDuration, PackageSeries, Quota, QuotaDraft,
    QuotaKind, SeriesDraft,
};
use crate::rpc::convert::timestamp;

pub(super) fn series_draft(config: proto::PackageSeriesConfig) -> SeriesDraft {
    SeriesDraft {
        name: config.name,
        description: config.description,
        display_order: config.display_order,
        node_client_ids: config.node_client_ids,
    }
}

pub(super) fn series(series: PackageSeries) -> proto::PackageSeries {
    let values = series.config.into_values();
    proto::PackageSeries {
        id: series.id.0,
        etag: series.record.revision.etag(),
        config: Some(proto::PackageSeriesConfig {
            name: values.name,
            description: values.description,
            display_order: values.display_order,
            node_client_ids: values.node_client_ids,
        }),
        retired_at: series.record.retired_at.map(timestamp),
        created_at: Some(timestamp(series.record.created_at)),
        updated_at: Some(timestamp(series.record.updated_at)),
    }
}

pub(super) fn package_draft(config: proto::PackageConfig) -> PackageDraft {
    PackageDraft {
        series_id: config.series_id,
        name: config.name,
        description: config.description,
        quota: config.quota.map(quota_draft),
        duration: config.duration.and_then(duration_draft),
        speed_limit_bps: config.speed_limit_bps,
    }
}

pub(super) fn package(package: Package) -> proto::Package {
    let config = package.config;
    proto::Package {
        id: package.id.0,
        etag: package.record.revision.etag(),
        config: Some(proto::PackageConfig {
            series_id: config.series.0,
            name: config.name,
            description: config.description,
            quota: Some(quota(config.quota)),
            duration: Some(duration(config.duration)),
            speed_limit_bps: config.speed_limit_bps,
        }),
        retired_at: package.record.retired_at.map(timestamp),
        created_at: Some(timestamp(package.record.created_at)),
        updated_at: Some(timestamp(package.record.updated_at)),
    }
}

fn quota_draft(quota: proto::Quota) -> QuotaDraft {
    let kind = match quota.kind.try_into() {
        Ok(proto::QuotaKind::Total) => Some(QuotaKind::Total),
        Ok(proto::QuotaKind::Download) => Some(QuotaKind::Download),
        Ok(proto::QuotaKind::Unlimited) => Some(QuotaKind::Unlimited),
        Ok(proto::QuotaKind::Unspecified) | Err(_) => None,
    };
    QuotaDraft {
        kind,
        bytes: quota.bytes,
        monthly_reset: quota.monthly_reset,
    }
}

fn duration_draft(duration: proto::PackageDuration) -> Option<DurationDraft> {
    duration.length.map(|length| match length {
        Length::Seconds(Duration { seconds, nanos }) => DurationDraft::Seconds(seconds, nanos),
        Length::Months(months) => DurationDraft::Months(months),
    })
}

/// The quota of a package, on sale or sold.
pub(in crate::rpc) fn quota(quota: Quota) -> proto::Quota {
    let kind = match quota.kind() {
        QuotaKind::Total => proto::QuotaKind::Total,
        QuotaKind::Download => proto::QuotaKind::Download,
        QuotaKind::Unlimited => proto::QuotaKind::Unlimited,
    };
    proto::Quota {
        kind: kind.into(),
        bytes: quota.bytes().unwrap_or(0),
        monthly_reset: quota.monthly_reset(),
    }
}

/// The duration of a package, on sale or sold.
pub(in crate::rpc) fn duration(duration: PackageDuration) -> proto::PackageDuration {
    let length = match duration {
        PackageDuration::Seconds(seconds) => Length::Seconds(Duration {
            seconds: seconds.cast_signed(),
            nanos: 0,
        }),
        PackageDuration::Months(months) => Length::Months(months),
    };
    proto::PackageDuration {
        length: Some(length),
    }
}
