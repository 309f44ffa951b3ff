//! Rows as lines of CSV or JSON.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde_json::{Map, Value};

use super::{ExportFormat, ExportPiece};

/// A piece has no more lines when it has as many bytes: clients read messages of 4 MiB.
const PIECE: usize = 256 << 10;

/// A value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Text, or a number that JSON's readers would round.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// A JSON object.
    Object(Map<String, Value>),
    /// Nothing: empty in CSV, null in JSON.
    Absent,
}

impl Field {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Object(fields) => Value::Object(fields).to_string(),
            Self::Absent => String::new(),
        }
    }

    fn into_json(self) -> Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
            Self::Object(fields) => fields.into(),
            Self::Absent => Value::Null,
        }
    }
}

/// A row that can be exported.
pub trait Line {
    /// The names of its fields.
    const COLUMNS: &'static [&'static str];

    /// Its fields, as many as there are columns.
    fn fields(self) -> Vec<Field>;

    /// Where the row is in the order of its export.
    fn cursor(&self) -> String;
}

/// A row is not as its columns are: a defect.
#[derive(Debug, thiserror::Error)]
#[error("a row cannot be written: {0}")]
pub struct Unwritable(String);

/// Writes rows in one form.
#[derive(Debug, Clone, Copy)]
pub struct Lines(pub ExportFormat);

impl Lines {
    /// What an export begins with, if anything.
    pub fn head<L: Line>(self) -> Result<Option<Vec<u8>>, Unwritable> {
        match self.0 {
            ExportFormat::Csv => csv_line(L::COLUMNS).map(Some),
            ExportFormat::JsonLines => Ok(None),
        }
    }

    /// The rows in pieces of a size that messages may have.
    pub fn pieces<L: Line>(self, rows: Vec<L>) -> Result<Vec<ExportPiece>, Unwritable> {
        let mut pieces = Vec::new();
        let (mut data, mut last) = (Vec::new(), String::new());
        for row in rows {
            last = row.cursor();
            data.extend(self.line::<L>(row.fields())?);
            if data.len() >= PIECE {
                pieces.push(ExportPiece {
                    data: std::mem::take(&mut data),
                    cursor: last.clone(),
                });
            }
        }
        if !data.is_empty() {
            pieces.push(ExportPiece { data, cursor: last });
        }
        Ok(pieces)
    }

    fn line<L: Line>(self, fields: Vec<Field>) -> Result<Vec<u8>, Unwritable> {
        match self.0 {
            ExportFormat::Csv => {
                let texts: Vec<_> = fields.into_iter().map(Field::into_text).collect();
                csv_line(&texts)
            }
            ExportFormat::JsonLines => {
                let names = L::COLUMNS.iter().map(|name| (*name).to_owned());
                let values = fields.into_iter().map(Field::into_json);
                let object: Map<_, _> = names.zip(values).collect();
                let mut line = Value::Object(object).to_string().into_bytes();
                line.push(b'\n');
                Ok(line)
            }
        }
    }
}

fn csv_line<T: AsRef<[u8]>>(fields: &[T]) -> Result<Vec<u8>, Unwritable> {
    let failed = |error: &dyn std::fmt::Display| Unwritable(error.to_string());
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    writer
        .write_record(fields)
        .map_err(|error| failed(&error))?;
    writer.into_inner().map_err(|error| failed(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair(i64, String);

    impl Line for Pair {
        const COLUMNS: &'static [&'static str] = &["n", "text", "what", "more"];

        fn fields(self) -> Vec<Field> {
            let more = Map::from_iter([("a".to_owned(), Value::from("\"b\""))]);
            vec![
                Field::Number(self.0),
                Field::Text(self.1),
                Field::Absent,
                Field::Object(more),
            ]
        }

        fn cursor(&self) -> String {
            self.0.to_string()
        }
    }

    fn text(format: ExportFormat, rows: Vec<Pair>) -> String {
        let lines = Lines(format);
        let mut data = lines.head::<Pair>().unwrap().unwrap_or_default();
        for piece in lines.pieces(rows).unwrap() {
            data.extend(piece.data);
        }
        String::from_utf8(data).unwrap()
    }

    #[test]
    fn rows_are_quoted_where_they_have_to_be() {
        let rows = || {
            vec![
                Pair(-1, "=1+1, \"x\"\r\né".to_owned()),
                Pair(2, String::new()),
            ]
        };
        assert_eq!(
            text(ExportFormat::Csv, rows()),
            "n,text,what,more\r\n\
             -1,\"=1+1, \"\"x\"\"\r\né\",,\"{\"\"a\"\":\"\"\\\"\"b\\\"\"\"\"}\"\r\n\
             2,,,\"{\"\"a\"\":\"\"\\\"\"b\\\"\"\"\"}\"\r\n"
        );
        assert_eq!(
            text(ExportFormat::JsonLines, rows()),
            "{\"more\":{\"a\":\"\\\"b\\\"\"},\"n\":-1,\"text\":\"=1+1, \\\"x\\\"\\r\\né\",\"what\":null}\n\
             {\"more\":{\"a\":\"\\\"b\\\"\"},\"n\":2,\"text\":\"\",\"what\":null}\n"
        );
    }

    #[test]
    fn pieces_are_whole_lines_and_say_where_they_end() {
        let rows = (0..100).map(|n| Pair(n, "x".repeat(10_000))).collect();
        let pieces = Lines(ExportFormat::JsonLines).pieces(rows).unwrap();
        assert!(pieces.len() > 2);
        assert_eq!(pieces.last().unwrap().cursor, "99");
        for piece in pieces {
            assert!(piece.data.len() < PIECE + 11_000);
            let text = String::from_utf8(piece.data).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(last["n"].to_string(), piece.cursor);
            assert!(text.ends_with('\n'));
        }
    }
}
