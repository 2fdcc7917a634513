//! Files of users as web servers have them: `name:hash` in each line.

use std::path::Path;

use rws_model::Grant;

use super::credentials::{User, Users};
use super::mistake::Mistake;
use super::secret::Secret;

/// The users of a file, who all may do the same.
pub fn users(path: &Path, text: &str, allow: &[Grant], warnings: &mut Vec<String>) -> Result<Users, Mistake> {
    let mut users = Users::new();
    let origin = path.display().to_string();
    for (number, line) in text.lines().map(str::trim).enumerate() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let place = format!("line {}", number + 1);
        let allowed = "is NAME:HASH, as `htpasswd -B` writes it";
        let parts = line.split_once(':').filter(|(name, hash)| !name.is_empty() && !hash.is_empty());
        let Some((name, hash)) = parts else {
            return Err(Mistake::new(&origin, place, "has no name with a hash (not shown)", allowed));
        };
        // what follows a further colon is a remark
        let hash = hash.split(':').next().unwrap_or_default();
        let user = User { hash: Secret::new(hash), allow: Some(allow.to_vec()), admin: false };
        if users.insert(name.to_owned(), user).is_some() {
            warnings.push(format!("{origin}: {place} names {name:?} a second time; RWS uses the last one"));
        }
    }
    Ok(users)
}
