//! Finds a secret in what others say, in every spelling that servers give it.
//!
//! A server that echoes what it was sent may write it as JSON does (`\/`, `\u002f`), as a URL does
//! (`%2F`, `%252F`) or as HTML does (`&#47;`, `&#x2f;`, `&amp;`), each character as it likes. A
//! secret may also be cut off by the end of what there is; from four characters on it is one.

/// From how many characters on the start of a secret counts as one, at the end of a text.
const TELLING: usize = 4;

/// The spellings of one printable ASCII character, other than itself.
const SPELLINGS: &[Spelling] = &[
    Spelling { lead: "\\u00", radix: 16, most: 2, end: "" },
    Spelling { lead: "\\x", radix: 16, most: 2, end: "" },
    Spelling { lead: "%u00", radix: 16, most: 2, end: "" },
    Spelling { lead: "%", radix: 16, most: 2, end: "" },
    Spelling { lead: "%25", radix: 16, most: 2, end: "" },
    Spelling { lead: "%2525", radix: 16, most: 2, end: "" },
    Spelling { lead: "\\u0025", radix: 16, most: 2, end: "" },
    Spelling { lead: "&#x", radix: 16, most: 8, end: ";" },
    Spelling { lead: "&#", radix: 10, most: 8, end: ";" },
    Spelling { lead: "&amp;#x", radix: 16, most: 8, end: ";" },
    Spelling { lead: "&amp;#", radix: 10, most: 8, end: ";" },
];

/// The characters of HTML that have names.
const NAMED: &[(u8, &str)] = &[
    (b'&', "&amp;"),
    (b'<', "&lt;"),
    (b'>', "&gt;"),
    (b'"', "&quot;"),
    (b'\'', "&apos;"),
    (b'/', "&sol;"),
    (b'+', "&plus;"),
    (b'=', "&equals;"),
];

struct Spelling {
    lead: &'static str,
    radix: u32,
    /// The most digits; HTML allows zeros in front.
    most: usize,
    end: &'static str,
}

/// What stands at a place of a text.
enum Found {
    /// The secret, up to here.
    Whole(usize),
    /// The start of it, up to the end of the text.
    CutOff,
    Nothing,
}

/// The text with `***` for every occurrence of the secret, which is printable ASCII.
pub(super) fn remove(secret: &[u8], text: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        match find(secret, text, at) {
            Found::Whole(end) => {
                clean.extend_from_slice(b"***");
                at = end;
            }
            Found::CutOff => {
                clean.extend_from_slice(b"***");
                return clean;
            }
            Found::Nothing => {
                clean.push(text[at]);
                at += 1;
            }
        }
    }
    clean
}

/// Whether the secret is in the text, or its start at the end.
pub(super) fn is_in(secret: &[u8], text: &[u8]) -> bool {
    (0..text.len()).any(|at| !matches!(find(secret, text, at), Found::Nothing))
}

/// Whether the whole secret is in the text.
pub(super) fn shows(secret: &[u8], text: &[u8]) -> bool {
    (0..text.len()).any(|at| matches!(find(secret, text, at), Found::Whole(_)))
}

/// Follows all spellings at once: what is a spelling of one character may also be three others.
fn find(secret: &[u8], text: &[u8], at: usize) -> Found {
    // Most places are at once seen to be none.
    if secret.first() != text.get(at) && !matches!(text[at], b'\\' | b'%' | b'&') {
        return Found::Nothing;
    }
    let mut places = vec![at];
    for (known, character) in secret.iter().enumerate() {
        let mut next = Vec::new();
        for place in places {
            let rest = &text[place..];
            if known >= TELLING && is_cut_spelling(*character, rest) {
                return Found::CutOff;
            }
            next.extend(spelled(*character, rest).into_iter().map(|length| place + length));
        }
        next.sort_unstable();
        next.dedup();
        places = next;
        if places.is_empty() {
            return Found::Nothing;
        }
    }
    Found::Whole(places.last().copied().unwrap_or(at))
}

/// The lengths of the spellings of a character that a text begins with.
pub(super) fn spelled(character: u8, text: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    match text {
        [first, ..] if *first == character => lengths.push(1),
        // As JSON may write a slash, a quote or a backslash.
        [b'\\', second, ..] if *second == character => lengths.push(2),
        [b'\\' | b'%' | b'&', ..] => {}
        _ => return lengths,
    }
    let coded = SPELLINGS.iter().filter_map(|spelling| spelling.length(character, text));
    let named =
        NAMED.iter().filter(|(of, name)| *of == character && text.starts_with(name.as_bytes()));
    lengths.extend(coded.chain(named.map(|(_, name)| name.len())));
    lengths
}

impl Spelling {
    /// How long this spelling of the character is, if the text begins with it.
    fn length(&self, character: u8, text: &[u8]) -> Option<usize> {
        let digits = strip(text, self.lead)?;
        let count = digits.iter().take(self.most).take_while(|byte| self.is_digit(**byte)).count();
        let fits = self.end.is_empty() && count == self.most || !self.end.is_empty() && count > 0;
        let value = std::str::from_utf8(&digits[..count]).ok()?;
        let value = u32::from_str_radix(value, self.radix).ok()?;
        let ends = digits[count..].starts_with(self.end.as_bytes());
        let length = self.lead.len() + count + self.end.len();
        (fits && ends && value == u32::from(character)).then_some(length)
    }

    /// Whether the text may be this spelling of a character, were it longer.
    fn is_started_by(&self, text: &[u8]) -> bool {
        let lead = text.len().min(self.lead.len());
        let begins = text[..lead].eq_ignore_ascii_case(&self.lead.as_bytes()[..lead]);
        let digits = &text[lead..];
        begins && digits.len() <= self.most && digits.iter().all(|byte| self.is_digit(*byte))
    }

    fn is_digit(&self, byte: u8) -> bool {
        char::from(byte).is_digit(self.radix)
    }
}

/// Whether a text ends where the next character of the secret should come, or within a spelling.
fn is_cut_spelling(character: u8, text: &[u8]) -> bool {
    let named = |(of, name): &(u8, &str)| *of == character && name.as_bytes().starts_with(text);
    text.is_empty()
        || SPELLINGS.iter().any(|spelling| spelling.is_started_by(text))
        || NAMED.iter().any(named)
}

fn strip<'a>(text: &'a [u8], lead: &str) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(lead.len())?;
    head.eq_ignore_ascii_case(lead.as_bytes()).then_some(rest)
}
