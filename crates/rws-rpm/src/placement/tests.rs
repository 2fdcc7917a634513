use std::cmp::Ordering;

use rws_model::{
    Digester, FileName, Identity, Inspected, Listed, PackagePlace, Placement, RecordFile, Refusal, RepositorySettings,
    Role, Target,
};

use super::{assemble, repositories};
use crate::identity::compare;

fn target() -> Target {
    let [kind, series, distribution, version] = ["live", "1.10", "el", "7"].map(str::to_owned);
    Target { kind, series, distribution, version }
}

fn file(name: &str, architecture: &str) -> Inspected {
    let (size_bytes, digests) = Digester::new().finish();
    Inspected {
        file: RecordFile { name: FileName::parse(name).unwrap(), size_bytes, digests },
        role: if architecture == "src" { Role::Source } else { Role::Binary },
        identity: Identity(format!("rpm a 0 1 1 {architecture}")),
        architecture: architecture.to_owned(),
        entries: Vec::new(),
        names: Vec::new(),
        renderer: 1,
        warnings: Vec::new(),
        misnamed: None,
        unsaid: None,
    }
}

fn places(files: &[Inspected]) -> Result<Vec<String>, Refusal> {
    let architectures = ["x86_64", "aarch64"].map(str::to_owned);
    let target = target();
    let placement = Placement {
        target: &target,
        place: &PackagePlace::default(),
        architectures: &architectures,
        settings: &RepositorySettings::default(),
        pool: &|_| None,
        listed: Listed::InUpload,
        strict_names: false,
        is_present: false,
    };
    let assembled = assemble(files, &placement)?;
    assert!(assembled.iter().all(|one| one.record.directory == "Packages" && one.record.files.len() == 1));
    Ok(assembled.iter().flat_map(|one| one.repositories.iter().map(ToString::to_string)).collect())
}

#[test]
fn a_target_has_a_repository_for_each_architecture_and_one_for_sources() {
    let architectures = ["x86_64", "aarch64", "x86_64"].map(str::to_owned);
    let settings = |debug_packages| RepositorySettings {
        architectures: architectures.to_vec(),
        debug_packages,
        ..RepositorySettings::default()
    };
    let names = |settings: RepositorySettings| {
        repositories(&target(), &settings).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let usual = ["live/1.10/el/7/x86_64", "live/1.10/el/7/aarch64", "live/1.10/el/7/SRPMS"];
    assert_eq!(names(settings(false)), usual);
    let of_debug = ["live/1.10/el/7/x86_64-debuginfo", "live/1.10/el/7/aarch64-debuginfo"];
    assert_eq!(names(settings(true)), [&usual[..], &of_debug[..]].concat());
}

#[test]
fn packages_go_where_their_architecture_is() {
    assert_eq!(places(&[file("a.rpm", "x86_64")]).unwrap(), ["live/1.10/el/7/x86_64"]);
    assert_eq!(places(&[file("a.rpm", "src")]).unwrap(), ["live/1.10/el/7/SRPMS"]);
    let all = ["live/1.10/el/7/aarch64", "live/1.10/el/7/x86_64"];
    assert_eq!(places(&[file("a.rpm", "noarch")]).unwrap(), all);
    assert_eq!(places(&[file("a.rpm", "x86_64"), file("b.rpm", "aarch64")]).unwrap().len(), 2);
}

#[test]
fn packages_for_nobody_and_packages_sent_twice_are_refused() {
    let reason = |files: &[Inspected]| places(files).unwrap_err().reason;
    assert_eq!(reason(&[file("a.rpm", "i686")]), "the architecture i686 is not configured for this repository");
    assert!(reason(&[file("a.rpm", "x86_64"), file("b.rpm", "x86_64")]).contains("twice"));
    assert!(reason(&[file("a.rpm", "x86_64"), file("a.rpm", "noarch")]).contains("twice"));
    let mut foreign = file("a.rpm", "x86_64");
    foreign.identity = Identity("deb a 1 amd64".to_owned());
    assert!(reason(&[foreign]).contains("not an RPM package"));
}

#[test]
fn identities_have_a_total_order() {
    let ordered = [
        "rpm a 0 1.0~rc1 1 x86_64",
        "rpm a 0 1.0 1 i686",
        "rpm a 0 1.0 1 x86_64",
        "rpm a 0 1.0 2 i686",
        "rpm a 0 1.00 10 i686",
        "rpm a 1 0.1 1 i686",
        "rpm a-b 0 0 0 noarch",
        "rpm b 0 0 0 noarch",
        "deb a 1 amd64",
        "rpm",
    ];
    for (left, one) in ordered.iter().enumerate() {
        for (right, other) in ordered.iter().enumerate() {
            let order = compare(&Identity((*one).to_owned()), &Identity((*other).to_owned()));
            assert_eq!(order, left.cmp(&right), "{one} {other}");
        }
    }
    let equal = ["rpm a 0 1.0 1 noarch", "rpm a 0 1.00 1 noarch"].map(|text| Identity(text.to_owned()));
    assert_eq!(compare(&equal[0], &equal[1]), Ordering::Equal);
}
