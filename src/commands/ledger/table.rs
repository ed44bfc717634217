//! Columns for people: as wide as what stands in them.

use unicode_width::UnicodeWidthStr;

/// Where a cell stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Right,
}

/// The head and the rows, a line each, two spaces between the columns.
pub(super) fn table<const N: usize>(
    head: &[(&str, Align); N],
    rows: &[[String; N]],
) -> Vec<String> {
    let widths: [usize; N] = std::array::from_fn(|column| {
        let cells = rows.iter().map(|row| row[column].width());
        cells.fold(head[column].0.width(), usize::max)
    });
    let line = |cells: [&str; N]| {
        let padded = cells.iter().zip(head).zip(widths).map(|((cell, (_, align)), width)| {
            let room = " ".repeat(width - cell.width());
            match align {
                Align::Left => format!("{cell}{room}"),
                Align::Right => format!("{room}{cell}"),
            }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let head = line(head.map(|(name, _)| name));
    let rows = rows.iter().map(|row| line(std::array::from_fn(|column| &*row[column])));
    std::iter::once(head).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let head = [("A", Align::Left), ("NUMBER", Align::Right), ("B", Align::Left)];
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = [row(["春", "1", "x"]), row(["abc", "12345678", ""])];
        assert_eq!(table(&head, &rows), ["A      NUMBER  B", "春          1  x", "abc  12345678"]);
    }
}
