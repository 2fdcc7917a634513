//! Settings that are refused.

use rws_oidc::{IssuerKind, IssuerSettings, Issuers, RuleSettings, check};

use crate::{rule, settings};

const GITHUB: &str = "https://token.actions.githubusercontent.com";

type Claims<'a> = &'a [(&'a str, &'a str)];

fn one(kind: IssuerKind, claims: Claims<'_>) -> String {
    let settings = settings(kind, GITHUB, &[rule("a", claims)]);
    check(&[settings]).map_or_else(|error| error.to_string(), |()| String::new())
}

#[track_caller]
fn expect(settings: &[IssuerSettings], text: &str) {
    let error = check(settings).unwrap_err().to_string();
    assert!(error.contains(text), "{error}");
    assert_eq!(Issuers::new(settings).unwrap_err().to_string(), error);
}

#[test]
fn rules_have_to_name_whom_they_are_for() {
    let id = "[0].rules[0].claims do not name repository_id without * and ?";
    let reference = "[0].rules[0].claims do not name ref or environment";
    let project = "[0].rules[0].claims do not name project_id without * and ?";
    let protected = "[0].rules[0].claims do not name ref_protected without * and ?";
    let subject = "[0].rules[0].claims do not name sub, or two other claims,";
    let (github, gitlab, generic) = (IssuerKind::Github, IssuerKind::Gitlab, IssuerKind::Generic);
    let rows: [(IssuerKind, Claims<'_>, &str); 32] = [
        (github, &[("repository_id", "1"), ("ref", "refs/tags/*")], ""),
        (github, &[("repository_id", "1"), ("environment", "production")], ""),
        (github, &[("repository_id", "1"), ("ref", "r"), ("workflow_ref", "*"), ("actor", "?")], ""),
        (github, &[], id),
        (github, &[("ref", "refs/heads/main")], id),
        (github, &[("repository", "a/b"), ("ref", "refs/heads/main")], id),
        (github, &[("repository_id", ""), ("ref", "refs/heads/main")], id),
        (github, &[("repository_id", "1*"), ("ref", "refs/heads/main")], id),
        (github, &[("repository_id", "?"), ("ref", "refs/heads/main")], id),
        (github, &[("repository_id", "1")], reference),
        (github, &[("repository_id", "1"), ("ref", "*")], reference),
        (github, &[("repository_id", "1"), ("environment", "**?")], reference),
        (github, &[("repository_id", "1"), ("environment", "")], reference),
        (github, &[("repository_id", "1"), ("workflow_ref", "a/b/.github/workflows/x.yml@*")], reference),
        (github, &[("repository_id", "1"), ("job_workflow_ref", "a")], reference),
        (gitlab, &[("project_id", "1"), ("ref_protected", "true")], ""),
        (gitlab, &[("project_id", "1"), ("ref_protected", "*")], protected),
        (gitlab, &[("project_id", "1"), ("ref_protected", "")], protected),
        (gitlab, &[("project_id", "1"), ("ref", "main")], protected),
        (gitlab, &[("project_path", "a/b"), ("ref_protected", "true")], project),
        (gitlab, &[("project_id", "*"), ("ref_protected", "true")], project),
        (gitlab, &[("repository_id", "1"), ("ref", "a")], project),
        (generic, &[("sub", "system:serviceaccount:ci:*")], ""),
        (generic, &[("a", "1"), ("b", "2")], ""),
        (generic, &[("a", "1"), ("b", "2*"), ("c", "*")], ""),
        (generic, &[], subject),
        (generic, &[("sub", "*")], subject),
        (generic, &[("a", "1")], subject),
        (generic, &[("a", "1"), ("b", "*")], subject),
        (generic, &[("a", "1"), ("jti", "2")], subject),
        (generic, &[("sub", "a"), ("aud", "b")], "[0].rules[0].claims.aud is checked for every token"),
        (generic, &[("sub", "a"), ("iss", "b")], "[0].rules[0].claims.iss is checked for every token"),
    ];
    for (kind, claims, expected) in rows {
        let said = one(kind, claims);
        assert!(said.starts_with(expected) && said.is_empty() == expected.is_empty(), "{claims:?}: {said}");
    }
    assert!(one(generic, &[("sub", &"a".repeat(513))]).contains("claims.sub is too long"));
}

#[test]
fn addresses_names_and_audiences() {
    let good = || settings(IssuerKind::Generic, GITHUB, &[rule("a", &[("sub", "a")])]);
    let with = |change: &dyn Fn(&mut IssuerSettings)| {
        let mut settings = good();
        change(&mut settings);
        settings
    };
    assert_eq!(check(&[good()]), Ok(()));
    assert_eq!(check(&[]), Ok(()));
    assert!(Issuers::new(&[]).unwrap().is_empty() && !Issuers::new(&[good()]).unwrap().is_empty());
    let of = |url: &str| with(&|settings| settings.issuer = url.to_owned());
    expect(&[of("http://issuer.example.org")], "[0].issuer is \"http://issuer.example.org\"; allowed is a URL like");
    expect(&[of("")], "[0].issuer is \"\"");
    expect(&[of("https://user:secret@example.org")], "[0].issuer is not shown; allowed");
    for local in ["http://127.0.0.1:1", "http://localhost/a", "http://[::1]:8080"] {
        assert_eq!(check(&[of(local)]), Ok(()), "{local}");
    }
    let uri = |text: &str| with(&|settings| settings.jwks_uri = Some(text.to_owned()));
    expect(&[uri("http://example.org/keys")], "[0].jwks_uri is \"http://example.org/keys\"");
    assert_eq!(check(&[uri("https://www.googleapis.com/oauth2/v3/certs")]), Ok(()));
    expect(&[with(&|settings| settings.audience = " ".to_owned())], "[0].audience is empty");
    let rules = |rules: Vec<RuleSettings>| with(&|settings| settings.rules = rules.clone());
    expect(&[rules(vec![rule("", &[("sub", "a")])])], "[0].rules[0].name is \"\"");
    expect(&[rules(vec![rule("a b", &[("sub", "a")])])], "[0].rules[0].name is \"a b\"");
    let twice = rules(vec![rule("a", &[("sub", "a")]), rule("a", &[("sub", "b")])]);
    expect(&[twice], "[0].rules[1].name is \"a\", the name of a rule before");
    // names are one space for all issuers: `oidc:NAME` says which rule
    let other = with(&|settings| settings.issuer = "https://gitlab.com".to_owned());
    expect(&[good(), other], "[1].rules[0].name is \"a\", the name of a rule before");
    let renamed = with(&|settings| settings.rules[0].name = "b".to_owned());
    expect(&[good(), renamed], "[1].issuer is that of an entry before; allowed is each issuer once");
    let missing = with(&|settings| settings.ca_file = Some("/nowhere/ca.pem".into()));
    let error = Issuers::new(&[missing]).unwrap_err().to_string();
    assert!(error.starts_with("[0].ca_file is unusable: ") && error.contains("/nowhere/ca.pem"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_rules_and_bad_patterns_are_matched_in_time() {
    let pattern = "*a".repeat(200);
    let rules: Vec<_> = (0..5000)
        .map(|number| {
            let id = number.to_string();
            rule(&format!("r{number}"), &[("repository_id", &id), ("ref", &pattern)])
        })
        .collect();
    let place = crate::Place::new(IssuerKind::Github, &rules);
    let set = crate::github(place.issuer.url());
    let long = serde_json::json!({ "ref": "b".repeat(1024) });
    let denied = place.verify(&rws_lab::oidc::claim_sets::with(set.clone(), long)).await;
    assert_eq!(denied, Err(rws_oidc::Denied::NoRule));
    let fits = serde_json::json!({ "ref": "a".repeat(1024) });
    let verified = place.verify(&rws_lab::oidc::claim_sets::with(set, fits)).await.unwrap();
    assert_eq!(crate::names(&verified), ["r74"]);
}
