//! Which algorithms the rpm of a distribution verifies.
//!
//! rpm before 4.15 knows RSA and DSA: a package with another signature cannot be installed there, even where signatures are
//! not asked for. ECDSA is verified by rpm with Sequoia (4.18 of Fedora 38 and EL 10), and not by the parser that rpm had
//! before: `rpm --import` of 4.18 of Debian 12 refuses such keys (seen).

use rws_model::{SignatureAlgorithm, Target};

/// Distributions, with the first version whose rpm takes EdDSA, and the first one that takes ECDSA.
///
/// EL 7 has rpm 4.11, EL 8 and openSUSE Leap 15 have 4.14, EL 9 has 4.16, Leap 16 has 4.20; Fedora 31 has 4.15.
const FIRST: [(&[&str], u32, u32); 4] = [
    (
        &["el", "centos", "rhel", "almalinux", "rocky", "rockylinux", "ol", "oraclelinux", "redos", "centos-stream"],
        9,
        10,
    ),
    (&["opensuse-leap", "opensuse", "sles", "leap"], 16, 16),
    (&["fedora"], 31, 38),
    (&["amzn", "amazon", "amazonlinux"], 2022, 2025),
];

/// Which clients do not verify an algorithm: the end of a sentence about the key. Of distributions that are not known
/// nothing is said.
pub fn unsuited(target: &Target, algorithm: SignatureAlgorithm) -> Option<String> {
    let (_, ed_dsa, ec_dsa) = FIRST.iter().find(|(names, ..)| names.contains(&target.distribution.as_str()))?;
    let first = match algorithm {
        SignatureAlgorithm::Rsa => return None,
        SignatureAlgorithm::EdDsa => *ed_dsa,
        SignatureAlgorithm::EcDsa => *ec_dsa,
    };
    let digits = target.version.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
    let version: u32 = digits.parse().ok()?;
    let name = match algorithm {
        SignatureAlgorithm::Rsa => "RSA",
        SignatureAlgorithm::EdDsa => "EdDSA",
        SignatureAlgorithm::EcDsa => "ECDSA",
    };
    (version < first).then(|| {
        format!(
            "makes {name} signatures, which the rpm of {} {} does not verify: use an RSA key there",
            target.distribution, target.version
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_versions_of_rpm_verify_rsa_only() {
        use SignatureAlgorithm::{EcDsa, EdDsa, Rsa};
        let refused = |distribution: &str, version: &str, algorithm| {
            let part = || "live".to_owned();
            let (distribution, version) = (distribution.to_owned(), version.to_owned());
            unsuited(&Target { kind: part(), series: part(), distribution, version }, algorithm).is_some()
        };
        for (distribution, version, ed_dsa, ec_dsa) in [
            ("el", "7", true, true),
            ("el", "8", true, true),
            ("almalinux", "8", true, true),
            ("el", "9", false, true),
            ("el", "10", false, false),
            ("fedora", "30", true, true),
            ("fedora", "31", false, true),
            ("fedora", "45", false, false),
            ("opensuse-leap", "15.6", true, true),
            ("opensuse-leap", "16.0", false, false),
            ("redos", "7.3", true, true),
            ("linux-rpm", "static", false, false),
            ("el", "next", false, false),
        ] {
            assert!(!refused(distribution, version, Rsa), "{distribution} {version}");
            assert_eq!(refused(distribution, version, EdDsa), ed_dsa, "{distribution} {version}");
            assert_eq!(refused(distribution, version, EcDsa), ec_dsa, "{distribution} {version}");
        }
    }
}
