//! A server that is asked for something: with or without TLS, on a connection of its own each time,
//! and exactly once. No redirect is followed, nothing is tried again.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::gate::private::Outgoing;
use crate::http::request::Request;

/// Longer than any create takes.
const PATIENCE: Duration = Duration::from_secs(300);
const MOST_BODY_BYTES: usize = 256 << 20;
/// What is said between two neighbours only, and what is told anew.
const NOT_PASSED_ON: [&str; 9] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "transfer-encoding",
    "content-length",
];

/// Whose certificates are believed: those of the web, and these.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The authorities that browsers know, and those in this file of PEM.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no certificate.
    pub(crate) fn with(file: Option<&Path>) -> io::Result<Self> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
        if let Some(file) = file {
            let read = CertificateDer::pem_file_iter(file).map_err(io::Error::other)?;
            let mut count = 0;
            for certificate in read {
                let certificate = certificate.map_err(io::Error::other)?;
                store.add(certificate).map_err(io::Error::other)?;
                count += 1;
            }
            if count == 0 {
                return Err(invalid("it holds no certificate"));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        Ok(Self(Arc::new(versions.with_root_certificates(store).with_no_client_auth())))
    }
}

/// Where a server is, and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Upstream {
    /// As `Host` has it.
    authority: String,
    /// What is connected to.
    address: Address,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    own_host: bool,
}

#[derive(Clone)]
enum Address {
    /// A name, looked up each time.
    Named(String, u16),
    /// What a name was found to stand for, and was looked at.
    Known(SocketAddr),
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream").field("at", &self.to_string()).finish_non_exhaustive()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https://" } else { "" };
        write!(f, "{scheme}{}", self.authority)
    }
}

impl Upstream {
    /// The server of a URL of `http` or `https`; `None` if it has none.
    pub(crate) fn of(url: &Url, trust: &Trust) -> Option<Self> {
        let (host, port) = (url.host()?, url.port_or_known_default()?);
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some((TlsConnector::from(Arc::clone(&trust.0)), server_name(&host)?)),
            _ => return None,
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        let name = host.to_string();
        let name = name.trim_matches(['[', ']']).to_owned();
        // A server behind a proxy or among others on one address is known by its own name alone.
        Some(Self { authority, address: Address::Named(name, port), own_host: tls.is_some(), tls })
    }

    /// The same, to be spoken to under its own name, whatever the client called it.
    pub(crate) fn under_its_own_name(self) -> Self {
        Self { own_host: true, ..self }
    }

    /// The same at this address, whatever its name stands for by now.
    pub(crate) fn at(self, address: SocketAddr) -> Self {
        Self { address: Address::Known(address), ..self }
    }

    /// Its answer.
    ///
    /// # Errors
    /// If it cannot be reached, or its answer is not whole, or larger than 256 MB, or not there
    /// after five minutes.
    pub(crate) async fn ask(&self, request: &Request) -> io::Result<Outgoing> {
        self.ask_within(request, PATIENCE, MOST_BODY_BYTES).await
    }

    /// The same within limits.
    pub(crate) async fn ask_within(
        &self,
        request: &Request,
        patience: Duration,
        most: usize,
    ) -> io::Result<Outgoing> {
        let ask = async {
            let stream = match &self.address {
                Address::Named(name, port) => TcpStream::connect((name.as_str(), *port)).await?,
                Address::Known(address) => TcpStream::connect(address).await?,
            };
            stream.set_nodelay(true)?;
            let request = self.passed_on(request)?;
            match &self.tls {
                None => exchange(stream, request, most).await,
                Some((tls, name)) => {
                    exchange(tls.connect(name.clone(), stream).await?, request, most).await
                }
            }
        };
        timeout(patience, ask).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// The request as the server gets it. Without TLS the host stays, so that links lead back here.
    fn passed_on(&self, request: &Request) -> io::Result<hyper::Request<Full<Bytes>>> {
        let mut passed = hyper::Request::builder()
            .method(request.method.as_str())
            .uri(request.target.as_str())
            .body(Full::new(Bytes::from(request.body.clone())))
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let headers = passed.headers_mut();
        for (name, value) in request.headers().filter(|(name, _)| is_passed_on(name)) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
            let value = HeaderValue::from_bytes(value.as_bytes()).map_err(io::Error::other)?;
            headers.append(name, value);
        }
        if self.own_host || !headers.contains_key(header::HOST) {
            let host = HeaderValue::from_str(&self.authority).map_err(io::Error::other)?;
            headers.insert(header::HOST, host);
        }
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        Ok(passed)
    }
}

/// What a certificate must be for.
fn server_name(host: &Host<&str>) -> Option<ServerName<'static>> {
    match host {
        Host::Domain(name) => ServerName::try_from((*name).to_owned()).ok(),
        Host::Ipv4(address) => Some(ServerName::IpAddress((*address).into())),
        Host::Ipv6(address) => Some(ServerName::IpAddress((*address).into())),
    }
}

fn is_passed_on(name: &str) -> bool {
    !NOT_PASSED_ON.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// One request and its whole answer.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    request: hyper::Request<Full<Bytes>>,
    most: usize,
) -> io::Result<Outgoing> {
    let (mut sender, mut connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let answered = async {
        let answer = sender.send_request(request).await.map_err(unlike)?;
        read(answer, most).await
    };
    tokio::pin!(answered);
    // The connection is driven here, so that it ends with this request.
    let mut ended = false;
    poll_fn(|context| {
        if !ended {
            ended = Future::poll(std::pin::Pin::new(&mut connection), context).is_ready();
        }
        answered.as_mut().poll(context)
    })
    .await
}

async fn read(answer: hyper::Response<hyper::body::Incoming>, most: usize) -> io::Result<Outgoing> {
    let (parts, body) = answer.into_parts();
    let collected = Limited::new(body, most).collect().await;
    let body = collected.map_err(|error| {
        if error.is::<LengthLimitError>() {
            return invalid("its answer is too large");
        }
        error.downcast::<hyper::Error>().map_or_else(io::Error::other, |error| unlike(*error))
    })?;
    let body = body.to_bytes().to_vec();
    let status = parts.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let mut write = |name: &str, value: &[u8]| {
        for part in [name.as_bytes(), b": ", value, b"\r\n"] {
            head.extend_from_slice(part);
        }
    };
    for (name, value) in parts.headers.iter().filter(|(name, _)| is_passed_on(name.as_str())) {
        write(name.as_str(), value.as_bytes());
    }
    // To HEAD, a length is told of a body that does not come.
    match parts.headers.get(header::CONTENT_LENGTH) {
        Some(told) if body.is_empty() => write("content-length", told.as_bytes()),
        _ if matches!(status.as_u16(), 204 | 304) => {}
        _ => write("content-length", body.len().to_string().as_bytes()),
    }
    let status = status.as_u16();
    Ok(Outgoing { status, fault: None, delay: Duration::ZERO, head, body })
}

/// What is wrong with an answer, in words.
fn unlike(error: hyper::Error) -> io::Error {
    if error.is_incomplete_message() || error.is_body_write_aborted() {
        return io::Error::new(io::ErrorKind::UnexpectedEof, "its answer breaks off");
    }
    if error.is_parse() {
        return invalid("its answer is not HTTP/1");
    }
    io::Error::other(error)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
