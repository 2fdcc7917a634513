//! Tokens of GitHub Actions.

use rws_oidc::{Denied, DeniedKind, IssuerKind, MatchedRule};
use serde_json::json;

use crate::{NOW, Place, github, names, rule};
use rws_lab::oidc::claim_sets::{with, without};

const TAGS: [(&str, &str); 2] = [("repository_id", "74"), ("ref", "refs/tags/*")];

fn place() -> Place {
    Place::new(IssuerKind::Github, &[rule("tags", &TAGS)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_claim_set_meets_all_rules_that_fit() {
    let rules = [
        rule("other", &[("repository_id", "75"), ("ref", "refs/tags/*")]),
        rule("tags", &TAGS),
        rule("called", &[("repository_id", "74"), ("ref", "refs/tags/2.1?.*"), ("workflow_ref", "*/publish.yml@*")]),
        rule("environment", &[("repository_id", "74"), ("environment", "production")]),
    ];
    let place = Place::new(IssuerKind::Github, &rules);
    let verified = place.verify(&github(place.issuer.url())).await.unwrap();
    let matched = |name: &str, rule_index| MatchedRule { name: name.to_owned(), issuer_index: 0, rule_index };
    assert_eq!(verified.rules, [matched("tags", 1), matched("called", 2)]);
    assert_eq!((verified.issuer.as_str(), verified.expires_at), (place.issuer.url(), NOW + 295));
    let accepted: Vec<(&str, &str)> = verified.claims.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    let expected = [
        ("jti", "0c1f9a5e-7d0f-4b43-9fcb-3a7a4a3f1d11"),
        ("ref", "refs/tags/2.11.0"),
        ("repository_id", "74"),
        ("sub", "repo:octo-org@65/octo-repo@74:ref:refs/tags/2.11.0"),
        ("workflow_ref", "octo-org/octo-repo/.github/workflows/publish.yml@refs/tags/2.11.0"),
    ];
    assert_eq!(accepted, expected);
    let production = with(github(place.issuer.url()), json!({ "environment": "production", "ref": "refs/heads/main" }));
    assert_eq!(names(&place.verify(&production).await.unwrap()), ["environment"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_or_a_renamed_repository_is_another_one() {
    let place = place();
    let url = place.issuer.url();
    for claims in [
        // a fork
        json!({ "repository_id": "75", "repository": "stranger/octo-repo", "repository_owner_id": "66" }),
        // somebody took the name over
        json!({ "repository_id": "75" }),
        json!({ "repository_id": "740" }),
        json!({ "repository_id": "" }),
        json!({ "repository_id": null }),
        json!({ "repository_id": ["74"] }),
        json!({ "ref": "refs/heads/main" }),
        json!({ "ref": "refs/tagsx" }),
    ] {
        let denied = place.verify(&with(github(url), claims.clone())).await.unwrap_err();
        assert_eq!((&denied, denied.kind()), (&Denied::NoRule, DeniedKind::NotAllowed), "{claims}");
    }
    assert_eq!(place.verify(&without(github(url), "repository_id")).await, Err(Denied::NoRule));
    // the owner moved it
    let renamed = json!({ "repository": "new-org/new-name", "sub": "repo:new-org/new-name:ref:refs/tags/2.11.0" });
    assert_eq!(names(&place.verify(&with(github(url), renamed)).await.unwrap()), ["tags"]);
    // numbers are compared as text
    assert!(place.verify(&with(github(url), json!({ "repository_id": 74 }))).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reusable_workflow_called_from_elsewhere_is_of_its_caller() {
    // a stranger calls the workflow that publishes: its name is in job_workflow_ref, everything else is the stranger's
    let of_workflow = [("job_workflow_ref", "octo-org/octo-repo/.github/workflows/publish.yml@refs/tags/*")];
    let place = Place::new(IssuerKind::Github, &[rule("workflow", &[&TAGS[..], &of_workflow].concat())]);
    let own = github(place.issuer.url());
    let called = with(
        own.clone(),
        json!({
            "repository": "stranger/repo", "repository_id": "999", "repository_owner": "stranger",
            "workflow_ref": "stranger/repo/.github/workflows/call.yml@refs/tags/2.11.0",
            "sub": "repo:stranger/repo:ref:refs/tags/2.11.0",
        }),
    );
    assert_eq!(place.verify(&called).await, Err(Denied::NoRule));
    assert!(place.verify(&own).await.is_ok());
    // the other way round: the repository calls the workflow of a stranger
    let calls = json!({ "job_workflow_ref": "stranger/repo/.github/workflows/publish.yml@refs/tags/1" });
    assert_eq!(place.verify(&with(own, calls)).await, Err(Denied::NoRule));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_strangers_can_cause_have_to_be_named() {
    let named = [("repository_id", "74"), ("ref", "refs/*"), ("event_name", "pull_request")];
    let any = [("repository_id", "74"), ("ref", "refs/pull/*"), ("event_name", "*")];
    let place = Place::new(IssuerKind::Github, &[rule("tags", &TAGS), rule("named", &named), rule("any", &any)]);
    let url = place.issuer.url();
    let of = |event: &str, reference: &str| with(github(url), json!({ "event_name": event, "ref": reference }));
    for event in ["pull_request_target", "workflow_run", "issue_comment"] {
        let denied = place.verify(&of(event, "refs/tags/1")).await.unwrap_err();
        assert_eq!((&denied, denied.kind()), (&Denied::Event(event), DeniedKind::NotAllowed));
        assert!(denied.to_string().contains(event), "{denied}");
        assert_eq!(names(&place.verify(&of(event, "refs/pull/1/merge")).await.unwrap()), ["any"]);
    }
    assert_eq!(names(&place.verify(&of("pull_request", "refs/tags/1")).await.unwrap()), ["named"]);
    assert_eq!(names(&place.verify(&of("pull_request", "refs/pull/1/merge")).await.unwrap()), ["named", "any"]);
    for event in ["push", "release", "workflow_dispatch", "schedule"] {
        assert_eq!(names(&place.verify(&of(event, "refs/tags/1")).await.unwrap()), ["tags"], "{event}");
    }
    // every token of a workflow has it
    assert_eq!(place.verify(&without(github(url), "event_name")).await, Err(Denied::NoRule));
}
