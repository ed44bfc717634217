//! What is known of a create that got no answer.

use std::error::Error;
use std::io;

use crate::ledger::Departure;
use crate::wire::{Lasting, Wire};

/// What is known of a create whose answer is not awaited any more.
pub(super) fn cut_off(departure: &Departure) -> Wire {
    match departure.withdraw() {
        true => Wire::NotSent { reason: "stopped before it was sent".to_owned(), lasting: None },
        false => {
            let reason = "stopped before the answer came".to_owned();
            Wire::Lost { error: reason.clone(), reason }
        }
    }
}

/// Why a connection will not be made later either, if that is so.
pub(super) fn lasting(error: &(dyn Error + 'static)) -> Option<Lasting> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(is_untrusted) {
            return Some(Lasting::Untrusted);
        }
        let text = error.to_string();
        if UNKNOWN.iter().any(|words| text.contains(words)) {
            return Some(Lasting::NoSuchHost);
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
        assert_eq!(lasting(&deeper), Some(Lasting::Untrusted));
        let unknown = io::Error::other("failed to lookup address: Name or service not known");
        assert_eq!(lasting(&unknown), Some(Lasting::NoSuchHost));
        let name_server = io::Error::other("Temporary failure in name resolution");
        assert_eq!(lasting(&name_server), None);
        assert_eq!(lasting(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
    }
}
