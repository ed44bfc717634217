//! A file on its way out: read piece by piece, and never sent to the end if it is not the file that
//! was measured.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::{Stream, stream};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::files;
use crate::pair::MediaUrl;
use crate::wire::{FileType, UploadError};

/// Where a file is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// What goes into the create. Its query may hold a signature.
    pub url: MediaUrl,
    /// Until when it can be fetched there; counted from before it was sent.
    pub until: Timestamp,
}

/// How much of a file is in memory at once, in bytes.
const PIECE: usize = 64 * 1024;
/// How long any upload may take, however small.
const LEAST_TIMEOUT: Duration = Duration::from_secs(120);
/// The slowest connection that is waited for, in bytes a second.
const SLOWEST: u64 = 100_000;

/// A file that is to be stored, as it was when it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    path: PathBuf,
    kind: FileType,
    size: u64,
    sha256: String,
}

impl Upload {
    /// Reads the whole file; blocks meanwhile.
    ///
    /// # Errors
    /// When it cannot be read, is no file, or has nothing in it.
    pub fn measure(path: &Path, kind: FileType) -> io::Result<Self> {
        let unfit = |reason| Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        // A pipe could be waited for without end, so it is not even opened.
        if !std::fs::metadata(path)?.is_file() {
            return unfit("this is not a file");
        }
        let mut file = File::open(path)?;
        let size = file.metadata()?.len();
        if size == 0 {
            return unfit("the file is empty");
        }
        let sha256 = files::sha256(&mut file)?;
        Ok(Self { path: path.to_owned(), kind, size, sha256 })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// In bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Of its bytes, in hexadecimal: the same for the same content, wherever it is.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    pub(super) fn kind(&self) -> FileType {
        self.kind
    }

    /// What it is called where it is stored. The user's name for it is nobody's business, and could
    /// have anything in it.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.sha256, self.kind.ending())
    }

    /// How long handing it over may take.
    pub(super) fn timeout(&self) -> Duration {
        LEAST_TIMEOUT + Duration::from_secs(self.size / SLOWEST)
    }
}

/// What turned out to be wrong with the file while it was sent, if anything did. The HTTP library
/// may call that a broken connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Fault(Arc<OnceLock<UploadError>>);

impl Fault {
    /// The file's own fault, or nothing.
    pub(super) fn take(&self) -> Result<(), UploadError> {
        self.0.get().cloned().map_or(Ok(()), Err)
    }

    fn note(&self, code: &str, message: String) -> io::Error {
        let error = io::Error::other(message.clone());
        let _ = self.0.set(UploadError::refused(code, message));
        error
    }
}

/// A file that is being sent.
struct Reading {
    file: tokio::fs::File,
    left: u64,
    digest: Sha256,
    expected: String,
    fault: Fault,
}

/// Opens a file to send it.
pub(super) async fn open(
    upload: &Upload,
    fault: &Fault,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>, UploadError> {
    let file = tokio::fs::File::open(&upload.path).await.map_err(|error| {
        UploadError::refused("file_unreadable", format!("the file cannot be read: {error}"))
    })?;
    let reading = Reading {
        file,
        left: upload.size,
        digest: Sha256::new(),
        expected: upload.sha256.clone(),
        fault: fault.clone(),
    };
    Ok(stream::try_unfold(reading, async |mut reading: Reading| {
        Ok(reading.next().await?.map(|piece| (piece, reading)))
    }))
}

impl Reading {
    /// The next piece. The last is kept back unless all of it is what was measured: a server does
    /// not take a body that is too short.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let mut piece = BytesMut::with_capacity(most);
        let read = (&mut self.file).take(most as u64).read_buf(&mut piece).await;
        let read = read.map_err(|error| {
            self.fault.note("file_unreadable", format!("the file cannot be read: {error}"))
        })?;
        self.digest.update(&piece);
        self.left -= read as u64;
        let ended = read == 0 || self.left == 0;
        if ended && files::hexadecimal(&self.digest.clone().finalize()) != self.expected {
            let message = "the file has changed since it was looked at".to_owned();
            return Err(self.fault.note("file_changed", message));
        }
        Ok(Some(piece.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use futures::StreamExt;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn all(upload: &Upload, fault: &Fault) -> Vec<io::Result<Bytes>> {
        run(async { open(upload, fault).await.unwrap().collect().await })
    }

    #[test]
    fn a_file_goes_out_in_pieces_and_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("Anna at home.WAV");
        let bytes: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let upload = Upload::measure(&path, FileType::Wav).unwrap();
        assert_eq!(upload.size(), 200_000);
        assert_eq!(upload.name(), format!("{}.wav", upload.sha256()));
        assert_eq!(upload.timeout(), Duration::from_secs(122));
        let fault = Fault::default();
        let pieces: Vec<_> = all(&upload, &fault).into_iter().map(Result::unwrap).collect();
        assert!(pieces.len() >= 4 && pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(pieces.concat(), bytes);
        assert_eq!(fault.take(), Ok(()));
    }

    #[test]
    fn a_file_that_has_changed_is_never_sent_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        let before = vec![7; 100_000];
        let mut other = before.clone();
        other[3] = 8;
        let message = "the file has changed since it was looked at";
        for after in [&other[..], &before[..70_000], &[]] {
            fs::write(&path, &before).unwrap();
            let upload = Upload::measure(&path, FileType::Jpeg).unwrap();
            fs::write(&path, after).unwrap();
            let fault = Fault::default();
            let pieces = all(&upload, &fault);
            assert!(pieces.last().unwrap().is_err());
            let sent: usize = pieces.iter().flatten().map(Bytes::len).sum();
            assert!(sent < before.len(), "{sent} bytes went out");
            assert_eq!(fault.take(), Err(UploadError::refused("file_changed", message)));
        }
    }

    #[test]
    fn a_file_that_is_gone_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, "x").unwrap();
        let upload = Upload::measure(file.path(), FileType::Jpeg).unwrap();
        drop(file);
        let error = run(open(&upload, &Fault::default())).err().unwrap();
        assert!(matches!(error, UploadError::Refused { code, .. } if code == "file_unreadable"));
    }

    #[test]
    fn what_is_no_file_is_not_measured() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Upload::measure(folder.path(), FileType::Jpeg).is_err());
        assert!(Upload::measure(&folder.path().join("none.jpg"), FileType::Jpeg).is_err());
        let empty = folder.path().join("empty.jpg");
        fs::write(&empty, "").unwrap();
        let error = Upload::measure(&empty, FileType::Jpeg).unwrap_err();
        assert_eq!(error.to_string(), "the file is empty");
    }
}
