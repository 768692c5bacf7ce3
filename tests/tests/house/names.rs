//! A function has one name: folder, package, binary and, after product and stage, `FunctionName`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;

use crate::host::{LOCAL, read, registry, root};

/// What `cargo metadata` says, as far as the names need it. The crate of that name would have `serde_json` compiled with a
/// feature that nothing else has, and with it most of the workspace a second time.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

fn metadata() -> Metadata {
    let cargo = Command::new(std::env::var_os("CARGO").unwrap())
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    serde_json::from_slice(&cargo.stdout).unwrap()
}

fn folder_of(package: &Package) -> Option<String> {
    let place = package.manifest_path.parent()?;
    let is_function = place.parent()?.file_name()? == "functions";
    is_function.then(|| place.file_name()?.to_str().map(str::to_owned))?
}

#[test]
fn a_function_has_the_same_name_as_folder_package_binary_and_in_the_template() {
    let packages: BTreeMap<String, Package> = metadata()
        .packages
        .into_iter()
        .filter_map(|package| Some((folder_of(&package)?, package)))
        .collect();
    let folders: BTreeSet<String> = std::fs::read_dir(root().join("functions"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let named: BTreeSet<String> = LOCAL.functions.iter().map(|function| function.folder.clone()).collect();
    let hosted: BTreeSet<String> = registry().keys().map(|name| (*name).to_owned()).collect();
    let with_package: BTreeSet<String> = packages.keys().cloned().collect();
    assert_eq!(folders, with_package, "a folder of functions/ and its Cargo.toml");
    assert_eq!(
        folders, named,
        "functions/ and the functions of template.yaml and infra/workers.yaml"
    );
    assert_eq!(
        folders, hosted,
        "functions/ and the list in infra/local/src/functions.rs"
    );
    for function in &LOCAL.functions {
        let folder = &function.folder;
        let package = &packages[folder];
        assert_eq!(&package.name, folder, "the package in functions/{folder}");
        let binaries: Vec<&str> = package
            .targets
            .iter()
            .filter(|target| target.kind == ["bin"])
            .map(|target| target.name.as_str())
            .collect();
        assert_eq!(binaries, [folder], "the binaries of functions/{folder}");
        assert_eq!(
            &function.binary, folder,
            "`Binary` of {} in the template",
            function.logical_id
        );
        let name = format!("vitrine-{}-{folder}", LOCAL.stage);
        assert_eq!(
            function.name, name,
            "`FunctionName` of {} in the template",
            function.logical_id
        );
        let main = read(&format!("functions/{folder}/src/main.rs"));
        let own = format!(" {}::Deps::new(", folder.replace('-', "_"));
        assert!(
            main.contains(&own),
            "functions/{folder}/src/main.rs does not start its own library"
        );
    }
}

#[test]
fn every_functions_source_opens_with_its_route_its_queue_or_its_schedule() {
    for function in &LOCAL.functions {
        let folder = &function.folder;
        let source = read(&format!("functions/{folder}/src/lib.rs"));
        let opening = source.lines().next().unwrap_or_default();
        let schedule = LOCAL.schedule_of(folder);
        let expected = match (function.routes.as_slice(), function.queue_events.as_slice(), schedule) {
            ([route], [], None) if route.path == "$default" => "//! `$default`: ".to_owned(),
            ([route], [], None) => format!("//! `{} {}`: ", route.method, route.path),
            ([], [event], None) => format!("//! Worker of the queue `{}`: ", event.queue),
            ([], [], Some(schedule)) => format!("//! Schedule `{}`: ", schedule.expression),
            _ => panic!("`{folder}` must have one route, one queue or one schedule"),
        };
        assert!(
            opening.starts_with(&expected),
            "functions/{folder}/src/lib.rs must open with `{expected}…`, not with `{opening}`"
        );
    }
}
