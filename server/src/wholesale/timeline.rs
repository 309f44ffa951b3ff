//! Whether the times of each prefix keep apart.

use std::collections::BTreeMap;

use super::{Imported, Period, Prefix, Problems};

/// What of a file meets another line of it, or the rates that a deck has of the same prefixes.
pub fn overlaps(imported: &[Imported], there: &[(Prefix, Period)]) -> Problems {
    let mut by_prefix: BTreeMap<&Prefix, Vec<(Period, Option<u64>)>> = BTreeMap::new();
    for Imported { line, rate } in imported {
        let of_prefix = by_prefix.entry(&rate.prefix).or_default();
        of_prefix.push((rate.period, Some(*line)));
    }
    for (prefix, period) in there {
        if let Some(of_prefix) = by_prefix.get_mut(prefix) {
            of_prefix.push((*period, None));
        }
    }
    let mut problems = Problems::default();
    for periods in by_prefix.values_mut() {
        check(periods, &mut problems);
    }
    // By line: prefixes stand in an order of their own.
    problems.and(Problems::default())
}

fn check(periods: &mut [(Period, Option<u64>)], problems: &mut Problems) {
    periods.sort_by_key(|(period, line)| (period.from, *line));
    // Of those before, the one that goes on longest.
    let mut longest: Option<(Period, Option<u64>)> = None;
    for (period, line) in periods.iter().copied() {
        if let Some((before, of_line)) = longest.filter(|(before, _)| before.overlaps(period)) {
            let (at, (other, other_line)) = match line {
                Some(line) => (line, (before, of_line)),
                None => (of_line.unwrap_or_default(), (period, line)),
            };
            let whose = match other_line {
                Some(line) => format!("line {line}"),
                None => "the rate that the deck has of this prefix".to_owned(),
            };
            problems.add(at, "", format!("overlaps {whose}, which counts {other}"));
        }
        let goes_on = |(before, _): (Period, _)| match (before.to, period.to) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(before), Some(to)) => before >= to,
        };
        if !longest.is_some_and(goes_on) {
            longest = Some((period, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wholesale::{Price, Rate};

    /// Days of November; 0: goes on.
    fn period(from: u32, to: u32) -> Period {
        let at = |day: u32| format!("2026-11-{day:02}T00:00:00Z").parse().unwrap();
        Period {
            from: at(from),
            to: (to > 0).then(|| at(to)),
        }
    }

    fn prefix(digits: &str) -> Prefix {
        Prefix::new(digits.to_owned()).unwrap()
    }

    #[test]
    fn times_of_one_prefix_keep_apart() {
        // (the file: line, prefix, from, to; the deck: prefix, from, to; lines at fault)
        type Case = (
            &'static [(u64, &'static str, u32, u32)],
            &'static [(&'static str, u32, u32)],
            &'static [u64],
        );
        let cases: [Case; 8] = [
            (
                &[
                    (2, "49", 1, 5),
                    (3, "49", 5, 0),
                    (4, "4", 1, 0),
                    (5, "", 1, 0),
                ],
                &[],
                &[],
            ),
            (&[(2, "49", 1, 6), (3, "49", 5, 0)], &[], &[3]),
            (&[(2, "49", 5, 0), (3, "49", 1, 6)], &[], &[2]),
            (&[(2, "49", 1, 0), (3, "49", 1, 0)], &[], &[3]),
            // Inside of one that is not the neighbour.
            (
                &[(2, "49", 1, 0), (3, "49", 3, 4), (4, "49", 5, 6)],
                &[],
                &[3, 4],
            ),
            (&[(2, "49", 5, 0)], &[("49", 1, 5), ("50", 1, 0)], &[]),
            (&[(2, "49", 5, 0)], &[("49", 1, 0)], &[2]),
            (&[(2, "49", 1, 0)], &[("49", 5, 6), ("49", 7, 0)], &[2, 2]),
        ];
        for (file, deck, expected) in cases {
            let imported: Vec<_> = file
                .iter()
                .map(|(line, digits, from, to)| Imported {
                    line: *line,
                    rate: Rate {
                        prefix: prefix(digits),
                        period: period(*from, *to),
                        price: Price::ZERO,
                    },
                })
                .collect();
            let there: Vec<_> = deck
                .iter()
                .map(|(digits, from, to)| (prefix(digits), period(*from, *to)))
                .collect();
            let problems = overlaps(&imported, &there);
            let lines: Vec<_> = problems.told().iter().map(|problem| problem.line).collect();
            assert_eq!(lines, expected, "{file:?} {deck:?}");
        }
    }
}
