//! Rules of the vocabulary, as tables and as properties.
