//! Host names with a bucket in them.

/// Whether the host of a URL is an IP address: in brackets, or with a number at its end (URL Standard, "ends in a
/// number checker").
pub fn is_address(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hexadecimal = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    authority.starts_with('[')
        || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").or_else(|| last.strip_prefix("0X")).is_some_and(hexadecimal)
}

/// Whether a URL keeps a name as it is in its host, where upper case would become lower case.
pub fn is_part(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    name.split('.').all(|part| !part.is_empty() && part.bytes().all(good))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_all_their_forms() {
        for address in [
            "http://127.0.0.1",
            "http://127.0.0.1:9000/",
            "https://[::1]",
            "https://[2001:db8::1]:9000/path",
            "http://10.1",
            "http://2130706433",
            "http://0x7f.1",
            "http://127.0.0.0x1",
            "http://127.0.0.1.",
        ] {
            assert!(is_address(address), "{address}");
        }
        for name in [
            "http://localhost",
            "http://localhost:9000",
            "https://s3.us-east-2.amazonaws.com",
            "https://10.example.org:443/127.0.0.1",
            "http://127.0.0.1.nip.io",
            "http://a.0xg",
            "http://s3",
        ] {
            assert!(!is_address(name), "{name}");
        }
    }

    #[test]
    fn buckets_that_can_stand_in_a_host_name() {
        for bucket in ["packages", "a", "my-packages.2", "a_b"] {
            assert!(is_part(bucket), "{bucket}");
        }
        for bucket in ["", "Packages", "a..b", ".a", "a.", "a:b", "ä", "a%20b", "a@b"] {
            assert!(!is_part(bucket), "{bucket}");
        }
    }
}
