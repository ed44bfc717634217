//! Reads the account's own list, twice: a list is believed to be complete only if two readings agree
//! and the last create cannot be under way any more.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{Search, patience};
use crate::client::AccountList;
use crate::commands::failure::Failure;
use crate::exit::Exit;
use crate::pair::TaskId;
use crate::reconcile::{EARLY, Lost};
use crate::wire::{ListError, ListPage, Listed};

/// Where the dashboard's token comes from; like the key, never from an argument.
const TOKEN: &str = "CALLSHEET_ACCESS_TOKEN";
/// No more pages are read; ten thousand tasks of others are enough to look through.
const MOST_PAGES: u64 = 100;

/// What is said where the log is not to be had now.
const TOO_OFTEN: &str = "the log of the key, which may name the tasks, was asked for too often: \
    relays show it twenty times in twenty minutes. Give the same command again later";

/// What was read of the account's tasks.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) tasks: Vec<Listed>,
    /// Why the list may lack tasks; nothing if it is complete as far as can be told.
    pub(super) lacks: Option<String>,
}

/// One time through the pages.
#[derive(Debug, Default)]
struct Pass {
    tasks: Vec<Listed>,
    seen: HashSet<TaskId>,
    /// Rows that were not there before, those without a usable id included.
    rows: u64,
    total: Option<u64>,
    /// Whether it went back before the first doubt, or to the end.
    whole: bool,
    /// When the last one was made, as long as each is older than the one before.
    descends: Option<Option<Timestamp>>,
}

/// Whether a pass needs another page.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Page,
    Nothing,
}

/// The tasks that may be theirs: those that the log names, and those of the list, if there is one.
pub(super) async fn read(search: &Search<'_>, lost: &[Lost]) -> Result<Reading, Failure> {
    let logged = logged(search, lost).await;
    let named = |lost: &Lost| logged.iter().any(|task| lost.is_named_by(task));
    if lost.iter().all(named) {
        let lacks = Some("only the log was read".to_owned());
        return Ok(Reading { tasks: logged, lacks });
    }
    match listed(search, lost).await {
        Ok(list) => Ok(Reading { tasks: [logged, list.tasks].concat(), lacks: list.lacks }),
        Err(failure) if logged.is_empty() => Err(failure),
        Err(failure) => Ok(Reading { tasks: logged, lacks: Some(failure.message) }),
    }
}

/// What the log of the key says of requests that were answered with their names. Relays answer it
/// seldom, so it is asked once; what has no such log has a list, or an export.
async fn logged(search: &Search<'_>, lost: &[Lost]) -> Vec<Listed> {
    if lost.iter().all(|lost| lost.requests.is_empty()) {
        return Vec::new();
    }
    match search.client.token_log().await {
        Ok(tasks) => tasks.into_iter().filter(|t| lost.iter().any(|l| l.is_named_by(t))).collect(),
        Err(error) => {
            tracing::info!(%error, "no log of the key's requests");
            if error.is_too_often() {
                search.ui.warn(TOO_OFTEN);
            }
            Vec::new()
        }
    }
}

async fn listed(search: &Search<'_>, lost: &[Lost]) -> Result<Reading, Failure> {
    let list = which(search)?;
    let first = lost.iter().map(|lost| lost.sent_at).min();
    let first = first.and_then(|first| first.saturating_sub(EARLY).ok());
    let failed = |error: ListError| unlisted(&error);
    let before = pass(search, &list, first).await.map_err(failed)?;
    let pause = settled_in(search, lost) + search.args.again_after;
    search.ui.note(&format!(
        "{} tasks are listed; they are read again in {} s, when no create is under way any more",
        before.tasks.len(),
        pause.as_secs()
    ));
    tokio::time::sleep(pause).await;
    let after = pass(search, &list, first).await.map_err(failed)?;
    let lacks = lacks(&before, &after);
    Ok(Reading { tasks: after.tasks, lacks })
}

/// The list that is asked for: the relay's if its token is there.
fn which(search: &Search<'_>) -> Result<AccountList, Failure> {
    let Ok(token) = std::env::var(TOKEN) else { return Ok(AccountList::Own) };
    let Some(user) = search.args.user_id else {
        let text = format!("{TOKEN} is set, but not whose it is");
        let hint = "give the user's number, as the dashboard shows it, with --user-id";
        return Err(Failure::new(Exit::Usage, text).hint(hint));
    };
    Ok(AccountList::Relay { token: SecretString::from(token.trim().to_owned()), user })
}

fn unlisted(error: &ListError) -> Failure {
    Failure::new(Exit::Fault, format!("the account's tasks cannot be listed: {error}")).hint(
        "not every service has a list. Export it from the dashboard and give --from FILE; for a \
         New API relay, set CALLSHEET_ACCESS_TOKEN and give --user-id",
    )
}

/// How long until the last create of the doubts cannot make a task any more.
fn settled_in(search: &Search<'_>, lost: &[Lost]) -> Duration {
    let last = lost.iter().map(|lost| lost.sent_at).max().unwrap_or(Timestamp::UNIX_EPOCH);
    let over = last.saturating_add(patience(search.args)).unwrap_or(last);
    Duration::try_from(over.duration_since(Timestamp::now())).unwrap_or_default()
}

async fn pass(
    search: &Search<'_>,
    list: &AccountList,
    first: Option<Timestamp>,
) -> Result<Pass, ListError> {
    let mut pass = Pass::new();
    for number in 1..=MOST_PAGES {
        let page = search.client.tasks_page(list, number).await?;
        if pass.take(page, first) == Next::Nothing {
            break;
        }
    }
    Ok(pass)
}

impl Pass {
    fn new() -> Self {
        Self { descends: Some(None), ..Self::default() }
    }

    /// Takes a page, and says whether there may be more that matters: nothing does that is older
    /// than `first`, in a list of which the newest are first.
    fn take(&mut self, page: ListPage, first: Option<Timestamp>) -> Next {
        self.total = page.total.or(self.total);
        let unusable = (page.rows - page.tasks.len()) as u64;
        let is_new = |task: &Listed| self.seen.insert(task.task.clone());
        let new: Vec<_> = page.tasks.into_iter().filter(is_new).collect();
        let rows = new.len() as u64 + unusable;
        new.iter().filter_map(|task| task.made_at).for_each(|at| self.went_on(at));
        self.tasks.extend(new);
        self.rows += rows;
        let oldest = self.descends.flatten();
        let is_before = oldest.zip(first).is_some_and(|(oldest, first)| oldest < first);
        let is_all = self.total.is_some_and(|total| self.rows >= total);
        // The same page again: whoever answers does not heed the number.
        let is_end = page.rows == 0 && self.total.is_none();
        self.whole = is_before || is_all || is_end;
        if self.whole || rows == 0 { Next::Nothing } else { Next::Page }
    }

    fn went_on(&mut self, at: Timestamp) {
        self.descends = match self.descends {
            Some(last) if last.is_none_or(|last| at <= last) => Some(Some(at)),
            _ => None,
        };
    }
}

/// Why a list that was read twice may lack tasks.
fn lacks(before: &Pass, after: &Pass) -> Option<String> {
    let ids = |pass: &Pass| pass.tasks.iter().map(|task| task.task.clone()).collect();
    let (earlier, later): (HashSet<TaskId>, HashSet<TaskId>) = (ids(before), ids(after));
    let text = if !before.whole || !after.whole {
        "its pages do not show all of it".to_owned()
    } else if before.total != after.total || earlier != later {
        "it changed while it was read: somebody creates tasks, or it comes late".to_owned()
    } else if after.total.is_some_and(|total| total > 0) && later.is_empty() {
        "it says that it has tasks, and shows none".to_owned()
    } else {
        return None;
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(id: &str, made_at: Option<i64>) -> Listed {
        let made_at = made_at.map(|second| Timestamp::from_second(second).unwrap());
        let task = TaskId::parse(id).unwrap();
        Listed { task, made_at, model: None, inputs: None, request: None }
    }

    fn pass(ids: &[&str], total: u64, whole: bool) -> Pass {
        let tasks = ids.iter().map(|id| listed(id, None)).collect();
        Pass { tasks, total: Some(total), whole, ..Pass::new() }
    }

    #[test]
    fn a_list_is_complete_if_two_readings_agree() {
        let two = || pass(&["a", "b"], 2, true);
        assert_eq!(lacks(&two(), &two()), None);
        for (before, after) in [
            (two(), pass(&["a", "b", "c"], 3, true)),
            (two(), pass(&["a", "c"], 2, true)),
            (two(), pass(&["a", "b"], 2, false)),
            (pass(&[], 5, true), pass(&[], 5, true)),
        ] {
            assert!(lacks(&before, &after).is_some(), "{before:?} {after:?}");
        }
        assert_eq!(lacks(&pass(&[], 0, true), &pass(&[], 0, true)), None, "nothing was ever made");
    }

    /// Reads pages of ids and times until one is enough.
    fn whole(total: Option<u64>, pages: &[&[(&str, i64)]]) -> (bool, usize) {
        let mut pass = Pass::new();
        let first = Timestamp::from_second(100).ok();
        let read = pages.iter().take_while(|rows| {
            let tasks: Vec<_> = rows.iter().map(|(id, at)| listed(id, Some(*at))).collect();
            let page = ListPage { rows: tasks.len(), tasks, total };
            pass.take(page, first) == Next::Page
        });
        let read = read.count();
        (pass.whole, read)
    }

    #[test]
    fn a_list_is_whole_only_if_its_pages_are_known_to_have_shown_it() {
        let (one, two): (&[_], &[_]) = (&[("a", 300), ("b", 200)], &[("c", 150)]);
        assert_eq!(whole(Some(3), &[one, two]), (true, 1), "all that it says it has");
        assert_eq!(whole(None, &[one, two, &[]]), (true, 2), "to the empty page");
        assert_eq!(
            whole(None, &[one, &[("c", 90)], two]),
            (true, 1),
            "back before the first doubt"
        );
        assert!(!whole(Some(9), &[one, one, one]).0, "a page that comes again");
        assert!(!whole(None, &[one, one, &[]]).0, "and without a total");
        assert!(!whole(Some(9), &[one, &[]]).0, "fewer than it says");
        let oldest_first: &[_] = &[("a", 50), ("b", 200)];
        assert_eq!(whole(Some(3), &[oldest_first, two]), (true, 1), "read on: the newest are last");
        assert_eq!(whole(None, &[oldest_first, two, one]), (false, 2), "its ids come again");
    }
}
