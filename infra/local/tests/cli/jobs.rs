//! The programs that run to their end: the main job, thirty days, help.

use shared::pictures::{Picture, PictureFormat};

use crate::program::{good, line, run, text};

fn first_image(description: &str) {
    let folder = tempfile::tempdir().unwrap();
    let out = good(&run(folder.path(), &["first-image", description, "--out", "mug.jpg"]));
    assert_eq!(line(&out, "described"), description);
    let prompt = line(&out, "prompt used");
    assert_eq!(prompt, line(&out, "prompt 1"));
    assert!(prompt.chars().count() > 20, "{prompt}");
    assert!(
        line(&out, "drawn by").ends_with("(the simulator; put a key in .env for the real model)"),
        "{out}"
    );
    assert_eq!(line(&out, "credits"), "3 before, 2 after");
    assert_eq!(line(&out, "pixels"), "2048 x 2048");
    let erased: jiff::Timestamp = line(&out, "erased on").parse().unwrap();
    let days = erased.duration_since(shared::Clock::system().now()).as_hours();
    assert!((719..=720).contains(&days), "{out}");

    let bytes = std::fs::read(folder.path().join("mug.jpg")).unwrap();
    assert!(
        line(&out, "picture").contains(&format!("mug.jpg (JPEG, {} bytes)", bytes.len())),
        "{out}"
    );
    let picture = Picture::read(bytes.into()).unwrap();
    assert!(matches!(picture.format(), PictureFormat::Jpeg));
    assert_eq!((picture.size().width, picture.size().height), (2048, 2048));
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["mug.jpg"], "it leaves the picture and nothing else");
}

#[test]
fn first_image_paints_a_picture_and_accounts_for_it() {
    first_image("hand-thrown stoneware mug, speckled glaze, morning light");
}

#[test]
fn first_image_understands_chinese() {
    first_image("手工陶瓷杯，斑点釉，晨光");
}

#[test]
fn first_image_buys_a_pack_before_if_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let out = good(&run(
        folder.path(),
        &["first-image", "--buy", "20", "walnut desk lamp", "--out", "lamp.jpg"],
    ));
    for told in [
        "ordered       20 credits for 4.99 USD",
        "paid          4.99 USD (completed), receipt ",
        "credits       3 before, 23 after",
        "credits       23 before, 22 after",
    ] {
        assert!(out.contains(told), "it does not say `{told}`:\n{out}");
    }
    let unknown = run(folder.path(), &["first-image", "--buy", "21", "lamp"]);
    let told = text(&unknown.stderr);
    assert!(
        told.contains("The purchase was answered 422: /pack is not on sale"),
        "{told}"
    );
}

#[test]
fn thirty_days_shows_the_picture_gone() {
    let folder = tempfile::tempdir().unwrap();
    let out = good(&run(folder.path(), &["thirty-days"]));
    for told in [
        "items in the table: 1, objects in the store: 1",
        "the API still shows it: ready",
        "the API answers 410: ",
        "items in the table: 0, objects in the store: 0",
        "its link is dead",
    ] {
        assert!(out.contains(told), "it does not say `{told}`:\n{out}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn help_names_every_command_and_setting() {
    let folder = tempfile::tempdir().unwrap();
    let out = good(&run(folder.path(), &["--help"]));
    for word in [
        "serve",
        "first-image",
        "thirty-days",
        "bench",
        "prove",
        "ops",
        "--port",
        "--data",
        "8000",
        ".vitrine",
    ] {
        assert!(out.contains(word), "it does not name `{word}`:\n{out}");
    }
    for command in ["serve", "first-image", "thirty-days", "bench", "prove", "ops"] {
        good(&run(folder.path(), &[command, "--help"]));
    }
}
