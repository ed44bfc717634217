//! How a run looks on so many columns: numbers first, nothing that counts cut, nothing stretched.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Activity, Moment, Style, Tongue};
use crate::stage::Why;
use crate::view::Clock;

/// Between two parts of a line.
const GAP: &str = "  ";
/// How long the bar itself is, where there is room for it.
const BAR: [usize; 2] = [8, 24];
/// What the service said is told from so many columns on.
const SAID: usize = 16;

/// A line as it is drawn, and how many columns it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) text: String,
    pub(super) width: usize,
}

/// What stays together.
struct Part {
    text: String,
    style: Option<Style>,
}

/// A run at a moment on so many columns.
pub(super) fn lines(
    moment: &Moment,
    clock: &Clock,
    (columns, colour): (usize, bool),
    tongue: Tongue,
) -> Vec<Line> {
    let mut lines = flow(&parts(moment, clock, tongue), GAP, (columns, colour));
    if let Some(last) = lines.last_mut() {
        decorate(last, (moment.done, moment.pairs), columns);
    }
    lines.extend(reason(&moment.activity, (columns, colour), tongue));
    lines
}

/// All of it in one line, however long that is.
pub(super) fn line(moment: &Moment, clock: &Clock, tongue: Tongue) -> String {
    let parts = parts(moment, clock, tongue);
    let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
    let held = moment
        .activity
        .held
        .as_ref()
        .map(|held| format!("{}{}", tongue.word("; "), tongue.say(&held.to_string())));
    texts.join(GAP) + &held.unwrap_or_default()
}

/// The more it counts, the earlier it comes.
fn parts(moment: &Moment, clock: &Clock, tongue: Tongue) -> Vec<Part> {
    let own = |text: String| tongue.say(&text).into_owned();
    let plain = |text: String| Part { text: own(text), style: None };
    let mut parts = vec![plain(format!("{}/{}", moment.done, moment.pairs))];
    let attention = |text: String| Part { text: own(text), style: Some(Style::Warning) };
    for (number, word) in [
        (moment.in_doubt, "in doubt"),
        (moment.rejected, "rejected"),
        (moment.failed, "failed"),
        (moment.lost, "lost"),
    ] {
        if number > 0 {
            parts.push(attention(format!("{number} {word}")));
        }
    }
    parts.push(plain(match moment.saved {
        Some(saved) => format!("{saved} saved"),
        None => format!("{} created", moment.created),
    }));
    parts.extend(moment.money.as_ref().map(|money| plain(money.clone())));
    parts.extend(moment.rate.map(|rate| plain(pace(rate))));
    parts.extend(moment.left.map(|left| plain(ends(left, clock))));
    parts.extend(moment.link.clone().map(attention));
    parts.extend(doing(moment).into_iter().map(plain));
    parts
}

/// `100 waiting (40 %)`, `4 downloading (3.2 MB/s)`
fn doing(moment: &Moment) -> Vec<String> {
    let creating = (moment.under_way > 0).then(|| format!("{} creating", moment.under_way));
    let others = match moment.saved {
        Some(_) => moment.activity.doing(),
        None => Vec::new(),
    };
    creating.into_iter().chain(others).collect()
}

/// `2.5/s`, `42/min`, `4.2/min`, `8.0/h`: in the unit that has a digit before the point.
fn pace(per_second: f64) -> String {
    let units = [(1.0, "s"), (60.0, "min"), (3600.0, "h")];
    let fits = |(times, _): &&(f64, &str)| per_second * times >= 1.0;
    let (times, unit) = units.iter().find(fits).unwrap_or(&units[2]);
    let number = per_second * times;
    if number < 10.0 { format!("{number:.1}/{unit}") } else { format!("{number:.0}/{unit}") }
}

/// `ends 14:32 (1 h 12 min)`; of the last two minutes nobody looks at a clock.
fn ends(left: u64, clock: &Clock) -> String {
    match left {
        ..120 => format!("ends in {left} s"),
        _ => format!("ends {} ({})", clock.time_in(left), crate::view::lasting(left)),
    }
}

/// Parts on as few lines as hold them. One that is longer than a line is broken.
fn flow(parts: &[Part], gap: &str, (columns, colour): (usize, bool)) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for part in parts {
        for piece in broken(&part.text, columns) {
            let width = piece.width();
            let painted = match part.style {
                Some(style) => style.paint(colour, &piece),
                None => piece.into_owned(),
            };
            match lines.last_mut().filter(|line| line.width + gap.len() + width <= columns) {
                Some(line) => {
                    line.text = format!("{}{gap}{painted}", line.text);
                    line.width += gap.len() + width;
                }
                None => lines.push(Line { text: painted, width }),
            }
        }
    }
    lines
}

fn broken(text: &str, columns: usize) -> Vec<Cow<'_, str>> {
    if text.width() <= columns {
        return vec![Cow::Borrowed(text)];
    }
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let width = pieces.last().map_or(0, |piece| piece.width());
        if width > 0 && width + c.width().unwrap_or(0) > columns {
            pieces.push(String::new());
        }
        pieces.iter_mut().last().into_iter().for_each(|piece| piece.push(c));
    }
    pieces.into_iter().map(Cow::Owned).collect()
}

/// The bar itself, in what is left of a line.
fn decorate(line: &mut Line, (done, pairs): (u64, u64), columns: usize) {
    let [least, most] = BAR;
    let room = columns.saturating_sub(line.width + GAP.len() + "[]".len()).min(most);
    if room < least || pairs == 0 {
        return;
    }
    let full = usize::try_from(done.min(pairs) * room as u64 / pairs).unwrap_or(room);
    let head = if full < room { ">" } else { "" };
    line.text = format!("{}{GAP}[{:room$}]", line.text, format!("{}{head}", "=".repeat(full)));
    line.width += GAP.len() + "[]".len() + room;
}

/// Why creates wait. The service's own words are told as far as the line goes.
fn reason(activity: &Activity, (columns, colour): (usize, bool), tongue: Tongue) -> Vec<Line> {
    let Some(held) = &activity.held else { return Vec::new() };
    // A limit that is kept is nothing to look at.
    let style = (held.why != Why::InFlight).then_some(Style::Warning);
    let word = |text: &str| Part { text: text.to_owned(), style: None };
    let words: Vec<_> = tongue.say(&held.text).split(' ').map(word).collect();
    let mut lines = flow(&words, " ", (columns, false));
    let last = lines.last_mut();
    let room = last.as_ref().map_or(0, |last| columns.saturating_sub(last.width + " ()".len()));
    if let Some(last) = last.filter(|_| room >= SAID && !held.said.is_empty()) {
        let said = cut(&held.said, room);
        last.width += said.width() + " ()".len();
        last.text = format!("{} ({said})", last.text);
    }
    for line in &mut lines {
        line.text = style.map_or(line.text.clone(), |style| style.paint(colour, &line.text));
    }
    lines
}

/// A text in so many columns; that it goes on is shown.
fn cut(text: &str, columns: usize) -> Cow<'_, str> {
    if text.width() <= columns {
        return Cow::Borrowed(text);
    }
    let mut width = 0;
    let fits = |c: &char| {
        width += c.width().unwrap_or(0);
        width < columns
    };
    Cow::Owned(text.chars().take_while(fits).chain(['…']).collect())
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;
    use crate::stage::{Held, Window};

    fn clock() -> Clock {
        Clock { now: "2026-11-29T12:04:00Z".parse().unwrap(), zone: TimeZone::UTC }
    }

    fn held(text: &str, said: &str) -> Held {
        Held {
            why: Why::Asked,
            reason: String::new(),
            text: text.to_owned(),
            said: said.to_owned(),
            since_seconds: 0,
            seconds: None,
            gives_up_seconds: None,
            window: Window::default(),
        }
    }

    fn day() -> Moment {
        let activity = Activity {
            waiting: 100,
            progress: Some(40),
            downloading: 4,
            bytes_per_second: 3_200_000,
            held: Some(held("429 from the API, going on in 42 s; window 3 of 16", "请稍后再试")),
            ..Activity::default()
        };
        Moment {
            done: 812,
            pairs: 2000,
            in_doubt: 3,
            rejected: 17,
            failed: 2,
            lost: 1,
            created: 930,
            saved: Some(790),
            money: Some("148.80 of 320.00 USD".to_owned()),
            rate: Some(0.07),
            left: Some(4320),
            link: Some("next link dies in 1 h 2 min".to_owned()),
            under_way: 4,
            activity,
        }
    }

    fn shown(moment: &Moment, columns: usize) -> String {
        let lines = lines(moment, &clock(), (columns, false), Tongue::default());
        for line in &lines {
            assert_eq!(line.width, line.text.width());
            assert!(line.width <= columns, "{line:?}");
        }
        lines.into_iter().map(|line| line.text + "\n").collect()
    }

    #[test]
    fn nothing_that_counts_is_cut_and_nothing_is_stretched() {
        let day = day();
        let all = parts(&day, &clock(), Tongue::default());
        for columns in [40, 60, 80, 200] {
            let shown = shown(&day, columns);
            for part in &all {
                assert!(shown.contains(&part.text), "{} at {columns}: {shown}", part.text);
            }
        }
        insta::assert_snapshot!(shown(&day, 60), @r"
        812/2000  3 in doubt  17 rejected  2 failed  1 lost
        790 saved  148.80 of 320.00 USD  4.2/min
        ends 13:16 (1 h 12 min)  next link dies in 1 h 2 min
        4 creating  100 waiting (40 %)  4 downloading (3.2 MB/s)
        429 from the API, going on in 42 s; window 3 of 16
        ");
        insta::assert_snapshot!(shown(&day, 80), @r"
        812/2000  3 in doubt  17 rejected  2 failed  1 lost  790 saved
        148.80 of 320.00 USD  4.2/min  ends 13:16 (1 h 12 min)
        next link dies in 1 h 2 min  4 creating  100 waiting (40 %)
        4 downloading (3.2 MB/s)  [=========>              ]
        429 from the API, going on in 42 s; window 3 of 16 (请稍后再试)
        ");
        insta::assert_snapshot!(shown(&day, 200), @r"
        812/2000  3 in doubt  17 rejected  2 failed  1 lost  790 saved  148.80 of 320.00 USD  4.2/min  ends 13:16 (1 h 12 min)  next link dies in 1 h 2 min  4 creating  100 waiting (40 %)
        4 downloading (3.2 MB/s)  [=========>              ]
        429 from the API, going on in 42 s; window 3 of 16 (请稍后再试)
        ");
    }

    #[test]
    fn a_reason_is_broken_between_words_and_what_was_said_is_cut() {
        let mut day = day();
        let text =
            "cannot connect to a-host-with-a-long-name.example:8443 since 12:04, gives up 12:19";
        day.activity.held = Some(held(text, "connection refused"));
        let narrow = shown(&day, 60);
        let tail: Vec<_> = narrow.lines().rev().take(2).collect();
        assert_eq!(tail[1], "cannot connect to a-host-with-a-long-name.example:8443 since");
        assert_eq!(tail[0], "12:04, gives up 12:19 (connection refused)");
        day.activity.held = Some(held("429 from the API", &"请".repeat(40)));
        let cut = shown(&day, 60);
        assert!(cut.lines().last().unwrap().ends_with("请…)"), "{cut}");
    }

    #[test]
    fn at_the_beginning_little_is_known_and_little_is_said() {
        let moment = Moment { pairs: 5, saved: Some(0), ..Moment::default() };
        assert_eq!(shown(&moment, 80), "0/5  0 saved  0 waiting  [>                       ]\n");
        let moment = Moment { pairs: 5, created: 2, done: 2, ..Moment::default() };
        assert_eq!(shown(&moment, 80), "2/5  2 created  [=========>              ]\n");
    }

    #[test]
    fn paces_and_ends_are_told_in_the_unit_that_people_think_in() {
        let paces = [0.001, 0.07, 0.5, 2.54, 42.0].map(pace);
        assert_eq!(paces, ["3.6/h", "4.2/min", "30/min", "2.5/s", "42/s"]);
        assert_eq!(ends(45, &clock()), "ends in 45 s");
        assert_eq!(ends(4320, &clock()), "ends 13:16 (1 h 12 min)");
    }

    #[test]
    fn one_line_has_it_all() {
        let line = line(&day(), &clock(), Tongue::default());
        assert!(!line.contains('\n') && line.ends_with("window 3 of 16 (请稍后再试)"), "{line}");
    }

    /// A full-width character takes two columns.
    #[test]
    fn in_chinese_it_is_as_narrow() {
        let tongue = Tongue::from(crate::words::Language::Chinese);
        for columns in [40, 60, 80] {
            for line in lines(&day(), &clock(), (columns, false), tongue) {
                assert_eq!(line.width, line.text.width());
                assert!(line.width <= columns, "{line:?}");
            }
        }
        let lines = lines(&day(), &clock(), (80, false), tongue);
        let shown: String = lines.into_iter().map(|line| line.text + "\n").collect();
        insta::assert_snapshot!(shown, @r"
        812/2000  3 存疑  17 被拒绝  2 失败  1 丢失  790 已保存  148.80 / 320.00 USD
        4.2/min  13:16 结束（1 小时 12 分）  最近一个链接 1 小时 2 分后失效  4 个创建中
        100 个等待中（40 %）  4 个下载中（3.2 MB/s）  [=========>              ]
        API 返回 429，42 s 后继续；窗口 3/16 (请稍后再试)
        ");
    }
}
