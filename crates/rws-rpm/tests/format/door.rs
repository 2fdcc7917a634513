//! What clients or rpm stumble over is refused, what they take is not.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use crate::support::inspect_whole;
use rws_lab::rpm::{Package, Value, header, statements, text, texts};

fn reason(package: &Package) -> String {
    inspect_whole("hello.rpm", &package.build()).map(|inspected| format!("taken: {inspected:?}")).unwrap_err().reason
}

fn is_taken(package: &Package) -> bool {
    inspect_whole("hello.rpm", &package.build()).is_ok()
}

/// A list of one dependency.
fn depends(tags: [u32; 3], name: &str) -> Package {
    let [names, flags, versions] = tags;
    let list = Package::hello().with(names, texts(&["other", name])).with(flags, Value::Numbers(vec![0, 0]));
    list.with(versions, texts(&["", ""]))
}

#[test]
fn rpm_of_el_10_writes_the_source_package_twice() {
    let twice = Package::hello().and(1044, text("hello-2.0-1.src.rpm"));
    assert!(is_taken(&twice));
    let other = Package::hello().and(1044, text("other-2.0-1.src.rpm"));
    assert!(reason(&other).contains("tag 1044 occurs twice with different values"));
}

#[test]
fn broken_rich_dependencies_are_refused_in_every_list() {
    for (field, tags) in [
        ("Requires", [1049, 1048, 1050]),
        ("Conflicts", [1054, 1053, 1055]),
        ("Recommends", [5046, 5048, 5047]),
        ("Suggests", [5049, 5051, 5050]),
        ("Supplements", [5052, 5054, 5053]),
        ("Enhances", [5055, 5057, 5056]),
    ] {
        for name in ["(a and", "(a b)", "()", "(a and b) ", "(a and b or c)"] {
            let reason = reason(&depends(tags, name));
            assert!(reason.starts_with(field) && reason.contains(&format!("{name:?}")), "{reason}");
        }
        assert!(is_taken(&depends(tags, "(a and b)")) && is_taken(&depends(tags, "a (b")), "{field}");
    }
    for (field, tags) in [("Provides", [1047, 1112, 1113]), ("Obsoletes", [1090, 1114, 1115])] {
        assert!(reason(&depends(tags, "(a and b)")).starts_with(field));
    }
    assert!(is_taken(&depends([1049, 1048, 1050], "(a if b)")) && !is_taken(&depends([1054, 1053, 1055], "(a if b)")));
}

#[test]
fn what_rpm_does_not_install_is_refused() {
    assert!(reason(&Package::hello().without(1021)).contains("no operating system (tag 1021)"));
    assert!(reason(&Package::hello().with(1021, texts(&["linux", "linux"]))).contains("no operating system"));
    assert!(reason(&Package::hello().without(1118)).contains("file list"));
    assert!(reason(&Package::hello().without(1116)).contains("file list"));
    assert!(reason(&Package::hello().with(1116, Value::Numbers(vec![0]))).contains("2 names of files have 1"));
    assert!(reason(&Package::hello().with(1118, texts(&["/usr/bin/", "./"]))).contains("\"./\" does not start"));
    assert!(reason(&Package::hello().without(1039)).contains("no users"));
    assert!(reason(&Package::hello().with(5008, Value::Longs(vec![1]))).contains("1 values of tag 5008"));
    assert!(reason(&Package::hello().with(1124, text("tar"))).contains("than cpio"));
    assert!(is_taken(&Package::hello().without(1116).without(1117).without(1118)));
    for (names, indexes) in [(5069, 5070), (5079, 5080)] {
        let package = Package::hello().with(names, texts(&["/usr", "/etc"]));
        assert!(reason(&package.clone().with(indexes, Value::Numbers(vec![0]))).contains("triggers"));
        assert!(reason(&package).contains("triggers") && is_taken(&package.with(indexes, Value::Numbers(vec![0, 0]))));
    }
    assert!(reason(&Package::hello().with(1003, Value::Longs(vec![1]))).contains("tag 1003 has a wrong type"));
    assert!(reason(&Package::hello().with(1120, texts(&["a", "b"]))).contains("tag 1120"));
    assert!(reason(&Package::hello().with(5010, texts(&["cap"]))).contains("1 values of tag 5010"));
    for tag in [1098, 1117] {
        assert!(reason(&Package::hello().with(tag, text("hello"))).contains(&format!("tag {tag} has a wrong type")));
    }
}

#[test]
fn what_the_signature_header_states_is_stated_once() {
    let with = |tag: u32, value: Value, main: Option<(u32, Value)>| {
        let package = main.map_or(Package::hello(), |(tag, value)| Package::hello().and(tag, value));
        let mut tags: Vec<_> = statements(&package).into_iter().filter(|(number, _)| *number != tag).collect();
        tags.push((tag, value));
        tags.sort_by_key(|(tag, _)| *tag);
        inspect_whole("hello.rpm", &package.assemble(header(Some(62), &tags))).map_err(|refusal| refusal.reason)
    };
    for tag in [275, 277, 1007] {
        assert!(with(tag, Value::Numbers(vec![1]), None).is_ok(), "{tag}");
        let reason = with(tag, Value::Numbers(vec![1, 1]), None).unwrap_err();
        assert!(reason.contains(&format!("tag {tag} has more than one value")), "{reason}");
    }
    assert!(with(271, Value::Longs(vec![1, 1]), None).unwrap_err().contains("more than one value"));
    let both = with(275, Value::Numbers(vec![1]), Some((5091, Value::Numbers(vec![1]))));
    assert!(both.unwrap_err().contains("tag 5091 stands in the signature header too"));
}

#[test]
fn whole_paths_are_read_as_rpm_splits_them() {
    let whole = |paths: &[&str]| Package::hello().without(1116).without(1117).without(1118).with(1027, texts(paths));
    assert!(is_taken(&whole(&["/usr/bin/hello", "/usr/share/hello"])));
    assert!(reason(&whole(&["/usr/bin/hello"])).contains("1 names of files have 2 values of tag 1028"));
    assert!(reason(&whole(&["/usr/bin/hello", ""])).contains("the path \"\" does not start with a slash"));
    let files = [1028, 1030, 1035, 1037, 1039, 1040];
    let none = files.into_iter().fold(whole(&[""]), Package::without);
    assert!(reason(&none).contains("the path \"\" does not start with a slash"));
    assert!(reason(&whole(&["/a", "/b"]).with(1117, texts(&["a", "b"]))).contains("stand beside split ones"));
    // beside directories they count for nothing
    assert!(is_taken(&Package::hello().with(1027, texts(&[""]))));
}

#[test]
fn directories_without_files_hide_all_files_from_rpm() {
    let more = Package::hello().with(1118, texts(&["/usr/bin/", "/usr/share/", "/etc/"]));
    assert!(reason(&more).contains("3 directories for 2 files"));
}

#[test]
fn a_package_is_a_source_to_all_or_to_none() {
    let source = |value: u32| Package::hello().with(1106, Value::Numbers(vec![value]));
    assert!(reason(&source(1)).contains("contradict"));
    assert!(reason(&source(0)).contains("contradict") && is_taken(&source(1).without(1044)));
    assert!(reason(&source(0).without(1044)).contains("contradict"));
    assert!(reason(&Package::hello().with(1022, text("nosrc"))).contains("contradict"));
    assert!(reason(&Package::hello().with(1022, text("src"))).contains("contradict"));
}

#[test]
fn file_names_decide_nothing() {
    let package = Package::hello().build();
    let misnamed = |name: &str| inspect_whole(name, &package).unwrap().misnamed;
    for name in ["hello-2.0-1.x86_64.rpm", "agent.rpm", "hello-2.0.rpm", "hello-2.0-1..x86_64.deb.rpm"] {
        assert_eq!(misnamed(name), None, "{name}");
    }
    for name in ["hello-2.0-2.x86_64.rpm", "hello-2.0-1.noarch.rpm", "a.src.rpm", "kmod-hello-2.0-1_5.14.x86_64.rpm"] {
        let stem = name.strip_suffix(".rpm").unwrap();
        assert_eq!(misnamed(name), Some(format!("the file name says {stem}, the package is hello-2.0-1.x86_64")));
        let inspected = inspect_whole(name, &package).unwrap();
        assert_eq!((inspected.architecture.as_str(), inspected.file.name.as_str()), ("x86_64", name));
    }
}
