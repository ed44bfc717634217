//! The two ways to write where a database is: a URL, and key=value with quotes.

use std::collections::BTreeMap;

use super::SettingsError;

/// What can be set.
const KNOWN: [&str; 12] = [
    "application_name",
    "connect_timeout",
    "dbname",
    "host",
    "passfile",
    "password",
    "port",
    "service",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "user",
];

/// Settings by their names.
#[derive(Default)]
pub(super) struct Given(BTreeMap<&'static str, String>);

impl Given {
    pub(super) fn parse(text: &str) -> Result<Self, SettingsError> {
        let rest =
            ["postgres://", "postgresql://"].iter().find_map(|begin| text.strip_prefix(begin));
        rest.map_or_else(|| pairs(text), url)
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Looks up what is not set.
    pub(super) fn fill(&mut self, value: impl Fn(&str) -> Option<String>) {
        for key in KNOWN.into_iter().filter(|key| *key != "target_session_attrs") {
            if let Some(value) = value(key).filter(|value| !value.is_empty()) {
                self.0.entry(key).or_insert(value);
            }
        }
    }

    pub(super) fn add_missing(&mut self, key: &str, value: String) -> Result<(), SettingsError> {
        self.0.entry(known(key)?).or_insert(value);
        Ok(())
    }

    /// What stands later in a text wins.
    fn set(&mut self, key: &str, value: String) -> Result<(), SettingsError> {
        let key = known(key)?;
        // Nothing else is of use to a ledger, and it is seen to anyway.
        if key == "target_session_attrs" && value != "read-write" && value != "primary" {
            let expected = "read-write: a ledger is written";
            return Err(SettingsError::Value { name: key, expected });
        }
        // As libpq has it, an empty value is none.
        if value.is_empty() {
            self.0.remove(key)
        } else {
            self.0.insert(key, value)
        };
        Ok(())
    }
}

fn known(key: &str) -> Result<&'static str, SettingsError> {
    let known = KNOWN.into_iter().find(|known| *known == key);
    // The text may be a password that was put in the wrong place.
    let shown = || key.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(24).collect();
    known.ok_or_else(|| SettingsError::Unknown(shown()))
}

/// What follows `postgres://`: `user:password@host:port,host:port/name?key=value&…`.
fn url(rest: &str) -> Result<Given, SettingsError> {
    let mut given = Given::default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (who, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    for (key, value) in [("user", user), ("password", password), ("dbname", name)] {
        given.set(key, decoded(value)?)?;
    }
    let split = hosts.split(',').map(host_and_port).collect::<Result<Vec<_>, _>>()?;
    let (hosts, ports): (Vec<_>, Vec<_>) = split.into_iter().unzip();
    given.set("host", decoded(&hosts.join(","))?)?;
    if ports.iter().any(|port| !port.is_empty()) {
        given.set("port", ports.join(","))?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) =
            pair.split_once('=').ok_or(SettingsError::Malformed("`=` is missing"))?;
        given.set(&decoded(key)?, decoded(value)?)?;
    }
    Ok(given)
}

fn host_and_port(text: &str) -> Result<(&str, &str), SettingsError> {
    let Some(v6) = text.strip_prefix('[') else {
        return Ok(text.split_once(':').unwrap_or((text, "")));
    };
    let (host, port) = v6.split_once(']').ok_or(SettingsError::Malformed("`]` is missing"))?;
    match port {
        "" => Ok((host, "")),
        _ => Ok((host, port.strip_prefix(':').ok_or(SettingsError::Malformed("`:` is missing"))?)),
    }
}

fn decoded(text: &str) -> Result<String, SettingsError> {
    let wrong = SettingsError::Malformed("`%` is not followed by two hexadecimal digits of UTF-8");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        bytes.push(match byte {
            b'%' => {
                let code = digit().zip(digit()).map(|(high, low)| high * 16 + low);
                code.and_then(|code| u8::try_from(code).ok()).ok_or(wrong.clone())?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong)
}

/// `key = value key='a \'quoted\' value'`.
fn pairs(text: &str) -> Result<Given, SettingsError> {
    let mut given = Given::default();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) =
            rest.split_once('=').ok_or(SettingsError::Malformed("`=` is missing"))?;
        let (value, after) = value(after.trim_start())?;
        given.set(key.trim_end(), value)?;
        rest = after.trim_start();
    }
    Ok(given)
}

/// A value, and what follows it.
fn value(text: &str) -> Result<(String, &str), SettingsError> {
    let quoted = text.strip_prefix('\'');
    let body = quoted.unwrap_or(text);
    let mut value = String::new();
    let mut rest = body.char_indices();
    while let Some((at, letter)) = rest.next() {
        match letter {
            '\\' => value.extend(rest.next().map(|(_, letter)| letter)),
            '\'' if quoted.is_some() => return Ok((value, &body[at + 1..])),
            letter if quoted.is_none() && letter.is_whitespace() => {
                return Ok((value, &body[at..]));
            }
            letter => value.push(letter),
        }
    }
    match quoted {
        Some(_) => Err(SettingsError::Malformed("a closing quote is missing")),
        None => Ok((value, "")),
    }
}
