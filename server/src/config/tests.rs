//! Bad and good configurations, with what each says.
