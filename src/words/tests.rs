mod literals;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use self::literals::{descriptions, messages, texts};
use super::template::{Kind, Piece, join, pieces};
use super::*;

/// Where nobody reads what is written, or in English only, and why.
const MACHINES: [(&str, &str); 14] = [
    ("manifest/schema.rs", "the JSON Schema, for editors"),
    ("ui/gauges.rs", "Prometheus' text"),
    ("commands/run/metrics.rs", "answers to whoever scrapes"),
    ("commands/report/junit.rs", "XML for CI systems"),
    ("page/charts.rs", "the page says it in Chinese itself"),
    ("page/data.rs", "the page says it in Chinese itself"),
    ("page/mod.rs", "the page says it in Chinese itself"),
    ("page/plain.rs", "the page without its script"),
    ("page/top.rs", "the page says it in Chinese itself"),
    ("wire/account.rs", "what services say, to be recognised, and what is said of it is below"),
    ("wire/answer.rs", "what services say, to be recognised"),
    ("wire/gateway.rs", "what gateways say, to be recognised"),
    ("manifest/draft/text.rs", "a manifest that `init` writes"),
    ("words/", "this module"),
];
/// The same of a single text.
const EXCEPTIONS: &str = include_str!("tests/exceptions.txt");

fn source() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))
}

/// As the source has it: what may stand in a gap is known to the catalogue alone.
fn unkinded(english: &'static str) -> String {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => (*text).to_owned(),
        Piece::Gap { number, .. } => format!("{{{number}}}"),
    };
    pieces(english).iter().map(piece).collect()
}

fn exceptions() -> HashSet<&'static str> {
    EXCEPTIONS.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn every_message_has_its_chinese() {
    let known: HashSet<_> = entries().map(|entry| unkinded(entry.english)).collect();
    let exceptions = exceptions();
    let is_for_machines = |file: &str| MACHINES.iter().any(|(path, _)| file.starts_with(path));
    let lacking: BTreeSet<_> = messages(source())
        .into_iter()
        .filter(|message| !is_for_machines(&message.file))
        .filter(|message| !known.contains(&message.text))
        .filter(|message| !exceptions.contains(message.text.as_str()))
        .map(|message| format!("{}\t# {}:{}", message.text, message.file, message.line))
        .collect();
    let list: Vec<_> = lacking.iter().map(String::as_str).collect();
    assert!(
        list.is_empty(),
        "write what these are in Chinese into src/words/zh.tsv, or why not into src/words/tests/exceptions.txt:\n{}",
        list.join("\n")
    );
}

#[test]
fn no_message_is_dead() {
    let mut alive: HashSet<_> = texts(source()).into_iter().map(|one| one.text).collect();
    alive.extend(exceptions().into_iter().map(str::to_owned));
    let mock = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/mock/src"));
    let described =
        descriptions(&source().join("cli")) + &descriptions(source()) + &descriptions(mock);
    let mut by_hand = true;
    let mut dead = Vec::new();
    for line in CHINESE.lines() {
        if let Some(heading) = line.strip_prefix("# ") {
            // What clap says, and what is put together of several literals, stands at the beginning.
            by_hand &= heading != "help";
            continue;
        }
        let Some((english, _)) = line.split_once('\t') else { continue };
        let text = unkinded(english);
        if !by_hand && !alive.contains(&text) && !described.contains(&format!(" {text}")) {
            dead.push(english);
        }
    }
    assert!(dead.is_empty(), "nothing says these any more:\n{}", dead.join("\n"));
    let said: HashSet<_> = texts(source()).into_iter().map(|one| one.text).collect();
    let dead: Vec<_> = exceptions().into_iter().filter(|text| !said.contains(*text)).collect();
    assert!(dead.is_empty(), "exceptions of nothing:\n{}", dead.join("\n"));
}

#[test]
fn both_languages_have_the_same_gaps_and_no_message_stands_twice() {
    let mut seen = HashSet::new();
    for entry in entries() {
        assert!(seen.insert(entry.english), "twice: {}", entry.english);
        assert!(
            !entry.chinese.is_empty() && entry.english.trim() == entry.english
                || entry.english == "; ",
            "{entry:?}"
        );
        let gaps = |text| -> BTreeSet<usize> {
            let gap = |piece: &Piece| match piece {
                Piece::Gap { number, kind } if *kind != Kind::Grammar => Some(*number),
                Piece::Gap { .. } | Piece::Text(_) => None,
            };
            pieces(text).iter().filter_map(gap).collect()
        };
        assert_eq!(gaps(entry.english), gaps(entry.chinese), "{entry:?}");
    }
}

/// In whatever order they are tried, each is found for what it says.
#[test]
fn no_message_is_taken_for_another() {
    let words = Words::of(Language::Chinese).unwrap();
    let mut wrong = Vec::new();
    for template in &words.templates {
        let (english, chinese) = template.both();
        let fill = |all: &[Piece], of: &dyn Fn(usize, Kind) -> String| -> String {
            let mut said = String::new();
            for piece in all {
                let next = match piece {
                    Piece::Text(text) => (*text).to_owned(),
                    Piece::Gap { number, kind } => of(*number, *kind),
                };
                // As what is said is filled.
                join(&mut said, &next);
            }
            said
        };
        let kind_of = |number: usize| {
            english.iter().find_map(|piece| match piece {
                Piece::Gap { number: of, kind } if *of == number => Some(*kind),
                Piece::Gap { .. } | Piece::Text(_) => None,
            })
        };
        let sample = |number: usize, kind: Kind| match kind {
            Kind::Number => format!("{number}2"),
            Kind::Grammar => "s".to_owned(),
            Kind::Any | Kind::Data | Kind::Name | Kind::Word => format!("x{number}.yaml"),
        };
        let sample =
            |number: usize, kind: Kind| match template.is_more(number) && kind != Kind::Grammar {
                true => String::new(),
                false => sample(number, kind),
            };
        let own = |number: usize, _| sample(number, kind_of(number).unwrap());
        let (said, meant) = (fill(english, &sample), fill(chinese, &own));
        // What has to be ours is not in a sample.
        let needs_words = template.letters() < 4;
        // Columns are cells, each said by itself.
        let is_row = said.contains("  ");
        let found = words.say(&said);
        if !needs_words && !is_row && found != meant {
            wrong.push(format!("{said}\n  is taken for {found}\n  and means {meant}"));
        }
    }
    assert!(wrong.is_empty(), "{} of them:\n{}", wrong.len(), wrong.join("\n"));
}

fn said(text: &str) -> String {
    Words::of(Language::Chinese).unwrap().say(text).into_owned()
}

#[test]
fn what_is_put_together_is_said_as_a_whole_or_not_at_all() {
    assert_eq!(said("5 saved; 2.2 s"), "5 已保存；2.2 s");
    assert_eq!(said("jobs/demo.yaml: 5 pairs"), "jobs/demo.yaml：5 个条目");
    assert_eq!(said("  5 pairs  no longer in the manifest"), "  5 个条目  已不在清单中");
    assert_eq!(
        said("3 pairs to be created again; now 2 saved"),
        "3 个条目将重新创建；现在 2 已保存"
    );
    assert_eq!(said("5 pairs, and nobody knows why"), "5 pairs, and nobody knows why");
    assert_eq!(said("the server says no such luck"), "服务器说 no such luck");
}

/// What is said of money and doubt, as the program puts it together.
#[test]
fn money_and_doubt_are_said_exactly() {
    for (english, chinese) in [
        (
            "cannot connect to api.example.com: asking whether the API is there since 12:04, gives up \
             12:19, going on in 42 s; window 3 of 16",
            "无法连接 api.example.com：正在询问 API 是否可用（自 12:04 起），12:19 放弃，42 s \
             后继续；窗口 3/16",
        ),
        (
            "stopped; 4 creates unanswered, now in doubt (a, b, c, d): callsheet status a.yaml",
            "已停止；4 个创建请求没有应答，现为存疑（a, b, c, d）：callsheet status a.yaml",
        ),
        (
            "what is in doubt may have been paid for; it is never sent again by itself",
            "存疑的可能已计费；它绝不会自动重新发送",
        ),
        (
            "1 pair to be made again, each paid for as a new one; what that costs is not known",
            "1 个条目将重做，每个都按新的付费；费用未知",
        ),
        (
            "the rest, 97 pairs, takes about 12 min, about 15.20 USD by your price, if it is like the \
             pilot",
            "其余的 97 个条目约需 12 分钟，按您的单价约 15.20 USD，若与试做的情况相同",
        ),
        (
            "3 of the 5 to create were paid for already in other.run: 2.40 USD",
            "待创建的 5 中有 3 已经付费，见 other.run: 2.40 USD",
        ),
        (
            "p2  in doubt  bad_gateway: the gateway got no valid answer from upstream",
            "p2  存疑      bad_gateway: the gateway got no valid answer from upstream",
        ),
        (
            "write into each row a task id, or the action adopt (the proposed task), resend or abandon; rows \
             left empty stay in doubt. Then: callsheet resolve a.yaml --from doubts.csv",
            "请在每行填写任务编号，或操作 adopt（接管所提议的任务）、resend（重发）、abandon（放弃）；留空的行仍存疑。\
             然后：callsheet resolve a.yaml --from doubts.csv",
        ),
        (
            "the service counts 2 credits for 3 tasks, 0.25 a second in the mean; reckoned with: 1.50",
            "服务方为 3 个任务计 2 点，平均每秒 0.25；本地计算为 1.50",
        ),
        (
            "the service counts 2 credits for 3 tasks, 0.25 a second in the mean",
            "服务方为 3 个任务计 2 点，平均每秒 0.25",
        ),
        ("write to nobody of this", "write to nobody of this"),
        ("budget 60.00 CNY: 16.16 spent", "预算 60.00 CNY：已花费 16.16"),
        (
            "no such pair was paid for, as far as anybody knows",
            "no such pair was paid for, as far as anybody knows",
        ),
    ] {
        assert_eq!(said(english), chinese);
    }
}

/// `-h` may have only the first clause of what `--help` says.
#[test]
fn help_in_short_is_the_beginning_of_help() {
    let words = Words::of(Language::Chinese).unwrap();
    assert_eq!(words.beginning("How often to ask for a task"), Some("多久查询一次任务"));
    assert_eq!(words.beginning("The run folder"), None, "two begin like that");
    assert_eq!(words.beginning("How often to ask for a t"), None, "that is no clause");
}

/// What stands in columns is aligned as it was: by its beginning, or by its end.
#[test]
fn columns_stay_where_they_were() {
    let table = "   pairs                    audio    billed          cost\n       8  to create       212.4 s     216 s         34.56";
    let width = |line: &str| unicode_width::UnicodeWidthStr::width(line);
    let own = said(table);
    assert!(own.contains("待创建") && own.contains("费用"), "{own}");
    assert_eq!(
        own.lines().map(width).collect::<Vec<_>>(),
        table.lines().map(width).collect::<Vec<_>>()
    );
}

/// Ids and paths are nobody's words, even if they look like ours.
#[test]
fn what_came_from_outside_is_left_alone() {
    assert_eq!(said("saved, failed"), "saved, failed");
    assert_eq!(said("`planned` is empty"), "`planned` 为空");
    assert_eq!(
        said("pair failed: its create may still be under way"),
        "条目 failed：其创建请求可能仍在进行中"
    );
    assert_eq!(said("王小明"), "王小明");
    assert_eq!(said(""), "");
}

/// A hostile text costs a moment, and stays as it is.
#[test]
fn a_hostile_text_ends() {
    let text = "a: b, c; d. e (".repeat(400);
    let start = std::time::Instant::now();
    assert_eq!(said(&text), text);
    assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
}
