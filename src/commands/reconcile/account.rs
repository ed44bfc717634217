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
use crate::wire::{ListError, Listed};

/// Where the dashboard's token comes from; like the key, never from an argument.
const TOKEN: &str = "CALLSHEET_ACCESS_TOKEN";
/// No more pages are read; ten thousand tasks of others are enough to look through.
const MOST_PAGES: u64 = 100;

/// What was read of the account's tasks.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) tasks: Vec<Listed>,
    /// Why the list may lack tasks; nothing if it is complete as far as can be told.
    pub(super) lacks: Option<String>,
}

/// One time through the pages.
#[derive(Debug)]
struct Pass {
    tasks: Vec<Listed>,
    total: Option<u64>,
    /// Whether it went back before the first doubt, or to the end.
    whole: bool,
}

pub(super) async fn read(search: &Search<'_>, lost: &[Lost]) -> Result<Reading, Failure> {
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
    let mut pass = Pass { tasks: Vec::new(), total: None, whole: false };
    for number in 1..=MOST_PAGES {
        let page = search.client.tasks_page(list, number).await?;
        pass.total = page.total.or(pass.total);
        let older = page.tasks.iter().filter_map(|task| task.made_at).min();
        let before = older.zip(first).is_some_and(|(older, first)| older < first);
        let rows = page.rows;
        pass.tasks.extend(page.tasks);
        if rows == 0 || before || pass.total.is_some_and(|total| pass.tasks.len() as u64 >= total) {
            pass.whole = true;
            break;
        }
    }
    Ok(pass)
}

/// Why a list that was read twice may lack tasks.
fn lacks(before: &Pass, after: &Pass) -> Option<String> {
    let ids = |pass: &Pass| pass.tasks.iter().map(|task| task.task.clone()).collect();
    let (earlier, later): (HashSet<TaskId>, HashSet<TaskId>) = (ids(before), ids(after));
    let text = if !before.whole || !after.whole {
        format!("it is longer than {MOST_PAGES} pages")
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

    fn pass(ids: &[&str], total: u64, whole: bool) -> Pass {
        let tasks = ids.iter().map(|id| Listed {
            task: TaskId::parse(id).unwrap(),
            made_at: None,
            model: None,
            inputs: None,
            request: None,
        });
        Pass { tasks: tasks.collect(), total: Some(total), whole }
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
}
