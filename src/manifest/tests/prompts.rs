//! What is said of prompts, and where.

use super::good;

fn warnings(defaults: &str, pairs: &[&str]) -> Vec<(usize, usize, String)> {
    let mut yaml = format!("version: 1\ndefaults: {{prompt: {defaults}}}\npairs:\n");
    for (n, prompt) in pairs.iter().enumerate() {
        yaml.push_str(&format!(
            "- image: https://e.co/{n}.jpg\n  audio: https://e.co/{n}.mp3\n  {prompt}\n"
        ));
    }
    let said = serde_json::to_value(&good(&yaml).warnings).unwrap();
    let number = |value: &serde_json::Value| usize::try_from(value.as_u64().unwrap()).unwrap();
    let one = |problem: &serde_json::Value| {
        let message = problem["message"].as_str().unwrap().to_owned();
        (number(&problem["line"]), number(&problem["column"]), message)
    };
    said.as_array().unwrap().iter().map(one).collect()
}

#[test]
fn each_is_said_at_its_place_and_that_of_defaults_once() {
    let said = warnings(
        "Женщина спокойно говорит в камеру",
        &[
            "",
            "prompt: ''",
            "prompt: smile at the camera, then nod slowly",
            "",
            "prompt: &de Die Frau spricht ruhig in die Kamera und lächelt",
            "prompt: *de",
            "prompt: \"  \"",
            "prompt: null",
        ],
    );
    let places: Vec<_> = said.iter().map(|(line, column, _)| (*line, *column)).collect();
    let messages: Vec<_> = said.iter().map(|(_, _, message)| message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the prompt seems to be in Cyrillic letters",
            "the prompt is empty",
            "the prompt seems to be in German",
            "the prompt is empty",
        ]
    );
    assert_eq!([places[0], places[1], places[3]], [(2, 20), (9, 11), (24, 11)]);
    assert_eq!(places[2].0, 18, "where it is written, not where it is repeated");
}

#[test]
fn a_prompt_may_be_long_but_not_surprisingly() {
    let prompt = |words: usize| format!("prompt: {}", "smile ".repeat(words).trim_end());
    assert_eq!(warnings("nod", &[&prompt(166)]), []);
    let said = warnings("nod", &[&prompt(200)]);
    assert_eq!(said[0].2, "the prompt has 1199 characters");
    assert_eq!(said.len(), 1);
}
