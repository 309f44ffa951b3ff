//! What is posted to `/v1/call-records`: the records in it, as they came.
//!
//! RustPBX's `callrecord` push is `multipart/form-data` with the record in the part `calllog.json`; parts with media are
//! read to nothing. Everybody else sends JSON: one record, or an array of them.

use bytes::Bytes;
use futures::future::ready;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use http::StatusCode;
use multer::{Constraints, Multipart, SizeLimit};
use serde_json::value::RawValue;

/// The part that holds the record.
const PART: &str = "calllog.json";
/// Bytes of the record in a push.
const MAX_PART: u64 = 1 << 20;
/// Bytes of a push with all its media.
const MAX_PUSH: u64 = 64 << 20;
/// Bytes of records as JSON.
const MAX_JSON: usize = 4 << 20;

/// Records as they were posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Push {
    /// In which form.
    pub format: Format,
    /// Each record as text; not yet known to be JSON in a multipart push.
    pub records: Vec<String>,
}

/// The form of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As RustPBX pushes.
    Multipart,
    /// JSON: an object or an array.
    Json,
}

/// A body that holds no records, with the place where that shows.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Neither of the two forms.
    #[error("send application/json, or multipart/form-data with a part {PART}")]
    ContentType,
    /// Multipart without a boundary.
    #[error("multipart/form-data without a boundary")]
    Boundary,
    /// No part of the name.
    #[error("there is no part {PART}")]
    PartMissing,
    /// The part ends before its boundary.
    #[error("the body ends within or before the part {PART}: {0}")]
    Incomplete(multer::Error),
    /// Not multipart at all.
    #[error("the body is no multipart/form-data with a part {PART}: {0}")]
    Malformed(multer::Error),
    /// Larger than is read.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What is.
        what: &'static str,
        /// What may be.
        limit: u64,
    },
    /// JSON that is none.
    #[error("the body is no JSON from line {line}, column {column} on")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// The sender went away.
    #[error("the body ended early")]
    Cut,
}

impl PushError {
    /// The code to answer with.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Boundary
            | Self::PartMissing
            | Self::Incomplete(_)
            | Self::Malformed(_)
            | Self::NotJson { .. }
            | Self::Cut => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads the records of a body to its end.
pub async fn read<S, E>(content_type: &str, body: S) -> Result<Push, PushError>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("multipart/form-data") {
        let boundary = multer::parse_boundary(content_type).map_err(|_| PushError::Boundary)?;
        let records = vec![part(body, boundary).await?];
        let format = Format::Multipart;
        Ok(Push { format, records })
    } else if kind.eq_ignore_ascii_case("application/json") {
        let records = json(&whole(body).await?)?;
        let format = Format::Json;
        Ok(Push { format, records })
    } else {
        Err(PushError::ContentType)
    }
}

async fn part<S, E>(body: S, boundary: String) -> Result<String, PushError>
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: std::error::Error + Send + Sync + 'static,
{
    let sizes = SizeLimit::new()
        .whole_stream(MAX_PUSH)
        .for_field(PART, MAX_PART);
    let constraints = Constraints::new().size_limit(sizes);
    // After each piece there is nothing for a moment. It takes whatever is there before it looks at any of it, so that a
    // fast sender would fill the memory; and it gives a body up whose beginning and end come between two looks.
    let body = body.flat_map(|piece| {
        let pause = stream::once(tokio::task::yield_now());
        let nothing = pause.filter_map(|()| ready(None));
        stream::once(ready(piece)).chain(nothing)
    });
    let mut parts = Multipart::with_constraints(body, boundary, constraints);
    let mut record = None;
    // To the end, so that the answer finds a sender that has said everything.
    while let Some(part) = parts.next_field().await.map_err(of_multipart)? {
        if part.name() == Some(PART) && record.is_none() {
            let bytes = part.bytes().await.map_err(of_multipart)?;
            record = Some(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    record.ok_or(PushError::PartMissing)
}

fn of_multipart(error: multer::Error) -> PushError {
    match error {
        multer::Error::FieldSizeExceeded { limit, .. } => PushError::TooLarge {
            what: "the part calllog.json",
            limit,
        },
        multer::Error::StreamSizeExceeded { limit } => PushError::TooLarge {
            what: "the body",
            limit,
        },
        multer::Error::StreamReadFailed(_) => PushError::Cut,
        error @ (multer::Error::IncompleteFieldData { .. }
        | multer::Error::IncompleteHeaders
        | multer::Error::IncompleteStream) => PushError::Incomplete(error),
        error => PushError::Malformed(error),
    }
}

async fn whole<S, E>(body: S) -> Result<Vec<u8>, PushError>
where
    S: Stream<Item = Result<Bytes, E>> + Send,
{
    let body = body.map_err(|_| PushError::Cut);
    body.try_fold(Vec::new(), |mut read, piece| async move {
        if read.len() + piece.len() > MAX_JSON {
            return Err(PushError::TooLarge {
                what: "the body",
                limit: MAX_JSON as u64,
            });
        }
        read.extend_from_slice(&piece);
        Ok(read)
    })
    .await
}

/// The records of an array, or the one that stands alone.
fn json(body: &[u8]) -> Result<Vec<String>, PushError> {
    let is_array = body.trim_ascii_start().starts_with(b"[");
    let records: Result<Vec<Box<RawValue>>, _> = if is_array {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|record| vec![record])
    };
    let records = records.map_err(|error| PushError::NotJson {
        line: error.line(),
        column: error.column(),
    })?;
    Ok(records
        .iter()
        .map(|record| record.get().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const BODY: &str =
        "--b\r\nContent-Disposition: form-data; name=\"calllog.json\"\r\n\r\n{}\r\n--b--\r\n";

    /// A body in pieces of this many bytes; with `late`, each comes when it has been asked for twice.
    async fn read_in_pieces(size: usize, late: bool) -> Result<Push, PushError> {
        let pieces: Vec<_> = BODY.as_bytes().chunks(size).map(<[u8]>::to_vec).collect();
        let body = stream::iter(pieces).then(move |piece| async move {
            if late {
                tokio::task::yield_now().await;
            }
            Ok::<_, Infallible>(Bytes::from(piece))
        });
        read("multipart/form-data; boundary=b", body).await
    }

    #[tokio::test]
    async fn a_push_is_read_in_whatever_pieces_it_comes() {
        for size in [1, 2, 3, 7, 40, BODY.len()] {
            for late in [false, true] {
                let push = read_in_pieces(size, late).await.unwrap();
                assert_eq!(push.records, ["{}"], "{size} {late}");
            }
        }
    }
}
