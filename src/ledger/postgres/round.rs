//! Which pairs a worker tries once all were named to somebody: those that others left.

/// A look at what is left planned, once around from a place of its own, so that workers do not meet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    from: i32,
    /// Up to where it has come.
    pub(super) at: i32,
    /// Whether it has passed the end, and goes from the start to where it began.
    wrapped: bool,
}

impl Round {
    /// Begins somewhere among the planned pairs, of which the first and the end are known: elsewhere, all
    /// whose place is before them would begin with the same ones. Without any it is over.
    pub(super) fn within(first: i32, end: i32) -> Self {
        let from = fastrand::i32(first..end.max(first + 1));
        Self { from, at: from, wrapped: first >= end }
    }

    /// There are none.
    pub(super) const fn over() -> Self {
        Self { from: 0, at: 0, wrapped: true }
    }

    /// Goes on past what was found from `at` on; gives what of it is to be tried, or nothing yet.
    pub(super) fn go_on(&mut self, mut found: Vec<i32>) -> Vec<i32> {
        if self.wrapped {
            found.retain(|n| *n < self.from);
        }
        match found.last() {
            Some(last) => self.at = last + 1,
            None if self.wrapped => self.at = self.from,
            None => (self.at, self.wrapped) = (0, true),
        }
        found
    }

    pub(super) fn is_over(&self) -> bool {
        self.wrapped && self.at >= self.from
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a round finds that begins here, two at a time.
    fn around(from: i32, planned: &[i32]) -> Vec<i32> {
        let (mut round, mut tried) = (Round { from, at: from, wrapped: false }, Vec::new());
        while !round.is_over() {
            let found = planned.iter().filter(|n| **n >= round.at).take(2).copied().collect();
            tried.extend(round.go_on(found));
        }
        tried
    }

    #[test]
    fn it_begins_among_those_that_are_planned() {
        for _ in 0..100 {
            assert!((70..90).contains(&Round::within(70, 90).at));
        }
        assert!(!Round::within(0, 1).is_over());
        assert!(Round::over().is_over());
        assert!(Round::within(0, 0).is_over(), "a look for nothing would go through all pairs");
    }

    #[test]
    fn once_around_finds_each_once() {
        assert_eq!(around(3, &[0, 1, 3, 4, 7]), [3, 4, 7, 0, 1]);
        assert_eq!(around(0, &[0, 1, 3]), [0, 1, 3]);
        assert_eq!(around(5, &[0, 1, 2, 3]), [0, 1, 2, 3]);
        assert_eq!(around(5, &[]), [0; 0]);
        assert_eq!(around(0, &[]), [0; 0]);
        assert_eq!(around(2, &[2]), [2]);
    }
}
