//! `uploads`: a bucket, or what is wrong with it.

use super::*;

const PAIR: &str = "\npairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]";
const PLACE: &str = "bucket: my-media, endpoint: https://s3.eu-central-1.amazonaws.com";

fn bucket(uploads: &str) -> Bucket {
    good(&format!("version: 1\nuploads: {{{uploads}}}{PAIR}")).uploads.unwrap()
}

/// The only problem: its message, and what it points at.
fn problem(uploads: &str) -> String {
    let yaml = format!("version: 1\nuploads: {{{uploads}}}{PAIR}");
    let problems = parse(&yaml).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems}");
    problems.iter().next().unwrap().message.clone()
}

#[test]
fn a_bucket_has_defaults() {
    assert_eq!(good(&format!("version: 1{PAIR}")).uploads, None);
    let plain = bucket(&format!("{PLACE}, region: eu-central-1"));
    assert_eq!((plain.name.as_str(), plain.region.as_str()), ("my-media", "eu-central-1"));
    assert_eq!(plain.endpoint.origin(), "https://s3.eu-central-1.amazonaws.com");
    assert_eq!((plain.prefix.as_str(), plain.address), ("", BucketAddress::Path));
    assert_eq!(plain.lifetime, Duration::from_secs(72 * 3600));
    let full = bucket(&format!(
        "{PLACE}, region: auto, prefix: /callsheet/spring.1/, lifetime: 168h, path_style: false"
    ));
    assert_eq!((full.prefix.as_str(), full.address), ("callsheet/spring.1", BucketAddress::Host));
    assert_eq!(full.lifetime, Duration::from_secs(7 * 24 * 3600));
}

#[test]
fn where_the_name_of_a_bucket_stands_depends_on_the_service() {
    let address = |host: &str, more: &str| {
        let place = format!("bucket: my-media, endpoint: 'https://{host}', region: auto");
        bucket(&format!("{place}{more}")).address
    };
    for host in [
        "oss-cn-hangzhou.aliyuncs.com",
        "s3.oss-cn-hangzhou.aliyuncs.com",
        "cos.ap-guangzhou.myqcloud.com",
        "cos.ap-guangzhou.tencentcos.cn",
        "tos-s3-cn-beijing.volces.com",
        "TOS-cn-beijing.ivolces.com",
        "obs.cn-north-4.myhuaweicloud.com.",
    ] {
        assert_eq!(address(host, ""), BucketAddress::Host, "{host}");
        assert_eq!(address(host, ", path_style: true"), BucketAddress::Path, "{host}");
    }
    for host in [
        "s3.eu-central-1.amazonaws.com",
        "minio.example.com",
        "notaliyuncs.com",
        "aliyuncs.com.example",
        "s3.volces.com",
        "10.0.0.1",
    ] {
        assert_eq!(address(host, ""), BucketAddress::Path, "{host}");
        assert_eq!(address(host, ", path_style: false"), BucketAddress::Host, "{host}");
    }
}

#[test]
fn what_is_missing_is_named() {
    assert_eq!(problem(PLACE), "`uploads` has no `region`");
    let problems = parse(&format!("version: 1\nuploads: {{}}{PAIR}")).unwrap_err();
    let missing: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(
        missing,
        ["bucket", "endpoint", "region"].map(|key| format!("`uploads` has no `{key}`"))
    );
    let empty = parse(&format!("version: 1\nuploads:{PAIR}")).unwrap_err();
    assert_eq!(empty.iter().next().unwrap().message, "`uploads` is empty");
}

#[test]
fn what_no_server_takes_is_refused() {
    let full = |more: &str| format!("{PLACE}, region: auto, {more}");
    for prefix in ["../up", "a//b", "a/./b", "'a b'", "/", "ä", &"x".repeat(513)] {
        let said = problem(&full(&format!("prefix: {prefix}")));
        assert_eq!(said, "`prefix`: this is not a folder in a bucket", "{prefix}");
    }
    for lifetime in ["169h", "59m", "72", "7d", "-72h", "forever"] {
        let said = problem(&full(&format!("lifetime: {lifetime}")));
        assert!(said.starts_with("`lifetime` must be a time from 1h to 168h"), "{said}");
    }
    for name in ["a", "'a/b'", "-ab", "ab.", "a..b", "'ab?x=1'", &"x".repeat(64)] {
        let said = problem(&format!("bucket: {name}, endpoint: https://s3.co, region: auto"));
        assert_eq!(said, "`bucket`: this is not the name of a bucket", "{name}");
    }
    for region in ["'eu central'", "a/b", "'x&y'"] {
        let said = problem(&format!("{PLACE}, region: {region}"));
        assert_eq!(said, "`region`: this is not the name of a region", "{region}");
    }
    let plain = problem("bucket: media, endpoint: http://s3.example.com, region: auto");
    assert!(plain.contains("--allow-http"), "{plain}");
    bucket("bucket: media, endpoint: http://127.0.0.1:5000, region: auto");
}

#[test]
fn no_secret_belongs_in_a_manifest() {
    for key in ["secret_access_key", "aws_secret_access_key", "access_key_id", "secretAccessKey"] {
        let yaml = format!("version: 1\nuploads: {{{PLACE}, region: auto, {key}: hunter2}}{PAIR}");
        let rendered = parse(&yaml).unwrap_err().render(false);
        assert!(!rendered.contains("hunter2"), "{rendered}");
        assert!(rendered.contains("set AWS_ACCESS_KEY_ID"), "{rendered}");
    }
}

#[test]
fn the_schema_takes_a_bucket() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let valid = |uploads: &str| {
        let yaml = format!("version: 1\nuploads: {{{uploads}}}{PAIR}");
        validator.is_valid(&serde_yaml::from_str(&yaml).unwrap())
    };
    assert!(valid(&format!("{PLACE}, region: auto, prefix: a/b, lifetime: 1h, path_style: true")));
    assert!(!valid(PLACE) && !valid(&format!("{PLACE}, region: auto, secret_access_key: x")));
}
