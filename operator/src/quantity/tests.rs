//! The answers of apimachinery v0.36.3 (`json.Marshal` after `json.Unmarshal` of a `resource.Quantity`).

use proptest::prelude::*;

use super::*;

/// What is given, and what the apiserver gives back.
const CASES: &[(&str, Option<&str>)] = &[
    ("0", Some("0")),
    ("1", Some("1")),
    ("1000m", Some("1")),
    ("100m", Some("100m")),
    ("0.5", Some("500m")),
    (".5", Some("500m")),
    ("5.", Some("5.")),
    ("1.5", Some("1500m")),
    ("1500m", Some("1500m")),
    ("1024", Some("1024")),
    ("1024Mi", Some("1Gi")),
    ("1Gi", Some("1Gi")),
    ("1.5Gi", Some("1536Mi")),
    ("0.5Gi", Some("512Mi")),
    ("1000Ki", Some("1000Ki")),
    ("1024Ki", Some("1Mi")),
    ("2048Ki", Some("2Mi")),
    ("1000Mi", Some("1000Mi")),
    ("1e3", Some("1e3")),
    ("1E3", Some("1E3")),
    ("12e6", Some("12e6")),
    ("1000k", Some("1M")),
    ("1000000", Some("1M")),
    ("1M", Some("1M")),
    ("1G", Some("1G")),
    ("0.1m", Some("100u")),
    ("0.0001", Some("100u")),
    ("1n", Some("1n")),
    ("0.1n", Some("1n")),
    ("1.1Ki", Some("1126400m")),
    ("512", Some("512")),
    ("0.5Ki", Some("512")),
    ("100Gi", Some("100Gi")),
    ("1Ti", Some("1Ti")),
    ("1.0", Some("1")),
    ("1.000", Some("1")),
    ("+1", Some("+1")),
    ("-1", Some("-1")),
    ("0100m", Some("0100m")),
    ("010", Some("010")),
    ("1Ei", Some("1Ei")),
    ("8Ei", Some("9223372036854775807")),
    ("8Gi", Some("8Gi")),
    ("16Gi", Some("16Gi")),
    ("24Mi", Some("24Mi")),
    ("128Mi", Some("128Mi")),
    ("256Mi", Some("256Mi")),
    ("10Gi", Some("10Gi")),
    ("1025Mi", Some("1025Mi")),
    ("5000m", Some("5")),
    ("0.25", Some("250m")),
    ("0m", Some("0")),
    ("0Mi", Some("0")),
    ("00", Some("0")),
    ("1e-3", Some("1e-3")),
    ("1.5e3", Some("1500")),
    ("1e0", Some("1e0")),
    ("100e3", Some("100e3")),
    ("1000e3", Some("1e6")),
    ("1u", Some("1u")),
    ("1000u", Some("1m")),
    ("1500k", Some("1500k")),
    ("999999999999", Some("999999999999")),
    ("1P", Some("1P")),
    ("1.25E", Some("1250P")),
    ("abc", None),
    ("1Kib", None),
    ("1K", None),
    ("--1", None),
    ("1.2.3", None),
    ("1e", None),
    ("3.3Gi", Some("3543348019200m")),
    ("3E3", Some("3E3")),
    ("8G", Some("8G")),
    ("5n", Some("5n")),
    ("2200Gi", Some("2200Gi")),
    ("11.454e-3", Some("11.454e-3")),
    ("14.594n", Some("15n")),
    ("67n", Some("67n")),
    ("0n", Some("0")),
    ("10.565Mi", Some("11078205440m")),
    ("1024Ti", Some("1Pi")),
    ("19.280Ti", Some("21198584183521280m")),
    ("2847Gi", Some("2847Gi")),
    ("1454Mi", Some("1454Mi")),
    ("3072k", Some("3072k")),
    ("1024u", Some("1024u")),
    ("16.395e6", Some("16.395e6")),
    ("1600Mi", Some("1600Mi")),
    ("4800m", Some("4800m")),
    ("3072u", Some("3072u")),
    ("4500m", Some("4500m")),
    ("1743Mi", Some("1743Mi")),
    ("1024e2", Some("102400")),
    ("1024e2", Some("102400")),
    ("3500Mi", Some("3500Mi")),
    ("1024k", Some("1024k")),
    ("1Ti", Some("1Ti")),
    ("1700u", Some("1700u")),
    ("0m", Some("0")),
    ("10.957e6", Some("10.957e6")),
    ("2981E3", Some("2981E3")),
    ("1946e6", Some("1946e6")),
    ("3094u", Some("3094u")),
    ("4400E3", Some("4400E3")),
    ("700m", Some("700m")),
    ("2000E3", Some("2e6")),
    ("3072G", Some("3072G")),
    ("1024Ti", Some("1Pi")),
    ("665875m", Some("665875m")),
    ("3108n", Some("3108n")),
    ("4100E3", Some("4100E3")),
    ("4181k", Some("4181k")),
    ("3072", Some("3072")),
    ("2700Mi", Some("2700Mi")),
    ("2300", Some("2300")),
    ("0M", Some("0")),
    ("4800e6", Some("4800e6")),
    ("1600Gi", Some("1600Gi")),
    ("600G", Some("600G")),
    ("3581Ti", Some("3581Ti")),
    ("548n", Some("548n")),
    ("58E3", Some("58E3")),
    ("1900m", Some("1900m")),
    ("3393e2", Some("339300")),
    ("652E3", Some("652E3")),
    ("5.409m", Some("5.409m")),
    ("2800G", Some("2800G")),
    ("1024m", Some("1024m")),
    ("4100e3", Some("4100e3")),
    ("99307e3", Some("99307e3")),
    ("76Mi", Some("76Mi")),
];

#[test]
fn the_apiserver_and_we_write_the_same() {
    for (text, expected) in CASES {
        assert_eq!(canonical(text).as_deref(), *expected, "{text}");
    }
}

#[test]
fn sizes_compare_by_value() {
    let cases = [
        ("1Gi", "1024Mi", false),
        ("1G", "1Gi", true),
        ("900Mi", "1Gi", true),
        ("2Gi", "1Gi", false),
        ("500m", "1", true),
    ];
    for (left, right, smaller) in cases {
        assert_eq!(
            Quantity::parse(left) < Quantity::parse(right),
            smaller,
            "{left} < {right}"
        );
    }
}

proptest! {
    #[test]
    fn canonical_is_a_fixed_point(text in "[0-9]{1,6}(\\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi|Ti|u|n|e3|)") {
        let once = canonical(&text);
        prop_assert!(once.is_some());
        let twice = once.as_deref().and_then(canonical);
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn canonical_keeps_the_value(text in "[0-9]{1,6}(\\.[0-9]{1,3})?(m|k|M|G|Ki|Mi|Gi|Ti|)") {
        let canonical = canonical(&text).unwrap_or_default();
        prop_assert_eq!(
            Quantity::parse(&text).map(|quantity| quantity.nanos),
            Quantity::parse(&canonical).map(|quantity| quantity.nanos)
        );
    }

    #[test]
    fn garbage_does_no_harm(text in "\\PC{0,24}") {
        let _ = canonical(&text);
    }
}
