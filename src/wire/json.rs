//! JSON as servers really send it: read as it comes, kept as far as it was understood.
//!
//! A [`Reader`] is fed pieces of a body and keeps a bounded tree of the first value in it. It never
//! fails: `NaN`, a lone surrogate, bytes that are no UTF-8, raw control characters, a second
//! document and a body that breaks off anywhere are all read as far as they go. What is promised in
//! return is that nothing is invented: a text without its closing quote, or a number that the end
//! of the input cut off, is no value, and numbers stay as they were written.
//!
//! What is too long, too many or too deep is passed over, not stored, so that an id behind
//! megabytes of other JSON is found in little memory; names that answers are read by have room of
//! their own. Nothing here calls itself, so depth costs nothing.

mod lexer;
mod room;
mod tree;

#[cfg(test)]
mod tests;

use self::lexer::{Lexer, Token};
use self::room::Room;
use self::tree::Tree;

/// A JSON value, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Value {
    /// `null`, and words that are no JSON, such as `NaN` and `undefined`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number in the digits of the answer.
    Number(String),
    /// A whole text.
    Text(String),
    /// The start of a text that is longer than what is kept: to be shown, not to be believed.
    Start(String),
    /// An array, or as much of it as is kept.
    List(Vec<Value>),
    /// An object, or as much of it as is kept, in its order.
    Map(Vec<(String, Value)>),
}

/// What there is where nothing is.
static NOTHING: Value = Value::Null;

impl Value {
    /// The value of a name; null where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &Self {
        let entry = self.entries().iter().find(|(key, _)| key == name);
        entry.map_or(&NOTHING, |(_, value)| value)
    }

    /// The value at the end of a path of names.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> &Self {
        path.iter().fold(self, |value, name| value.get(name))
    }

    /// The entries of an object; none of anything else.
    #[must_use]
    pub fn entries(&self) -> &[(String, Self)] {
        if let Self::Map(entries) = self { entries } else { &[] }
    }

    /// The items of an array; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// A whole text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// A whole text, or a number in its digits: ids and codes come as both.
    #[must_use]
    pub fn scalar(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Number(text) = self { Some(text) } else { None }
    }

    /// What can be shown of it: a scalar, or the start of a text.
    #[must_use]
    pub fn shown(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Start(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// A number, as near as a float comes to it.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        if let Self::Number(digits) = self { digits.parse().ok() } else { None }
    }

    /// Whether it says nothing: null, false, or empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => true,
            Self::Bool(true) | Self::Number(_) => false,
            Self::Text(text) | Self::Start(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Map(entries) => entries.is_empty(),
        }
    }

    /// Whether any text, number or name in it is like this.
    #[must_use]
    pub fn any_text(&self, is_so: &dyn Fn(&str) -> bool) -> bool {
        match self {
            Self::Null | Self::Bool(_) => false,
            Self::Number(text) | Self::Text(text) | Self::Start(text) => is_so(text),
            // Not deeper than what is kept.
            Self::List(items) => items.iter().any(|item| item.any_text(is_so)),
            Self::Map(entries) => {
                entries.iter().any(|(key, value)| is_so(key) || value.any_text(is_so))
            }
        }
    }

    /// The same with every text passed through `change`.
    #[must_use]
    pub fn map_text(&self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Null | Self::Bool(_) => self.clone(),
            Self::Number(digits) => Self::Number(change(digits)),
            Self::Text(text) => Self::Text(change(text)),
            Self::Start(text) => Self::Start(change(text)),
            // Not deeper than what is kept.
            Self::List(items) => {
                Self::List(items.iter().map(|item| item.map_text(change)).collect())
            }
            Self::Map(entries) => {
                let entry = |(key, value): &(String, Self)| (change(key), value.map_text(change));
                Self::Map(entries.iter().map(entry).collect())
            }
        }
    }
}

/// What was read of a body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Json {
    /// The first value, as far as it came and is kept; `None` if the body does not begin like JSON.
    pub value: Option<Value>,
    /// Whether that value has its end.
    pub whole: bool,
    /// Whether something follows it.
    pub more: bool,
    /// Whether it was read against the rules of JSON.
    pub odd: bool,
}

impl Json {
    /// Reads a body that is all there.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        let mut reader = Reader::default();
        reader.feed(body);
        reader.end()
    }

    /// The first value; null if there is none.
    #[must_use]
    pub fn value(&self) -> &Value {
        self.value.as_ref().unwrap_or(&NOTHING)
    }

    /// Whether the body is one whole JSON document and nothing else.
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        self.whole && !self.more && !self.odd
    }
}

/// Where in the value the next byte stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    /// Before the first value.
    #[default]
    Start,
    /// Within an array.
    Item,
    /// Within an object, before a name.
    Name,
    /// After a name.
    Colon,
    /// After the colon.
    Value,
    /// After the first value.
    After,
    /// Behind something that is no JSON at all.
    Lost,
}

/// Takes a body in pieces.
#[derive(Debug, Default)]
pub struct Reader {
    lexer: Lexer,
    tree: Tree,
    room: Room,
    place: Place,
    /// How many containers that are passed over are open.
    skipped: u64,
    more: bool,
    odd: bool,
}

impl Reader {
    /// Takes the next piece.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() && self.place != Place::Lost {
            if self.place == Place::After {
                self.more |= rest.iter().any(|byte| !is_space(*byte));
                return;
            }
            let (taken, token) = self.lexer.next(rest);
            rest = &rest[taken..];
            if let Some(token) = token {
                self.take(token);
            }
        }
    }

    /// The body has ended, or broke off: what was read of it.
    #[must_use]
    pub fn end(mut self) -> Json {
        // Only outside of everything is the end of the input the end of a word.
        if self.place == Place::Start
            && let Some(token) = self.lexer.end()
        {
            self.take(token);
        }
        let whole = self.place == Place::After;
        let odd = self.odd || self.lexer.is_odd();
        Json { value: self.tree.close_all(), whole, more: self.more, odd }
    }

    fn take(&mut self, token: Token) {
        if self.skipped > 0 {
            return self.skip(&token);
        }
        match (self.place, token) {
            (Place::Start | Place::Item | Place::Value, Token::Open(kind)) => self.open(kind),
            (Place::Item | Place::Name, Token::Close(kind)) if self.tree.inside() == Some(kind) => {
                let value = self.tree.close();
                self.put(value);
            }
            (Place::Item | Place::Name, Token::Comma) => {}
            (Place::Name, Token::Text(name)) => {
                self.tree.name(name);
                self.place = Place::Colon;
            }
            (Place::Colon, Token::Colon) => self.place = Place::Value,
            (Place::Value, Token::Comma) => self.odd_nothing(),
            (Place::Value, Token::Close(kind)) if self.tree.inside() == Some(kind) => {
                self.odd_nothing();
                let value = self.tree.close();
                self.put(value);
            }
            (Place::Start | Place::Item | Place::Value, Token::Text(text)) => {
                self.put(text.map(Token::text));
            }
            (Place::Start | Place::Item | Place::Value, Token::Word(word)) => self.word(word),
            _ => self.lose(),
        }
        self.lexer.keeps(self.keeps());
    }

    fn open(&mut self, kind: tree::Kind) {
        if self.tree.is_deep() || !self.keeps() {
            self.skipped = 1;
            return;
        }
        self.tree.open(kind);
        self.place = self.within();
    }

    fn skip(&mut self, token: &Token) {
        match token {
            Token::Open(_) => self.skipped += 1,
            Token::Close(_) => self.skipped -= 1,
            Token::Comma | Token::Colon | Token::Text(_) | Token::Word(_) => {}
            Token::Garbage => return self.lose(),
        }
        if self.skipped == 0 {
            self.put(None);
            self.lexer.keeps(self.keeps());
        }
    }

    fn word(&mut self, word: Option<String>) {
        match word.map(|word| tree::word(&word)) {
            Some(Some(value)) => self.put(Some(value)),
            // `OK` is no JSON; `{"x": NaN}` is some.
            Some(None) if self.place == Place::Start => self.lose(),
            Some(None) => self.odd_nothing(),
            None => self.put(None),
        }
    }

    fn odd_nothing(&mut self) {
        self.odd = true;
        let kept = self.keeps().then_some(Value::Null);
        self.put(kept);
    }

    /// Puts a value where it belongs, or notes that one was passed over.
    fn put(&mut self, value: Option<Value>) {
        value.iter().for_each(|value| self.room.spend(value));
        self.tree.put(value);
        self.place = self.within();
    }

    fn within(&self) -> Place {
        match self.tree.inside() {
            None => Place::After,
            Some(tree::Kind::List) => Place::Item,
            Some(tree::Kind::Map) => Place::Name,
        }
    }

    /// Whether what comes next is kept.
    fn keeps(&self) -> bool {
        self.skipped == 0 && self.tree.takes(&self.room)
    }

    fn lose(&mut self) {
        self.odd = true;
        self.place = Place::Lost;
    }
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}
