//! The operator's tool: what `vitrine ops` can do.
