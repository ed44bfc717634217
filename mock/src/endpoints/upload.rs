//! `POST /v1/files/upload/{stream, base64, url}`.

use serde_json::{Value, json};

use crate::decisions::refuse::{self, account};
use crate::http::answer::{self, Answer, shown};
use crate::http::forms::{self, Form};
use crate::http::request::{MARK, Seen};
use crate::http::route::Way;
use crate::http::samples;
use crate::rules::contract::CONTRACT;
use crate::state::desk::Desk;
use crate::state::storage::Upload;
use crate::words::mime;

/// The largest file that is taken.
const MOST_FILE_BYTES: usize = 10 << 20;
const LONGEST_NAME: usize = 100;
const PARTS: [&str; 3] = ["file", "file_name", "auto_cleanup"];

/// Answers an upload.
pub(crate) fn upload(desk: &mut Desk, request: &Seen<'_>, way: Way) -> Answer {
    store(desk, request, way).unwrap_or_else(|refusal| refusal)
}

fn store(desk: &mut Desk, request: &Seen<'_>, way: Way) -> Result<Answer, Answer> {
    account(&desk.scenario, request)?;
    let upload = match way {
        Way::Stream => streamed(request)?,
        Way::Base64 => encoded(&json_body(request, way)?)?,
        Way::Url => fetched(&json_body(request, way)?),
    };
    if upload.bytes.len() > MOST_FILE_BYTES {
        let what = format!("the file is larger than {MOST_FILE_BYTES} bytes");
        return Err(Answer::error(413, "file_too_large_error", "file_too_large", &what));
    }
    let now = desk.clock.now();
    let size = upload.bytes.len();
    let stored = desk.storage.put(upload, now, desk.scenario.storage)?;
    let mark = desk.mark.map(|mark| format!("?{MARK}={mark:016x}")).unwrap_or_default();
    Ok(Answer::json(
        200,
        &json!({
            "id": stored.id,
            "filename": stored.name,
            "url": format!("{}/files/{}/{}{mark}", request.base(&desk.url), stored.id, stored.name),
            "size": size,
            "created": now.seconds(),
        }),
    ))
}

fn streamed(request: &Seen<'_>) -> Result<Upload, Answer> {
    let content_type = request.header("content-type");
    let boundary = content_type.and_then(forms::boundary).ok_or_else(|| {
        refuse::wrong_content_type("multipart/form-data with a boundary", content_type)
    })?;
    let form = Form::parse(request.body, &boundary)
        .ok_or_else(|| refuse::broken("the body is not the form that its header says"))?;
    if let Some(name) = form.names().find(|name| !PARTS.contains(name)) {
        // A misspelt `auto_cleanup` would silently be on, and delete what is still waited for.
        let (name, known) = (shown(name), PARTS.join(", "));
        return Err(refuse::broken(&format!("no such part: {name} (there are: {known})")));
    }
    let file = form.get("file").filter(|file| file.file_name.is_some());
    let file = file.ok_or_else(|| refuse::broken("the form has no part `file` with a filename"))?;
    let auto_cleanup = match form.text("auto_cleanup") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(refuse::broken("`auto_cleanup` must be true or false")),
    };
    let name = form.text("file_name").or(file.file_name.as_deref()).unwrap_or_default();
    Ok(Upload { name: safe(name), bytes: file.bytes.clone(), auto_cleanup })
}

fn json_body(request: &Seen<'_>, way: Way) -> Result<Value, Answer> {
    if !request.is_json() {
        let came = request.header("content-type");
        return Err(refuse::wrong_content_type(answer::JSON, came));
    }
    let body = serde_json::from_slice(request.body).map_err(|error| refuse::not_json(&error))?;
    match CONTRACT.upload_violations(way, &body).as_slice() {
        [] => Ok(body),
        violations => Err(refuse::broken_contract(violations)),
    }
}

fn encoded(body: &Value) -> Result<Upload, Answer> {
    let data = body["file_data"].as_str().unwrap_or_default();
    // Browsers hand over `data:image/jpeg;base64,…`.
    let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
    let bytes = forms::decode_base64(data)
        .ok_or_else(|| refuse::broken("/file_data: this is not Base64"))?;
    Ok(upload_of(body, "upload.bin", bytes))
}

/// The real service fetches the URL. The fake never speaks to the network: it takes one of its
/// samples instead, a speech for what looks like one and a portrait otherwise.
fn fetched(body: &Value) -> Upload {
    let url = body["url"].as_str().unwrap_or_default();
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let bytes = samples::stand_in(mime::of_name(name).starts_with("audio/"));
    upload_of(body, name, bytes.to_vec())
}

fn upload_of(body: &Value, name: &str, bytes: Vec<u8>) -> Upload {
    let name = safe(body["file_name"].as_str().unwrap_or(name));
    Upload { name, bytes, auto_cleanup: body["auto_cleanup"].as_bool().unwrap_or(true) }
}

/// A name that is nothing but a name.
fn safe(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(LONGEST_NAME).map(plain).collect();
    if name.trim_matches('.').is_empty() { "upload.bin".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_only_names() {
        assert_eq!(safe("../../etc/päss wd.jpg"), ".._.._etc_p_ss_wd.jpg");
        assert_eq!(safe(".."), "upload.bin");
        assert_eq!(safe(""), "upload.bin");
    }
}
