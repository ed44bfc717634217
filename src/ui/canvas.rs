//! A few lines at the end of what a terminal shows, drawn anew in their place.

use std::time::{Duration, Instant};

use console::Term;

use super::bar::Line;

/// Between two drawings, unless something else is printed.
const PAUSE: Duration = Duration::from_millis(100);
/// Of a terminal that does not say how large it is: rows and columns.
const USUAL: (u16, u16) = (24, 80);

/// The lines that are drawn, on standard error.
#[derive(Debug)]
pub(super) struct Canvas {
    term: Term,
    drawn: Vec<Line>,
    columns: usize,
    at: Option<Instant>,
}

impl Canvas {
    pub(super) fn new() -> Self {
        Self { term: Term::buffered_stderr(), drawn: Vec::new(), columns: 0, at: None }
    }

    /// How many columns may be drawn on: none in the last one, where terminals differ in what comes next.
    pub(super) fn columns(&self) -> usize {
        let (_, columns) = self.term.size_checked().unwrap_or(USUAL);
        usize::from(columns.max(20)) - 1
    }

    /// Whether it is too early to draw again.
    pub(super) fn rests(&self) -> bool {
        self.at.is_some_and(|at| at.elapsed() < PAUSE)
    }

    /// Draws these lines instead of those that are there. Nobody is left to tell if that fails.
    pub(super) fn draw(&mut self, mut lines: Vec<Line>) {
        let (rows, _) = self.term.size_checked().unwrap_or(USUAL);
        lines.truncate(usize::from(rows.saturating_sub(1).max(1)));
        let columns = self.columns();
        self.at = Some(Instant::now());
        if lines == self.drawn && columns == self.columns {
            return;
        }
        self.wipe();
        for line in &lines {
            let _ = self.term.write_line(&line.text);
        }
        let _ = self.term.flush();
        (self.drawn, self.columns) = (lines, columns);
    }

    /// Leaves the terminal to others.
    pub(super) fn clear(&mut self) {
        self.wipe();
        let _ = self.term.flush();
        self.drawn.clear();
    }

    fn wipe(&self) {
        let rows = rows(&self.drawn, self.columns() + 1);
        if rows > 0 {
            let _ = self.term.clear_last_lines(rows);
        }
    }
}

/// How many rows lines take now. A terminal that has become narrower has wrapped them, as most do.
fn rows(lines: &[Line], columns: usize) -> usize {
    lines.iter().map(|line| line.width.div_ceil(columns).max(1)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_wiped_as_well() {
        let line = |width| Line { text: String::new(), width };
        let lines = [line(79), line(42), line(0)];
        assert_eq!(rows(&lines, 80), 3);
        assert_eq!(rows(&lines, 60), 4);
        assert_eq!(rows(&lines, 20), 4 + 3 + 1);
        assert_eq!(rows(&[], 20), 0);
    }
}
