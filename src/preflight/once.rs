//! What is done once, however many wait for it.

use std::rc::Rc;

use tokio::sync::OnceCell;

/// A thing that happens once, and that others may be waiting for.
pub(super) type Once<T> = Rc<OnceCell<T>>;
