//! `videos`: a folder in a bucket, or what is wrong with it.

use super::*;

const PAIR: &str = "\npairs: [{image: https://e.co/a.jpg, audio: https://e.co/b.mp3}]";

fn yaml(videos: &str) -> String {
    format!("version: 1\nvideos: {videos}{PAIR}")
}

#[test]
fn a_bucket_has_a_name_and_perhaps_a_folder() {
    assert_eq!(good(&format!("version: 1{PAIR}")).videos, None);
    for (text, name, prefix, shown) in [
        ("s3://my-media", "my-media", "", "s3://my-media"),
        ("s3://my-media/", "my-media", "", "s3://my-media"),
        ("s3://my-media/spring/de_1/", "my-media", "spring/de_1", "s3://my-media/spring/de_1"),
    ] {
        let bucket = good(&yaml(text)).videos.unwrap();
        assert_eq!((bucket.name.as_str(), bucket.prefix.as_str()), (name, prefix), "{text}");
        assert_eq!(bucket.to_string(), shown);
    }
    let bucket: VideoBucket = "s3://my-media/spring".parse().unwrap();
    assert_eq!(bucket.object("a.mp4"), "spring/a.mp4");
    assert_eq!("s3://my-media".parse::<VideoBucket>().unwrap().object("a.mp4"), "a.mp4");
}

#[test]
fn what_is_no_bucket_is_told_at_its_place() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let long = format!("s3://my-media/{}", "x".repeat(600));
    for text in [
        "films",
        "./films",
        "https://my-media.s3.amazonaws.com/a",
        "s3://",
        "s3:///spring",
        "s3://my_media!/spring",
        "s3://a",
        "s3://my-media//spring",
        "s3://my-media/sp ring",
        "s3://my-media/a?b=c",
        &long,
    ] {
        let problems = parse(&yaml(&format!("'{text}'"))).unwrap_err();
        assert_eq!(problems.len(), 1, "{text}: {problems}");
        let problem = problems.iter().next().unwrap();
        assert_eq!(problem.message, "`videos`: this is not a folder in a bucket", "{text}");
        let json = serde_json::json!({"version": 1, "pairs": [], "videos": text});
        assert!(!validator.is_valid(&json), "{text}");
    }
    // No pattern need know that these name no folder of their own.
    for text in ["s3://my-media/../spring", "s3://my..media/spring"] {
        assert!(parse(&yaml(text)).is_err(), "{text}");
    }
    assert!(parse(&yaml("{bucket: my-media}")).is_err() && parse(&yaml("")).is_err());
}
