//! What people type instead of what YAML wants, and what is said to it.

use super::*;

/// The first problem: where it is, what it says and what to do.
fn first(yaml: &str) -> String {
    let problems = parse(yaml).unwrap_err();
    let problem = problems.iter().next().unwrap();
    let (place, help) = (&problem.place, problem.help.as_deref().unwrap_or_default());
    format!("{}:{} {} | {help}", place.line, place.column, problem.message)
}

/// A pair in three lines, from line 3 on.
fn pair(lines: [&str; 3]) -> String {
    let [image, audio, more] = lines;
    format!("version: 1\npairs:\n  - {image}\n    {audio}\n    {more}\n")
}

const IMAGE: &str = "image: https://e.co/a.jpg";
const AUDIO: &str = "audio: https://e.co/a.mp3";

#[test]
fn twins_are_named_with_their_twins() {
    for (yaml, said) in [
        (
            "version：1\npairs: []\n".to_owned(),
            "1:8 `：`, a full-width character (U+FF1A) stands here where `:` belongs | type `:` instead",
        ),
        (
            pair(["image：https://e.co/a.jpg", AUDIO, ""]),
            "3:10 `：`, a full-width character (U+FF1A) stands here where `:` belongs | type `:` instead",
        ),
        (
            pair([IMAGE, "audio： https://e.co/a.mp3", ""]),
            "4:10 `：`, a full-width character (U+FF1A) stands here where `:` belongs | type `:` instead",
        ),
        (
            pair(["image:\u{a0}https://e.co/a.jpg", AUDIO, ""]),
            "3:11 a no-break space (U+00A0) stands here where a plain space belongs | type a plain space instead",
        ),
        (
            pair(["image:\u{3000}https://e.co/a.jpg", AUDIO, ""]),
            "3:11 a full-width space (U+3000) stands here where a plain space belongs | type a plain space instead",
        ),
        (
            "version: 1\npairs: ［{image: a.jpg， audio: a.mp3}］\n".to_owned(),
            "2:8 `［`, a full-width character (U+FF3B) stands here where `[` belongs | type `[` instead",
        ),
        (
            pair(["image: “https://e.co/a.jpg”", AUDIO, ""]),
            "3:12 `image`: `“`, a typographic quote (U+201C) stands around it where `\"` belongs | type `\"` instead",
        ),
        (
            pair(["image: ‘faces/anna.jpg’", AUDIO, ""]),
            "3:12 `image`: `‘`, a typographic quote (U+2018) stands around it where `'` belongs | type `'` instead",
        ),
        (
            pair(["image: https：//e.co/a.jpg", AUDIO, ""]),
            "3:12 `image`: `：`, a full-width character (U+FF1A) is in it where `:` belongs | type `:` instead",
        ),
    ] {
        assert_eq!(first(&yaml), said, "{yaml}");
    }
    let keys =
        parse(&pair(["\u{200b}image: https://e.co/a.jpg", "“audio”: b.mp3", ""])).unwrap_err();
    let rendered = keys.render(false);
    for help in [
        "did you mean `image`? an invisible character, U+200B, is in it: type it again",
        "did you mean `audio`? `“`, a typographic quote (U+201C) is in it where `\"` belongs",
    ] {
        assert!(rendered.contains(help), "{rendered}");
    }
    let indented = parse(&pair([IMAGE, "", ""]).replace("    \n", "\u{a0}   audio: b.mp3\n"));
    let rendered = indented.unwrap_err().render(false);
    assert!(rendered.contains("a no-break space (U+00A0) is in it"), "{rendered}");
}

#[test]
fn prompts_in_full_width_characters_are_not_blamed() {
    let prompt = "prompt: “她说：你好”，然后笑";
    good(&pair([IMAGE, AUDIO, prompt]));
    let elsewhere = first(&pair([IMAGE, prompt, "audio: a: b"]));
    assert_eq!(
        elsewhere,
        "5:13 this `:` cannot start a value | put a text that contains `: ` in quotes; otherwise check the indentation"
    );
    let block = "prompt: |\n      Anna：你好\n      “好”";
    let elsewhere = first(&pair([IMAGE, block, "audio: a: b"]));
    assert!(elsewhere.contains("this `:` cannot start a value"), "{elsewhere}");
}

#[test]
fn texts_that_need_quotes_say_so() {
    for sign in
        ["@anna", "%x", "`code`", "[laughs] hi", "{x} hi", "> hi", "| hi", "- hi", "? hi", ", hi"]
    {
        let said = first(&pair([IMAGE, AUDIO, &format!("prompt: {sign}")]));
        let start = &sign[..1];
        let expected = format!(
            "5:13 this text begins with a sign that means something to YAML | put all of it in quotes: \"{start}…\""
        );
        assert_eq!(said, expected, "{sign}");
    }
    for (prompt, said) in [
        (
            "\"Hi\" she says",
            "5:13 this text goes on after its closing quote | put all of it in single quotes",
        ),
        (
            "'Hi' she says",
            "5:13 this text goes on after its closing quote | put all of it in double quotes",
        ),
        (
            "*smiles*",
            "5:13 no anchor of this name stands before it | define it with `&name` further up, or quote",
        ),
        ("&nods", "5:13 `prompt` is empty: this is not read as text | put it in quotes"),
        ("#1 fan", "5:13 `prompt` is empty: this is not read as text | put it in quotes"),
    ] {
        let found = first(&pair([IMAGE, AUDIO, &format!("prompt: {prompt}")]));
        assert!(found.starts_with(said), "{found}");
    }
    for quoted in ["'[laughs] hi'", "\"@anna\"", "null", "~", "", "null  # as it was", "# not yet"]
    {
        good(&pair([IMAGE, AUDIO, &format!("prompt: {quoted}")]));
    }
}

#[test]
fn a_sign_that_cuts_a_text_is_told() {
    let cut = |lines| {
        let manifest = good(&pair(lines));
        let shown = manifest.warnings.iter().map(|problem| {
            format!("{}:{} {}", problem.place.line, problem.place.column, problem.message)
        });
        (shown.collect::<Vec<_>>(), manifest.warnings.render(false))
    };
    let (told, rendered) = cut([IMAGE, AUDIO, "prompt: speaks #calmly and slowly"]);
    assert_eq!(told, ["5:20 `prompt` ends before this `#`"]);
    assert!(rendered.contains("#calmly and slowly\n"), "{rendered}");
    assert_eq!(cut([IMAGE, AUDIO, "id: take #2"]).0, ["5:14 `id` ends before this `#`"]);
    assert_eq!(cut(["image: ./a #1.jpg", AUDIO, ""]).0, ["3:16 `image` ends before this `#`"]);
    for fine in [
        "prompt: speaks # a comment",
        "prompt: speaks#calmly",
        "prompt: 'speaks #calmly'",
        "prompt: \"speaks\" #quoted",
        "prompt: speaks ## all of this",
        "prompt: speaks",
    ] {
        assert_eq!(cut([IMAGE, AUDIO, fine]).0, [""; 0], "{fine}");
    }
    let flow = "version: 1\npairs:\n  - {image: a.jpg, prompt: number #1, audio: a.mp3}\n";
    assert_eq!(
        first(flow),
        "3:35 `#` after a space starts a comment | put the text that has the `#` in it in quotes"
    );
}

#[test]
fn backslashes_in_double_quotes_are_escapes() {
    let help = "put the text in single quotes, where `\\` is itself, or write `/` between folders";
    for (path, place) in
        [("C:\\new\\pic.jpg", "3:19"), ("C:\\users\\a.jpg", "3:15"), ("a\\xyz.jpg", "3:14")]
    {
        let said = first(&pair([&format!("image: \"{path}\""), AUDIO, ""]));
        let start = said.split_once(' ').unwrap();
        assert_eq!(start.1, format!("in double quotes `\\` starts an escape | {help}"), "{path}");
        assert!(start.0.starts_with("3:1"), "{said} {place}");
    }
    // An escape that YAML knows is a line end or a tab in the name.
    for path in ["C:\\new.jpg", "faces\\table.jpg"] {
        let said = first(&pair([&format!("image: \"{path}\""), AUDIO, ""]));
        let control = "3:12 `image`: the name has a control character in it";
        assert_eq!(said, format!("{control} | in double quotes `\\` starts an escape: {help}"));
    }
}

#[test]
fn endpoints_as_they_are_typed() {
    let endpoint = |text: &str| {
        let pair = "pairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]";
        parse(&format!("version: 1\nendpoint: {text}\n{pair}\n"))
    };
    for text in ["https://a.cc/v1", "https://a.cc/v1/", "https://a.cc/", "https://a.cc"] {
        assert_eq!(endpoint(text).unwrap().endpoint.origin(), "https://a.cc", "{text}");
    }
    for (text, help) in [
        ("api.foxapi.cc", "write https://api.foxapi.cc"),
        ("api.foxapi.cc/v1", "write https://api.foxapi.cc"),
        ("api.foxapi.cc:8080", "write https://api.foxapi.cc:8080"),
        ("localhost:3000", "write http://localhost:3000"),
        ("https://a.cc/v2", "remove everything after the host"),
        ("foxapi", "a URL looks like https://example.com/anna.jpg"),
        ("a.cc:secret@b.cc", "give an address that starts with https://"),
    ] {
        let problems = endpoint(text).unwrap_err();
        assert_eq!(problems.iter().next().unwrap().help.as_deref(), Some(help), "{text}");
    }
    let file = first(&pair(["image: FILE:///a.jpg", AUDIO, ""]));
    assert!(file.contains("write the path without `file:`"), "{file}");
}
