//! Any file and any environment: a configuration, or problems that say where and why; no secret shows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::{env, fs, process};

use telecom_server::config::raw::Raw;
use telecom_server::config::{InvalidConfig, TelecomConfig};

/// Stands in for secrets; no input has it by chance.
const HIDDEN: &str = "kO8vYw2LrXtq5ZcHs7Nb1GfPd4MjUeAi";

thread_local! {
    static SCRATCH: File = scratch();
}

/// A file without a name, which leaves nothing behind.
fn scratch() -> File {
    let path = env::temp_dir().join(format!("telecom-fuzz-{}.yaml", process::id()));
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).open(&path);
    let file = file.expect("a file");
    fs::remove_file(path).expect("a file that can go");
    file
}

/// The file, then after a zero byte lines of the environment, such as `GRPC__LISTEN=[::]:1`.
pub fn run(input: &[u8]) {
    let mut parts = input.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let lines = String::from_utf8_lossy(parts.next().unwrap_or_default());
    let variables = lines.split('\n').filter_map(|line| line.split_once('='));
    let mut environment: BTreeMap<String, String> = variables
        .map(|(name, value)| (format!("TELECOM__{name}"), value.to_owned()))
        .collect();
    for name in [
        "AUTH__JWT_SECRET",
        "AUTH__OPERATOR_TOKEN",
        "METRICS__BEARER_TOKEN",
    ] {
        let secret = environment.entry(format!("TELECOM__{name}"));
        secret.or_insert_with(|| HIDDEN.to_owned());
    }
    let path = SCRATCH.with(|scratch| write(scratch, file));
    match TelecomConfig::load(Some(&path), &environment) {
        Ok(config) => {
            assert!(
                config.max_in_flight > 0 && config.max_message_bytes > 0,
                "{config:?}"
            );
            assert!(!config.request_timeout.is_zero(), "{config:?}");
            assert!(config.retention.raw_usage_days >= 7, "{config:?}");
            assert!(!format!("{config:?}").contains(HIDDEN), "{config:?}");
        }
        Err(InvalidConfig(problems)) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(
                    !problem.source.is_empty() && !problem.reason.is_empty(),
                    "{problem:?}"
                );
                assert!(!problem.to_string().contains(HIDDEN), "{problem:?}");
            }
        }
    }
}

fn write(mut scratch: &File, bytes: &[u8]) -> PathBuf {
    scratch.set_len(0).expect("an empty file");
    scratch.rewind().expect("its start");
    scratch.write_all(bytes).expect("its content");
    format!("/proc/self/fd/{}", scratch.as_raw_fd()).into()
}

/// Everything that can be said, by file and by environment.
pub fn seeds() -> Vec<Vec<u8>> {
    let all = serde_yaml::to_string(&Raw::default()).expect("YAML");
    let variables = "\0GRPC__LISTEN=[::1]:1\nOTEL__SAMPLE_RATIO=0.5\nAUTH__ROLE_MAPPING={a: admin}\n\
                     DATABASE__URL=postgresql://u@h/d?sslmode=require\nAUTH__JWKS_URL=https://h/k";
    vec![
        all.clone().into_bytes(),
        format!("{all}{variables}").into_bytes(),
        variables.as_bytes().to_vec(),
        b"a: &a [1]\nb: *a\ngrpc: {listen: '0.0.0.0:1'}\n".to_vec(),
    ]
}
