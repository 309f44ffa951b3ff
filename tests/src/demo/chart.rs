//! Bar charts for a terminal, in Unicode blocks; coloured where the terminal wants colours.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, stdout};

/// Eighths of a character, upwards and to the right.
const UP: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const RIGHT: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// Whether colours are wanted: <https://no-color.org>.
pub fn colours() -> bool {
    stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What a colour says.
#[derive(Debug, Clone, Copy)]
pub enum Ink {
    /// Bars.
    Bar,
    /// Somebody is let in.
    Good,
    /// Somebody is cut off.
    Bad,
    /// What matters less.
    Faint,
    /// Headings.
    Strong,
}

/// Text in a colour, when it is wanted.
pub fn ink(text: &str, ink: Ink, colours: bool) -> String {
    let code = match ink {
        Ink::Bar => "36",
        Ink::Good => "32",
        Ink::Bad => "31",
        Ink::Faint => "2",
        Ink::Strong => "1",
    };
    if colours && !text.is_empty() {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A bar to the right, as long as `value` is of `most`; anything above zero can be seen.
pub fn bar(value: u64, most: u64, width: usize) -> String {
    let eighths = eighths(value, most, width);
    let mut bar = "█".repeat(eighths / 8);
    if let Some(place) = (eighths % 8).checked_sub(1) {
        bar.push(RIGHT[place]);
    }
    bar
}

/// How many eighths of `length` characters `value` is of `most`.
fn eighths(value: u64, most: u64, length: usize) -> usize {
    let full = u128::from(most.max(1));
    let eighths = u128::from(value) * 8 * length as u128 / full;
    usize::try_from(eighths)
        .unwrap_or(8 * length)
        .clamp(usize::from(value > 0), 8 * length)
}

/// Columns that stand beside each other, with the scale at the left and a label under every one that has
/// one; a label may be wider than its column, over those without.
pub fn columns(
    values: &[u64],
    labels: &[String],
    width: usize,
    height: usize,
    colours: bool,
) -> String {
    let most = values.iter().copied().max().unwrap_or(0);
    let mut chart = String::new();
    for row in (0..height).rev() {
        let scale = match row {
            _ if row + 1 == height => bytes(most),
            0 => "0".to_owned(),
            _ => String::new(),
        };
        let mut line = String::new();
        for value in values {
            let eighths = eighths(*value, most, height);
            let filled = eighths.saturating_sub(row * 8).min(8);
            let block = filled.checked_sub(1).map_or(' ', |place| UP[place]);
            line.extend(std::iter::repeat_n(block, width - 1));
            line.push(' ');
        }
        let line = ink(line.trim_end(), Ink::Bar, colours);
        // Writing to a String cannot fail.
        let _ = writeln!(chart, "  {scale:>8} ┤{line}");
    }
    let _ = writeln!(chart, "  {:>8} └{}", "", "─".repeat(values.len() * width));
    let mut line = String::new();
    for (place, label) in labels.iter().enumerate() {
        let room = (place * width).saturating_sub(line.chars().count());
        if label.is_empty() {
            continue;
        }
        line.push_str(&" ".repeat(room));
        line.push_str(label);
    }
    let line = ink(&line, Ink::Faint, colours);
    let _ = writeln!(chart, "  {:>8}  {line}", "");
    chart
}

/// Bytes as people say them.
#[allow(
    clippy::cast_precision_loss,
    reason = "one digit after the point is shown"
)]
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        1..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        1_000_000_000..1_000_000_000_000 => format!("{:.1} GB", bytes as f64 / 1e9),
        _ => format!("{:.1} TB", bytes as f64 / 1e12),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_value() {
        for (value, expected) in [(0, ""), (1, "▏"), (500, "██"), (625, "██▌"), (1000, "████")]
        {
            assert_eq!(bar(value, 1000, 4), expected, "{value}");
        }
        assert_eq!(bar(0, 0, 4), "");
        assert_eq!(bar(u64::MAX, u64::MAX, 4), "████");
    }

    #[test]
    fn columns_stand_on_their_labels() {
        let values = [0, 2_000_000_000, 500_000_000, 4_000_000_000];
        let labels = ["Mo", "", "We", ""].map(str::to_owned);
        insta::assert_snapshot!(columns(&values, &labels, 3, 2, false), @r"
            4.0 GB ┤         ██
                 0 ┤   ██ ▂▂ ██
                   └────────────
                    Mo    We
        ");
    }
}
