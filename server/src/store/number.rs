//! Numbers as PostgreSQL keeps them: it has no unsigned ones.

use super::StoreError;

/// A number that the schema keeps from being negative, or too large for what it counts.
pub(super) fn unsigned<S, U: TryFrom<S>>(value: S, column: &'static str) -> Result<U, StoreError> {
    U::try_from(value).map_err(|_| StoreError::Corrupt(column))
}
