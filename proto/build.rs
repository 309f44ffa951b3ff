//! Compiles `telecom/v1/*.proto` into Rust and a descriptor set, without protoc.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const FILES: [&str; 19] = [
    "telecom/v1/access.proto",
    "telecom/v1/audit.proto",
    "telecom/v1/call_analytics.proto",
    "telecom/v1/call_record.proto",
    "telecom/v1/event.proto",
    "telecom/v1/export.proto",
    "telecom/v1/job.proto",
    "telecom/v1/node_agent.proto",
    "telecom/v1/node_client.proto",
    "telecom/v1/node_server.proto",
    "telecom/v1/package.proto",
    "telecom/v1/package_queue.proto",
    "telecom/v1/pbx.proto",
    "telecom/v1/telecom.proto",
    "telecom/v1/usage.proto",
    "telecom/v1/usage_report.proto",
    "telecom/v1/user.proto",
    "telecom/v1/wholesale.proto",
    "telecom/v1/wholesale_charge.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=telecom");
    let descriptors = protox::compile(FILES, ["."])?;

    // Reflection serves names and types; comments would only make the binary larger.
    let mut bare = descriptors.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptor.bin"), bare.encode_to_vec())?;

    // Ordered maps: one message has one encoding, so that a repeated request can be recognized.
    tonic_prost_build::configure()
        .btree_map(".")
        .extern_path(".google.rpc.Status", "::tonic_types::Status")
        .compile_fds(descriptors)?;
    Ok(())
}
