//! P5, P13: where pictures are stored, and what the stores can tell.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use shared::config::Vars;
use shared::domain::Store;
use shared::objects::{Objects, Stores};
use shared::platform::Runtime;
use shared::secrets::Secrets;
use shared::{Clock, Entropy, Ids, Platform};
use tests::{START, TestApp};

use crate::seller::{Seller, assert_free, files, follow, link};

pub(crate) async fn a_store_of_another_company_cannot_be_configured() {
    let app = TestApp::new().await;
    let functions = app.stack.template.functions.iter();
    let storing: Vec<_> = functions
        .filter(|function| function.variables.contains_key("COS_BUCKET"))
        .collect();
    assert!(storing.len() >= 3, "{storing:?}");
    for function in storing {
        let deployed = Vars::from_pairs(function.variables.clone());
        let secrets = ["COS_KEYS_PARAMETER", "OSS_KEYS_PARAMETER"].map(|name| {
            let pair = r#"{"id":"id","secret":"secret"}"#;
            (deployed.peek(name).unwrap().to_owned(), pair.into())
        });
        let (clock, entropy) = (app.clock.clone(), Entropy::seeded(1));
        let ids = Ids::new(clock.clone(), entropy.clone());
        let runtime = Runtime::local(&function.folder, None);
        let platform = Platform::with_secrets(runtime, clock, ids, entropy, Secrets::new(secrets));
        let stores: Vec<_> = Stores::new(&deployed, &platform)
            .unwrap()
            .each()
            .map(Objects::store)
            .collect();
        assert_eq!(stores, [Store::Cos, Store::Oss]);
        for name in ["COS_ENDPOINT", "OSS_ENDPOINT"] {
            for elsewhere in [
                "https://s3.us-west-1.amazonaws.com",
                "https://storage.googleapis.com",
                "https://account.r2.cloudflarestorage.com",
                "https://cos.na-siliconvalley.myqcloud.com.example.com",
                "https://s3.oss-us-west-1.aliyuncs.com.example.com",
            ] {
                let mut variables = function.variables.clone();
                variables.insert(name.to_owned(), elsewhere.to_owned());
                let refused = Stores::new(&Vars::from_pairs(variables), &platform).unwrap_err();
                assert!(refused.to_string().contains(name), "{elsewhere}: {refused}");
            }
        }
    }
}

pub(crate) async fn the_file_of_a_picture_lies_in_the_stores_and_nowhere_else_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(START.parse().unwrap());
    let app = TestApp::in_folder(folder.path(), clock).await;
    let mut seller = Seller::sign_up(&app, "mei").await;
    let id = seller.use_everything(&app).await;
    let link = link(&seller.picture(&app, &id).await.expect(200));
    let (_, _, picture) = follow(&app, &link).await;
    // Long enough to be this picture's alone, and after what all files of its kind begin with.
    let part = &picture[picture.len() / 2..picture.len() / 2 + 64];
    let holding: BTreeSet<_> = files_below(folder.path())
        .into_iter()
        .filter(|file| {
            let bytes = std::fs::read(file).unwrap();
            bytes.windows(part.len()).any(|window| window == part)
        })
        .map(|file| {
            let place = file.strip_prefix(folder.path()).unwrap();
            place.iter().next().unwrap().to_string_lossy().into_owned()
        })
        .collect();
    let allowed = BTreeSet::from(["objects", "objects-oss"].map(str::to_owned));
    assert!(!holding.is_empty() && holding.is_subset(&allowed), "{holding:?}");
    app.close().await;
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

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

    let engines = &app.stack.engines;
    let seen = [engines.objects.book().seen(), engines.oss.book().seen()].concat();
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
    let foreign = headers.keys().find(|name| {
        ["x-amz-meta-", "x-cos-meta-", "x-oss-meta-"]
            .iter()
            .any(|meta| name.as_str().starts_with(meta))
    });
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
