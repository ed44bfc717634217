//! Which task an answer is about.

use serde_json::Value;

use crate::pair::TaskId;
use crate::wire::answer::scalar;

/// Where an answer shows ids: of the task, or of a relay's row about it.
const PLACES: [&[&str]; 4] = [&["id"], &["task_id"], &["data", "id"], &["data", "task_id"]];

/// The part of an answer that is about the task: a list of several holds it among others.
pub(super) fn narrow<'a>(answer: &'a Value, asked: &TaskId) -> &'a Value {
    let Some(list) = answer["data"].as_array() else { return answer };
    let shows = |one: &&Value| shown(one).any(|id| id == asked.as_str());
    list.iter().find(shows).unwrap_or(answer)
}

/// The ids that are shown, if the one that was asked for is not among them; `None` if it is, or
/// there are none.
pub(super) fn of_another(answer: &Value, asked: &TaskId) -> Option<Vec<TaskId>> {
    let listed = answer["data"].as_array().into_iter().flatten().filter(|one| is_task(one));
    let all: Vec<_> = shown(answer).chain(listed.flat_map(shown)).collect();
    if all.is_empty() || all.iter().any(|id| id == asked.as_str()) {
        return None;
    }
    Some(all.iter().filter_map(|id| TaskId::parse(id).ok()).collect())
}

fn shown(answer: &Value) -> impl Iterator<Item = String> {
    PLACES.iter().filter_map(move |place| {
        let value = place.iter().try_fold(answer, |value, key| value.get(key))?;
        // An id that was never set is an empty text, or a zero.
        scalar(value).filter(|id| !id.is_empty() && id != "0")
    })
}

/// Files in a list have ids of their own; tasks have a status.
fn is_task(one: &Value) -> bool {
    one.get("task_id").is_some() || one.get("status").is_some()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_is_about_the_ids_that_it_shows() {
        let asked = TaskId::parse("t1").unwrap();
        for ours in [
            json!({"id": "t1"}),
            json!({"id": 4711, "task_id": "t1"}),
            json!({"id": "4711", "data": {"id": 17, "task_id": "t1"}}),
            json!({"data": {"id": "t1"}}),
            json!({"status": "completed"}),
            json!({"id": null, "task_id": "", "data": {"id": 0}}),
            json!({"data": [{"id": "file-1", "url": "https://cdn.example/v.mp4"}]}),
        ] {
            assert_eq!(of_another(&ours, &asked), None, "{ours}");
        }
        for (foreign, shown) in [
            (json!({"id": "t2"}), &["t2"][..]),
            (json!({"id": "T1"}), &["T1"]),
            (json!({"id": 17, "data": {"task_id": "t3"}}), &["17", "t3"]),
            (json!({"id": "no id/at all"}), &[]),
            (json!({"data": [{"id": "t2", "status": "completed"}]}), &["t2"]),
        ] {
            let found = of_another(&foreign, &asked).unwrap();
            let found: Vec<_> = found.iter().map(TaskId::as_str).collect();
            assert_eq!(found, shown, "{foreign}");
        }
    }

    #[test]
    fn one_of_many_is_picked_by_its_id() {
        let asked = TaskId::parse("t1").unwrap();
        let list = json!({"data": [{"id": "t2", "status": "failed"}, {"id": "t1", "status": "x"}]});
        assert_eq!(narrow(&list, &asked)["status"], "x");
        assert_eq!(narrow(&json!({"data": [{"id": "t2"}]}), &asked)["data"][0]["id"], "t2");
    }
}
