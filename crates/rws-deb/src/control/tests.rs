use super::check;
use crate::stanza::Stanza;

const START: &str = "Package: hello\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: x\n";

fn accepts(more: &str) -> Result<(), String> {
    let text = format!("{START}{more}\nDescription: x\n");
    let stanza = Stanza::parse_control(text.as_bytes()).map_err(|fault| fault.to_string())?;
    check(&stanza).map(|_| ()).map_err(|fault| fault.to_string())
}

#[test]
fn what_dpkg_and_apt_take() {
    for more in [
        "Multi-Arch: same",
        "Multi-Arch:",
        "Essential: YES",
        "Protected: no",
        "Priority: weird",
        "Priority: Optional",
        "Installed-Size: 12 kB",
        "Section: a b c",
        "Source: ../x (1",
        "Depends:",
        "Provides:",
        "Depends: foo (>= 1) | bar,\n baz",
        "Description-md5: 0123456789abcdef0123456789abcdef",
        "Phased-Update-Percentage: 50",
        "Filename: x\nSize: 1",
        "Built-Using: ( ${x}",
        "X-Any: é\u{7}",
        "Conffiles:\n /etc/x 0123",
    ] {
        assert_eq!(accepts(more), Ok(()), "{more}");
    }
}

#[test]
fn what_dpkg_or_apt_refuse() {
    for (more, named) in [
        ("Multi-Arch: Same", "Multi-Arch"),
        ("Multi-Arch: weird", "Multi-Arch"),
        ("Multi-Arch:\n same", "Multi-Arch"),
        ("Essential: true", "Essential"),
        ("Protected: maybe", "Protected"),
        ("Important: 7", "Important"),
        ("Priority: optionalx", "Priority"),
        ("Priority: extra much", "Priority"),
        ("Description-md5: zz", "Description-md5"),
        ("Description-md5:\n\t0123456789abcdef0123456789abcdef", "Description-md5"),
        ("Phased-Update-Percentage: 101", "Phased-Update-Percentage"),
        ("Status: install ok installed", "Status"),
        ("Config-Version:", "Config-Version"),
        ("Revision: 7", "Revision"),
        ("Filename:", "Filename"),
        ("Filename: a b\nSize: 1", "Filename"),
        ("Architecture-Variant: i386v3", "Architecture-Variant"),
        ("Conffiles: /etc/x", "Conffiles"),
        ("X: 1", "X"),
        ("Depends:\n foo", "Depends"),
        ("Depends: a (= )", "Depends"),
        ("Pre-Depends: , foo", "Pre-Depends"),
        ("Recommends: foo,, bar", "Recommends"),
        ("Suggests: foo [amd64]", "Suggests"),
        ("Enhances: foo <!nocheck>", "Enhances"),
        ("Breaks: a | b", "Breaks"),
        ("Replaces: (", "Replaces"),
        ("Provides: a (>= 1.0)", "Provides"),
    ] {
        let said = accepts(more).expect_err(more);
        assert!(said.contains(named), "{more}: {said}");
    }
    let long = "x".repeat(65_535);
    for field in ["Section", "Source", "Depends", "Provides"] {
        assert!(accepts(&format!("{field}: {long}")).is_err(), "{field}");
    }
    for field in ["Maintainer-Note", "Homepage", "Priority"] {
        assert_eq!(accepts(&format!("{field}: {long}")), Ok(()), "{field}");
    }
}
