//! Parts of videos: pieced together only if it is certain that they are of one file.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::sheet::{Sheet, side_by_side};
use crate::studio::{VIDEO, studio};

/// What a server says of a part that it sends.
#[derive(Debug, Clone, Copy)]
struct Second {
    what: &'static str,
    /// Beside the range and the length.
    headers: &'static str,
    /// What stands for the range that was asked for, or for the whole.
    range: fn(usize, usize) -> (usize, String),
    /// How many downloads there are with it.
    downloads: usize,
}

fn as_asked(from: usize, total: usize) -> (usize, String) {
    (from, format!("bytes {from}-{}/{total}", total - 1))
}

const SECONDS: [Second; 9] = [
    Second { what: "the same", headers: "etag: \"v1\"\r\n", range: as_asked, downloads: 2 },
    Second { what: "nothing", headers: "", range: as_asked, downloads: 3 },
    Second { what: "another", headers: "etag: \"v2\"\r\n", range: as_asked, downloads: 3 },
    Second { what: "a weak one", headers: "etag: W/\"v1\"\r\n", range: as_asked, downloads: 3 },
    Second {
        what: "a date",
        headers: "last-modified: Sun, 22 Nov 2020 18:00:00 GMT\r\n",
        range: as_asked,
        downloads: 3,
    },
    Second {
        what: "several parts",
        headers: "etag: \"v1\"\r\ncontent-type: multipart/byteranges; boundary=x\r\n",
        range: as_asked,
        downloads: 3,
    },
    Second {
        what: "packed",
        headers: "etag: \"v1\"\r\ncontent-encoding: gzip\r\n",
        range: as_asked,
        downloads: 3,
    },
    Second {
        what: "another length",
        headers: "etag: \"v1\"\r\n",
        range: |from, total| (from, format!("bytes {from}-{}/{}", total - 1, total + 7)),
        downloads: 3,
    },
    Second {
        what: "all of it",
        headers: "",
        range: |_, total| (0, format!("bytes 0-{}/{total}", total - 1)),
        downloads: 2,
    },
];

#[test]
fn a_part_goes_on_only_with_the_validator_that_was_begun_with() {
    side_by_side(SECONDS, |second| {
        let served = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&served);
        let server = studio(move |asked, connection| {
            log.lock().unwrap().push(asked.clone());
            let total = VIDEO.len();
            let whole = || "HTTP/1.1 200 OK\r\netag: \"v1\"\r\nconnection: close\r\n".to_owned();
            let (head, bytes, sent) = match (asked.number, asked.from) {
                (0, _) => (whole(), VIDEO.to_vec(), total / 2),
                (_, Some(from)) => {
                    let (start, range) = (second.range)(from, total);
                    let head = format!(
                        "HTTP/1.1 206 Partial\r\nconnection: close\r\ncontent-range: {range}\r\n{}",
                        second.headers
                    );
                    // What belongs to another version would be noticed only by its looks.
                    let same = second.downloads == 2;
                    let other = |byte: &u8| if same { *byte } else { byte ^ 0x55 };
                    let bytes: Vec<u8> = VIDEO[start..].iter().map(other).collect();
                    let length = bytes.len();
                    (head, bytes, length)
                }
                (_, None) => (whole(), VIDEO.to_vec(), total),
            };
            let head = format!("{head}content-length: {}\r\n\r\n", bytes.len());
            let _ = connection.write_all(&[head.as_bytes(), &bytes[..sent]].concat());
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{}: {said}", second.what);
        let saved = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
        assert!(saved == VIDEO, "{}: the bytes are others", second.what);
        let asked = served.lock().unwrap();
        assert_eq!(asked.len(), second.downloads, "{}: {asked:?}", second.what);
        assert_eq!(asked[1].from, Some(VIDEO.len() / 2), "{}", second.what);
    });
}

#[test]
fn a_date_goes_on_only_if_it_names_the_file_for_certain() {
    let (old, now) = ("Sun, 22 Nov 2020 18:00:00 GMT", "Sun, 22 Nov 2020 18:00:30 GMT");
    let cases = [
        (
            "old enough",
            format!("last-modified: {old}\r\ndate: Mon, 23 Nov 2020 18:00:00 GMT\r\n"),
            true,
        ),
        ("just written", format!("last-modified: {old}\r\ndate: {now}\r\n"), false),
        ("no clock", format!("last-modified: {old}\r\n"), false),
        (
            "beside a weak tag",
            format!(
                "last-modified: {old}\r\ndate: Mon, 23 Nov 2020 18:00:00 GMT\r\netag: W/\"1\"\r\n"
            ),
            false,
        ),
    ];
    side_by_side(cases, |(what, headers, goes_on)| {
        let served = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&served);
        let server = studio(move |asked, connection| {
            log.lock().unwrap().push(asked.clone());
            let (from, total) = (asked.from.unwrap_or(0), VIDEO.len());
            let status = match asked.from {
                Some(from) => {
                    format!("206 Partial\r\ncontent-range: bytes {from}-{}/{total}", total - 1)
                }
                None => "200 OK".to_owned(),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
                total - from
            );
            let end = if asked.number == 0 { total / 2 } else { total };
            let _ = connection.write_all(&[head.as_bytes(), &VIDEO[from..end]].concat());
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        assert_eq!(said.code, 0, "{what}: {said}");
        assert!(fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap() == VIDEO);
        let asked = served.lock().unwrap();
        assert_eq!((asked.len(), asked[1].from.is_some()), (2, goes_on), "{what}: {asked:?}");
        assert_eq!(asked[1].if_range.as_deref(), goes_on.then_some(old), "{what}");
    });
}

#[test]
fn a_part_that_nobody_asked_for_is_a_beginning() {
    let server = studio(|asked, connection| {
        let (from, total) = (asked.from.unwrap_or(0), VIDEO.len());
        let end = total.min(from + 1500);
        let head = format!(
            "HTTP/1.1 206 Partial\r\netag: \"v1\"\r\ncontent-range: bytes {from}-{}/{total}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n",
            end - 1,
            end - from
        );
        let _ = connection.write_all(&[head.as_bytes(), &VIDEO[from..end]].concat());
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    assert_eq!(sheet.run_whole(&[]).code, 0);
    assert!(fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap() == VIDEO);
}

#[test]
fn what_comes_packed_is_never_saved_as_a_video() {
    // Whatever gzip makes of it: it begins like this, and never like an MP4.
    let packed = [b"\x1f\x8b\x08\0\0\0\0\0\0\x03", &VIDEO[..2000]].concat();
    let server = studio(move |_, connection| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            packed.len()
        );
        let _ = connection.write_all(&[head.as_bytes(), &packed].concat());
    });
    let sheet = Sheet::pairs(1, &server.url, "");
    let said = sheet.run_whole(&[]);
    assert_eq!(said.code, 3, "{said}");
    let row = &sheet.rows()["pair-0"];
    assert_eq!((&*row["state"], &*row["error_code"]), ("completed", "not_a_video"), "{said}");
    assert!(row["error"].contains("packed (gzip)"), "{row:?}");
    assert_eq!(fs::read_dir(sheet.run_folder().join("videos")).unwrap().count(), 0);
    let asks = server.requests().into_iter().filter(|request| request.contains(".mp4"));
    assert!(asks.into_iter().all(|request| request.contains("accept-encoding: identity")));
}

/// In fragments, two of them, and nothing in it says so.
const FRAGMENTS: &[u8] = include_bytes!("../fixtures/fragments.mp4");

#[test]
fn what_does_not_say_where_it_ends_is_whole_only_if_the_server_does() {
    // Where its last fragment begins: between the two, all boxes are whole.
    let last = FRAGMENTS.windows(4).rposition(|name| name == b"moof").unwrap() - 4;
    let length = format!("content-length: {}\r\n", FRAGMENTS.len());
    let chunk =
        |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let chunks =
        [chunk(&FRAGMENTS[..last]), chunk(&FRAGMENTS[last..]), b"0\r\n\r\n".to_vec()].concat();
    let cases = [
        ("its length", length.clone(), FRAGMENTS.to_vec(), Ok(())),
        ("chunks", "transfer-encoding: chunked\r\n".to_owned(), chunks, Ok(())),
        ("nothing", String::new(), FRAGMENTS.to_vec(), Err("video_cut")),
        ("nothing, cut", String::new(), FRAGMENTS[..last].to_vec(), Err("video_cut")),
    ];
    side_by_side(cases, |(what, header, body, comes)| {
        let server = studio(move |_, connection| {
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{header}\r\n");
            let _ = connection.write_all(&[head.as_bytes(), &body].concat());
        });
        let sheet = Sheet::pairs(1, &server.url, "");
        let said = sheet.run_whole(&[]);
        let code = sheet.rows()["pair-0"]["error_code"].clone();
        match comes {
            Ok(()) => {
                assert_eq!((said.code, &*code), (0, ""), "{what}: {said}");
                let saved = fs::read(sheet.run_folder().join("videos/pair-0.mp4")).unwrap();
                assert!(saved == FRAGMENTS, "{what}");
            }
            Err(expected) => assert_eq!((said.code, &*code), (3, expected), "{what}: {said}"),
        }
    });
}
