//! What the stages of a run have in common: why they end, how many tasks are unfinished, what holds
//! creates back, and what others may see of them. They know nothing else of each other.

mod held;
mod in_flight;
mod meter;
mod stop;

pub use self::held::{Held, Why, Window};
pub use self::in_flight::{InFlight, Seat};
pub use self::meter::{Kind, Meter, Told, Unknown};
pub use self::stop::{Last, Stop, StopReason, Stops, Trouble};
use crate::client::Client;
use crate::ledger::Ledger;

/// What waiting and fetching work with.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Where news go.
    pub ledger: &'a Ledger,
    /// Who is asked.
    pub client: &'a Client,
    /// What ends it early.
    pub stops: &'a Stops,
    /// What others see.
    pub meter: &'a Meter,
}
