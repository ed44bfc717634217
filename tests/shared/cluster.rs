//! A PostgreSQL server of a test's own: own data, own socket, no port.

use std::path::{Path, PathBuf};
use std::process::Command;

use callsheet::ledger::postgres::settings::{Around, Found, Origin, Settings};
use tempfile::TempDir;

/// A server that ends with the test.
pub(crate) struct Cluster {
    folder: TempDir,
    bin: PathBuf,
}

impl Cluster {
    /// Nothing where there is no PostgreSQL: said by name, since a test cannot ignore itself.
    pub(crate) fn start(test: &str) -> Option<Self> {
        let Some(bin) = bin() else {
            assert!(std::env::var_os("CALLSHEET_NEEDS_POSTGRES").is_none(), "no PostgreSQL here");
            eprintln!("{test}: skipped, PostgreSQL (initdb, pg_ctl) is not on this machine");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("callsheet-pg").tempdir_in("/tmp").unwrap();
        let cluster = Self { folder, bin };
        if is_root() {
            let chown = Command::new("chown").arg("postgres").arg(cluster.folder.path()).status();
            assert!(chown.unwrap().success());
        }
        let initdb = ["-A", "trust", "-U", "callsheet", "-N", "-D"];
        cluster.must("initdb", &initdb);
        // What we set must hold also where the server's own setting would lose commits.
        cluster.set("fsync = on\nsynchronous_commit = off\nwal_writer_delay = 10s\n");
        cluster.go_on();
        Some(cluster)
    }

    pub(crate) fn url(&self) -> String {
        format!("host={} user=callsheet dbname=postgres", self.folder.path().display())
    }

    /// Where it listens.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join(".s.PGSQL.5432")
    }

    /// What it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Adds to its configuration; the last one wins.
    pub(crate) fn set(&self, lines: &str) {
        let socket = self.folder.path().display();
        let text = format!("listen_addresses = ''\nunix_socket_directories = '{socket}'\n{lines}");
        std::fs::write(self.data().join("postgresql.auto.conf"), text).unwrap();
    }

    pub(crate) fn go_on(&self) {
        let log = self.folder.path().join("log");
        self.must("pg_ctl", &["-w", "-t", "60", "-l", log.to_str().unwrap(), "start", "-D"]);
    }

    /// As by a power cut of the server alone: nothing that was not written is.
    pub(crate) fn halt(&self) {
        self.must("pg_ctl", &["-w", "-m", "immediate", "stop", "-D"]);
    }

    pub(crate) fn end(&self) {
        self.must("pg_ctl", &["-w", "-m", "fast", "stop", "-D"]);
    }

    /// A copy of its data, while it is stopped.
    pub(crate) fn save(&self) {
        self.copy("data", "saved");
    }

    /// An older database in its place.
    pub(crate) fn restore(&self) {
        std::fs::remove_dir_all(self.data()).unwrap();
        self.copy("saved", "data");
    }

    fn copy(&self, from: &str, to: &str) {
        let [from, to] = [from, to].map(|name| self.folder.path().join(name));
        let copied = Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(copied.success());
    }

    pub(crate) fn reload(&self) {
        self.must("pg_ctl", &["reload", "-D"]);
    }

    /// PgBouncer before it, in transaction mode with two connections to the server.
    pub(crate) fn pooler(&self, test: &str) -> Option<Pooler> {
        let program =
            ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].iter().find(|at| Path::new(at).is_file());
        let Some(program) = program else {
            assert!(std::env::var_os("CALLSHEET_NEEDS_POSTGRES").is_none(), "no PgBouncer here");
            eprintln!("{test}: skipped, PgBouncer is not on this machine");
            return None;
        };
        let server = self.folder.path().display();
        let folder = self.folder.path().join("data/pooler");
        let text = format!(
            "[databases]\npostgres = host={server} user=callsheet\n[pgbouncer]\nauth_type = any\n\
            listen_port = 6432\nunix_socket_dir = {}\npool_mode = transaction\ndefault_pool_size = 2\n\
            logfile = {}/log\n",
            folder.display(),
            folder.display(),
        );
        std::fs::create_dir(&folder).unwrap();
        let ini = folder.join("ini");
        std::fs::write(&ini, text).unwrap();
        if is_root() {
            let chown = Command::new("chown").args(["-R", "postgres"]).arg(&folder).status();
            assert!(chown.unwrap().success());
        }
        let child = self.command(program).arg(&ini).stderr(std::process::Stdio::null()).spawn();
        let pooler = Pooler { child: child.unwrap(), folder };
        let socket = pooler.folder.join(".s.PGSQL.6432");
        for _ in 0..200 {
            if socket.exists() {
                return Some(pooler);
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        panic!("PgBouncer did not start");
    }

    /// On a port, with a certificate for `localhost`: the port, and the file that vouches for it.
    pub(crate) fn with_tls(&self, test: &str) -> Option<(u16, String)> {
        let [key, roots] = ["server.key", "server.crt"].map(|name| self.data().join(name));
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
        openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        openssl.arg("-keyout").arg(&key).arg("-out").arg(&roots);
        if !openssl.output().is_ok_and(|done| done.status.success()) {
            eprintln!("{test}: skipped, openssl is not on this machine");
            return None;
        }
        if is_root() {
            let chown = Command::new("chown").arg("postgres").args([&key, &roots]).status();
            assert!(chown.unwrap().success());
        }
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        self.end();
        self.set(&format!("listen_addresses = '127.0.0.1'\nport = {port}\nssl = on\n"));
        self.go_on();
        Some((port, roots.display().to_string()))
    }

    /// With this file it starts as a standby.
    pub(crate) fn standby(&self) -> PathBuf {
        self.data().join("standby.signal")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn must(&self, program: &str, args: &[&str]) {
        let done = self.command(program).args(args).arg(self.data()).output().unwrap();
        let log = self.log();
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{program} {args:?}: {error}\n{log}");
    }

    /// PostgreSQL does not run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if !is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = self.command("pg_ctl");
        let _ = stop.args(["-w", "-m", "immediate", "stop", "-D"]).arg(self.data()).output();
    }
}

/// A pooler that ends with the test.
pub(crate) struct Pooler {
    child: std::process::Child,
    folder: PathBuf,
}

impl Pooler {
    pub(crate) fn url(&self) -> String {
        format!("host={} port=6432 user=callsheet dbname=postgres", self.folder.display())
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn bin() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let mut folders = std::env::split_paths(&path).chain(debian);
    folders.find(|folder| Path::new(folder).join("initdb").is_file())
}

/// What one query says, as text.
pub(crate) async fn ask(url: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driver = tokio::spawn(connection);
    let rows = client.simple_query(sql).await.unwrap();
    driver.abort();
    let rows = rows.iter().filter_map(|message| match message {
        tokio_postgres::SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    rows.map(|row| (0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect()).collect()
}

/// The first value of the first row.
pub(crate) async fn one(url: &str, sql: &str) -> String {
    ask(url, sql).await.swap_remove(0).swap_remove(0).unwrap_or_default()
}

/// A computer on which nothing is set.
struct Bare;

impl Around for Bare {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> Option<Found> {
        None
    }

    fn user(&self) -> Option<String> {
        None
    }

    fn home(&self) -> Option<PathBuf> {
        None
    }
}

/// How the database there is reached.
pub(crate) fn settings(url: &str) -> Settings {
    Settings::find(url, Origin::Manifest, &Bare).unwrap()
}
