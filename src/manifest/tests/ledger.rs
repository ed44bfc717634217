//! `ledger` and `batch`: a database and a name, or what is wrong with them.

use super::*;

const PAIR: &str = "\npairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]";

fn yaml(lines: &str) -> String {
    format!("version: 1\n{lines}{PAIR}")
}

#[test]
fn a_manifest_names_the_database_and_the_batch() {
    let none = good(&yaml(""));
    assert_eq!((none.ledger, none.batch), (None, None));
    let both = good(&yaml("ledger: postgres://callsheet@db/callsheet\nbatch: spring-2027"));
    assert_eq!(both.ledger.as_deref(), Some("postgres://callsheet@db/callsheet"));
    assert_eq!(both.batch.as_deref(), Some("spring-2027"));
    let pair = serde_json::json!({"image": "https://e.co/a.jpg", "audio": "https://e.co/b.mp3"});
    let validator = jsonschema::validator_for(&schema()).unwrap();
    for text in ["postgres://callsheet@db/callsheet", "host=db dbname=callsheet"] {
        let json =
            serde_json::json!({"version": 1, "pairs": [pair], "ledger": text, "batch": "a b"});
        assert!(validator.is_valid(&json), "{text}");
    }
    let json = serde_json::json!({"version": 1, "pairs": [pair], "ledger": "spring.run"});
    assert!(!validator.is_valid(&json));
}

#[test]
fn a_password_is_refused_at_its_place_and_not_shown_as_if_it_were_fine() {
    let problems = parse(&yaml("ledger: postgres://a:secret@db/c\nbatch: \"a\\tb\"")).unwrap_err();
    let told: Vec<_> = problems.iter().map(|problem| problem.message.clone()).collect();
    assert_eq!(told, ["`ledger`: there is a password in it", "`batch`: this is no name"]);
    let first = problems.iter().next().unwrap();
    let help = first.help.as_deref().unwrap_or_default();
    assert!(
        help.contains("PGPASSWORD") && help.contains("~/.pgpass") && help.contains("PGSERVICE")
    );
    assert!(parse(&yaml("ledger: spring.run")).is_err() && parse(&yaml("ledger:")).is_err());
}
