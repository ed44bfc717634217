//! Takes over what the database knows: into the run folder's ledger, or into one for people to look at.

use std::cell::RefCell;

use futures::executor::block_on;
use futures::future::join;

use super::glance::Glanced;
use super::{Mirror, PAGE, Share, lost, lost_to};
use crate::ledger::postgres::settings::Settings;
use crate::ledger::postgres::{Detail, Known, Pulled, SharedError, Those, read, read_those};
use crate::ledger::store::Store;
use crate::ledger::write::Write;
use crate::ledger::{LedgerError, View};

/// Does something with some pairs of the database, and says whether all were found in order.
type Each<'a> = &'a mut dyn FnMut(&mut Write<'_>, &[Pulled]) -> Result<bool, LedgerError>;

impl Store {
    /// Takes over what the database knows of all pairs.
    pub(super) fn take_in(&mut self, share: &mut Share, how: Mirror) -> Result<(), LedgerError> {
        let quiet = block_on(share.way.quiet()).map_err(|lack| lost(&lack))?;
        // Before anything is read: what is seen afterwards is at least as new.
        let before = std::mem::replace(&mut share.quiet, quiet);
        if quiet.is_some() && quiet == before {
            return Ok(());
        }
        let worker = share.way.worker();
        let news = if share.decides { None } else { self.news_of_others(share, how)? };
        match &news {
            Some(Glanced { news, all_settled: true }) if news.is_empty() => {}
            _ => share.quiet = None,
        }
        if let Some(Glanced { news, .. }) = news
            && self.mirror_those(share, &news, how)?
        {
            return Ok(());
        }
        if self.mirror_all(share, &mut |write, page| write.mirror((page, worker), how))? {
            return Ok(());
        }
        self.mirror_all(share, &mut |write, page| write.let_go(page).map(|()| true))?;
        match self.mirror_all(share, &mut |write, page| write.mirror((page, worker), how))? {
            true => Ok(()),
            // What has an id here that others have there is unknown there.
            false => self.mirror_all(share, &mut |_, _| Err(LedgerError::WentBack)).map(drop),
        }
    }

    /// Takes over what the database knows of these; says whether all were found in order.
    fn mirror_those(
        &mut self,
        share: &Share,
        news: &[i32],
        how: Mirror,
    ) -> Result<bool, LedgerError> {
        let (worker, mut all) = (share.way.worker(), true);
        for some in news.chunks(PAGE) {
            let page = share.line.these(some.to_vec()).map_err(|lack| lost(&lack))?;
            let mirrored = self.write(|write| write.mirror((&page, worker), how));
            all &= in_order(share, mirrored)?;
        }
        Ok(all)
    }

    /// Goes through all pairs of the database; says whether all of them were found in order.
    fn mirror_all(&mut self, share: &Share, each: Each<'_>) -> Result<bool, LedgerError> {
        let detail = if share.decides { Detail::Whole } else { Detail::Known };
        let mut page = share.line.page(-1, PAGE, detail).map_err(|lack| lost(&lack))?;
        let mut all = true;
        while let Some(last) = page.last() {
            // The database looks for the next ones while these are written down.
            let next = share.way.page(last.n, PAGE, detail);
            let (next, mirrored) =
                block_on(join(next, async { self.write(|write| each(write, &page)) }));
            all &= in_order(share, mirrored)?;
            page = next.map_err(|lack| lost(&lack))?;
        }
        Ok(all)
    }
}

/// That a database went back is said once by name; what it says to that is the same.
fn in_order<T>(share: &Share, mirrored: Result<T, LedgerError>) -> Result<T, LedgerError> {
    if matches!(mirrored, Err(LedgerError::WentBack)) {
        let _ = share.line.went_back();
    }
    mirrored
}

type Begin<'a> = &'a mut dyn FnMut(&Known) -> Result<(), SharedError>;
type Page<'a> = &'a mut dyn FnMut(&[Pulled]) -> Result<(), SharedError>;

impl View {
    /// What a database knows of a batch now, if it has it: a ledger of its own, for reading, that is gone with this.
    ///
    /// # Errors
    /// [`LedgerError::Shared`] when the database is not to be reached.
    pub fn of_shared(settings: &Settings, name: &str) -> Result<Option<Self>, LedgerError> {
        Self::filled(name, |begin, each| read(settings, name, begin, each))
    }

    /// The same of those pairs alone.
    ///
    /// # Errors
    /// As [`View::of_shared`].
    pub fn of_those_shared(
        settings: &Settings,
        (name, those): (&str, &Those<'_>),
    ) -> Result<Option<Self>, LedgerError> {
        Self::filled(name, |begin, each| read_those(settings, (name, those), begin, each))
    }

    fn filled(
        name: &str,
        read: impl FnOnce(Begin<'_>, Page<'_>) -> Result<(), SharedError>,
    ) -> Result<Option<Self>, LedgerError> {
        let place = tempfile::tempdir();
        let place = place.map_err(|error| LedgerError::io(&std::env::temp_dir(), error))?;
        let store = RefCell::new(None);
        let local = |error: LedgerError| SharedError::Local(error.to_string());
        let mut begin = |known: &Known| {
            let mut begun = Store::open(place.path(), &known.endpoint).map_err(local)?;
            let shared = begun.write(|write| {
                write.begin_sharing(name)?;
                write.take_worker((0, known.mark)).map(drop)
            });
            store.replace(Some(begun));
            shared.map_err(local)
        };
        let mut each = |page: &[Pulled]| match &mut *store.borrow_mut() {
            Some(store) => {
                store.write(|write| write.mirror((page, 0), Mirror::Shown)).map(drop).map_err(local)
            }
            None => Ok(()),
        };
        match read(&mut begin, &mut each) {
            Err(SharedError::NoBatch(_)) => return Ok(None),
            read => read.map_err(|error| lost_to(&error))?,
        }
        store.into_inner().map_or(Ok(()), Store::close)?;
        Ok(Self::open(place.path())?.map(|view| view.lasting(place)))
    }
}
