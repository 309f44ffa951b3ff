//! The spool against everything that a kill or a disk can do to its files.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A data directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("spool-{}", uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn spool(&self, limit: u64) -> (Spool, Found) {
        Spool::open(&self.0, limit).unwrap()
    }

    fn segments(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.0.join("spool")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn content(number: usize) -> Vec<u8> {
    format!("record {number} {}", "x".repeat(number % 7)).into_bytes()
}

/// All records from a position on.
fn all(spool: &mut Spool, mut at: Position) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    while let Some((record, next)) = spool.read(at).unwrap() {
        records.push(record);
        at = next;
    }
    records
}

/// All that are to be sent.
fn rest(spool: &mut Spool) -> Vec<Vec<u8>> {
    let head = spool.head();
    all(spool, head)
}

fn filled(scratch: &Scratch, count: usize, limit: u64) -> Spool {
    let (mut spool, _) = scratch.spool(limit);
    for number in 0..count {
        spool.append(&content(number)).unwrap();
    }
    spool
}

#[test]
fn what_was_appended_is_there_after_a_start_in_order_and_goes_when_released() {
    let scratch = Scratch::new();
    // Segments of 64 bytes: three or four records each.
    let mut spool = filled(&scratch, 10, 256);
    let expected: Vec<_> = (0..10).map(content).collect();
    assert_eq!(rest(&mut spool), expected);
    drop(spool);
    assert!(scratch.segments().len() > 2);

    let (mut spool, found) = scratch.spool(256);
    let whole = Found {
        records: 10,
        torn: 0,
    };
    assert_eq!(found, whole);
    assert_eq!(rest(&mut spool), expected);
    let mut at = spool.head();
    for number in 0..10 {
        assert_eq!(rest(&mut spool), expected[number..]);
        at = spool.read(at).unwrap().unwrap().1;
        spool.release(at).unwrap();
    }
    assert_eq!((spool.bytes(), scratch.segments().len()), (0, 0));
    spool.append(b"next").unwrap();
    assert_eq!(all(&mut spool, at), [b"next"]);
}

#[test]
fn a_full_spool_refuses_until_something_is_released() {
    let scratch = Scratch::new();
    let (mut spool, _) = scratch.spool(100);
    let mut taken = 0;
    while spool.append(&content(taken)).is_ok() {
        taken += 1;
    }
    assert!(taken >= 4 && spool.bytes() <= 100, "{taken}");
    assert!(matches!(spool.append(b"more"), Err(SpoolError::Full)));
    assert_eq!(rest(&mut spool).len(), taken);
    let mut at = spool.head();
    while let Some((_, next)) = spool.read(at).unwrap() {
        spool.release(next).unwrap();
        at = next;
    }
    // However large: else it could never be.
    spool.append(&[7; 1000]).unwrap();
    let long = spool.append(&vec![0; record::MAX_CONTENT + 1]);
    assert!(matches!(long, Err(SpoolError::TooLong(_))));
}

#[test]
fn records_together_are_there_in_order_or_not_at_all() {
    let scratch = Scratch::new();
    let (mut spool, _) = scratch.spool(200);
    let together: Vec<_> = (0..4).map(content).collect();
    let slices = || together.iter().map(Vec::as_slice);
    spool.append_all(slices()).unwrap();
    spool.append_all(slices()).unwrap();
    let full = spool.append_all(slices().chain(slices()));
    assert!(matches!(full, Err(SpoolError::Full)));
    let long = vec![0; record::MAX_CONTENT + 1];
    let long = spool.append_all([&together[0][..], &long]);
    assert!(matches!(long, Err(SpoolError::TooLong(_))));
    drop(spool);
    let (mut spool, found) = scratch.spool(200);
    assert_eq!((found.records, found.torn), (8, 0));
    assert_eq!(rest(&mut spool), [together.clone(), together].concat());
}

#[test]
fn a_tail_torn_at_any_byte_costs_the_torn_record_alone() {
    let scratch = Scratch::new();
    drop(filled(&scratch, 3, 1 << 20));
    let path = scratch.segments().remove(0);
    let whole = fs::read(&path).unwrap();
    let lengths: Vec<_> = (0..3).map(|n| record::HEADER + content(n).len()).collect();
    for cut in 0..whole.len() {
        let scratch = Scratch::new();
        fs::create_dir_all(scratch.0.join("spool")).unwrap();
        fs::write(scratch.0.join("spool/1.log"), "not ours").unwrap();
        let path = scratch.0.join("spool").join(path.file_name().unwrap());
        fs::write(&path, &whole[..cut]).unwrap();
        let (mut spool, found) = scratch.spool(1 << 20);
        let mut sound = 0;
        let mut kept = 0;
        while kept < 3 && sound + lengths[kept] <= cut {
            sound += lengths[kept];
            kept += 1;
        }
        assert_eq!(found.records, kept as u64, "cut at {cut}");
        assert_eq!(found.torn, (cut - sound) as u64, "cut at {cut}");
        // What is written now is not lost behind the tear.
        spool.append(b"after").unwrap();
        let mut expected: Vec<_> = (0..kept).map(content).collect();
        expected.push(b"after".to_vec());
        assert_eq!(rest(&mut spool), expected, "cut at {cut}");
        drop(spool);
        let (mut spool, found) = scratch.spool(1 << 20);
        assert_eq!(found.torn, 0, "cut at {cut}");
        assert_eq!(rest(&mut spool), expected, "cut at {cut}");
        let aside = fs::read_dir(scratch.0.join("rejected")).unwrap().count();
        assert_eq!(aside, usize::from(cut > sound), "cut at {cut}");
    }
}

#[test]
fn zeros_at_the_end_are_no_records() {
    let scratch = Scratch::new();
    drop(filled(&scratch, 2, 1 << 20));
    let path = scratch.segments().remove(0);
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend([0; 4096]);
    fs::write(&path, bytes).unwrap();
    let (_, found) = scratch.spool(1 << 20);
    assert_eq!((found.records, found.torn), (2, 4096));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No flipped bit makes a record that was never written, and none before it is lost; neither when it
    /// flips before a start nor while the spool is open.
    #[test]
    fn a_flipped_bit_is_seen(count in 1..6_usize, place in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let scratch = Scratch::new();
        let mut running = filled(&scratch, count, 1 << 20);
        let path = scratch.segments().remove(0);
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        bytes[place] ^= 1_u8 << bit;
        let (mut end, mut sound) = (0, 0);
        while end + record::HEADER + content(sound).len() <= place {
            end += record::HEADER + content(sound).len();
            sound += 1;
        }
        fs::write(&path, &bytes).unwrap();
        let expected: Vec<_> = (0..sound).map(content).collect();
        prop_assert_eq!(rest(&mut running), expected.clone());
        fs::write(&path, &bytes).unwrap();
        let (mut started, found) = scratch.spool(1 << 20);
        prop_assert_eq!(rest(&mut started), expected);
        prop_assert_eq!(found.torn, (bytes.len() - end) as u64);
    }

    /// Appends, releases and starts in any order: what is there is what was appended and not released.
    #[test]
    fn any_order_of_what_it_does(steps in prop::collection::vec(0..4, 1..60)) {
        let scratch = Scratch::new();
        let (mut spool, _) = scratch.spool(200);
        let (mut appended, mut released) = (0, 0);
        let mut at = spool.head();
        for step in steps {
            match step {
                0 | 1 => appended += usize::from(spool.append(&content(appended)).is_ok()),
                2 => if let Some((read, next)) = spool.read(at).unwrap() {
                    prop_assert_eq!(&read, &content(released));
                    spool.release(next).unwrap();
                    released += 1;
                    at = next;
                },
                _ => {
                    drop(spool);
                    spool = scratch.spool(200).0;
                    at = spool.head();
                    // What was released may come again, never less than what was not.
                    let again = all(&mut spool, at).len();
                    prop_assert!(again >= appended - released);
                    released = appended - again;
                }
            }
            prop_assert!(spool.bytes() <= 200);
        }
        let expected: Vec<_> = (released..appended).map(content).collect();
        prop_assert_eq!(all(&mut spool, at), expected);
    }
}
