//! The telecom.v1 gRPC API: messages, clients, services, descriptor.
