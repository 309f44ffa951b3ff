//! The telecom.v1 gRPC API: messages, clients, services, descriptor.
#![deny(missing_docs)]

/// Package `telecom.v1`.
#[allow(clippy::all, clippy::pedantic, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("telecom.v1");
}

/// The encoded `FileDescriptorSet` of the package and of what it imports, for reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));
