//! The gate: what clients connect to.
//!
//! wiremock answers, but it keeps a copy of each request for ever, cuts answers off when it ends,
//! and cannot misbehave below HTTP. So the fake listens itself, passes each request on to a
//! private wiremock server, moves to a fresh one every few thousand requests, lets answers under
//! way finish, and does on the raw socket what the engine asks for in a private header.

mod backend;
mod connection;
mod deliver;
mod line;
mod read;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::engine::Shared;
use backend::Backends;
pub(crate) use read::Request;

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

/// Serves until told otherwise. Returns when the last answer is out, or at once on `Stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    mut orders: watch::Receiver<Order>,
) {
    let backends = Arc::new(Backends::new(Arc::clone(&shared)));
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    count += 1;
                    let (shared, backends) = (Arc::clone(&shared), Arc::clone(&backends));
                    connections.spawn(connection::serve(
                        stream, count, shared, backends, orders.clone(),
                    ));
                }
                // Out of file descriptors, most likely; others will be closed.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
            () = ordered(&mut orders, Order::Drain) => break,
        }
    }
    drop(listener);
    tokio::select! {
        () = async { while connections.join_next().await.is_some() {} } => {}
        () = ordered(&mut orders, Order::Stop) => connections.shutdown().await,
    }
}

/// Waits until this is ordered, or something more urgent, or the owner is gone.
async fn ordered(orders: &mut watch::Receiver<Order>, awaited: Order) {
    let urgent = |order: &Order| {
        *order == Order::Stop || (awaited == Order::Drain && *order == Order::Drain)
    };
    // An error means that the owner is gone, which is as good as an order.
    let _ = orders.wait_for(urgent).await;
}
