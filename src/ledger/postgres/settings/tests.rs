//! Tables of what people write, and what libpq makes of it.

use std::collections::HashMap;

use secrecy::ExposeSecret;

use super::*;

#[derive(Default)]
struct Desk {
    variables: HashMap<&'static str, &'static str>,
    files: HashMap<&'static str, (&'static str, Option<Readers>)>,
}

impl Around for Desk {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| (*value).to_owned())
    }

    fn file(&self, path: &Path) -> Option<Found> {
        let (text, readers) = self.files.get(path.to_str()?)?;
        Some(Found { text: (*text).to_owned(), readers: readers.unwrap_or(Readers::Owner) })
    }

    fn user(&self) -> Option<String> {
        Some("anna".to_owned())
    }

    fn home(&self) -> Option<PathBuf> {
        Some("/home/anna".into())
    }
}

fn find(text: &str, desk: &Desk) -> Result<Settings, SettingsError> {
    Settings::find(text, Origin::Environment, desk)
}

/// In one line, to compare.
fn shown(settings: &Settings) -> String {
    let Settings { servers, user, database, password, tls, .. } = settings;
    let servers: Vec<_> =
        servers.iter().map(|Server { host, port }| format!("{host}:{port}")).collect();
    let password = password.as_ref().map_or("-", |password| password.expose_secret());
    let tls = match tls {
        Tls::Off => "off".to_owned(),
        Tls::Verified(Roots::Bundled) => "bundled".to_owned(),
        Tls::Verified(Roots::File(path)) => path.display().to_string(),
    };
    format!("{} {user} {password} {database} {tls}", servers.join(","))
}

#[test]
fn urls_and_keys_are_read_as_libpq_reads_them() {
    for (text, expected) in [
        ("postgres://", "/var/run/postgresql:5432 anna - anna off"),
        ("", "/var/run/postgresql:5432 anna - anna off"),
        ("postgresql://db.example.org/calls", "db.example.org:5432 anna - calls bundled"),
        ("postgres://bo:p%40ss:w@db:6432/calls", "db:6432 bo p@ss:w calls bundled"),
        ("postgres://bo@[::1]:6432/calls", "::1:6432 bo - calls off"),
        ("postgres://a,b:7/calls", "a:5432,b:7 anna - calls bundled"),
        ("postgres:///calls?host=/tmp/s&port=7", "/tmp/s:7 anna - calls off"),
        ("postgres://%2Ftmp%2Fs/calls", "/tmp/s:5432 anna - calls off"),
        ("postgres://db/calls?sslmode=verify-full&sslrootcert=/ca", "db:5432 anna - calls /ca"),
        ("postgres://db/?sslmode=require&sslrootcert=system", "db:5432 anna - anna bundled"),
        ("postgres://db/?sslmode=prefer", "db:5432 anna - anna bundled"),
        ("postgres://localhost/?sslmode=require", "localhost:5432 anna - anna bundled"),
        ("host=db user = bo dbname='my \\'calls\\''", "db:5432 bo - my 'calls' bundled"),
        ("host=127.0.0.1 password=a\\ b", "127.0.0.1:5432 anna a b anna off"),
        ("host=a,b port=1,2", "a:1,b:2 anna - anna bundled"),
        ("user=x user=bo user=", "/var/run/postgresql:5432 anna - anna off"),
    ] {
        assert_eq!(
            find(text, &Desk::default()).map(|s| shown(&s)),
            Ok(expected.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    for (text, expected) in [
        ("db.example.org", "`=` is missing"),
        ("host='db", "closing quote"),
        ("postgres://[::1/x", "`]` is missing"),
        ("postgres://db/%zz", "hexadecimal"),
        ("postgres://db/%ff", "UTF-8"),
        ("postgres://db/?options=-c", "`options` is not known"),
        ("host=db port=0", "`port`"),
        ("host=db port=1,2", "`port`"),
        ("host=db sslmode=on", "`sslmode`"),
        ("host=db sslmode=disable", "`db` is not"),
        ("host=localhost,db sslmode=disable", "`db` is not"),
        ("host=db connect_timeout=0", "`connect_timeout`"),
        ("host=db target_session_attrs=any", "read-write"),
        ("service=none", "`none`"),
    ] {
        let refused = find(text, &Desk::default()).map(|s| shown(&s)).unwrap_err().to_string();
        assert!(refused.contains(expected), "{text}: {refused}");
    }
}

#[test]
fn a_password_stands_nowhere_where_others_see_it() {
    for text in [
        "postgres://bo:secret@db/calls",
        "host=db password=secret",
        "postgres://db/?password=secret",
    ] {
        for origin in [Origin::Manifest, Origin::CommandLine] {
            let refused = Settings::find(text, origin, &Desk::default()).map(drop).unwrap_err();
            assert_eq!(refused, SettingsError::Password(origin));
        }
        let settings = find(text, &Desk::default()).unwrap();
        assert!(!format!("{settings:?}").contains("secret"), "{settings:?}");
    }
    let unknown = find("postgres://db/?S3CRET=1", &Desk::default()).map(drop).unwrap_err();
    assert!(!unknown.to_string().contains("S3CRET"));
}

#[test]
fn variables_fill_in_what_is_not_said() {
    let variables = HashMap::from([
        ("PGHOST", "db"),
        ("PGPORT", "6432"),
        ("PGUSER", "bo"),
        ("PGDATABASE", "calls"),
        ("PGPASSWORD", "secret"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "/ca"),
        ("PGCONNECT_TIMEOUT", "3"),
        ("PGAPPNAME", "night"),
    ]);
    let desk = Desk { variables, ..Desk::default() };
    let settings = find("", &desk).unwrap();
    assert_eq!(shown(&settings), "db:6432 bo secret calls /ca");
    assert_eq!(
        (settings.connect_timeout, &*settings.application_name),
        (Duration::from_secs(3), "night")
    );
    assert_eq!(shown(&find("postgres://c:1/x", &desk).unwrap()), "c:1 bo secret x /ca");
    // A password in a variable is no password in the manifest.
    assert!(Settings::find("host=c", Origin::Manifest, &desk).is_ok());
}

#[test]
fn a_service_stands_between_the_text_and_the_variables() {
    let text = "# ours\n[other]\nhost=no\n[night]\nhost = db\nuser=bo\n\n[more]\nport=1\n";
    let files = HashMap::from([("/home/anna/.pg_service.conf", (text, None))]);
    let variables = HashMap::from([("PGUSER", "cy"), ("PGPORT", "7"), ("PGSERVICE", "night")]);
    let desk = Desk { variables, files };
    assert_eq!(shown(&find("", &desk).unwrap()), "db:7 bo - bo bundled");
    assert_eq!(shown(&find("user=di", &desk).unwrap()), "db:7 di - di bundled");
    assert_eq!(shown(&find("service=more host=x", &desk).unwrap()), "x:1 cy - cy bundled");
}

#[test]
fn the_password_file_is_matched_line_by_line() {
    let text = "# *:*:*:*:no\ndb:5432:calls:bo\ndb:5432:ca\\:lls:bo:with:colon\n\
        localhost:*:*:anna:by\\:socket\ndb:*:\\*:bo:starred\n*:*:*:eve:\n*:*:*:*:rest\n";
    let files = HashMap::from([("/home/anna/.pgpass", (text, None))]);
    let desk = Desk { files, ..Desk::default() };
    for (text, expected) in [
        ("host=db user=bo dbname=ca:lls", "with:colon"),
        ("", "by:socket"),
        ("host=db user=bo dbname=*", "starred"),
        ("host=db user=bo dbname=calls", "rest"),
        ("host=db user=eve", "rest"),
        ("host=db password=own", "own"),
    ] {
        let password = find(text, &desk).unwrap().password.unwrap();
        assert_eq!(password.expose_secret(), expected, "{text}");
    }
}

#[test]
fn a_password_file_that_others_may_read_is_passed_over_and_told() {
    let files = HashMap::from([("/home/anna/.pgpass", ("*:*:*:*:rest", Some(Readers::Others)))]);
    let settings = find("", &Desk { files, ..Desk::default() }).unwrap();
    assert!(settings.password.is_none());
    assert!(settings.warnings[0].contains("/home/anna/.pgpass was passed over"), "{settings:?}");
    let files = HashMap::from([("/p", ("*:*:*:*:mine", None))]);
    let variables = HashMap::from([("PGPASSFILE", "/p")]);
    assert!(find("", &Desk { files, variables }).unwrap().password.is_some());
}
