//! What a file is, by its name.

/// The `Content-Type` of a public file. Packages and indexes are what they are: a compressed index is an archive, never
/// an encoding of a text.
pub fn of(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension {
        "deb" | "udeb" => "application/vnd.debian.binary-package",
        "rpm" => "application/x-rpm",
        "gz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        "bz2" => "application/x-bzip2",
        "xml" => "application/xml",
        "asc" | "gpg" | "key" => "application/pgp-signature",
        "dsc" | "changes" | "txt" | "repo" | "list" | "sources" => "text/plain; charset=utf-8",
        _ => match name {
            "InRelease" | "Release" | "Packages" | "Sources" => "text/plain; charset=utf-8",
            _ => "application/octet-stream",
        },
    }
}
