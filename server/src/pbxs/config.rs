//! The configuration of a PBX, and the rules for each of its fields.

use std::collections::BTreeMap;

use url::Url;

use crate::violation::{Violation, Violations};

/// A configuration as a caller sent it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PbxDraft {
    /// Unique name.
    pub name: String,
    /// Where its health is asked for; empty: nowhere.
    pub health_url: String,
    /// The provider's own.
    pub metadata: BTreeMap<String, String>,
}

/// A checked configuration; the only ways to get one are [`PbxDraft::check`] and the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PbxConfig(PbxDraft);

/// A field of the configuration that an update can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields of PbxDraft")]
pub enum ConfigField {
    Name,
    HealthUrl,
    Metadata,
}

impl ConfigField {
    /// All of them with the names that update masks use.
    pub const ALL: [(&'static str, Self); 3] = [
        ("name", Self::Name),
        ("health_url", Self::HealthUrl),
        ("metadata", Self::Metadata),
    ];
}

impl PbxConfig {
    /// A configuration that was checked before it was stored.
    pub(crate) fn from_stored(stored: PbxDraft) -> Self {
        Self(stored)
    }

    /// The values.
    pub fn values(&self) -> &PbxDraft {
        &self.0
    }

    /// This configuration with the named fields taken from `change`; none named means all.
    pub fn changed(self, change: PbxDraft, fields: &[ConfigField]) -> Result<Self, Vec<Violation>> {
        if fields.is_empty() {
            return change.check();
        }
        let mut draft = self.0;
        for field in fields {
            match field {
                ConfigField::Name => draft.name.clone_from(&change.name),
                ConfigField::HealthUrl => draft.health_url.clone_from(&change.health_url),
                ConfigField::Metadata => draft.metadata.clone_from(&change.metadata),
            }
        }
        draft.check()
    }
}

impl PbxDraft {
    /// Checks every field; all violations are found at once, with paths below `config`.
    pub fn check(self) -> Result<PbxConfig, Vec<Violation>> {
        let mut violations = Violations::default();
        violations.name("config.name", &self.name);
        violations.require(
            is_health_url(&self.health_url),
            "config.health_url",
            "must be an http or https URL of up to 500 characters without user or password, or empty",
        );
        violations.metadata("config.metadata", &self.metadata);
        violations.into_result(PbxConfig(self))
    }
}

fn is_health_url(text: &str) -> bool {
    if text.is_empty() {
        return true;
    }
    let bare = |url: &Url| url.username().is_empty() && url.password().is_none();
    text.len() <= 500
        && Url::parse(text).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() && bare(&url)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_url_is_one_that_can_be_asked_without_a_secret() {
        for (url, good) in [
            ("", true),
            ("http://pbx.example.net:8080/ami/v1/health", true),
            ("https://[2001:db8::1]/health", true),
            ("ftp://pbx.example.net/", false),
            ("pbx.example.net/health", false),
            ("http://user:secret@pbx.example.net/", false),
            ("http://", false),
        ] {
            let draft = PbxDraft {
                name: "pbx".to_owned(),
                health_url: url.to_owned(),
                ..PbxDraft::default()
            };
            assert_eq!(draft.check().is_ok(), good, "{url}");
        }
    }
}
