//! The TelecomCluster operator.
