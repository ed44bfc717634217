//! What proxies and strangers prove, and what only looks as if they did.

use super::*;

const CF: &[(&str, &str)] = &[("server", "cloudflare"), ("cf-ray", "8c1f-FRA")];
const ALB: &[(&str, &str)] = &[("server", "awselb/2.0")];
const ALB_503: &str = "<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n\
    <body>\r\n<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n</body>\r\n</html>";
const ENVOY: &str = "upstream connect error or disconnect/reset before headers. ";

fn distributor(kind: &str, code: &str, message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message} (request id: 1)","type":"{kind}"{code}}}}}"#)
}

#[test]
fn a_refusal_that_says_that_the_api_got_nothing_may_be_sent_again() {
    let code = r#","code":"model_not_found""#;
    let english = "No available channel for model m under group g (distributor)";
    for (status, headers, body) in [
        (503, &[][..], distributor("new_api_error", code, english)),
        (503, &[], distributor("new_api_error", code, "分组 g 下模型 m 无可用渠道（distributor）")),
        (
            503,
            &[],
            distributor("new_api_error", code, "获取分组 g 的可用渠道失败（distributor）: x"),
        ),
        (503, &[], distributor("one_api_error", "", "当前分组 g 下对于模型 m 无可用渠道")),
        (
            503,
            &[],
            distributor("new_api_error", r#","code":"""#, "当前分组 g 下对于模型 m 无可用渠道"),
        ),
        (521, CF, "error code: 521".to_owned()),
        (523, CF, "error code: 523\n".to_owned()),
        (525, CF, "<title>foxapi.cc | 525: SSL handshake failed</title> Cloudflare".to_owned()),
        (526, CF, "<h1>Error 526</h1> ... cloudflare.com".to_owned()),
        (530, CF, "error code: 1016".to_owned()),
        (530, CF, "error code: 1033".to_owned()),
        (503, &[], "no healthy upstream".to_owned()),
        (503, &[], format!("{ENVOY}reset reason: connection failure")),
        (
            503,
            &[],
            format!("{ENVOY}reset reason: remote connection failure, transport failure reason: x"),
        ),
        (503, &[], format!("{ENVOY}reset reason: local connection failure")),
        (503, &[], format!("{ENVOY}reset reason: connection timeout")),
        (503, &[], format!("{ENVOY}reset reason: overflow")),
        (503, &[], format!("{ENVOY}reset reason: remote refused stream reset")),
        (503, ALB, ALB_503.to_owned()),
    ] {
        let judgement = with(status, headers, &body);
        assert_eq!(judgement.proof, Proof::NotRelayed, "{status} {body}");
        assert!(!judgement.code.is_empty() && judgement.evidence.is_some(), "{judgement:?}");
    }
}

#[test]
fn what_looks_like_such_a_refusal_and_is_none_is_in_doubt() {
    let code = r#","code":"model_not_found""#;
    for (status, headers, body) in [
        (
            500,
            &[][..],
            r#"{"code":"get_channel_failed","message":"分组 g 的可用渠道不存在（retry）"}"#
                .to_owned(),
        ),
        (
            503,
            &[],
            r#"{"code":"get_channel_failed","message":"无可用渠道（distributor）"}"#.to_owned(),
        ),
        (503, &[], distributor("upstream_error", code, "no channel (distributor)")),
        (503, &[], distributor("new_api_error", r#","code":"other""#, "(distributor)")),
        (503, &[], distributor("new_api_error", code, "no available channels or upstream error")),
        (500, &[], distributor("new_api_error", code, "no channel (distributor)")),
        (500, &[], distributor("new_api_panic", "", "panic")),
        (
            500,
            &[],
            r#"{"code":"do_request_failed","message":"upstream error: do request failed"}"#
                .to_owned(),
        ),
        (500, &[], r#"{"code":"invalid_response","message":"task_id is empty"}"#.to_owned()),
        (521, &[], "error code: 521".to_owned()),
        (521, CF, "the origin's own words".to_owned()),
        (521, CF, "error code: 522".to_owned()),
        (522, CF, "error code: 522".to_owned()),
        (520, CF, "error code: 520".to_owned()),
        (524, CF, "error code: 524".to_owned()),
        (527, CF, "error code: 527".to_owned()),
        (502, CF, "error code: 502".to_owned()),
        (530, CF, "error code: 522".to_owned()),
        (503, &[], format!("{ENVOY}reset reason: connection termination")),
        (503, &[], format!("{ENVOY}reset reason: remote reset")),
        (503, &[], format!("{ENVOY}reset reason: local reset")),
        (503, &[], format!("{ENVOY}reset reason: protocol error")),
        (503, &[], format!("{ENVOY}retried and the latest reset reason: connection failure")),
        (502, &[], format!("{ENVOY}reset reason: connection failure")),
        (504, &[], "upstream request timeout".to_owned()),
        (503, &[], format!("{{\"error\":\"{ENVOY}reset reason: overflow\"}}")),
        (503, &[("server", "nginx")], ALB_503.to_owned()),
        (503, ALB, ALB_503.replace("</body>", "<hr><center>nginx</center></body>")),
        (502, ALB, ALB_503.to_owned()),
    ] {
        assert_eq!(with(status, headers, &body).proof, Proof::InDoubt, "{status} {body}");
    }
}

#[test]
fn what_is_not_the_api_leaves_the_pair_planned_and_says_who_spoke() {
    for (status, body) in [
        (404, ""),
        (404, "<html><title>404 Not Found</title>nginx</html>"),
        (404, r#"{"detail":"Not Found"}"#),
        (404, r#"{"message":"no Route matched with those values"}"#),
        (404, r#"{"timestamp":1,"status":404,"error":"Not Found","path":"/v1"}"#),
        (
            404,
            r#"{"error":{"message":"Invalid URL (POST /v1/videos/generations)","type":"invalid_request_error"}}"#,
        ),
        (405, "Method Not Allowed"),
        (407, r#"{"error":{"message":"who are you","code":"x"}}"#),
        (400, "<center>The plain HTTP request was sent to HTTPS port</center>"),
        (411, ""),
        (413, "<html>too large</html>"),
        (414, ""),
        (431, ""),
        (495, ""),
        (464, ""),
    ] {
        let judgement = with(status, &[], body);
        assert_eq!(judgement.proof, Proof::NotTheApi, "{status} {body}");
        assert_eq!(judgement.code, "not_the_api");
        let says = format!("https://api.example answered HTTP {status}");
        assert!(judgement.message.starts_with(&says), "{}", judgement.message);
    }
    let page = with(200, &[], "<html><title>Sign in</title><p>to the Wi-Fi</p>");
    assert_eq!(page.proof, Proof::InDoubt);
    let said =
        "https://api.example answered HTTP 200 with what is not the API's: Sign in to the Wi-Fi";
    assert_eq!(page.message, said);
    let cut = Received {
        status: 400,
        body: b"{\"error\":{\"mess".to_vec(),
        cut: Some("reset".to_owned()),
        ..Received::default()
    };
    assert_eq!(judged(cut).proof, Proof::InDoubt, "it may have been the API's");
}

#[test]
fn a_redirect_proves_what_its_status_and_its_aim_do() {
    let (planned, doubt) = (Proof::NotTheApi, Proof::InDoubt);
    for (status, to, proof, id) in [
        (307, "/v1/videos/generations", &planned, None),
        (308, "https://other.example/v1?token=secret", &planned, None),
        (302, "https://portal.example/login?back=x", &planned, None),
        (302, "/login", &planned, None),
        (301, "http://api.example/v1/videos/generations", &planned, None),
        (301, "https://api.example:8443/v1/videos/generations", &planned, None),
        (302, "/v1/videos/generations", &doubt, None),
        (301, "https://api.example/v1/videos/generations/", &doubt, None),
        (302, "/v1/tasks/t1", &doubt, Some("t1")),
        (302, "https://other.example/tasks/t1", &doubt, Some("t1")),
        (303, "/v1/tasks/t1", &doubt, Some("t1")),
        (303, "/login", &doubt, None),
        (300, "/login", &doubt, None),
        (304, "/login", &doubt, None),
    ] {
        let judgement = with(status, &[("location", to)], "");
        assert_eq!((&judgement.proof, proposed(&judgement)), (proof, id), "{status} {to}");
        assert!(!judgement.message.contains("secret"), "{}", judgement.message);
        assert!(judgement.message.contains("points to"), "{}", judgement.message);
    }
    assert_eq!(proof(307, ""), planned);
    assert_eq!(proof(302, ""), doubt);
}
