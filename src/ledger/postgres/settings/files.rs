//! The two files that libpq's users have: `~/.pgpass` and `~/.pg_service.conf`.

/// The settings of a service, if the file has it.
pub(super) fn service_in(text: &str, service: &str) -> Option<Vec<(String, String)>> {
    let lines =
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let is_header = |line: &&str| line.starts_with('[');
    let header = format!("[{service}]");
    let mut section = lines.skip_while(|line| *line != header);
    section.next()?;
    let settings =
        section.take_while(|line| !is_header(line)).filter_map(|line| line.split_once('='));
    Some(settings.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect())
}

/// The password of the first line that fits: host, port, database, user.
pub(super) fn password_in(text: &str, wanted: [&str; 4]) -> Option<String> {
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let (password, names) = fields.split_last().filter(|(_, names)| names.len() == 4)?;
        let fits = names.iter().zip(wanted).all(|(name, wanted)| name.is(wanted));
        (fits && !password.text.is_empty()).then(|| password.text.clone())
    })
}

/// One field of a line.
#[derive(Default)]
struct Field {
    text: String,
    /// As it stands, without a backslash before it, a star fits all.
    raw: String,
}

impl Field {
    fn is(&self, wanted: &str) -> bool {
        self.raw == "*" || self.text == wanted
    }
}

/// Five at most: a colon in the last one needs no backslash.
fn fields(line: &str) -> Vec<Field> {
    let mut fields = vec![Field::default()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        let last = fields.len() == 5;
        let Some(field) = fields.last_mut() else { break };
        match letter {
            ':' if !last => fields.push(Field::default()),
            '\\' => {
                field.raw.push(letter);
                field.text.extend(letters.next());
            }
            letter => {
                field.text.push(letter);
                field.raw.push(letter);
            }
        }
    }
    fields
}
