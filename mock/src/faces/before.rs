//! The server that a command is told to stand before, or to ask.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;
use url::Url;

use crate::faces::api::StartError;
use crate::faces::fail::ServeError;
use crate::faces::lines::write_port;
use crate::faces::signals::Signals;
use crate::gate::upstream::{Trust, Upstream};

/// Reads a server from an argument: an address and nothing else.
pub(super) fn server(text: &str) -> Result<Url, &'static str> {
    const WANTED: &str = "expected http://HOST:PORT or https://HOST, without a path";
    let url = Url::parse(text).map_err(|_| WANTED)?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    let known = matches!(url.scheme(), "http" | "https") && url.has_host();
    if bare && nobody && known { Ok(url) } else { Err(WANTED) }
}

/// The way to it.
pub(super) fn upstream(url: &Url, ca_file: Option<&Path>) -> Result<Upstream, ServeError> {
    let trust = Trust::with(ca_file).map_err(|source| ServeError::Authorities {
        path: ca_file.unwrap_or_else(|| Path::new("")).to_owned(),
        source,
    })?;
    Upstream::of(url, &trust).ok_or_else(|| ServeError::Server(url.to_string()))
}

/// Where a command that stands before a server listens, and how it tells what it does.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Door {
    /// Port to listen on, on 127.0.0.1; 0 takes any free one
    #[arg(long, value_name = "N", default_value_t = 4716)]
    port: u16,
    /// Write the port to this file once it is listened on
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Print one JSON object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// A door that is open.
pub(super) struct Listening {
    pub(super) listener: TcpListener,
    pub(super) signals: Signals,
    pub(super) url: String,
}

impl Door {
    pub(super) async fn listen(&self) -> Result<Listening, ServeError> {
        let signals = Signals::listen()?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let bind = |source| StartError::Bind { address, source };
        let listener = TcpListener::bind(address).await.map_err(bind)?;
        let url = format!("http://{}", listener.local_addr().map_err(bind)?);
        if let Some(path) = &self.port_file {
            write_port(path, &url)
                .map_err(|source| ServeError::PortFile { path: path.clone(), source })?;
        }
        Ok(Listening { listener, signals, url })
    }
}
