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

/// What no sample of a row may exceed.
#[derive(Debug, Serialize)]
pub struct Bar {
    /// The row.
    pub name: &'static str,
    /// In the row's unit.
    pub at_most: f64,
}

/// Rows in the order in which they were first measured.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The rows.
    pub rows: Vec<Row>,
    /// What some of them are held against.
    pub bars: Vec<Bar>,
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

    /// Holds a row against the most that it may show.
    pub fn bar(&mut self, name: &'static str, at_most: f64) {
        self.bars.push(Bar { name, at_most });
    }

    /// The median of a row.
    pub fn median(&self, name: &str) -> f64 {
        self.row(name).map_or(f64::NAN, Row::median)
    }

    fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// A line for each bar: whether every sample is within it.
    pub fn verdicts(&self) -> String {
        let mut text = String::new();
        let width = self.bars.iter().map(|bar| bar.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for bar in &self.bars {
            let Some(row) = self.row(bar.name) else {
                continue;
            };
            // What is no number is not within anything.
            let within = row.samples.iter().all(|sample| *sample <= bar.at_most);
            let verdict = if within { "reached" } else { "MISSED" };
            let (most, at_most) = (digits(row.most()), digits(bar.at_most));
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "  {:<width$}  {most:>10}  {:>12}  {:<6}  {verdict}",
                bar.name,
                format!("≤ {at_most}"),
                row.unit
            );
        }
        text
    }
}

/// Three digits or so.
fn digits(value: f64) -> String {
    let digits = match value.abs() {
        small if small > 0.0 && small < 1.0 => 3,
        medium if medium < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$}")
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
        let _ = writeln!(
            text,
            "  {:<width$}  {:>10}  {:>10}  {:>10}  {}",
            row.name,
            digits(row.median()),
            digits(row.least()),
            digits(row.most()),
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
    fn a_bar_is_reached_by_every_sample_or_missed() {
        let mut sheet = Sheet::default();
        for (late, lost) in [(0.25, 0.0), (1.5, 0.0)] {
            sheet.add("skew p99", "s", late);
            sheet.add("runs lost", "", lost);
        }
        sheet.bar("skew p99", 1.0);
        sheet.bar("runs lost", 0.0);
        insta::assert_snapshot!(sheet.verdicts(), @"
        skew p99          1.5         ≤ 1.0  s       MISSED
        runs lost         0.0         ≤ 0.0          reached
        ");
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
