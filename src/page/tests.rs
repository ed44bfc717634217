use super::*;

#[test]
fn the_policy_names_what_is_in_the_page_and_nothing_else() {
    let policy = policy("a", "b", Loads::Files);
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'));
    // As `openssl dgst -sha256 -binary | base64` says it of `b`.
    assert!(
        policy.contains("script-src 'sha256-PiPoFgA5WUoziU9lZOGxNIu9egCI1CxKy3PurtWcAJ0='"),
        "{policy}"
    );
}

#[test]
fn what_is_in_the_page_can_stand_in_it() {
    for text in [STYLE, SCRIPT] {
        let text = text.to_ascii_lowercase();
        assert!(!text.contains("</s") && !text.contains("<!--"), "it would end its element");
    }
    for word in ["http:", "https:", "//", "innerHTML", "eval("] {
        let code: Vec<_> =
            SCRIPT.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        let uses = code.iter().filter(|line| line.contains(word)).collect::<Vec<_>>();
        assert!(uses.iter().all(|line| line.contains("isRemote = ")), "{word}: {uses:?}");
    }
    for key in [Aim::GoOn, Aim::RetryFailed, Aim::Table, Aim::Look].map(Aim::key) {
        assert!(SCRIPT.contains(&format!("'a.{key}':")), "{key} is not told in Chinese");
    }
}
