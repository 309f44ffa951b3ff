//! The gRPC and metrics server over PostgreSQL.
