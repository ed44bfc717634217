//! Accepts connections, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gate::backend::Backends;
use crate::gate::connection;
use crate::gate::orders::{Order, ordered};
use crate::state::worlds::Worlds;

/// Serves until told otherwise. Returns when the last answer is out, or at once on `Stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    worlds: Arc<Worlds>,
    mut orders: watch::Receiver<Order>,
) {
    let backends = Arc::new(Backends::new(Arc::clone(&worlds)));
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    count += 1;
                    let (worlds, backends) = (Arc::clone(&worlds), Arc::clone(&backends));
                    connections.spawn(connection::serve(
                        stream, count, worlds, backends, orders.clone(),
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
