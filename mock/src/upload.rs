//! `POST /v1/files/upload/{stream, base64, url}`, and the files that come of it.
//!
//! Storage is bounded. `auto_cleanup`, which is on unless switched off, makes room by deleting the
//! oldest files, even those that a task still waits for; switched off, a full storage is a 403.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::Request as Seen;

use crate::answer::{self, Answer};
use crate::clock::Millis;
use crate::contract::CONTRACT;
use crate::create::{account, is_json};
use crate::engine::{Shared, header};
use crate::media;
use crate::multipart::{self, Form};

/// How long a file lives.
const LIFE: Duration = Duration::from_secs(72 * 3600);
/// The largest file that is taken.
const MOST_FILE_BYTES: usize = 10 << 20;
const LONGEST_NAME: usize = 100;
const PARTS: [&str; 3] = ["file", "file_name", "auto_cleanup"];

/// The three ways to hand a file over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Stream,
    Base64,
    Url,
}

/// A file that was handed over.
#[derive(Clone, Debug)]
struct Stored {
    id: String,
    name: String,
    bytes: Arc<[u8]>,
    born: Millis,
}

/// The files of all accounts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Storage {
    files: VecDeque<Stored>,
    count: u64,
}

/// What is to be stored.
struct Upload {
    name: String,
    bytes: Vec<u8>,
    auto_cleanup: bool,
}

/// Answers an upload.
pub(crate) fn upload(shared: &Shared, request: &Seen, way: Way) -> Answer {
    store(shared, request, way).unwrap_or_else(|refusal| refusal)
}

fn store(shared: &Shared, request: &Seen, way: Way) -> Result<Answer, Answer> {
    let scenario = shared.scenario();
    account(&scenario, request)?;
    let upload = match way {
        Way::Stream => streamed(request)?,
        Way::Base64 => encoded(&json_body(request, way)?)?,
        Way::Url => fetched(&json_body(request, way)?),
    };
    if upload.bytes.len() > MOST_FILE_BYTES {
        let what = format!("the file is larger than {MOST_FILE_BYTES} bytes");
        return Err(Answer::error(413, "file_too_large_error", "file_too_large", &what));
    }
    let now = shared.clock.now();
    let size = upload.bytes.len();
    let stored = shared.desk().storage.put(upload, now, scenario.storage)?;
    Ok(Answer::json(
        200,
        &json!({
            "id": stored.id,
            "filename": stored.name,
            "url": format!("{}/files/{}/{}", shared.base(request), stored.id, stored.name),
            "size": size,
            "created": now.seconds(),
        }),
    ))
}

/// Answers a request for an uploaded file.
pub(crate) fn download(shared: &Shared, request: &Seen, path: &str) -> Answer {
    let now = shared.clock.now();
    let (id, name) = path.split_once('/').unwrap_or((path, ""));
    let found = shared.desk().storage.get(id, name, now);
    match found {
        Some(bytes) => media::file(request, &bytes, mime(name)),
        None => answer::no_such_file(path),
    }
}

impl Storage {
    fn put(&mut self, upload: Upload, now: Millis, most: u64) -> Result<Stored, Answer> {
        self.expire(now);
        let size = upload.bytes.len() as u64;
        while self.bytes() + size > most {
            if !upload.auto_cleanup || self.files.pop_front().is_none() {
                let what = "the storage is full, and auto_cleanup is off or would not help";
                return Err(Answer::error(403, "permission_error", "storage_full", what));
            }
        }
        self.count += 1;
        let id = format!("file-{}-{:06}", now.seconds(), self.count);
        let stored = Stored { id, name: upload.name, bytes: upload.bytes.into(), born: now };
        self.files.push_back(stored.clone());
        Ok(stored)
    }

    fn get(&mut self, id: &str, name: &str, now: Millis) -> Option<Arc<[u8]>> {
        self.expire(now);
        let found = self.files.iter().find(|file| file.id == id && file.name == name);
        found.map(|file| Arc::clone(&file.bytes))
    }

    fn expire(&mut self, now: Millis) {
        self.files.retain(|file| now.since(file.born) < LIFE);
    }

    fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes.len() as u64).sum()
    }
}

fn streamed(request: &Seen) -> Result<Upload, Answer> {
    let content_type = header(request, "content-type");
    let boundary = content_type.and_then(multipart::boundary).ok_or_else(|| {
        answer::wrong_content_type("multipart/form-data with a boundary", content_type)
    })?;
    let form = Form::parse(&request.body, boundary)
        .ok_or_else(|| answer::broken("the body is not the form that its header says"))?;
    if let Some(name) = form.names().find(|name| !PARTS.contains(name)) {
        // A misspelt `auto_cleanup` would silently be on, and delete what is still waited for.
        let (name, known) = (answer::shown(name), PARTS.join(", "));
        return Err(answer::broken(&format!("no such part: {name} (there are: {known})")));
    }
    let file = form.get("file").filter(|file| file.file_name.is_some());
    let file = file.ok_or_else(|| answer::broken("the form has no part `file` with a filename"))?;
    let auto_cleanup = match form.text("auto_cleanup") {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(answer::broken("`auto_cleanup` must be true or false")),
    };
    let name = form.text("file_name").or(file.file_name).unwrap_or_default();
    Ok(Upload { name: safe(name), bytes: file.bytes.to_vec(), auto_cleanup })
}

fn json_body(request: &Seen, way: Way) -> Result<Value, Answer> {
    let content_type = header(request, "content-type");
    if !content_type.is_some_and(is_json) {
        return Err(answer::wrong_content_type(answer::JSON, content_type));
    }
    let body = serde_json::from_slice(&request.body).map_err(|error| answer::not_json(&error))?;
    match CONTRACT.upload_violations(way, &body).as_slice() {
        [] => Ok(body),
        violations => Err(answer::broken_contract(violations)),
    }
}

fn encoded(body: &Value) -> Result<Upload, Answer> {
    let data = body["file_data"].as_str().unwrap_or_default();
    // Browsers hand over `data:image/jpeg;base64,…`.
    let data = data.split_once(";base64,").map_or(data, |(_, data)| data);
    let bytes = multipart::decode_base64(data)
        .ok_or_else(|| answer::broken("/file_data: this is not Base64"))?;
    Ok(upload_of(body, "upload.bin", bytes))
}

/// The real service fetches the URL. The fake never speaks to the network: it takes one of its
/// samples instead, a speech for what looks like one and a portrait otherwise.
fn fetched(body: &Value) -> Upload {
    let url = body["url"].as_str().unwrap_or_default();
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default();
    let bytes = media::stand_in(mime(name).starts_with("audio/"));
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

fn mime(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        "avif" => "image/avif",
        "mp3" => "audio/mpeg",
        "wav" => "audio/wav",
        "ogg" => "audio/ogg",
        "m4a" | "aac" => "audio/mp4",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: usize, auto_cleanup: bool) -> Upload {
        Upload { name: name.into(), bytes: vec![0; size], auto_cleanup }
    }

    #[test]
    fn a_full_storage_forgets_the_oldest_or_refuses() {
        let mut storage = Storage::default();
        let now = Millis(1_000_000);
        let old = storage.put(file("old", 60, true), now, 100).unwrap();
        assert_eq!(storage.put(file("kept", 60, false), now, 100).unwrap_err().status, 403);
        assert!(storage.get(&old.id, "old", now).is_some());
        let new = storage.put(file("new", 60, true), now, 100).unwrap();
        assert!(storage.get(&old.id, "old", now).is_none(), "made room");
        assert_eq!(storage.put(file("vast", 101, true), now, 100).unwrap_err().status, 403);
        assert!(storage.get(&new.id, "new", now.plus(LIFE)).is_none(), "72 hours are over");
    }

    #[test]
    fn names_are_only_names() {
        assert_eq!(safe("../../etc/päss wd.jpg"), ".._.._etc_p_ss_wd.jpg");
        assert_eq!(safe(".."), "upload.bin");
        assert_eq!(safe(""), "upload.bin");
    }
}
