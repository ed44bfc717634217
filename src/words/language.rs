//! Which language people are spoken to in.

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// What the program thinks in.
    #[default]
    English,
    /// Simplified Chinese.
    Chinese,
}

impl Language {
    /// What a name means: `zh`, `en`, `zh-CN`, or a locale such as `zh_CN.UTF-8`.
    ///
    /// # Errors
    /// Which names there are.
    pub fn from_name(name: &str) -> Result<Self, String> {
        let main = name.split(['_', '-', '.', '@']).next().unwrap_or_default();
        match main.to_ascii_lowercase().as_str() {
            "zh" => Ok(Self::Chinese),
            "en" | "c" | "posix" => Ok(Self::English),
            _ => Err("a language is zh or en".to_owned()),
        }
    }

    /// What a locale wants: English where it is none of ours, or where what is written would be read in
    /// another encoding than UTF-8.
    #[must_use]
    pub fn of_locale(locale: &str) -> Self {
        let encoding = locale.split('@').next().and_then(|name| name.split_once('.'));
        let readable = encoding
            .is_none_or(|(_, encoding)| encoding.replace('-', "").eq_ignore_ascii_case("utf8"));
        if readable { Self::from_name(locale).unwrap_or_default() } else { Self::English }
    }

    /// What is wanted: by an argument, else by `CALLSHEET_LANG`, else by the locale for messages.
    ///
    /// The arguments are looked at before they are read, for what is wrong with them is said in that
    /// language, too.
    pub fn wanted(
        arguments: impl IntoIterator<Item = String>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let mut arguments = arguments.into_iter().take_while(|argument| argument != "--");
        let mut named = None;
        while let Some(argument) = arguments.next() {
            named = match argument.strip_prefix("--lang") {
                Some("") => arguments.next(),
                Some(rest) => rest.strip_prefix('=').map(str::to_owned).or(named),
                None => named,
            };
        }
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        if let Some(name) = named.or_else(|| set("CALLSHEET_LANG")) {
            return Self::from_name(&name).unwrap_or_default();
        }
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
        locale.map_or_else(Self::default, |locale| Self::of_locale(&locale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str, set: &[(&str, &str)]) -> Language {
        let find = |name: &str| set.iter().find(|(of, _)| *of == name);
        let variable = |name: &str| find(name).map(|(_, value)| (*value).to_owned());
        Language::wanted(line.split_whitespace().map(str::to_owned), variable)
    }

    #[test]
    fn what_is_said_last_and_nearest_counts() {
        use Language::{Chinese, English};
        assert_eq!(wanted("run a.yaml", &[]), English);
        assert_eq!(wanted("run a.yaml --lang zh", &[]), Chinese);
        assert_eq!(wanted("--lang=zh-CN run a.yaml", &[]), Chinese);
        assert_eq!(wanted("run --lang zh --lang en", &[]), English);
        assert_eq!(wanted("run --language zh", &[]), English);
        assert_eq!(wanted("run -- --lang zh", &[]), English);
        assert_eq!(wanted("run", &[("CALLSHEET_LANG", "zh"), ("LANG", "en_US.UTF-8")]), Chinese);
        assert_eq!(wanted("run --lang en", &[("CALLSHEET_LANG", "zh")]), English);
        assert_eq!(wanted("run", &[("LANG", "zh_CN.UTF-8")]), Chinese);
        assert_eq!(wanted("run", &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), English);
        assert_eq!(wanted("run", &[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")]), Chinese);
        assert_eq!(wanted("run", &[("LC_MESSAGES", "zh_TW.utf8"), ("LANG", "de_DE")]), Chinese);
        assert_eq!(wanted("run", &[("LANG", "de_DE.UTF-8")]), English);
        assert_eq!(wanted("run", &[("LANG", "zh_CN.GB18030")]), English, "it could not be read");
        assert_eq!(wanted("run --lang zh", &[("LANG", "zh_CN.GB18030")]), Chinese);
        assert_eq!(wanted("run", &[("LANG", "zh")]), Chinese);
    }
}
