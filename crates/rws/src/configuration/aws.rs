//! The variables of AWS's own programs, by which the keys of the bucket are found where none are configured.

use std::path::PathBuf;

use rws_store::AwsVariables;
use serde_json::{Value, json};

use super::environment::{
    AWS_ACCESS_KEY_ID, AWS_CONFIG_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE,
    AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, AWS_EC2_METADATA_DISABLED,
    AWS_EC2_METADATA_SERVICE_ENDPOINT, AWS_ENDPOINT_URL_STS, AWS_PROFILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME,
    AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_SHARED_CREDENTIALS_FILE, AWS_WEB_IDENTITY_TOKEN_FILE, Environment,
    Variable,
};
use super::mistake::Mistake;
use super::secret::{Secret, presence};
use super::store::{hide_user, is_url};

const URL: &str = "is a URL like https://sts.example.org, without user and password";

/// Reads them.
pub fn read(environment: &Environment) -> Result<AwsVariables, Mistake> {
    let text = |variable| environment.text(variable).map(|text| text.map(str::to_owned));
    let path = |variable| environment.path(variable);
    let url = |variable: Variable| match environment.text(variable)? {
        Some(text) if !is_url(text) => Err(hide_user(variable.mistake(text, URL), text)),
        text => Ok(text.map(str::to_owned)),
    };
    let at_home = |name: &str| Some(PathBuf::from(environment.other("HOME")?).join(".aws").join(name));
    Ok(AwsVariables {
        access_key_id: text(AWS_ACCESS_KEY_ID)?,
        secret_access_key: text(AWS_SECRET_ACCESS_KEY)?,
        session_token: text(AWS_SESSION_TOKEN)?,
        web_identity_token_file: path(AWS_WEB_IDENTITY_TOKEN_FILE),
        role_arn: text(AWS_ROLE_ARN)?,
        role_session_name: text(AWS_ROLE_SESSION_NAME)?,
        sts_url: url(AWS_ENDPOINT_URL_STS)?,
        profile: text(AWS_PROFILE)?,
        credentials_file: path(AWS_SHARED_CREDENTIALS_FILE).or_else(|| at_home("credentials")),
        config_file: path(AWS_CONFIG_FILE).or_else(|| at_home("config")),
        container_relative_uri: text(AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)?,
        container_full_uri: text(AWS_CONTAINER_CREDENTIALS_FULL_URI)?,
        container_authorization_token: text(AWS_CONTAINER_AUTHORIZATION_TOKEN)?,
        container_authorization_token_file: path(AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE),
        metadata_url: url(AWS_EC2_METADATA_SERVICE_ENDPOINT)?,
        is_metadata_disabled: environment.boolean(AWS_EC2_METADATA_DISABLED).unwrap_or_default(),
    })
}

/// All of them by their names, without secrets.
pub fn show(variables: &AwsVariables) -> Value {
    let secret = |text: &Option<String>| presence(text.clone().map(Secret::new).as_ref());
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    json!({
        (AWS_ACCESS_KEY_ID.name): variables.access_key_id,
        (AWS_SECRET_ACCESS_KEY.name): secret(&variables.secret_access_key),
        (AWS_SESSION_TOKEN.name): secret(&variables.session_token),
        (AWS_WEB_IDENTITY_TOKEN_FILE.name): path(&variables.web_identity_token_file),
        (AWS_ROLE_ARN.name): variables.role_arn,
        (AWS_ROLE_SESSION_NAME.name): variables.role_session_name,
        (AWS_ENDPOINT_URL_STS.name): variables.sts_url,
        (AWS_PROFILE.name): variables.profile,
        (AWS_SHARED_CREDENTIALS_FILE.name): path(&variables.credentials_file),
        (AWS_CONFIG_FILE.name): path(&variables.config_file),
        (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI.name): variables.container_relative_uri,
        (AWS_CONTAINER_CREDENTIALS_FULL_URI.name): variables.container_full_uri,
        (AWS_CONTAINER_AUTHORIZATION_TOKEN.name): secret(&variables.container_authorization_token),
        (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE.name): path(&variables.container_authorization_token_file),
        (AWS_EC2_METADATA_SERVICE_ENDPOINT.name): variables.metadata_url,
        (AWS_EC2_METADATA_DISABLED.name): variables.is_metadata_disabled,
    })
}
