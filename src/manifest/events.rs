//! YAML by events: the keys of a manifest become nodes, and the items of `pairs` one at a time, so
//! that little of a manifest is held however long it is.
//!
//! Only what is plain is read so. Whatever is odd (anchors, aliases, merged keys, tags, a second
//! document, and whatever is wrong) is left to [`syntax::tree`]: there is one reader that words
//! errors, and one notion of what YAML means. A test reads manifests both ways.

use std::borrow::Cow;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, StrInput};

use super::syntax;
use super::tree::{Kind, Node, Span};

/// The key whose items are read one at a time.
const PAIRS: &str = "pairs";

/// Something that only the tree knows what to make of.
#[derive(Debug)]
pub(super) struct Odd;

/// A manifest of which the items of `pairs` are still to be read.
pub(super) struct Opened<'t> {
    /// All of it, with an empty list where items are to be read.
    pub(super) tree: Node<'t>,
    pub(super) items: Option<Items<'t>>,
}

/// The items of `pairs`, at least one.
pub(super) struct Items<'t> {
    events: Events<'t>,
    rest: Rest,
    /// Whether something odd was among them, or follows on them: nothing that was read counts then.
    pub(super) is_odd: bool,
}

/// What follows on the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// Nothing, as far as can be told without reading them.
    End,
    /// What was read before them.
    Known,
}

/// Reads a manifest up to the items of its `pairs`; to its end if something may follow on them, for
/// pairs need to know their defaults.
pub(super) fn open(text: &str) -> Result<Opened<'_>, Odd> {
    let mut events = Events::of(text);
    let span = events.root()?;
    let (mut entries, mut items, mut has_pairs) = (Vec::new(), None, false);
    while let Some(key) = events.node()? {
        let is_pairs = matches!(&key.kind, Kind::Text(name) if name == PAIRS);
        // Given twice, they are a mistake.
        if is_pairs && std::mem::replace(&mut has_pairs, true) {
            return Err(Odd);
        }
        let node = events.node_or_list(is_pairs)?;
        entries.push((key, node.ok_or(Odd)?));
        if !is_pairs || !events.is_in_list() {
            continue;
        }
        if events.is_last(span) {
            let items = Some(Items { events, rest: Rest::End, is_odd: false });
            return Ok(Opened { tree: Node { kind: Kind::Map(entries), span }, items });
        }
        items = Some(Items { events: events.again()?, rest: Rest::Known, is_odd: false });
        events.pass_over()?;
    }
    events.end()?;
    Ok(Opened { tree: Node { kind: Kind::Map(entries), span }, items })
}

impl<'t> Items<'t> {
    /// The next one.
    pub(super) fn next(&mut self) -> Option<Node<'t>> {
        let next = match (self.events.node(), self.rest) {
            (Ok(None), Rest::End) => self.events.close().map(|()| None),
            (next, _) => next,
        };
        self.is_odd = next.is_err();
        next.ok().flatten()
    }
}

/// What the parser tells, as long as it is plain.
struct Events<'t> {
    text: &'t str,
    parser: Parser<'t, StrInput<'t>>,
    /// How many there were.
    seen: usize,
    /// How many maps and lists are open.
    depth: usize,
}

impl<'t> Events<'t> {
    fn of(text: &'t str) -> Self {
        let parser = Parser::new_from_str_with_options(text, syntax::parser_options());
        Self { text, parser, seen: 0, depth: 0 }
    }

    /// The same from its beginning, as far as it was read.
    fn again(&self) -> Result<Self, Odd> {
        let mut again = Self::of(self.text);
        (0..self.seen).try_for_each(|_| again.next().map(drop))?;
        Ok(again)
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Odd> {
        let Some(Ok((event, span))) = self.parser.next_event() else { return Err(Odd) };
        self.seen += 1;
        self.depth = match &event {
            Event::MappingStart(..) | Event::SequenceStart(..) => self.depth + 1,
            Event::MappingEnd | Event::SequenceEnd => self.depth.checked_sub(1).ok_or(Odd)?,
            _ => self.depth,
        };
        let bytes = span.byte_range().ok_or(Odd)?;
        // The tree counts fewer, and says what there is too much of.
        let is_odd = self.seen > syntax::MAX_NODES || self.depth > syntax::MAX_DEPTH;
        if is_odd { Err(Odd) } else { Ok((event, Span::new(bytes.start, bytes.end))) }
    }

    /// Enters the one map of the document.
    fn root(&mut self) -> Result<Span, Odd> {
        let (Event::StreamStart, _) = self.next()? else { return Err(Odd) };
        let (Event::DocumentStart(_, None), _) = self.next()? else { return Err(Odd) };
        let (Event::MappingStart(_, 0, None), span) = self.next()? else { return Err(Odd) };
        Ok(span)
    }

    /// Leaves it, and the document.
    fn close(&mut self) -> Result<(), Odd> {
        if self.node()?.is_some() { Err(Odd) } else { self.end() }
    }

    fn end(&mut self) -> Result<(), Odd> {
        let (Event::DocumentEnd, _) = self.next()? else { return Err(Odd) };
        let (Event::StreamEnd, _) = self.next()? else { return Err(Odd) };
        Ok(())
    }

    /// The next node; or, if a list is wanted and the node is one with items, an empty one in its
    /// place, and its items are next.
    fn node_or_list(&mut self, wanted: bool) -> Result<Option<Node<'t>>, Odd> {
        let is_list = matches!(self.parser.peek(), Some(Ok((Event::SequenceStart(_, 0, None), _))));
        if !wanted || !is_list {
            return self.node();
        }
        let (_, span) = self.next()?;
        if matches!(self.parser.peek(), Some(Ok((Event::SequenceEnd, _)))) {
            self.next()?;
        }
        Ok(Some(Node { kind: Kind::List(Vec::new()), span }))
    }

    /// Whether a list was entered that stands in the outermost map.
    fn is_in_list(&self) -> bool {
        self.depth == 2
    }

    /// Whether no key can follow on the list that was entered: it would stand in the first column.
    /// A wrong word is found out in the end.
    fn is_last(&mut self, root: Span) -> bool {
        let Some(Ok((_, span))) = self.parser.peek() else { return false };
        let rest = span.byte_range().and_then(|bytes| self.text.get(bytes.start..));
        let is_block = root.start == root.end;
        let line_begins = is_block
            && self.text[..root.range().start].chars().next_back().is_none_or(|c| c == '\n');
        line_begins && rest.is_some_and(|rest| !rest.split(['\n', '\r']).skip(1).any(is_outermost))
    }

    /// To the end of the list that was entered.
    fn pass_over(&mut self) -> Result<(), Odd> {
        while self.is_in_list() || self.depth > 2 {
            plain(&self.next()?.0)?;
        }
        Ok(())
    }

    /// The next node, or nothing where what it would stand in ends.
    fn node(&mut self) -> Result<Option<Node<'t>>, Odd> {
        let (event, span) = self.next()?;
        plain(&event)?;
        let kind = match event {
            Event::Scalar(value, ScalarStyle::Plain, ..) => typed(value)?,
            Event::Scalar(value, ..) => Kind::Text(value),
            Event::SequenceStart(..) => self.list()?,
            Event::MappingStart(..) => self.map()?,
            _ => return Ok(None),
        };
        Ok(Some(Node { kind, span }))
    }

    fn list(&mut self) -> Result<Kind<'t>, Odd> {
        let mut items = Vec::new();
        while let Some(item) = self.node()? {
            items.push(item);
        }
        Ok(Kind::List(items))
    }

    fn map(&mut self) -> Result<Kind<'t>, Odd> {
        let mut entries = Vec::with_capacity(4);
        while let Some(key) = self.node()? {
            // A map or a list as a key is a mistake.
            let is_name = !matches!(key.kind, Kind::List(_) | Kind::Map(_));
            let value = self.node()?.filter(|_| is_name);
            entries.push((key, value.ok_or(Odd)?));
        }
        Ok(Kind::Map(entries))
    }
}

/// Whether a line, after the first, may begin with a key of the outermost map.
fn is_outermost(line: &str) -> bool {
    !matches!(line.as_bytes(), [] | [b' ' | b'#', ..] | [b'-'] | [b'-', b' ', ..])
}

/// Refuses what the tree has to be asked about.
fn plain(event: &Event<'_>) -> Result<(), Odd> {
    match event {
        Event::Scalar(value, ScalarStyle::Plain, 0, None) if value == "<<" => Err(Odd),
        Event::Scalar(_, _, 0, None)
        | Event::SequenceStart(_, 0, None)
        | Event::MappingStart(_, 0, None)
        | Event::SequenceEnd
        | Event::MappingEnd => Ok(()),
        _ => Err(Odd),
    }
}

/// What a plain scalar is: mostly text, which no number and no word of YAML's begins like.
fn typed(value: Cow<'_, str>) -> Result<Kind<'_>, Odd> {
    let is_text = match value.as_bytes() {
        [] => return Ok(Kind::Null),
        [b'0'..=b'9' | b'+' | b'-' | b'.' | b'~' | b' ' | b'\t', ..] => {
            value.contains([' ', '/', ':'])
        }
        [b't' | b'T' | b'f' | b'F' | b'n' | b'N', ..] => value.len() > "false".len(),
        _ => true,
    };
    if is_text { Ok(Kind::Text(value)) } else { syntax::scalar(value) }
}
