//! A repository that createrepo_c made, with more than packages in it.

use super::stage::{FIXTURES, PACKAGES, RPM_TARGET, TREE, dnf, expect_downloaded, expect_rpms, expect_whole, post};
use crate::on_directory_and_moto;
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

on_directory_and_moto! {
    a_repository_of_createrepo_c_is_taken_over,
}

fn a_repository_of_createrepo_c_is_taken_over(kind: Kind) {
    let work = temporary_directory();
    let tree = work.path().join("tree");
    for file in FIXTURES.rpms() {
        write_file(&tree.join("Packages").join(&file.name), &file.bytes);
    }
    Program::new("createrepo_c", work.path()).arg(&tree).succeed();
    let updates = work.path().join("updateinfo.xml");
    write_file(&updates, UPDATES);
    Program::new("modifyrepo_c", work.path()).arg(&updates).arg(tree.join("repodata")).succeed();

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
    expect_downloaded(&dnf.download(&["rws-one", "rws-noarch", "rws-big"]), FIXTURES.rpms());
    assert_eq!(original.marks(&paths), marks);
    expect_whole(&original, RPM_TARGET, 1);
}
