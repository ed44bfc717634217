//! What people write into a table of doubts, and what that settles.

use super::*;

fn pair(id: &str, state: State) -> (String, Standing) {
    let (task, proposed) = (None, None);
    let standing = Standing { id: id.to_owned(), state, attempts: 1, task, proposed };
    (id.to_lowercase(), standing)
}

fn task(id: &str) -> Verdict {
    Verdict::Adopt(TaskId::parse(id).unwrap())
}

fn read(text: &str, verdict: Option<&Wish>) -> Result<Sheet, String> {
    Sheet::read(&Filled::of(text), verdict)
}

fn decided(text: &str, pairs: &[(String, Standing)]) -> Decided {
    read(text, None).unwrap().decide(&pairs.iter().cloned().collect())
}

fn doubts(ids: &[&str]) -> Vec<(String, Standing)> {
    ids.iter().map(|id| pair(id, State::InDoubt)).collect()
}

#[test]
fn each_row_says_what_becomes_of_its_pair() {
    let text = "id;action;task_id;attempt\n\
        a;;t-1;1\nB;Adopt;'-t2;\nc;resend;;1\nd;ABANDON;;1\ne;;;1\nf;adopt;;\n";
    let mut pairs = doubts(&["a", "b", "c", "d", "e", "f"]);
    pairs[5].1.proposed = Some("t-6".into());
    let decided = decided(text, &pairs);
    let settled: Vec<_> =
        decided.settled.iter().map(|s| (s.line, s.id.as_str(), s.verdict.clone())).collect();
    let expected = [
        (2, "a", task("t-1")),
        (3, "b", task("-t2")),
        (4, "c", Verdict::Resend),
        (5, "d", Verdict::Abandon),
        (7, "f", task("t-6")),
    ];
    assert_eq!(settled, expected);
    assert!(decided.problems.is_empty(), "{decided:?}");
    assert_eq!(read(text, None).unwrap().empty, 1);
}

#[test]
fn everything_that_is_wrong_is_said_with_its_line() {
    let text = "id,action,task_id,attempt\n\
        a,resend,t1,\nb,retry,,\nnobody,abandon,,\nc,abandon,,\nc,resend,,\nd,,t9,\ne,,t9,\n\
        f,,1.7572E+17,\ng,abandon,,2\nh,abandon,,\ni,adopt,,\n,abandon,,\nj,abandon,,x\n\
        \u{fffd},abandon,,\nk,,../x,\n";
    let mut pairs = doubts(&["a", "b", "c", "d", "e", "f", "g", "i", "j", "k"]);
    pairs.push(pair("h", State::Created));
    let problems = decided(text, &pairs).problems;
    let texts: Vec<_> = problems.iter().map(|p| format!("{}: {}", p.line, p.text)).collect();
    let expected = [
        "2: resend, and a task id: one of the two",
        "3: action retry: it is adopt, resend or abandon, or empty",
        "4: no pair nobody in this ledger",
        "6: c stands in line 5, too",
        "8: its task stands in line 7, too",
        "9: task 1.7572E+17: rounded by a spreadsheet; type it as text",
        "10: g: the row is about create 2 of it, and the last one is 1: write the table anew",
        "11: h is created, not in doubt",
        "12: i: no task is proposed for it: fill in a task_id",
        "13: it names no pair",
        "14: attempt x: no number",
        "15: the id \u{fffd} cannot be read: save the file as UTF-8",
    ];
    assert_eq!(texts[..12], expected, "{texts:#?}");
    assert!(texts[12].starts_with("16: task ../x: "), "{texts:?}");
}

#[test]
fn the_same_file_twice_settles_nothing_more() {
    let text = "id,action,task_id,attempt\na,,t1,1\nb,resend,,1\nc,abandon,,1\n";
    let mut pairs = vec![pair("a", State::Saved), pair("b", State::Planned)];
    pairs.push(pair("c", State::Abandoned));
    pairs[0].1.task = Some("t1".into());
    let again = decided(text, &pairs);
    assert_eq!((again.already, again.settled.len(), again.problems.len()), (3, 0, 0));
    // Sent again and in doubt again: the old row's word is not about that create.
    pairs[1] = pair("b", State::InDoubt);
    pairs[1].1.attempts = 2;
    assert_eq!(decided(text, &pairs).problems.len(), 1);
    // A list does not say which create it is about.
    let list = read("b", Some(&Wish::Resend)).unwrap();
    let planned = list.decide(&HashMap::from([pair("b", State::Planned)]));
    assert_eq!(planned.problems.len(), 1);
}

#[test]
fn a_verdict_is_needed_where_the_file_has_none_and_only_there() {
    let ids = |text, wish: &Wish| -> Vec<_> {
        let sheet = read(text, Some(wish)).unwrap();
        sheet.asked.into_iter().map(|asked| (asked.line, asked.id)).collect()
    };
    let both = vec![(1, "a".to_owned()), (3, "b".to_owned())];
    assert_eq!(ids("a\n\nb\n", &Wish::Resend), both);
    assert_eq!(ids("note,id\nx,a\n", &Wish::Abandon), [(2, "a".to_owned())]);
    for (text, verdict) in [
        ("a\nb\n", None),
        ("id,note\na,x\n", None),
        ("id,action\na,\n", Some(Wish::Abandon)),
        ("id,task_id\na,t\n", Some(Wish::Resend)),
    ] {
        assert!(read(text, verdict.as_ref()).is_err(), "{text}");
    }
}
