//! Where an answer says that the video is: in each dialect at another place.

use serde_json::Value;
use url::Url;

use super::json::Json;
use super::lossy;

/// The places, in the order in which they are believed. A list on the way stands for each of its
/// items.
const PLACES: [&[&str]; 19] = [
    // The API's own, EvoLink's (a list of strings), and those of older pages.
    &["results", "url"],
    &["results"],
    &["result_data", "video_url"],
    &["output", "url"],
    &["output", "urls"],
    // Kin.
    &["url"],
    &["video_url"],
    &["result_url"],
    &["metadata", "url"],
    &["video", "url"],
    &["output"],
    &["result", "videos", "url"],
    &["content", "video_url"],
    &["results", "video_url"],
    &["output", "video_url"],
    &["task_result", "videos", "url"],
    &["videos", "url"],
    &["creations", "url"],
    &["assets", "video"],
];

/// How deep an answer may be wrapped in `data`.
const WRAPPERS: usize = 2;

/// Rows of old relays keep the link of a video here; of a task that failed, it is what it says.
pub(super) fn misplaced(answer: &Value) -> Option<String> {
    at(answer, &["data", "fail_reason"]).or_else(|| at(answer, &["fail_reason"]))
}

/// The link to the video, as the server wrote it.
pub(super) fn link(answer: &Value) -> Option<String> {
    let mut layer = answer;
    for _ in 0..=WRAPPERS {
        let found = PLACES.iter().find_map(|place| at(layer, place));
        if let Some(link) = found.or_else(|| quoted(layer)) {
            return Some(link);
        }
        layer = layer.get("data")?;
    }
    None
}

fn at(value: &Value, place: &[&str]) -> Option<String> {
    match (value, place) {
        (Value::Array(list), _) => list.iter().find_map(|one| at(one, place)),
        (Value::Object(fields), [key, rest @ ..]) => at(fields.get(*key)?, rest),
        (Value::String(text), []) => usable(text),
        _ => None,
    }
}

/// A string that holds JSON with the links.
fn quoted(layer: &Value) -> Option<String> {
    let inner = lossy::of(&Json::read(layer.get("resultJson")?.as_str()?.as_bytes()))?;
    at(&inner, &["resultUrls"]).or_else(|| PLACES.iter().find_map(|place| at(&inner, place)))
}

/// Whether a text can be a link: of the web, or a path on the API's host. What a server wrote for
/// people, such as the reason for a failure, is none.
fn usable(text: &str) -> Option<String> {
    let text = text.trim();
    let of_the_web = match Url::parse(text) {
        Ok(url) => matches!(url.scheme(), "http" | "https") && url.has_host(),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let file = text.rsplit_once('/').is_some_and(|(_, name)| name.contains('.'));
            text.starts_with('/') || file
        }
        Err(_) => false,
    };
    of_the_web.then(|| text.to_owned())
}

/// A link that can be followed: against the API's host if it is relative, and with its spaces
/// encoded. One that needs neither stays as the server wrote it, for it may be signed.
pub(super) fn absolute(link: &str, host: &Url) -> String {
    let plain = |c: char| c.is_ascii_graphic();
    match Url::parse(link) {
        Ok(_) if link.chars().all(plain) => link.to_owned(),
        Ok(url) => url.into(),
        Err(_) => host.join(link).map_or_else(|_| link.to_owned(), Into::into),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const U: &str = "https://cdn.example/v.mp4";

    #[test]
    fn every_dialect_has_its_link_in_another_place() {
        for answer in [
            json!({"results": [{"url": U}]}),
            json!({"results": [U]}),
            json!({"results": null, "result_data": [{"video_url": U}]}),
            json!({"output": {"url": U}}),
            json!({"output": {"urls": [U, "https://cdn.example/w.mp4"]}}),
            json!({"results": [{"url": U}], "output": {"url": "https://later.example/"}}),
            json!({"results": [{"url": null}, {"url": format!(" {U} ")}]}),
            json!({"url": U}),
            json!({"video_url": U, "url": ""}),
            json!({"result_url": U}),
            json!({"metadata": {"url": U}}),
            json!({"video": {"url": U}}),
            json!({"output": U}),
            json!({"output": [U]}),
            json!({"output": {"video_url": U, "task_status": "SUCCEEDED"}}),
            json!({"data": {"url": U}}),
            json!({"data": [{"url": U}]}),
            json!({"data": {"results": [{"url": U}]}}),
            json!({"data": {"result": {"videos": [{"url": U}]}}}),
            json!({"data": {"result": {"videos": [{"url": [U]}]}}}),
            json!({"data": {"task_result": {"videos": [{"url": U}]}}}),
            json!({"data": {"data": {"content": {"video_url": U}}}}),
            json!({"content": {"video_url": U}}),
            json!({"resultJson": format!("{{\"resultUrls\":[\"{U}\"]}}")}),
            json!({"data": {"resultJson": format!("{{\"resultUrls\":[\"{U}\"]}}")}}),
        ] {
            assert_eq!(link(&answer).as_deref(), Some(U), "{answer}");
        }
    }

    #[test]
    fn what_is_no_link_is_not_taken_for_one() {
        for answer in [
            json!({"results": null}),
            json!({"results": []}),
            json!({"results": [{}]}),
            json!({"results": [""]}),
            json!({"output": "no face was found. Try another picture"}),
            json!({"output": "failed."}),
            json!({"output": "n/a"}),
            json!({"fail_reason": U}),
            json!({"url": "s3://bucket/v.mp4"}),
            json!({"url": "data:video/mp4;base64,AAAA"}),
            json!({"url": "javascript:alert(1)"}),
            json!({"image_url": U, "audio_url": U}),
            json!({"resultJson": "{not json"}),
            json!({"data": {"data": {"data": {"url": U}}}}),
        ] {
            assert_eq!(link(&answer), None, "{answer}");
        }
        assert_eq!(misplaced(&json!({"data": {"fail_reason": U}})).as_deref(), Some(U));
        assert_eq!(misplaced(&json!({"fail_reason": "upstream said: 500"})), None);
    }

    #[test]
    fn a_link_can_be_followed_however_it_is_written() {
        let host = Url::parse("https://api.example").unwrap();
        for (written, followed) in [
            ("/output/a.mp4", "https://api.example/output/a.mp4"),
            ("output/a.mp4?x=1", "https://api.example/output/a.mp4?x=1"),
            ("//cdn.example/a.mp4", "https://cdn.example/a.mp4"),
            ("https://cdn.example/my video.mp4", "https://cdn.example/my%20video.mp4"),
            ("/my video.mp4", "https://api.example/my%20video.mp4"),
            ("https://cdn.example/视频.mp4", "https://cdn.example/%E8%A7%86%E9%A2%91.mp4"),
            ("HTTPS://cdn.example/a.mp4?sig=a%2fb", "HTTPS://cdn.example/a.mp4?sig=a%2fb"),
        ] {
            assert_eq!(absolute(written, &host), followed);
        }
    }
}
