//! The entry of a package in `other.xml`: its changelog.

use crate::changelog;
use crate::fault::Fault;
use crate::filelists;
use crate::markup::{Markup, Written};
use crate::package::Package;

/// Renders the entry.
pub fn render(package: &Package<'_>, pkgid: &str) -> Result<Written, Fault> {
    let mut markup = Markup::with_capacity(2048);
    filelists::start(&mut markup, package, pkgid);
    for entry in changelog::newest(package.main) {
        markup.raw("  <changelog").attribute("author", entry.author).number_attribute("date", entry.time);
        markup.raw(">").content(entry.text).raw("</changelog>\n");
    }
    markup.raw("</package>\n");
    markup.finish()
}
