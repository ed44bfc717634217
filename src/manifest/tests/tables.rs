//! Tables: the same pairs in every form give the same requests, and what is wrong with them is
//! shown in its place.

use std::collections::BTreeMap;
use std::io::{self, Cursor};

use proptest::prelude::{Strategy, prop, prop_assert_eq, proptest};

use super::*;
use crate::table::tests::books;
use crate::table::{Input, Scratch};

/// Files in memory.
#[derive(Default)]
pub(super) struct Folder(BTreeMap<String, Vec<u8>>);

impl Folder {
    pub(super) fn with(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::default().and(name, bytes)
    }

    pub(super) fn and(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(name.to_owned(), bytes.into());
        self
    }

    pub(super) fn read(&self, yaml: &str) -> Result<Manifest, Problems> {
        let origin = Origin { path: "jobs/a.yaml", plain: PlainHttp::Loopback, files: self };
        read(&origin, Form::Yaml(yaml.as_bytes()))
    }

    /// A table by itself.
    pub(super) fn table(&self, name: &str) -> Result<Manifest, Problems> {
        let path = format!("jobs/{name}");
        let origin = Origin { path: &path, plain: PlainHttp::Loopback, files: self };
        read(&origin, Form::Table(name))
    }
}

impl Files for Folder {
    fn open(&self, name: &str) -> io::Result<Box<dyn Input>> {
        let bytes = self.0.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(Cursor::new(bytes.clone())))
    }

    fn scratch(&self) -> io::Result<Box<dyn Scratch>> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

const XLSX: &[u8] = include_bytes!("../../../tests/it/fixtures/tables/pairs.xlsx");
const ODS: &[u8] = include_bytes!("../../../tests/it/fixtures/tables/pairs.ods");
const ODD_XLSX: &[u8] = include_bytes!("../../../tests/it/fixtures/tables/odd.xlsx");
const ODD_ODS: &[u8] = include_bytes!("../../../tests/it/fixtures/tables/odd.ods");

/// What the two spreadsheets say.
const PAIRS: &str = r#"version: 1
pairs:
  - {id: "007", image: https://e.co/anna.jpg, audio: https://e.co/hallo.mp3,
     prompt: "smiles,\n\"warmly\"", advanced: {seed: 7}}
  - {id: "12", image: https://e.co/anna.jpg, audio: https://e.co/hola.mp3, turbo_mode: true,
     advanced: {seed: 1.5}, extra: {resolution: 720p}}
  - {id: nihao-take2, image: "https://e.co/王小明.png", audio: "https://e.co/nihao.mp3?sig=1&b=2",
     prompt: "微笑 & nods", take: 2}
"#;

const CSV: &str = r#"ID,Image URL,audio url,提示词,Turbo Mode,advanced.seed,Extra,Take,Notes
007,https://e.co/anna.jpg,https://e.co/hallo.mp3,"smiles,
""warmly""",,7,,,x
12,https://e.co/anna.jpg, https://e.co/hola.mp3 ,,TRUE,1.5,"{""resolution"": ""720p""}",,
,,,,,,,,
nihao-take2,https://e.co/王小明.png,https://e.co/nihao.mp3?sig=1&b=2,微笑 & nods,,,,2,
"#;

/// The same with another sign between cells.
fn between(sign: &str) -> String {
    let mut quoted = false;
    let change = |c: char| {
        quoted ^= c == '"';
        if c == ',' && !quoted { sign.to_owned() } else { c.to_string() }
    };
    CSV.chars().map(change).collect()
}

fn wide(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

#[test]
fn the_same_pairs_in_every_form_are_the_same_requests() {
    let expected = good(PAIRS).pairs;
    let semicolons = between(";");
    let lines = good(PAIRS).pairs.iter().map(json_line).collect::<String>();
    for (name, bytes) in [
        ("comma.csv", CSV.into()),
        ("semicolon.csv", semicolons.clone().into_bytes()),
        ("bar.txt", between("|").into_bytes()),
        ("tab.tsv", between("\t").into_bytes()),
        ("told.csv", format!("sep=;\r\n{semicolons}").into_bytes()),
        ("quoted-sep.csv", format!("\"sep=;\"\n\n{semicolons}").into_bytes()),
        ("mark.csv", format!("\u{feff}{CSV}").into_bytes()),
        ("windows.csv", CSV.replace('\n', "\r\n").into_bytes()),
        ("old-mac.csv", CSV.replace('\n', "\r").into_bytes()),
        ("no-end.csv", CSV.trim_end().into()),
        ("wide.txt", wide(&format!("\u{feff}{}", between("\t")), u16::to_le_bytes)),
        ("wide-big.csv", wide(&format!("\u{feff}{CSV}"), u16::to_be_bytes)),
        ("no-mark.csv", wide(CSV, u16::to_le_bytes)),
        ("no-mark-big.csv", wide(CSV, u16::to_be_bytes)),
        ("lines.jsonl", lines.clone().into_bytes()),
        (
            "lines-windows.jsonl",
            format!("\u{feff}{}", lines.replace('\n', "\r\n\r\n")).into_bytes(),
        ),
        ("pairs.xlsx", XLSX.to_vec()),
        ("pairs.ods", ODS.to_vec()),
    ] {
        let found = Folder::with(name, bytes).table(name).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(found.pairs, expected, "{name}");
    }
}

/// A pair as its program would write it.
fn json_line(pair: &Pair) -> String {
    let mut line = pair.request.to_json();
    line["id"] = pair.id.as_str().into();
    line["take"] = pair.take.into();
    let fields = line.as_object_mut().unwrap();
    fields.remove("model");
    if let Some(resolution) = fields.remove("resolution") {
        fields.insert("extra".to_owned(), json!({ "resolution": resolution }));
    }
    format!("{line}\n")
}

#[test]
fn a_manifest_says_what_a_table_cannot() {
    let folder = Folder::with(
        "data/a.csv",
        "Image,audio,presenter,language,prompt\n\
        img/a.jpg,a.mp3,Anna Müller,en,own\n/b.jpg,https://e.co/b.mp3,ben,DE,\n",
    )
    .and(
        "b.jsonl",
        "{\"audio\":\"c.mp3\",\"presenter\":\"c\",\"language\":1,\"prompt\":null}\n\
        \n{\"id\":\"d\",\"audio\":\"d.mp3\",\"take\":3}\n",
    )
    .and("c.csv", "图片;音频;id\nx.jpg;y.mp3;\n");
    let manifest = folder.read(
        "version: 1\npairs_from: [data/a.csv, b.jsonl]\nid_from: [presenter, Language]\n\
         defaults: {prompt: p, image: x.jpg}\npairs: [{image: q.jpg, audio: q.mp3}]\n",
    );
    let manifest = manifest.unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(ids(&manifest), ["q-q", "Anna-Müller-en", "ben-DE", "c-1", "d"]);
    let said = |body: &Value| {
        ["image_url", "audio_url", "prompt"].map(|key| body[key].as_str().unwrap_or("-").to_owned())
    };
    assert_eq!(
        bodies(&manifest).iter().map(said).collect::<Vec<_>>()[1..],
        [
            ["file:data/img/a.jpg", "file:data/a.mp3", "own"],
            ["file:/b.jpg", "https://e.co/b.mp3", "p"],
            ["file:x.jpg", "file:c.mp3", "-"],
            ["file:x.jpg", "file:d.mp3", "p"],
        ]
    );
    assert!(manifest.warnings.is_empty(), "{}", manifest.warnings);
    let forms: Vec<_> = manifest.tables.iter().map(|t| (t.form.as_str(), t.pairs)).collect();
    assert_eq!(forms, [("CSV", 2), ("JSON Lines", 2)]);
    let alone = folder.read("version: 1\npairs_from: c.csv\n").unwrap();
    assert_eq!(ids(&alone), ["x-y"]);
    assert_eq!(alone.tables[0].form, "CSV with `;`");
}

#[test]
fn other_encodings_are_read_when_they_are_named() {
    let gbk = encoding_rs::GBK.encode("图片,音频,提示词\nx.jpg,y.mp3,微笑\n").0.into_owned();
    let folder = Folder::with("a.csv", gbk);
    let manifest = folder.read("version: 1\npairs_from: a.csv\nencoding: GB2312\n").unwrap();
    assert_eq!(bodies(&manifest)[0]["prompt"], json!("微笑"));
    let problems = folder.read("version: 1\npairs_from: a.csv\n").unwrap_err().render(false);
    assert!(problems.contains("`encoding: gbk` reads `图片` here"), "{problems}");
    let latin = Folder::with("a.csv", &b"image,audio,prompt\nx.jpg,y.mp3,M\xfcller\n"[..]);
    let manifest = latin.read("version: 1\npairs_from: a.csv\nencoding: windows-1252\n").unwrap();
    assert_eq!(bodies(&manifest)[0]["prompt"], json!("Müller"));
}

#[test]
fn a_sheet_is_chosen_by_name() {
    let folder = Folder::with("a.xlsx", XLSX).and("a.ods", ODS);
    for name in ["a.xlsx#Sheet2", "a.ods#sheet2"] {
        let manifest = folder.table(name).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(ids(&manifest), ["ben-two"], "{name}");
    }
    for name in ["a.xlsx#Sheet3", "a.ods#Sheet3"] {
        let problems = folder.table(name).unwrap_err().render(false);
        assert!(problems.contains("no sheet `Sheet3`"), "{problems}");
        assert!(problems.contains("its sheets are `Lists`, `Pairs`, `Sheet2`"), "{problems}");
    }
    let problems = Folder::with("a.csv", CSV).read("version: 1\npairs_from: a.csv#x").unwrap_err();
    assert!(problems.render(false).contains("there is no such file"));
}

#[test]
fn what_spreadsheets_spoil_is_said_in_its_place() {
    let folder = Folder::with("odd.xlsx", ODD_XLSX).and("odd.ods", ODD_ODS);
    insta::assert_snapshot!("odd_xlsx", folder.table("odd.xlsx").unwrap_err().render(false));
    insta::assert_snapshot!("odd_ods", folder.table("odd.ods").unwrap_err().render(false));
}

#[test]
fn every_problem_of_a_table_is_said_at_once() {
    let csv = "id,Image,Audio,take,turbo,advanced,extra.model,token,Notes,More\n\
        a,https://e.co/a.jpg?sig=SECRET,https://e.co/a.mp3?sig=SECRET,0,maybe,{,,SECRET,,\n\
        \n\
        a,https://e.co/a.jpg,ftp://e.co/a.mp3,2,,,,SECRET,,\n\
        b,https://e.co/a.jpg,https://e.co/b.mp3,,,,x,SECRET,,,hello\n\
        c,https://e.co/a.jpg,https://e.co/c.mp3\n\
        d,\"https://e.co/a.jpg\"x,https://e.co/d.mp3,,,,,,,\n\
        12-Mar,https://e.co/a.jpg,https://e.co/e.mp3,,,,,,,\n\
        f,,https://e.co/f.mp3,,,,x,,,\n\
        g,https://e.co/a.jpg,https://e.co/c.mp3,,,,,,,\n\
        h,\"https://e.co/a.jpg,https://e.co/h.mp3,,,,,,,\n";
    let rendered = Folder::with("bad.csv", csv).table("bad.csv").unwrap_err().render(false);
    assert!(!rendered.contains("SECRET"), "{rendered}");
    insta::assert_snapshot!("bad_csv", rendered);
    let lines = "{\"image\": \"https://e.co/a.jpg?sig=SECRET\", \"audio\": \"x.mp3\", \"id\": \"-\"}\n\
        {\"image\": 5, \"audio\": \"x.mp3\"\n\
        [1]\n\
        {\"image\": \"a.jpg\", \"Image URL\": \"a.jpg\", \"audio\": \"x.mp3\", \"token\": \"SECRET\"}\n\
        {\"image\": \"a.jpg\", \"audio\": \"x.mp3\", \"advanced\": {\"n\": 18446744073709551616}}\n\
        {\"image\": \"a.jpg\", \"audio\": \"y.mp3\", \"prompt\": {\"n\": 1}, \"id\": \"x\"}\n\
        {\"image\": null, \"audio\": \"z.mp3\", \"id\": null}\n";
    let rendered = Folder::with("bad.jsonl", lines).table("bad.jsonl").unwrap_err().render(false);
    assert!(!rendered.contains("SECRET"), "{rendered}");
    insta::assert_snapshot!("bad_jsonl", rendered);
}

#[test]
fn what_is_allowed_but_strange_is_a_warning() {
    let csv = "image,audio,Notes,client\nhttps://e.co/a.jpg,https://e.co/a.mp3\n\
               https://e.co/a.mp3,https://e.co/b.mp3,,\n";
    let manifest = Folder::with("a.csv", csv).table("a.csv").unwrap();
    insta::assert_snapshot!("strange_csv", manifest.warnings.render(false));
}

/// Headers that are no good are one problem, not one for each row.
#[test]
fn a_header_that_does_not_do_is_said_once() {
    let rows = "https://e.co/a.jpg,https://e.co/a.mp3\n".repeat(200);
    for (header, message) in [
        ("", "the first row has no names of columns: it looks like a pair"),
        ("picture,clip\n", "the table has no column `audio`"),
        ("bild,ton\n", "no column of this table is known"),
        ("image,image_url\n", "`image` and `image_url` mean the same"),
        ("image;图片;audio\n", "`image` and `图片` mean the same"),
    ] {
        let problems = Folder::with("a.csv", format!("{header}{rows}")).table("a.csv").unwrap_err();
        let said: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(said, [message]);
        assert_eq!(problems.iter().next().unwrap().place.line, 1);
    }
}

#[test]
fn what_is_no_table_says_what_it_is() {
    let cases: [(&[u8], &str); 11] = [
        (b"", "the table is empty"),
        (b"image,audio\n", "the table has no pair in it"),
        (b"image,audio\n,\n\n", "the table has no pair in it"),
        (b"[{\"image\": 1}]", "this is a JSON list, not JSON Lines"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is a PNG picture, not a table"),
        (b"<html>", "this is a web page or XML, not a table"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "this is an old .xls spreadsheet, or one protected by a password",
        ),
        (b"PK\x03\x04", "it cannot be read: the spreadsheet is damaged or cut"),
        (
            &books::archive(&[("word/document.xml", b"<x/>")]),
            "this is a ZIP archive, but no .xlsx or .ods spreadsheet",
        ),
        (&books::archive(&[("Index/Document.iwa", b"x")]), "this is a Numbers spreadsheet"),
        (&XLSX[..XLSX.len() - 300], "it cannot be read: the spreadsheet is damaged or cut"),
    ];
    for (bytes, message) in cases {
        let problems = Folder::with("a.csv", bytes).table("a.csv").unwrap_err();
        let said: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
        assert_eq!(said, [message]);
    }
}

#[test]
fn keys_that_go_with_tables_are_checked() {
    let folder = Folder::with("a.csv", CSV);
    for (line, message) in [
        ("encoding: gbk\npairs: []", "`encoding` goes with `pairs_from`, which is not there"),
        ("id_from: a\npairs: []", "`id_from` goes with `pairs_from`, which is not there"),
        (
            "pairs_from: a.csv\nencoding: gkb",
            "`encoding` must be the name of an encoding, found `gkb`",
        ),
        ("pairs_from: []", "`pairs_from` must be a file, or a list of files, found a list"),
        ("pairs_from: [a.csv, a.csv]", "`a.csv` is named twice"),
        ("pairs_from: b.csv", "`b.csv`: there is no such file"),
        ("pairs_from: a.csv\nid_from: [presenter]", "the table has no column `presenter`"),
    ] {
        let problems = folder.read(&format!("version: 1\n{line}\n")).unwrap_err();
        let said = |problem: &Problem| problem.message == message;
        assert!(problems.iter().any(said), "{message}: {problems}");
    }
}

/// A byte that is another one is no other prompt.
#[test]
fn what_is_damaged_is_not_read() {
    let mut sheet = books::Sheet::default();
    sheet.push(&["image", "audio", "prompt"].map(str::to_owned));
    sheet.push(&["a.jpg", "b.mp3", "smile"].map(str::to_owned));
    let (xlsx, ods) = (sheet.xlsx(), sheet.ods());
    for (name, bytes) in [("a.xlsx", xlsx), ("a.ods", ods)] {
        let at = bytes.windows(5).position(|five| five == b"smile").unwrap();
        let mut damaged = bytes.clone();
        damaged[at + 1] = b'n';
        assert!(Folder::with(name, bytes).table(name).is_ok());
        let problems = Folder::with(name, damaged).table(name).unwrap_err().render(false);
        assert!(problems.contains("damaged or cut"), "{problems}");
    }
}

/// Bombs and lies: refused while little of them is held.
#[test]
fn hostile_spreadsheets_are_given_up() {
    let row = |cells: &str| {
        books::workbook(&format!("<worksheet><row>{cells}</row></worksheet>"), "<sst/>")
    };
    let header = "<row><c t='str'><v>image</v></c><c t='str'><v>audio</v></c></row>";
    let after =
        |rest: &str| books::workbook(&format!("<worksheet>{header}{rest}</worksheet>"), "<sst/>");
    let long = "x".repeat(3 << 20);
    let many = "<c t='str'><v>".to_owned() + &"y".repeat(1000) + "</v></c>";
    for (bytes, word) in [
        (row(&format!("<c r='{long}'/>")), "larger than 1 MiB"),
        (row(&"<a>".repeat(500)), "nested too deeply"),
        (row("<c t='str'><v>&bomb;</v></c>"), "unknown entity"),
        (row("<c t='s'><v>7</v></c>"), "a text of it is missing"),
        (after(&format!("<row>{}</row>", many.repeat(1100))), "longer than 1 MiB"),
        (
            after(&format!("<row><c t='str'><v>{}</v></c></row>", "z<!---->".repeat(1 << 18))),
            "no `audio`",
        ),
        (
            books::sheet_of_ods(&format!(
                "<table:table-row><table:table-cell \
            table:number-columns-repeated='16384' office:value-type='string'><text:p>{}</text:p>\
            </table:table-cell></table:table-row>",
                "w".repeat(1000)
            )),
            "longer than 1 MiB",
        ),
    ] {
        let name =
            if bytes.windows(8).any(|part| part == b"mimetype") { "a.ods" } else { "a.xlsx" };
        let problems = Folder::with(name, bytes).table(name).unwrap_err().render(false);
        assert!(problems.contains(word), "{word}: {problems}");
    }
}

/// Pairs whose texts are hard on every form.
fn any_pairs() -> impl Strategy<Value = Vec<(String, u32, Option<bool>, String)>> {
    let prompt = "[a-zé微😀 ,;|\"'&<>=_x\n\t-]{0,20}[a-z]";
    let prompt = proptest::option::of(prompt).prop_map(Option::unwrap_or_default);
    let pair = ("[a-z0-9.-]{0,8}", 1..4_u32, proptest::option::of(proptest::bool::ANY), prompt);
    prop::collection::vec(pair, 1..6)
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 128,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    })]

    #[test]
    fn pairs_are_the_same_in_yaml_and_in_every_table(pairs in any_pairs()) {
        let mut rows = vec![["id", "image", "audio", "take", "turbo_mode", "prompt"].map(str::to_owned).to_vec()];
        let (mut list, mut lines) = (Vec::new(), String::new());
        for (index, (name, take, turbo, prompt)) in pairs.iter().enumerate() {
            let (id, image) = (format!("{index}{name}x"), format!("https://e.co/{index}.jpg?a=1&b={name}"));
            let mut pair = json!({"id": id, "image": image, "audio": format!("{name}.mp3"), "take": take});
            turbo.iter().for_each(|turbo| pair["turbo_mode"] = json!(turbo));
            if !prompt.is_empty() {
                pair["prompt"] = json!(prompt);
            }
            let turbo = turbo.map_or(String::new(), |turbo| turbo.to_string());
            rows.push(vec![id, image, format!("{name}.mp3"), take.to_string(), turbo, prompt.clone()]);
            lines.push_str(&format!("{pair}\n"));
            list.push(pair);
        }
        let yaml = json!({"version": 1, "pairs": list}).to_string();
        let expected = Folder::default().read(&yaml).unwrap();
        let csv = |delimiter: u8| {
            let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
            rows.iter().for_each(|row| writer.write_record(row).unwrap());
            writer.into_inner().unwrap()
        };
        let mut sheet = books::Sheet::default();
        rows.iter().for_each(|row| sheet.push(row));
        for (name, bytes) in [
            ("a.csv", csv(b',')),
            ("b.csv", csv(b';')),
            ("c.tsv", csv(b'\t')),
            ("d.txt", csv(b'|')),
            ("e.jsonl", lines.into_bytes()),
            ("f.xlsx", sheet.xlsx()),
            ("g.ods", sheet.ods()),
        ] {
            let found = Folder::with(name, bytes).table(name);
            let found = found.unwrap_or_else(|problems| panic!("{name}: {problems}\n{yaml}"));
            prop_assert_eq!(&found.pairs, &expected.pairs, "{}", name);
        }
    }

    /// Whatever is done to a table: it is read or explained, and no signature is shown.
    #[test]
    fn broken_tables_are_explained(at in 0..CSV.len(), cut in 0..40_usize, put in "[,;\t\"\r\n{}é=\u{1b}]{0,6}") {
        let csv = CSV.replace("sig=1", "sig=SECRET");
        let boundary = |at: usize| (at..=csv.len()).find(|at| csv.is_char_boundary(*at)).unwrap();
        let (at, end) = (boundary(at), boundary((at + cut).min(csv.len())));
        let broken = format!("{}{put}{}", &csv[..at], &csv[end..]);
        if let Err(problems) = Folder::with("a.csv", broken.clone()).table("a.csv") {
            let rendered = problems.render(false);
            proptest::prop_assert!(!rendered.contains(['\u{1b}', '\r']), "{}", rendered);
            let whole = broken.contains("?sig=SECRET&");
            proptest::prop_assert!(!(whole && rendered.contains("SECRET")), "{}", rendered);
        }
    }

    /// A byte of a spreadsheet that is another one: read or explained, in bounded time.
    #[test]
    fn damaged_spreadsheets_are_explained(at in 0..XLSX.len(), byte: u8, ods: bool) {
        let (mut bytes, name) = if ods { (ODS.to_vec(), "a.ods") } else { (XLSX.to_vec(), "a.xlsx") };
        bytes[at] = byte;
        if let Err(problems) = Folder::with(name, bytes).table(name) {
            proptest::prop_assert!(!problems.render(false).is_empty());
        }
    }
}
