//! A small server of S3's protocol, as far as videos need it, on raw sockets. It is strict where S3 is,
//! shows an object only once it is whole, and does what a test tells it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use md5::{Digest, Md5};

use crate::rude::{answer, reset};

/// The metadata by which a video is known again.
pub(crate) const TASK: &str = "x-amz-meta-callsheet-task";

/// The smallest part but the last, as S3 has it.
const LEAST: usize = 5 << 20;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    List,
    Head,
    Read,
    Begin,
    Part,
    Complete,
    Abort,
    Uploads,
}

/// What is done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    Well,
    /// Refused with this status and code.
    No(u16, &'static str),
    /// Done, and a success that holds this error is the answer.
    Late(&'static str),
    /// Not done, and the connection ends with a reset.
    CutBefore,
    /// Done, and the connection ends with a reset.
    CutAfter,
    /// Done, and the tag in the answer is another part's.
    OtherTag,
}

/// An object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) bytes: Vec<u8>,
    pub(crate) task: Option<String>,
}

#[derive(Debug, Default)]
struct Upload {
    key: String,
    task: Option<String>,
    parts: BTreeMap<usize, (String, Vec<u8>)>,
}

/// What the server has.
#[derive(Debug, Default)]
pub(crate) struct Shelves {
    pub(crate) objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    pub(crate) calls: Vec<(Call, String)>,
    begun: usize,
}

/// Listens until the test process ends.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) url: String,
    shelves: Arc<Mutex<Shelves>>,
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Storage {
    /// With a bucket called films; `manners` sees each call with its number, from 0.
    pub(crate) fn start(
        manners: impl Fn(usize, Call, &Storage) -> Manner + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let storage = Self { url, shelves: Arc::default() };
        let (served, manners) = (storage.clone(), Arc::new(manners));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (served, manners) = (served.clone(), Arc::clone(&manners));
                let Ok(mut connection) = connection else { continue };
                thread::spawn(move || {
                    if let Some(request) = read(&mut connection) {
                        served.serve(&request, &mut connection, &*manners);
                    }
                });
            }
        });
        storage
    }

    pub(crate) fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.shelves.lock().unwrap()
    }

    /// The keys of uploads that nobody ended.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        self.shelves().uploads.values().map(|upload| upload.key.clone()).collect()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8], task: Option<&str>) {
        let object = Object { bytes: bytes.to_vec(), task: task.map(str::to_owned) };
        self.shelves().objects.insert(key.to_owned(), object);
    }

    pub(crate) fn count(&self, call: Call) -> usize {
        self.shelves().calls.iter().filter(|(made, _)| *made == call).count()
    }

    fn serve(
        &self,
        request: &Request,
        connection: &mut TcpStream,
        manners: &(dyn Fn(usize, Call, &Storage) -> Manner + Send + Sync),
    ) {
        let call = request.call();
        let number = {
            let mut shelves = self.shelves();
            shelves.calls.push((call, request.key.clone()));
            shelves.calls.len() - 1
        };
        let manner = manners(number, call, self);
        if manner == Manner::CutBefore {
            return reset(connection);
        }
        if let Manner::No(status, code) = manner {
            return refuse(connection, request, status, code);
        }
        let done = self.shelves().act(call, request);
        match (done, manner) {
            (_, Manner::CutAfter) => reset(connection),
            (Ok(_), Manner::Late(code)) => answer(connection, "200 OK", "", &error(code)),
            (Ok(Reply { body, .. }), Manner::OtherTag) => {
                answer(connection, "200 OK", "etag: \"0123\"\r\n", &body);
            }
            (Ok(Reply { headers, body, bytes }), _) => {
                let length = bytes.as_ref().map_or(body.len(), Vec::len);
                let head = format!(
                    "HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
                );
                let _ = connection.write_all(head.as_bytes());
                if call != Call::Head {
                    let _ = connection.write_all(&bytes.unwrap_or_else(|| body.into_bytes()));
                }
            }
            (Err((status, code)), _) => refuse(connection, request, status, code),
        }
    }
}

fn error(code: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>no</Message></Error>")
}

fn refuse(connection: &mut TcpStream, request: &Request, status: u16, code: &str) {
    let body = if request.method == "HEAD" { String::new() } else { error(code) };
    answer(connection, &format!("{status} No"), "", &body);
}

#[derive(Default)]
struct Reply {
    headers: String,
    body: String,
    bytes: Option<Vec<u8>>,
}

type Refusal = (u16, &'static str);

impl Shelves {
    fn act(&mut self, call: Call, request: &Request) -> Result<Reply, Refusal> {
        if !request.key.is_empty() && !request.query.contains_key("X-Amz-Signature") {
            return Err((403, "AccessDenied"));
        }
        let body = |body: String| Ok(Reply { body, ..Reply::default() });
        match call {
            Call::List => body(self.list(request)),
            Call::Uploads => {
                let one = |(id, upload): (&String, &Upload)| {
                    let key = &upload.key;
                    format!("<Upload><Key>{key}</Key><UploadId>{id}</UploadId></Upload>")
                };
                let all: String = self.uploads.iter().map(one).collect();
                body(format!("<ListMultipartUploadsResult>{all}</ListMultipartUploadsResult>"))
            }
            Call::Head | Call::Read => self.look(&request.key),
            Call::Begin => {
                // Signed, as S3 wants all such headers.
                let signed = request.query.get("X-Amz-SignedHeaders").cloned().unwrap_or_default();
                let task = request.headers.get(TASK).cloned();
                if task.is_some() && !signed.contains(TASK) {
                    return Err((403, "AccessDenied"));
                }
                self.begun += 1;
                let id = format!("upload/{}", self.begun);
                let upload = Upload { key: request.key.clone(), task, ..Upload::default() };
                self.uploads.insert(id.clone(), upload);
                body(format!(
                    "<InitiateMultipartUploadResult><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            Call::Part => self.part(request),
            Call::Complete => self.complete(request),
            Call::Abort => {
                let id = &request.query["uploadId"];
                self.uploads.remove(id).map(|_| Reply::default()).ok_or((404, "NoSuchUpload"))
            }
        }
    }

    fn list(&self, request: &Request) -> String {
        let prefix = &request.query["prefix"];
        let from = request.query.get("continuation-token").cloned().unwrap_or_default();
        // A page holds two, so that there are several.
        let mut page =
            self.objects.iter().filter(|(key, _)| key.starts_with(prefix) && **key > from);
        let some: Vec<_> = page.by_ref().take(2).collect();
        let more = page.next().is_some();
        let one = |(key, object): &(&String, &Object)| {
            let size = object.bytes.len();
            format!("<Contents><Key>{key}</Key><Size>{size}</Size></Contents>")
        };
        let next = some.last().filter(|_| more).map_or(String::new(), |(key, _)| {
            format!("<NextContinuationToken>{key}</NextContinuationToken>")
        });
        let some: String = some.iter().map(one).collect();
        format!(
            "<ListBucketResult><IsTruncated>{more}</IsTruncated>{some}{next}</ListBucketResult>"
        )
    }

    fn look(&self, key: &str) -> Result<Reply, Refusal> {
        let object = self.objects.get(key).ok_or((404, "NoSuchKey"))?;
        let task = object.task.as_ref().map(|task| format!("{TASK}: {task}\r\n"));
        let bytes = Some(object.bytes.clone());
        Ok(Reply { headers: task.unwrap_or_default(), bytes, ..Reply::default() })
    }

    fn part(&mut self, request: &Request) -> Result<Reply, Refusal> {
        let upload = self.uploads.get_mut(&request.query["uploadId"]);
        let upload = upload.ok_or((404, "NoSuchUpload"))?;
        let digest = Md5::digest(&request.body);
        if request.headers.get("content-md5") != Some(&BASE64_STANDARD.encode(digest)) {
            return Err((400, "BadDigest"));
        }
        let tag: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let number = request.query["partNumber"].parse().unwrap();
        upload.parts.insert(number, (tag.clone(), request.body.clone()));
        Ok(Reply { headers: format!("etag: \"{tag}\"\r\n"), ..Reply::default() })
    }

    fn complete(&mut self, request: &Request) -> Result<Reply, Refusal> {
        let id = &request.query["uploadId"];
        let upload = self.uploads.get(id).ok_or((404, "NoSuchUpload"))?;
        if request.headers.contains_key("if-none-match") && self.objects.contains_key(&upload.key) {
            return Err((412, "PreconditionFailed"));
        }
        let text = String::from_utf8(request.body.clone()).unwrap();
        let (mut bytes, named) = (Vec::new(), text.split("<Part>").skip(1).collect::<Vec<_>>());
        for (index, part) in named.iter().enumerate() {
            let inner = |name: &str| {
                let rest = part.split(&format!("<{name}>")).nth(1).unwrap();
                rest.split('<').next().unwrap().trim_matches('"').to_owned()
            };
            let (tag, piece) = upload
                .parts
                .get(&inner("PartNumber").parse().unwrap())
                .ok_or((400, "InvalidPart"))?;
            if *tag != inner("ETag") {
                return Err((400, "InvalidPart"));
            }
            if piece.len() < LEAST && index + 1 < named.len() {
                return Err((400, "EntityTooSmall"));
            }
            bytes.extend_from_slice(piece);
        }
        let Upload { key, task, .. } = self.uploads.remove(id).unwrap();
        self.objects.insert(key, Object { bytes, task });
        let body = "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>".to_owned();
        Ok(Reply { body, ..Reply::default() })
    }
}

impl Request {
    fn call(&self) -> Call {
        let has = |name: &str| self.query.contains_key(name);
        match self.method.as_str() {
            "HEAD" => Call::Head,
            "GET" if has("list-type") => Call::List,
            "GET" if has("uploads") => Call::Uploads,
            "GET" => Call::Read,
            "POST" if has("uploads") => Call::Begin,
            "POST" => Call::Complete,
            "PUT" => Call::Part,
            "DELETE" => Call::Abort,
            other => panic!("{other}"),
        }
    }
}

fn read(connection: &mut TcpStream) -> Option<Request> {
    connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&buffer[..n]),
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (first.next().unwrap().to_owned(), first.next().unwrap());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    while body.len() < length {
        match connection.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(n) => body.extend_from_slice(&buffer[..n]),
        }
    }
    let url = url::Url::parse(&format!("http://s{target}")).unwrap();
    let path = url.path().strip_prefix("/films").unwrap().trim_start_matches('/').to_owned();
    let query = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
    Some(Request { method, key: path, query: query.collect(), headers, body })
}
