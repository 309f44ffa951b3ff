//! Integration and end-to-end tests, the local cluster, the demo.
