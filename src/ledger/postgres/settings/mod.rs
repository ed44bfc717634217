//! Where the database is and how to get in, from what libpq's users have: a URL or key=value text,
//! a service file, `PG…` variables, `~/.pgpass`, in that order. Pure: files and variables come
//! through [`Around`], from a [`Machine`] or from a test.

mod files;
mod machine;
mod text;

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use self::files::{password_in, service_in};
pub use self::machine::Machine;
use self::text::Given;

/// What is read of a computer to find the settings.
pub trait Around {
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
    /// A file, if it is there and can be read.
    fn file(&self, path: &Path) -> Option<Found>;
    /// The name of who runs this.
    fn user(&self) -> Option<String>;
    /// The home folder.
    fn home(&self) -> Option<PathBuf>;
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Found {
    /// What is in it.
    pub text: String,
    /// Who may read it.
    pub readers: Readers,
}

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Its owner alone.
    Owner,
    /// Its group or all.
    Others,
}

/// Where the text that names the database comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A file that people pass on.
    Manifest,
    /// Which others on the machine can see.
    CommandLine,
    /// An environment variable.
    Environment,
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// A name, an address, or the folder of a socket.
    pub host: String,
    /// Its port, which is in a socket's name too.
    pub port: u16,
}

/// Whether and how the way to the server is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// It does not leave the machine.
    Off,
    /// The server's certificate is checked, and its name.
    Verified(Roots),
}

/// Who is believed about a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// Whom browsers believe.
    Bundled,
    /// Those in a file.
    File(PathBuf),
}

/// How to get to the database.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Tried in turn, until one takes writes.
    pub servers: Vec<Server>,
    /// Who we are there.
    pub user: String,
    /// The database.
    pub database: String,
    /// If one was found.
    pub password: Option<SecretString>,
    /// How the way there is protected.
    pub tls: Tls,
    /// For each server.
    pub connect_timeout: Duration,
    /// What the server's administrators see.
    pub application_name: String,
    /// What was passed over, in words.
    pub warnings: Vec<String>,
}

/// What is wrong with the settings. Never holds the text itself, which may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Neither a URL nor key=value.
    #[error("the database is not named as a URL (postgres://host/name) or as key=value: {0}")]
    Malformed(&'static str),
    /// A setting that is not known here.
    #[error("the database setting `{0}` is not known here")]
    Unknown(String),
    /// A value that does not fit.
    #[error("the database setting `{name}` is not {expected}")]
    Value {
        /// Its name.
        name: &'static str,
        /// What is.
        expected: &'static str,
    },
    /// A password where others see it.
    #[error("there is a password in {0}; give it by PGPASSWORD, ~/.pgpass or a service file")]
    Password(Origin),
    /// No such section in the service file.
    #[error("the service `{0}` is in no service file")]
    Service(String),
    /// Plain text over a network.
    #[error(
        "`sslmode=disable` is for a server on this machine only, and `{0}` is not: what is sent \
        over a network goes by TLS, with the server's certificate checked"
    )]
    Unprotected(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifest => "the manifest",
            Self::CommandLine => "the command line, which others on the machine can see",
            Self::Environment => "the environment",
        })
    }
}

/// As Debian has it.
const SOCKETS: &str = "/var/run/postgresql";

impl Settings {
    /// Finds the settings for a database that is named so.
    ///
    /// # Errors
    /// When the text or what it leads to cannot be used.
    pub fn find(text: &str, origin: Origin, around: &dyn Around) -> Result<Self, SettingsError> {
        let mut given = Given::parse(text)?;
        if given.get("password").is_some() && origin != Origin::Environment {
            return Err(SettingsError::Password(origin));
        }
        fill_from_service(&mut given, around)?;
        given.fill(|key| around.variable(&variable(key)));
        let user = given.take("user").or_else(|| around.user()).ok_or(SettingsError::Value {
            name: "user",
            expected: "given, and the name of the user on this machine is not known",
        })?;
        let database = given.take("dbname").unwrap_or_else(|| user.clone());
        let servers = servers(&given)?;
        let mut warnings = Vec::new();
        let password = given.take("password").map(SecretString::from).or_else(|| {
            password_from_file(&given, [&user, &database], &servers[0], around, &mut warnings)
        });
        Ok(Self {
            tls: tls(&given, &servers, around)?,
            connect_timeout: connect_timeout(&given)?,
            application_name: given.take("application_name").unwrap_or("callsheet".to_owned()),
            servers,
            user,
            database,
            password,
            warnings,
        })
    }
}

/// The variable that stands for a setting.
fn variable(key: &str) -> String {
    match key {
        "dbname" => "PGDATABASE".to_owned(),
        "application_name" => "PGAPPNAME".to_owned(),
        _ => format!("PG{}", key.replace('_', "").to_ascii_uppercase())
            .replace("PGCONNECTTIMEOUT", "PGCONNECT_TIMEOUT"),
    }
}

fn fill_from_service(given: &mut Given, around: &dyn Around) -> Result<(), SettingsError> {
    let Some(service) = given.take("service").or_else(|| around.variable("PGSERVICE")) else {
        return Ok(());
    };
    let own = around.variable("PGSERVICEFILE").map(PathBuf::from);
    let own = own.or_else(|| Some(around.home()?.join(".pg_service.conf")));
    let all = around.variable("PGSYSCONFDIR").unwrap_or("/etc/postgresql-common".to_owned());
    let places = own.into_iter().chain([Path::new(&all).join("pg_service.conf")]);
    let found = places
        .filter_map(|path| around.file(&path))
        .find_map(|file| service_in(&file.text, &service));
    let section = found.ok_or(SettingsError::Service(service))?;
    for (key, value) in section {
        given.add_missing(&key, value)?;
    }
    Ok(())
}

fn password_from_file(
    given: &Given,
    [user, database]: [&str; 2],
    server: &Server,
    around: &dyn Around,
    warnings: &mut Vec<String>,
) -> Option<SecretString> {
    let named = given.get("passfile").map(PathBuf::from);
    let path = named.or_else(|| Some(around.home()?.join(".pgpass")))?;
    let file = around.file(&path)?;
    if file.readers == Readers::Others {
        let path = path.display();
        warnings.push(format!("{path} was passed over: others may read it; chmod 600 helps"));
        return None;
    }
    // As libpq has it: the usual socket goes by this name.
    let host = if server.host == SOCKETS { "localhost" } else { &server.host };
    let wanted = [host, &server.port.to_string(), database, user];
    password_in(&file.text, wanted).map(SecretString::from)
}

fn servers(given: &Given) -> Result<Vec<Server>, SettingsError> {
    let hosts = given.get("host").unwrap_or(SOCKETS).split(',');
    let ports: Vec<u16> = given
        .get("port")
        .unwrap_or_default()
        .split(',')
        .map(|port| match port {
            "" => Ok(5432),
            _ => port.parse().ok().filter(|port| *port > 0).ok_or(PORT),
        })
        .collect::<Result<_, _>>()?;
    let hosts: Vec<_> = hosts.map(|host| if host.is_empty() { SOCKETS } else { host }).collect();
    if ports.len() != 1 && ports.len() != hosts.len() {
        return Err(PORT);
    }
    let ports = ports.iter().cycle();
    let server = |(host, port): (&str, &u16)| Server { host: host.to_owned(), port: *port };
    Ok(hosts.into_iter().zip(ports).map(server).collect())
}

const PORT: SettingsError =
    SettingsError::Value { name: "port", expected: "a port, or as many as there are hosts" };

impl Server {
    /// Whether the way there does not leave the machine.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.is_socket() || self.host == "localhost" || address.is_ok_and(|at| at.is_loopback())
    }

    /// Whether it is the folder of a socket.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

/// What is asked for is never made weaker, and over a network it is made as strong as it can be.
fn tls(given: &Given, servers: &[Server], around: &dyn Around) -> Result<Tls, SettingsError> {
    let far = servers.iter().find(|server| !server.is_local());
    match (given.get("sslmode"), far) {
        (Some("disable"), Some(far)) => Err(SettingsError::Unprotected(far.host.clone())),
        (None | Some("disable" | "allow" | "prefer"), None) => Ok(Tls::Off),
        (None | Some("allow" | "prefer" | "require" | "verify-ca" | "verify-full"), _) => {
            Ok(Tls::Verified(roots(given, around)))
        }
        _ => Err(SettingsError::Value {
            name: "sslmode",
            expected: "disable, allow, prefer, require, verify-ca or verify-full",
        }),
    }
}

fn roots(given: &Given, around: &dyn Around) -> Roots {
    match given.get("sslrootcert") {
        Some("system") => Roots::Bundled,
        Some(path) => Roots::File(path.into()),
        None => {
            let usual = around.home().map(|home| home.join(".postgresql/root.crt"));
            let usual = usual.filter(|path| around.file(path).is_some());
            usual.map_or(Roots::Bundled, Roots::File)
        }
    }
}

fn connect_timeout(given: &Given) -> Result<Duration, SettingsError> {
    let expected = "a whole number of seconds above zero";
    let wrong = SettingsError::Value { name: "connect_timeout", expected };
    let Some(seconds) = given.get("connect_timeout") else { return Ok(Duration::from_secs(10)) };
    let seconds = seconds.parse().ok().filter(|seconds| *seconds > 0).ok_or(wrong)?;
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests;
