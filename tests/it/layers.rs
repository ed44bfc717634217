//! The table of layers in `lib.rs`, held against what the modules really use.

use std::collections::BTreeSet;

#[path = "../../mock/tests/it/house.rs"]
mod house;

use house::House;

fn house() -> House {
    House::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"), 1)
}

/// The modules in the order of the table, with whether they are above `files`, so pure.
fn table() -> Vec<String> {
    let modules = house().table("Where things are").into_iter().flat_map(|row| {
        let names = row.split("   ").next().unwrap();
        names.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    });
    modules.collect()
}

#[test]
fn the_table_names_every_module_once() {
    let (table, modules) = (table(), house().declared("lib.rs"));
    assert_eq!(table.iter().cloned().collect::<BTreeSet<_>>(), modules);
    assert_eq!(table.len(), modules.len());
}

#[test]
fn each_module_uses_only_what_stands_before_it() {
    let forbidden = house().forbidden(&table());
    assert!(forbidden.is_empty(), "against the table in lib.rs: {forbidden:#?}");
}

#[test]
fn what_stands_above_files_is_pure() {
    let (house, table) = (house(), table());
    let pure = table.iter().take_while(|module| *module != "files");
    let outside = ["tokio::", "reqwest::", "std::fs", "std::env", "::now()", "rusqlite"];
    for module in pure {
        for (file, code) in house.code(module) {
            let found = outside.iter().find(|word| code.contains(**word));
            assert_eq!(found, None, "{file} is to be pure");
        }
    }
}

/// Inside modules, too, the way is one way; where it is not yet, it is known, and no more comes to it.
#[test]
fn rooms_use_each_other_in_circles_only_where_it_is_known() {
    insta::assert_snapshot!("circles", house().circles().join("\n"));
}
