//! A PostgreSQL server of a test's own: own data, own socket, no port.

use std::path::{Path, PathBuf};
use std::process::Command;

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

    /// With this file it starts as a standby.
    pub(crate) fn standby(&self) -> PathBuf {
        self.data().join("standby.signal")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn must(&self, program: &str, args: &[&str]) {
        let done = self.command(program).args(args).arg(self.data()).output().unwrap();
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
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
