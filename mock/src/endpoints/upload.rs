//! `POST /v1/files/upload/{stream, base64, url}`.

use serde_json::{Value, json};

use crate::decisions::chance::Asked;
use crate::decisions::refuse::{self, account};
use crate::endpoints::struck::struck;
use crate::http::answer::{self, Answer, shown};
use crate::http::forms::{self, Form};
use crate::http::reply::Reply;
use crate::http::request::{MARK, Seen};
use crate::http::route::Way;
use crate::http::samples;
use crate::rules::contract::CONTRACT;
use crate::rules::scenario::{On, Scenario};
use crate::state::desk::Desk;
use crate::state::storage::Upload;
use crate::words::dice::Dice;
use crate::words::digest::Digest;
use crate::words::mime;

/// The largest file that is taken.
const MOST_FILE_BYTES: usize = 10 << 20;
const LONGEST_NAME: usize = 100;
/// So many are remembered for who verifies them.
const MOST_UPLOADS: usize = 10_000;
const PARTS: [&str; 3] = ["file", "file_name", "auto_cleanup"];

/// Answers an upload.
pub(crate) fn upload(desk: &mut Desk, request: &Seen<'_>, way: Way) -> Reply {
    let (upload, source) = match read(&desk.scenario, request, way) {
        Ok(read) => read,
        Err(refusal) => return refusal.into(),
    };
    let (name, source) = (upload.name.clone(), source.unwrap_or_default());
    if !desk.scenario.meddles_with(On::Upload) {
        return store(desk, request, (upload, &source)).into();
    }
    // Not the digest of the body: a form has another boundary each time.
    let digest = Digest::of_bytes(&[name.as_bytes(), b"\n", &upload.bytes].concat());
    let tries = desk.tries.entry(digest).or_default();
    *tries += 1;
    let attempt = *tries;
    let dice = Dice::new(desk.scenario.seed, &digest, attempt);
    let (names, since) = ([name.as_str(), source.as_str()], desk.played());
    let asked = Asked { on: On::Upload, dice, attempt, names: &names, since };
    struck(desk, &asked, |desk| store(desk, request, (upload, &source)))
}

/// What is handed over, and the URL that it comes from, if it does.
fn read(
    scenario: &Scenario,
    request: &Seen<'_>,
    way: Way,
) -> Result<(Upload, Option<String>), Answer> {
    account(scenario, request)?;
    let (upload, source) = match way {
        Way::Stream => (streamed(request)?, None),
        Way::Base64 => (encoded(&json_body(request, way)?)?, None),
        Way::Url => {
            let body = json_body(request, way)?;
            (fetched(&body), body["url"].as_str().map(str::to_owned))
        }
    };
    if upload.bytes.len() > MOST_FILE_BYTES {
        let what = format!("the file is larger than {MOST_FILE_BYTES} bytes");
        return Err(Answer::error(413, "file_too_large_error", "file_too_large", &what));
    }
    Ok((upload, source))
}

fn store(desk: &mut Desk, request: &Seen<'_>, (upload, source): (Upload, &str)) -> Answer {
    let now = desk.clock.now();
    let (size, auto_cleanup) = (upload.bytes.len(), upload.auto_cleanup);
    let stored = match desk.storage.put(upload, now, desk.scenario.storage) {
        Ok(stored) => stored,
        Err(refusal) => return refusal,
    };
    if desk.uploads.len() < MOST_UPLOADS {
        let mut noted = json!({
            "id": stored.id, "filename": stored.name, "size": size, "auto_cleanup": auto_cleanup,
        });
        if !source.is_empty() {
            noted["url"] = json!(source);
        }
        desk.uploads.push(noted);
    }
    let mark = desk.mark.map(|mark| format!("?{MARK}={mark:016x}")).unwrap_or_default();
    let url = format!("{}/files/{}/{}{mark}", request.base(&desk.url), stored.id, stored.name);
    let created = now.seconds();
    let told = json!({
        "id": stored.id, "filename": stored.name, "url": url, "size": size, "created": created,
    });
    Answer::json(200, &told)
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
