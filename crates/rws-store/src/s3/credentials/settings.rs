//! Where the keys come from, as the configuration says it.

use std::fmt;
use std::path::PathBuf;

/// Where the keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Credentials {
    /// They are these.
    Keys(AccessKeys),
    /// They are found as AWS's own programs do it, by these variables.
    Aws(Box<AwsVariables>),
}

impl S3Credentials {
    /// Keys that never end.
    pub fn keys(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self::Keys(AccessKeys { access_key: access_key.into(), secret_key: secret_key.into(), session_token: None })
    }
}

/// Keys of an account, or of a session of it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKeys {
    /// The access key id.
    pub access_key: String,
    /// The secret access key.
    pub secret_key: String,
    /// What belongs to keys that end.
    pub session_token: Option<String>,
}

impl fmt::Debug for AccessKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AccessKeys").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// The variables of AWS's own programs that say where keys are, each as it is set; an empty one is not set.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AwsVariables {
    /// `AWS_ACCESS_KEY_ID`
    pub access_key_id: Option<String>,
    /// `AWS_SECRET_ACCESS_KEY`
    pub secret_access_key: Option<String>,
    /// `AWS_SESSION_TOKEN`
    pub session_token: Option<String>,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE`
    pub web_identity_token_file: Option<PathBuf>,
    /// `AWS_ROLE_ARN`
    pub role_arn: Option<String>,
    /// `AWS_ROLE_SESSION_NAME`
    pub role_session_name: Option<String>,
    /// `AWS_ENDPOINT_URL_STS`
    pub sts_url: Option<String>,
    /// `AWS_PROFILE`
    pub profile: Option<String>,
    /// `AWS_SHARED_CREDENTIALS_FILE`, or the file of that name in the home directory.
    pub credentials_file: Option<PathBuf>,
    /// `AWS_CONFIG_FILE`, or the file of that name in the home directory.
    pub config_file: Option<PathBuf>,
    /// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI`
    pub container_relative_uri: Option<String>,
    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI`
    pub container_full_uri: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`
    pub container_authorization_token: Option<String>,
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`
    pub container_authorization_token_file: Option<PathBuf>,
    /// `AWS_EC2_METADATA_SERVICE_ENDPOINT`
    pub metadata_url: Option<String>,
    /// `AWS_EC2_METADATA_DISABLED`
    pub is_metadata_disabled: bool,
}

impl fmt::Debug for AwsVariables {
    /// Without the values: some are secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AwsVariables").finish_non_exhaustive()
    }
}
