//! Reads file and environment into [`Raw`], remembering where each value came from.

use std::collections::BTreeMap;
use std::path::Path;

use figment::error::Kind;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::raw::Raw;
use super::{InvalidConfig, Problem};

/// What all variables of this server begin with; what follows is the key, its parts parted by `__`.
pub(super) const PREFIX: &str = "TELECOM__";

/// Keys that only the environment may give.
const SECRETS: [&str; 9] = [
    "database.url",
    "database.direct_url",
    "database.read_url",
    "auth.jwt_secret",
    "auth.jwt_secret_previous",
    "auth.operator_token",
    "auth.operator_token_previous",
    "metrics.bearer_token",
    "otel.headers",
];

/// Where values came from.
pub(super) struct Origins {
    figment: Figment,
    file: String,
    instance: String,
}

impl Origins {
    /// The file or the variable that gave `key`; for a key nobody gave, the file it would stand in.
    pub(super) fn of(&self, key: &str) -> String {
        if SECRETS.contains(&key) {
            return format!("environment variable {}", variable(key));
        }
        match self.figment.find_metadata(key) {
            Some(metadata) if metadata.name == "environment" => {
                format!("environment variable {}", variable(key))
            }
            Some(metadata) => metadata.name.to_string(),
            None => self.file.clone(),
        }
    }

    /// The name of this instance: that of its Pod, else of its machine.
    pub(super) fn instance(&self) -> &str {
        &self.instance
    }
}

/// The environment variable of a key.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

pub(super) fn load(
    file: Option<&Path>,
    environment: &BTreeMap<String, String>,
) -> Result<(Raw, Origins), InvalidConfig> {
    let name = file.map_or_else(
        || "configuration".to_owned(),
        |file| file.display().to_string(),
    );
    let fail = |problem| InvalidConfig(vec![problem]);
    let mut figment = Figment::new();
    if let Some(file) = file {
        let values = read(file, &name).map_err(fail)?;
        figment = figment.merge(Layer {
            name: name.clone(),
            values,
        });
    }
    let values = overlay(environment).map_err(fail)?;
    figment = figment.merge(Layer {
        name: "environment".to_owned(),
        values,
    });
    let raw = figment
        .extract::<Raw>()
        .map_err(|error| fail(explain(&error, &name)))?;
    let instance = ["POD_NAME", "HOSTNAME"]
        .iter()
        .find_map(|name| environment.get(*name));
    let origins = Origins {
        figment,
        file: name,
        instance: instance.cloned().unwrap_or_default(),
    };
    Ok((raw, origins))
}

/// One layer of values, under the name that errors give it.
struct Layer {
    name: String,
    values: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

fn read(file: &Path, name: &str) -> Result<Dict, Problem> {
    let problem = |key: &str, reason: String| Problem {
        source: name.to_owned(),
        key: key.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(file)
        .map_err(|error| problem("", format!("cannot be read: {error}")))?;
    let yaml: serde_yaml::Value = serde_yaml::from_str(&text)
        .map_err(|error| problem("", format!("is not valid YAML: {error}")))?;
    if yaml.is_null() {
        return Ok(Dict::new());
    }
    let values = match Value::serialize(yaml) {
        Ok(Value::Dict(_, values)) => prune(values),
        Ok(_) => return Err(problem("", "must be a mapping of sections".to_owned())),
        Err(error) => return Err(problem("", format!("cannot be used: {error}"))),
    };
    let tree = Value::from(values.clone());
    for key in SECRETS {
        if tree.find_ref(key).is_some() {
            let reason = format!(
                "is a secret and has no place in a file; set {} in the environment",
                variable(key)
            );
            return Err(problem(key, reason));
        }
    }
    Ok(values)
}

/// `key:` with nothing after it means "not given", as it does to whoever comments out its lines.
fn prune(values: Dict) -> Dict {
    values
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::Empty(..) => None,
            Value::Dict(tag, inner) => Some((key, Value::Dict(tag, prune(inner)))),
            other => Some((key, other)),
        })
        .collect()
}

/// The environment as a tree. A value becomes a number, a boolean or a mapping only where the
/// default of its key is one, so that a token made of digits stays a token.
fn overlay(environment: &BTreeMap<String, String>) -> Result<Dict, Problem> {
    let defaults = Value::serialize(Raw::default()).unwrap_or_else(|_| Value::from(Dict::new()));
    let mut tree = Value::from(Dict::new());
    for (name, text) in environment {
        let Some(key) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let key = key.to_lowercase().replace("__", ".");
        let value = match defaults.find_ref(&key) {
            Some(Value::Bool(..) | Value::Num(..) | Value::Dict(..)) => {
                serde_yaml::from_str::<serde_yaml::Value>(text)
                    .ok()
                    .and_then(|value| Value::serialize(value).ok())
                    .unwrap_or_else(|| Value::from(text.clone()))
            }
            _ => Value::from(text.clone()),
        };
        insert(&mut tree, &key, value).map_err(|reason| Problem {
            source: format!("environment variable {name}"),
            key: key.clone(),
            reason,
        })?;
    }
    tree.into_dict().map_or_else(|| Ok(Dict::new()), Ok)
}

fn insert(tree: &mut Value, key: &str, value: Value) -> Result<(), String> {
    let Value::Dict(_, dict) = tree else {
        return Err("lies below a key that another variable gives a value".to_owned());
    };
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
            Ok(())
        }
        Some((first, rest)) => {
            let below = dict
                .entry(first.to_owned())
                .or_insert_with(|| Value::from(Dict::new()));
            insert(below, rest, value)
        }
    }
}

fn explain(error: &figment::Error, file: &str) -> Problem {
    let mut path = error.path.clone();
    let reason = match &error.kind {
        Kind::UnknownField(field, expected) => {
            if path.last() != Some(field) {
                path.push(field.clone());
            }
            format!("unknown key; known here: {}", expected.join(", "))
        }
        Kind::UnknownVariant(found, expected) => {
            format!("`{found}` is not one of {}", expected.join(", "))
        }
        Kind::InvalidType(found, expected) | Kind::InvalidValue(found, expected) => {
            format!("found {found}, expected {}", in_words(expected))
        }
        other => other.to_string(),
    };
    let key = path.join(".");
    let source = match &error.metadata {
        Some(metadata) if metadata.name == "environment" => {
            format!("environment variable {}", variable(&key))
        }
        Some(metadata) => metadata.name.to_string(),
        None => file.to_owned(),
    };
    Problem {
        source,
        key,
        reason,
    }
}

/// The names of Rust's types mean nothing to whoever wrote the file.
fn in_words(expected: &str) -> &str {
    match expected {
        "u16" | "u32" | "u64" | "usize" | "i32" | "i64" => "a whole number",
        "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a map" => "a mapping of keys",
        other if other.starts_with("struct ") => "a mapping of keys",
        other => other,
    }
}
