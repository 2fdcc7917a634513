//! Tokens of GitLab CI, and of issuers that are neither.

use rws_oidc::{Denied, IssuerKind};
use serde_json::json;

use crate::{AUDIENCE, NOW, Place, gitlab, names, rule};
use rws_lab::oidc::claim_sets::with;

#[tokio::test(flavor = "multi_thread")]
async fn a_real_claim_set_of_gitlab() {
    let main = [("project_id", "20"), ("ref_protected", "true"), ("ref_path", "refs/heads/*")];
    let runner = [("project_id", "20"), ("ref_protected", "true"), ("runner_id", "1")];
    let place = Place::new(IssuerKind::Gitlab, &[rule("main", &main), rule("runner", &runner)]);
    let url = place.issuer.url();
    let verified = place.verify(&gitlab(url)).await.unwrap();
    assert_eq!(names(&verified), ["main", "runner"]);
    assert_eq!(verified.claims["runner_id"], "1");
    for claims in [
        json!({ "ref_protected": "false" }),
        json!({ "ref_protected": "" }),
        // a merge request of a fork has the id of the fork
        json!({ "project_id": "21", "ref_path": "refs/merge-requests/1/head", "pipeline_source": "merge_request_event" }),
        // somebody took the path over
        json!({ "project_id": "21" }),
    ] {
        assert_eq!(place.verify(&with(gitlab(url), claims.clone())).await, Err(Denied::NoRule), "{claims}");
    }
    // lists and objects match nothing, whatever the pattern
    let identities = [("project_id", "20"), ("ref_protected", "true"), ("user_identities", "*")];
    let place = Place::new(IssuerKind::Gitlab, &[rule("identities", &identities)]);
    assert_eq!(place.verify(&gitlab(place.issuer.url())).await, Err(Denied::NoRule));
    // GitHub's events are no concern of GitLab
    assert!(place.verify(&gitlab(place.issuer.url())).await.is_err());
}

/// A service account of Kubernetes.
#[tokio::test(flavor = "multi_thread")]
async fn any_other_issuer_is_matched_by_its_subject() {
    let place = Place::new(IssuerKind::Generic, &[rule("builder", &[("sub", "system:serviceaccount:ci:build-?")])]);
    let of = |subject: &str| {
        json!({
            "iss": place.issuer.url(), "aud": ["other", AUDIENCE], "sub": subject,
            "exp": NOW + 600, "iat": NOW, "nbf": NOW,
            "kubernetes.io": { "namespace": "ci", "serviceaccount": { "name": "build-1", "uid": "1" } },
        })
    };
    assert_eq!(names(&place.verify(&of("system:serviceaccount:ci:build-1")).await.unwrap()), ["builder"]);
    for other in ["system:serviceaccount:ci:build-12", "system:serviceaccount:ci:build-", "", "x"] {
        assert_eq!(place.verify(&of(other)).await, Err(Denied::NoRule), "{other}");
    }
}
