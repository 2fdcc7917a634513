//! Tokens and users of several replicas.

use std::time::{Duration, Instant};

use serde_json::json;

use super::secrecy::{close, users};
use crate::contract::stage::{FIXTURES, expect_created, expect_status, post_json, user, with_users};
use crate::support::form::Form;
use crate::support::raw::Request;
use crate::support::server::{Options, Server};
use crate::support::{configuration_file, temporary_directory};

/// As long as a revoked token may be good.
const REVOKED: Duration = Duration::from_secs(30);

fn upload(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let request = Request::new("PUT", "/live/1.10/el/8").header("Authorization", &bearer);
    request.form(Form::of([&FIXTURES.rpm])).send(server).status
}

#[test]
fn a_token_is_good_and_revoked_on_all_replicas() {
    let directory = temporary_directory();
    let one = with_users(directory.path(), &users(), close);
    let other = Server::start_with(Options {
        data_dir: Some(one.data_dir()),
        environment: vec![
            ("RWS_CFG".to_owned(), configuration_file(directory.path(), close)),
            ("RWS_CREDENTIALS".to_owned(), users().to_string()),
        ],
        credentials: Some(user("root")),
        ..Options::default()
    });
    let made = post_json(&one, "/-/tokens", &json!({ "name": "both", "allow": ["live/*"] }));
    expect_status(&made, 201);
    let (token, id) = (made.json()["token"].clone(), made.json()["id"].clone());
    let (token, id) = (token.as_str().unwrap_or_default(), id.as_str().unwrap_or_default());
    // at once, also where nobody has asked for it before
    assert_eq!([upload(&other, token), upload(&one, token)], [201, 201]);
    let form = Form::of([&FIXTURES.arm_rpm]);
    expect_created(&Request::new("PUT", "/live/1.10/el/8").user(&user("root")).form(form).send(&other));
    let gone = Request::new("DELETE", &format!("/-/tokens/{id}")).user(&user("root")).body("").send(&one);
    expect_status(&gone, 200);
    let revoked = Instant::now();
    assert_eq!(upload(&one, token), 401, "where it was revoked, at once");
    while upload(&other, token) != 401 {
        assert!(revoked.elapsed() < REVOKED);
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("the other replica refused it after {:.1} s", revoked.elapsed().as_secs_f32());
}
