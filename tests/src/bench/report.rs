//! What was measured: one row per question, as a table for people and as JSON for comparisons.

use std::fmt::Write as _;

use serde::Serialize;

/// One question and what was seen each time it was asked.
#[derive(Debug, Serialize)]
pub struct Row {
    /// What was measured.
    pub name: &'static str,
    /// The unit of the samples.
    pub unit: &'static str,
    /// In the order they were taken.
    pub samples: Vec<f64>,
}

impl Row {
    /// The middle one, or the mean of the two in the middle.
    pub fn median(&self) -> f64 {
        let mut sorted = self.samples.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    fn least(&self) -> f64 {
        self.samples.iter().copied().fold(f64::INFINITY, f64::min)
    }

    fn most(&self) -> f64 {
        self.samples
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Rows in the order in which they were first measured.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The rows.
    pub rows: Vec<Row>,
}

impl Sheet {
    /// Notes what was seen once.
    pub fn add(&mut self, name: &'static str, unit: &'static str, sample: f64) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.name == name) {
            row.samples.push(sample);
        } else {
            let samples = vec![sample];
            self.rows.push(Row {
                name,
                unit,
                samples,
            });
        }
    }
}

/// A table with the median, the least and the most of each row.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::new();
    let width = rows
        .iter()
        .map(|row| row.name.chars().count())
        .max()
        .unwrap_or(0);
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {:<width$}  {:>10}  {:>10}  {:>10}  UNIT",
        "", "MEDIAN", "LEAST", "MOST"
    );
    for row in rows {
        let figure = |value: f64| {
            let digits = usize::from(value < 100.0);
            format!("{value:.digits$}")
        };
        let _ = writeln!(
            text,
            "  {:<width$}  {:>10}  {:>10}  {:>10}  {}",
            row.name,
            figure(row.median()),
            figure(row.least()),
            figure(row.most()),
            row.unit
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&[3.0], 3.0)]
    #[case(&[9.0, 1.0, 2.0], 2.0)]
    #[case(&[4.0, 1.0, 2.0, 9.0], 3.0)]
    fn the_median_is_the_middle(#[case] samples: &[f64], #[case] expected: f64) {
        let row = Row {
            name: "",
            unit: "",
            samples: samples.to_vec(),
        };
        assert!((row.median() - expected).abs() < 1e-9);
    }

    #[test]
    fn the_table_lines_up() {
        let rows = [
            Row {
                name: "start to ready",
                unit: "ms",
                samples: vec![31.25, 40.0, 29.0],
            },
            Row {
                name: "heartbeats through the server",
                unit: "1/s",
                samples: vec![2345.6, 2400.0],
            },
        ];
        insta::assert_snapshot!(table(&rows), @"
                                           MEDIAN       LEAST        MOST  UNIT
        start to ready                       31.2        29.0        40.0  ms
        heartbeats through the server        2373        2346        2400  1/s
        ");
    }
}
