//! A repository that createrepo_c made, with more than packages in it.

use super::stage::{FIXTURES, PACKAGES, RPM_TARGET, TREE, dnf, expect_downloaded, expect_rpms, expect_whole, post};
use crate::support::curl;
use crate::support::original::{Kind, Original};
use crate::support::program::Program;
use crate::support::{file_name, files_in, read_file, temporary_directory, write_file};

const UPDATES: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="nobody@example.invalid" status="final" type="security" version="1">
    <id>RWS-2020:0001</id>
    <title>rws-one</title>
    <issued date="2020-09-13 12:26:40"/>
    <description>A fixture.</description>
    <pkglist>
      <collection short="el7">
        <name>el7</name>
        <package name="rws-one" version="1.0~rc1+git3" release="1.el7" epoch="2" arch="x86_64">
          <filename>rws-one-1.0~rc1+git3-1.el7.x86_64.rpm</filename>
        </package>
      </collection>
    </pkglist>
  </update>
</updates>
"#;

crate::on_directory_and_moto! {
    a_repository_of_createrepo_c_is_taken_over,
}

fn a_repository_of_createrepo_c_is_taken_over(kind: Kind) {
    let work = temporary_directory();
    let tree = work.path().join("tree");
    for file in FIXTURES.rpms() {
        write_file(&tree.join("Packages").join(&file.name), &file.bytes);
    }
    Program::new("createrepo_c", work.path()).arg(&tree).succeed();
    let add = |name: &str, content: &str| {
        let file = work.path().join(name);
        write_file(&file, content);
        Program::new("modifyrepo_c", work.path()).arg(&file).arg(tree.join("repodata")).succeed();
    };
    add("updateinfo.xml", UPDATES);
    add("unheard-of.xml", "<unheard-of/>\n");

    let original = Original::on(kind);
    let paths = original.put_all(PACKAGES, FIXTURES.rpms());
    for file in files_in(&tree.join("repodata")) {
        original.put(&format!("{TREE}/repodata/{}", file_name(&file)), read_file(&file));
    }
    assert!(original.text(&format!("{TREE}/repodata/repomd.xml")).contains("type=\"updateinfo\""));
    let marks = original.marks(&paths);
    let server = original.serve();
    post(&server, RPM_TARGET);
    expect_rpms(&server, TREE, FIXTURES.rpms());
    let dnf = dnf(&original, &server.url(&format!("/{TREE}")));
    dnf.makecache().expect_success();
    assert_eq!(dnf.packages().len(), 3);
    for _ in 0..2 {
        let root = curl::get(&server.url(&format!("/{TREE}/repodata/repomd.xml"))).expect_status(200).text();
        for kind in ["primary", "filelists", "other", "updateinfo", "unheard-of"] {
            assert_eq!(root.matches(&format!("<data type=\"{kind}\">")).count(), 1, "{kind} in {root}");
        }
        assert!(!root.contains("_db\""), "{root}");
        // dnf fetches it with its checksum, although nothing that it is about is installed
        server.wait_for_log("-updateinfo.xml.gz\" status=200");
        // and from generation to generation
        let comps = "<comps><group><id>rws-group</id><name>RWS group</name></group></comps>";
        let address = server.url(&format!("/-/metadata{RPM_TARGET}/x86_64/comps?wait=60"));
        let arguments = ["--request", "PUT", "--data-binary", comps].map(str::to_owned);
        curl::request(&address, Some(server.credentials()), &arguments).expect_created();
        dnf.makecache().expect_success();
    }
    let groups = dnf.run(&["group", "list", "--hidden"]).expect_success().output();
    assert!(groups.contains("RWS group"), "{groups}");
    expect_downloaded(&dnf.download(&["rws-one", "rws-noarch", "rws-big"]), FIXTURES.rpms());
    assert_eq!(original.marks(&paths), marks);
    expect_whole(&original, RPM_TARGET, 1);
}
