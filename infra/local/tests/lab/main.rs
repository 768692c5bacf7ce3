//! The laboratory: that it paints without a socket, repeats itself by its seed, lets workers die anywhere, and costs no time.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail by panicking")]

mod killing;
mod losses;
mod painting;

use shared::domain::{Fallback, Ratio};
use shared::store::images::ImageKey;
use vitrine::lab::{Lab, Seller};

/// A laboratory in which somebody with three credits has ordered a picture, which waits in the queue.
async fn ordered(seed: u64) -> (Lab, Seller, ImageKey) {
    let lab = Lab::new(seed).unwrap();
    let seller = lab.seller(3).await.unwrap();
    let key = lab
        .order(&seller, "walnut desk lamp", Ratio::default(), Fallback::default())
        .await
        .unwrap();
    assert_eq!(lab.pump().unwrap().messages, 1);
    (lab, seller, key)
}
