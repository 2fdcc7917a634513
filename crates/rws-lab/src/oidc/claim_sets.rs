//! What the tokens of real services say, by their documentation of November 2026.

use serde_json::{Value, json};

/// GitHub Actions: a push of a tag, in a workflow of the repository itself.
pub fn github(issuer: &str, audience: &str, now: i64) -> Value {
    json!({
        "jti": "0c1f9a5e-7d0f-4b43-9fcb-3a7a4a3f1d11",
        "sub": "repo:octo-org@65/octo-repo@74:ref:refs/tags/2.11.0",
        "aud": audience,
        "ref": "refs/tags/2.11.0",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "repository_owner_id": "65",
        "run_id": "12345678901",
        "run_number": "10",
        "run_attempt": "2",
        "repository_visibility": "public",
        "repository_id": "74",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "publish",
        "head_ref": "",
        "base_ref": "",
        "event_name": "push",
        "ref_protected": "true",
        "ref_type": "tag",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/publish.yml@refs/tags/2.11.0",
        "workflow_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "job_workflow_ref": "octo-org/octo-repo/.github/workflows/publish.yml@refs/tags/2.11.0",
        "job_workflow_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "runner_environment": "github-hosted",
        "check_run_id": "45678901234",
        "enterprise": "octo-enterprise",
        "enterprise_id": "4",
        "iss": issuer,
        "nbf": now - 305,
        "exp": now + 295,
        "iat": now - 5,
    })
}

/// GitLab CI: a push to a protected branch.
pub fn gitlab(issuer: &str, audience: &str, now: i64) -> Value {
    json!({
        "namespace_id": "72",
        "namespace_path": "my-group",
        "project_id": "20",
        "project_path": "my-group/my-project",
        "project_visibility": "private",
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.com",
        "user_identities": [{ "provider": "github", "extern_uid": "2435223452345" }],
        "user_access_level": "maintainer",
        "groups_direct": ["my-group/admins"],
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "job_source": "push",
        "job_project_id": "20",
        "job_project_path": "my-group/my-project",
        "job_namespace_id": "72",
        "job_namespace_path": "my-group",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "environment": "production",
        "environment_protected": "true",
        "environment_action": "start",
        "deployment_tier": "production",
        "runner_id": 1,
        "runner_environment": "gitlab-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "iss": issuer,
        "iat": now - 5,
        "nbf": now - 10,
        "exp": now + 3595,
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
        "aud": audience,
    })
}

/// The set with other claims.
pub fn with(mut set: Value, claims: Value) -> Value {
    for (name, value) in claims.as_object().expect("an object") {
        set[name] = value.clone();
    }
    set
}

/// The set without a claim.
pub fn without(mut set: Value, name: &str) -> Value {
    set.as_object_mut().expect("an object").remove(name).expect("it is there");
    set
}
