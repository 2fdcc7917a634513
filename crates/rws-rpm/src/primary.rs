//! The entry of a package in `primary.xml`: all that a client resolves dependencies with.

use rws_model::{FileName, SLOT};

use crate::dependency::Dependency;
use crate::fault::Fault;
use crate::files::{FileKind, Files, is_primary};
use crate::markup::{Markup, Written};
use crate::package::Package;
use crate::tag;

/// The package file itself.
#[derive(Clone, Copy, Debug)]
pub struct PackageFile<'a> {
    /// Its name.
    pub name: &'a FileName,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256, hexadecimal: the `pkgid` by which the three indexes refer to each other.
    pub pkgid: &'a str,
}

/// Renders the entry.
pub fn render(package: &Package<'_>, file: &PackageFile<'_>) -> Result<Written, Fault> {
    let mut markup = Markup::with_capacity(4096);
    let nevra = package.nevra;
    markup.raw("<package type=\"rpm\">\n");
    markup.line("  ", "name", nevra.name.as_bytes());
    markup.line("  ", "arch", nevra.architecture.as_bytes());
    version(&mut markup, package);
    markup.raw("  <checksum type=\"sha256\" pkgid=\"YES\">").raw(file.pkgid).raw("</checksum>\n");
    markup.line("  ", "summary", package.text(tag::SUMMARY));
    markup.line("  ", "description", package.text(tag::DESCRIPTION));
    markup.line("  ", "packager", package.text(tag::PACKAGER));
    markup.line("  ", "url", package.text(tag::URL));
    // createrepo_c writes the file's modification time. Output is a function of the package set here, so it is the
    // time of the build, which is all that the package itself says; clients show it at most.
    markup.raw("  <time").number_attribute("file", package.build_time);
    markup.number_attribute("build", package.build_time).raw("/>\n");
    markup.raw("  <size").number_attribute("package", file.size_bytes);
    markup.number_attribute("installed", package.installed_bytes);
    markup.number_attribute("archive", package.archive_bytes).raw("/>\n");
    markup.raw("  <location href=\"").raw(char::from(SLOT).encode_utf8(&mut [0; 4])).raw("/");
    markup.value(file.name.as_str().as_bytes()).raw("\"/>\n");
    format(&mut markup, package)?;
    markup.raw("</package>\n");
    markup.finish()
}

/// Writes `<version …/>`, which all three indexes have.
pub fn version(markup: &mut Markup, package: &Package<'_>) {
    let nevra = package.nevra;
    markup.raw("  <version").number_attribute("epoch", nevra.epoch);
    markup.attribute("ver", nevra.version.as_bytes()).attribute("rel", nevra.release.as_bytes()).raw("/>\n");
}

fn format(markup: &mut Markup, package: &Package<'_>) -> Result<(), Fault> {
    markup.raw("  <format>\n");
    markup.line("    ", "rpm:license", package.text(tag::LICENSE));
    markup.line("    ", "rpm:vendor", package.text(tag::VENDOR));
    markup.line("    ", "rpm:group", package.text(tag::GROUP));
    markup.line("    ", "rpm:buildhost", package.text(tag::BUILD_HOST));
    markup.line("    ", "rpm:sourcerpm", package.source_rpm);
    markup.raw("    <rpm:header-range").number_attribute("start", package.main_range.start);
    markup.number_attribute("end", package.main_range.end).raw("/>\n");
    let lists = &package.dependencies;
    dependencies(markup, "rpm:provides", &lists.provides);
    dependencies(markup, "rpm:requires", &lists.requires);
    dependencies(markup, "rpm:conflicts", &lists.conflicts);
    dependencies(markup, "rpm:obsoletes", &lists.obsoletes);
    dependencies(markup, "rpm:suggests", &lists.suggests);
    dependencies(markup, "rpm:enhances", &lists.enhances);
    dependencies(markup, "rpm:recommends", &lists.recommends);
    dependencies(markup, "rpm:supplements", &lists.supplements);
    files(markup, "    ", package, is_primary)?;
    markup.raw("  </format>\n");
    Ok(())
}

fn dependencies(markup: &mut Markup, name: &str, list: &[Dependency<'_>]) {
    if list.is_empty() {
        return;
    }
    let mut named = list.iter().filter(|dependency| !dependency.name.is_empty()).peekable();
    if named.peek().is_none() {
        markup.raw("    <").raw(name).raw("/>\n");
        return;
    }
    markup.raw("    <").raw(name).raw(">\n");
    for dependency in named {
        markup.raw("      <rpm:entry").attribute("name", dependency.name);
        if let Some(comparison) = dependency.comparison {
            markup.attribute("flags", comparison.as_bytes());
            let evr = dependency.evr;
            for (part, value) in [("epoch", evr.epoch), ("ver", evr.version), ("rel", evr.release)] {
                if let Some(value) = value {
                    markup.attribute(part, value);
                }
            }
        }
        if dependency.pre {
            markup.attribute("pre", b"1");
        }
        markup.raw("/>\n");
    }
    markup.raw("    </").raw(name).raw(">\n");
}

/// Writes a `<file>` for each file that `takes` takes.
pub fn files(markup: &mut Markup, indent: &str, package: &Package<'_>, takes: fn(&[u8]) -> bool) -> Result<(), Fault> {
    let mut files = Files::read(package.main)?;
    while let Some(file) = files.next_file()? {
        if !takes(file.path) {
            continue;
        }
        markup.raw(indent).raw(match file.kind {
            FileKind::File => "<file>",
            FileKind::Directory => "<file type=\"dir\">",
            FileKind::Ghost => "<file type=\"ghost\">",
        });
        markup.content(file.path).raw("</file>\n");
        if markup.is_full() {
            break;
        }
    }
    Ok(())
}
