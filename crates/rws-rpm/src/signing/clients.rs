//! Which algorithms the rpm of a distribution verifies.
//!
//! rpm before 4.15 knows RSA and DSA: a package with another signature cannot be installed there, even where signatures are
//! not asked for. ECDSA is verified by rpm with Sequoia (4.18 of Fedora 38 and EL 10), and not by the parser that rpm had
//! before: `rpm --import` of 4.18 of Debian 12 refuses such keys (seen).

use rws_model::{SignatureAlgorithm, Target};

/// No version has it.
const NOT_YET: u32 = u32::MAX;

/// Some distributions, by the names that they have in paths.
struct Distributions {
    names: &'static [&'static str],
    /// The first version whose rpm takes EdDSA …
    ed_dsa: u32,
    /// … and ECDSA …
    ec_dsa: u32,
    /// … and what RFC 9580 brought: rpm 6.
    later: u32,
    /// The first version whose rpm makes digests of payloads (4.14): those before make packages without, and take them signed.
    covered_payload: u32,
}

/// EL 7 has rpm 4.11, EL 8 and openSUSE Leap 15 have 4.14, EL 9 has 4.16, EL 10 has 4.19, Leap 16 has 4.20; Fedora 31 has
/// 4.15, Fedora 35 has 4.17, Fedora 43 has 6.0; Amazon Linux 2023 has 4.16.
const DISTRIBUTIONS: [Distributions; 4] = [
    Distributions {
        names: &[
            "el",
            "centos",
            "rhel",
            "almalinux",
            "rocky",
            "rockylinux",
            "ol",
            "oraclelinux",
            "redos",
            "centos-stream",
        ],
        ed_dsa: 9,
        ec_dsa: 10,
        later: NOT_YET,
        covered_payload: 8,
    },
    Distributions {
        names: &["opensuse-leap", "opensuse", "sles", "leap"],
        ed_dsa: 16,
        ec_dsa: 16,
        later: NOT_YET,
        covered_payload: 15,
    },
    Distributions { names: &["fedora"], ed_dsa: 31, ec_dsa: 38, later: 43, covered_payload: 27 },
    Distributions {
        names: &["amzn", "amazon", "amazonlinux"],
        ed_dsa: 2022,
        ec_dsa: 2025,
        later: NOT_YET,
        covered_payload: 2022,
    },
];

/// The distribution of a target with its version; `None` for one that is not known.
fn known(target: &Target) -> Option<(&'static Distributions, u32)> {
    let known = DISTRIBUTIONS.iter().find(|known| known.names.contains(&target.distribution.as_str()))?;
    let digits = target.version.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
    let version = digits.parse().ok()?;
    // openSUSE Leap 42 came before Leap 15
    let version = if version == 42 && known.names.contains(&"opensuse-leap") { 12 } else { version };
    Some((known, version))
}

/// Whether rpm of a target may refuse signed packages whose header has no digest of their payload, which a signature of the
/// header does not cover: rpm 4.17 and later do. 4.14 and 4.16 take them, and make none: who has such packages has systems
/// with an older rpm, or with a newer one than the name of the distribution says.
pub fn want_covered_payload(target: &Target) -> bool {
    known(target).is_none_or(|(known, version)| version >= known.covered_payload)
}

/// Which clients do not verify an algorithm: the end of a sentence about the key.
pub fn unsuited(target: &Target, algorithm: SignatureAlgorithm) -> Option<String> {
    unverified(target, algorithm).map(|clients| format!("makes {clients}: use an RSA key there"))
}

/// The signatures of an algorithm, where the rpm of a target does not verify them: `EdDSA signatures, which …`. Of
/// distributions that are not known nothing is said.
pub fn unverified(target: &Target, algorithm: SignatureAlgorithm) -> Option<String> {
    let (known, version) = known(target)?;
    let (name, first) = match algorithm {
        SignatureAlgorithm::Rsa => return None,
        SignatureAlgorithm::EdDsa => ("EdDSA", known.ed_dsa),
        SignatureAlgorithm::EcDsa => ("ECDSA", known.ec_dsa),
        SignatureAlgorithm::Later => ("RFC 9580's new", known.later),
    };
    (version < first).then(|| {
        format!("{name} signatures, which the rpm of {} {} does not verify", target.distribution, target.version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_versions_of_rpm_verify() {
        use SignatureAlgorithm::{EcDsa, EdDsa, Later, Rsa};
        for (distribution, version, ed_dsa, ec_dsa, covered_payload) in [
            ("el", "7", true, true, false),
            ("el", "8", true, true, true),
            ("almalinux", "8", true, true, true),
            ("el", "9", false, true, true),
            ("el", "10", false, false, true),
            ("fedora", "30", true, true, true),
            ("fedora", "31", false, true, true),
            ("fedora", "45", false, false, true),
            ("opensuse-leap", "42.3", true, true, false),
            ("opensuse-leap", "15.6", true, true, true),
            ("opensuse-leap", "16.0", false, false, true),
            ("redos", "7.3", true, true, false),
            ("linux-rpm", "static", false, false, true),
            ("el", "next", false, false, true),
        ] {
            let part = || "live".to_owned();
            let (distribution, version) = (distribution.to_owned(), version.to_owned());
            let target = Target { kind: part(), series: part(), distribution, version };
            let refused = |algorithm| unsuited(&target, algorithm).is_some();
            assert!(!refused(Rsa), "{target}");
            let takes_all = ["live/live/fedora/45", "live/live/linux-rpm/static", "live/live/el/next"];
            assert_eq!(refused(Later), !takes_all.contains(&target.to_string().as_str()), "{target}");
            assert_eq!(refused(EdDsa), ed_dsa, "{target}");
            assert_eq!(refused(EcDsa), ec_dsa, "{target}");
            assert_eq!(want_covered_payload(&target), covered_payload, "{target}");
        }
    }
}
