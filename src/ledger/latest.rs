//! The task that was made last.

use super::{LedgerError, View};
use crate::pair::TaskId;
use crate::state::State;

impl View {
    /// The latest of the tasks that are unfinished at the server; none if there is none.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn latest_task(&self) -> Result<Option<TaskId>, LedgerError> {
        let sql = "SELECT task_id FROM standings WHERE state = ?1 AND task_id IS NOT NULL
            ORDER BY created_at DESC LIMIT 1";
        let task = self.ask(sql, [State::Created.name()], |row| row.get::<_, String>(0))?.pop();
        Ok(task.and_then(|task| TaskId::parse(&task).ok()))
    }
}
