//! The log of what administrators did.

use std::collections::BTreeSet;

use anyhow::Result;
use telecom_proto::v1::ListAuditRequest;
use telecom_proto::v1::audit_client::AuditClient;

use super::Provider;

/// Methods of administrators that change nothing and so leave no entry.
const READS: [&str; 6] = ["Count", "Get", "List", "Rate", "Show", "Sum"];

pub(super) async fn tells_of_every_write(provider: &Provider) -> Result<()> {
    let mut admin = AuditClient::new(provider.admin.clone());
    let list = ListAuditRequest {
        limit: 500,
        ..Default::default()
    };
    let entries = admin.list_audit(list).await?.into_inner().entries;
    let written: BTreeSet<_> = entries.iter().map(|entry| entry.method.as_str()).collect();
    let answered = provider.door.answered();
    let writes = answered.iter().filter_map(|method| {
        let (service, method) = method.split_once('/')?;
        let read = READS.iter().any(|verb| method.starts_with(verb));
        let machines = ["CallIngest", "EventIngest", "NodeAgent"];
        let theirs = machines
            .iter()
            .any(|name| service == format!("telecom.v1.{name}"));
        (!theirs && !read).then_some(method)
    });
    assert_eq!(written, writes.collect::<BTreeSet<_>>());
    let actors = entries.iter().map(|entry| entry.actor.as_str());
    assert_eq!(
        actors.collect::<BTreeSet<_>>(),
        BTreeSet::from(["admin/admin"])
    );
    Ok(())
}
