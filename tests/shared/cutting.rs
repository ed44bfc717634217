//! A bad wire to the database: each connection breaks after a random number of bytes, in the middle of
//! whatever is on it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use fastrand::Rng;

/// What most connections never reach: a hundred megabytes.
const LONG: f64 = 8.0;
/// A start-up message and its answer, or less.
const SHORT: f64 = 2.0;

/// Lies there until the test process ends.
pub(crate) struct Wire {
    port: u16,
    cuts: Arc<AtomicUsize>,
    whole: Arc<AtomicBool>,
}

impl Wire {
    /// To the server whose socket this is; the seed says where it breaks.
    pub(crate) fn lay(socket: &Path, seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let wire = Self { port, cuts: Arc::default(), whole: Arc::default() };
        let (cuts, whole, socket) = (wire.cuts.clone(), wire.whole.clone(), socket.to_owned());
        thread::spawn(move || {
            let mut rng = Rng::with_seed(seed);
            for near in listener.incoming().flatten() {
                let cut = (!whole.load(Ordering::Relaxed)).then(|| Cut::roll(&mut rng));
                connect(near, &socket, cut.as_ref(), &cuts);
            }
        });
        wire
    }

    pub(crate) fn url(&self) -> String {
        format!("host=127.0.0.1 port={} user=callsheet dbname=postgres", self.port)
    }

    /// From now on connections last as long as their ends.
    pub(crate) fn mend(&self) {
        self.whole.store(true, Ordering::Relaxed);
    }

    /// How many connections it broke.
    pub(crate) fn cuts(&self) -> usize {
        self.cuts.load(Ordering::Relaxed)
    }
}

/// Where a connection breaks.
struct Cut {
    after: usize,
    /// Of what is asked; else of what is answered.
    asked: bool,
}

impl Cut {
    /// As many break early as late.
    fn roll(rng: &mut Rng) -> Self {
        let digits = SHORT + (LONG - SHORT) * rng.f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10² to 10⁸")]
        let after = 10_f64.powf(digits) as usize;
        Self { after, asked: rng.bool() }
    }
}

fn connect(near: TcpStream, socket: &Path, cut: Option<&Cut>, cuts: &Arc<AtomicUsize>) {
    // A server that is not there: the connection ends at once.
    let Ok(far) = UnixStream::connect(socket) else { return };
    let ends = Arc::new((near, far));
    for asked in [true, false] {
        let limit = cut.filter(|cut| cut.asked == asked).map(|cut| cut.after);
        let (ends, cuts) = (ends.clone(), cuts.clone());
        thread::spawn(move || {
            let (near, far) = &*ends;
            let is_cut = if asked { pass(near, far, limit) } else { pass(far, near, limit) };
            cuts.fetch_add(usize::from(is_cut), Ordering::Relaxed);
            let _ = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
        });
    }
}

/// Passes on so many bytes, or all until an end closes; says whether it was so many.
fn pass(mut from: impl Read, mut to: impl Write, limit: Option<usize>) -> bool {
    let (mut left, mut bytes) = (limit.unwrap_or(usize::MAX), [0; 8192]);
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let passed = read.min(left);
        if to.write_all(&bytes[..passed]).is_err() {
            return false;
        }
        left -= passed;
        if left == 0 {
            return true;
        }
    }
    false
}
