//! Validation rules that more than one field uses, each with the sentence a user reads.

use kube::core::{Reason, Rule};

pub mod cron;

const HOST: &str = "([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[[][0-9A-Fa-f:.]+[]])";
const PORT: &str =
    "(:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?";

/// A field that cannot be used together with what stands at `path`.
pub fn forbidden(rule: &str, path: &str, message: &str) -> Rule {
    Rule::new(rule)
        .message(message)
        .field_path(path)
        .reason(Reason::FieldValueForbidden)
}

/// A field at `path` that something else needs.
pub fn required(rule: &str, path: &str, message: &str) -> Rule {
    Rule::new(rule)
        .message(message)
        .field_path(path)
        .reason(Reason::FieldValueRequired)
}

/// A string that must match a regular expression (RE2, without single quotes or backslashes).
pub fn matches(pattern: &str, message: &str) -> Rule {
    Rule::new(format!("self.matches('{pattern}')")).message(message)
}

/// An image reference; whether it exists only the registry knows.
pub fn image(example: &str) -> Rule {
    matches(
        "^[A-Za-z0-9][A-Za-z0-9._:/@-]*$",
        &format!("must be an image reference such as {example}"),
    )
}

/// The name of an object of the given kind.
pub fn object_name(kind: &str) -> Rule {
    matches(
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        &format!(
            "must be the name of a {kind}: lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
        ),
    )
}

/// A collector's base URL: the exporters add the path.
pub fn base_url() -> Rule {
    matches(
        &format!("^https?://{HOST}{PORT}/?$"),
        "must be an http:// or https:// URL without a path, such as http://otel-collector:4317; a URL with a path goes to telemetry.endpoints",
    )
}

/// A URL that is used as it is.
pub fn url(example: &str) -> Rule {
    matches(
        &format!("^https?://{HOST}{PORT}(/[!-~]*)?$"),
        &format!("must be an http:// or https:// URL, such as {example}"),
    )
}

/// A URL that is used as it is, for one signal.
pub fn signal_url(signal: &str) -> Rule {
    url(&format!("https://otlp.example.com/v1/{signal}"))
}

/// A duration that Go and Prometheus both read, longer than nothing.
pub fn duration(example: &str) -> Rule {
    let message = format!("must be a duration in hours, minutes and seconds, such as {example}");
    Rule::new(format!(
        "self.matches('{DURATION}') && self.matches('[1-9]')"
    ))
    .message(message.as_str())
}

/// A duration from `least` to `most`; what does not read as one is left to [`duration`].
pub fn duration_between(least: &str, most: &str) -> Rule {
    Rule::new(format!(
        "!self.matches('{DURATION}') || !self.matches('[1-9]') || \
         (duration(self) >= duration('{least}') && duration(self) <= duration('{most}'))"
    ))
    .message(format!("must be from {least} to {most}").as_str())
}

/// Hours, minutes and seconds, in this order; also matches the empty string.
pub const DURATION: &str = "^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$";

/// The name of a time zone; whether there is one of that name only the operator's copy of the database knows.
pub fn time_zone() -> Rule {
    Rule::new(
        "self.matches('^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}$') && self.lowerAscii() != 'local'",
    )
    .message("must be the name of a time zone in the IANA database, such as Europe/Berlin or UTC")
}

/// Two optional durations of one object: `short` must not be longer than `long`.
pub fn not_longer(short: &str, long: &str, message: &str) -> Rule {
    let readable = |field: &str| {
        format!("self.{field}.matches('{DURATION}') && self.{field}.matches('[1-9]')")
    };
    Rule::new(format!(
        "!has(self.{short}) || !has(self.{long}) || !({}) || !({}) || duration(self.{short}) <= duration(self.{long})",
        readable(short),
        readable(long)
    ))
    .message(message)
    .field_path(format!(".{short}"))
}

/// Two numbers of days of one section: `coarse` data must not go before the `fine` data it is made of.
pub fn not_fewer_days(coarse: &str, fine: &str, section: &str) -> Rule {
    Rule::new(format!("self.{coarse} >= self.{fine}"))
        .message(format!("must not be fewer than {section}.{fine}").as_str())
        .field_path(format!(".{coarse}"))
}

/// Values of labels.
pub fn label_values() -> Rule {
    Rule::new("self.all(key, self[key].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))")
        .message("label values consist of letters, digits, '-', '_' and '.', and start and end with a letter or digit")
}

/// Names of labels.
pub fn label_keys() -> Rule {
    Rule::new(
        "self.all(key, key.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",
    )
    .message("label names are an optional DNS prefix and '/', then at most 63 letters, digits, '-', '_' and '.', such as example.com/team")
}

/// CPU, memory and other resources of a container.
pub fn quantities() -> Rule {
    Rule::new(
        "[has(self.requests) ? self.requests : {}, has(self.limits) ? self.limits : {}]\
         .all(list, list.all(name, isQuantity(string(list[name])) && !quantity(string(list[name])).isLessThan(quantity('0'))))",
    )
    .message("requests and limits must be quantities such as 250m (CPU) or 128Mi (memory)")
}

/// A container cannot ask for more than it may use.
pub fn requests_within_limits() -> Rule {
    Rule::new(
        "!has(self.requests) || !has(self.limits) || self.requests.all(name, !(name in self.limits) || \
         !isQuantity(string(self.requests[name])) || !isQuantity(string(self.limits[name])) || \
         quantity(string(self.requests[name])).compareTo(quantity(string(self.limits[name]))) <= 0)",
    )
    .message("a request must not be greater than the limit of the same resource")
    .field_path(".requests")
}
