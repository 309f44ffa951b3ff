//! One record of a segment: length, checksum, content.

/// Bytes before the content: its length and the CRC-32 of length and content, both little-endian.
pub const HEADER: usize = 8;
/// The most bytes of a record: more than a report of usage, or a body with records of calls, can have.
pub const MAX_CONTENT: usize = 4 << 20;

/// Appends content as it lies in a segment. It is no longer than [`MAX_CONTENT`].
pub fn encode(content: &[u8], records: &mut Vec<u8>) -> Option<()> {
    let length = u32::try_from(content.len()).ok();
    let length = length.filter(|_| content.len() <= MAX_CONTENT)?;
    records.reserve(HEADER + content.len());
    records.extend_from_slice(&length.to_le_bytes());
    records.extend_from_slice(&checksum(length, content).to_le_bytes());
    records.extend_from_slice(content);
    Some(())
}

/// The content of the record that these bytes begin with; `None` when they begin with no whole and
/// sound one.
pub fn decode(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (sum, rest) = rest.split_first_chunk()?;
    let length = u32::from_le_bytes(*length);
    let content = rest.get(..usize::try_from(length).ok()?)?;
    let sound =
        content.len() <= MAX_CONTENT && checksum(length, content) == u32::from_le_bytes(*sum);
    sound.then_some(content)
}

/// Over the length too, so that zeros, as a file may end with after a power cut, are no record.
fn checksum(length: u32, content: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length.to_le_bytes());
    sum.update(content);
    sum.finalize()
}
