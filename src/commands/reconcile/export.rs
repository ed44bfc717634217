//! Reads an export of the account's tasks: JSON in any wrapping, JSON Lines, or any kind of table.

use std::path::Path;

use serde_json::{Map, Value};

use super::account::Reading;
use crate::commands::failure::Failure;
use crate::commands::grid::{Filled, Grid};
use crate::exit::Exit;
use crate::ui::counted;
use crate::wire::{Listed, read_list, read_row};

pub(super) fn read(file: &Path) -> Result<Reading, Failure> {
    let failed = |reason: String| {
        Failure::new(Exit::Usage, format!("--from {}: {reason}", file.display()))
            .hint("an export of the account's tasks is meant: JSON, or any kind of table")
    };
    let filled = Filled::open(file).map_err(failed)?;
    let text = filled.text();
    let found = json(&text).or_else(|| lines(&text)).map(|tasks| (tasks, 0));
    match found.unwrap_or_else(|| table(&filled)) {
        (tasks, unread) if !tasks.is_empty() => {
            let mut lacks = "it is an export: what came later is not in it".to_owned();
            if unread > 0 {
                lacks.push_str(&format!(", and {} cannot be read", counted(unread, "row")));
            }
            Ok(Reading { tasks, lacks: Some(lacks) })
        }
        _ => {
            let text = format!("{}: no task is in it", file.display());
            let hint = "it needs a column `task_id` or `id`, and better `created_at`, too";
            Err(Failure::new(Exit::Usage, text).hint(hint))
        }
    }
}

fn json(text: &str) -> Option<Vec<Listed>> {
    read_list(&serde_json::from_str(text).ok()?).map(|page| page.tasks)
}

fn lines(text: &str) -> Option<Vec<Listed>> {
    let rows = text.lines().filter(|line| !line.trim().is_empty());
    let rows = rows.map(|line| serde_json::from_str::<Map<String, Value>>(line).ok());
    Some(rows.collect::<Option<Vec<_>>>()?.iter().filter_map(read_row).collect())
}

/// Columns by the names in the header, and how many rows cannot be read.
fn table(filled: &Filled) -> (Vec<Listed>, u64) {
    let Grid { names, lines, .. } = Grid::read(filled).unwrap_or_default();
    let (good, bad): (Vec<_>, Vec<_>) = lines.into_iter().partition(|row| row.trouble.is_none());
    let rows = good.into_iter().map(|row| {
        let cells = names.iter().cloned().zip(row.cells.into_iter().map(Value::from));
        cells.collect::<Map<_, _>>()
    });
    (rows.filter_map(|row| read_row(&row)).collect(), bad.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("export");
        std::fs::write(&file, text).unwrap();
        let tasks = read(&file).map(|reading| reading.tasks).unwrap_or_default();
        tasks.iter().map(|task| task.task.to_string()).collect()
    }

    #[test]
    fn exports_come_as_tables_and_as_json() {
        for text in [
            "task_id,created_at\nt1,1757165031\nt2,\n",
            "\u{feff}ID;Created At\r\nt1;2025-09-06 13:23:51\r\nt2;\r\n",
            "Task ID\tStatus\nt1\tdone\nt2\tdone\n",
            r#"{"data":[{"id":"t1"},{"id":"t2"}]}"#,
            "{\"id\":\"t1\"}\n\n{\"id\":\"t2\"}\n",
        ] {
            assert_eq!(ids(text), ["t1", "t2"], "{text}");
        }
        let tasks = |row: &str| {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("export");
            std::fs::write(&file, format!("task_id,note\nt1,x\n{row}\n")).unwrap();
            read(&file).unwrap().lacks.unwrap_or_default()
        };
        assert!(tasks("t2,a,b").ends_with(", and 1 row cannot be read"));
        assert!(!tasks("t2,a").contains("cannot"));
        for text in ["", "name\nanna\n", "<html>", "{}"] {
            assert!(ids(text).is_empty(), "{text}");
        }
    }
}
