//! What the gate is told by its owner.

use tokio::sync::watch;

/// What the gate is told by its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Serve.
    Serve,
    /// Answer what is under way, then end.
    Drain,
    /// End.
    Stop,
}

/// Waits until this is ordered, or something more urgent, or the owner is gone.
pub(crate) async fn ordered(orders: &mut watch::Receiver<Order>, awaited: Order) {
    let urgent = |order: &Order| {
        *order == Order::Stop || (awaited == Order::Drain && *order == Order::Drain)
    };
    // An error means that the owner is gone, which is as good as an order.
    let _ = orders.wait_for(urgent).await;
}
