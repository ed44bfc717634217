//! The containers that are open, and what is in them so far.

use super::Value;
use super::room::{Room, is_wanted};

/// How deep values are kept.
const DEPTH: usize = 32;
/// How many values of one container are kept.
const ITEMS: usize = 512;
/// How long the names that are kept are, in bytes.
const NAME: usize = 256;

/// What a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// An array.
    List,
    /// An object.
    Map,
}

#[derive(Debug)]
enum Frame {
    List(Vec<Value>),
    /// The name that waits for its value, if it is one that is kept.
    Map(Vec<(String, Value)>, Option<String>),
}

impl Frame {
    fn value(self) -> Value {
        match self {
            Self::List(items) => Value::List(items),
            Self::Map(entries, _) => Value::Map(entries),
        }
    }

    fn put(&mut self, value: Option<Value>) {
        match (self, value) {
            (Self::List(items), Some(value)) => items.push(value),
            (Self::Map(entries, name), value) => {
                entries.extend(name.take().zip(value));
            }
            (Self::List(_), None) => {}
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    open: Vec<Frame>,
    first: Option<Value>,
}

impl Tree {
    /// The innermost container.
    pub(super) fn inside(&self) -> Option<Kind> {
        self.open.last().map(|frame| match frame {
            Frame::List(_) => Kind::List,
            Frame::Map(..) => Kind::Map,
        })
    }

    pub(super) fn is_deep(&self) -> bool {
        self.open.len() >= DEPTH
    }

    pub(super) fn open(&mut self, kind: Kind) {
        self.open.push(match kind {
            Kind::List => Frame::List(Vec::new()),
            Kind::Map => Frame::Map(Vec::new(), None),
        });
    }

    pub(super) fn close(&mut self) -> Option<Value> {
        self.open.pop().map(Frame::value)
    }

    /// Of the value that comes next in the innermost object.
    pub(super) fn name(&mut self, name: Option<Result<String, String>>) {
        if let Some(Frame::Map(_, waits)) = self.open.last_mut() {
            *waits = name.and_then(Result::ok).filter(|name| name.len() <= NAME);
        }
    }

    pub(super) fn put(&mut self, value: Option<Value>) {
        match self.open.last_mut() {
            Some(frame) => frame.put(value),
            None => self.first = value,
        }
    }

    /// Whether the value that comes next is kept. Of two with one name the first is.
    pub(super) fn takes(&self, room: &Room) -> bool {
        match self.open.last() {
            None => true,
            Some(Frame::List(items)) => items.len() < ITEMS && room.is_left(),
            // A name that is about to come.
            Some(Frame::Map(_, None)) => true,
            Some(Frame::Map(entries, Some(name))) => {
                room.is_left_for(name)
                    && (entries.len() < ITEMS || is_wanted(name))
                    && entries.iter().all(|(known, _)| known != name)
            }
        }
    }

    /// The first value, as far as it came.
    pub(super) fn close_all(mut self) -> Option<Value> {
        while let Some(value) = self.close() {
            self.put(Some(value));
        }
        self.first
    }
}

/// The value that a bare word stands for.
pub(super) fn word(word: &str) -> Option<Value> {
    match word {
        "null" => Some(Value::Null),
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        digits if is_number(digits) => Some(Value::Number(digits.to_owned())),
        _ => None,
    }
}

/// Leading zeros and a plus are no JSON, but no other number either.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix(['-', '+']).unwrap_or(exponent))
        }
        None => (text, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    digits(whole) && digits(fraction) && digits(exponent)
}
