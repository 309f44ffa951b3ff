//! The books that the test keeps for itself, in whole numbers: parts of a byte are millionths.

use std::collections::BTreeMap;

use super::program::USERS;

/// Parts of a byte.
const BYTE: i128 = 1_000_000;
/// Microseconds.
const QUARTER: i64 = 15 * 60 * 1_000_000;

/// Whose bytes, from when on (microseconds since 1970), through which node client.
pub type Key = (usize, i64, usize);

/// Up and down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub raw: [i128; 2],
    pub parts: [i128; 2],
}

impl Sums {
    /// Whole bytes.
    pub fn billed(&self) -> [i128; 2] {
        self.parts.map(|parts| parts / BYTE)
    }
}

#[derive(Debug, Default)]
pub struct Books {
    /// By node client: from when on (microseconds since 1970) so many millionths count.
    factors: Vec<Vec<(i64, u64)>>,
    pub keys: BTreeMap<Key, Sums>,
    /// By subscriber: bytes of events of others.
    pub external: [i128; USERS],
    /// By subscriber: bytes of corrections.
    pub adjusted: [i128; USERS],
}

impl Books {
    /// Node clients begin with these factors.
    pub fn new(millionths: &[u64]) -> Self {
        Self {
            factors: millionths.iter().map(|m| vec![(i64::MIN, *m)]).collect(),
            ..Self::default()
        }
    }

    pub fn set_factor(&mut self, client: usize, from: i64, millionths: u64) {
        self.factors[client].push((from, millionths));
    }

    /// A row that was taken, used at that moment (microseconds since 1970).
    pub fn used(&mut self, user: usize, client: usize, at: i64, bytes: [i64; 2]) {
        let factors = self.factors[client].iter();
        let factor = factors.rev().find(|(from, _)| *from <= at).unwrap().1;
        let key = (user, at - at.rem_euclid(QUARTER), client);
        let sums = self.keys.entry(key).or_default();
        for (way, bytes) in bytes.into_iter().enumerate() {
            sums.raw[way] += i128::from(bytes);
            sums.parts[way] += i128::from(bytes) * i128::from(factor);
        }
    }

    /// All bytes of a subscriber that somebody has to account for.
    pub fn owed(&self, user: usize) -> i128 {
        let keys = self.keys.iter().filter(|((of, ..), _)| *of == user);
        let billed: i128 = keys.flat_map(|(_, sums)| sums.billed()).sum();
        billed + self.external[user]
    }
}

#[test]
fn the_books_count_whole_bytes_of_each_key() {
    let mut books = Books::new(&[10_000, 1_500_000]);
    for n in 0..250 {
        books.used(0, 0, QUARTER + n, [1, 0]);
    }
    assert_eq!(books.owed(0), 2);
    books.used(0, 1, 2 * QUARTER - 1, [1, 3]);
    assert_eq!(books.owed(0), 2 + 1 + 4);
    books.set_factor(1, 2 * QUARTER, 0);
    books.used(0, 1, 2 * QUARTER, [1000, 1000]);
    assert_eq!((books.owed(0), books.owed(1)), (7, 0));
}
