//! The keys that sign, as configured: whether they are any good is judged where they are used.

use super::environment::{
    Environment, GPG_MODULES_SIGN_KEY_ARMORED, GPG_MODULES_SIGN_KEY_PASSPHRASE, GPG_SIGN_KEY_ARMORED,
    GPG_SIGN_KEY_PASSPHRASE, Variable,
};
use super::mistake::{ENVIRONMENT, Mistake};
use super::secret::Secret;

/// A secret key and what unlocks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// The secret key in ASCII armour.
    pub armored: Secret,
    /// Its passphrase.
    pub passphrase: Option<Secret>,
    /// The variable that holds the key, for messages.
    pub variable: String,
}

/// The main key.
pub fn main_key(environment: &Environment, warnings: &mut Vec<String>) -> Result<Option<SigningKey>, Mistake> {
    read(GPG_SIGN_KEY_ARMORED, GPG_SIGN_KEY_PASSPHRASE, environment, warnings)
}

/// The key of the series `modules`.
pub fn modules_key(environment: &Environment, warnings: &mut Vec<String>) -> Result<Option<SigningKey>, Mistake> {
    read(GPG_MODULES_SIGN_KEY_ARMORED, GPG_MODULES_SIGN_KEY_PASSPHRASE, environment, warnings)
}

fn read(
    key: Variable,
    passphrase: Variable,
    environment: &Environment,
    warnings: &mut Vec<String>,
) -> Result<Option<SigningKey>, Mistake> {
    let passphrase_text = environment.text(passphrase)?;
    let Some(armored) = environment.text(key)? else {
        if passphrase_text.is_some() {
            warnings.push(format!("{ENVIRONMENT}: {} is not used, because {} is not set", passphrase.name, key.name));
        }
        return Ok(None);
    };
    let passphrase = passphrase_text.map(Secret::new);
    Ok(Some(SigningKey { armored: Secret::new(armored), passphrase, variable: key.name.to_owned() }))
}
