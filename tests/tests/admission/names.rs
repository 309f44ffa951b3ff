//! Names of a `TelecomCluster`: its children's names must stay within Kubernetes' limits.

use rstest::rstest;

use super::api::{dry_run, manifest};

const SENTENCE: &str = "<nil>: Invalid value: metadata.name must start with a lower-case letter, consist of lower-case \
    letters, digits and '-', end in a letter or digit, and be at most 40 characters long";

#[rstest]
#[case::one_letter("a")]
#[case::digits_inside("voice-2-eu")]
#[case::forty_letters("abcdefghijklmnopqrstuvwxyzabcdefghijklmn")]
#[tokio::test]
async fn accepted(#[case] name: &str) {
    let created = dry_run(&manifest(name, "{}")).await.unwrap();
    assert_eq!(created["metadata"]["name"], name);
}

#[rstest]
#[case::dot("voice.eu")]
#[case::leading_digit("2voice")]
#[case::forty_one_letters("abcdefghijklmnopqrstuvwxyzabcdefghijklmno")]
#[tokio::test]
async fn refused(#[case] name: &str) {
    assert_eq!(
        dry_run(&manifest(name, "{}")).await,
        Err(SENTENCE.to_owned())
    );
}
