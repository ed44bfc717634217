//! Whose word is believed about the certificates of servers: that of the system's authorities, and
//! of those that `--ca FILE` adds, for the API, for media and for buckets alike.
//!
//! They are kept for the process: what a company puts between its people and the world stands between
//! all of them and all of it.

use std::sync::OnceLock;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

/// What `--ca` adds; set before the first connection, if at all.
static ADDED: OnceLock<Authorities> = OnceLock::new();

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";
const CERTIFICATE: &str = "CERTIFICATE";
/// What DER begins with, as all certificates in binary do.
const SEQUENCE: u8 = 0x30;

/// Certificates of authorities, as a file of them has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// Why a file is none of certificates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityError {
    /// Something else stands there.
    #[error("line {line}: {what}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is there.
        what: String,
    },
    /// A certificate as programs have it, and not as text.
    #[error("it is a certificate in binary (DER)")]
    Binary,
    /// No line begins one.
    #[error("there is no certificate in it")]
    Empty,
}

/// What connections without a word of ours rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// How many authorities the system has; `None` where it is asked for each certificate instead.
    pub of_system: Option<usize>,
    /// How many `--ca` adds.
    pub added: usize,
    /// What the system could not read, in its words.
    pub errors: Vec<String>,
}

impl Authorities {
    /// Reads what is called PEM: certificates in Base64, each between two lines that name it, with any
    /// text between them.
    ///
    /// # Errors
    /// Names the line that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, AuthorityError> {
        if bytes.first() == Some(&SEQUENCE) && std::str::from_utf8(bytes).is_err() {
            return Err(AuthorityError::Binary);
        }
        let text = String::from_utf8_lossy(bytes);
        let (mut found, mut open) = (Vec::new(), None::<(usize, String)>);
        for (before, line) in text.lines().enumerate() {
            let (number, line) = (before + 1, line.trim());
            let wrong = |what: &str| AuthorityError::Line { line: number, what: what.to_owned() };
            match &mut open {
                None => {
                    let label = line.strip_prefix(BEGIN).and_then(|it| it.strip_suffix(DASHES));
                    match label {
                        None => {}
                        Some(CERTIFICATE) => open = Some((number, String::new())),
                        Some(other) if other.ends_with("PRIVATE KEY") => {
                            return Err(wrong("a private key, which belongs in no such file"));
                        }
                        Some(_) => {
                            return Err(wrong("this begins something else than a CERTIFICATE"));
                        }
                    }
                }
                Some((began, base64)) => {
                    if line.starts_with(END) {
                        found.push(certificate(*began, base64)?);
                        open = None;
                    } else if line.bytes().all(|byte| {
                        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
                    }) {
                        base64.push_str(line);
                    } else {
                        return Err(wrong("this is no Base64, and the certificate has not ended"));
                    }
                }
            }
        }
        match open {
            Some((line, _)) => {
                let what = "the certificate that begins here does not end".to_owned();
                Err(AuthorityError::Line { line, what })
            }
            None if found.is_empty() => Err(AuthorityError::Empty),
            None => Ok(Self(found)),
        }
    }

    /// Adds them to those that all connections of this process rely on. Later words change nothing.
    pub fn believe(self) {
        let _ = ADDED.set(self);
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// What stands in a certificate that began in a line.
fn certificate(line: usize, base64: &str) -> Result<CertificateDer<'static>, AuthorityError> {
    let wrong = |what: &str| AuthorityError::Line { line, what: what.to_owned() };
    let bytes = BASE64_STANDARD
        .decode(base64)
        .map_err(|_| wrong("the certificate that begins here is not whole"))?;
    let der = CertificateDer::from(bytes);
    RootCertStore::empty()
        .add(der.clone())
        .map_err(|_| wrong("what begins here is called a certificate and is none"))?;
    Ok(der)
}

/// What `--ca` adds, for a connection pool.
pub(super) fn added() -> reqwest::Result<Vec<Certificate>> {
    let added = ADDED.get().into_iter().flat_map(|added| &added.0);
    added.map(|der| Certificate::from_der(der)).collect()
}

/// What connections rely on.
#[must_use]
pub fn trust() -> Trust {
    let added = ADDED.get().map_or(0, Authorities::count);
    // Elsewhere the system itself is asked about each certificate.
    if !cfg!(all(unix, not(target_vendor = "apple"), not(target_os = "android"))) {
        return Trust { of_system: None, added, errors: Vec::new() };
    }
    let found = rustls_native_certs::load_native_certs();
    let errors = found.errors.iter().map(ToString::to_string).collect();
    Trust { of_system: Some(found.certs.len()), added, errors }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pem(der: &[u8]) -> String {
        let base64 = BASE64_STANDARD.encode(der);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
    }

    #[test]
    fn certificates_are_read_with_what_stands_between_them() {
        let [one, other, ..] = webpki_root_certs::TLS_SERVER_ROOT_CERTS else { panic!() };
        let text = format!("# The house\r\n{}\nand another\n{}", pem(one), pem(other));
        let read = Authorities::read(text.as_bytes()).unwrap();
        assert_eq!(read.0, [one.clone(), other.clone()]);
        assert_eq!(Authorities::read(text.replace('\n', "\r\n").as_bytes()).unwrap(), read);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let whole = pem(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[0]);
        let lines: Vec<_> = whole.lines().collect();
        let told = |text: &str| Authorities::read(text.as_bytes()).unwrap_err().to_string();
        let cut = lines[..4].join("\n");
        assert_eq!(told(&cut), "line 1: the certificate that begins here does not end");
        assert_eq!(
            told(&format!("\n{cut}\n{}", lines[0])),
            "line 6: this is no Base64, and the certificate has not ended"
        );
        let short = [lines[0], lines[1], lines[lines.len() - 1]].join("\n");
        assert_eq!(told(&short), "line 1: what begins here is called a certificate and is none");
        let key = format!("{whole}-----BEGIN RSA PRIVATE KEY-----\n");
        let at = lines.len() + 1;
        let expected = format!("line {at}: a private key, which belongs in no such file");
        assert_eq!(told(&key), expected);
        assert_eq!(
            told("-----BEGIN PUBLIC KEY-----"),
            "line 1: this begins something else than a CERTIFICATE"
        );
        assert_eq!(
            told("-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----"),
            "line 1: the certificate that begins here is not whole"
        );
        assert_eq!(told("hello"), "there is no certificate in it");
        assert_eq!(told(""), "there is no certificate in it");
        let der = Authorities::read(&webpki_root_certs::TLS_SERVER_ROOT_CERTS[0]);
        assert_eq!(der, Err(AuthorityError::Binary));
    }
}
