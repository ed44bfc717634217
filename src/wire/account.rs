//! Answers after which no create can succeed until somebody looks after the account.
//!
//! One table for all services of this kind: who copies an API copies its errors, and a relay passes
//! on those of others. A row is matched against whole codes, types and starts of messages of the
//! outer object, never against a word within a message: a relay quotes the empty account that it
//! has itself, and a prompt may speak of white balance.

use self::Account::{Balance, DayLimit, Forbidden, Key, KeyLimit, Plan, Suspended};
use self::Mark::{Base, Name, Phrase};
use super::answer::Answer;

/// What is wrong with the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// The key is missing, wrong or expired.
    Key,
    /// The key may not do this, or a firewall refuses us.
    Forbidden,
    /// The balance is used up.
    Balance,
    /// What this key may spend is used up, whatever the balance is.
    KeyLimit,
    /// What this key may spend in a day is used up.
    DayLimit,
    /// The plan does not cover this, or the model was never switched on.
    Plan,
    /// The account is locked.
    Suspended,
}

impl Account {
    /// What is wrong and what to do, for people.
    #[must_use]
    pub const fn advice(self) -> (&'static str, &'static str) {
        match self {
            Key => ("the API does not accept the key", "check CALLSHEET_API_KEY"),
            Forbidden => (
                "the API refuses this key or this machine",
                "is the key allowed to use this model? Is a firewall in the way?",
            ),
            Balance => ("the balance is used up", "top up the account"),
            KeyLimit => (
                "the limit of this key is used up",
                "raise the key's own limit, or use another key; topping up does not help",
            ),
            DayLimit => (
                "the limit of this key for the day is used up",
                "the limit ends at midnight, by the service's clock; topping up does not help",
            ),
            Plan => (
                "the account's plan does not cover this",
                "activate the model, or renew the plan, on the service's page",
            ),
            Suspended => ("the account is locked", "ask the service why"),
        }
    }
}

/// What a row is known by.
#[derive(Debug, Clone, Copy)]
enum Mark {
    /// A code or a type, compared without case and punctuation.
    Name(&'static str),
    /// The code within `base_resp`.
    Base(&'static str),
    /// How a message begins.
    Phrase(&'static str),
}

/// A mark, the statuses it counts with (any, if none is named), and what it means.
type Row = (Mark, &'static [u16], Account);

/// The first that matches counts: what says more stands above what says less.
const ROWS: &[Row] = &[
    // New API and one-api. The plan has the balance's code.
    (Phrase("订阅额度不足或未配置订阅"), &[], Plan),
    (Name("pre_consume_token_quota_failed"), &[], KeyLimit),
    (Phrase("token quota is not enough, token remain quota"), &[], KeyLimit),
    (Phrase("该令牌额度已用尽"), &[], KeyLimit),
    (Phrase("This token quota is exhausted"), &[], KeyLimit),
    (Name("insufficient_user_quota"), &[], Balance),
    (Name("quota_not_enough"), &[], Balance),
    (Phrase("用户额度不足"), &[], Balance),
    (Phrase("预扣费额度失败"), &[], Balance),
    (Phrase("user quota is not enough"), &[], Balance),
    (Phrase("用户已被封禁"), &[], Suspended),
    (Phrase("user banned"), &[], Suspended),
    (Phrase("user has been banned"), &[], Suspended),
    (Phrase("该令牌已过期"), &[], Key),
    (Phrase("该令牌状态不可用"), &[], Key),
    (Phrase("无效的令牌"), &[], Key),
    (Phrase("该令牌无权访问模型"), &[], Forbidden),
    (Phrase("您的 IP 不在令牌允许访问的列表中"), &[], Forbidden),
    // EvoLink.
    (Name("insufficient_token_quota"), &[], KeyLimit),
    (Name("key_quota_exhausted"), &[], KeyLimit),
    (Name("token_daily_quota_exceeded"), &[], DayLimit),
    (Name("key_daily_quota_exhausted"), &[], DayLimit),
    (Name("insufficient_quota"), &[], Balance),
    (Name("account_balance_insufficient"), &[], Balance),
    (Name("quota_exceeded"), &[], Balance),
    (Name("key_disabled"), &[], Key),
    (Name("key_expired"), &[], Key),
    (Name("key_model_not_allowed"), &[], Forbidden),
    (Name("user_disabled"), &[], Suspended),
    // DashScope.
    (Name("Arrearage"), &[], Balance),
    (Name("AllocationQuota.FreeTierOnly"), &[], Plan),
    (Name("AccessDenied.Unpurchased"), &[], Plan),
    (Name("InvalidApiKey"), &[], Key),
    // MiniMax.
    (Base("1008"), &[], Balance),
    (Base("1004"), &[], Key),
    (Base("2049"), &[], Key),
    // Akool, before Kling: they share a number.
    (Phrase("illegal token"), &[200], Key),
    (Name("1006"), &[200], Balance),
    (Name("1103"), &[200], Balance),
    (Name("1104"), &[200], Balance),
    (Name("1200"), &[200], Suspended),
    // Kling.
    (Name("1101"), &[429, 200], Balance),
    (Name("1102"), &[429], Balance),
    (Phrase("Account balance not enough"), &[], Balance),
    // Volcengine Ark.
    (Name("AccountOverdueError"), &[], Balance),
    (Name("OperationDenied.ServiceOverdue"), &[], Balance),
    (Name("OperationDenied.ServiceNotOpen"), &[], Plan),
    (Name("ModelNotOpen"), &[], Plan),
    (Name("AccessDenied"), &[], Forbidden),
    // OpenAI.
    (Name("billing_hard_limit_reached"), &[], Balance),
    (Name("credit_balance_exhausted"), &[], Balance),
    (Name("organization_spend_limit_exceeded"), &[], Balance),
    (Name("project_spend_limit_exceeded"), &[], Balance),
    (Phrase("You exceeded your current quota"), &[], Balance),
    // Those who say it in words only.
    (Phrase("Your credit balance is too low to access the"), &[], Balance),
    (Phrase("You do not have enough credits to run this task"), &[], Balance),
    (Phrase("User is locked. Reason: Exhausted balance"), &[], Balance),
    (Phrase("User is locked"), &[], Suspended),
    (Name("Insufficient credit"), &[], Balance),
    (Phrase("You have insufficient credit to run this model"), &[], Balance),
    (Phrase("Credits insufficient"), &[], Balance),
    (Phrase("Insufficient balance or no resource package"), &[], Balance),
    (Phrase("Insufficient funds. Required"), &[], Balance),
    (Phrase("Insufficient credit. This operation requires"), &[], Balance),
    (Name("no credits"), &[403], Balance),
    // The others.
    (Name("402"), &[], Balance),
    (Name("433"), &[200], KeyLimit),
    (Name("InsufficientCreditsError"), &[], Balance),
    (Name("MOVIO_PAYMENT_INSUFFICIENT_CREDIT"), &[], Balance),
    (Name("400599"), &[400], Plan),
    (Name("TIER_NOT_SUPPORT"), &[], Plan),
    (Name("400631"), &[400], Suspended),
    (Name("USER_BLOCKED"), &[], Suspended),
    (Name("1113"), &[429], Balance),
    (Name("insufficient_funds_error"), &[], Balance),
    (Name("BILLING_BALANCE_NOT_ENOUGH"), &[], Balance),
    (Name("INVALID_API_KEY"), &[], Key),
    (Name("BILLING_AUTH_FAILED"), &[], Key),
    (Name("NEED_REAL_NAME_VERIFY"), &[], Suspended),
    (Name("MISSING_SCOPE"), &[], Forbidden),
    (Name("insufficient_balance"), &[], Balance),
    (Name("insufficient_credits"), &[], Balance),
    (Name("insufficient_funds"), &[], Balance),
    (Name("balance_not_enough"), &[], Balance),
    (Name("credits_not_enough"), &[], Balance),
];

/// What an answer says of our account, whatever its status.
pub(super) fn account(status: u16, answer: &Answer<'_>) -> Option<Account> {
    // Refusals of a relay's upstream are not about us.
    if answer.quotes_upstream() {
        return None;
    }
    let (names, messages, base) = (answer.names(), answer.messages(), answer.base_code());
    let matches = |mark: &Mark| match mark {
        Name(name) => names.iter().any(|one| is_same(one, name)),
        Base(code) => base == Some(code),
        Phrase(start) => messages.iter().any(|said| begins(said, start)),
    };
    let counts = |statuses: &[u16]| statuses.is_empty() || statuses.contains(&status);
    let row = ROWS.iter().find(|(mark, statuses, _)| counts(statuses) && matches(mark));
    row.map(|(.., account)| *account).or_else(|| key_quota(&messages))
}

/// Whether a refusal that looks like one of the account's is about something else: a relay's own
/// account with others, or the store of files.
pub(super) fn concerns_another(answer: &Answer<'_>) -> bool {
    let file_store = |name: &&str| is_same(name, "OperationDenied.FileQuotaExceeded");
    answer.quotes_upstream() || answer.storage_is_full() || answer.names().iter().any(file_store)
}

/// one-api names the token in the middle: `令牌 x 额度已用尽`.
fn key_quota(messages: &[&str]) -> Option<Account> {
    let used_up = |said: &&str| said.starts_with("令牌") && said.contains("额度已用尽");
    messages.iter().any(used_up).then_some(KeyLimit)
}

/// Without case and punctuation: `InsufficientBalance` is `insufficient_balance`.
fn is_same(one: &str, other: &str) -> bool {
    let letters = |text: &'_ str| {
        let plain = text.chars().filter(|c| c.is_alphanumeric());
        plain.map(|c| c.to_ascii_lowercase()).collect::<String>()
    };
    one.len() <= 64 && letters(one) == letters(other)
}

fn begins(said: &str, start: &str) -> bool {
    let mut said = said.chars();
    start.chars().all(|c| said.next().is_some_and(|other| other.eq_ignore_ascii_case(&c)))
}

#[cfg(test)]
mod tests;
