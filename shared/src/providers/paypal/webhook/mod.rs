//! What PayPal tells us, known by its signature over the raw bytes.
