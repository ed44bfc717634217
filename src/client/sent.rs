//! Whether a create has left: what was never handed to a connection made nothing.

use std::error::Error;
use std::io;

use bytes::Bytes;
use futures::stream;

use crate::ledger::Departure;
use crate::wire::Wire;

/// The body to send, which leaves when somebody asks for it: the connection is there then, and
/// takes it together with the head. Its length has to be said in a header.
pub(super) fn leaving(body: Bytes, departure: Departure) -> reqwest::Body {
    reqwest::Body::wrap_stream(stream::once(async move {
        match departure.leave() {
            true => Ok(body),
            false => Err(io::Error::other("its pair is planned again")),
        }
    }))
}

/// What is known of a create whose answer is not awaited any more.
pub(super) fn cut_off(departure: &Departure) -> Wire {
    match departure.has_left() {
        true => Wire::Lost { reason: "stopped before the answer came".to_owned() },
        false => Wire::NotSent { reason: "stopped before it was sent".to_owned() },
    }
}

/// A name for a connection that will not be made later either: a certificate that is not trusted,
/// or a host that does not exist.
pub(super) fn never_heals(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(is_untrusted) {
            return Some("not_sent_tls");
        }
        let text = error.to_string();
        if UNKNOWN.iter().any(|words| text.contains(words)) {
            return Some("not_sent_name");
        }
        // The source of an error of the system's is its content's source, not its content.
        let content = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = content.map(|content| content as _).or_else(|| error.source());
    }
    None
}

/// How Linux, macOS and Windows say that there is no such host; std has no kind for it. A name
/// server that cannot be reached is told otherwise.
const UNKNOWN: [&str; 3] =
    ["Name or service not known", "nodename nor servname provided", "No such host is known"];

fn is_untrusted(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(_))
}

#[cfg(test)]
mod tests {
    use rustls::CertificateError;

    use super::*;

    #[test]
    fn what_never_heals_is_found_wherever_it_hides() {
        let untrusted = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let within = io::Error::new(io::ErrorKind::InvalidData, untrusted);
        let deeper = io::Error::other(within);
        assert_eq!(never_heals(&deeper), Some("not_sent_tls"));
        let unknown = io::Error::other("failed to lookup address: Name or service not known");
        assert_eq!(never_heals(&unknown), Some("not_sent_name"));
        let name_server = io::Error::other("Temporary failure in name resolution");
        assert_eq!(never_heals(&name_server), None);
        assert_eq!(never_heals(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
