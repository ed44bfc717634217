//! A result that is drawn again and again in the same place of a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Tongue;

/// A place on standard output.
#[derive(Debug)]
pub struct Screen(ProgressBar, Tongue);

impl Screen {
    pub(super) fn new(tongue: Tongue) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self(bar, tongue)
    }

    /// Draws a text over the last one.
    pub fn show(&self, text: &str) {
        self.0.set_message(self.1.say(text).into_owned());
    }

    /// Leaves the last text where it is.
    pub fn end(self) {
        self.0.abandon();
    }
}
