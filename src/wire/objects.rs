//! What a bucket says of its objects and of uploads in parts that are under way.

use super::bucket::{BucketRequest, inner, judge_bucket, refusal};
use super::upload::UploadError;
use super::{Received, is_success};

/// Longer than any id of an upload, in bytes.
const LONGEST_ID: usize = 4096;

/// Some of the objects of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPage {
    /// Their whole names, and how large they are.
    pub objects: Vec<(String, u64)>,
    /// What to ask for those that follow with, if any do.
    pub next: Option<String>,
}

/// The id of an upload in parts that was begun.
///
/// # Errors
/// Why none was, or that nobody can say.
pub fn judge_begun(received: &Received) -> Result<String, UploadError> {
    let text = said(BucketRequest::Upload, received, "InitiateMultipartUploadResult")?;
    let id = element(&text, "UploadId").unwrap_or_default();
    let fits = !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_graphic());
    if fits { Ok(id) } else { Err(UploadError::again("the bucket names no upload")) }
}

/// Whether the parts are an object now. A success may turn out to be a failure while it is written:
/// only its end counts.
///
/// # Errors
/// Why they are not, or that nobody can say.
pub fn judge_completed(received: &Received) -> Result<(), UploadError> {
    let failed = String::from_utf8_lossy(&received.body).contains("<Error>");
    if is_success(received.status) && failed {
        return Err(refusal(BucketRequest::Upload, &Received { status: 500, ..received.clone() }));
    }
    said(BucketRequest::Upload, received, "CompleteMultipartUploadResult").map(drop)
}

/// The objects of a page of a list.
///
/// # Errors
/// Why there is no list.
pub fn judge_objects(received: &Received) -> Result<ObjectPage, UploadError> {
    let text = said(BucketRequest::Ask, received, "ListBucketResult")?;
    let object = |text: &str| Some((element(text, "Key")?, element(text, "Size")?.parse().ok()?));
    let objects = each(&text, "Contents").filter_map(object).collect();
    let more = element(&text, "IsTruncated").is_some_and(|more| more == "true");
    let next = element(&text, "NextContinuationToken").filter(|_| more);
    Ok(ObjectPage { objects, next })
}

/// The ids of the uploads in parts that are under way for an object.
///
/// # Errors
/// Why there is no list.
pub fn judge_uploads(received: &Received, object: &str) -> Result<Vec<String>, UploadError> {
    let text = said(BucketRequest::Ask, received, "ListMultipartUploadsResult")?;
    let of_it = |text: &&str| element(text, "Key").is_some_and(|key| key == object);
    let ids = each(&text, "Upload").filter(of_it).filter_map(|text| element(text, "UploadId"));
    Ok(ids.collect())
}

/// An answer that is whole and of this kind, as text.
fn said(request: BucketRequest, received: &Received, kind: &str) -> Result<String, UploadError> {
    judge_bucket(request, received)?;
    let text = String::from_utf8_lossy(&received.body).into_owned();
    let whole = received.cut.is_none() && text.contains(&format!("</{kind}>"));
    // A list without anything in it may be one empty element.
    let empty = received.cut.is_none() && text.contains(&format!("<{kind}")) && text.contains("/>");
    match whole || empty {
        true => Ok(text),
        false => Err(UploadError::again("an answer of the bucket that is not whole")),
    }
}

/// What is in each such element.
fn each<'t>(text: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (found, after) = inner(rest, name)?;
        rest = after;
        Some(found)
    })
}

fn element(text: &str, name: &str) -> Option<String> {
    let value = inner(text, name)?.0.trim();
    Some(quick_xml::escape::unescape(value).ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Received {
        Received { status, body: body.as_bytes().to_vec(), ..Received::default() }
    }

    fn begun(id: &str) -> Received {
        let body = format!(
            "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Key>a</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        );
        answer(200, &body)
    }

    fn is_again<T>(judged: Result<T, UploadError>) -> bool {
        matches!(judged, Err(UploadError::TryAgain { .. }))
    }

    #[test]
    fn an_upload_is_begun_when_it_has_a_name() {
        assert_eq!(judge_begun(&begun("VXBs&amp;b2Fk.Q")).unwrap(), "VXBs&b2Fk.Q");
        assert!(is_again(judge_begun(&begun(""))) && is_again(judge_begun(&begun("a\nb"))));
        assert!(is_again(judge_begun(&answer(200, ""))));
        let cut = Some("reset".to_owned());
        assert!(is_again(judge_begun(&Received { cut, ..begun("x") })), "the rest never came");
        let denied = judge_begun(&answer(403, "<Error><Code>AccessDenied</Code></Error>"));
        let told = denied.unwrap_err().to_string();
        assert!(told.starts_with("the bucket takes no files: look at its credentials"), "{told}");
    }

    #[test]
    fn a_success_that_turns_into_a_failure_is_one() {
        let body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>";
        assert_eq!(judge_completed(&answer(200, body)), Ok(()));
        let error = |code: &str| answer(200, &format!("<Error><Code>{code}</Code></Error>"));
        assert!(is_again(judge_completed(&error("InternalError"))));
        assert!(is_again(judge_completed(&answer(200, "  "))), "the server only kept it alive");
        for code in ["NoSuchUpload", "InvalidPart", "PreconditionFailed"] {
            let judged = judge_completed(&error(code));
            let Err(UploadError::Refused { code: said, .. }) = judged else { panic!("{judged:?}") };
            assert_eq!(said, code);
        }
    }

    #[test]
    fn objects_are_read_page_by_page_and_names_as_they_are() {
        let page = "<ListBucketResult><Name>b</Name><IsTruncated>true</IsTruncated>\
            <Contents><Key>v/a&amp;b.mp4</Key><Size>12</Size></Contents>\
            <Contents><Key>v/\u{738b}.mp4</Key><Size>7</Size></Contents>\
            <Contents><Key>v/odd</Key></Contents>\
            <NextContinuationToken>t&gt;1</NextContinuationToken></ListBucketResult>";
        let page = judge_objects(&answer(200, page)).unwrap();
        assert_eq!(page.objects, [("v/a&b.mp4".into(), 12), ("v/\u{738b}.mp4".into(), 7)]);
        assert_eq!(page.next.as_deref(), Some("t>1"));
        let last = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
        assert_eq!(judge_objects(&answer(200, last)).unwrap(), ObjectPage::default());
        assert!(is_again(judge_objects(&answer(200, "<html>sign in</html>"))));
    }

    #[test]
    fn only_the_uploads_of_the_very_object_are_named() {
        let upload = |key: &str, id: &str| {
            format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>")
        };
        let body = upload("v/a.mp4", "1") + &upload("v/a.mp4.old", "2") + &upload("v/a.mp4", "3");
        let list = format!("<ListMultipartUploadsResult>{body}</ListMultipartUploadsResult>");
        assert_eq!(judge_uploads(&answer(200, &list), "v/a.mp4").unwrap(), ["1", "3"]);
        let none = "<?xml version=\"1.0\"?><ListMultipartUploadsResult/>";
        assert_eq!(judge_uploads(&answer(200, none), "v/a.mp4").unwrap(), [""; 0]);
    }
}
