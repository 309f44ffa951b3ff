//! Uids of objects that a watch has seen go, so that a late answer to a write does not bring one back.

use std::collections::{HashSet, VecDeque};

/// How many are remembered: an answer is late by moments, not by thousands of deletions.
const REMEMBERED: usize = 4096;

/// The last uids that were deleted.
#[derive(Debug, Default)]
pub struct Departed {
    order: VecDeque<String>,
    uids: HashSet<String>,
}

impl Departed {
    /// Remembers one more.
    pub fn add(&mut self, uid: Option<String>) {
        let Some(uid) = uid else { return };
        if self.uids.insert(uid.clone()) {
            self.order.push_back(uid);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.uids.remove(&oldest);
        }
    }

    /// Whether the object of this uid is gone for good: a uid is never given twice.
    pub fn holds(&self, uid: Option<&str>) -> bool {
        uid.is_some_and(|uid| self.uids.contains(uid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut departed = Departed::default();
        for number in 0..=REMEMBERED {
            departed.add(Some(number.to_string()));
        }
        assert!(!departed.holds(Some("0")));
        assert!(departed.holds(Some("1")));
        assert!(!departed.holds(None));
    }
}
