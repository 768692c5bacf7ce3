//! PayPal takes the money. It receives an order's id, the pack and its price, and nothing about the account (P12).

pub mod webhook;
