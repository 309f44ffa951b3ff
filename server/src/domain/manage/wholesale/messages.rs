//! What administrators ask of wholesale, and what they get.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::domain::Idempotency;
use crate::exports::{ExportDays, ExportFormat};
use crate::pbxs::PbxId;
use crate::wholesale::{
    Amount, ChargeCursor, ChargeGroup, Currency, Deck, DeckConfig, DeckId, Prefix, Problems, Rate,
    Side, SideName, Trunk, TrunkId, TrunkKey, TrunkRole,
};

/// Lists decks.
#[derive(Debug, Clone, Copy)]
pub struct AdminListDecks {
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of decks.
#[derive(Debug, Clone)]
pub struct DeckPage {
    /// By ascending id.
    pub decks: Vec<Deck>,
    /// Over all pages.
    pub total: u64,
}

/// Shows one deck.
#[derive(Debug, Clone, Copy)]
pub struct AdminShowDeck(pub DeckId);

/// Makes a deck.
#[derive(Debug, Clone)]
pub struct AdminCreateDeck {
    /// Its name and its currency.
    pub config: DeckConfig,
    /// What recognizes a repetition.
    pub idempotency: Option<Idempotency>,
}

/// Gives a deck another name.
#[derive(Debug, Clone)]
pub struct AdminUpdateDeck {
    /// The deck.
    pub id: DeckId,
    /// What the change is based on.
    pub etag: String,
    /// The name, checked.
    pub name: String,
}

/// Removes a deck and its rates.
#[derive(Debug, Clone)]
pub struct AdminDeleteDeck {
    /// The deck.
    pub id: DeckId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Lists rates.
#[derive(Debug, Clone)]
pub struct AdminListRates {
    /// The deck.
    pub deck: DeckId,
    /// Only prefixes that begin so.
    pub prefix: Prefix,
    /// Only those that count at this moment.
    pub at: Option<DateTime<Utc>>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of rates.
#[derive(Debug, Clone)]
pub struct RatePage {
    /// By prefix, then time.
    pub rates: Vec<Rate>,
    /// Over all pages.
    pub total: u64,
}

/// What becomes of the rates that a deck has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// They stay.
    Add,
    /// From a moment on there are none of them; `None`: from now.
    ReplaceFrom(Option<DateTime<Utc>>),
}

/// Takes rates from a file: all or none.
#[derive(Debug, Clone)]
pub struct AdminImportRates {
    /// The deck.
    pub deck: DeckId,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
    /// The file.
    pub csv: Vec<u8>,
    /// What becomes of the others.
    pub mode: ImportMode,
    /// Only tell.
    pub dry_run: bool,
}

/// What came of a file.
#[derive(Debug, Clone)]
pub struct ImportedRates {
    /// The deck as it is now.
    pub deck: Deck,
    /// Rates that were added.
    pub added: u64,
    /// Rates that were ended.
    pub ended: u64,
    /// Rates that were removed.
    pub removed: u64,
    /// What is wrong, when it was only to be told.
    pub problems: Problems,
}

/// Ends a rate at another moment.
#[derive(Debug, Clone)]
pub struct AdminSetRateEnd {
    /// The deck.
    pub deck: DeckId,
    /// The prefix.
    pub prefix: Prefix,
    /// When the rate begins.
    pub from: DateTime<Utc>,
    /// When it ends; where it begins: it is removed.
    pub to: Option<DateTime<Utc>>,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Lists trunks.
#[derive(Debug, Clone, Copy)]
pub struct AdminListTrunks {
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
    /// Only with this role.
    pub role: Option<TrunkRole>,
    /// Rows at most.
    pub limit: u32,
    /// Rows to skip.
    pub offset: u32,
}

/// A page of trunks.
#[derive(Debug, Clone)]
pub struct TrunkPage {
    /// By PBX, trunk, role.
    pub trunks: Vec<Trunk>,
    /// Over all pages.
    pub total: u64,
}

/// Says what a trunk is rated by.
#[derive(Debug, Clone)]
pub struct AdminSetTrunk {
    /// The trunk.
    pub key: TrunkKey,
    /// The deck; `None`: it is not to be rated.
    pub deck: Option<DeckId>,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// Takes back what was said about a trunk.
#[derive(Debug, Clone)]
pub struct AdminDeleteTrunk {
    /// The trunk.
    pub key: TrunkKey,
    /// What the change is based on, if the caller cares.
    pub etag: Option<String>,
}

/// By what a call is rated that is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RatedBy {
    /// A deck alone.
    Deck(DeckId),
    /// What trunks are rated by.
    Trunks {
        /// The PBX.
        pbx: PbxId,
        /// The trunk that it came in by; empty: none.
        incoming: String,
        /// The trunk that it went out by; empty: none.
        outgoing: String,
    },
}

/// Says what a call would cost. The number is written nowhere.
#[derive(Clone)]
pub struct AdminRateCall {
    /// The number that is called.
    pub number: String,
    /// Milliseconds of talk; `None` when nobody answers.
    pub talk_ms: Option<i64>,
    /// When it is answered; `None`: now.
    pub at: Option<DateTime<Utc>>,
    /// By what.
    pub by: RatedBy,
}

/// What a call would cost.
#[derive(Debug, Clone)]
pub struct RatedSides {
    /// The sides; of a deck alone, a side without a name.
    pub sides: Vec<(Option<SideName>, Side)>,
    /// Sold less bought, in micro-currency.
    pub profit_micro: Option<i64>,
}

/// Rates stored calls again.
#[derive(Debug, Clone)]
pub struct AdminRerate {
    /// Those that began at this moment or later.
    pub start: DateTime<Utc>,
    /// Those that began before this moment.
    pub end: DateTime<Utc>,
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
    /// Only with this trunk on either side.
    pub trunk: Option<TrunkId>,
    /// Only tell.
    pub dry_run: bool,
}

/// By how much the ledger changes in one currency, in micro-currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChargeDelta {
    /// What is sold.
    pub sell: Amount,
    /// What is bought.
    pub buy: Amount,
}

/// What came of rating again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rerated {
    /// Calls that were looked at.
    pub examined: u64,
    /// Calls of which a charge differs.
    pub changed: u64,
    /// Calls that still miss a charge.
    pub unrated: u64,
    /// Calls that were left, since their numbers are erased.
    pub erased: u64,
    /// By how much the ledger changes.
    pub deltas: BTreeMap<Currency, ChargeDelta>,
    /// Where to go on; `None` when all is done.
    pub next_start: Option<DateTime<Utc>>,
}

/// Sums charges.
#[derive(Debug, Clone, Copy)]
pub struct AdminSumCharges {
    /// Of calls that began at this moment or later.
    pub start: DateTime<Utc>,
    /// Of calls that began before this moment.
    pub end: DateTime<Utc>,
    /// What for.
    pub group: ChargeGroup,
    /// Only of this PBX.
    pub pbx: Option<PbxId>,
}

/// Gives out the ledger of whole days.
#[derive(Debug, Clone)]
pub struct AdminExportCharges {
    /// The days.
    pub days: ExportDays,
    /// How it is written.
    pub format: ExportFormat,
    /// After which row; `None`: from the beginning.
    pub after: Option<ChargeCursor>,
}
