//! Every row of the services' answers, and what looks like one and is none.

use super::*;
use crate::wire::json::Json;
use crate::wire::{Proof, Received, Wire, judge};

fn told(status: u16, body: &str) -> Option<Account> {
    account(status, &Answer::of(&Json::read(body.as_bytes())))
}

fn proof(status: u16, body: &str) -> Proof {
    let key = crate::pair::ApiKey::parse("sk-0123456789abcdef").unwrap();
    let received = Received { status, body: body.into(), ..Received::default() };
    judge(&Wire::Answered(received), &key).proof
}

/// The number of the row in the list of services, its status, its body, and what it means.
const DEAD: &[(u8, u16, &str, Account)] = &[
    (
        1,
        403,
        r#"{"code":"insufficient_user_quota","message":"用户额度不足, 剩余额度: 0","data":null}"#,
        Balance,
    ),
    (
        1,
        403,
        r#"{"code":"insufficient_user_quota","message":"预扣费额度失败, 用户剩余额度: 1, 需要预扣费额度: 2"}"#,
        Balance,
    ),
    (2, 403, r#"{"code":"insufficient_user_quota","message":"订阅额度不足或未配置订阅"}"#, Plan),
    (
        3,
        403,
        r#"{"code":"pre_consume_token_quota_failed","message":"token quota is not enough, token remain quota: 1"}"#,
        KeyLimit,
    ),
    (4, 403, r#"{"code":"quota_not_enough","message":"user quota is not enough"}"#, Balance),
    (
        5,
        401,
        r#"{"error":{"message":"无效的令牌 (request id: 1)","type":"new_api_error","code":""}}"#,
        Key,
    ),
    (
        6,
        401,
        r#"{"error":{"message":"该令牌额度已用尽 TokenStatusExhausted[sk-ab***]","type":"new_api_error"}}"#,
        KeyLimit,
    ),
    (
        6,
        401,
        r#"{"error":{"message":"This token quota is exhausted","type":"new_api_error"}}"#,
        KeyLimit,
    ),
    (6, 401, r#"{"error":{"message":"该令牌已过期","type":"new_api_error"}}"#, Key),
    (6, 401, r#"{"error":{"message":"该令牌状态不可用","type":"new_api_error"}}"#, Key),
    (7, 403, r#"{"error":{"message":"用户已被封禁","type":"new_api_error"}}"#, Suspended),
    (
        8,
        403,
        r#"{"error":{"message":"该令牌无权访问模型 omnihuman-1.5","type":"new_api_error"}}"#,
        Forbidden,
    ),
    (
        8,
        403,
        r#"{"error":{"message":"no","type":"new_api_error","code":"access_denied"}}"#,
        Forbidden,
    ),
    (9, 401, r#"{"error":{"message":"令牌 x 额度已用尽","type":"one_api_error"}}"#, KeyLimit),
    (
        9,
        403,
        r#"{"error":{"message":"m","type":"one_api_error","code":"insufficient_user_quota"}}"#,
        Balance,
    ),
    (10, 402, r#"{"error":{"code":"insufficient_quota","message":"m"}}"#, Balance),
    (10, 402, r#"{"error":{"code":"account_balance_insufficient","message":"m"}}"#, Balance),
    (10, 402, r#"{"error":{"code":"quota_exceeded","message":"m"}}"#, Balance),
    (11, 402, r#"{"error":{"code":"insufficient_token_quota","message":"m"}}"#, KeyLimit),
    (11, 402, r#"{"error":{"code":"key_quota_exhausted","message":"m"}}"#, KeyLimit),
    (12, 402, r#"{"error":{"code":"token_daily_quota_exceeded","message":"m"}}"#, DayLimit),
    (12, 402, r#"{"error":{"code":"key_daily_quota_exhausted","message":"m"}}"#, DayLimit),
    (13, 400, r#"{"error":{"code":"key_disabled","message":"m"}}"#, Key),
    (13, 403, r#"{"error":{"code":"key_expired","message":"m"}}"#, Key),
    (13, 403, r#"{"error":{"code":"key_model_not_allowed","message":"m"}}"#, Forbidden),
    (13, 403, r#"{"error":{"code":"user_disabled","message":"m"}}"#, Suspended),
    (
        14,
        400,
        r#"{"code":"Arrearage","message":"Access denied, please make sure your account is in good standing."}"#,
        Balance,
    ),
    (
        15,
        403,
        r#"{"code":"AllocationQuota.FreeTierOnly","message":"The free tier of the model has been exhausted."}"#,
        Plan,
    ),
    (16, 401, r#"{"code":"InvalidApiKey","message":"m"}"#, Key),
    (16, 403, r#"{"code":"AccessDenied.Unpurchased","message":"m"}"#, Plan),
    (17, 200, r#"{"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}"#, Balance),
    (18, 200, r#"{"base_resp":{"status_code":1004,"status_msg":"not authorized"}}"#, Key),
    (18, 200, r#"{"base_resp":{"status_code":2049,"status_msg":"invalid api key"}}"#, Key),
    (19, 429, r#"{"code":1102,"message":"Account balance not enough","request_id":"r"}"#, Balance),
    (20, 429, r#"{"code":1101,"message":"account in arrears"}"#, Balance),
    (20, 200, r#"{"code":1101,"message":"account in arrears"}"#, Balance),
    (21, 403, r#"{"error":{"code":"AccountOverdueError","message":"m"}}"#, Balance),
    (22, 403, r#"{"error":{"code":"OperationDenied.ServiceOverdue","message":"m"}}"#, Balance),
    (22, 403, r#"{"error":{"code":"OperationDenied.ServiceNotOpen","message":"m"}}"#, Plan),
    (22, 403, r#"{"error":{"code":"AccessDenied","message":"m"}}"#, Forbidden),
    (
        23,
        404,
        r#"{"error":{"code":"ModelNotOpen","message":"Your account has not activated the model"}}"#,
        Plan,
    ),
    (
        24,
        429,
        r#"{"error":{"type":"insufficient_quota","code":null,"message":"You exceeded your current quota"}}"#,
        Balance,
    ),
    (24, 429, r#"{"error":{"code":"billing_hard_limit_reached","message":"m"}}"#, Balance),
    (24, 429, r#"{"error":{"code":"credit_balance_exhausted","message":"m"}}"#, Balance),
    (24, 429, r#"{"error":{"code":"organization_spend_limit_exceeded","message":"m"}}"#, Balance),
    (24, 429, r#"{"error":{"code":"project_spend_limit_exceeded","message":"m"}}"#, Balance),
    (
        25,
        400,
        r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}"#,
        Balance,
    ),
    (26, 400, r#"{"error":"You do not have enough credits to run this task."}"#, Balance),
    (27, 403, r#"{"detail":"User is locked. Reason: Exhausted balance. Top up"}"#, Balance),
    (27, 403, r#"{"detail":"User is locked. Reason: Admin lock"}"#, Suspended),
    (
        28,
        402,
        r#"{"title":"Insufficient credit","detail":"You have insufficient credit to run this model."}"#,
        Balance,
    ),
    (29, 200, r#"{"code":402,"msg":"m","data":null}"#, Balance),
    (
        29,
        200,
        r#"{"code":500,"msg":"Credits insufficient : Your current balance isn't enough"}"#,
        Balance,
    ),
    (29, 200, r#"{"code":433,"msg":"m"}"#, KeyLimit),
    (30, 402, r#"{"kind":"InsufficientCreditsError","description":"m"}"#, Balance),
    (31, 200, r#"{"failure_code":"MOVIO_PAYMENT_INSUFFICIENT_CREDIT","id":null}"#, Balance),
    (32, 400, r#"{"code":400599,"message":"TIER_NOT_SUPPORT"}"#, Plan),
    (32, 400, r#"{"code":400631,"message":"USER_BLOCKED"}"#, Suspended),
    (
        33,
        429,
        r#"{"error":{"type":"1113","message":"Insufficient balance or no resource package. Please recharge."}}"#,
        Balance,
    ),
    (
        34,
        402,
        r#"{"error":{"type":"insufficient_funds_error","message":"Insufficient funds. Required: 9 credits"}}"#,
        Balance,
    ),
    (35, 400, r#"{"code":400,"reason":"BILLING_BALANCE_NOT_ENOUGH","message":"m"}"#, Balance),
    (35, 403, r#"{"code":403,"reason":"INVALID_API_KEY","message":"m"}"#, Key),
    (35, 403, r#"{"code":403,"reason":"BILLING_AUTH_FAILED","message":"m"}"#, Key),
    (35, 403, r#"{"code":403,"reason":"NEED_REAL_NAME_VERIFY","message":"m"}"#, Suspended),
    (36, 403, r#"{"message":"No credits"}"#, Balance),
    (37, 200, r#"{"code":1006,"msg":"Insufficient quota balance"}"#, Balance),
    (37, 200, r#"{"code":1103,"msg":"Not paid or overdue"}"#, Balance),
    (37, 200, r#"{"code":1104,"msg":"Insufficient quota"}"#, Balance),
    (37, 200, r#"{"code":1101,"msg":"Illegal token"}"#, Key),
    (37, 200, r#"{"code":1200,"msg":"Account blocked"}"#, Suspended),
    (38, 403, r#"{"error":{"code":"MISSING_SCOPE","message":"m"}}"#, Forbidden),
    (38, 403, r#"{"detail":"Access denied"}"#, Forbidden),
    // A quota code beside the words that relays put in place of any 429.
    (
        0,
        429,
        r#"{"code":"insufficient_user_quota","message":"当前分组上游负载已饱和，请稍后再试"}"#,
        Balance,
    ),
    (0, 500, r#"{"error":{"code":"INSUFFICIENT_BALANCE","message":"m"}}"#, Balance),
    (0, 200, r#"{"id":"req-1","error":{"code":"InsufficientCredits"}}"#, Balance),
];

/// Status, body, and what it proves instead.
const NEAR: &[(u16, &str, Proof)] = &[
    (
        403,
        r#"{"code":"fail_to_fetch_task","message":"{\"code\":\"insufficient_user_quota\"}"}"#,
        Proof::Rejected,
    ),
    (
        402,
        r#"{"code":"fail_to_fetch_task","message":"Insufficient balance or no resource package"}"#,
        Proof::Rejected,
    ),
    (500, r#"{"code":"fail_to_fetch_task","message":"预扣费额度失败"}"#, Proof::InDoubt),
    (400, r#"{"code":"1008","message":"hailuo api error: insufficient balance"}"#, Proof::Rejected),
    (200, r#"{"code":"ali_api_error","message":"Arrearage: Access denied"}"#, Proof::InDoubt),
    (
        403,
        r#"{"error":{"code":"bad_response_status_code","message":"status_code=403, 预扣费额度失败"}}"#,
        Proof::Rejected,
    ),
    (
        429,
        r#"{"error":{"type":"insufficient_quota","message":"当前分组上游负载已饱和，请稍后再试"}}"#,
        Proof::Wait,
    ),
    (
        429,
        r#"{"code":"fail_to_fetch_task","message":"当前分组上游负载已饱和，请稍后再试"}"#,
        Proof::Wait,
    ),
    (429, r#"{"code":50429,"message":"QPS"}"#, Proof::Wait),
    (429, r#"{"code":50430,"message":"concurrency"}"#, Proof::Wait),
    (429, r#"{"code":1302,"message":"rate"}"#, Proof::Wait),
    (429, r#"{"code":1303,"message":"parallel tasks over the resource pack"}"#, Proof::Wait),
    (429, r#"{"code":"trial_video_limit_exceeded","message":"daily test quota"}"#, Proof::Wait),
    (200, r#"{"base_resp":{"status_code":1002,"status_msg":"rate limit"}}"#, Proof::InDoubt),
    (
        503,
        r#"{"error":{"code":"system_cpu_overloaded","type":"new_api_error","message":"m"}}"#,
        Proof::InDoubt,
    ),
    (
        403,
        r#"{"error":{"code":"storage_full","message":"storage quota exceeded"}}"#,
        Proof::Rejected,
    ),
    (
        403,
        r#"{"error":{"code":"OperationDenied.FileQuotaExceeded","message":"m"}}"#,
        Proof::Rejected,
    ),
    (
        400,
        r#"{"error":{"code":"invalid_prompt","message":"the white balance is insufficient; credits to the quota"}}"#,
        Proof::Rejected,
    ),
    (
        400,
        r#"{"error":{"message":"prompt: your credit balance is too low to access the bar"}}"#,
        Proof::Rejected,
    ),
    (
        422,
        r#"{"error":{"code":"video_quota_hint","message":"insufficient light"}}"#,
        Proof::Rejected,
    ),
    (
        500,
        r#"{"error":{"type":"new_api_error","message":"Database error, please contact the administrator"}}"#,
        Proof::InDoubt,
    ),
    (400, r#"{"code":1101,"message":"another service's number"}"#, Proof::Rejected),
];

#[test]
fn the_account_is_known_in_every_dress() {
    for (row, status, body, account) in DEAD {
        assert!(told(*status, body).is_none_or(|told| told == *account), "row {row}: {body}");
        assert_eq!(proof(*status, body), Proof::AccountStop(*account), "row {row}: {body}");
    }
}

#[test]
fn what_only_looks_like_the_account_does_not_stop_the_run() {
    for (status, body, expected) in NEAR {
        assert_eq!(told(*status, body), None, "{status} {body}");
        assert_eq!(proof(*status, body), *expected, "{status} {body}");
    }
}

#[test]
fn a_limit_that_ends_at_midnight_says_so() {
    assert!(DayLimit.advice().1.contains("midnight"));
    assert!(KeyLimit.advice().0.contains("key"));
}
