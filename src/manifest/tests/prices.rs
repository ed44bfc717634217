//! `price`: what videos cost, or what is wrong with it.

use super::*;
use crate::price::{Factor, Money, Per, Tariff};

const PAIR: &str = "\npairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]";

fn tariff(price: &str) -> Tariff {
    good(&format!("version: 1\n{price}{PAIR}")).spending.price.unwrap()
}

/// The only problem: its message.
fn problem(price: &str) -> String {
    let problems = parse(&format!("version: 1\n{price}{PAIR}")).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems}");
    problems.iter().next().unwrap().message.clone()
}

#[test]
fn a_price_is_as_long_or_as_short_as_it_has_to_be() {
    let plain = Tariff::per_second(Money::of(0.16));
    let per = |unit, step| Tariff { per: Per::Time { unit, step }, ..plain };
    for (yaml, expected) in [
        ("price_per_second: 0.16", plain),
        ("price: {amount: 0.16}", plain),
        ("price: {per: second, amount: 0.16, step: 1s}", plain),
        ("price: {per: second, amount: 0.16, step: 5s}", per(1, 5)),
        ("price: {per: 10s, amount: 0.16}", per(10, 10)),
        ("price: {per: 10s, step: 20s, amount: 0.16}", per(10, 20)),
        ("price: {per: clip, amount: 0.16}", Tariff { per: Per::Clip, ..plain }),
    ] {
        assert_eq!(tariff(yaml), expected, "{yaml}");
    }
    let all =
        tariff("price: {per: second, amount: 0.16, minimum: 0.5, step: 5s, turbo: 1.5, 720p: 2}");
    let (turbo, hd) = (Factor::of(1.5), Factor::of(2.0));
    assert_eq!(all, Tariff { minimum: Money::of(0.5), turbo, hd, ..per(1, 5) });
    // A budget in money is one with either.
    good(&format!("version: 1\nprice: {{per: clip, amount: 1}}\nbudget: 50{PAIR}"));
}

#[test]
fn what_is_no_price_is_refused() {
    for (yaml, message) in [
        ("price: 0.16", "`price` must be a map, found 0.16"),
        ("price:", "`price` is empty"),
        ("price: {per: clip}", "`price` has no `amount`"),
        ("price: {amount: 0}", "`amount` must be a number above 0, found 0"),
        ("price: {amount: free}", "`amount` must be a number above 0, found `free`"),
        ("price: {amount: 1, per: minute}", "`per` must be what is counted, found `minute`"),
        ("price: {amount: 1, per: 1.5s}", "`per` must be what is counted, found `1.5s`"),
        ("price: {amount: 1, per: 2h}", "`per` must be what is counted, found `2h`"),
        ("price: {amount: 1, step: 5}", "`step` must be whole seconds from 1s to 60s, found 5"),
        ("price: {amount: 1, step: 0s}", "`step` must be whole seconds from 1s to 60s, found `0s`"),
        (
            "price: {amount: 1, per: 10s, step: 15s}",
            "`step`: 15s is no multiple of 10s, which `per` says",
        ),
        (
            "price: {amount: 1, per: clip, step: 5s}",
            "`step`: a clip costs the same however long it is",
        ),
        ("price: {amount: 1, minimum: -1}", "`minimum` must be a number above 0, found -1"),
        ("price: {amount: 1, turbo: 0}", "`turbo` must be a number above 0, found 0"),
        ("price: {amount: 1, 720p: 5000}", "`720p` must be a factor, found 5000"),
        ("price: {amount: 1, currency: EUR}", "unknown key `currency` in `price`"),
        ("price_per_second: 1\nprice: {amount: 1}", "`price_per_second` and `price` mean the same"),
        ("budget: 5", "`budget` is money, and no price is known"),
    ] {
        assert_eq!(problem(yaml), message, "{yaml}");
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let valid = |price: &str| {
        validator.is_valid(&serde_yaml::from_str(&format!("version: 1\n{price}{PAIR}")).unwrap())
    };
    assert!(valid("price: {per: 10s, amount: 1, minimum: 2, step: 20s, turbo: 1.5, 720p: 2}"));
    assert!(valid("price: {per: clip, amount: 1}"));
    for price in ["{per: clip}", "{amount: 0}", "{amount: 1, per: month}", "{amount: 1, x: 1}", "1"]
    {
        assert!(!valid(&format!("price: {price}")), "{price}");
    }
}
