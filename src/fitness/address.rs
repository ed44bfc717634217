//! What an address says of what is behind it, without asking anybody.

use url::Url;

use super::{Remark, Trouble};
use crate::pair::{Role, is_private};

/// Pages that show a file instead of being one: the host, a beginning of the path, and what gives the
/// file itself.
const PAGES: [(&str, &str, &str); 26] = [
    ("drive.google.com", "/drive/", DRIVE),
    ("docs.google.com", "/", DRIVE),
    ("photos.google.com", "/", UPLOAD),
    ("photos.app.goo.gl", "/", UPLOAD),
    ("youtube.com", "/", VIDEO),
    ("youtu.be", "/", VIDEO),
    ("vimeo.com", "/", VIDEO),
    ("tiktok.com", "/", VIDEO),
    ("bilibili.com", "/", VIDEO),
    ("instagram.com", "/", VIDEO),
    ("facebook.com", "/", VIDEO),
    ("soundcloud.com", "/", VIDEO),
    ("open.spotify.com", "/", VIDEO),
    ("1drv.ms", "/", UPLOAD),
    ("onedrive.live.com", "/", UPLOAD),
    ("sharepoint.com", "/:", UPLOAD),
    ("icloud.com", "/", UPLOAD),
    ("wetransfer.com", "/", UPLOAD),
    ("we.tl", "/", UPLOAD),
    ("mega.nz", "/", UPLOAD),
    ("box.com", "/s/", UPLOAD),
    ("pan.baidu.com", "/", UPLOAD),
    ("aliyundrive.com", "/", UPLOAD),
    ("alipan.com", "/", UPLOAD),
    ("kdocs.cn", "/", UPLOAD),
    ("feishu.cn", "/", UPLOAD),
];

const DRIVE: &str =
    "share the file itself, and give https://drive.google.com/uc?export=download&id=ID";
const VIDEO: &str = "it shows the film, and is none: give the recording's own file";
const UPLOAD: &str = "put the file where everybody can fetch it, or beside the manifest";

/// Endings of files that are never taken as a portrait or a recording.
const NEVER: [&str; 30] = [
    "heic", "heif", "tif", "tiff", "bmp", "svg", "psd", "pdf", "jxl", "dng", "cr2", "nef", "flac",
    "wma", "aif", "aiff", "amr", "caf", "webm", "mid", "doc", "docx", "zip", "html", "htm", "mov",
    "mkv", "avi", "wmv", "txt",
];

/// The code of a remark about a page that shows a file.
pub const SHARE_PAGE: &str = "share_page";
/// The code of a remark about a name that only some machines reach.
pub const PRIVATE: &str = "private_address";

/// All that is to be said of an address. `local` is whether the API reaches what this machine does.
#[must_use]
pub fn of_address(address: &str, role: Role, local: bool) -> Vec<Remark> {
    let Ok(url) = Url::parse(address) else { return Vec::new() };
    // Numbers are judged by where the API is, which may be inside, too; see `commands::outside`.
    let named = url.domain().is_some();
    let private = (named && is_private(&url) && !local).then(private);
    private.into_iter().chain(share_page(&url)).chain(ending(&url, role)).collect()
}

fn private() -> Remark {
    let message = "it is a name on this machine or inside a private network";
    Trouble::new(PRIVATE, message, "the API cannot reach it there: publish it").into()
}

fn share_page(url: &Url) -> Option<Remark> {
    let host = url.host_str()?.to_ascii_lowercase();
    let is_at = |name: &str| {
        host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let help = if is_at("drive.google.com") {
        drive(url)?
    } else if is_at("dropbox.com") {
        dropbox(url)?
    } else if host == "github.com" {
        github(url)?
    } else {
        let mut pages = PAGES.iter();
        pages.find(|(name, path, _)| is_at(name) && url.path().starts_with(path))?.2.to_owned()
    };
    let message = format!("this is a page of {host} that shows a file, not the file");
    Some(Trouble::new(SHARE_PAGE, message, &help).into())
}

fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// `/uc?export=download` and `/thumbnail` are files.
fn drive(url: &Url) -> Option<String> {
    let id = url.path().strip_prefix("/file/d/").and_then(|rest| rest.split('/').next());
    let id = id.map(str::to_owned).or_else(|| query(url, "id").filter(|_| url.path() == "/open"));
    let page = ["/drive/", "/open", "/file/"].iter().any(|start| url.path().starts_with(start));
    page.then(|| match id {
        Some(id) if id.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => {
            format!("give https://drive.google.com/uc?export=download&id={id}")
        }
        _ => DRIVE.to_owned(),
    })
}

/// `dl=1` and `raw=1` give the file.
fn dropbox(url: &Url) -> Option<String> {
    let shared = ["/s/", "/scl/", "/sh/"].iter().any(|start| url.path().starts_with(start));
    let file = ["dl", "raw"].iter().any(|name| query(url, name).as_deref() == Some("1"));
    let page = shared && !file && url.host_str() != Some("dl.dropbox.com");
    page.then(|| "write dl=1 instead of dl=0 at its end".to_owned())
}

/// `raw=true` gives the file.
fn github(url: &Url) -> Option<String> {
    let parts: Vec<_> = url.path_segments()?.collect();
    let page = parts.get(2) == Some(&"blob") && query(url, "raw").is_none();
    page.then(|| "write /raw/ instead of /blob/".to_owned())
}

/// A server may give out another format where a query asks it to.
fn ending(url: &Url, role: Role) -> Option<Remark> {
    let name = url.path_segments()?.next_back()?.to_ascii_lowercase();
    let (_, ending) = name.rsplit_once('.')?;
    if !NEVER.contains(&ending) {
        return None;
    }
    let what = match role {
        Role::Image => "a portrait is JPG, PNG, WebP, GIF or AVIF",
        Role::Audio => "a recording is MP3, WAV, OGG, M4A or AAC",
    };
    let message = format!("it ends in .{ending}, and {what}");
    let help =
        "convert it, or look whether the link is the right one; if it is, `check --probe` shows it";
    Some(match url.query() {
        None => Trouble::new("format", message, help).into(),
        Some(_) => Remark::warning("format", message, help),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fitness::Weight;

    fn codes(url: &str, local: bool) -> Vec<String> {
        let remarks = of_address(url, Role::Image, local);
        remarks.into_iter().map(|remark| remark.code).collect()
    }

    fn help(url: &str) -> String {
        let mut remarks = of_address(url, Role::Audio, false);
        assert_eq!(remarks.len(), 1, "{url}: {remarks:?}");
        remarks.remove(0).help
    }

    #[test]
    fn what_only_this_network_reaches_is_told() {
        for url in
            ["https://localhost/a.jpg", "https://nas.local/a.jpg", "https://store.internal/a.jpg"]
        {
            assert_eq!(codes(url, false), ["private_address"], "{url}");
            assert_eq!(codes(url, true), Vec::<String>::new(), "{url}");
        }
        assert_eq!(codes("https://example.com/a.jpg", false), Vec::<String>::new());
    }

    #[test]
    fn pages_that_show_files_are_told_from_files() {
        for url in [
            "https://drive.google.com/file/d/1AbC_-9/view?usp=sharing",
            "https://drive.google.com/open?id=1AbC_-9",
            "https://drive.google.com/drive/folders/1AbC",
            "https://www.dropbox.com/s/abc/anna.jpg?dl=0",
            "https://www.dropbox.com/scl/fi/abc/anna.jpg?rlkey=x",
            "https://www.youtube.com/watch?v=abc",
            "https://youtu.be/abc",
            "https://m.youtube.com/shorts/abc",
            "https://1drv.ms/u/s!abc",
            "https://firm-my.sharepoint.com/:i:/p/anna",
            "https://github.com/o/r/blob/main/anna.jpg",
            "https://pan.baidu.com/s/1abc",
            "https://WE.TL/t-abc",
        ] {
            assert_eq!(codes(url, false), [SHARE_PAGE], "{url}");
        }
        for url in [
            "https://drive.google.com/uc?export=download&id=1AbC",
            "https://www.dropbox.com/s/abc/anna.jpg?dl=1",
            "https://www.dropbox.com/scl/fi/abc/anna.jpg?rlkey=x&raw=1",
            "https://dl.dropboxusercontent.com/s/abc/anna.jpg",
            "https://github.com/o/r/raw/main/anna.jpg",
            "https://raw.githubusercontent.com/o/r/main/anna.jpg",
            "https://notyoutube.com/watch.jpg",
            "https://firm.sharepoint.com/sites/x/anna.jpg",
        ] {
            assert_eq!(codes(url, false), Vec::<String>::new(), "{url}");
        }
        assert_eq!(
            help("https://drive.google.com/file/d/1AbC_-9/view"),
            "give https://drive.google.com/uc?export=download&id=1AbC_-9"
        );
        assert_eq!(
            help("https://www.dropbox.com/s/a/b.mp3?dl=0"),
            "write dl=1 instead of dl=0 at its end"
        );
    }

    #[test]
    fn endings_that_are_never_taken_are_told() {
        let weights = |url: &str| {
            let remarks = of_address(url, Role::Image, false);
            remarks.into_iter().map(|remark| remark.weight).collect::<Vec<_>>()
        };
        assert_eq!(weights("https://e.co/a.HEIC"), [Weight::Error]);
        assert_eq!(weights("https://e.co/a.pdf#page=1"), [Weight::Error]);
        assert_eq!(weights("https://e.co/a.MOV"), [Weight::Error]);
        assert_eq!(weights("https://e.co/a.heic?fm=jpg"), [Weight::Warning]);
        for url in
            ["https://e.co/a.jpg", "https://e.co/heic", "https://e.co/a.heic/b", "https://e.co/"]
        {
            assert_eq!(weights(url), [], "{url}");
        }
    }
}
