//! P13: what the store of pictures can tell.

use std::collections::BTreeSet;

use tests::TestApp;

use crate::seller::{Seller, assert_free, files, follow, link};

pub(crate) async fn file_names_are_random_and_tell_nothing_of_their_owner() {
    let app = TestApp::new().await;
    let (mei, jun) = (Seller::sign_up(&app, "mei").await, Seller::sign_up(&app, "jun").await);
    let prompt = "A walnut desk lamp";
    let images = [mei.order_of(&app, prompt).await, jun.order_of(&app, prompt).await];
    app.drain().await;
    let keys = files(&app);
    assert_eq!(
        keys.iter().collect::<BTreeSet<_>>().len(),
        2,
        "the same words make two files"
    );
    for key in &keys {
        let digits = key.strip_prefix("p/").and_then(|key| key.strip_suffix(".jpg"));
        let digits = digits.unwrap_or_else(|| panic!("`{key}` is not p/….jpg"));
        assert_eq!(digits.len(), 32, "{key}");
        assert!(digits.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')), "{key}");
        // Neither an id as it is written, nor the number in it.
        for id in mei
            .ids()
            .into_iter()
            .chain(jun.ids())
            .chain(images.iter().map(|id| id[4..].to_owned()))
        {
            assert_free("the key", key, &[id.clone(), hex_of(&id)]);
        }
    }
    assert_ne!(
        keys[0][2..10],
        keys[1][2..10],
        "two keys begin alike, as if they counted or told the time"
    );
}

pub(crate) async fn nothing_stored_or_delivered_with_a_file_says_whose_it_is() {
    let app = TestApp::new().await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let id = seller.use_everything(&app).await;
    let mut words = [seller.marks.personal(), seller.marks.creative(), seller.ids()].concat();
    words.push(id[4..].to_owned());

    let seen = app.stack.engines.objects.book().seen();
    let puts: Vec<_> = seen.iter().filter(|seen| seen.operation == "PutObject").collect();
    assert_eq!(puts.len(), 1);
    for seen in &seen {
        assert_free("a request to the store", &serde_json::to_string(seen).unwrap(), &words);
    }
    let told: BTreeSet<_> = puts[0].headers.keys().map(String::as_str).collect();
    let allowed = [
        "cache-control",
        "content-length",
        "content-md5",
        "content-type",
        "x-amz-content-sha256",
    ];
    assert!(told.is_subset(&allowed.into()), "{told:?}");
    assert_eq!(puts[0].headers["content-type"], "image/jpeg");
    assert_eq!(puts[0].headers["cache-control"], "max-age=300");

    let link = link(&seller.picture(&app, &id).await.expect(200));
    assert_free("the link", &link, &words);
    let (status, headers, bytes) = follow(&app, &link).await;
    assert_eq!(status, 200);
    assert_free("the delivery", &format!("{headers:?}"), &words);
    let foreign = headers
        .keys()
        .find(|name| name.as_str().starts_with("x-amz-meta-") || name.as_str().starts_with("x-cos-meta-"));
    assert_eq!(foreign, None);
    assert_eq!(headers.get("set-cookie"), None);
    assert_free("the file", &String::from_utf8_lossy(&bytes), &words);
}

/// The number that an id writes in base32, as 32 hexadecimal digits.
fn hex_of(id: &str) -> String {
    let digits = "0123456789abcdefghjkmnpqrstvwxyz";
    let number = id.chars().fold(0_u128, |number, c| {
        let digit = digits.find(c).unwrap_or_else(|| panic!("`{id}` is no id"));
        (number << 5) | u128::try_from(digit).unwrap()
    });
    format!("{number:032x}")
}
