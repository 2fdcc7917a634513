//! The entry of a package in `filelists.xml`: all of its files.

use crate::fault::Fault;
use crate::markup::{Markup, Written};
use crate::package::Package;
use crate::primary;

/// Renders the entry.
pub fn render(package: &Package<'_>, pkgid: &str) -> Result<Written, Fault> {
    let mut markup = Markup::with_capacity(4096);
    start(&mut markup, package, pkgid);
    primary::files(&mut markup, "  ", package, |_| true)?;
    markup.raw("</package>\n");
    markup.finish()
}

/// Writes the first two lines, which are those of `other.xml` too.
pub fn start(markup: &mut Markup, package: &Package<'_>, pkgid: &str) {
    let nevra = package.nevra;
    markup.raw("<package").attribute("pkgid", pkgid.as_bytes()).attribute("name", nevra.name.as_bytes());
    markup.attribute("arch", nevra.architecture.as_bytes()).raw(">\n");
    primary::version(markup, package);
}
