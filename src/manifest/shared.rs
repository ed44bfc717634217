//! Texts that many pairs have in common are held once: portraits, prompts.

use std::convert::Infallible;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use crate::pair::{MediaUrl, PlainHttp, UrlError};

/// How many are remembered. Of those that are not, there are copies.
const REMEMBERED: usize = 1 << 10;

/// What is shared among pairs.
#[derive(Debug, Default)]
pub(super) struct Texts {
    urls: Shared<MediaUrl>,
    prompts: Shared<Arc<str>>,
}

impl Texts {
    /// A URL that goes to the API; all of one reading are judged alike.
    pub(super) fn url(&mut self, text: &str, plain: PlainHttp) -> Result<MediaUrl, UrlError> {
        self.urls.get(text, || MediaUrl::to_send(text, plain))
    }

    pub(super) fn prompt(&mut self, text: &str) -> Arc<str> {
        let made: Result<_, Infallible> = self.prompts.get(text, || Ok(text.into()));
        match made {
            Ok(prompt) => prompt,
        }
    }
}

/// A text that can be shared.
trait Text: Clone {
    fn text(&self) -> &str;
}

impl Text for Arc<str> {
    fn text(&self) -> &str {
        self
    }
}

impl Text for MediaUrl {
    fn text(&self) -> &str {
        self.as_written()
    }
}

/// The last texts, each at the place that its hash gives it.
#[derive(Debug)]
struct Shared<T> {
    /// Empty, or as many as are remembered.
    places: Vec<Option<T>>,
    hasher: RandomState,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { places: Vec::new(), hasher: RandomState::new() }
    }
}

impl<T: Text> Shared<T> {
    /// The text as it was made before; or as it is made now, if it can be.
    fn get<E>(&mut self, text: &str, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        if self.places.is_empty() {
            self.places.resize(REMEMBERED, None);
        }
        let hash = self.hasher.hash_one(text) % REMEMBERED as u64;
        let place = usize::try_from(hash).ok().and_then(|place| self.places.get_mut(place));
        let Some(place) = place else { return make() };
        if let Some(known) = place.as_ref().filter(|known| known.text() == text) {
            return Ok(known.clone());
        }
        let made = make()?;
        *place = Some(made.clone());
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_is_held_once_and_what_cannot_be_made_is_not_held() {
        let mut shared = Shared::<Arc<str>>::default();
        let mut get = |text: &str| shared.get(text, || Ok::<_, ()>(text.into())).unwrap();
        let first = get("calm");
        assert!(Arc::ptr_eq(&first, &get("calm")) && !Arc::ptr_eq(&first, &get("calmer")));
        // However many there are, each is itself.
        assert!((0..5_000).all(|n| *get(&n.to_string()) == *n.to_string()));
        assert_eq!(shared.places.len(), REMEMBERED);
        assert_eq!(shared.get("odd", || Err(7)), Err(7));
    }
}
