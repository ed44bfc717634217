//! What a callback says of itself: which message it is, when it was sent, and that it is genuine. The
//! form is that of the Standard Webhooks; the service's kin document none.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::words::id::TaskId;

/// The headers of a message. Each try of it has the same id and another time.
pub(crate) fn headers(
    task: &TaskId,
    status: &str,
    unix_seconds: u64,
    (secret, body): (Option<&str>, &str),
) -> Vec<(&'static str, String)> {
    let id = format!("msg_{task}_{status}");
    let signature = secret.and_then(|secret| signature(secret, &id, unix_seconds, body));
    let mut headers = vec![("webhook-id", id), ("webhook-timestamp", unix_seconds.to_string())];
    headers.extend(signature.map(|signature| ("webhook-signature", signature)));
    headers
}

/// `v1,` and the Base64 of HMAC-SHA256 over id, time and body. A secret that begins with `whsec_` goes
/// on in Base64; any other is taken as it is.
fn signature(secret: &str, id: &str, unix_seconds: u64, body: &str) -> Option<String> {
    let encoded = secret.strip_prefix("whsec_");
    let decoded = encoded.and_then(|encoded| BASE64_STANDARD.decode(encoded).ok());
    let key = decoded.as_deref().unwrap_or(secret.as_bytes());
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{unix_seconds}.{body}").as_bytes());
    Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `printf 'msg_t_failed.1614265330.{"test": 2432232314}' | openssl dgst -sha256 -hmac secret
    /// -binary | base64`.
    #[test]
    fn a_signature_is_what_others_compute() {
        let (task, body) = (TaskId::named("t"), "{\"test\": 2432232314}");
        let signed = |secret| headers(&task, "failed", 1_614_265_330, (Some(secret), body));
        let plain = signed("secret");
        assert_eq!(plain[0], ("webhook-id", "msg_t_failed".to_owned()));
        assert_eq!(plain[1], ("webhook-timestamp", "1614265330".to_owned()));
        assert_eq!(plain[2].1, "v1,uGOs8482kDOjyurrvFjpUE/0yEc18yNTp/7s2H/gFPw=");
        assert_eq!(signed("whsec_c2VjcmV0")[2], plain[2], "the same, in Base64");
        assert_eq!(headers(&task, "failed", 1, (None, body)).len(), 2);
    }
}
