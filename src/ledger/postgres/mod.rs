//! A ledger that many machines share, in PostgreSQL.
//!
//! What is here knows nothing of SQLite: how a worker claims pairs, tells what became of them, and learns
//! what became of a statement whose answer was lost.
//!
//! **What it promises.** A pair is handed out only by rows that the database returned after it
//! committed; each row is handed out once. A worker whose lease has ended, whose row was changed by
//! another, or whose database went back in time gets no row. Time alone never frees a pair: those of
//! a worker that is gone are in doubt. The budget is never passed.
//!
//! **How.** Every statement is one transaction of its own and compares the worker's `seq`, which
//! moves by one with each: so a statement is committed once or never, also behind a pooler. All
//! instants are the server's.

mod asked;
mod batch;
mod blocks;
mod copies;
mod desk;
mod error;
mod fate;
mod hashes;
mod line;
mod moves;
mod nearby;
mod outcome;
mod peek;
mod pool;
mod pull;
mod pulse;
mod redo;
mod relist;
mod rest;
mod restored;
mod round;
mod session;
pub mod settings;
mod statements;
mod stored;
mod survey;
pub mod tables;
mod take_up;
mod tls;
mod worker;

pub use self::asked::{Adopted, Granted, Lack, Taken};
pub use self::batch::{Listed, Pages, Wanted};
pub use self::blocks::{BLOCK, Standing};
pub use self::copies::{
    Arrived, Arriving, Copied, Copier, Copying, Given, Leaving, PAGE, Pairs, Place, Take, Tasks,
    There,
};
pub use self::error::SharedError;
pub use self::fate::Fate;
pub use self::line::{Line, Way, line};
pub use self::moves::{moved, relocate};
pub use self::nearby::{Around, PaidThere, around, paid};
pub use self::outcome::{Outcome, Slip, Wish};
pub use self::peek::{Known, Those, read, read_those};
pub use self::pull::{Detail, Page, Pulled};
pub use self::pulse::Pulse;
pub use self::redo::redo;
pub use self::relist::{Moved, Relisted};
pub use self::restored::{Absent, Folder, Handed, Kept, WENT_BACK, absent, go_on, hand_in};
pub use self::survey::{Hand, Hands, Surveyed, survey};
pub use self::tables::{Blocks, Lacking, Quiet, Summed};
pub use self::take_up::{Here, There as ThereOf, Way as TakeUp};
pub use self::worker::{Turn, Worker};
pub use super::guard::{Clocks, Guard, MARGIN};
