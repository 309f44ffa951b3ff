//! Rates from files: all of one, or nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::messages::{AdminImportRates, ImportMode, ImportedRates};
use super::{locked, present, snapshot, thing};
use crate::auth::Digest;
use crate::domain::manage::ManageService;
use crate::domain::manage::write::Write;
use crate::domain::{Context, DomainError, Processor};
use crate::store::{Transaction, retry_conflicts, wholesale_decks, wholesale_rates};
use crate::violation::Violation;
use crate::wholesale::{Deck, Imported, Problems, overlaps, parse};

/// Problems that an error tells; all that it can are in the reply of a dry run.
const MAX_VIOLATIONS: usize = 9;

impl Processor<AdminImportRates> for ManageService {
    type Output = ImportedRates;

    async fn process(
        &self,
        context: &Context,
        input: AdminImportRates,
    ) -> Result<ImportedRates, DomainError> {
        let input = &input;
        retry_conflicts(|| async move {
            let mut write = Write::begin(&self.database, context, "ImportRates").await?;
            let transaction = &mut write.transaction;
            let before = locked(transaction, input.deck, input.etag.as_deref()).await?;
            let now = transaction.now().await?;
            let done = take(transaction, input, now, &before).await?;
            if input.dry_run {
                // Nothing of it is committed.
                let deck = before;
                return Ok(ImportedRates { deck, ..done });
            }
            if !done.problems.is_empty() {
                return Err(DomainError::Invalid(violations(&done.problems)));
            }
            let old = snapshot::of_deck(&before);
            let new = of_import(input, now, &done);
            write
                .commit(&thing(input.deck), Some(old), Some(new))
                .await?;
            Ok(done)
        })
        .await
    }
}

/// Does it, as far as nothing is wrong.
async fn take(
    transaction: &mut Transaction,
    input: &AdminImportRates,
    now: DateTime<Utc>,
    before: &Deck,
) -> Result<ImportedRates, DomainError> {
    let id = input.deck;
    let (from, earliest) = match input.mode {
        ImportMode::Add => (now, None),
        ImportMode::ReplaceFrom(from) => (from.unwrap_or(now), Some(from.unwrap_or(now))),
    };
    let (imported, bad) = parse(&input.csv, from, earliest);
    let (mut removed, mut ended) = (0, 0);
    if let Some(from) = earliest {
        removed = wholesale_rates::remove_from(transaction, id, from).await?;
        ended = wholesale_rates::end_from(transaction, id, from).await?;
    }
    let prefixes: BTreeSet<_> = imported
        .iter()
        .map(|one| one.rate.prefix.as_str())
        .collect();
    let prefixes: Vec<_> = prefixes.into_iter().collect();
    let there = wholesale_rates::of_prefixes(transaction, id, &prefixes).await?;
    let problems = bad.and(overlaps(&imported, &there));
    if !problems.is_empty() {
        return Ok(ImportedRates {
            deck: before.clone(),
            added: 0,
            ended: 0,
            removed: 0,
            problems,
        });
    }
    let rates: Vec<_> = imported.iter().map(|Imported { rate, .. }| rate).collect();
    wholesale_rates::insert(transaction, id, &rates).await?;
    wholesale_decks::touch(transaction, id).await?;
    Ok(ImportedRates {
        deck: present(transaction, id).await?,
        added: rates.len() as u64,
        ended,
        removed,
        problems,
    })
}

fn violations(problems: &Problems) -> Vec<Violation> {
    let told = problems.told().iter().take(MAX_VIOLATIONS + 1);
    let mut violations: Vec<_> = told
        .map(|problem| {
            let field = match (problem.line, problem.column.as_str()) {
                (0, _) => "csv".to_owned(),
                (line, "") => format!("csv[{line}]"),
                (line, column) => format!("csv[{line}].{column}"),
            };
            Violation::new(field, problem.description.clone())
        })
        .collect();
    if violations.len() > MAX_VIOLATIONS {
        violations.truncate(MAX_VIOLATIONS);
        let count = problems.count();
        let description = format!("has {count} problems: dry_run tells the first 100");
        violations.insert(0, Violation::new("csv", description));
    }
    violations
}

fn of_import(input: &AdminImportRates, now: DateTime<Utc>, done: &ImportedRates) -> Value {
    let mut state = snapshot::of_deck(&done.deck);
    if let Some(fields) = state.as_object_mut() {
        let replaced_from = match input.mode {
            ImportMode::Add => None,
            ImportMode::ReplaceFrom(from) => Some(from.unwrap_or(now)),
        };
        let import = json!({
            "sha256": hexadecimal(Digest::of_bytes(&input.csv).as_bytes()),
            "added": done.added,
            "ended": done.ended,
            "removed": done.removed,
            "replaced_from": replaced_from,
        });
        fields.insert("import".to_owned(), import);
    }
    state
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
