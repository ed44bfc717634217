//! The table of floors in `lib.rs`, held against what the modules really use.

use std::collections::BTreeSet;

use crate::house::{House, absolute, paths};

fn house() -> House {
    House::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), 2)
}

/// The floors from the ground up, each with its rooms.
fn floors() -> Vec<(String, Vec<String>)> {
    let rooms = |row: String| {
        let (floor, rooms) = row.split_once(' ').unwrap_or((&row, ""));
        let rooms = rooms.split_whitespace().map(|room| format!("{floor}/{room}")).collect();
        (floor.to_owned(), rooms)
    };
    house().table("Where things are").into_iter().map(rooms).collect()
}

/// Every room in the order of the table; a floor without rooms is one itself.
fn order(floors: &[(String, Vec<String>)]) -> Vec<String> {
    let rooms =
        floors.iter().flat_map(
            |(floor, rooms)| {
                if rooms.is_empty() { vec![floor.clone()] } else { rooms.clone() }
            },
        );
    rooms.collect()
}

#[test]
fn the_table_names_every_floor_and_room_once() {
    let (house, floors) = (house(), floors());
    let named: BTreeSet<_> = floors.iter().map(|(floor, _)| floor.clone()).collect();
    assert_eq!(named, house.declared("lib.rs"));
    for (floor, rooms) in floors.iter().filter(|(_, rooms)| !rooms.is_empty()) {
        let declared = house.declared(&format!("{floor}/mod.rs"));
        let declared: BTreeSet<_> = declared.iter().map(|room| format!("{floor}/{room}")).collect();
        assert_eq!(rooms.iter().cloned().collect::<BTreeSet<_>>(), declared, "{floor}");
        assert_eq!(rooms.len(), declared.len(), "{floor}");
    }
}

#[test]
fn each_room_uses_only_what_stands_before_it() {
    let forbidden = house().forbidden(&order(&floors()));
    assert!(forbidden.is_empty(), "against the table in lib.rs: {forbidden:#?}");
}

#[test]
fn a_floor_itself_only_names_its_rooms() {
    let house = house();
    for (floor, _) in floors().iter().filter(|(_, rooms)| !rooms.is_empty()) {
        let files = house.code(floor);
        let (_, code) = files.iter().find(|(module, _)| module == floor).unwrap();
        let other = code.lines().find(|line| !(line.is_empty() || line.contains("mod ")));
        assert_eq!(other, None, "{floor}/mod.rs");
    }
}

#[test]
fn decisions_know_no_runtime_no_wiremock_no_lock_and_no_clock() {
    let house = house();
    let pure = ["words", "http", "rules", "decisions"];
    let outside = ["tokio::", "wiremock::", "Mutex", "RwLock", "std::env"];
    for (floor, rooms) in floors().iter().filter(|(floor, _)| pure.contains(&floor.as_str())) {
        for (module, code) in rooms.iter().flat_map(|room| house.code(room)) {
            let found = outside.iter().find(|word| code.contains(**word));
            assert_eq!(found, None, "{module} is to be pure");
            assert!(floor != "decisions" || !code.contains("now()"), "{module} asks for the time");
        }
    }
}

/// What holds the house is worth something only if it gives way when an arrow is turned round.
#[test]
fn an_arrow_that_is_turned_round_is_told() {
    let mut floors = floors();
    let place = |floors: &[(String, Vec<String>)], name| floors.iter().position(|(f, _)| f == name);
    let (rules, decisions) =
        (place(&floors, "rules").unwrap(), place(&floors, "decisions").unwrap());
    floors.swap(rules, decisions);
    let told = house().forbidden(&order(&floors));
    assert!(told.contains(&"decisions/life uses rules/scenario".to_owned()), "{told:#?}");
    assert!(told.iter().all(|told| told.starts_with("decisions/")), "{told:#?}");

    floors.swap(rules, decisions);
    let state = place(&floors, "state").unwrap();
    floors[state].1.reverse();
    let told = house().forbidden(&order(&floors));
    assert!(told.contains(&"state/desk uses state/book".to_owned()), "sideways: {told:#?}");
}

#[test]
fn paths_are_read_however_they_are_written() {
    let code = "use crate::words::{clock::{self, Millis}, span};\nlet x = crate::engine::answer();\n\
        use super::tree::Node;\nuse super::super::contract::Violation as V;\nmacro!($crate::http);";
    let read = paths(&absolute(code, "rules/scenario/read"));
    let wanted = [
        "words/clock",
        "words/clock/Millis",
        "words/span",
        "engine/answer",
        "rules/scenario/tree/Node",
        "rules/contract/Violation",
    ];
    assert_eq!(read, wanted);
}

#[test]
fn no_rooms_use_each_other_in_a_circle() {
    assert_eq!(house().circles(), Vec::<String>::new());
}
