//! Records on disk until somebody else has them: segment files that are only ever appended to.
//!
//! A record is in the spool when [`Spool::append`] has returned, whatever happens afterwards; it leaves with
//! [`Spool::release`]. Both go in order, so that a segment is removed when its last record is released. What
//! was released but lies in a segment with others is read once more after a start: whoever it is sent to has to
//! know it again.
#![deny(missing_docs)]

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

pub mod backoff;
pub mod files;
mod limit;
mod record;
#[cfg(test)]
mod tests;

pub use limit::parse_limit;
pub use record::MAX_CONTENT;

/// A new segment begins when one has reached this, or a quarter of the limit.
const SEGMENT: u64 = 4 << 20;

/// Why a record is not in the spool, or cannot be read from it.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It would be larger than its limit.
    #[error("the spool is full")]
    Full,
    /// No record can be so long.
    #[error("a record of {0} bytes")]
    TooLong(usize),
    /// The disk.
    #[error("the spool's disk: {0}")]
    Disk(#[from] io::Error),
}

/// Where a record begins: a segment, and an offset in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(u64, u64);

/// What a start has found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Records that were not released, or lie in a segment with such.
    pub records: u64,
    /// Bytes that are no whole record: the end of a file that was being written, or damage. They were cut
    /// off and lie in `rejected/`.
    pub torn: u64,
}

struct Segment {
    number: u64,
    length: u64,
}

/// The spool of a data directory.
pub struct Spool {
    folder: PathBuf,
    rejected: PathBuf,
    limit: u64,
    segments: VecDeque<Segment>,
    /// The last segment, when it may be appended to.
    open: Option<File>,
    next_number: u64,
    head: Position,
}

impl Spool {
    /// Opens or makes `spool/` and `rejected/` in a data directory; cuts off what is torn.
    pub fn open(data_dir: &Path, limit: u64) -> io::Result<(Self, Found)> {
        let (folder, rejected) = (data_dir.join("spool"), data_dir.join("rejected"));
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&rejected)?;
        files::sync_folder(&folder)?;
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let number = path
                .file_stem()
                .and_then(|number| number.to_str()?.parse().ok());
            // Anything else in the folder is not ours.
            numbers.extend(number.filter(|number| file(&folder, *number) == path));
        }
        numbers.sort_unstable();
        let mut spool = Self {
            folder,
            rejected,
            limit,
            segments: VecDeque::new(),
            open: None,
            next_number: numbers.last().map_or(1, |last| last + 1),
            head: Position::default(),
        };
        let mut found = Found::default();
        for number in numbers {
            spool.recover(number, &mut found)?;
        }
        Ok((spool, found))
    }

    fn recover(&mut self, number: u64, found: &mut Found) -> io::Result<()> {
        let content = fs::read(self.path(number))?;
        let mut sound = 0;
        while let Some(record) = record::decode(&content[sound..]) {
            sound += record::HEADER + record.len();
            found.records += 1;
        }
        if sound < content.len() {
            self.set_aside(number, sound as u64)?;
            found.torn += (content.len() - sound) as u64;
        }
        if sound == 0 {
            return fs::remove_file(self.path(number));
        }
        self.segments.push_back(Segment {
            number,
            length: sound as u64,
        });
        Ok(())
    }

    /// Puts a record behind the others. When it returns, the record is on the disk.
    ///
    /// After an error of the disk the same record can be appended again; it may then be there twice.
    pub fn append(&mut self, content: &[u8]) -> Result<(), SpoolError> {
        self.append_all([content])
    }

    /// Puts records behind the others, all or none, with one wait for the disk.
    pub fn append_all<'a>(
        &mut self,
        contents: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<(), SpoolError> {
        let mut records = Vec::new();
        for content in contents {
            record::encode(content, &mut records).ok_or(SpoolError::TooLong(content.len()))?;
        }
        let bytes = self.bytes();
        if bytes > 0 && bytes + records.len() as u64 > self.limit {
            return Err(SpoolError::Full);
        }
        let written = self.write(&records);
        if written.is_err() {
            // What an error left behind is not appended to.
            self.open = None;
        }
        Ok(written?)
    }

    fn write(&mut self, records: &[u8]) -> io::Result<()> {
        let size = SEGMENT.min(self.limit / 4);
        if self.segments.back().is_none_or(|last| last.length >= size) {
            self.open = None;
        }
        let mut file = match self.open.take() {
            Some(file) => file,
            None => self.begin()?,
        };
        let Some(last) = self.segments.back_mut() else {
            return Err(io::Error::other("no segment is open"));
        };
        if let Err(error) = file.write_all(records).and_then(|()| file.sync_data()) {
            file.set_len(last.length)?;
            return Err(error);
        }
        last.length += records.len() as u64;
        self.open = Some(file);
        Ok(())
    }

    fn begin(&mut self) -> io::Result<File> {
        let number = self.next_number;
        let path = self.path(number);
        let file = OpenOptions::new().append(true).create_new(true).open(&path);
        self.next_number += 1;
        let file = file?;
        files::sync_folder(&path)?;
        self.segments.push_back(Segment { number, length: 0 });
        Ok(file)
    }

    /// The first record that has not been released.
    pub fn head(&self) -> Position {
        self.head
    }

    /// The record at a position or, at the end of a segment, behind it; and where the next one begins.
    pub fn read(&mut self, at: Position) -> io::Result<Option<(Vec<u8>, Position)>> {
        let behind = |segment: &&Segment| {
            segment.number > at.0 || segment.number == at.0 && segment.length > at.1
        };
        let Some(segment) = self.segments.iter().find(behind) else {
            return Ok(None);
        };
        let number = segment.number;
        let offset = if number == at.0 { at.1 } else { 0 };
        let mut file = File::open(self.path(number))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; record::HEADER];
        file.read_exact(&mut bytes)?;
        let length: [u8; 4] = [bytes[0], bytes[1], bytes[2], bytes[3]];
        let length = u64::from(u32::from_le_bytes(length));
        file.take(length.min(record::MAX_CONTENT as u64))
            .read_to_end(&mut bytes)?;
        if let Some(content) = record::decode(&bytes) {
            let next = Position(number, offset + bytes.len() as u64);
            return Ok(Some((content.to_vec(), next)));
        }
        // It was sound when it was written: the disk has changed it.
        tracing::error!(
            segment = number,
            offset,
            "damaged; the rest of it is set aside"
        );
        self.set_aside(number, offset)?;
        self.shorten(number, offset);
        self.read(Position(number, offset))
    }

    /// Everything before a position is somebody else's now and is forgotten.
    pub fn release(&mut self, to: Position) -> io::Result<()> {
        self.head = self.head.max(to);
        while let Some(first) = self.segments.front() {
            if Position(first.number, first.length) > self.head {
                break;
            }
            let path = self.path(first.number);
            self.segments.pop_front();
            if self.segments.is_empty() {
                self.open = None;
            }
            fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Bytes on the disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.length).sum()
    }

    /// Keeps a record that nobody will ever take, for people to look at.
    pub fn reject(&self, name: &str, content: &[u8]) -> io::Result<()> {
        files::replace(&self.rejected.join(name), content)
    }

    fn set_aside(&self, number: u64, offset: u64) -> io::Result<()> {
        let path = self.path(number);
        let mut rest = File::options().read(true).write(true).open(&path)?;
        rest.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        rest.read_to_end(&mut bytes)?;
        self.reject(&format!("{number:020}-{offset}.torn"), &bytes)?;
        rest.set_len(offset)?;
        rest.sync_all()
    }

    fn shorten(&mut self, number: u64, length: u64) {
        for segment in &mut self.segments {
            if segment.number == number {
                segment.length = length;
            }
        }
        // The file's handle appends at its end, wherever that is; but a new segment is surer.
        self.open = None;
    }

    fn path(&self, number: u64) -> PathBuf {
        file(&self.folder, number)
    }
}

fn file(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.log"))
}
