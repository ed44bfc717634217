//! What a run is doing at a moment, in numbers and in words.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stage::{Held, Window};
use crate::view::lasting;

/// What the ledger does not tell of a run that is under way.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Activity {
    /// Tasks that are waited for.
    pub waiting: u64,
    /// Their mean progress in percent, as the server tells it; none without tasks.
    pub progress: Option<u64>,
    /// Those of them whose status nobody knows.
    #[serde(default)]
    pub unknown: u64,
    /// Videos being fetched.
    pub downloading: u64,
    /// How fast, together.
    pub bytes_per_second: u64,
    /// How long the run goes on, as far as anybody can say.
    #[serde(default)]
    pub seconds_left: Option<u64>,
    /// What holds creates back, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

impl Activity {
    /// The same at any speed and for any time to go: those alone are no news.
    #[must_use]
    pub fn at_any_speed(self) -> Self {
        let held = self.held.map(|held| Held {
            text: held.reason.clone(),
            since_seconds: 0,
            seconds: None,
            gives_up_seconds: None,
            window: Window::default(),
            ..held
        });
        Self { bytes_per_second: 0, seconds_left: None, held, ..self }
    }

    /// `8 waiting (40 %)`, `2 downloading (1.3 MB/s)`
    pub(super) fn doing(&self) -> Vec<String> {
        let mean = self.progress.map_or_else(String::new, |mean| format!(" ({mean} %)"));
        let mut doing = vec![format!("{} waiting{mean}", self.waiting)];
        if self.unknown > 0 {
            doing.push(format!("{} of unknown status", self.unknown));
        }
        if self.downloading > 0 {
            #[expect(clippy::cast_precision_loss, reason = "shown with one digit after the point")]
            let megabytes = self.bytes_per_second as f64 / 1e6;
            doing.push(format!("{} downloading ({megabytes:.1} MB/s)", self.downloading));
        }
        doing
    }
}

/// `8 waiting (40 %), 2 downloading (1.3 MB/s), about 12 min left; in_flight 8 reached`
impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing().join(", "))?;
        if let Some(left) = self.seconds_left {
            write!(f, ", about {} left", lasting(left))?;
        }
        match &self.held {
            Some(held) => write!(f, "; {held}"),
            None => Ok(()),
        }
    }
}
