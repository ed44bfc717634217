//! Accepts connections, until it is told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::gate::backend::Backends;
use crate::gate::connection;
use crate::gate::orders::{Order, ordered};
use crate::state::worlds::Worlds;

/// Serves the fake until told otherwise.
pub(crate) async fn serve(
    listener: TcpListener,
    worlds: Arc<Worlds>,
    orders: watch::Receiver<Order>,
) {
    let backends = Arc::new(Backends::new(Arc::clone(&worlds)));
    let of_the_fake = orders.clone();
    let each = move |stream, count| {
        let (worlds, backends) = (Arc::clone(&worlds), Arc::clone(&backends));
        connection::serve(stream, count, worlds, backends, of_the_fake.clone())
    };
    accept(listener, orders, each).await;
}

/// Serves each connection until told otherwise. Returns when the last answer is out, or at once on
/// `Stop`.
pub(crate) async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    mut orders: watch::Receiver<Order>,
    each: impl Fn(TcpStream, u64) -> F,
) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    count += 1;
                    connections.spawn(each(stream, count));
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
