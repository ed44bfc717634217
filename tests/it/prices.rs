//! Prices as services have them, from the plan to the budget.

use callsheet_mock::{MockApi, Scenario};
use serde_json::json;

use crate::locals::{add, shipped};
use crate::sheet::{Sheet, fake};

/// Two pairs with local recordings of 2 s; the second one in turbo mode.
fn sheet(api: &MockApi, settings: &str) -> Sheet {
    let sheet = Sheet::new(&format!(
        "version: 1\nendpoint: {}\nconcurrency: 1\n{settings}\npairs:\n  \
         - {{id: plain, image: a.jpg, audio: a.wav}}\n  \
         - {{id: turbo, image: a.jpg, audio: a.wav, turbo_mode: true}}\n",
        api.url()
    ));
    add(&sheet, "a.jpg", &shipped("pictures/portrait.jpg"));
    add(&sheet, "a.wav", &shipped("sounds/plain.wav"));
    sheet
}

#[test]
fn a_plan_reckons_with_the_price_list() {
    let api = fake(Scenario::default());
    let costs = |settings: &str| {
        let plan = sheet(&api, settings).call("plan", &["--json"]).json();
        let create = &plan["plan"]["create"];
        let each = plan["pairs"].as_array().unwrap().iter().map(|pair| pair["cost"].clone());
        (create["cost"].clone(), create["billed_seconds"].clone(), each.collect::<Vec<_>>())
    };
    for (settings, total, billed, each) in [
        ("price_per_second: 0.2", 0.8, 4, [0.4, 0.4]),
        ("price: {amount: 0.2, step: 5s}", 2.0, 10, [1.0, 1.0]),
        ("price: {per: 10s, amount: 0.2}", 0.4, 20, [0.2, 0.2]),
        ("price: {per: clip, amount: 0.7, turbo: 2}", 2.1, 4, [0.7, 1.4]),
        ("price: {amount: 0.2, minimum: 0.9, turbo: 3}", 2.1, 4, [0.9, 1.2]),
    ] {
        let found = costs(settings);
        assert_eq!(found, (json!(total), json!(billed), each.map(|cost| json!(cost)).into()));
    }
}

#[test]
fn a_budget_is_kept_at_these_prices() {
    let api = fake(Scenario::default());
    // The first costs 0.90, the second 1.20.
    let list = "price: {amount: 0.2, minimum: 0.9, turbo: 3}";
    let sheet = sheet(&api, &format!("{list}\nbudget: 2.0"));
    let plan = sheet.call("plan", &[]);
    assert!(plan.out.contains("1 of the 2 to create may be paid for now"), "{plan}");
    let said = sheet.run(&[]);
    assert_eq!(said.code, 8, "{said}");
    assert!(said.out.contains("budget 2.00: 0.90 spent"), "{said}");
    assert_eq!(api.book().entries.len(), 1);
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    std::fs::write(&sheet.manifest, yaml.replace("budget: 2.0", "budget: 2.1")).unwrap();
    let said = sheet.run(&[]);
    assert_eq!((said.code, api.book().entries.len()), (0, 2), "{said}");
    assert!(said.out.contains("budget 2.10: 2.10 spent"), "{said}");
}

#[test]
fn a_run_that_costs_more_is_asked_about() {
    let api = fake(Scenario::default());
    let ask = |limit: &str| {
        let list = "price: {per: clip, amount: 0.7, turbo: 2}";
        let sheet = sheet(&api, &format!("{list}\nconfirm_cost: {limit}"));
        let mut command = sheet.run_command(&[]);
        crate::child::said(command.env_remove("CALLSHEET_YES"))
    };
    let said = ask("2.0");
    assert_eq!(said.code, 2, "{said}");
    assert!(said.err.contains("2 creates, 4 s, 2.10 would be sent"), "{said}");
    assert_eq!(ask("2.1").code, 0);
}

#[test]
fn money_is_called_what_the_manifest_calls_it_and_not_converted() {
    let api = fake(Scenario::default());
    let list = "price: {per: clip, amount: 0.7}\ncurrency: CNY\nbudget: 2.0";
    let sheet = sheet(&api, &format!("{list}\nconfirm_cost: 1.0"));
    let plan = sheet.call("plan", &[]);
    assert!(
        plan.out.contains("cost CNY\n") && plan.out.contains("budget 2.00 CNY: 0.00"),
        "{plan}"
    );
    assert_eq!(sheet.call("plan", &["--json"]).json()["currency"], "CNY");
    let mut command = sheet.run_command(&[]);
    let asked = crate::child::said(command.env_remove("CALLSHEET_YES"));
    let question =
        "2 creates, 4 s, 1.40 CNY would be sent, which is more than `confirm_cost`, 1.00 CNY";
    assert!(asked.err.contains(question), "{asked}");
    let run = sheet.run(&[]);
    assert!(run.out.contains("budget 2.00 CNY: 1.40 spent"), "{run}");
    let yaml = std::fs::read_to_string(&sheet.manifest).unwrap();
    for name in ["'a b'", "thirteen_long", "\"\\e[31m\"", "7 "] {
        std::fs::write(&sheet.manifest, yaml.replace("CNY", name)).unwrap();
        let said = sheet.call("check", &[]);
        let fits = name == "7 ";
        assert_eq!(said.err.contains("expected a name of at most 12 letters"), !fits, "{said}");
    }
}
